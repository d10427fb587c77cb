# SPDX-License-Identifier: MIT
"""Removing stored answers, or declaring one stale, in the cache directory of the handlers.

With `dry_run`, they are only counted.

Nothing is left of an answer that a handler asked for before: see cache/purge.py. The place of an
answer depends on the token of the endpoint. If only handlers can read that (a credential), the
answers that are there are found by their keys. Then a handler that is asking at this moment may
still store what it is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.stored import entries, identity, place
from postfix_rest_inetd.cache import purge
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache_folder import folder_exists, folder_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.model import LookupRequest


def all_of_it(directory: str, *, dry_run: bool = False) -> int:
    """Remove all answers; returns how many there were.

    Raises:
        CommandError: this user may not, or the directory cannot be used.
    """
    with place.used(directory):
        return sum(
            _purged(directory, folder, dry_run=dry_run) for folder in purge.folders(directory)
        )


def folder(directory: str, name: str, *, dry_run: bool = False) -> int:
    """Remove the answers in FOLDER, which exists; otherwise as `all_of_it`."""
    with place.used(directory):
        return _purged(directory, name, dry_run=dry_run)


def endpoint(directory: str, of: Endpoint, *, dry_run: bool = False) -> int:
    """Remove the answers of an endpoint; otherwise as `all_of_it`."""
    name = folder_of(of.mode, of.name)
    with place.used(directory):
        is_used = of.cache is not None or folder_exists(directory, name)
        return _purged(directory, name, dry_run=dry_run) if is_used else 0


def may_have_answers(directory: str, of: Endpoint) -> bool:
    """Is there a FOLDER? False as well if this user may not look."""
    return folder_exists(directory, folder_of(of.mode, of.name))


def answer(
    directory: str,
    of: Endpoint,
    user_agent: str,
    request: LookupRequest,
    *,
    dry_run: bool = False,
) -> int:
    """Remove one answer; otherwise as `all_of_it`."""
    name, digests = _places(directory, of, user_agent, request)
    with place.used(directory):
        if not folder_exists(directory, name):
            if of.cache is None or dry_run:
                return 0
            # A handler that asks at this moment must not store the answer.
            purge.purge_folder(directory, name)
        number = sum(entry.digest in digests for entry in _entries(directory, name))
        for digest in () if dry_run else digests:
            purge.purge_answer(directory, name, digest)
        return number


def expire(directory: str, of: Endpoint, user_agent: str, request: LookupRequest) -> bool:
    """Declare an answer stale; returns whether there was one. Errors as in `all_of_it`."""
    name, digests = _places(directory, of, user_agent, request)
    with place.used(directory):
        return sum(purge.expire(directory, name, digest) for digest in digests) > 0


def _purged(directory: str, name: str, *, dry_run: bool) -> int:
    number = len(_entries(directory, name))
    if not dry_run:
        purge.purge_folder(directory, name)
    return number


def _places(
    directory: str, of: Endpoint, user_agent: str, request: LookupRequest
) -> tuple[str, set[str]]:
    """FOLDER, and the names that the file of an answer has, or may have."""
    name = folder_of(of.mode, of.name)
    own = identity.of(of, user_agent)
    if own is not None:
        return name, {own.of(request)[0]}
    asked = (request.key, request.map_name)
    with place.used(directory):
        return name, {
            entry.digest
            for entry in _entries(directory, name)
            if entry.answer and (entry.answer.key, entry.answer.map_name) == asked
        }


def _entries(directory: str, name: str) -> Sequence[entries.Entry]:
    return list(entries.read(directory, name, now(), None))
