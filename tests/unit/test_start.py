# SPDX-License-Identifier: MIT
"""When a client began to wait for its handler: what the first entry of a process says of it."""

from __future__ import annotations

from time import monotonic_ns, process_time_ns
from types import SimpleNamespace

import pytest

from postfix_rest_inetd import __main__


@pytest.mark.parametrize("restarted", [False, True])
def test_began(restarted):
    """A process that was started began its processor time ago; one that has woken up begins now."""
    before, used = monotonic_ns(), process_time_ns()
    began = __main__._began(SimpleNamespace(restarted=restarted))
    after, used_after = monotonic_ns(), process_time_ns()
    if restarted:
        assert before <= began <= after
    else:
        assert before - used_after <= began <= after - used
