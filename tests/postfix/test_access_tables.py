# SPDX-License-Identifier: MIT
"""Lookups as access tables: a value that smtpd would misread does not let mail in.

Behind the table stands `defer`: that is the reply where it has decided nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

import pytest

from harness.activation import activated, write_handler_config
from harness.modes import TABLES
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.rest_backend import Answer, Recorded, RestBackend
from harness.swaks import swaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.postfix, pytest.mark.root]

ACCEPTED = "250 2.1.5 Ok"
UNDECIDED = "450 4.3.2 <{}>: Recipient address rejected: Try again later"
REJECTED = "554 5.7.1 <{}>: Recipient address rejected: "
ERROR = "451 4.3.5 <{}>: Recipient address rejected: Server configuration error"

KINDS = {
    "plain": {},
    "guarded": {"access-table": True},
    "strict": {"access-table": True, "allowed-actions": ["DUNNO", "REJECT"]},
}


class Setup(NamedTuple):
    """A Postfix, and the backend that its access tables ask."""

    postfix: PostfixInstance
    backend: RestBackend

    def rcpt(self, kind: str, *values: str) -> tuple[str, str]:
        """A recipient, and what smtpd replies to it when its entry in a table is VALUES."""
        recipient = f"user@{kind}.example"

        def answer(request: Recorded) -> Answer:
            is_it = parse_qs(request.query)["key"] == [recipient]
            return Answer(200, json.dumps(values if is_it else []).encode())

        self.backend.routes["/access"] = answer
        (reply,) = swaks(self.postfix.smtp_port, recipient).replies("RCPT")
        return recipient, reply


@pytest.fixture(scope="module", params=TABLES)
def setup(
    request: pytest.FixtureRequest, module_backend: RestBackend, directory: Path
) -> Iterator[Setup]:
    """A Postfix with a table of each kind, asked for the recipients at KIND.example."""
    ports = {kind: free_port() for kind in KINDS}
    config = write_handler_config(
        directory / f"{request.param}.json",
        *(
            {
                "name": kind,
                "mode": TABLES[request.param],
                "target": f"{module_backend.url}/access",
                "bind-port": ports[kind],
                "request-timeout": 30_000,
                **keys,
            }
            for kind, keys in KINDS.items()
        ),
    )
    form = {"tcp": "tcp:127.0.0.1:{}", "socketmap": "socketmap:inet:127.0.0.1:{}:access"}
    tables = {kind: form[request.param].format(port) for kind, port in ports.items()}
    domains = " ".join(f"{{ {kind}.example = {kind} }}" for kind in KINDS)
    parameters = {
        **{kind: f"check_recipient_access {table}, defer" for kind, table in tables.items()},
        "smtpd_restriction_classes": " ".join(KINDS),
        "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {domains} }}, reject",
    }
    addresses = [f"127.0.0.1:{port}" for port in ports.values()]
    with (
        activated(addresses, config, TABLES[request.param]),
        postfix_instance(parameters) as postfix,
    ):
        yield Setup(postfix, module_backend)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "values, reply",
    [
        (["DUNNO"], UNDECIDED),
        (["REJECT not today"], f"{REJECTED}not today"),
        ([], UNDECIDED),
        ([""], UNDECIDED),
        (["", ""], UNDECIDED),
        ([" "], UNDECIDED),
        (["\t"], UNDECIDED),
        ([" , ,", "\r\n"], UNDECIDED),
    ],
    ids=repr,
)
def test_decision(setup: Setup, kind: str, values: list[str], reply: str) -> None:
    """An action is what smtpd does; blanks and separators are no action, in any table."""
    recipient, said = setup.rcpt(kind, *values)
    assert said == reply.format(recipient)


MISREAD = [
    pytest.param(["200"], ACCEPTED, id="a number"),
    pytest.param(["FILTER x"], UNDECIDED, id="an argument missing"),
    pytest.param(["REDIRECT postmaster"], UNDECIDED, id="no address"),
    pytest.param(["permit, reject"], ACCEPTED, id="more behind permit"),
    pytest.param(["DUNNO because", "REJECT"], UNDECIDED, id="several values"),
    pytest.param(
        ["OK\nREJECT"], ERROR.replace(" <{}>: Recipient address rejected:", ""), id="lines"
    ),
]
"""Values, and what smtpd does with them where no firewall is."""


@pytest.mark.parametrize("values, reply", MISREAD)
def test_misread(setup: Setup, values: list[str], reply: str) -> None:
    """What smtpd would misread is an error of the table, but without access-table it gets it."""
    recipient, said = setup.rcpt("plain", *values)
    assert said == reply.format(recipient)
    recipient, said = setup.rcpt("guarded", *values)
    assert said == ERROR.format(recipient)


def test_a_status_code_alone(setup: Setup) -> None:
    """What an earlier reply has left in memory is sent to nobody."""
    recipient, said = setup.rcpt("guarded", "REJECT 5.7.1")
    assert said == ERROR.format(recipient)


def test_allowed_actions(setup: Setup) -> None:
    """With allowed-actions, another action is no better than a broken one."""
    assert setup.rcpt("guarded", "OK")[1] == ACCEPTED
    recipient, said = setup.rcpt("strict", "OK")
    assert said == ERROR.format(recipient)
