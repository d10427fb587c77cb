# SPDX-License-Identifier: MIT
"""What each backend that we show permits to be stored: its answers to lookups, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
import yaml

from harness.example_backends import BLOCKED, EXAMPLES, PATHS, POLICY_PATHS, SHOWN, TOKEN

CACHE_CONTROL = "max-age=60, stale-if-error=86400"
"""A new mailbox is known after a minute at most; without the backend, mail flows for a day."""

FOUND, NOT_FOUND = ["info@example.org", "Info+Tag@Example.ORG", "bob@example.org"], ["x@x.x", "*"]


@pytest.fixture(scope="module", params=SHOWN)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    return str(request.param)


@pytest.fixture(scope="module")
def url(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it runs."""
    with SHOWN[backend](tmp_path_factory.mktemp(backend)) as url:
        yield url


def ask(url: str, path: str, body: str = "", token: str = TOKEN) -> tuple[int, str | None]:
    """The status of a response, and its Cache-Control; a request with a body is a POST."""
    headers = {"X-Auth-Token": token}
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as to:
        to.request("POST" if body else "GET", path, body or None, headers)
        response = to.getresponse()
        response.read()
        return response.status, response.headers["Cache-Control"]


def lookup(backend: str, table: str, key: str, name: str | None = None) -> str:
    """The path and the query of a lookup; NAME: the name of the map, if it is not the table's."""
    named = "" if table == "domain" else f"name={name or table}&"
    return f"{PATHS[backend][table]}?{named}key={quote(key)}"


@pytest.mark.parametrize("key", FOUND + NOT_FOUND)
def test_lookup(backend: str, url: str, key: str) -> None:
    """Found or not found, an answer may be used for a minute, and for a day in an outage."""
    for table in PATHS[backend]:
        for asked in (key, key.rpartition("@")[2]):
            assert ask(url, lookup(backend, table, asked)) == (200, CACHE_CONTROL)


def test_errors(backend: str, url: str) -> None:
    """An error permits nothing: a wrong token, a map that does not exist."""
    key = "info@example.org"
    for table in PATHS[backend]:
        assert ask(url, lookup(backend, table, key), token="other") == (403, None)
    assert ask(url, lookup(backend, "alias", key, "nosuchmap")) == (404, None)


@pytest.mark.parametrize("sender", ["a@example.net", *BLOCKED])
def test_policy(backend: str, url: str, sender: str) -> None:
    """Nor does a decision: it holds for one mail."""
    body = f"request=smtpd_access_policy&sender={quote(sender)}"
    assert ask(url, POLICY_PATHS[backend], body) == (200, None)
    assert ask(url, POLICY_PATHS[backend], body, token="other") == (403, None)


def test_openapi() -> None:
    """openapi.yaml has the same header, for lookups alone."""
    document = yaml.safe_load(EXAMPLES.joinpath("openapi.yaml").read_text(encoding="utf-8"))
    header = document["components"]["headers"]["CacheControl"]
    assert header["example"] == CACHE_CONTROL
    reference = {"$ref": "#/components/headers/CacheControl"}
    with_headers = {
        (path, status): response["headers"]
        for path, item in document["paths"].items()
        for operation in (item.get("get") or item["post"],)
        for status, response in operation["responses"].items()
        if "headers" in response
    }
    assert with_headers == {("/lookup", "200"): {"Cache-Control": reference}}
