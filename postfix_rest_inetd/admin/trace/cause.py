# SPDX-License-Identifier: MIT
"""What became of a mail, what held it up, and what to do. Pure functions.

What follows from entries that name the mail is said as a fact; what only fits in time and key is
said to be near in time. What to do is what the message catalog says below the entry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import journal_entry
from postfix_rest_inetd.admin.trace.line import ACCEPTED, DEFERRED, REFUSED, Line
from postfix_rest_inetd.admin.trace.mails import ANONYMOUS, NAMED, is_near
from postfix_rest_inetd.log_entry import advice, printable
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.trace.mails import Mail, Related

UNFINISHED = "unfinished"

POLICY, POLICY_FAILED = "policy action", "policy failed"
NOT_FOUND, LOOKUP_FAILED, VALUE = "lookup not found", "lookup failed", "lookup value"
NO_ANSWER, POSTFIX, NOTHING = "endpoint not reached", "postfix", ""

# smtpd/smtpd_check.c: check_rcpt_maps(), permit_auth_destination() and check_table_result().
_UNKNOWN = re.compile("user unknown|unknown user|unknown in |relay access denied", re.IGNORECASE)
_BY_ACCESS_TABLE = re.compile("(?:address|host|command) rejected|access denied", re.IGNORECASE)

_MAX_REASON = 300

_OUR_WORDS = ": REST "  # verdict.py
_CHECK = ("postfix-rest-inetd check --probe",)


class Judgement(NamedTuple):
    """A judgement.

    Attributes:
        fate: of the mail: ACCEPTED, DEFERRED, REFUSED or UNFINISHED.
        cause: one of the constants above.
        verdict: in one or two sentences.
        remedy: lines of text; none if nothing is to be done, or nothing is known.
        commands: that show more.
    """

    fate: str
    cause: str
    verdict: str
    remedy: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class _Cause(NamedTuple):
    kind: str
    sentence: str
    by: Related | None = None


def judge(mail: Mail, address: str = "") -> Judgement:
    """The judgement; only about a recipient if `address` is one of the mail's recipients."""
    last = _last_of_each(mail, address.lower())
    held = [line for line in last if line.fate != ACCEPTED]
    if held:
        line = held[-1]
        cause = _cause(line, mail)
        more = f" {len(held) - 1} more recipients are held up." if len(held) > 1 else ""
        return _judgement(line.fate, f"{_told(line)}. {cause.sentence}{more}", cause)
    earlier = [line for line in mail.lines if line.fate and line.fate != ACCEPTED]
    if last and earlier:
        cause = _cause(earlier[-1], mail)
        verdict = f"{_told(last[-1])}, after it had been held up. {cause.sentence}"
        return _judgement(ACCEPTED, verdict, cause)
    if last:
        return Judgement(ACCEPTED, NOTHING, f"{_told(last[-1])}. Nothing held it up.")
    troubles = [line for line in mail.lines if line.is_trouble]
    cause = _cause(troubles[-1], mail) if troubles else _Cause(NOTHING, "")
    told = "Not finished in this period: no line tells what became of the mail. "
    return _judgement(UNFINISHED, f"{told}{cause.sentence}".rstrip(), cause)


def _last_of_each(mail: Mail, address: str) -> list[Line]:
    """The last line about each recipient's fate, in the order of time.

    Lines without a recipient are about all of them.
    """
    last: dict[str, Line] = {}
    for line in mail.lines:
        if line.fate:
            last[line.recipients[0].lower() if line.recipients else ""] = line
    own = [line for line in last.values() if address in map(str.lower, line.recipients)]
    return sorted(own or last.values(), key=lambda line: line.when_usec)


def _told(line: Line) -> str:
    recipient = f" for {line.recipients[0]}" if line.recipients else ""
    what = {ACCEPTED: "Delivered", DEFERRED: "Deferred", REFUSED: "Refused"}[line.fate]
    if not line.is_reject and line.fate == REFUSED:
        what = "Returned to the sender"
    why = printable(line.reason, _MAX_REASON)
    return f"{what} by {line.program}{recipient}" + (f": {why}" if why else "")


def _judgement(fate: str, verdict: str, cause: _Cause) -> Judgement:
    if cause.by is None:
        return Judgement(fate, cause.kind, verdict, (), _CHECK if cause.kind == NO_ANSWER else ())
    request = cause.by.request
    commands: tuple[str, ...] = ()
    if request.request_id:
        commands = (f"journalctl -x POSTFIX_REST_REQUEST_ID={request.request_id}",)
    return Judgement(fate, cause.kind, verdict, request.remedy, commands)


def _cause(line: Line, mail: Mail) -> _Cause:
    """What led to a line."""
    near = [each for each in mail.requests if is_near(each.request.when_usec, (line,))]
    # What comes after the line cannot have led to it; clocks of entries differ by little.
    near = [each for each in near if each.request.when_usec <= line.when_usec + _SLACK_USEC]
    for find in (_policy, _unreached, _failed_lookup, _missing, _anonymous, _value):
        if cause := find(line, mail, near[::-1]):
            return cause
    what = "Postfix decided this by itself, or asked something else: no request of ours near "
    return _Cause(POSTFIX, f"{what}in time explains it.")


