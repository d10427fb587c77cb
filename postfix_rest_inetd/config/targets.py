# SPDX-License-Identifier: MIT
"""The URLs of the backends of an endpoint, in the order in which they are asked.

They are parsed when they are needed, because that loads urllib.parse, which costs more than all
other modules of a handler that answers without asking a backend. What can be told without parsing
is told by the attributes.
"""

from __future__ import annotations

from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .target import Target


class Targets:
    """One URL or several.

    Attributes:
        urls: the URLs as they are in the file. They may contain secrets.
        source: the path of the file.
        json_path: the place of the field in it.
    """

    __slots__ = ("_is_list", "_parsed", "json_path", "source", "urls")

    def __init__(self, urls: tuple[str, ...], *, is_list: bool) -> None:
        """Parse nothing yet; `is_list` says whether the URLs are in a list in the file."""
        self._is_list = is_list
        self._parsed: tuple[Target, ...] | None = None
        self.urls = urls
        self.source = ""
        self.json_path = "$"

    @property
    def is_tls(self) -> bool:
        """Does any URL begin with https://?"""
        return any(_begins(url, "https://") for url in self.urls)

    @property
    def is_plain(self) -> bool:
        """Do all URLs begin with http://? Unlike `not is_tls`, this is false for wrong URLs."""
        return all(_begins(url, "http://") for url in self.urls)

    @property
    def has_user_info(self) -> bool:
        """Does any URL have user information (RFC 3986, 3.2.1)?"""
        return any("@" in _authority(url) for url in self.urls)

    def all(self) -> tuple[Target, ...]:
        """The targets, parsed when this is called for the first time.

        Raises:
            ConfigError: a URL cannot be used. The text does not repeat it.
        """
        found = self.problems()
        if found:
            raise ConfigError(
                self.source, [(self.json_path + below, text) for below, text in found]
            )
        assert self._parsed is not None  # noqa: S101
        return self._parsed

    def shown(self) -> str:
        """The origins of all targets in order, each once: `https://a, else https://b`.

        Raises:
            ConfigError: as all() does.
        """
        return ", else ".join(dict.fromkeys(target.origin for target in self.all()))

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with the URLs: the place below the field, and a sentence."""
        if self._parsed is not None:
            return []
        parts = [f"[{index}]" if self._is_list else "" for index in range(len(self.urls))]
        parsed, found = parse(zip(parts, self.urls, strict=True))
        if not found:
            self._parsed = tuple(parsed)
        return found


def parse(urls: Iterable[tuple[str, str]]) -> tuple[list[Target], list[tuple[str, str]]]:
    """The targets of URLs, each of which has its place before it, and what is wrong with others."""
    from .target import Target

    parsed, found = [], []
    for place, url in urls:
        try:
            parsed.append(Target(url))
        except ValueError as error:
            found.append((place, str(error)))
    return parsed, found


def _begins(url: str, scheme: str) -> bool:
    return url[: len(scheme)].lower() == scheme


def _authority(url: str) -> str:
    """What is between // and the path, the query or the fragment."""
    rest = url.partition("//")[2]
    for delimiter in "/?#":
        rest = rest.partition(delimiter)[0]
    return rest
