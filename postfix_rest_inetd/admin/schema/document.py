# SPDX-License-Identifier: MIT
"""The JSON schema of config.json (draft 2020-12), as a document.

For editors that complete and underline, and for programs that write the file. It takes what the
parser takes and refuses what the parser refuses, as far as a schema can tell; what it cannot tell
is said in its own description. `check` has the last word.

A key that is `null` is one that is not given. So "is given" is here: has a value of the right type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.schema import actions
from postfix_rest_inetd.admin.schema.actions import any_case
from postfix_rest_inetd.config import fields
from postfix_rest_inetd.config.loading import DEFAULT_USER_AGENT, MAX_ENDPOINTS
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    Schema = dict[str, Any]

_DESCRIPTION = (
    "The configuration of postfix-rest-inetd. A schema cannot tell, and `postfix-rest-inetd check` "
    "does: a key that stands twice in an object, two endpoints on one address, whole numbers "
    "written as 2000.0, header names that differ in letter case only, lengths in bytes, characters "
    "beyond ASCII that cannot be printed, IPv6 addresses and international host names that are not "
    "valid, files that are missing or cannot be read, "
    f"{actions.UNTELLABLE}."
)

_CONTROL = r"[\u0000-\u001f\u007f\ud800-\udfff]"
_UNPRINTABLE = r"[\u0000-\u001f\u007f-\u00a0\u00ad\u2028\u2029\ud800-\udfff]"
_PATH = r"/(?!\.{1,2}(?:/|$))[^/]+(?:/(?!\.{1,2}(?:/|$))[^/]+)*"
_PORT = (
    r"(?::(?:0*(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]"
    r"|6553[0-5]))?)?"
)
_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._\-\u0080-\uffff]+)"
_USER = r"(?:[^/?#]*@)?"
_URL = rf"[Hh][Tt][Tt][Pp][Ss]?://{_USER}{_HOST}{_PORT}(?:[/?][^#]*)?#?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IP = rf"localhost|{_OCTET}(?:\.{_OCTET}){{3}}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"


def schema() -> Schema:
    """The schema, as a document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:postfix-rest-inetd:config",
        "title": "config.json of postfix-rest-inetd",
        "description": _DESCRIPTION,
        "type": "object",
        "additionalProperties": False,
        "required": ["endpoints"],
        "properties": {
            "user-agent": _optional(
                _free_of(_CONTROL, "The User-Agent header."), DEFAULT_USER_AGENT
            ),
            "endpoints": {
                "type": "array",
                "description": "The endpoints; there may be none.",
                "items": {"$ref": "#/$defs/endpoint"},
                "maxItems": MAX_ENDPOINTS,
            },
        },
        "$defs": {"endpoint": _endpoint()},
    }


def _endpoint() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(fields.REQUIRED),
        "properties": _properties(),
        "allOf": [
            {
                "if": _given("auth-token"),
                "then": _absent("auth-token-file"),
                "else": _given("auth-token-file"),
            },
            {
                "if": _given("bind-path"),
                "then": _absent("bind-address", "bind-port"),
                "else": _given("bind-port"),
            },
            {"if": _given("tls-key-file"), "then": _given("tls-cert-file")},
            {
                "if": _has("mode", _mode(*_LOOKUPS)),
                "then": {
                    **_absent(*fields.POLICY_ONLY),
                    "if": _has("access-table", {"const": True}),
                    "then": _absent("list-separator"),
                    "else": _absent("allowed-actions"),
                },
            },
            {"if": _has("mode", _mode(*_OTHERS)), "then": _absent("access-table")},
            {"if": _has("target", _beginning("http://")), "then": _absent(*fields.TLS_ONLY)},
            {
                "if": _has("target", {"pattern": r"^[^/]*//[^/?#]*@"}),
                "then": {
                    "properties": {
                        "headers": {"propertyNames": {"not": _any_case("authorization")}}
                    }
                },
            },
        ],
    }


_LOOKUPS = [mode for mode in model.MODES if is_lookup(mode)]
_MODES = f"{', '.join(model.MODES[:-1])} or {model.MODES[-1]}."
_OTHERS = [mode for mode in model.MODES if not is_lookup(mode)]


