# SPDX-License-Identifier: MIT
"""The keys of config.json: for each a function from the JSON value to the value that is used.

A function raises ValueError with a sentence that says what is wrong and what is right; `config`
puts the JSON path before it. The sentences never repeat a value that may be a secret: tokens,
headers, targets.
"""

from __future__ import annotations

from .. import model
from ..action import checked_action, verb_of
from .address import parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .target import Target

MAX_TIMEOUT_MS = 90_000
MAX_HIBERNATE_SEC = 86_400
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_HEADERS = 100  # what Apache httpd takes (LimitRequestFields), and others take fewer
MAX_ALLOWED_ACTIONS = 1000  # Postfix knows fewer verbs, and 200 codes
MAX_TEMPORARY_STATUSES = 100  # there are not more from 400 to 499
# The largest reply that Postfix takes is one of 100000 bytes (socketmap_table(5)). In JSON it is
# at most six times as long, each byte being written as \u00XX. Reading more is of no use.
USEFUL_RESPONSE_BYTES = 1024 * 1024

_MAX_UNIX_PATH_BYTES = 107  # sockaddr_un.sun_path, less its NUL
_TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~"  # noqa: S105 - RFC 9110 section 5.6.2, nothing secret
_MAX_PORT = 65535

# Headers that the request itself decides, or whose change would make a response unreadable.
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


def target(value: object) -> Target:
    """An http or https URL."""
    from .target import Target  # loads urllib.parse, which who only listens does not need

    return Target(_string(value))


def header_value(value: object) -> str:
    """What may stand behind the colon of a header field (RFC 9110 section 5.5)."""
    result = _string(value)
    if any(character < " " or character == "\x7f" for character in result):
        raise ValueError("must not have control characters in it")
    return result.strip(" ")


def headers(value: object) -> dict[str, str]:
    """An object of header names and values."""
    if not isinstance(value, dict):
        raise ValueError('must be an object, as in {"X-Tenant": "42"}')  # noqa: TRY004
    if len(value) > MAX_HEADERS:
        raise ValueError(f"has {len(value)} headers, and may have {MAX_HEADERS}")
    result: dict[str, str] = {}
    folded: set[str] = set()
    for name, content in value.items():
        if not name or any(
            not (c.isascii() and c.isalnum()) and c not in _TOKEN_PUNCTUATION for c in name
        ):
            raise ValueError(f"{name!r} is no valid header name")
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


def bind_port(value: object) -> int:
    """A TCP port."""
    return _integer(value, 1, _MAX_PORT)


def bind_path(value: object) -> str:
    """The absolute path of a unix socket, as the value of a line that systemd reads.

    systemd takes blanks off the end of a line, and joins a line that ends in a backslash with the
    next one (systemd.syntax(7)).
    """
    path = absolute_path(value)
    if path[-1] in " \\":
        raise ValueError("must not end in a blank or a backslash")
    if len(path.encode()) > _MAX_UNIX_PATH_BYTES:
        raise ValueError(f"must be at most {_MAX_UNIX_PATH_BYTES} bytes long")
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


def request_timeout(value: object) -> int:
    """Milliseconds; Postfix itself gives up after 100 s."""
    return _integer(value, 1, MAX_TIMEOUT_MS)


def max_response_bytes(value: object) -> int:
    """How large the body of a response may be: at most what a reply to Postfix can carry."""
    return min(_integer(value, 1, MAX_RESPONSE_BYTES), USEFUL_RESPONSE_BYTES)


def hibernate_after(value: object) -> int:
    """Seconds without a request; 0 for never."""
    return _integer(value, 0, MAX_HIBERNATE_SEC)


def list_separator(value: object) -> str:
    """What stands between several values."""
    result = _string(value)
    if "\0" in result:
        raise ValueError("must not have a NUL in it")
    return result


def empty_body(value: object) -> str:
    """What an empty body of a response to a lookup means."""
    if value not in ("not-found", "temporary"):
        raise ValueError("must be not-found or temporary")
    return str(value)


