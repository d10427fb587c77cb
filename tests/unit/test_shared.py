# SPDX-License-Identifier: MIT
"""What an endpoint that stores nothing does not look for, load, or use."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.endpoints import endpoint
from harness.modes import TCP
from postfix_rest_inetd import model
from postfix_rest_inetd.cache.record import unverified
from postfix_rest_inetd.cache_folder import folder_of, path_of
from postfix_rest_inetd.shared import Shared

REQUEST = model.LookupRequest(b"key")
SILENT = model.Response(200, b'["v"]')
BOTH = [True, False]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the stored answers of the endpoint would be."""
    where = endpoint(TCP)
    return Path(path_of(str(tmp_path), folder_of(where.mode, where.name)))


def shared(directory: Path, *, may_load: bool = True, **fields: object) -> Shared:
    """What is shared about an endpoint with these FIELDS."""
    where = endpoint(TCP, **fields)
    return Shared(str(directory), where, "agent", b"token", [], may_load=lambda: may_load)


@pytest.mark.parametrize("is_there", BOTH)
@pytest.mark.parametrize("is_cached", BOTH)
@pytest.mark.parametrize("may_load", BOTH)
def test_has_answers(tmp_path, folder, is_there, is_cached, may_load):
    """Only an endpoint with a directory that may use it, and modules that fit, has answers."""
    if is_there:
        folder.mkdir(parents=True)
    known = shared(tmp_path, may_load=may_load, cache={} if is_cached else False)
    expected = is_there and is_cached and may_load
    assert known.has_answers is expected
    recalled = known.recall(REQUEST)
    assert (recalled is not None) is expected
    assert (known._memory is not None) is expected
    assert known.problem == ""
    if recalled is not None:
        recalled.close()


@pytest.mark.parametrize(
    "fields, may_load, is_loaded",
    [
        ({}, True, False),
        ({"cache": {}}, True, False),
        ({"cache": {"max-age": 60}}, True, True),
        ({"cache": {"not-found-max-age": 60}}, True, True),
        ({"cache": {"stale-if-error": 60}}, True, True),
        ({"cache": {"max-age": 60}}, False, False),
    ],
)
def test_what_nobody_permits_is_not_kept(tmp_path, folder, fields, may_load, is_loaded):
    """Where neither operator nor backend permits anything, nothing is loaded to find that out."""
    known = shared(tmp_path, may_load=may_load, **fields)
    known.keep(REQUEST, None, SILENT, is_found=True, delay_sec=0.0)
    assert (known._memory is not None) is is_loaded
    is_for_found = fields.get("cache") != {"not-found-max-age": 60}
    assert folder.exists() is (is_loaded and is_for_found)
    assert known.problem == ""


@pytest.mark.parametrize("is_cached", BOTH)
@pytest.mark.parametrize("field", [b"cache-control", b"expires"])
def test_what_the_backend_says_is_looked_at(tmp_path, field, is_cached):
    """Either field may permit it, unless the operator does not want it."""
    known = shared(tmp_path, cache={} if is_cached else False)
    says = {field: b"max-age=60"}
    response = model.Response(200, b'["v"]', caching=says)
    known.keep(REQUEST, None, response, is_found=True, delay_sec=0.0)
    assert (known._memory is not None) is is_cached


@pytest.mark.parametrize("map_name", [None, b"", b"map"])
def test_what_is_kept(tmp_path, folder, map_name):
    """A stored answer has the request and the response, for who looks at it or purges it."""
    known = shared(tmp_path, cache={"max-age": 60, "stale-if-error": 600})
    request = model.LookupRequest(b"key", map_name)
    known.keep(request, None, SILENT, is_found=True, delay_sec=0.0)
    (stored,) = [
        answer
        for path in folder.rglob("*")
        if path.is_file() and (answer := unverified(path.read_bytes())) is not None
    ]
    assert (stored.key, stored.map_name, stored.status) == (b"key", map_name, 200)
    assert (stored.body, stored.lifetime_sec, stored.stale_sec) == (b'["v"]', 60, 600)
