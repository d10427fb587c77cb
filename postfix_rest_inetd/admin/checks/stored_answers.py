# SPDX-License-Identifier: MIT
"""Stored answers: whether handlers can store any, and what the values of `cache` come to.

`usable` looks at the cache directory of the handlers, and at what is directly in it. `hidden` is
for one that they do not see. Handlers that cannot use it ask the backend every time. So none of
these findings stops mail, but in an outage mail waits that a stored answer would have let through.
`terms` and `permitted` are about an answer that a backend has just given.
"""

from __future__ import annotations

import copy
import os
import shlex
import stat
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.checks import space
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.host import access
from postfix_rest_inetd.cache import control
from postfix_rest_inetd.config.cache_settings import CacheSettings
from postfix_rest_inetd.units.advice import command, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.hidden_paths import Hidden
    from postfix_rest_inetd.answering import Answer
    from postfix_rest_inetd.config.endpoint import Endpoint

# What a file takes at least, whatever is in it.
_BLOCK_BYTES = 4096
_NOT_FOUND = 404
_STORED = {model.FOUND, model.NOT_FOUND}
_LONG_SEC = 3600  # for a recipient that exists to be refused


def values(endpoints: list[Endpoint]) -> Iterator[Finding]:
    """Values of `cache` that have no effect, whatever the backend says."""
    for endpoint in endpoints:
        settings = endpoint.cache
        if settings is None or settings.max_entries * _BLOCK_BYTES <= settings.max_bytes:
            continue
        most = settings.max_bytes // _BLOCK_BYTES
        what = f"cache: max-entries {settings.max_entries} has no effect: an answer takes at least "
        what += f"{_BLOCK_BYTES} bytes, so max-bytes {settings.max_bytes} limits them to {most}"
        advice = f"Raise max-bytes, or lower max-entries to {most}."
        yield Finding(NOTE, endpoint.name, what, advice)


def without_directory(endpoints: list[Endpoint], unit: str) -> Iterator[Finding]:
    """For handlers of `unit`, which have no cache directory: what they should store."""
    names = [endpoint.name for endpoint in endpoints if _permits(endpoint)]
    if names:
        what = f"cache has no effect: {unit} passes no $CACHE_DIRECTORY to handlers"
        steps = commands(command("cat", unit))
        advice = f"Remove the drop-in whose Environment= empties it:\n{steps}"
        yield Finding(WARNING, listed(names), what, advice)


def _permits(endpoint: Endpoint) -> bool:
    """Does the operator permit more than the backend?"""
    settings = endpoint.cache
    return settings is not None and bool(
        settings.max_age or settings.not_found_max_age or settings.stale_if_error
    )


def hidden(endpoints: list[Endpoint], directory: str, what: Hidden) -> Iterator[Finding]:
    """For handlers whose sandbox has something else in the place of their cache directory."""
    if _are_stored(endpoints):
        text = f"{what.said_of(directory)}, so no answers are stored"
        yield Finding(WARNING, directory, text, "Keep it in /var/cache, or on a disk of its own.")


def usable(
    endpoints: list[Endpoint], directory: str, user: str | None, *, is_made: bool
) -> Iterator[Finding]:
    """What keeps the handlers of these endpoints from using the cache directory.

    Args:
        endpoints: all of the configuration.
        directory: its path.
        user: the user of the handlers; None if that is not known.
        is_made: does systemd make it when a handler starts?
    """
    if not _are_stored(endpoints):
        return
    if user is not None and not access.exists(user):
        return  # checks.files says so, and the steps that make the user make the directory
    try:
        status = os.stat(directory)
    except FileNotFoundError:
        if not is_made:
            what = "does not exist, so no answers are stored"
            step = _making(os.path.realpath(directory), user)  # it may be a link to another disk
            yield Finding(WARNING, directory, what, commands(step))
        return
    except OSError as error:
        yield Finding(NOTE, directory, f"cannot be looked at: {error.strerror}")
        return
    if not stat.S_ISDIR(status.st_mode):
        what, quoted = "is not a directory, so no answers are stored", shlex.quote(directory)
        steps = (f"mv {quoted} {quoted}.old", _making(directory, user))
        yield Finding(WARNING, directory, what, commands(*steps))
        return
    full = list(space.findings(directory, "no answers are stored"))
    yield from full or _rights(directory, user)


def _are_stored(endpoints: list[Endpoint]) -> bool:
    """Are there answers that handlers would store?"""
    return any(endpoint.is_lookup and endpoint.cache is not None for endpoint in endpoints)


def _making(directory: str, user: str | None) -> str:
    """The command that makes it."""
    owner = f"-o {user} -g {user} " if user else ""
    return f"install -d -m 0700 {owner}{shlex.quote(directory)}"


