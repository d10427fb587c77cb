# SPDX-License-Identifier: MIT
"""config.json to Config: all of its problems are found at once, and nothing in it is guessed.

The file is the one of postfix-rest-connector 1.1.0 and 3.x, with more optional keys (fields.py). As
there, `null` stands for a key that is not given. Different from JSON's usual readers, a key that
stands twice in an object is a problem, and so is a key that nobody knows: the nearest known key is
named. Two endpoints on one address are a problem, whatever their modes.

Any problem makes a file one that cannot be used, for those that look after it. For those that serve
mail by it (`tolerant`), a problem at a key of one endpoint that does not say where it listens is
that endpoint's alone: the endpoint bears its problems, and the others can be used. Whatever may be
about an address (a key that nobody knows, too) is not: a connection might go to another endpoint.
A wrong `failure-action` is none for such an endpoint: its place is taken by a temporary error.

Reading is bounded: a regular file of at most MAX_CONFIG_BYTES, and counts that no file of anybody's
reaches (here and in fields.py). So any file is used or refused in about a second: what a step costs
does not grow with what the other steps have found. The files that it names (tokens, certificates)
are not read here.
"""

from __future__ import annotations

from .. import regular_file
from ..errors import ConfigError
from ..protocols import is_lookup
from . import fields, json_reader
from .address import LocalAddress
from .endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

DEFAULT_PATH = "/etc/postfix-rest-inetd/config.json"
DEFAULT_USER_AGENT = "Postfix REST Connector"
MAX_CONFIG_BYTES = 4 * 1024 * 1024
MAX_ENDPOINTS = 1000
MAX_PROBLEMS = 50  # that are told; the others are counted
_MAX_SHOWN = 300  # characters of a path or a sentence
_MAX_MEANT = 64  # characters of a key that may be meant for another

_LOCALHOST = b"\x7f\0\0\1"


class Config:
    """A configuration that can be used.

    Attributes:
        problem: what is wrong with some of the endpoints, if that was to be tolerated.
    """

    __slots__ = ("endpoints", "problem", "user_agent")

    def __init__(
        self, user_agent: str, endpoints: list[Endpoint], problem: ConfigError | None = None
    ) -> None:
        """All checked."""
        self.user_agent = user_agent
        self.endpoints = endpoints
        self.problem = problem


