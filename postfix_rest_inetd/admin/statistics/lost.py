# SPDX-License-Identifier: MIT
"""The entries that should be in the journal and are not, as far as the journal itself says so.

journald says how many entries of a unit it has dropped because of its rate limit, but only when the
unit logs again: what a connection logged last may be missing without a word. A handler says how
many entries journald did not take (journal.py). And journald removes old entries, or all at a
reboot, if it keeps them in /run.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.statistics.latest import journals
from postfix_rest_inetd.admin.ui.draw import moment
from postfix_rest_inetd.journal import IDENTIFIER, MISSED_ID
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.journal_entry import Fields

DROPPED_ID = "a596d6fe7bfa4994828e72309e95d61e"
"""SD_MESSAGE_JOURNAL_DROPPED in systemd's sd-messages.h."""

HANDLERS = ("postfix-rest-",)
"""How the names of the units of handlers begin."""

_FIELDS = ("MESSAGE_ID", "N_DROPPED", "OBJECT_SYSTEMD_UNIT")
_MOST = 10_000  # of such entries
_MAX_DIGITS = 12
_SLACK_SEC = 1.0


class Lost(NamedTuple):
    """What was found.

    Attributes:
        dropped: by journald, by the name of the unit, or of its template.
        not_taken: by journald, of those that handlers have written.
        begin: when the first entry of the machine was written that is left (seconds since 1970); 0
            without one.
        is_whole: has no entry been removed before that?
    """

    dropped: dict[str, int]
    not_taken: int
    begin: float
    is_whole: bool = True

    def is_cut(self, since: float | None) -> bool:
        """Have entries been removed that a period may have had which begins then?"""
        return not self.is_whole and since is not None and self.begin > since + _SLACK_SEC

    def sentences(self) -> Iterator[str]:
        """What is missing, without the end of the journal."""
        for unit, number in self.dropped.items():
            yield f"journald has dropped {_number(number)} of {unit} by its rate limit"
        if self.not_taken:
            yield f"journald did not take {_number(self.not_taken)} of handlers"

    def document(self) -> dict[str, object]:
        """All of it, for programs."""
        return {
            "dropped": self.dropped,
            "not_taken": self.not_taken,
            "journal_begin": self.begin or None,
            "journal_is_whole": self.is_whole,
        }

    def beginning(self) -> str:
        """A sentence for a period for which `is_cut` is true."""
        return f"the journal begins at {moment(self.begin)}"


def read(
    directory: str | None,
    since: float | None,
    until: float | None,
    units: tuple[str, ...] = HANDLERS,
) -> Lost:
    """Look for what is missing in a period (seconds since 1970; None is the end of the journal).

    `units` are how the names of the units begin that matter.

    Raises:
        JournalError: the journal cannot be read.
    """
    dropped: Counter[str] = Counter()
    not_taken = 0
    with Journal(directory) as journal:
        begin, is_whole = journal.beginning()
        journal.select(
            {"MESSAGE_ID": (DROPPED_ID,), "_TRANSPORT": ("driver",)},  # nobody else can write that
            {"MESSAGE_ID": (MISSED_ID,), "SYSLOG_IDENTIFIER": (IDENTIFIER,)},
        )
        found = journal.newest_first(since or 0.0, until, _FIELDS)
        for _, (_, fields) in zip(range(_MOST), found, strict=False):
            number = _dropped(fields)
            unit = _template(_text(fields, "OBJECT_SYSTEMD_UNIT"))
            if _text(fields, "MESSAGE_ID") == MISSED_ID:
                not_taken += number
            elif unit.startswith(units):
                dropped[unit] += number
    is_kept = directory is not None or any(path.startswith("/var/") for path in journals())
    return Lost(dict(sorted(dropped.items())), not_taken, begin, is_whole and is_kept)


def _number(number: int) -> str:
    return f"{number:,} ".replace(",", " ") + ("entry" if number == 1 else "entries")


def _template(unit: str) -> str:
    """`postfix-rest-tcp@.service`, for all of its instances."""
    name, at, _ = unit.partition("@")
    return f"{name}@.service" if at else unit


def _dropped(fields: Fields) -> int:
    text = _text(fields, "N_DROPPED")
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else 0


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name, b"")
    last = value[-1] if isinstance(value, list) else value
    return printable(last.decode("ascii", "backslashreplace"), 200)
