# SPDX-License-Identifier: MIT
"""Which units a mode should have: what the administrator decided, and what only @all can do."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.wire import table
from postfix_rest_inetd.admin.checks.wanted_units import wanted
from postfix_rest_inetd.admin.host.socket_units import Unit
from postfix_rest_inetd.units.names import MAX_NAME, instances_of, socket_of

KIND = "postfix-rest-tcp"
ONE, TWO = ({"name": "one"}, {"name": "two", "bind_port": 9001})
PATH = {"name": "path", "mode": "socketmap-lookup", "bind_port": ..., "bind_path": "/run/path"}
LONG = {"name": "x" * MAX_NAME, "bind_port": 9002}
BLANK = {"name": "b b", "bind_port": 9003}
HYPHEN = {"name": "a-b", "bind_port": 9004}
TCP, SOCKETMAP = "tcp-lookup", "socketmap-lookup"

CASES = {
    "no endpoints": ([], {"all": "enabled"}, []),
    "no decision": ([ONE, TWO], {}, ["all"]),
    "all": ([ONE, TWO], {"all": "enabled"}, ["all"]),
    "one of them": ([ONE, TWO], {"one": "enabled"}, ["one", "two"]),
    "started only": ([ONE, TWO], {"one": "active"}, ["one", "two"]),
    "failed only": ([ONE, TWO], {"one": "failed"}, ["one", "two"]),
    "both are enabled": ([ONE, TWO], {"all": "enabled", "one": "enabled"}, ["all"]),
    "both are active": ([ONE, TWO], {"all": "active", "one": "failed"}, ["all"]),
    "enabled counts more than active": ([ONE], {"all": "active", "one": "enabled"}, ["one"]),
    "renamed": ([ONE, TWO], {"old": "enabled"}, ["one", "two"]),
    "a misspelt name beside all": ([ONE], {"all": "active", "on": "enabled"}, ["all"]),
    "a unix socket": ([PATH], {"path": "enabled"}, ["all"]),
    "too long for a unit": ([ONE, LONG], {"one": "enabled"}, ["all"]),
    "with a blank": ([ONE, BLANK], {"one": "enabled"}, [r"b\x20b", "one"]),
    "without escapes": ([ONE, HYPHEN], {"one": "enabled"}, ["a-b", "one"]),
    "with escapes, as it is enabled": ([HYPHEN], {r"a\x2db": "enabled"}, [r"a\x2db"]),
    "two of one name": ([ONE, {**TWO, "name": "one"}], {"one": "enabled"}, ["one"]),
}


def unit(kind: str, instance: str, state: str) -> Unit:
    """A unit in one of three states."""
    active, file_state = ("inactive", state) if state == "enabled" else (state, "disabled")
    return Unit(
        name=f"{kind}@{instance}.socket",
        active=active,
        file_state=file_state,
        listen=(),
        needs_reload=False,
        refused=0,
        max_connections=0,
        files=(),
    )


@pytest.mark.parametrize("keys, states, expected", table(CASES))
def test_wanted(keys, states, expected):
    """The units of a mode, for its endpoints and what is enabled or started."""
    endpoints = [endpoint(**each) for each in keys]
    mode = endpoints[0].mode if endpoints else TCP
    kind = socket_of(mode).partition("@")[0]
    instances = {
        socket_of(mode, name): own
        for name, own in (instances_of(endpoints).items() if endpoints else ())
    }
    units = [unit(kind, instance, state) for instance, state in states.items()]
    names = wanted(kind, units, instances)
    assert names == sorted(f"{kind}@{instance}.socket" for instance in expected)
