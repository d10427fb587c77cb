# SPDX-License-Identifier: MIT
"""The stored answers of each endpoint in numbers.

Endpoints of one name and mode share a directory, and a summary. A directory that belongs to no
endpoint of the configuration has one as well: its endpoint was removed or renamed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.journal_entry import MAX_NAME_CHARACTERS
from postfix_rest_inetd.admin.stored import entries, identity
from postfix_rest_inetd.cache import purge
from postfix_rest_inetd.cache_folder import folder_of
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.cache.clock import Moment
    from postfix_rest_inetd.cache.identity import Identity
    from postfix_rest_inetd.config.cache_settings import CacheSettings
    from postfix_rest_inetd.config.loading import Config


class Summary:
    """The stored answers in one directory.

    Attributes:
        folder: the name of the directory.
        name, mode: those of its endpoint; empty if the configuration has none.
        settings: the endpoint's `cache`; None if that is false, or there is no endpoint.
        uses: the number of entries, by what they are good for (entries.USES).
        size: of all of them, in bytes on the disk.
        identities: for entries.read().
    """

    def __init__(self, folder: str, name: str = "", mode: str = "") -> None:
        """Nothing is counted yet."""
        self.folder = folder
        self.name = name
        self.mode = mode
        self.settings: CacheSettings | None = None
        self.uses: Counter[str] = Counter()
        self.size = 0
        self.identities: list[Identity] | None = [] if mode else None

    def count(self, directory: str, now: Moment) -> None:
        """Count what the cache directory has for it.

        Raises:
            OSError: it cannot be read.
        """
        for entry in entries.read(directory, self.folder, now, self.identities, self.settings):
            self.uses[entry.use] += 1
            self.size += entry.size


def configured(loaded: Config) -> dict[str, Summary]:
    """Summaries of the endpoints that answer lookups, by FOLDER; nothing is counted yet.

    This reads tokens and certificates, as far as this user may.
    """
    found: dict[str, Summary] = {}
    for endpoint in loaded.endpoints:
        if not endpoint.is_lookup:
            continue
        folder = folder_of(endpoint.mode, endpoint.name)
        summary = found.setdefault(folder, Summary(folder, endpoint.name, endpoint.mode))
        summary.settings = summary.settings or endpoint.cache
        own = identity.of(endpoint, loaded.user_agent)
        if own is None:
            summary.identities = None
        elif summary.identities is not None:
            summary.identities.append(own)
    return found


def others(directory: str, known: dict[str, Summary]) -> Iterator[Summary]:
    """Summaries of the directories that belong to no endpoint of the configuration.

    Raises:
        OSError: the cache directory cannot be read.
    """
    for name in purge.folders(directory):
        if name not in known:
            yield Summary(name)


def asked(
    found: Iterable[JournalEntry], summaries: Iterable[Summary]
) -> dict[tuple[str, str], Counter[str]]:
    """The requests of each endpoint by source (journal_entry.SOURCES), by name and mode."""
    counts: dict[tuple[str, str], Counter[str]] = {
        (summary.name, summary.mode): Counter() for summary in summaries if summary.mode
    }
    # As an entry has the name when it has been read.
    read = {
        (printable(name, MAX_NAME_CHARACTERS), mode): counted
        for (name, mode), counted in counts.items()
    }
    for entry in found:
        counted = read.get((entry.endpoint, entry.mode))
        if counted is not None and entry.is_request:
            counted[entry.source] += 1
    return counts
