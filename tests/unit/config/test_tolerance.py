# SPDX-License-Identifier: MIT
"""Which problems of config.json are one endpoint's alone, and which make the file unusable."""

from __future__ import annotations

import json

import pytest

from harness.endpoints import raw_endpoint
from harness.modes import POLICY, TCP
from postfix_rest_inetd.config import entries, loading
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.config.endpoint import Endpoint, select
from postfix_rest_inetd.errors import ConfigError

LOCALHOST = b"\x7f\0\0\1"

# For each field a value that is wrong, and what else the endpoint has.
OF_REQUESTS = {
    "target": {"target": 7},
    "auth-token": {"auth_token": 7},
    "auth-token-file": {"auth_token": ..., "auth_token_file": "a/b"},
    "request-timeout": {"request_timeout": 0},
    "list-separator": {"list_separator": 7},
    "headers": {"headers": {f"h{number}": "" for number in range(101)}},
    "tls-ca-file": {"tls_ca_file": "/ca.pem"},
    "tls-cert-file": {"target": "https://h/", "tls_cert_file": ".."},
    "tls-key-file": {"target": "https://h/", "tls_key_file": "/key.pem"},
    "method": {"method": "GET"},
    "temporary-statuses": {"temporary_statuses": [200]},
    "allowed-actions": {"mode": POLICY, "allowed_actions": ["250"]},
    "access-table": {"mode": POLICY, "access_table": True},
    "log-keys": {"log_keys": "yes"},
    "max-response-bytes": {"max_response_bytes": 0},
    "empty-body": {"empty_body": ""},
    "cache": {"cache": {"max-age": -1}},
    "hibernate-after": {"hibernate_after": -1},
}

OF_THE_FILE = {
    "name": {"name": ""},
    "no name": {"name": ...},
    "mode": {"mode": "tcp"},
    "bind-port": {"bind_port": 0},
    "no address": {"bind_port": ...},
    "bind-address": {"bind_address": "here"},
    "bind-path": {"bind_port": ..., "bind_path": "/run/x "},
    "two addresses": {"bind_path": "/run/x"},
    "a taken address": {"bind_port": 9001},
    "a field like that of an address": {"bind_adress": "127.0.0.2"},
    "a field like no other": {"x": 1},
    "one of each kind": {"request_timeout": 0, "bind_port": 0},
}


def parse(*entries: object, tolerant: bool = True, **top: object) -> loading.Config:
    """A file with these entries, a good one on port 9001 in front of them."""
    good = raw_endpoint(name="good", bind_port=9001)
    content = json.dumps({**top, "endpoints": [good, *entries]}).encode()
    return loading.parse(content, "config.json", tolerant=tolerant)


def test_each_field_has_a_case() -> None:
    """What is not about the address is in the first table, but for failure-action."""
    assert set(OF_REQUESTS) == entries.OF_REQUESTS - {"failure-action"}


@pytest.mark.parametrize("name", OF_REQUESTS)
def test_of_one_endpoint(name: str) -> None:
    """The endpoint bears its problem and keeps its address; the others have nothing of it."""
    faulty = raw_endpoint(name="faulty", **OF_REQUESTS[name])
    loaded = parse(faulty)
    good, bad = loaded.endpoints
    assert (good.name, good.problems) == ("good", [])
    assert (bad.name, bad.address) == ("faulty", LocalAddress(LOCALHOST, 9000))
    part = ".max-age" if name == "cache" else ""
    assert [path for path, _ in bad.problems] == [f"$.endpoints[1].{name}{part}"]
    assert loaded.problem is not None
    assert loaded.problem.problems == bad.problems
    with pytest.raises(ConfigError) as strict:
        parse(faulty, tolerant=False)
    assert strict.value.problems == bad.problems


@pytest.mark.parametrize("case", OF_THE_FILE)
def test_of_the_file(case: str) -> None:
    """What may be about an address is borne by nobody."""
    with pytest.raises(ConfigError):
        parse(raw_endpoint(**OF_THE_FILE[case]))


@pytest.mark.parametrize("entries", [["x"], [{}], [raw_endpoint(headers={"a": {"b": 1}}), 7]])
def test_no_endpoint(entries: list[object]) -> None:
    """Nor what is no endpoint."""
    with pytest.raises(ConfigError):
        parse(*entries)


def test_beside_the_endpoints() -> None:
    """Nor what stands beside them, or stands twice."""
    with pytest.raises(ConfigError):
        parse(**{"user-agent": "\n"})
    twice = json.dumps({"endpoints": [raw_endpoint()]}).replace('"mode"', '"target": "x", "mode"')
    with pytest.raises(ConfigError, match="more than once"):
        loading.parse(twice.encode(), "config.json", tolerant=True)


@pytest.mark.parametrize("mode", [TCP, POLICY])
def test_failure_action(mode: str) -> None:
    """A wrong one is told, and taken for none: a temporary error is what a failure gets."""
    loaded = parse(raw_endpoint(mode=mode, failure_action="REJECT 5.7.1", hibernate_after=7))
    endpoint = loaded.endpoints[1]
    assert (endpoint.problems, endpoint.hibernate_after) == ([], 7)
    if mode == POLICY:
        assert endpoint.failure_action is None
    assert loaded.problem is not None
    assert "$.endpoints[1].failure-action" in str(loaded.problem)


def test_the_wildcard_stays_away() -> None:
    """The connections of a faulty endpoint are not taken for those of another one."""
    wildcard = raw_endpoint(name="wildcard", bind_address="0.0.0.0")
    loaded = parse(wildcard, raw_endpoint(name="faulty", target=[]))
    chosen = select(loaded.endpoints, LocalAddress(LOCALHOST, 9000), TCP)
    assert isinstance(chosen, Endpoint)
    assert (chosen.name, len(chosen.problems)) == ("faulty", 1)


def test_more_problems_than_are_told() -> None:
    """Endpoints whose problems are only counted are not taken for good ones."""
    faulty = [raw_endpoint(bind_port=1 + number, request_timeout=0) for number in range(60)]
    endpoints = parse(*faulty).endpoints
    assert [bool(each.problems) for each in endpoints] == [False] + [True] * 60
