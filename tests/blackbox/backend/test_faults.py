# SPDX-License-Identifier: MIT
"""Each row of the table of backend faults (faults/table.py), in all its cases.

The cases of all rows run at the same time, because a handler mostly waits; the test of a row waits
for the cases of that row.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from blackbox.backend.faults.campaign import Campaign, Work
from blackbox.backend.faults.row import FOUND_IT, QUICK, SCHEMES, Answer, Case, Row, status
from blackbox.backend.faults.steps import sends
from blackbox.backend.faults.table import ROWS, SIZED
from blackbox.backend.faults.world import World

from harness.modes import MODES
from harness.scripted_backend import Step

WAIT_SEC = 280
"""For the cases of one row, while those of all others run, which a busy machine takes long for."""

pytestmark = pytest.mark.timeout(WAIT_SEC + 20)

SWITCHING = 101
WITHOUT_BODY = (SWITCHING, 204, 304)
CLOSING = b"\r\nConnection: close\r\n\r\n"


def _response(code: int, end: bytes) -> Step:
    """A response with a status; behind an interim one, an answer; END ends the head."""
    if code < 200 and code != SWITCHING:
        interim = b"HTTP/1.1 %d x\r\n\r\n" % code
        return sends(interim + SIZED.removesuffix(b"\r\n\r\n") + end + b"BODY")
    if code in WITHOUT_BODY:
        return sends(b"HTTP/1.1 %d x" % code + end)
    head = b"HTTP/1.1 %d x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: LENGTH" % code
    return sends(head + end + b"BODY")


def _statuses(mode: str, *, are_kept: bool) -> list[tuple[Step, Answer]]:
    """A response with each status but 200, and its answer; each ends its connection or none does.

    What comes after a 101 is never read, so that is not for a connection that is kept.
    """
    end = b"\r\n\r\n" if are_kept else CLOSING
    answers = []
    for code in range(100, 600):
        if code == 200 or (are_kept and code == SWITCHING):
            continue
        is_interim = code < 200 and code != SWITCHING
        expected = FOUND_IT if is_interim else status(code)
        answers.append((_response(code, end), expected[mode]))
    return answers


STATUSES = [
    Case(mode, scheme, QUICK, is_later)
    for mode in MODES
    for scheme in SCHEMES
    for is_later in (False, True)
]


def _work_of(row: Row | None, case: Case) -> Work:
    """What a lane does for a case of a row, or for a case of all statuses."""
    if row is not None:
        return lambda lane: lane.run(row, case.scheme, is_later=case.is_later)
    answers = _statuses(case.mode, are_kept=case.is_later)
    return lambda lane: lane.statuses(case.scheme, answers, is_later=case.is_later)


@pytest.fixture(scope="module")
def running(request, tmp_path_factory) -> Iterator[dict[object, list[Future]]]:
    """The cases of the tests that were selected, by row or case; they run from now on."""
    directory = tmp_path_factory.mktemp("faults")
    with contextlib.ExitStack() as stack:
        world = World(directory, stack)
        campaign = Campaign(directory, world)
        futures: dict[object, list[Future]] = {}
        for item in request.session.items:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            if item.path != request.path or not parameters:
                continue
            row, case = parameters.get("row"), parameters.get("case")
            if row is not None and row.needs_names and not world.name_prefix:
                continue
            futures[case or row.name] = [
                campaign.submit(each.mode, each.kind, _work_of(row, each))
                for each in ([case] if case else row.cases())
            ]
        stack.callback(campaign.end)
        campaign.begin()
        yield futures


def test_names() -> None:
    """No two rows have the same name."""
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_fault(running, row):
    """The reply, the time and the journal are those of the row, in each case."""
    if row.name not in running:
        pytest.skip("names of our own need a private mount namespace, and that needs root")
    problems, end = [], time.monotonic() + WAIT_SEC
    for case, future in zip(row.cases(), running[row.name], strict=True):
        error = future.exception(max(0, end - time.monotonic()))
        if error is not None:
            position = "later" if case.is_later else "first"
            problems.append(f"{case.kind}: {case.mode}, {case.scheme}, {position}: {error!r}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", STATUSES, ids=["-".join(map(str, case)) for case in STATUSES])
def test_every_status(running, case):
    """A status from 100 to 599 has the answer of its class, on a kept connection as well."""
    (future,) = running[case]
    future.result(WAIT_SEC)
