# SPDX-License-Identifier: MIT
"""What is wrong with a configuration file: sentences, each with the JSON path that it is about.

However many problems a file has, MAX_PROBLEMS of them are told, each in a text of bounded length,
and the others are counted: so to find one costs no more when many have been found.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PROBLEMS = 50
_MAX_SHOWN = 300  # characters of a path or a sentence
_MAX_MEANT = 64  # characters of a name that may be meant for another


class Problems:
    """The first MAX_PROBLEMS, and how many more there are.

    Attributes:
        bearable: the fields whose problems are those of one endpoint, while one is read.
        is_tolerable: have there been no other problems?
    """

    __slots__ = ("_found", "_more", "bearable", "is_tolerable")

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self._found: list[tuple[str, str]] = []
        self._more = 0
        self.bearable: frozenset[str] = frozenset()
        self.is_tolerable = True

    def __len__(self) -> int:
        """How many there are, told or only counted."""
        return len(self._found) + self._more

    @property
    def is_full(self) -> bool:
        """Is everything else only counted?"""
        return len(self._found) >= MAX_PROBLEMS

    def add(self, path: str, text: str, name: str | None = None) -> None:
        """Add a problem at a path, or at what has a name in the object there."""
        if name not in self.bearable:
            self.is_tolerable = False
        if self.is_full:
            self._more += 1
            return
        if name is not None:
            path = joined(path, cut(name))
        self._found.append((cut(path), cut(text)))

    def since(self, before: int, path: str) -> list[tuple[str, str]]:
        """Those that have come to the first `before`, all of them at a path."""
        if len(self) == before:
            return []
        return self._found[before:] or [(path, "has problems, as the others before it")]

    def listed(self) -> list[tuple[str, str]]:
        """As ConfigError has them."""
        more = f"and {self._more} more problem{'s' * (self._more > 1)}"
        return [*self._found, ("", more)] if self._more else self._found


def joined(path: str, name: str) -> str:
    """The JSON path of what has a name in the object at `path`."""
    if name.replace("-", "").replace("_", "").isalnum():
        return f"{path}.{name}"
    import json

    return f"{path}[{json.dumps(name)}]"


def cut(text: str) -> str:
    """The beginning of a text, as much of it as is shown."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known name that an unknown one may be meant for, if there is one."""
    if len(name) > _MAX_MEANT:
        return []
    from difflib import get_close_matches  # costs more than the rest; only for a broken file

    return get_close_matches(name.lower().replace("_", "-"), known, n=1)
