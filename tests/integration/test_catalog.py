# SPDX-License-Identifier: MIT
"""The message catalog, as journalctl -x shows it beside real entries."""

from __future__ import annotations

from integration.product import NOT_FOUND, TCP, UNUSABLE_CONFIG, ask, configure, endpoint, start
from integration.product import write_config as write

from harness.container import Container
from harness.container_backend import lookup


def explained(container: Container, match: str, since: str) -> str:
    """The entries behind SINCE that match, with their explanation, as an operator sees it."""
    container.journal.wait_for(match, since=since)
    # Not --after-cursor: see harness.container_journal.
    command = ("journalctl", "--no-pager", "--quiet", "--catalog", f"--cursor={since}")
    return container.run(*command, match).stdout


def test_explained(clean_container: Container) -> None:
    """An entry comes with its text, in which the endpoint's name stands; so does a broken file."""
    container = clean_container
    with container.backend({"/": lookup({})}) as backend:
        configure(container, endpoint("domains", port=9001, target=backend.url("/")))
        start(container, TCP)
        since = container.journal.cursor()
        assert ask(container, 9001, b"get x\n") == NOT_FOUND
        shown = explained(container, "POSTFIX_REST_OUTCOME=not-found", since)
    assert "domains: x: not found" in shown
    assert "A lookup found nothing" in shown
    assert "Postfix asked the endpoint domains for a key." in shown
    assert "man:postfix-rest-inetd-handler(8)" in shown

    write(container, "{")
    since = container.journal.cursor()
    assert ask(container, 9001, b"get x\n") == UNUSABLE_CONFIG
    shown = explained(container, "POSTFIX_REST_OUTCOME=unusable-config", since)
    assert "The configuration cannot be used" in shown
    container.run("systemctl", "daemon-reload")
    shown = explained(container, "MESSAGE_ID=3ec829098d9f45afb2b577e916c25a83", since)
    assert "config.json has problems, found when the sockets were told" in shown