class _Object(dict[str, object]):
    """A JSON object that remembers the keys that stood in it more than once."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated = [] if len(self) == len(pairs) else _repeated(pairs)


def _repeated(pairs: list[tuple[str, object]]) -> list[str]:
    seen: set[str] = set()
    repeated = []
    for key, _ in pairs:
        if key in seen:
            repeated.append(key)
        seen.add(key)
    return repeated


class _Problems:
    """What is wrong with a file: the first MAX_PROBLEMS of it, and how much more there is.

    Attributes:
        bearable: the keys whose problems are those of one endpoint, while one is read.
        is_tolerable: have there been no other problems?
    """

    __slots__ = ("_found", "_more", "bearable", "is_tolerable")

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._more = 0
        self.bearable: frozenset[str] = frozenset()
        self.is_tolerable = True

    def __len__(self) -> int:
        return len(self._found) + self._more

    @property
    def is_full(self) -> bool:
        """Is everything else only counted?"""
        return len(self._found) >= MAX_PROBLEMS

    def add(self, path: str, text: str, key: str | None = None) -> None:
        """Add a problem at a path, or at a key of the object there."""
        if key not in self.bearable:
            self.is_tolerable = False
        if self.is_full:
            self._more += 1
            return
        if key is not None:
            path = joined(path, _cut(key))
        self._found.append((_cut(path), _cut(text)))

    def since(self, before: int, path: str) -> list[tuple[str, str]]:
        """Those that have come to the first `before`, all of them at a path."""
        if len(self) == before:
            return []
        return self._found[before:] or [(path, "has problems, as the others before it")]

    def listed(self) -> list[tuple[str, str]]:
        """As ConfigError has them."""
        more = f"and {self._more} more problem{'s' * (self._more > 1)}"
        return [*self._found, ("", more)] if self._more else self._found


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def load(path: str, *, for_listening: bool = False, tolerant: bool = False) -> Config:
    """Read and check a file, as parse() does.

    Raises:
        ConfigError: it cannot be used; all of its problems are listed.
    """
    return parse(read(path), path, for_listening=for_listening, tolerant=tolerant)


def read(path: str) -> bytes:
    """The content of a file, for parse().

    Raises:
        ConfigError: it cannot be read, or is too large.
    """
    try:
        content = regular_file.read(path, MAX_CONFIG_BYTES + 1)
    except regular_file.NotRegularError:
        raise ConfigError(path, [("", "this is not a regular file")]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the path has a NUL in it"
        raise ConfigError(path, [("", f"cannot be read: {reason}")]) from None
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(path, [("", f"is larger than {MAX_CONFIG_BYTES} bytes")])
    return content


def parse(
    content: bytes, source: str, *, for_listening: bool = False, tolerant: bool = False
) -> Config:
    """Check the content of a file; `source` is named in the error.

    With `for_listening` the targets are not looked at: the endpoints of the result tell where to
    listen, and are fit for nothing else. If `tolerant`, so are endpoints that have `problems`.

    Raises:
        ConfigError: it cannot be used; all of its problems are listed.
    """
    problems = _Problems()
    repeated: list[_Object] = []

    def to_object(pairs: list[tuple[str, object]]) -> _Object:
        result = _Object(pairs)
        if result.repeated:
            repeated.append(result)
        return result

    document = _document(content, source, to_object)
    if repeated:
        try:
            _find_repeated(document, (), problems)
        except RecursionError:  # the scanner in C of Python 3.12 goes deeper than this may
            raise ConfigError(source, [("", "is nested too deeply")]) from None
    if not isinstance(document, _Object):
        raise ConfigError(source, [("$", 'must be an object, as in {"endpoints": []}')])
    known: dict[str, Callable[[Any], Any]] = {"user-agent": fields.header_value, "endpoints": _list}
    values, _ = _read_keys(document, known, ("endpoints",), "$", problems)
    endpoint_keys = (
        {**fields.ENDPOINT_KEYS, "target": fields.text} if for_listening else fields.ENDPOINT_KEYS
    )
    places: dict[LocalAddress, str] = {}
    endpoints = [
        _endpoint(entry, endpoint_keys, f"$.endpoints[{index}]", problems, places)
        for index, entry in enumerate(values.get("endpoints", []))
    ]
    problem = ConfigError(source, problems.listed()) if len(problems) > 0 else None
    if problem is not None and not (tolerant and problems.is_tolerable):
        raise problem
    usable = [endpoint for endpoint in endpoints if endpoint is not None]
    return Config(values.get("user-agent", DEFAULT_USER_AGENT), usable, problem)


def _document(
    content: bytes, source: str, to_object: Callable[[list[tuple[str, object]]], object]
) -> object:
    try:
        return json_reader.loads(content.decode().removeprefix("\ufeff"), to_object)
    except UnicodeDecodeError as error:
        text = f"is not UTF-8: byte {error.start + 1}"
    except ValueError as error:
        text = f"is not JSON: {error}"
    except RecursionError:
        text = "is nested too deeply"
    raise ConfigError(source, [("", text)]) from None


def _find_repeated(value: object, place: tuple[Any, ...], problems: _Problems) -> None:
    """`place` is made of the place of what holds the value, and the value's key or index there."""
    if isinstance(value, _Object):
        if value.repeated:
            path = "" if problems.is_full else _path_of(place)
            for key in value.repeated:
                problems.add(path, "stands here more than once", key)
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                _find_repeated(inner, (place, key), problems)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                _find_repeated(inner, (place, index), problems)


def _path_of(place: tuple[Any, ...]) -> str:
    keys_to_it = []
    while place:
        place, key = place
        keys_to_it.append(key)
    path = "$"
    for key in reversed(keys_to_it):
        path = f"{path}[{key}]" if isinstance(key, int) else joined(path, _cut(key))
    return path


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - as in fields.py
    if len(value) > MAX_ENDPOINTS:
        raise ValueError(f"has {len(value)} entries, and may have {MAX_ENDPOINTS}")
    return value


def _read_keys(
    document: Mapping[str, object],
    known: Mapping[str, Callable[[Any], Any]],
    required: Iterable[str],
    path: str,
    problems: _Problems,
) -> tuple[dict[str, Any], set[str]]:
    """The checked values of an object's keys, and the keys that it names or seems to mean.

    What is wrong goes to `problems`; a misspelt key is not reported as missing too.
    """
    values: dict[str, Any] = {}
    named: set[str] = set()
    for key, value in document.items():
        if key not in known:
            nearest = [] if problems.is_full else _nearest(key, known)
            named.update(nearest)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            problems.add(path, f"is not a known key{hint}", key)
        elif value is not None:
            named.add(key)
            try:
                values[key] = known[key](value)
            except ValueError as error:
                problems.add(path, str(error), key)
    for key in required:
        if key not in named:
            problems.add(path, "is required", key)
    return values, named


