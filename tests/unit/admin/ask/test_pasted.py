# SPDX-License-Identifier: MIT
"""What is pasted from main.cf leads to the endpoint that Postfix asks there."""

import json

import pytest

from harness.endpoints import raw_endpoint
from harness.modes import POLICY, SOCKETMAP
from harness.wire import table
from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.command_error import UsageError
from postfix_rest_inetd.config import loading

QUEUE = "/var/spool/postfix"
ENDPOINTS = [
    raw_endpoint(name="domains", bind_port=9001),
    raw_endpoint(name="maps", mode=SOCKETMAP, bind_port=9002, bind_address="::1"),
    raw_endpoint(name="gate", mode=POLICY, bind_port=9003, bind_address="0.0.0.0"),
    raw_endpoint(name="tcp:odd", bind_port=9004),
    {**raw_endpoint(name="local maps", mode=SOCKETMAP), "bind-path": f"{QUEUE}/rest/maps"},
    {**raw_endpoint(name="local gate", mode=POLICY), "bind-path": "/run/rest/gate"},
]
for each in ENDPOINTS:
    if "bind-path" in each:
        del each["bind-port"]
LOADED = loading.parse(json.dumps({"endpoints": ENDPOINTS}).encode(), "config.json")

PASTED = {
    "a name that looks like a table": ("tcp:odd", "tcp:odd", None),
    "a TCP table": ("tcp:127.0.0.1:9001", "domains", None),
    "a table with a comma": ("tcp:localhost:9001,", "domains", None),
    "a table behind proxy:": ("proxy:tcp:127.0.0.1:9001", "domains", None),
    "a socketmap": ("socketmap:inet:[::1]:9002:alias", "maps", "alias"),
    "a socketmap behind proxy:": ("proxy:socketmap:inet:[::1]:9002:alias", "maps", "alias"),
    "a socketmap without a map": ("socketmap:inet:[::1]:9002:", "maps", None),
    "a socketmap of a socket": ("socketmap:unix:rest/maps:alias", "local maps", "alias"),
    "its whole path": (f"socketmap:unix:{QUEUE}/rest/maps:alias", "local maps", "alias"),
    "a policy service": ("inet:127.0.0.1:9003", "gate", None),
    "with its restriction": ("check_policy_service inet:127.0.0.1:9003", "gate", None),
    "with options": ("{ inet:127.0.0.1:9003, timeout=5s }", "gate", None),
    "a policy service of a socket": ("unix:/run/rest/gate", "local gate", None),
}
NEITHER = {
    "nobody's port": ("tcp:127.0.0.1:9009", "no tcp-lookup endpoint listens on 127.0.0.1:9009"),
    "the table of another mode": (
        "tcp:127.0.0.1:9003",
        "no tcp-lookup endpoint listens on 127.0.0.1:9003",
    ),
    "nobody's path": ("unix:private/gate", "no policy endpoint listens on private/gate"),
    "another host": ("tcp:192.0.2.1:9001", "there is no endpoint with the name"),
    "two tables": ("tcp:127.0.0.1:9001 tcp:127.0.0.1:9002", "there is no endpoint with the name"),
    "the end of a name": ("unix:aps", "no policy endpoint listens on aps"),
}


@pytest.mark.parametrize("text, name, map_name", table(PASTED))
def test_pasted(text, name, map_name):
    """It is the endpoint, and the name of the map if one stands there."""
    endpoint, found = question.endpoint_of(LOADED, text)
    assert (endpoint.name, found) == (name, map_name)


@pytest.mark.parametrize("text, told", table(NEITHER))
def test_nothing_of_ours(text, told):
    """The error says what is missing, and which endpoints there are."""
    with pytest.raises(UsageError) as raised:
        question.endpoint_of(LOADED, text)
    assert str(raised.value).startswith(told)
    assert str(raised.value).endswith(
        "the configuration has: domains, maps, gate, tcp:odd, local maps, local gate"
    )
