# SPDX-License-Identifier: MIT
"""The lines for spawn(8) of postfix-rest-inetd-handler(8), as they stand there, in a Postfix."""

from __future__ import annotations

import re

from integration.mail import rcpt, set_up
from integration.product import configure, endpoint

from harness.container import Container
from harness.container_backend import answer
from harness.manual_page import source


def display(beginning: str) -> str:
    """The literal display of the page that begins so."""
    text = source("postfix-rest-inetd-handler.8")
    (found,) = re.findall(
        rf"^\.Bd -literal.*\n({re.escape(beginning)}(?:.*\n)+?)\.Ed$", text, re.MULTILINE
    )
    return str(found)


def test_spawn(clean_container: Container) -> None:
    """The handler runs as a user who can read config.json, and its backend decides."""
    machine = clean_container
    service = " ".join(display("rest-policy unix").split())
    lines = re.sub(r"\n\s+", " ", display("rest-policy_time_limit")).splitlines()
    with machine.backend({"/p": answer("REJECT not today")}) as backend:
        # Reached by the endpoint's name alone; the address is nobody's.
        configure(machine, endpoint("policy", "policy", port=9003, target=backend.url("/p")))
        ours = {"mynetworks": "192.0.2.1", "relay_domains": "test.example"}
        set_up(
            machine, {**ours, **dict(re.split(" = ?", line, maxsplit=1) for line in lines)}, service
        )
        refusal = "554 5.7.1 <user@test.example>: Recipient address rejected: not today"
        assert rcpt(machine, "user@test.example") == refusal
        machine.run("postconf", "-MX", "rest-policy/unix")
        machine.run("postconf", "-X", "rest-policy_time_limit")
