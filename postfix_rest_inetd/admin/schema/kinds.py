# SPDX-License-Identifier: MIT
"""The kinds of values in config.json as JSON schemas: one for each function of values.py.

A schema is made with the same bounds and choices that the function is called with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.schema import actions
from postfix_rest_inetd.admin.schema.actions import any_case
from postfix_rest_inetd.config import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from postfix_rest_inetd.config.fields import Field

    Schema = dict[str, Any]

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

_LINE_BREAK = {"pattern": r"\n"}


def schema_of(field: Field) -> Schema:
    """The values of a field, without null and without the object that `members` is about."""
    return _SCHEMAS[field.kind](*field.limits)


def modes(*names: str) -> Schema:
    """One of these modes, in any letter case."""
    return {"type": "string", **_whole("|".join(map(any_case, names)))}


def in_any_case(word: str) -> Schema:
    """A word in any letter case."""
    return {"pattern": f"^{any_case(word)}$"}


def beginning(word: str) -> Schema:
    """A text that begins with a word, in any letter case."""
    return {"pattern": f"^{any_case(word)}"}


def _whole(pattern: str) -> Schema:
    """The whole of a string; in some languages $ also matches before a last line break."""
    return {"pattern": f"^(?:{pattern})$", "not": _LINE_BREAK}


def _free_of(pattern: str, minimum: int = 0) -> Schema:
    """A string in which nothing matches. For `_whole` it is given again, as one of two."""
    result: Schema = {"type": "string", "allOf": [{"not": {"pattern": pattern}}]}
    if minimum:
        result["minLength"] = minimum
    return result


def _text() -> Schema:
    return _free_of(_UNPRINTABLE, minimum=1)


def _targets(most: int) -> Schema:
    url = {**_free_of(r"[\u0000-\u0020\u007f]"), **_whole(_URL)}
    urls = {**_list_of(url, most), "minItems": 1, "uniqueItems": True}
    return {"anyOf": [url, urls]}


def _secret_file() -> Schema:
    return {**_text(), **_whole(rf"{_PATH}|(?!\.{{1,2}}$)[^/]+")}


def _socket_path(most_bytes: int) -> Schema:
    return {**_text(), **_whole(rf"(?!.*[ \\]$){_PATH}"), "maxLength": most_bytes}


def _whole_number(lowest: int, highest: int) -> Schema:
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def _headers(most: int) -> Schema:
    return {
        "type": "object",
        "propertyNames": {
            **_whole(r"[0-9A-Za-z!#$%&'*+\-.^_`|~]+"),
            "not": {"anyOf": [_LINE_BREAK, *map(in_any_case, sorted(values.RESERVED_HEADERS))]},
        },
        "additionalProperties": _free_of(_CONTROL),
        "maxProperties": most,
    }


def _list_of(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": most}


def _statuses(lowest: int, highest: int, most: int) -> Schema:
    return _list_of({**_whole_number(lowest, highest), "description": "A status."}, most)


_SCHEMAS: dict[Callable[..., object], Callable[..., Schema]] = {
    values.text: _text,
    values.mode: lambda: modes(*model.MODES),
    values.targets: _targets,
    values.header_value: lambda: _free_of(_CONTROL),
    values.secret_file: _secret_file,
    values.bind_address: lambda: {"type": "string", **_whole(_IP)},
    values.whole_number: _whole_number,
    values.capped_number: lambda lowest, highest, _useful: _whole_number(lowest, highest),
    values.socket_path: _socket_path,
    values.separator: lambda: _free_of(r"[\u0000\ud800-\udfff]"),
    values.headers: _headers,
    values.one_of: lambda *choices: {"enum": list(choices)},
    values.statuses: _statuses,
    values.failure_action: actions.action,
    values.verbs: lambda most: _list_of(actions.verb(), most),
    values.cache: lambda: {"const": False},
    values.boolean: lambda: {"type": "boolean"},
    values.array: lambda most: {"type": "array", "maxItems": most},
}
