# SPDX-License-Identifier: MIT
"""Each backend that we show, behind a real Postfix: mail arrives, however its address is written.

smtpd(8) folds the case of a key, cleanup(8) and trivial-rewrite(8) do not: what a backend has in
lower case alone is accepted at RCPT and bounces later. And no part of Postfix asks a table like
ours for an address without its extension.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from blackbox.support import NOT_FOUND, netstring

from harness.activation import activated, write_handler_config
from harness.example_backends import PATHS, SHOWN, TOKEN
from harness.handler_process import endpoint, start, write_config
from harness.modes import SOCKETMAP, TCP
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.swaks import swaks

OF_OTHERS = ["*", ".example.org", "<>", '""', "", "[192.0.2.1]:25", "[example.org]", "user", "@x"]
OF_OTHERS += ['"a b"@example.org', "user@[192.0.2.1]", "@example.org", "a+b@", "+x@example.org"]
OF_OTHERS += [
    "/etc/passwd",
    "../alias",
    "%00",
    "a%2Bb",
    "jos\N{LATIN SMALL LETTER E WITH ACUTE}@é.x",
]
"""Keys that Postfix asks for, or might, and that no backend here has."""


@pytest.fixture(scope="module", params=SHOWN)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    return str(request.param)


class Running(NamedTuple):
    """A backend, and where a handler of each table is asked."""

    paths: dict[str, str]
    url: str


@pytest.fixture(scope="module")
def running(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """It runs."""
    with SHOWN[backend](tmp_path_factory.mktemp(backend)) as url:
        yield Running(PATHS[backend], url)


@pytest.fixture(scope="module")
def postfix(
    running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostfixInstance]:
    """A Postfix that asks it for the domains, mailboxes and aliases of example.org."""
    directory = tmp_path_factory.mktemp("postfix")
    ports = {table: free_port() for table in running.paths}
    modes = {table: TCP if table == "domain" else SOCKETMAP for table in ports}
    common = {"auth-token": TOKEN, "request-timeout": 30_000}
    config = write_handler_config(
        directory / "config.json",
        *(
            {"name": t, "mode": modes[t], "bind-port": port, "target": running.url + path, **common}
            for (t, path), port in zip(running.paths.items(), ports.values(), strict=True)
        ),
    )
    tables = {
        "domain": ("virtual_mailbox_domains", "tcp:127.0.0.1:{}"),
        "mailbox": ("virtual_mailbox_maps", "socketmap:inet:127.0.0.1:{}:mailbox"),
        "alias": ("virtual_alias_maps", "socketmap:inet:127.0.0.1:{}:alias"),
    }
    parameters = {
        "virtual_mailbox_domains": "example.org",
        "virtual_mailbox_maps": "static:x",
        "virtual_alias_domains": "",
        "recipient_delimiter": "+",
    }
    parameters |= {name: text.format(ports[t]) for t, (name, text) in tables.items() if t in ports}
    with contextlib.ExitStack() as stack:
        for mode in dict.fromkeys(modes.values()):
            addresses = [f"127.0.0.1:{ports[t]}" for t in ports if modes[t] == mode]
            stack.enter_context(activated(addresses, config, mode))
        yield stack.enter_context(postfix_instance(parameters))


def delivered(postfix: PostfixInstance, recipient: str) -> list[str]:
    """To whom a mail went, from SMTP to the end; anything but a delivery fails."""
    since = len(postfix.log.lines())
    assert swaks(postfix.smtp_port, recipient, quit_after="").replies("RCPT") == ["250 2.1.5 Ok"]
    postfix.log.wait_for(": removed", since=since)
    ends = [line for line in postfix.log.lines()[since:] if "status=" in line]
    assert [line for line in ends if "status=sent" not in line] == []
    return sorted(re.findall(r" to=<(.*?)>", "\n".join(ends)))


@pytest.mark.parametrize(
    "recipient",
    ["info@example.org", "Info@Example.ORG", "info+tag@example.org", "INFO+a+B@example.org"],
)
@pytest.mark.postfix
@pytest.mark.root
def test_alias(postfix: PostfixInstance, recipient: str) -> None:
    """An alias leads to its addresses."""
    assert delivered(postfix, recipient) == ["alice@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    "recipient", ["alice@example.org", "Alice@EXAMPLE.org", "ALICE+Tag@Example.org"]
)
@pytest.mark.postfix
@pytest.mark.root
def test_mailbox(postfix: PostfixInstance, recipient: str) -> None:
    """A mailbox gets its mail."""
    assert delivered(postfix, recipient) == [recipient]


@pytest.mark.parametrize("key", OF_OTHERS)
def test_keys_of_others(running: Running, tmp_path: Path, key: str) -> None:
    """To a key that it does not have, of whatever form, a backend answers 200 and []."""
    for table, path in running.paths.items():
        mode = TCP if table == "domain" else SOCKETMAP
        keys = {"auth-token": TOKEN, "temporary-statuses": [404]}
        config = write_config(tmp_path, endpoint(mode, running.url + path, **keys))
        handler = start("--config", config, "--endpoint", mode)
        encoded = "".join(c if c.isascii() and c.isalnum() else percent(c) for c in key).encode()
        request = b"get %s\n" % encoded if mode == TCP else netstring(f"{table} {key}".encode())
        assert handler.ask(mode, request) == NOT_FOUND[mode]
        handler.close()


def percent(character: str) -> str:
    """A character as tcp_table(5) has it."""
    return "".join(f"%{byte:02X}" for byte in character.encode())