def _quoted(directory: str) -> str:
    """For the shell, what the path leads to: neither install(1) nor chown(1) follows a link."""
    return shlex.quote(os.path.realpath(directory))


def _rights(directory: str, user: str | None) -> Iterator[Finding]:
    """Whether the directory and those in it belong to the user, and to nobody else."""
    quoted = _quoted(directory)
    for path in [directory, *_inside(directory)]:
        try:
            status = os.stat(path)
        except OSError:
            continue  # it was removed meanwhile
        name, rights = "" if path == directory else f"{path} ", access.rights(path)
        if user is not None and access.user_name(status.st_uid) != user:
            what = f"{name}does not belong to {user}, the user of the handlers ({rights}), so "
            what += "answers are not stored"
            steps = (f"chown -R {user}:{user} {quoted}", f"chmod 0700 {quoted}")
            yield Finding(WARNING, directory, what, commands(*steps))
            return
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            what = f"{name}can be changed by other users ({rights})"
            yield Finding(WARNING, directory, what, commands(f"chmod -R go-w {quoted}"))
            return
        if user is not None and path == directory and access.may(user, "w", path) is False:
            what = f"{user}, the user of the handlers, may not write there ({rights}), so answers "
            what += "are not stored"
            yield Finding(WARNING, directory, what, commands(f"chmod 0700 {quoted}"))
            return


def _inside(directory: str) -> Iterator[str]:
    """The directories below: of a version, of its parts, and of the endpoints."""
    level = [directory]
    for _ in range(3):
        below = []
        for path in level:
            try:
                with os.scandir(path) as found:
                    below += sorted(
                        each.path for each in found if each.is_dir(follow_symlinks=False)
                    )
            except OSError:
                continue  # this user may not look
        yield from below
        level = below


def terms(made: Answer) -> str:
    """For how long handlers may use an answer again that a backend has just given; `""`: not."""
    granted = _granted_to(made, made.endpoint.cache)
    if granted is None:
        return ""
    fresh_sec, stale_sec = granted
    if not fresh_sec:
        return f"; used again in an outage, for {stale_sec} s"
    longer = f", and in an outage for {stale_sec} s more" if stale_sec else ""
    return f"; used again for {fresh_sec} s{longer}"


def permitted(made: Answer) -> Iterator[Finding]:
    """What `cache` comes to for an answer that a backend has just given, and what that risks."""
    settings = made.endpoint.cache
    if settings is None or made.response is None:
        return
    granted = _granted_to(made, settings)
    is_found = made.reply.outcome == model.FOUND
    members = ("max_age" if is_found else "not_found_max_age", "stale_if_error")
    idle = [
        member.replace("_", "-")
        for member in members
        if getattr(settings, member) and granted == _granted_to(made, _without(settings, member))
    ]
    where = f"{made.endpoint.name}: cache"
    if idle:
        what = f"{' and '.join(idle)} has no effect: the backend itself says how long this answer "
        what += "may be stored"
        yield Finding(NOTE, where, what)
    if is_found or granted is None:
        return
    if granted[1] and (settings.stale_if_error or made.facts.status == _NOT_FOUND):
        yield from _not_found(made, where, granted[1])
    theirs = _granted_to(made, CacheSettings())
    if theirs is not None and theirs[0] > _LONG_SEC:
        what = 'the backend permits with Cache-Control or Expires to use "not found" for '
        what += f"{theirs[0]} s: a recipient that is created meanwhile is refused for that time"
        advice = 'Let the backend send a shorter max-age, or set "cache": false to store nothing.'
        yield Finding(WARNING, where, what, advice)


def _not_found(made: Answer, where: str, stale_sec: int) -> Iterator[Finding]:
    """What it means to use a "not found" in an outage."""
    what = f'with stale-if-error, "not found" is also used for {stale_sec} s while '
    what += "the backend fails: a recipient that was created in the meantime is refused"
    if made.facts.status != _NOT_FOUND:
        yield Finding(NOTE, where, what)
        return
    what += ". This backend says it with 404, as a web server without the right application does"
    advice = 'Let the backend answer [] for "not found", and put 404 into temporary-statuses.'
    yield Finding(WARNING, where, what, advice)


def _granted_to(made: Answer, settings: CacheSettings | None) -> tuple[int, int] | None:
    """For how many seconds an answer is used, and beyond that in an outage; None: not stored."""
    is_found = made.reply.outcome == model.FOUND
    if settings is None or made.response is None or made.reply.outcome not in _STORED:
        return None
    granted = control.grant(
        made.response.caching,
        is_found=is_found,
        settings=settings,
        requested_wall=time.time(),
        delay_sec=0,
    )
    return None if granted is None else (granted.lifetime_sec, granted.stale_sec)


def _without(settings: CacheSettings, member: str) -> CacheSettings:
    result = copy.copy(settings)
    setattr(result, member, 0)
    return result
