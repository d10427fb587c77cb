# SPDX-License-Identifier: MIT
"""The screen of `trace` is short where nothing is lost by it."""

from __future__ import annotations

from harness.endpoints import endpoint
from harness.modes import TCP
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.trace import line as lines
from postfix_rest_inetd.admin.trace import request, screen
from postfix_rest_inetd.admin.trace.mails import NEAR, Mail, Related
from postfix_rest_inetd.admin.trace.search import Found
from postfix_rest_inetd.admin.trace.subject import QUEUE_ID, Subject

WHEN = 1_800_000_000_000_000


def asked(key: str, after_msec: int, outcome: str = model.FOUND) -> Related:
    """A lookup near a mail."""
    facts = log_entry.Facts()
    facts.request_id, facts.elapsed_usec = f"{after_msec}", 1000
    if outcome == model.SERVER_ERROR:
        facts.status = 503
    asking = model.LookupRequest(key.encode(), None)
    reply = model.Reply(outcome, model.REPLY_VALUE, "")
    fields = log_entry.of_request(endpoint(TCP, name="domains"), asking, reply, facts)
    found = request.parse(
        {name: value.encode() for name, value in fields.items()}, WHEN + 1000 * after_msec, ""
    )
    assert found is not None
    return Related(found, NEAR)


def test_lookups_of_a_domain() -> None:
    """Many mails have it: one line for all of its good answers, and one for each of others."""
    requests = (
        asked("c.example", 1),
        asked("b@c.example", 2),
        asked("c.example", 3),
        asked("x.example", 4),
        asked("c.example", 5),
        asked("c.example", 6, model.SERVER_ERROR),
        asked("b@c.example", 7),
        asked("x.example", 8),
    )
    line = lines.parse(b"3F2A81C0: client=x[192.0.2.1]", "postfix/smtpd", "1", WHEN)
    mail = Mail("3F2A81C0", [line], requests)
    text = screen.report(Found(Subject(QUEUE_ID, "3F2A81C0"), [mail], [], []))
    shown = [row[13:] for row in text.splitlines() if "domains  " in row]
    until = [row.rpartition("until ")[2] for row in shown if "until " in row]
    assert [row.partition(" until ")[0] for row in shown] == [
        "~ domains  c.example: found (1.0 ms), 2 more",
        "~ domains  b@c.example: found (1.0 ms)",
        "~ domains  x.example: found (1.0 ms), again",
        shown[3],
        "~ domains  b@c.example: found (1.0 ms)",
    ]
    assert "c.example: backend failed with status 503" in shown[3]
    assert [time.count(":") for time in until] == [2, 2]
