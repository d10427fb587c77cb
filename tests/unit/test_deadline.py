# SPDX-License-Identifier: MIT
"""The deadline: a point in time on the monotonic clock."""

from __future__ import annotations

import time

import pytest

from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import DeadlineError


def test_before():
    """Before the deadline there is time left, never more than the timeout."""
    before = time.monotonic()
    deadline = Deadline(60)
    remaining = deadline.remaining_sec()
    assert 60 - (time.monotonic() - before) <= remaining <= 60
    assert not deadline.expired()


def test_it_is_a_point_in_time():
    """Asking for the time that is left does not put the deadline off."""
    deadline = Deadline(60)
    first = deadline.remaining_sec()
    while time.monotonic_ns() == time.monotonic_ns():
        pass
    assert deadline.remaining_sec() < first


@pytest.mark.parametrize("timeout_sec", [0, -1])
def test_after(timeout_sec):
    """From the deadline on, to the very point, there is an error and no time left."""
    deadline = Deadline(timeout_sec)
    assert deadline.expired()
    with pytest.raises(DeadlineError):
        deadline.remaining_sec()


def test_error():
    """The error tells how long it has taken, in the configuration's unit, and what took it."""
    assert "request-timeout of 90000 ms" in str(Deadline(90).error())
    deadline = Deadline(0.0015)
    assert "starting" in str(deadline.error())
    deadline.stage = "reading the response"
    text = str(deadline.error())
    assert text.startswith("the request-timeout of 2 ms passed while reading the response; ")
