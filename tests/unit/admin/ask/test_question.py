# SPDX-License-Identifier: MIT
"""From the command line to an endpoint and a request."""

from __future__ import annotations

import json

import pytest

from harness.endpoints import endpoint, raw_endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.ask.question import UsageError
from postfix_rest_inetd.admin.ask.record import Record, masked
from postfix_rest_inetd.admin.ask.socket_client import reachable
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.address import LocalAddress, parse_ip

LOADED = loading.parse(
    json.dumps(
        {
            "endpoints": [
                raw_endpoint(name="one", bind_port=9001),
                raw_endpoint(name="twin", bind_port=9002),
                raw_endpoint(name="twin", mode=POLICY, bind_port=9003),
            ]
        }
    ).encode(),
    "config.json",
)


@pytest.mark.parametrize(
    "name, port", [("one", 9001), ("127.0.0.1:9003", 9003), ("127.0.0.1:9001", 9001)]
)
def test_endpoint(name, port):
    """An endpoint is named by its name or by its address."""
    assert question.endpoint_of(LOADED, name)[0].address.port == port


@pytest.mark.parametrize(
    "name, words",
    [
        ("none", "no endpoint with the name 'none'; the configuration has: one, twin, twin"),
        ("twin", "use one of these addresses: 127.0.0.1:9002, 127.0.0.1:9003"),
    ],
)
def test_no_endpoint(name, words):
    """A name that does not decide is an error that says what would."""
    with pytest.raises(UsageError, match=words):
        question.endpoint_of(LOADED, name)


@pytest.mark.parametrize(
    "mode, key, attributes, words",
    [
        (POLICY, "x", [], "not a KEY"),
        (TCP, None, ["a=b"], "takes a KEY"),
        (TCP, "x", ["a=b"], "takes a KEY"),
        (SOCKETMAP, None, [], "give a KEY"),
    ],
)
def test_wrong_kind(mode, key, attributes, words):
    """A question of the wrong kind is not asked."""
    with pytest.raises(UsageError, match=words):
        question.check_kind(endpoint(mode), key, attributes)


def test_map_names():
    """A socketmap needs a map name without blanks, others have none."""
    assert question.map_name_of(endpoint(SOCKETMAP), "alias") == b"alias"
    assert question.map_name_of(endpoint(TCP), None) is None
    for mode, name in ((SOCKETMAP, None), (SOCKETMAP, "a b"), (TCP, "alias")):
        with pytest.raises(UsageError, match="--map"):
            question.map_name_of(endpoint(mode), name)


def test_attributes():
    """Given attributes take the places of the defaults."""
    given = ["sender=a=b@example.org", "size=", "protocol_state=DATA"]
    attributes = question.policy_request(given).attributes
    names = [name.decode() for name, _ in attributes]
    assert names == [*question.DEFAULTS]
    values = dict(attributes)
    assert values[b"sender"] == b"a=b@example.org"
    assert values[b"protocol_state"] == b"DATA"
    assert values[b"size"] == b""
    assert values[b"request"] == b"smtpd_access_policy"


@pytest.mark.parametrize("text", ["sender", "=x", "a b=c", "é=x", "a=x\ny", "a=x\0"])
def test_no_attributes(text):
    """What the protocol has no form for is refused."""
    with pytest.raises(UsageError):
        question.policy_request([text])


@pytest.mark.parametrize(
    "text, told",
    [
        ("sendr=a@example.org", "Postfix sends no attribute sendr; do you mean sender?"),
        ("sasl-username=x", "Postfix sends no attribute sasl-username; do you mean sasl_username?"),
        ("SENDER=x", "Postfix sends no attribute SENDER; do you mean sender?"),
        ("favourite_colour=x", "Postfix sends no attribute favourite_colour"),
    ],
)
def test_misspelt_attribute(text, told):
    """A backend would never get it, and the answer would be about another mail."""
    with pytest.raises(UsageError) as raised:
        question.policy_request([text])
    assert str(raised.value) == told


@pytest.mark.parametrize(
    "listening, asked",
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1")],
)
def test_wildcards(listening, asked):
    """A wildcard address is asked at loopback."""
    address = reachable(LocalAddress(parse_ip(listening), 25))
    assert address == LocalAddress(parse_ip(asked), 25)


def test_unix_sockets():
    """A unix socket is where it is."""
    address = LocalAddress(None, path="/run/x")
    assert reachable(address) is address


HEAD = b"GET / HTTP/1.1\r\nX-Auth-Token: geheim\r\nx-more:geheim2\r\nAccept: a\r\n\r\nbody geheim"


def test_masks():
    """Values of secret headers are masked, and the token wherever it stands."""
    shown = masked(HEAD, {b"x-auth-token", b"x-more"}, b"geheim")
    assert b"geheim" not in shown
    assert shown.count(b"********") == 3
    assert b"Accept: a\r\n\r\nbody ********" in shown


def test_a_short_token_is_masked_in_its_header_only():
    """A token of a few letters is not looked for in everything else."""
    shown = masked(b"GET /a HTTP/1.1\r\nX-Auth-Token: a\r\n\r\na", {b"x-auth-token"}, b"a")
    assert shown == b"GET /a HTTP/1.1\r\nX-Auth-Token: ********\r\n\r\na"


def test_record():
    """A step lasts until the next begins; pieces of one thing are put together."""
    record = Record()
    record.begin("one")
    record.begin("two")
    record.end()
    record.saw("request", b"a", sent=True)
    record.saw("reply", b"b", sent=False)
    record.saw("reply", b"c", sent=False)
    assert [step.name for step in record.steps] == ["one", "two"]
    assert record.total_usec == sum(step.usec for step in record.steps)
    assert [piece.data for piece in record.traffic] == [b"a", b"bc"]
