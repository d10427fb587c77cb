# SPDX-License-Identifier: MIT
"""What `query` says that Postfix does is what Postfix does: each rule beside a real smtpd's reply.

The policy service and the socketmap are this test's own, because the handler would never send half
of what is asked here. What a rule says between "with" and the end is the reply to RCPT; where it
has no such part, the recipient is accepted.
"""

from __future__ import annotations

import re
import smtplib
import socketserver
import threading
from typing import TYPE_CHECKING

import pytest

from harness.postfix_instance import HOSTNAME, PostfixInstance, postfix_instance
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import effects
from postfix_rest_inetd.admin.ask.actions import effect_of
from postfix_rest_inetd.admin.ask.codec import ReplyDecoder
from postfix_rest_inetd.protocols import netstring

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.postfix, pytest.mark.root]

ACCEPTED = "250 2.1.5 Ok"
REPLY = re.compile(
    r" (?:with|is) ([45]\d\d \d\.\d+\.\d+ .*?)(?:, if it would .*|: an action may .*)?$"
)


class _Policy(socketserver.StreamRequestHandler):
    """Answers with what `said` of the server is."""

    def handle(self) -> None:
        for line in self.rfile:
            if line == b"\n":
                self.wfile.write(self.server.said)


class _Socketmap(socketserver.StreamRequestHandler):
    """Answers from the table `said` of the server, by the name of the map."""

    def handle(self) -> None:
        decoder = netstring.NetstringDecoder(100000)
        while data := self.request.recv(65536):
            decoder.feed(data)
            while (payload := decoder.next_payload()) is not None:
                name = payload.partition(b" ")[0].decode()
                self.wfile.write(netstring.encode(self.server.said[name]))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    said: object = b""


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[_Server, _Server]]:
    """A policy service and a socketmap."""
    with (
        _Server(("127.0.0.1", 0), _Policy) as policy,
        _Server(("127.0.0.1", 0), _Socketmap) as maps,
    ):
        threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            for server in (policy, maps)
        ]
        for thread in threads:
            thread.start()
        yield policy, maps
        for server, thread in zip((policy, maps), threads, strict=True):
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def postfix(servers: tuple[_Server, _Server]) -> Iterator[PostfixInstance]:
    """A Postfix that asks both of them."""
    policy, maps = (server.server_address[1] for server in servers)
    table = f"socketmap:inet:127.0.0.1:{maps}:"
    parameters = {
        "mynetworks": "",
        "smtpd_relay_restrictions": "defer_unauth_destination",
        "smtpd_recipient_restrictions": f"check_recipient_access {table}access, "
        f"check_policy_service inet:127.0.0.1:{policy}, permit",
        "virtual_mailbox_domains": f"{table}domains",
        "virtual_mailbox_maps": f"{table}mailboxes",
    }
    with postfix_instance(parameters) as instance:
        yield instance


GOOD = {"access": b"NOTFOUND ", "domains": b"OK x", "mailboxes": b"OK x"}


def rcpt(postfix: PostfixInstance, recipient: str) -> str:
    """What smtpd replies to RCPT."""
    with smtplib.SMTP("127.0.0.1", postfix.smtp_port, HOSTNAME, timeout=60) as client:
        client.helo()
        client.mail("sender@test.example")
        code, text = client.rcpt(recipient)
    return f"{code} {text.decode()}"


def predicted(text: str, recipient: str) -> str:
    """The reply that a rule promises."""
    found = None if "if it would be rejected" in text else REPLY.search(text)
    return found[1].replace("<recipient>", f"<{recipient}>") if found else ACCEPTED


