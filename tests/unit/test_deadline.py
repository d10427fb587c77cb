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


def test_part():
    """A part is over earlier, and is a part of what is left, not of the whole."""
    deadline = Deadline(60)
    part = deadline.part(0.5)
    assert 29 < part.remaining_sec() <= 30
    assert 14 < part.part(0.5).remaining_sec() <= 15
    assert deadline.remaining_sec() > 59
    assert deadline.part(1).remaining_sec() <= deadline.remaining_sec() + 0.001


def test_a_part_of_nothing():
    """When no time is left there is none for a part, and only using it is an error."""
    part = Deadline(0).part(0.5)
    assert part.expired()
    with pytest.raises(DeadlineError):
        part.remaining_sec()


def test_the_error_of_a_part():
    """It does not say that the request-timeout has passed, which it has not."""
    part = Deadline(60).part(0.25)
    part.enter("reading the response")
    text = str(part.error())
    assert text.startswith("this target's share of 15000 ms passed while reading the response; ")


def test_a_part_has_the_same_observer():
    """Who watches a request watches all attempts."""

    class Stages(list):
        stage = list.append

    stages = Stages()
    Deadline(60, stages).part(0.5).enter("connecting")
    assert stages == ["connecting"]