def method(value: object) -> str:
    """The HTTP method of policy requests."""
    if value not in ("POST", "GET"):
        raise ValueError("must be POST or GET")
    return str(value)


def temporary_statuses(value: object) -> frozenset[int]:
    """4xx statuses."""
    if not isinstance(value, list) or not all(_is_4xx(status) for status in value):
        raise ValueError("must be a list of HTTP statuses from 400 to 499, as in [401, 429]")
    if len(value) > MAX_TEMPORARY_STATUSES:
        raise ValueError(f"has {len(value)} entries, and may have {MAX_TEMPORARY_STATUSES}")
    return frozenset(value)


def failure_action(value: object) -> str:
    """`close`, or an action that passes the action firewall."""
    action = _string(value)
    return "close" if action.lower() == "close" else checked_action(action)


def allowed_actions(value: object) -> list[str]:
    """Words that actions may begin with."""
    if not isinstance(value, list) or not all(_is_verb(verb) for verb in value):
        raise ValueError(
            'must be a list of actions without their texts, as in ["DUNNO", "REJECT", "450"]'
        )
    if len(value) > MAX_ALLOWED_ACTIONS:
        raise ValueError(f"has {len(value)} entries, and may have {MAX_ALLOWED_ACTIONS}")
    for verb in value:
        if verb_of(verb) is None:  # it can only be an action by itself
            try:
                checked_action(verb)
            except ValueError as error:
                raise ValueError(f"no action may be {verb!r}: {error}") from None
    return list(value)


def access_table(value: object) -> bool:
    """True or false."""
    return _boolean(value)


def log_keys(value: object) -> bool:
    """True or false."""
    return _boolean(value)


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - one error type for all of them
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half of a surrogate pair in it") from None
    return value


def _integer(value: object, lowest: int, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        hint = ", without quotes" if isinstance(value, str) and value.isdigit() else ""
        raise ValueError(f"must be a whole number from {lowest} to {highest}{hint}")
    return value


def _is_4xx(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 499


def _is_verb(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isprintable()
        and value.isascii()
        and value[:1].isalnum()
        and not any(character in " ,{}" for character in value)
    )


# What each key of an endpoint is read by.
ENDPOINT_KEYS = {
    "name": text,
    "mode": mode,
    "target": target,
    "auth-token": header_value,
    "auth-token-file": secret_file,
    "bind-address": bind_address,
    "bind-port": bind_port,
    "bind-path": bind_path,
    "request-timeout": request_timeout,
    "list-separator": list_separator,
    "headers": headers,
    "tls-ca-file": secret_file,
    "tls-cert-file": secret_file,
    "tls-key-file": secret_file,
    "method": method,
    "temporary-statuses": temporary_statuses,
    "failure-action": failure_action,
    "allowed-actions": allowed_actions,
    "access-table": access_table,
    "log-keys": log_keys,
    "max-response-bytes": max_response_bytes,
    "empty-body": empty_body,
    "hibernate-after": hibernate_after,
}

# What an endpoint has for the keys that it does not name.
DEFAULTS = {
    "request-timeout": 2000,
    "list-separator": ",",
    "headers": {},
    "method": "POST",
    "temporary-statuses": frozenset(),
    "access-table": False,
    "log-keys": True,
    "max-response-bytes": USEFUL_RESPONSE_BYTES,
    "empty-body": "not-found",
    "hibernate-after": 10,
}

REQUIRED = ("name", "mode", "target")
# Those that say nothing about which connections are an endpoint's.
OF_REQUESTS = frozenset(
    key
    for key in ENDPOINT_KEYS
    if key not in ("name", "mode", "bind-address", "bind-port", "bind-path")
)
POLICY_ONLY = ("method", "failure-action")
TLS_ONLY = ("tls-ca-file", "tls-cert-file", "tls-key-file")