def _endpoint(
    entry: object,
    known: Mapping[str, Callable[[Any], Any]],
    path: str,
    problems: _Problems,
    places: dict[LocalAddress, str],
) -> Endpoint | None:
    """An endpoint, or None when that cannot be told; `places` are taken already.

    Fit to be used only if nothing is wrong with it.
    """
    if not isinstance(entry, _Object):
        problems.add(path, "must be an object")
        return None
    before = len(problems)
    problems.bearable = fields.OF_REQUESTS
    values, named = _read_keys(entry, known, fields.REQUIRED, path, problems)
    for key, text in _contradictions(values, named):
        problems.add(path, text, key)
    problems.bearable = frozenset()
    address = _address(values, named)
    if address is not None and (other := places.setdefault(address, path)) != path:
        key = "bind-port" if address.path is None else "bind-path"
        problems.add(path, f"{address} is taken by {other}", key)
    if address is None:
        return None
    endpoint = Endpoint()
    endpoint.json_path = path
    endpoint.address = address
    own = problems.since(before, path)
    endpoint.problems = [each for each in own if each[0] != f"{path}.failure-action"]
    for key in fields.ENDPOINT_KEYS:
        if not key.startswith("bind-"):
            setattr(endpoint, key.replace("-", "_"), values.get(key, fields.DEFAULTS.get(key)))
    return endpoint


def _address(values: dict[str, Any], named: set[str]) -> LocalAddress | None:
    """Where an endpoint listens, or None when that is wrong or missing."""
    if "bind-path" in named:
        return LocalAddress(None, path=values["bind-path"]) if "bind-path" in values else None
    if "bind-port" not in values or ("bind-address" in named and "bind-address" not in values):
        return None
    return LocalAddress(values.get("bind-address", _LOCALHOST), values["bind-port"])


def _contradictions(values: dict[str, Any], named: set[str]) -> Iterable[tuple[str, str]]:
    """What is wrong between the keys of an endpoint."""
    if "auth-token" not in named and "auth-token-file" not in named:
        yield "auth-token", "is required, or else auth-token-file"
    if "auth-token" in named and "auth-token-file" in named:
        yield "auth-token-file", "cannot stand beside auth-token"
    if "bind-path" in named:
        for key in sorted(named.intersection(("bind-address", "bind-port"))):
            yield key, "cannot stand beside bind-path"
    elif "bind-port" not in named:
        yield "bind-port", "is required, or else bind-path"
    if "tls-key-file" in named and "tls-cert-file" not in named:
        yield "tls-key-file", "needs tls-cert-file beside it"
    if "mode" in values and is_lookup(values["mode"]):
        yield from _lookup_contradictions(values, named)
    elif "mode" in values and "access-table" in named:
        yield "access-table", "has a meaning only for the modes of lookups"
    if "target" in values and not isinstance(values["target"], str):
        yield from _target_contradictions(values, named)


def _lookup_contradictions(values: dict[str, Any], named: set[str]) -> Iterable[tuple[str, str]]:
    """What is wrong between the keys of an endpoint for lookups."""
    for key in sorted(named.intersection(fields.POLICY_ONLY)):
        yield key, "has a meaning only for the mode policy"
    # A bad value of access-table is a problem by itself, and no reason for another one.
    is_access_table = values.get("access-table", "access-table" in named)
    if "allowed-actions" in named and not is_access_table:
        yield "allowed-actions", "needs access-table beside it, in an endpoint for lookups"
    if "list-separator" in named and values.get("access-table"):
        yield "list-separator", "has no meaning beside access-table: an action is one value"


def _target_contradictions(values: dict[str, Any], named: set[str]) -> Iterable[tuple[str, str]]:
    """What is wrong between the target and other keys."""
    if not values["target"].tls:
        for key in sorted(named.intersection(fields.TLS_ONLY)):
            yield key, "has no meaning for a target that begins with http://"
    if values["target"].basic_auth is not None and _has_header(values, "authorization"):
        yield "headers", "Authorization cannot stand beside user information in the target"


def _has_header(values: dict[str, Any], name: str) -> bool:
    return any(header.lower() == name for header in values.get("headers", ()))


def _nearest(key: str, known: Iterable[str]) -> list[str]:
    if len(key) > _MAX_MEANT:
        return []
    from difflib import get_close_matches  # costs more than the rest; only for a broken file

    return get_close_matches(key.lower().replace("_", "-"), known, n=1)


def joined(path: str, key: str) -> str:
    """The JSON path of a key in the object at `path`."""
    if key.replace("-", "").replace("_", "").isalnum():
        return f"{path}.{key}"
    import json

    return f"{path}[{json.dumps(key)}]"
