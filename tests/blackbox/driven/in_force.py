# SPDX-License-Identifier: MIT
"""What may have been in force for a request, by the files and by what the handler had before."""

from __future__ import annotations

from blackbox.driven.acts import Said
from blackbox.driven.record import Record, Sent
from blackbox.driven.timeline import BROKEN, Timeline
from blackbox.support import UNUSABLE_CONFIG


class InForce:
    """Follows the requests of one connection in order."""

    def __init__(self, record: Record) -> None:
        """The handler has read nothing yet."""
        self._record = record
        self._versions: set[int | None] = {None}
        self._tokens: set[int | None] = {None}

    def allowed(self, sent: Sent, until: float) -> tuple[set[int], set[int]]:
        """The versions of the configuration, and the tokens, that the handler may use for it."""
        timelines = self._record.versions, self._record.tokens
        versions = self._good(timelines[0], sent.ended, until)
        tokens = self._good(timelines[1], sent.ended, until)
        # A token that can be used is in force, whatever the configuration is like. A configuration
        # is not, without its token.
        if self._is_broken(timelines[1], sent, until):
            tokens |= self._good(timelines[1], sent.began, until) | (self._tokens - {None})
            versions |= self._good(timelines[0], sent.began, until) | (self._versions - {None})
        if self._is_broken(timelines[0], sent, until):
            versions |= self._good(timelines[0], sent.began, until) | (self._versions - {None})
        return versions, tokens

    def may_be_unusable(self, sent: Sent) -> bool:
        """Can the handler have nothing that it could use?"""
        is_broken = any(
            self._is_broken(each, sent, sent.received)
            for each in (self._record.versions, self._record.tokens)
        )
        return is_broken and None in self._versions

    def is_outdated(self, sent: Sent) -> bool | None:
        """Is a file unusable, so that no refusal is permanent? None if that may be or not."""
        timelines = self._record.versions, self._record.tokens
        found = [each.between(sent.ended, sent.received) for each in timelines]
        if any(each == {BROKEN} for each in found):
            return True
        is_written = any(each.is_being_written(sent.began, sent.received) for each in timelines)
        return None if is_written or any(BROKEN in each for each in found) else False

    def learn(self, sent: Sent, said: list[Said]) -> None:
        """What the handler has by now, after this request."""
        if said:
            self._versions, self._tokens = {said[-1].version}, {said[-1].token}
        elif sent.reply == UNUSABLE_CONFIG[self._record.plan.mode]:
            self._versions, self._tokens = {None}, {None}
        elif sent.reply is not None:
            versions, tokens = self.allowed(sent, sent.received)
            self._versions, self._tokens = set(versions), set(tokens)

    @staticmethod
    def _good(timeline: Timeline, since: float, until: float) -> set[int]:
        return {value for value in timeline.between(since, until) if value is not BROKEN}

    @staticmethod
    def _is_broken(timeline: Timeline, sent: Sent, until: float) -> bool:
        """May the handler have found what cannot be used, or half of what can?"""
        return BROKEN in timeline.between(sent.ended, until) or timeline.is_being_written(
            sent.ended, until
        )