_SLACK_USEC = 1_000_000


_NO_CONNECTION = ("Connection refused", "problem talking to server", "No such file or directory")


def _policy(line: Line, _mail: Mail, near: list[Related]) -> _Cause | None:
    """An action, or a failure, of a policy endpoint that was asked about this mail.

    A failure with an action of its own need not have held the mail up: it counts if it was the last
    question, or if the line has the words of our reply.
    """
    own = [each for each in near if each.relation == NAMED and _is_asked_for(line, each)]
    newest = own[0] if own else None
    for each in own:
        entry = each.request.entry
        if entry.failed and (_OUR_WORDS in line.text or each is newest):
            what = f"The policy endpoint {entry.endpoint} could not answer: {_why(each)}"
            return _Cause(POLICY_FAILED, what, each)
        effects = {REFUSED: journal_entry.REFUSED, DEFERRED: journal_entry.DEFERRED}
        if entry.effect and entry.effect == effects.get(line.fate):
            what = f"The backend of the policy endpoint {entry.endpoint} decided that."
            return _Cause(POLICY, what, each)
    return None


def _is_asked_for(line: Line, each: Related) -> bool:
    """Is it a policy request, and not about another recipient?"""
    recipient = each.request.recipient.lower()
    is_its = not recipient or recipient in map(str.lower, line.recipients)
    mode = each.request.entry.mode
    return bool(mode) and not is_lookup(mode) and is_its


def _unreached(line: Line, mail: Mail, _near: list[Related]) -> _Cause | None:
    """A warning of Postfix that it could not talk to a table or a policy service."""
    for other in reversed(mail.lines):
        is_ours = any(words in other.text for words in _NO_CONNECTION)
        if other.is_trouble and is_ours and is_near(other.when_usec, (line,)):
            return _Cause(NO_ANSWER, f"Near in time, Postfix had no connection: {other.text}.")
    return None


def _failed_lookup(line: Line, _mail: Mail, near: list[Related]) -> _Cause | None:
    for each in near:
        entry = each.request.entry
        if each.request.key and entry.failed and line.fate != REFUSED:
            key = each.request.key
            what = f"Near in time, the lookup of {key} at {entry.endpoint} failed: {_why(each)}"
            return _Cause(LOOKUP_FAILED, what, each)
    return None


def _missing(line: Line, _mail: Mail, near: list[Related]) -> _Cause | None:
    """A key that was not found, if the line says that something is unknown."""
    if not _UNKNOWN.search(line.text):
        return None
    for_domain = "Relay access denied" in line.text
    for each in near:
        key = each.request.key
        if each.request.entry.outcome == model.NOT_FOUND and ("@" in key) != for_domain:
            source = each.request.entry.endpoint
            what = f"Near in time, {source} did not find {key}. If its table tells Postfix what "
            what += "exists, that is the reason."
            return _Cause(NOT_FOUND, what, each)
    return None


def _anonymous(line: Line, _mail: Mail, near: list[Related]) -> _Cause | None:
    """A failure that may have been about any mail at that time."""
    for each in near:
        if each.relation == ANONYMOUS and line.fate != REFUSED:
            entry = each.request.entry
            where = f" of {entry.endpoint}" if entry.endpoint else ""
            what = f"Near in time, a request{where} failed that may be about this mail: "
            is_policy = entry.mode and not is_lookup(entry.mode)
            kind = POLICY_FAILED if is_policy else LOOKUP_FAILED
            return _Cause(kind, f"{what}{_why(each)}", each)
    return None


def _value(line: Line, _mail: Mail, near: list[Related]) -> _Cause | None:
    """A value that was found; in an access table, it is the action."""
    if not _BY_ACCESS_TABLE.search(line.text):
        return None
    for each in near:
        if each.request.entry.outcome == model.FOUND:
            source, key = each.request.entry.endpoint, each.request.key
            what = f"Near in time, {source} found {key}. If that is an access table, its value is "
            return _Cause(VALUE, f"{what}the reason; otherwise, Postfix decided by itself.", each)
    return None


def _why(each: Related) -> str:
    """The outcome and the cause; where the status explains it, with the advice of the entry.

    It ends a sentence.
    """
    entry = each.request.entry
    what = entry.outcome.replace("-", " ") + (
        f" with status {entry.status}" if entry.status else ""
    )
    advised = advice(entry.outcome, entry.status, each.request.request_id)
    is_advice = entry.cause == advice(entry.outcome, entry.status, "...")
    why = ": ".join(filter(None, (what, advised if is_advice else entry.cause)))
    return why if why.endswith(("?", ".", "!")) else f"{why}."
