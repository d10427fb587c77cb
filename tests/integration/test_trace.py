# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd trace` tells what happened to mails of a real Postfix, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integration.good_machine import Machine
from integration.mail import (
    SENDER,
    is_deferred,
    session,
    set_up,
    wait_for_end_of_mails,
)
from integration.product import configure

from harness.container import Container
from harness.container_backend import answer, lookup

pytestmark = pytest.mark.one_release

TRACE = ("postfix-rest-inetd", "trace")
REFUSING = "refuse unix - n n - - pipe user=nobody argv=/bin/false"
FILTER = "127.0.0.1:10026 inet n - n - - smtpd -o content_filter= -o mynetworks=127.0.0.0/8"
HELD, REJECTED, UNKNOWN, FAILING, GOOD, FILTERED = (
    f"{name}@hosted.example"
    for name in ("held", "rejected", "unknown", "failing", "good", "filtered")
)


def traced(container: Container, *arguments: str) -> dict[str, Any]:
    """What it finds, as JSON."""
    container.journal.sync()
    document: dict[str, Any] = json.loads(container.run(*TRACE, "--json", *arguments).stdout)
    return document


def relations(mail: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The endpoints, outcomes and relations of the requests of a mail."""
    ours = [event for event in mail["events"] if event["source"] == "postfix-rest-inetd"]
    return [(event["endpoint"], event["outcome"], event["relation"]) for event in ours]


def test_trace(machine: Machine) -> None:
    """Each mail is explained by what held it up, and by nothing else.

    Mails are one after the other: what is near in time to one is near to others as well.
    """
    container, backend = machine.container, machine.backend
    found = {"hosted.example": ["x"], **{key: ["x"] for key in (HELD, REJECTED, GOOD)}}
    backend.set_routes({"/lookup": lookup({**found, FAILING: 503}), "/policy": answer("DUNNO")})
    configure(container, *machine.endpoints(gate={"allowed-actions": ["DUNNO", "REJECT"]}))
    transport = f"inline:{{ {{ {HELD} = smtp:[127.0.0.1]:1 }} }}"
    set_up(container, {"virtual_alias_maps": "", "transport_maps": transport})
    since = container.journal.cursor()
    assert session(container, HELD, quit_after="").replies("RCPT") == ["250 2.1.5 Ok"]
    (deferral,) = container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix/smtp", since=since, condition=is_deferred
    )
    session(container, GOOD, quit_after="")
    wait_for_end_of_mails(container, since)
    session(container, UNKNOWN)
    session(container, FAILING)
    backend.set_routes({"/lookup": lookup(found), "/policy": answer("REJECT not today")})
    session(container, REJECTED)
    mails = traced(container, SENDER)["mails"]
    held, good, unknown, failing, rejected = mails
    assert (held["fate"], held["cause"]) == ("deferred", "postfix")
    assert "Connection refused" in held["verdict"]
    assert deferral["MESSAGE"].startswith(f"{held['queue_id']}: ")
    assert ("gate", "action", "this mail") in relations(held)
    assert ("maps", "found", "near in time") in relations(held)

    assert (good["fate"], good["cause"], good["remedy"]) == ("accepted", "", [])

    assert (unknown["fate"], unknown["cause"]) == ("refused", "lookup not found")
    assert unknown["remedy"][0].startswith("If the key should be known, look for it in the backend")

    assert (failing["fate"], failing["cause"]) == ("deferred", "lookup failed")
    assert failing["remedy"][0].startswith("Look for the reason in the log of the backend.")
    request_id = failing["remedy"][-1].rpartition(" ")[2]
    assert failing["commands"] == [f"journalctl -x POSTFIX_REST_REQUEST_ID={request_id}"]

    assert (rejected["fate"], rejected["cause"]) == ("refused", "policy action")
    assert "not today" in rejected["verdict"]
    assert rejected["remedy"][0].startswith("If the action is wrong, change it in the backend")

    assert traced(container, held["queue_id"])["mails"] == [held]
    assert traced(container, request_id)["mails"] == [failing]
    screen = container.run(*TRACE, FAILING).stdout
    assert failing["verdict"] in screen
    assert f"\n       {failing['commands'][0]}\n" in screen
    nothing = container.run(*TRACE, "absent@hosted.example", check=False)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "the journal has nothing about the address absent@hosted.example" in nothing.stderr


def test_other_queue_ids(machine: Machine) -> None:
    """A mail is followed through a content filter and to its bounce, from any of the three."""
    container, backend = machine.container, machine.backend
    backend.set_routes({"/lookup": lookup({"hosted.example": ["x"], FILTERED: ["x"]})})
    transport = f"inline:{{ {{ {FILTERED} = refuse: }} }}"
    parameters = {"virtual_alias_maps": "", "transport_maps": transport}
    parameters |= {"content_filter": "smtp:[127.0.0.1]:10026", "smtpd_recipient_restrictions": ""}
    set_up(container, parameters, FILTER, REFUSING)
    since = container.journal.cursor()
    session(container, FILTERED, quit_after="")
    container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix/bounce",
        since=since,
        condition=lambda entry: "non-delivery notification: " in entry["MESSAGE"],
    )
    first, second, notice = mails = traced(container, FILTERED)["mails"]
    ids = [mail["queue_id"] for mail in mails]
    assert first["came_from"] == []
    assert [(each["queue_id"], each["is_here"]) for each in first["goes_on_as"]] == [(ids[1], True)]
    assert second["came_from"] == [{"queue_id": ids[0], "kind": "handed on"}]
    assert [each["kind"] for each in second["goes_on_as"]] == ["notice"]
    assert notice["came_from"] == [{"queue_id": ids[1], "kind": "notice"}]
    assert (first["fate"], second["fate"]) == ("accepted", "refused")
    for queue_id in ids:
        found = traced(container, queue_id)["mails"]
        assert [mail["queue_id"] for mail in found] == ids
    screen = container.run(*TRACE, ids[0]).stdout
    assert f"\n-> It goes on as {ids[1]}: see below.\n" in screen
    assert f"\nIt is about {ids[1]}: see above.\n" in screen
