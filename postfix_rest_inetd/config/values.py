# SPDX-License-Identifier: MIT
"""The kinds of values in config.json: for each, a function from the JSON value to the one in use.

A function raises ValueError with a sentence that says what is wrong and what is right; entries.py
puts the JSON path before it. The sentences do not repeat values that may be secrets: tokens,
headers, targets. The other arguments of a function (bounds, choices) are in the table of fields.py.
"""

from __future__ import annotations

from .. import model
from ..action import checked_action, verb_of
from .address import parse_ip
from .cache_settings import CacheSettings
from .problems import PartsError
from .targets import Targets, parse

# RFC 9110 section 5.6.2: characters of names besides letters and digits.
_TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~"  # noqa: S105 - nothing secret

# Headers that the request determines, or whose change could make a response unreadable.
RESERVED_HEADERS = frozenset(
    "accept-encoding connection content-length content-type expect keep-alive te trailer "
    "transfer-encoding upgrade x-auth-token x-request-id".split()
)


def text(value: object) -> str:
    """Any string that can be printed."""
    result = _string(value)
    if not result:
        raise ValueError("must not be empty")
    if not result.isprintable():
        raise ValueError("must not have control characters in it")
    return result


def mode(value: object) -> str:
    """One of the three modes, in any letter case."""
    result = _string(value).lower()
    if result not in model.MODES:
        raise ValueError(f"must be one of {', '.join(model.MODES)}")
    return result


def targets(value: object, most: int) -> Targets:
    """A URL, or a list of 1 to `most` different URLs, which are not parsed yet."""
    if not isinstance(value, list):
        if not isinstance(value, str):
            raise ValueError("must be a string, or a list of strings")  # noqa: TRY004
        return Targets((_string(value),), is_list=False)
    if not 1 <= len(value) <= most:
        raise ValueError(f"has {len(value)} URLs, and may have 1 to {most}")
    found = []
    for index, url in enumerate(value):
        try:
            _string(url)
        except ValueError as error:
            found.append((f"[{index}]", str(error)))
        else:
            if url in value[:index]:
                found.append((f"[{index}]", "appears here more than once"))
    if found:
        raise PartsError(found)
    return Targets(tuple(value), is_list=True)


def parsed_targets(value: object, most: int) -> Targets:
    """The same, parsed: http or https URLs."""
    try:
        result = targets(value, most)
    except PartsError as error:
        assert isinstance(value, list)  # noqa: S101 - only a list has parts
        wrong = dict(error.problems)
        places = [(f"[{index}]", url) for index, url in enumerate(value)]
        _, found = parse((place, url) for place, url in places if place not in wrong)
        raise PartsError(sorted([*error.problems, *found])) from None
    found = result.problems()
    if found:
        raise PartsError(found)
    return result


def header_value(value: object) -> str:
    """The value of a header field (RFC 9110 section 5.5)."""
    result = _string(value)
    if any(character < " " or character == "\x7f" for character in result):
        raise ValueError("must not have control characters in it")
    return result.strip(" ")


def _name_only(text: str) -> str:
    """The name of a header; what follows it may be a token (`Authorization: Bearer TOKEN`)."""
    for at, character in enumerate(text, 1):
        if character == ":" or character.isspace():
            return f"{text[:at]}..." if text[at:].strip() else text
    return text


def headers(value: object, most: int) -> dict[str, str]:
    """An object of at most `most` header names and values."""
    if not isinstance(value, dict):
        raise ValueError('must be an object, as in {"X-Tenant": "42"}')  # noqa: TRY004
    if len(value) > most:
        raise ValueError(f"has {len(value)} headers, and may have {most}")
    result: dict[str, str] = {}
    folded: set[str] = set()
    for name, content in value.items():
        if not name or any(
            not (c.isascii() and c.isalnum()) and c not in _TOKEN_PUNCTUATION for c in name
        ):
            raise ValueError(f"{_name_only(name)!r} is not a valid header name")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"{name} cannot be set here: it belongs to the request itself")
        if name.lower() in folded:
            raise ValueError(f"{name} appears twice; header names are the same in any letter case")
        folded.add(name.lower())
        try:
            result[name] = header_value(content)
        except ValueError as error:
            raise ValueError(f"the value of {name} {error}") from None
    return result


