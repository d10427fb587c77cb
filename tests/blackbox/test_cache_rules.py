# SPDX-License-Identifier: MIT
"""The table of rules, as far as no time has to pass: each row is asked twice of a real handler.

The first time, the backend sends the response of the row; after that it fails. A fresh answer is
not asked again, one that may be used in an outage replaces the failure, and without a stored answer
the failure is the reply. What time does to an answer is in tests/unit/cache.
"""

from __future__ import annotations

import re
import time
from itertools import groupby

import pytest
from blackbox.support import server_error
from unit.cache.rules_table import FRESH, REJECTED, STALE, Row
from unit.cache.test_rules import ROWS, circumstances, raw_of

from harness.handler_process import endpoint, write_config
from harness.modes import TCP
from harness.scripted_backend import ScriptedBackend, answer, send, send_and_close

SECONDS = re.compile(r"([a-z-]+)=(\d+)")


def is_possible(row: Row) -> bool:
    """Does the row hold now, when no time has passed? Some have a date of another day."""
    mode, _, _ = circumstances(row)
    is_now = row.exact and not row.delay and "15-Jan-27" not in row.fields
    is_now = is_now and "Jan 15" not in row.fields
    return mode == TCP and is_now and row.expected in (FRESH, STALE, REJECTED)


def config_of(row: Row) -> tuple[str, str]:
    """What has to be in the configuration, as something to sort by."""
    _, fields, _ = circumstances(row)
    return row.operator, str(fields)


POSSIBLE = sorted(filter(is_possible, ROWS.values()), key=config_of)
GROUPS = {" ".join(filter(None, key)): list(rows) for key, rows in groupby(POSSIBLE, config_of)}


def test_rows():
    """Most of the table is asked here."""
    assert len(POSSIBLE) > 200
    assert {row.expected for row in POSSIBLE} == {FRESH, STALE, REJECTED}


def becomes(handler, backend, number: int, row: Row) -> str:
    """What becomes of the answer of a row, whose key nobody has asked for yet."""
    key = b"k%d" % number
    raw = raw_of(row, int(time.time()))
    backend.script(send_and_close(raw) if b"Content-Length:" not in raw else send(raw))
    replies = [handler.ask(TCP, b"get %b\n" % key) for _ in range(2)]
    asked = sum(request.target.endswith(b"key=" + key) for request in backend.requests)
    if replies[1] == server_error(500)[TCP]:
        return REJECTED if asked == 2 else "asked once, and a failure"
    if replies[0] != replies[1]:
        return f"two replies: {replies}"
    # A stale answer is used at once while the backend is known to be down.
    return FRESH if row.expected == FRESH and asked == 1 else STALE


@pytest.mark.parametrize("group", GROUPS)
def test_rules(group, tmp_path, launch):
    """What the table says becomes of an answer is what becomes of it."""
    rows = GROUPS[group]
    _, fields, _ = circumstances(rows[0])
    cache = {name: int(value) for name, value in SECONDS.findall(rows[0].operator)}
    with ScriptedBackend(default=answer(500)) as backend:
        config = write_config(tmp_path, endpoint(TCP, backend.url(), cache=cache, **fields))
        shared = tmp_path / "shared"
        shared.mkdir(mode=0o700)
        handler = launch(*("--config", config, "--endpoint", TCP, "--cache-directory", str(shared)))
        found = {row: becomes(handler, backend, number, row) for number, row in enumerate(rows)}
    assert {row: what for row, what in found.items() if what != row.expected} == {}