ACTIONS = """\
DUNNO
dunno with a text
OK
RELAY
REJECT
reject
REJECT not today
REJECT 5.7.9 not today
DEFER
DEFER 4.2.0 later
DEFER_IF_PERMIT
DEFER_IF_PERMIT 4.2.1 later
DEFER_IF_REJECT later
DISCARD
HOLD
WARN careful
INFO so it is
PREPEND X-Policy: seen
PREPEND
REDIRECT other@test.example
BCC other@test.example
FILTER smtp:[127.0.0.1]:9
451
451 4.3.0 REST request timed out
451 REST request timed out
450 a text
550 5.1.6 has moved
550 has moved
554 no
250 2.1.5 Ok
permit
permit_mynetworks
reject
reject, permit
permit, reject
defer
no_such_restriction
DELAY 3h
FILTER x
REDIRECT x
hash:/etc/passwd
,
599 5.9.9 strange
4711 x
""".splitlines()


@pytest.mark.parametrize("action", ACTIONS)
def test_action(postfix: PostfixInstance, servers, action: str) -> None:
    """An action of a policy service has the effect that is told."""
    servers[0].said, servers[1].said = b"action=%s\n\n" % action.encode(), GOOD
    recipient = "user@hosted.example"
    effect = effect_of(action)
    if "the restrictions" not in effect.text:
        assert rcpt(postfix, recipient) == predicted(effect.text, recipient)
        return
    # What they do is not for query to know; but that they are evaluated as restrictions is.
    expected = {
        "permit": ACCEPTED,
        "permit, reject": ACCEPTED,
        "permit_mynetworks": ACCEPTED,
        "reject, permit": f"554 5.7.1 <{recipient}>: Recipient address rejected: Access denied",
    }
    assert rcpt(postfix, recipient) == expected.get(action, predicted(effect.text, recipient))


def test_hangup(postfix: PostfixInstance, servers) -> None:
    """HANGUP leaves the client without a reply."""
    servers[0].said, servers[1].said = b"action=HANGUP\n\n", GOOD
    assert effect_of("HANGUP").text == "the connection is dropped without a reply"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        rcpt(postfix, "user@hosted.example")


@pytest.mark.parametrize(
    "table, parameter",
    [
        ("domains", "virtual_mailbox_domains"),
        ("mailboxes", "virtual_mailbox_maps"),
        ("access", "check_*_access"),
    ],
)
@pytest.mark.parametrize("reply", ["TEMP x", "TIMEOUT x", "PERM x", "NOTFOUND ", "OK DUNNO"])
def test_lookup(postfix: PostfixInstance, servers, table: str, parameter: str, reply: str) -> None:
    """A reply of a socketmap has the effect that is told, in each kind of table."""
    servers[0].said, servers[1].said = b"action=DUNNO\n\n", {**GOOD, table: reply.encode()}
    # trivial-rewrite(8) remembers what it has found about an address.
    recipient = f"user@{table}-{reply.split(maxsplit=1)[0].lower()}.example"
    decoder = ReplyDecoder(model.SOCKETMAP_LOOKUP)
    decoder.feed(netstring.encode(reply.encode()))
    rules = effects.of_answer(model.SOCKETMAP_LOOKUP, decoder.next_answer())
    (text,) = [rule.text for rule in rules if parameter in rule.parameters]
    said = rcpt(postfix, recipient)
    if (table, reply) == ("domains", "NOTFOUND "):
        assert said == f"454 4.7.1 <{recipient}>: Relay access denied"
        assert "454 4.7.1 Relay access denied" in text
    elif (table, reply) == ("mailboxes", "NOTFOUND "):
        assert said == f"{predicted(text, recipient)} in virtual mailbox table"
    else:
        assert said == predicted(text, recipient)


@pytest.mark.parametrize("said", [b"reaction=OK\n\n", b"OK\n\n"])
def test_no_usable_policy_reply(postfix: PostfixInstance, servers, said: bytes) -> None:
    """What is no reply makes Postfix ask again, and then take its default action."""
    servers[0].said, servers[1].said = said, GOOD
    recipient = "user@hosted.example"
    (rule,) = effects.of_silence(model.POLICY)
    assert rcpt(postfix, recipient) == predicted(rule.text, recipient)
