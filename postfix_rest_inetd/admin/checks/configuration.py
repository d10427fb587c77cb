# SPDX-License-Identifier: MIT
"""The configuration: all problems that the handlers' parser finds, with their positions."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import excerpt, positions
from postfix_rest_inetd.admin.checks.finding import ERROR, GOOD, NOTE, Finding
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.units.advice import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLACE_IN_TEXT = re.compile(r" \(line \d+, column \d+\)$")  # where a text stops being JSON
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # the byte order marks
_UNUSABLE = (
    "Until this is corrected, open connections use the previous configuration, and every request "
    "on a new connection gets a temporary error."
)
_PARTLY_USABLE = (
    "Until this is corrected, every request of {} on a new connection gets a temporary error. "
    "Other endpoints are served."
)
_USABLE = "Until this is corrected, a temporary error replaces failure-action. All else is served."

_AS_ROOT = "Run this as root, or as a member of the group that may read it."


def load(path: str, content: bytes | None = None) -> tuple[loading.Config | None, list[Finding]]:
    """The configuration, or None if it cannot be used, and the findings about it.

    `content`, if given, is the future content of `path`.
    """
    try:
        content = loading.read(path) if content is None else content
        loaded = loading.parse(content, path)
    except ConfigError as error:
        is_hidden = content is None and is_closed(path)
        advice = _AS_ROOT if is_hidden else _consequence(path, content)
        return None, list(problems(path, error, content, advice))
    return loaded, described(path, loaded)


def described(path: str, loaded: loading.Config) -> list[Finding]:
    """The findings about a good configuration."""
    if not loaded.endpoints:
        what = "has no endpoints yet; nothing will listen"
        return [Finding(NOTE, path, what)]
    return [
        Finding(GOOD, endpoint.name, f"{endpoint.mode} on {endpoint.address}, asks {origins}")
        for endpoint in loaded.endpoints
        for origins in [endpoint.targets.shown()]
    ]


def problems(
    path: str, error: ConfigError, content: bytes | None = None, advice: str = ""
) -> Iterator[Finding]:
    """The problems of an error, in the order of the file; the last one has the advice.

    `error.source` is the file itself, or one that a key of it names.
    """
    if content is None:
        content = _content(path)
    places = positions.find(content, [json_path for json_path, _ in error.problems])
    other = "" if error.source == path else f"{error.source} "
    found = []
    for json_path, text in error.problems:
        place = places.get(json_path) if json_path else positions.syntax_error(content)
        where = f"{path}:{place.line}:{place.column}" if place else path
        told = text if place is None else _PLACE_IN_TEXT.sub("", text)
        if not json_path and (content or b"").startswith(_UTF_16):
            told = "is UTF-16; save it as UTF-8"
        what = f"{json_path}: {other}{told}" if json_path else f"{other}{told}"
        shown = "" if json_path or place is None else excerpt.excerpt(content, place)
        found.append((place or (0, 0), Finding(ERROR, where, what, excerpt=shown)))
    found.sort(key=lambda pair: pair[0])
    for number, (_, finding) in enumerate(found, 1):
        yield finding._replace(advice=advice if number == len(found) else "")


def _consequence(path: str, content: bytes | None) -> str:
    """What the problems of a file mean for mail; without `content`, it cannot be read."""
    if content is None:
        return _UNUSABLE
    try:
        loaded = loading.parse(content, path, tolerant=True)
    except ConfigError:
        return _UNUSABLE
    unusable = [e for e in loaded.endpoints if e.problems or e.targets.problems()]
    names = list(dict.fromkeys(endpoint.name for endpoint in unusable))
    return _PARTLY_USABLE.format(listed(names)) if names else _USABLE


def is_closed(path: str) -> bool:
    """Is this user not allowed to read the file? Handlers may still be."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except PermissionError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _content(path: str) -> bytes | None:
    """The content of the file, or None if it cannot be read: then there are no positions."""
    try:
        return loading.read(path)
    except ConfigError:
        return None
