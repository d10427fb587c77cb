# SPDX-License-Identifier: MIT
"""What is right: the model judges what happened on a connection. A pure function of a Record.

- Each request has one reply, in order. It is the reply to what a backend said about this request,
  asked by a configuration and with a token that were in force between the arrival of the request
  and its reply; or, where answers are stored, to what a backend said earlier, for a configuration
  and a token in force now, if that may be used again.
- While a file cannot be used, what the handler had before stays in force. If it had nothing, the
  reply is the temporary error for that.
- Requests of which a part was sent before SIGTERM have replies. Later ones may have none, nor do
  those whose client has left, or that follow a failure that closes the connection.
- Nothing else is written: no second reply, and no part of one. The handler does not leave first.
- A handler that was not awake when the package was replaced is of the new version.
- The log has one line for each request with a reply, and at most one for the others.
- The handler ends with status 0.

Time is never exact here: what may have been so between two moments is permitted.
"""

from __future__ import annotations

from blackbox.driven.acts import FOUND, OUTAGES, RACING, Said, reply_of
from blackbox.driven.entries import faults_of_log
from blackbox.driven.in_force import InForce
from blackbox.driven.record import NEVER, Record, Sent
from blackbox.support import (
    INTERNAL_ERROR,
    NOT_FOUND,
    TCP_BROKEN,
    TIMED_OUT,
    UNREACHABLE,
    UNUSABLE_CONFIG,
    temporary_user_error,
    user_error,
)

from harness.modes import LOOKUPS, POLICY, SOCKETMAP, TCP

REFUSED = ("403", "404")
SLOW_SEC = 0.9
"""Nobody replaces a package so slowly."""


def faults_of(record: Record) -> list[str]:
    """Everything that was wrong; empty if nothing was."""
    return _Judge(record).faults()


