# SPDX-License-Identifier: MIT
"""The problems of a configuration file: sentences, each with the JSON path of its place.

At most MAX_PROBLEMS are kept, each with a text of limited length. The others are only counted. So a
problem costs no more when many have been found before it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PROBLEMS = 50
_MAX_SHOWN = 300  # characters of a path or a sentence
_MAX_MEANT = 64  # characters of a name that is compared with the known ones


class PartsError(ValueError):
    """Parts of the value of a field are wrong.

    Attributes:
        problems: each part, as the end of a JSON path (`[1]`, `.max-age`), and a sentence.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        """`problems` must not be empty."""
        super().__init__("; ".join(f"{part}: {text}" if part else text for part, text in problems))
        self.problems = problems


class Problems:
    """The first MAX_PROBLEMS problems, and the number of the others.

    Attributes:
        bearable: the fields whose problems affect one endpoint only, while one is read.
        is_tolerable: are all problems so far with such fields?
        source: the path of the file.
    """

    __slots__ = ("_found", "_more", "bearable", "is_tolerable", "source")

    def __init__(self, source: str) -> None:
        """Nothing is wrong yet."""
        self.source = source
        self._found: list[tuple[str, str]] = []
        self._more = 0
        self.bearable: frozenset[str] = frozenset()
        self.is_tolerable = True

    def __len__(self) -> int:
        """The number of problems, kept or only counted."""
        return len(self._found) + self._more

    @property
    def is_full(self) -> bool:
        """Are all further problems only counted?"""
        return len(self._found) >= MAX_PROBLEMS

    def add(self, path: str, text: str, name: str | None = None, part: str = "") -> None:
        """Add a problem at a path, or at the field `name` of the object there, or a part of it."""
        if name not in self.bearable:
            self.is_tolerable = False
        if self.is_full:
            self._more += 1
            return
        if name is not None:
            path = joined(path, cut(name)) + part
        self._found.append((cut(path), cut(text)))

    def since(self, before: int, path: str) -> list[tuple[str, str]]:
        """The problems after the first `before`, which are those of the endpoint at `path`."""
        if len(self) == before:
            return []
        return self._found[before:] or [(path, "has problems, as the others before it")]

    def listed(self) -> list[tuple[str, str]]:
        """All of them, in the form of ConfigError."""
        more = f"and {self._more} more problem{'s' * (self._more > 1)}"
        return [*self._found, ("", more)] if self._more else self._found


def joined(path: str, name: str) -> str:
    """The JSON path of the field `name` in the object at `path`."""
    if name.replace("-", "").replace("_", "").isalnum():
        return f"{path}.{name}"
    import json

    return f"{path}[{json.dumps(name)}]"


def cut(text: str) -> str:
    """The part of a text that is shown."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """A list of the known name that is most similar to an unknown one, or an empty list."""
    if len(name) > _MAX_MEANT:
        return []
    from difflib import get_close_matches  # costs more than the rest; only for a broken file

    return get_close_matches(name.lower().replace("_", "-"), known, n=1)
