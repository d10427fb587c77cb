# SPDX-License-Identifier: MIT
"""Reading the handlers' entries from the journal, in order.

Their SYSLOG_IDENTIFIER selects them, unless `select` says something else.

systemd-python's own get_next() takes 73 us for an entry, most of it to convert fields that
statistics do not use. The methods beneath it take 23 us.

Entries are in the order in which journald got them. If the clock of the machine was set, their
times are not. So reading does not end at the first entry outside of a period, but after MAX_STRAY
of them in a row.

A cursor marks an entry, across rotations and reboots. If that entry has been removed, reading
begins at the next one that is left.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.statistics import journal_entry
from postfix_rest_inetd.journal import IDENTIFIER, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

    from postfix_rest_inetd.admin.statistics.journal_entry import Fields, JournalEntry


MAX_STRAY = 1000
"""To skip as many takes half a millisecond."""


class JournalError(CommandError):
    """The journal cannot be read."""


class Journal:
    """A position in the journal, and the entries after it.

    Attributes:
        alien: how many entries had our identifier, but were not written by handlers. Other
            programs of the units write some, and any user can forge one.
    """

    def __init__(self, directory: str | None = None) -> None:
        """Open the journal of this machine, or the one in a directory, at its beginning.

        Raises:
            JournalError: it cannot be opened.
        """
        try:
            from systemd.journal import Reader
        except ImportError as error:
            raise JournalError(f"systemd-python cannot be loaded: {error}") from None
        try:
            self._reader = Reader(path=directory)
            self._reader.add_match(f"SYSLOG_IDENTIFIER={IDENTIFIER}")
            self._reader.seek_head()
        except OSError as error:
            where = directory or "the journal"
            raise JournalError(f"{where} cannot be opened: {error.strerror}") from None
        self.alien = 0
        self._at_new = False  # is the reader at an entry that `entries` has not yielded yet?

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._reader.close()

    def this_boot_only(self) -> None:
        """Leave out the entries of earlier boots."""
        self._reader.this_boot()

    def failures_only(self) -> None:
        """Leave out successes, by the priorities of the entries (log_entry.py)."""
        self._reader.log_level(WARNING)

    def first_time(self) -> float:
        """When the first of all entries was written (seconds since 1970); 0 without one.

        The place in the journal is then behind it.
        """
        self._reader.seek_head()
        found = self._reader._next()  # noqa: SLF001
        return self._reader._get_realtime() / 1_000_000 if found else 0.0  # noqa: SLF001

    def beginning(self) -> tuple[float, bool]:
        """When the first entry was written that is left, whoever wrote it; 0 without one.

        And is it the first one that there was? journald numbers them. The entries of all programs
        are selected then.
        """
        self.select()
        when = self.first_time()
        return when, not when or "i=1" in self.cursor().split(";")

    def identifiers(self) -> set[str]:
        """Each SYSLOG_IDENTIFIER that the journal has."""
        found = self._reader.query_unique("SYSLOG_IDENTIFIER")
        return {each for each in found if isinstance(each, str)}

    def select(self, *groups: Mapping[str, Iterable[str]]) -> None:
        """Read other entries: those that have, for all fields of a group, one of the values.

        journald has an index for this: it does not read all entries.
        """
        self._reader.flush_matches()
        for group in groups:
            for field, values in group.items():
                for value in values:
                    self._reader.add_match(f"{field}={value}")
            self._reader.add_disjunction()

    def newest_first(
        self, since: float, until: float | None, names: tuple[str, ...] = ()
    ) -> Iterator[tuple[int, Fields]]:
        """Times (microseconds since 1970) and fields of entries, from `until` back to `since`.

        Without `until`, from the end of the journal. With `names`, only these fields, which is
        faster.

        Raises:
            JournalError: the journal cannot be read.
        """
        reader, begin, stray = self._reader, int(since * 1_000_000), 0
        try:
            if until is None:
                reader.seek_tail()
            else:
                self.seek_time(until)
            while reader._previous():  # noqa: SLF001 - see the module
                when = reader._get_realtime()  # noqa: SLF001
                stray = stray + 1 if when < begin else 0
                if stray > MAX_STRAY:
                    return
                if stray:
                    continue
                yield when, self._fields(names) if names else reader._get_all()  # noqa: SLF001
        except OSError as error:
            raise JournalError(f"the journal cannot be read: {error.strerror}") from None

    def _fields(self, names: tuple[str, ...]) -> Fields:
        fields: dict[str, bytes | list[bytes]] = {}
        for name in names:
            with contextlib.suppress(KeyError):
                fields[name] = self._reader._get(name)  # noqa: SLF001
        return fields

    def explanation(self) -> str:
        """The text of the message catalog for the entry read last; empty if there is none."""
        try:
            text: str = self._reader.get_catalog()
        except (OSError, LookupError, UnicodeDecodeError):
            return ""
        return text

    def seek_time(self, when: float) -> None:
        """Go to the first entry at or after a time (seconds since 1970)."""
        self._reader.seek_realtime(int(when * 1_000_000))

    def seek_end(self) -> None:
        """Go to the end, after the last entry."""
        self._reader.seek_tail()
        self._reader._previous()  # noqa: SLF001 - see the module

    def seek_cursor(self, cursor: str) -> None:
        """Go to the position after the entry that `cursor` names.

        Raises:
            JournalError: that is not a cursor.
        """
        try:
            self._reader.seek_cursor(cursor)
            # This reads the entry itself or, if that has been removed, the next one: a new one.
            found = self._reader._next()  # noqa: SLF001
            self._at_new = bool(found) and not self._reader.test_cursor(cursor)
        except (OSError, ValueError):
            raise JournalError(f"{cursor!r} is not a cursor of a journal") from None

    def cursor(self) -> str:
        """The cursor of the entry that was read last; empty if none was read."""
        try:
            cursor: str = self._reader._get_cursor()  # noqa: SLF001
        except OSError:
            return ""
        return cursor

    def entries(self, until: float | None = None) -> Iterator[JournalEntry]:
        """The entries up to a time (seconds since 1970), or to the end of the journal.

        Raises:
            JournalError: the journal cannot be read.
        """
        reader = self._reader
        end = None if until is None else int(until * 1_000_000)
        stray = 0
        try:
            while self._at_new or reader._next():  # noqa: SLF001
                self._at_new = False
                when = reader._get_realtime()  # noqa: SLF001
                stray = stray + 1 if end is not None and when > end else 0
                if stray > MAX_STRAY:
                    return
                if stray:
                    continue
                entry = journal_entry.parse(reader._get_all(), when)  # noqa: SLF001
                if entry is None:
                    self.alien += 1
                else:
                    yield entry
        except OSError as error:
            raise JournalError(f"the journal cannot be read: {error.strerror}") from None

    def backwards(self, since: float, limit: int) -> Iterator[JournalEntry]:
        """The entries from the end of the journal back to a time, the last one first.

        At most `limit` entries are read, those that count as `alien` included.

        Raises:
            JournalError: the journal cannot be read.
        """
        for when, fields in itertools.islice(self.newest_first(since, None), limit):
            entry = journal_entry.parse(fields, when)
            if entry is None:
                self.alien += 1
            else:
                yield entry

    def wait(self, timeout_sec: float) -> None:
        """Return when there may be new entries, or after `timeout_sec`."""
        self._reader.wait(timeout_sec)
