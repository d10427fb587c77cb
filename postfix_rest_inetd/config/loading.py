# SPDX-License-Identifier: MIT
"""config.json to Config: all of its problems are found at once, and nothing in it is guessed.

The file is the one of postfix-rest-connector 1.1.0 and 3.x, with more optional fields (fields.py).
As there, `null` stands for a field that is not given. Different from JSON's usual readers, a name
that stands twice in an object is a problem, and so is a field that nobody knows: the nearest known
one is named. Two endpoints on one address are a problem, whatever their modes.

Any problem makes a file one that cannot be used, for those that look after it. For those that serve
mail by it (`tolerant`), a problem with a field of one endpoint that does not say where it listens
is that endpoint's alone: the endpoint bears its problems, and the others can be used. A problem
that may be about an address, as that of an unknown field may, still makes the whole file unusable:
a connection might go to another endpoint. A wrong `failure-action` does not make its endpoint
unusable: a temporary error takes its place.

Reading is bounded: a regular file of at most MAX_CONFIG_BYTES, and counts that no file of anybody's
reaches (fields.py, problems.py). So any file is used or refused in about a second: what a step
costs does not grow with what the other steps have found. The files that it names (tokens,
certificates) are not read here.
"""

from __future__ import annotations

from .. import json_reader, regular_file
from ..errors import ConfigError
from ..json_reader import Object
from .problems import Problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .address import LocalAddress
    from .endpoint import Endpoint

DEFAULT_PATH = "/etc/postfix-rest-inetd/config.json"
MAX_CONFIG_BYTES = 4 * 1024 * 1024


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
    problems = Problems()
    document = _document(content, source, problems)
    from . import values  # a file that is not JSON needs none of this
    from .entries import read_endpoint, read_fields
    from .fields import ENDPOINT_FIELDS, FILE_FIELDS, Field

    given, _ = read_fields(document, FILE_FIELDS, "$", problems)
    known = ENDPOINT_FIELDS
    if for_listening:
        known = {**known, "target": Field(values.text, is_required=True)}
    places: dict[LocalAddress, str] = {}
    endpoints = [
        read_endpoint(entry, known, f"$.endpoints[{index}]", problems, places)
        for index, entry in enumerate(given.get("endpoints", []))
    ]
    problem = ConfigError(source, problems.listed()) if len(problems) > 0 else None
    if problem is not None and not (tolerant and problems.is_tolerable):
        raise problem
    usable = [endpoint for endpoint in endpoints if endpoint is not None]
    return Config(given.get("user-agent", FILE_FIELDS["user-agent"].default), usable, problem)


def _document(content: bytes, source: str, problems: Problems) -> Object:
    """The object that the file is; names that stand in it more than once go to `problems`.

    Raises:
        ConfigError: it is not a JSON object.
    """
    objects: list[Object] = []

    def to_object(pairs: list[tuple[str, object]]) -> Object:
        result = Object(pairs)
        if result.repeated:
            objects.append(result)
        return result

    try:
        document = json_reader.loads(content.decode().removeprefix("\ufeff"), to_object)
        if objects:
            from . import repeated

            # The scanner in C of Python 3.12 goes deeper than this may.
            repeated.find(document, problems)
    except UnicodeDecodeError as error:
        text = f"is not UTF-8: byte {error.start + 1}"
    except ValueError as error:
        text = f"is not JSON: {error}"
    except RecursionError:
        text = "is nested too deeply"
    else:
        if isinstance(document, Object):
            return document
        raise ConfigError(source, [("$", 'must be an object, as in {"endpoints": []}')])
    raise ConfigError(source, [("", text)]) from None
