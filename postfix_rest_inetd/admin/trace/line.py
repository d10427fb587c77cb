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
_MAX_READ = 8000  # two addresses as long as line_length_limit of Postfix, and the rest

ACCEPTED, DEFERRED, REFUSED = "accepted", "deferred", "refused"

_PROGRAMS = (
    "bounce cleanup discard error lmtp local oqmgr pickup pipe postscreen postsuper proxymap qmgr "
    "qmqpd smtp smtpd spawn trivial-rewrite verify virtual"
).split()
IDENTIFIERS = re.compile(
    rf"postfix[^/]*/[\w/.-]+|[\w.-]+(?:/[\w.-]+)*/(?:{'|'.join(_PROGRAMS)})", re.ASCII
)
"""What Postfix's syslog_name makes of SYSLOG_IDENTIFIER, also for another instance or service.

If it does not begin with `postfix`, these programs are known: their lines tell of mails.
"""

# info_log_addr_form.c quotes a local part with blanks or brackets, as RFC 5321 has it. The text of
# a reply has it without quotes, and may read as if it were the end of the line.
_ANGLED = r'<("(?:[^"\\]|\\.)*"(?:@[^>"]*)?|[^"<>]*)>'
_WORDS = r'(?:,? (?!from=|to=)\w+=(?:<[^>]*>|[^\s<>",]+))*'
_HEAD = re.compile(rf"(?:uid=\d+ )?(from|to)={_ANGLED}(?:, orig_to={_ANGLED})?")
_TAIL = re.compile(rf";(?: from={_ANGLED})?(?:,? to={_ANGLED})?{_WORDS}$")
_TAIL_OF_CONTENT = re.compile(rf"; from={_ANGLED}(?: to={_ANGLED})?{_WORDS}")

# Where each text stands, so that an address such as status=sent@example.org is not one of them.
_TROUBLE = re.compile(r"(?:warning|error|fatal|panic): ")
_NAMED = re.compile(rf"({QUEUE_ID_PATTERN}|NOQUEUE): ", re.ASCII)
_MESSAGE_ID = re.compile(r"(?:resent-)?message-id=<?([^>]*)")
_REJECT = re.compile(r"(?:milter-)?reject: ")
_REPLY = re.compile(r".*?: (([45])(?:\d\d|\.\d+\.\d+) .*)")
# Of header_checks(5) and such: cleanup_act_log() in cleanup/cleanup_message.c. The text of the mail
# comes before the sender, and that of the rule at the end.
_OF_CONTENT = re.compile(r"[a-z]+: (?:header|body|mime-error) ")
_OF_RULE = re.compile(r": (([45])\.\d+\.\d+ .*)")
_STATUS = re.compile(
    rf"(?:to={_ANGLED}, (?:orig_to={_ANGLED}, )?relay=(?P<relay>[^ ,]+).*?|from={_ANGLED}), "
    r"status=(?P<status>[\w-]+)(?: \((?P<reason>.*?)\)?$)?"
)
_STATUSES = {
    "sent": ACCEPTED,
    "deferred": DEFERRED,
    "SOFTBOUNCE": DEFERRED,
    "bounced": REFUSED,
    "expired": REFUSED,
    "force-expired": REFUSED,
}
_CODES = {"4": DEFERRED, "5": REFUSED}

HANDED_ON, FORWARDED, NOTICE, REQUEUED = "handed on", "forwarded", "notice", "queued again"
"""What becomes of a mail under another queue id; a notice is a bounce, or another one about it."""

