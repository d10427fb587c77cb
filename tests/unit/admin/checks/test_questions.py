# SPDX-License-Identifier: MIT
"""`check --probe` asks handlers what they cannot answer from memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.endpoints import endpoint
from harness.modes import LOOKUPS, POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.checks import questions, request
from postfix_rest_inetd.admin.stored import entries, identity
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache.record import StoredAnswer
from postfix_rest_inetd.cache.store import Store
from postfix_rest_inetd.cache_folder import folder_of

AGENT = "agent"


def put(directory: Path, of, asked: model.LookupRequest) -> None:
    """Store an answer."""
    own = identity.of(of, AGENT)
    assert own is not None
    store = Store(str(directory), folder_of(of.mode, of.name), 1000, 1024 * 1024)
    look = store.look(*own.of(asked))
    key, map_name = asked.key, asked.map_name
    times = {"stored": now(), "lifetime_sec": 600, "stale_sec": 600, "age_sec": 0}
    assert store.put(look, StoredAnswer(key, map_name, 404, b"", **times)), store.problem
    look.close()


def keys(directory: Path, of) -> set[tuple[bytes | None, bytes]]:
    """What is stored of an endpoint."""
    found = entries.read(str(directory), folder_of(of.mode, of.name), now(), None)
    return {(entry.answer.map_name, entry.answer.key) for entry in found if entry.answer}


@pytest.mark.parametrize("mode", LOOKUPS)
def test_forget(tmp_path: Path, mode: str) -> None:
    """Its own questions are forgotten, for each map in use; what mail has asked stays."""
    asked = endpoint(mode, name="asked")
    maps = ["alias", "box"] if mode == SOCKETMAP else []
    others = model.LookupRequest(b"example.org", b"alias" if maps else None)
    put(tmp_path, asked, others)
    for map_name in request.map_names(asked, {asked: maps}):
        put(tmp_path, asked, request.request(asked, map_name))
    known = questions.Asked([asked], "config.json", {asked: maps}, set())
    questions.forget(known, AGENT, str(tmp_path))
    assert keys(tmp_path, asked) == {(others.map_name, others.key)}


def test_nothing_to_forget(tmp_path: Path) -> None:
    """Nothing is made where nothing is stored, and a directory that is not there is no error."""
    of = [endpoint(TCP, name="lookup"), endpoint(POLICY, name="policy")]
    known = questions.Asked(of, "config.json", {}, set())
    questions.forget(known, AGENT, str(tmp_path))
    questions.forget(known, AGENT, str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []
