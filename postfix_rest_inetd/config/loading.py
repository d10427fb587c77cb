# SPDX-License-Identifier: MIT
"""config.json to Config: all problems are found at once, and nothing is guessed.

The file is that of postfix-rest-connector 1.1.0 and 3.x, with additional optional fields
(fields.py). As there, `null` counts as not given. Unlike with usual JSON readers, a name that
appears twice in an object is a problem. An unknown field is a problem as well; the text names the
most similar known one. Two endpoints with the same address are a problem, whatever their modes.

By default, any problem makes the file unusable. For those that serve mail (`tolerant`), a problem
with a field that does not select connections affects one endpoint only: it is recorded in the
endpoint, and the others can be used. A problem that may concern an address still makes the whole
file unusable, because connections might go to the wrong endpoint; an unknown field is such a
problem. A wrong `failure-action` does not make its endpoint unusable: a temporary error replaces
the action.

Reading is bounded: a regular file of at most MAX_CONFIG_BYTES, and counts far above those of real
files (fields.py, problems.py). The cost of each step does not grow with the number of problems that
were found before. So any file is used or refused in about a second. The files that it names
(tokens, certificates) are not read here.
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
        problem: the problems of some endpoints, if they were to be tolerated.
    """

    __slots__ = ("endpoints", "problem", "user_agent")

    def __init__(
        self, user_agent: str, endpoints: list[Endpoint], problem: ConfigError | None = None
    ) -> None:
        """All of it has been checked."""
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

    With `for_listening`, the endpoints of the result tell where to listen, and must not serve
    requests. With `tolerant`, this holds for endpoints that have `problems`. In both cases, targets
    are not parsed yet (targets.py).

    Raises:
        ConfigError: it cannot be used; all of its problems are listed.
    """
    problems = Problems(source)
    document = _document(content, source, problems)
    from . import values  # a file that is not JSON needs none of this
    from .entries import read_endpoint, read_fields
    from .fields import ENDPOINT_FIELDS, FILE_FIELDS, Field

    given, _ = read_fields(document, FILE_FIELDS, "$", problems)
    known = ENDPOINT_FIELDS
    if not (for_listening or tolerant):
        limits = known["target"].limits
        parsed = Field(values.parsed_targets, *limits, is_required=True)
        known = {**known, "target": parsed}
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
    """The JSON object of the file; names that appear more than once go to `problems`.

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
        text = f"is not JSON: {_mistake(error)}"
    except RecursionError:
        text = "is nested too deeply"
    else:
        if isinstance(document, Object):
            return document
        raise ConfigError(source, [("$", 'must be an object, as in {"endpoints": []}')])
    raise ConfigError(source, [("", text)]) from None


def _mistake(error: ValueError) -> str:
    from json import JSONDecodeError  # loaded already: it has refused the text

    if not isinstance(error, JSONDecodeError):
        return str(error)
    from .not_json import mistake

    at, what = mistake(error)
    line = error.doc.count("\n", 0, at) + 1
    return f"{what} (line {line}, column {at - error.doc.rfind(chr(10), 0, at)})"