def bind_address(value: object) -> bytes:
    """An IP literal or localhost, as packed bytes."""
    packed = parse_ip(_string(value))
    if packed is None:
        raise ValueError("must be an IP address, as 127.0.0.1 or ::1, or localhost")
    return packed


def socket_path(value: object, most_bytes: int) -> str:
    """The absolute path of a unix socket, which becomes the value of a line of a unit.

    systemd removes blanks at the end of a line, and joins a line that ends in a backslash with the
    next one (systemd.syntax(7)).
    """
    path = absolute_path(value)
    if path[-1] in " \\":
        raise ValueError("must not end in a blank or a backslash")
    if len(path.encode()) > most_bytes:
        raise ValueError(f"must be at most {most_bytes} bytes long")
    return path


def absolute_path(value: object) -> str:
    """An absolute path in its simplest form."""
    path = text(value)
    if not path.startswith("/"):
        raise ValueError("must be an absolute path")
    if path.endswith("/") or any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise ValueError("must be a plain path: no . or .. in it, no // and no / at its end")
    return path


def secret_file(value: object) -> str:
    """An absolute path, or the bare name of a file in $CREDENTIALS_DIRECTORY."""
    path = text(value)
    if "/" not in path and path not in (".", ".."):
        return path
    return absolute_path(path)


def whole_number(value: object, lowest: int, highest: int) -> int:
    """A whole number within bounds, both included."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        hint = ", without quotes" if isinstance(value, str) and value.isdigit() else ""
        raise ValueError(f"must be a whole number from {lowest} to {highest}{hint}")
    return value


def capped_number(value: object, lowest: int, highest: int, useful: int) -> int:
    """A whole number within bounds, which has no effect above `useful`."""
    return min(whole_number(value, lowest, highest), useful)


def separator(value: object) -> str:
    """Any text without a NUL; Postfix would cut a reply off there."""
    result = _string(value)
    if "\0" in result:
        raise ValueError("must not have a NUL in it")
    return result


def one_of(value: object, *choices: str) -> str:
    """One of two strings, in this letter case."""
    if value not in choices:
        raise ValueError(f"must be {' or '.join(choices)}")
    return str(value)


def statuses(value: object, lowest: int, highest: int, most: int) -> frozenset[int]:
    """A list of at most `most` HTTP statuses within bounds, both included."""
    if not isinstance(value, list) or not all(
        isinstance(each, int) and not isinstance(each, bool) and lowest <= each <= highest
        for each in value
    ):
        raise ValueError(
            f"must be a list of HTTP statuses from {lowest} to {highest}, as in [401, 429]"
        )
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries, and may have {most}")
    return frozenset(value)


def failure_action(value: object) -> str:
    """`close`, or an action that passes the action firewall."""
    action = _string(value)
    return "close" if action.lower() == "close" else checked_action(action)


def verbs(value: object, most: int) -> list[str]:
    """A list of at most `most` words that actions may begin with."""
    if not isinstance(value, list) or not all(_is_verb(verb) for verb in value):
        raise ValueError(
            'must be a list of actions without their texts, as in ["DUNNO", "REJECT", "450"]'
        )
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries, and may have {most}")
    for verb in value:
        if verb_of(verb) is None:  # it can only be an action by itself
            try:
                checked_action(verb)
            except ValueError as error:
                raise ValueError(f"no action may be {verb!r}: {error}") from None
    return list(value)


def cache(value: object) -> CacheSettings | None:
    """False for None, or an object whose members have been checked."""
    if value is False:
        return None
    if not isinstance(value, dict):
        raise ValueError('must be false, or an object, as in {"max-age": 60}')  # noqa: TRY004
    return CacheSettings(**{name.replace("-", "_"): each for name, each in value.items()})


def boolean(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - one error type for all of them
    return value


def array(value: object, most: int) -> list[object]:
    """A list of at most `most` values of any kind."""
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004
    if len(value) > most:
        raise ValueError(f"has {len(value)} entries, and may have {most}")
    return value


def _is_verb(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isprintable()
        and value.isascii()
        and value[:1].isalnum()
        and not any(character in " ,{}" for character in value)
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half of a surrogate pair in it") from None
    return value