class _Judge:
    def __init__(self, record: Record) -> None:
        self.record, self.mode = record, record.plan.mode
        self.newest: dict[tuple[str, int, int], Said] = {}
        self.in_force = InForce(record)
        self.is_new = False
        self.may_have_closed = False

    def faults(self) -> list[str]:
        found = []
        for sent in self.record.sent:
            fault = self.fault(sent)
            if fault:
                found.append(f"{sent.ask}: {fault}; reply {sent.reply!r}, {self.said(sent)}")
        return found + self.faults_of_the_end() + faults_of_log(self.record)

    def said(self, sent: Sent) -> list[Said]:
        """What the backends said about a request."""
        return [
            each
            for each in self.record.said
            if each.key == sent.ask.key and sent.ended <= each.at <= sent.received
        ]

    def fault(self, sent: Sent) -> str:
        """What is wrong with one request and its reply."""
        said = self.said(sent)
        fault = self.fault_of_asking(sent, said)
        is_justified = self.lacks_reply(sent, said) if sent.reply is None else True
        if not fault and not is_justified:
            fault = "no reply"
        if not fault and sent.reply is not None:
            fault = self.fault_of_reply(sent, sent.reply, said)
        self.in_force.learn(sent, said)
        return fault

    # -- what the backends were asked

    def fault_of_asking(self, sent: Sent, said: list[Said]) -> str:
        for each in said:
            versions, tokens = self.in_force.allowed(sent, each.at)
            if each.version not in versions:
                return f"asked by version {each.version}, in force were {versions}"
            if each.token not in tokens:
                return f"asked with token {each.token}, in force were {tokens}"
            if (sent.must_be_new or self.is_new) and not each.is_new_package:
                return "asked by the old version of the package"
            if each.is_new_package and (self.record.upgraded or (NEVER,))[0] > each.at:
                return "asked by a version of the package that is not installed"
            self.is_new = each.is_new_package
        most = 2 * self.record.plan.targets if self.mode in LOOKUPS else 1
        if any(each.act == "403" for each in said):
            most += 2
        return f"asked {len(said)} times" if len(said) > most else ""

    # -- requests without a reply

    def lacks_reply(self, sent: Sent, said: list[Said]) -> bool:
        """May it have no reply?"""
        if self.record.aborted or sent.began >= self.record.terminated:
            return True
        if self.record.plan.failure_action == "close":
            last = said[-1] if said else None
            has_failed = last is not None and last.act not in FOUND
            self.may_have_closed |= has_failed or self.has_raced(sent) or self.is_late(sent)
        return self.may_have_closed

    def is_late(self, sent: Sent) -> bool:
        until = min(sent.received, self.record.ended_at)
        return until - sent.ended > self.record.plan.timeout_ms / 1000 - 0.005

    def has_raced(self, sent: Sent) -> bool:
        """May it have met a connection that its backend was about to close?"""
        before = {each.ask.key for each in self.record.sent[: self.record.sent.index(sent)]}
        acts = [each.act for each in self.record.said if each.key in before]
        return self.mode == POLICY and bool(acts) and acts[-1] in RACING

    # -- replies

    def fault_of_reply(self, sent: Sent, reply: bytes, said: list[Said]) -> str:
        if sent.ended == NEVER:
            return "a reply to half of a request"
        if reply == UNUSABLE_CONFIG[self.mode]:
            return "" if self.in_force.may_be_unusable(sent) else "there was a configuration"
        if reply == TIMED_OUT[self.mode]:
            return "" if self.is_late(sent) else "it was early"
        if self.is_excused(sent, reply):
            return ""
        if said and reply in self.replies_of(sent, said[-1]):
            self.remember(said[-1])
            return ""
        return self.fault_of_stored(sent, reply, said)

    def is_excused(self, sent: Sent, reply: bytes) -> bool:
        """Is it a failure that nobody can prevent?"""
        is_slow = self.record.slowest_upgrade > SLOW_SEC
        return (reply == UNREACHABLE[self.mode] and self.has_raced(sent)) or (
            reply == INTERNAL_ERROR[self.mode] and is_slow
        )

    def remember(self, said: Said) -> None:
        """It may be stored, and replaces what was."""
        if said.act in (*FOUND, "404", "empty"):
            self.newest[said.key, said.version, said.token] = said

    def replies_of(self, sent: Sent, said: Said) -> set[bytes]:
        """The replies that are right if the search ended with this."""
        expected = reply_of(said.act, self.mode)
        if expected is None:
            return {said.reply(self.mode)}
        is_permanent = expected in [user_error(int(act))[self.mode] for act in REFUSED]
        replies = {expected}
        if is_permanent:
            temporary = temporary_user_error(int(said.act))[self.mode]
            outdated = self.in_force.is_outdated(sent)
            replies = {True: {temporary}, False: {expected}, None: {temporary, expected}}[outdated]
        if self.record.plan.failure_action == "close":
            replies &= {user_error(int(act))[self.mode] for act in REFUSED}
        return replies

    def fault_of_stored(self, sent: Sent, reply: bytes, said: list[Said]) -> str:
        """What is wrong with a reply that the backends have not just given."""
        if self.record.plan.theme != "cache":
            return "not the reply to what was said"
        versions, tokens = self.in_force.allowed(sent, sent.received)
        candidates = [
            each
            for key, each in self.newest.items()
            if key[0] == sent.ask.key and each.version in versions and each.token in tokens
        ]
        same = [each for each in candidates if reply == self.stored_reply(each)]
        has_failed = any(s.act in OUTAGES for s in self.record.said if s.at < sent.received)
        for each in same:
            is_fresh = "max-age=600" in each.permission
            if is_fresh or ("stale-if-error" in each.permission and has_failed):
                return ""
        return f"nothing stored permits it: {candidates}, now said: {said}"

    def stored_reply(self, said: Said) -> bytes:
        return said.reply(self.mode) if said.act in FOUND else NOT_FOUND[self.mode]

    # -- the end

    def faults_of_the_end(self) -> list[str]:
        record, found = self.record, []
        extra = self.reply_to_the_end()
        if [each[: len(extra)] for each in record.extra] != ([extra] if extra else []):
            found.append(f"written beyond the replies: {record.extra}, to be: {extra!r}")
        if record.rest and not record.aborted:
            found.append(f"half of a reply was written: {record.rest!r}")
        is_first = record.ended_at < min(record.left, record.terminated)
        if is_first and not self.may_have_closed:
            found.append("the handler closed the connection first")
        if record.status != 0:
            found.append(f"the exit status is {record.status}")
        return found

    def reply_to_the_end(self) -> bytes:
        """How the reply begins to a request that is broken, or only a part of one."""
        record = self.record
        if record.plan.end not in ("part", "broken") or record.left == NEVER:
            return b""
        return {TCP: TCP_BROKEN, SOCKETMAP: b"", POLICY: b""}[self.mode] or self.perm()

    def perm(self) -> bytes:
        """The length differs with the reason."""
        if self.mode == POLICY or not self.record.extra:
            return b"" if self.mode == POLICY else b"PERM"
        digits = self.record.extra[0].partition(b":")[0]
        return digits + b":PERM Broken request! ("
