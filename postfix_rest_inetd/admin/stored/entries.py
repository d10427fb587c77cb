# SPDX-License-Identifier: MIT
"""The stored answers of an endpoint, and what each is good for at this moment.

What is not a file with an answer is left out: tombstones (cache/purge.py), what another process
removes meanwhile, and names that handlers do not give. What is damaged counts as DAMAGED.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model, verdict
from postfix_rest_inetd.cache import record
from postfix_rest_inetd.cache.record import FRESH, STALE, UNUSABLE
from postfix_rest_inetd.cache_folder import DIRECTORY_FLAGS, FILE_FLAGS, folder_exists, path_of
from postfix_rest_inetd.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postfix_rest_inetd.cache.clock import Moment
    from postfix_rest_inetd.cache.identity import Identity
    from postfix_rest_inetd.cache.record import StoredAnswer
    from postfix_rest_inetd.config.cache_settings import CacheSettings
    from postfix_rest_inetd.config.endpoint import Endpoint

__all__ = [
    "DAMAGED",
    "FOREIGN",
    "FRESH",
    "STALE",
    "UNUSABLE",
    "USES",
    "Entry",
    "outcome_of",
    "read",
]

FOREIGN = "foreign"
"""Stored for another token, target, header field or certificate: handlers do not use it."""
DAMAGED = "damaged"
USES = (FRESH, STALE, UNUSABLE, FOREIGN, DAMAGED)
"""What a file is good for: as in cache/record.py, and these."""

_HEXADECIMAL = frozenset("0123456789abcdef")
_DIGITS = 40  # of a file's name
_MOST_BYTES = 4 * 1024 * 1024  # of a file: the share of a subdirectory of the largest store


class Entry(NamedTuple):
    """A file; times are seconds, and 0 if it is damaged."""

    digest: str
    """Its name."""
    answer: StoredAnswer | None
    """None if it is damaged."""
    use: str
    """One of USES. STALE is usable while the backend fails."""
    size: int
    """Bytes on the disk, as the bounds of the store count them."""
    age_sec: float = 0.0
    """0 if it is unknown; the answer is UNUSABLE then."""
    fresh_sec: float = 0.0
    """How long it remains fresh."""
    outage_sec: float = 0.0
    """How long it can be used while the backend fails; also of a fresh answer."""


def read(
    directory: str,
    folder: str,
    now: Moment,
    identities: Sequence[Identity] | None,
    settings: CacheSettings | None = None,
) -> Iterator[Entry]:
    """The entries in FOLDER of a cache directory, in no order; none if there is no FOLDER.

    `identities` are those of the endpoints that share FOLDER. With None, because not all of them
    are known, no answer counts as FOREIGN, or as forged. `settings` are the operator's present
    values; without them, those of the time when an answer was stored count.

    Raises:
        OSError: a directory cannot be read.
    """
    try:
        place = os.open(path_of(directory, folder), DIRECTORY_FLAGS)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        if folder_exists(directory, folder):
            return  # a purge replaces it
        raise
    try:
        for name in _names(place, 2):
            for digest in _names_in(place, name):
                content, found = _content(place, f"{name}/{digest}")
                if found is not None and content != record.TOMBSTONE:
                    yield _entry(digest, content, found, now, identities, settings=settings)
    finally:
        os.close(place)


def outcome_of(endpoint: Endpoint, answer: StoredAnswer) -> str:
    """What a handler takes the answer for: model.FOUND, model.NOT_FOUND, or something else."""
    try:
        return verdict.of_response(endpoint, model.Response(answer.status, answer.body)).outcome
    except InvalidDataError as error:
        return error.outcome


def _names(place: int, length: int) -> list[str]:
    """The names in a directory that are so many hexadecimal digits."""
    return [
        name for name in os.listdir(place) if len(name) == length and _HEXADECIMAL.issuperset(name)
    ]


def _names_in(folder: int, name: str) -> list[str]:
    """The names of the files in a subdirectory."""
    try:
        place = os.open(name, DIRECTORY_FLAGS, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    try:
        return _names(place, _DIGITS)
    finally:
        os.close(place)


def _content(folder: int, path: str) -> tuple[bytes, os.stat_result | None]:
    """A file's content, empty if it is not one of a store; and None if it is gone."""
    try:
        descriptor = os.open(path, FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return b"", None
    except OSError:  # a symbolic link, for example
        try:
            return b"", os.stat(path, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return b"", None
    try:
        found = os.fstat(descriptor)
        is_usable = stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES
        return os.read(descriptor, found.st_size + 1) if is_usable else b"", found
    finally:
        os.close(descriptor)


def _entry(  # noqa: PLR0913 - what a file has, and what handlers know
    digest: str,
    content: bytes,
    found: os.stat_result,
    now: Moment,
    identities: Sequence[Identity] | None,
    *,
    settings: CacheSettings | None,
) -> Entry:
    answer, size = record.unverified(content), record.rounded(found.st_size)
    if answer is None:
        return Entry(digest, None, DAMAGED, size)
    if settings is not None:
        answer.follow(settings)
    answer.is_expired = not found.st_mode & stat.S_IWUSR
    use, age = answer.use_at(now)
    if identities is not None:
        request = model.LookupRequest(answer.key, answer.map_name)
        mac_key = dict(identity.of(request) for identity in identities).get(digest)
        if mac_key is None:
            use = FOREIGN
        elif record.from_bytes(content, mac_key) is None:
            return Entry(digest, None, DAMAGED, size)
    fresh = answer.lifetime_sec - age if use == FRESH else 0.0
    outage = answer.lifetime_sec + answer.stale_sec - age if use in (FRESH, STALE) else 0.0
    return Entry(digest, answer, use, size, age, fresh, outage)
