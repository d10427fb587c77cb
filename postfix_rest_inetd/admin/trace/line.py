# SPDX-License-Identifier: MIT
"""A line of Postfix's log in the journal. Pure functions.

    postfix/smtpd[12]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 ...; from=<> to=<b@c> ...
    postfix/smtp[13]: 3F2A81C0D5: to=<b@c>, relay=none, ..., status=deferred (...)
    postfix/cleanup[14]: warning: 3F2A81C0D5: virtual_alias_maps map lookup problem for b@c -- ...

The texts: smtpd/smtpd_check.c (smtpd_check_reject), global/log_adhoc.c, cleanup/cleanup_map1n.c;
of links, also smtpd/smtpd.c (queued as), local/forward.c, bounce/bounce_notify_service.c and
pickup/pickup.c (orig_id, after `postsuper -r`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from postfix_rest_inetd.admin.trace.subject import QUEUE_ID_PATTERN
from postfix_rest_inetd.log_entry import printable

MAX_CHARACTERS = 2000

ACCEPTED, DEFERRED, REFUSED = "accepted", "deferred", "refused"

IDENTIFIERS = re.compile(r"postfix[^/]*/[\w/.-]+", re.ASCII)
"""What Postfix's syslog_name usually makes of SYSLOG_IDENTIFIER, also for a second instance."""

_TROUBLE = re.compile(r"(?:warning|error|fatal|panic): ")
_NAMED = re.compile(rf"({QUEUE_ID_PATTERN}|NOQUEUE): ", re.ASCII)
_ADDRESS = re.compile(r"\b(from|to|orig_to)=<([^>]*)>")
_MESSAGE_ID = re.compile(r"\bmessage-id=<?([^>]*)")
_REJECT = re.compile(r"reject: .*?: ([45])\d\d ")
_STATUS = re.compile(r"\bstatus=(\w+)")
_STATUSES = {"sent": ACCEPTED, "deferred": DEFERRED, "bounced": REFUSED, "expired": REFUSED}
_CODES = {"4": DEFERRED, "5": REFUSED}

HANDED_ON, FORWARDED, NOTICE, REQUEUED = "handed on", "forwarded", "notice", "queued again"
"""What becomes of a mail under another queue id; a notice is a bounce, or another one about it."""

_RELAY = re.compile(r"\brelay=([^ ,]+)")
_LINKS = {
    kind: re.compile(rf"{words} ({QUEUE_ID_PATTERN})\b", re.ASCII)
    for kind, words in (
        (HANDED_ON, r"status=sent \(.*\bqueued as"),
        (FORWARDED, r"status=sent \(forwarded as"),
        (NOTICE, r"(?:sender|postmaster) [a-z -]+ notification:"),
    )
}
_ORIGIN = re.compile(rf" orig_id=({QUEUE_ID_PATTERN})\b", re.ASCII)


class Line(NamedTuple):
    """A line.

    Attributes:
        when_usec: microseconds since 1970.
        program: `smtpd`.
        pid: of the process, as it says; empty if it does not.
        queue_id: empty for NOQUEUE, and for a line that is not about one mail.
        text: the whole line, printable.
        is_trouble: a warning or an error.
        fate: what became of the mail for a recipient; empty for a line that does not tell.
        sender: None for a line that has none; empty for the null sender.
        recipients: with those before a rewriting.
        message_id: without angle brackets.
        link: a queue id, the one that follows it, and a kind (HANDED_ON and so on).
        relay: which server took the mail.
    """

    when_usec: int
    program: str
    pid: str
    queue_id: str
    text: str
    is_trouble: bool = False
    fate: str = ""
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    message_id: str = ""
    link: tuple[str, str, str] | None = None
    relay: str = ""

    @property
    def addresses(self) -> set[str]:
        """All addresses in the line, as they are written and in lower case."""
        written = [each for each in (self.sender or "", *self.recipients) if each]
        return {form for each in written for form in (each, each.lower())}


def parse(message: bytes, identifier: str, pid: str, when_usec: int) -> Line:
    """The line that has this text."""
    text = printable(message.decode(errors="backslashreplace"), MAX_CHARACTERS)
    trouble = _TROUBLE.match(text)
    named = _NAMED.match(text, trouble.end() if trouble else 0)
    queue_id = named[1] if named and named[1] != "NOQUEUE" else ""
    found = _ADDRESS.findall(text)
    return Line(
        when_usec,
        printable(identifier.rpartition("/")[2], 40),
        pid,
        queue_id,
        text,
        trouble is not None,
        _fate(text) if named else "",
        next((address for name, address in found if name == "from"), None),
        tuple(dict.fromkeys(address for name, address in found if name != "from")),
        match[1] if (match := _MESSAGE_ID.search(text)) else "",
        _link(text, queue_id) if queue_id else None,
        match[1] if (match := _RELAY.search(text)) else "",
    )


def _link(text: str, queue_id: str) -> tuple[str, str, str] | None:
    for kind, pattern in _LINKS.items():
        if (match := pattern.search(text)) is not None:
            return queue_id, match[1], kind
    origin = _ORIGIN.search(text)
    return (origin[1], queue_id, REQUEUED) if origin else None


def _fate(text: str) -> str:
    if (reject := _REJECT.search(text)) is not None:
        return _CODES[reject[1]]
    status = _STATUS.search(text)
    return _STATUSES.get(status[1], "") if status else ""
