# SPDX-License-Identifier: MIT
"""The tutorial, postfix-rest-inetd(7), done as it is written: files, commands, what they print."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.mail import drain, sink
from integration.product import wait_until

from harness.container import Container
from harness.manual_page import as_shown, blocks
from harness.readme import same_shape

PAGE = "postfix-rest-inetd.7"
LMTP_PORT = 24
EXAMPLES = Path(__file__).parents[2] / "packaging/examples"
INSTALLED = "/usr/share/doc/postfix-rest-inetd/examples"


def run(container: Container, program: str) -> str:
    """What the commands of a block print; one that fails fails the test.

    Some machines have a umask with which new files are root's alone.
    """
    strict = f"umask 077\n{program}"
    return container.run("bash", "-euo", "pipefail", "-c", strict).stdout


def wait_for_backend(container: Container) -> None:
    """Wait until it listens, for which a reader would hardly have to."""
    listening = ("ss", "-Hltn", "sport = :8080")
    wait_until(lambda: container.run(*listening).stdout, "the backend")


@pytest.mark.timeout(180, func_only=True)
def test_tutorial(fresh_container: Container) -> None:
    """Each file is right, each command works, and prints what the page says; mail is delivered."""
    container = fresh_container
    container.copy_in(EXAMPLES, INSTALLED)
    said = ""
    for block in blocks(PAGE):
        if block.kind == "file":
            assert as_shown(container.read(block.argument)) == block.text
        elif block.kind == "says":
            assert same_shape(block.text, said), said
        else:
            container.journal.sync()
            said = run(container, block.text)
            if "start mail-backend" in block.text or "--now mail-backend" in block.text:
                wait_for_backend(container)
    with sink(container, LMTP_PORT, lmtp=True) as server:
        # Capital letters and an extension, which Debian's main.cf has a recipient_delimiter for.
        swaks = "swaks --server 127.0.0.1 --from someone@example.net --to Info+List@Example.ORG"
        run(container, swaks)
        drain(container)
        assert server.recipients() == ["alice@example.org", "bob@example.org"]
