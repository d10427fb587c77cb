# SPDX-License-Identifier: MIT
"""What was found, for programs. Times are in seconds since 1970."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from postfix_rest_inetd.admin.trace import cause
from postfix_rest_inetd.admin.trace.subject import ADDRESS

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.trace.line import Line
    from postfix_rest_inetd.admin.trace.mails import Mail
    from postfix_rest_inetd.admin.trace.request import Request
    from postfix_rest_inetd.admin.trace.search import Found


def report(found: Found) -> str:
    """One object: the subject, the mails with their events and verdicts, and the notes."""
    address = found.subject.text if found.subject.kind == ADDRESS else ""
    document = {
        "subject": {"kind": found.subject.kind, "text": found.subject.text},
        "mails": [_mail(mail, address) for mail in found.mails],
        "others": [_request(request, "") for request in found.others],
        "notes": found.notes,
    }
    return json.dumps(document, indent=2) + "\n"


def _mail(mail: Mail, address: str) -> dict[str, Any]:
    judged = cause.judge(mail, address)
    events = [_line(line) for line in mail.lines]
    events += [_request(each.request, each.relation) for each in mail.requests]
    return {
        "queue_id": mail.queue_id,
        "came_from": [{"queue_id": each.former, "kind": each.kind} for each in mail.before],
        "goes_on_as": [
            {
                "queue_id": each.queue_id,
                "kind": each.kind,
                "relay": each.relay,
                "is_here": each.is_here,
            }
            for each in mail.after
        ],
        "fate": judged.fate,
        "cause": judged.cause,
        "verdict": judged.verdict,
        "remedy": list(judged.remedy),
        "commands": list(judged.commands),
        "events": sorted(events, key=lambda event: float(event["time"])),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "time": line.when_usec / 1_000_000,
        "source": "postfix",
        "program": line.program,
        "pid": line.pid,
        "fate": line.fate,
        "text": line.text,
    }


def _request(request: Request, relation: str) -> dict[str, Any]:
    entry = request.entry
    return {
        "time": request.when_usec / 1_000_000,
        "source": "postfix-rest-inetd",
        "endpoint": entry.endpoint,
        "mode": entry.mode,
        "outcome": entry.outcome,
        "relation": relation,
        "request_id": request.request_id,
        "text": request.text,
    }
