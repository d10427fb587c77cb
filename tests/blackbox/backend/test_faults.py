# SPDX-License-Identifier: MIT
"""Each row of the table of backend faults (faults/table.py), in all its cases.

The cases of all rows run at the same time, because a handler mostly waits; the test of a row waits
for the cases of that row.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future

import pytest
from blackbox.backend.faults.lane import Campaign
from blackbox.backend.faults.row import FOUND_IT, SCHEMES, Answer, status
from blackbox.backend.faults.steps import sends
from blackbox.backend.faults.table import ROWS, SIZED
from blackbox.backend.faults.world import World

from harness.modes import MODES
from harness.scripted_backend import Step

LANES = {False: 2, True: 6}
"""How many handlers of each mode have quick and slow cases."""

WAIT_SEC = 110


def _response(code: int, closing: bytes) -> Step:
    if code < 200 and code != 101:
        return sends(
            b"HTTP/1.1 %d x\r\n\r\n" % code + SIZED.replace(b"\r\n\r\n", closing) + b"BODY"
        )
    no_body = code in (101, 204, 304)
    length = b"" if no_body else b"\r\nContent-Length: 2"
    return sends(b"HTTP/1.1 %d x%s%s%s" % (code, length, closing, b"" if no_body else b"no"))


def _answer(code: int, mode: str) -> Answer:
    is_interim = code < 200 and code != 101
    return (FOUND_IT if is_interim else status(code))[mode]


def _all_statuses(mode: str, closing: bytes) -> list[tuple[Step, Answer]]:
    codes = [
        code for code in range(100, 600) if code != 200 and (closing != b"\r\n\r\n" or code != 101)
    ]
    return [(_response(code, closing), _answer(code, mode)) for code in codes]


STATUSES = [
    (mode, scheme, is_later) for mode in MODES for scheme in SCHEMES for is_later in (False, True)
]


@pytest.fixture(scope="module")
def cases(request, tmp_path_factory) -> Iterator[dict[object, list[Future]]]:
    """The cases of the tests that were selected, which run from now on."""
    directory = tmp_path_factory.mktemp("faults")
    with contextlib.ExitStack() as stack:
        world = World(directory, stack)
        campaign = Campaign(directory, world)
        futures: dict[object, list[Future]] = {}
        for item in request.session.items:
            callspec = getattr(item, "callspec", None)
            if item.path != request.path or callspec is None:
                continue
            row = callspec.params.get("row")
            if row is None:
                mode, scheme, is_later = (
                    callspec.params[n] for n in ("mode", "scheme", "is_later")
                )
                closing = b"\r\n\r\n" if is_later else b"\r\nConnection: close\r\n\r\n"
                work = functools.partial(
                    lambda lane, *rest, **which: lane.statuses(*rest, **which),
                    scheme=scheme,
                    answers=_all_statuses(mode, closing),
                    is_later=is_later,
                )
                futures[mode, scheme, is_later] = [campaign.submit(mode, work, is_slow=False)]
                continue
            if row.needs_names and not world.name_prefix:
                continue
            futures[row.name] = [
                campaign.submit(
                    mode,
                    functools.partial(
                        lambda lane, *rest, **which: lane.run(*rest, **which),
                        row=row,
                        scheme=scheme,
                        is_later=is_later,
                    ),
                    is_slow=row.is_slow,
                )
                for mode, scheme, is_later in row.cases()
            ]
        campaign.begin(LANES)
        try:
            yield futures
        finally:
            campaign.end()


def test_names() -> None:
    """No two rows have the same name."""
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_fault(cases, row):
    """The reply, the time and the journal are those of the row, in each case."""
    if row.name not in cases:
        pytest.skip("names need a private mount namespace, and root")
    problems = []
    for (mode, scheme, is_later), future in zip(row.cases(), cases[row.name], strict=True):
        error = future.exception(WAIT_SEC)
        if error is not None:
            problems.append(f"{mode}, {scheme}, {'later' if is_later else 'first'}: {error!r}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("mode, scheme, is_later", STATUSES)
def test_every_status(cases, mode, scheme, is_later):
    """A status from 100 to 599 has the answer of its class, on a kept connection as well."""
    (future,) = cases[mode, scheme, is_later]
    future.result(WAIT_SEC)