_LINKS = {
    kind: re.compile(rf"{words} ({QUEUE_ID_PATTERN})\b", re.ASCII)
    for kind, words in (
        (HANDED_ON, r".*\bqueued as"),
        (FORWARDED, r"forwarded as"),
    )
}
_NOTICE = re.compile(
    rf"(?:sender|postmaster) [a-z -]+ notification: ({QUEUE_ID_PATTERN})\b", re.ASCII
)
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
        reason: why this became of the mail, as Postfix says.
        is_reject: was it refused or deferred while the client was waiting?
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
    reason: str = ""
    is_reject: bool = False

    @property
    def addresses(self) -> set[str]:
        """All addresses in the line, as they are written and in lower case."""
        written = [each for each in (self.sender or "", *self.recipients) if each]
        return {form for each in written for form in (each, each.lower())}


class _Fate(NamedTuple):
    fate: str = ""
    status: str = ""
    reason: str = ""
    relay: str = ""
    is_reject: bool = False


def parse(message: bytes, identifier: str, pid: str, when_usec: int) -> Line:
    """The line that has this text."""
    text = printable(message[:_MAX_READ].decode(errors="backslashreplace"), _MAX_READ)
    trouble = _TROUBLE.match(text)
    named = _NAMED.match(text, trouble.end() if trouble else 0)
    queue_id = named[1] if named and named[1] != "NOQUEUE" else ""
    begin = named.end() if named else 0
    message_id = _MESSAGE_ID.match(text, begin) if queue_id else None
    sender, recipients, end = _addresses(text, begin)
    fate = _fate(text, begin, end) if named and not trouble else _Fate()
    return Line(
        when_usec,
        printable(identifier.rpartition("/")[2], 40),
        pid,
        queue_id,
        printable(text, MAX_CHARACTERS),
        trouble is not None,
        fate.fate,
        sender,
        tuple(dict.fromkeys(recipients)),
        message_id[1] if message_id else "",
        _link(text, queue_id, begin, fate) if queue_id else None,
        fate.relay,
        fate.reason,
        fate.is_reject,
    )


def _addresses(text: str, begin: int) -> tuple[str | None, list[str], int]:
    """The sender, if any, the recipients, and where the text before or after them ends."""
    if head := _HEAD.match(text, begin):
        if head[1] == "from":
            return head[2], [], head.end()
        return None, [each for each in head.groups()[1:] if each is not None], head.end()
    is_of_content = _OF_CONTENT.match(text, begin)
    pattern = _TAIL_OF_CONTENT if is_of_content else _TAIL
    tails = list(pattern.finditer(text, begin))
    if not tails:
        return None, [], len(text)
    tail = tails[-1]
    end = tail.end() if is_of_content else tail.start()
    return tail[1], [tail[2]] if tail[2] is not None else [], end


def _link(text: str, queue_id: str, begin: int, fate: _Fate) -> tuple[str, str, str] | None:
    if fate.status == "sent":
        for kind, pattern in _LINKS.items():
            if (match := pattern.match(fate.reason)) is not None:
                return queue_id, match[1], kind
    if (notice := _NOTICE.match(text, begin)) is not None:
        return queue_id, notice[1], NOTICE
    head = _HEAD.match(text, begin)
    origin = _ORIGIN.match(text, head.end()) if head else None
    return (origin[1], queue_id, REQUEUED) if origin else None


def _fate(text: str, begin: int, end: int) -> _Fate:
    """What became of the mail; at `end`, the text of a reply ends, or that of a rule begins."""
    if (reject := _REJECT.match(text, begin)) is not None:
        if _OF_CONTENT.match(text, begin):
            rule = _OF_RULE.match(text, end)
            code, reason = (rule[2], rule[1]) if rule else ("5", text[end:].removeprefix(": "))
            return _Fate(_CODES[code], reason=reason, is_reject=True)
        reply = _REPLY.match(text, reject.end(), end)
        if reply is None:
            return _Fate(is_reject=True)
        return _Fate(_CODES[reply[2]], reason=reply[1], is_reject=True)
    if (status := _STATUS.match(text, begin)) is None:
        return _Fate()
    fate = _STATUSES.get(status["status"], "")
    return _Fate(fate, status["status"], status["reason"] or "", status["relay"] or "")