def _properties() -> dict[str, Schema]:
    """What each key of an endpoint may be; the order is that of config/fields.py."""
    text = _free_of(_UNPRINTABLE, minimum=1)
    header = _free_of(_CONTROL)
    secret_file = {**text, **_whole(rf"{_PATH}|(?!\.{{1,2}}$)[^/]+")}
    required = {
        "name": {**text, "description": "A name for the journal; need not be unique."},
        "mode": {**_mode(*model.MODES), "description": _MODES},
        "target": {
            **_free_of(r"[\u0000-\u0020\u007f]", "The URL of the backend."),
            **_whole(_URL),
        },
    }
    optional: dict[str, Schema] = {
        "auth-token": {**header, "description": "The X-Auth-Token header."},
        "auth-token-file": {**secret_file, "description": "A file that holds the token."},
        "bind-address": {
            "type": "string",
            "description": "The IP address to listen at; 127.0.0.1 without it.",
            **_whole(_IP),
        },
        "bind-port": _number("The TCP port to listen at.", 1, 65535),
        "bind-path": {
            **text,
            **_whole(rf"(?!.*[ \\]$){_PATH}"),
            "maxLength": 107,
            "description": "The unix socket to listen at.",
        },
        "request-timeout": _number("The deadline, in milliseconds.", 1, fields.MAX_TIMEOUT_MS),
        "hibernate-after": _number(
            "Seconds without a request until the handler sleeps; 0 for never.",
            0,
            fields.MAX_HIBERNATE_SEC,
        ),
        "list-separator": _free_of(r"[\u0000\ud800-\udfff]", "What joins several values."),
        "headers": _headers(header),
        "tls-ca-file": {**secret_file, "description": "CA certificates, PEM."},
        "tls-cert-file": {**secret_file, "description": "The client's certificate, PEM."},
        "tls-key-file": {**secret_file, "description": "The key of the certificate, PEM."},
        "method": {"enum": ["POST", "GET"], "description": "For the mode policy."},
        "temporary-statuses": {
            "type": "array",
            "description": "4xx statuses that are temporary errors.",
            "items": _number("A status.", 400, 499),
            "maxItems": fields.MAX_TEMPORARY_STATUSES,
        },
        "failure-action": {
            **actions.action(),
            "description": "For the mode policy: the action while the backend fails; or close.",
        },
        "allowed-actions": {
            "type": "array",
            "description": "The actions that the backend may answer, to a policy request or as "
            "values of an access table.",
            "items": actions.verb(),
            "maxItems": fields.MAX_ALLOWED_ACTIONS,
        },
        "access-table": {
            "type": "boolean",
            "description": "For lookups: are the values actions, for check_*_access?",
        },
        "log-keys": {"type": "boolean", "description": "May addresses appear in the journal?"},
        "max-response-bytes": _number(
            "The largest body of a response; above 1 MiB it has no effect.",
            1,
            fields.MAX_RESPONSE_BYTES,
        ),
        "empty-body": {
            "enum": ["not-found", "temporary"],
            "description": "For lookups: what a response with an empty body means.",
        },
    }
    return {
        **required,
        **{key: _optional(value, fields.DEFAULTS.get(key)) for key, value in optional.items()},
    }


def _headers(header: Schema) -> Schema:
    return {
        "type": "object",
        "description": "Further headers of each request.",
        "propertyNames": {
            **_whole(r"[0-9A-Za-z!#$%&'*+\-.^_`|~]+"),
            "not": {"anyOf": [_LINE_BREAK, *map(_any_case, sorted(fields.RESERVED_HEADERS))]},
        },
        "additionalProperties": header,
        "maxProperties": fields.MAX_HEADERS,
    }


# -- the parts that schemas are made of

_LINE_BREAK = {"pattern": r"\n"}


def _whole(pattern: str) -> Schema:
    """The whole of a string; in some languages $ matches before a last line break, too."""
    return {"pattern": f"^(?:{pattern})$", "not": _LINE_BREAK}


def _free_of(pattern: str, description: str = "", minimum: int = 0) -> Schema:
    """A string in which nothing matches. For `_whole` it is given again, as one of two."""
    result: Schema = {"type": "string", "allOf": [{"not": {"pattern": pattern}}]}
    if description:
        result["description"] = description
    if minimum:
        result["minLength"] = minimum
    return result


def _number(description: str, lowest: int, highest: int) -> Schema:
    return {
        "type": "integer",
        "description": description,
        "minimum": lowest,
        "maximum": highest,
    }


def _mode(*modes: str) -> Schema:
    return {"type": "string", **_whole("|".join(map(any_case, modes)))}


def _any_case(word: str) -> Schema:
    return {"pattern": f"^{any_case(word)}$"}


def _beginning(word: str) -> Schema:
    return {"pattern": f"^{any_case(word)}"}


def _optional(value: Schema, default: object) -> Schema:
    """What a key may be that may also be null; a default of the parser's becomes the schema's."""
    description = value.pop("description", "")
    result: Schema = {"description": description, "anyOf": [value, {"type": "null"}]}
    if default is not None:
        result["default"] = sorted(default) if isinstance(default, frozenset) else default
    return result


def _has(key: str, value: Schema) -> Schema:
    return {"required": [key], "properties": {key: value}}


def _given(key: str) -> Schema:
    return _has(key, {"not": {"type": "null"}})


def _absent(*names: str) -> Schema:
    return {"properties": {name: {"type": "null"} for name in names}}
