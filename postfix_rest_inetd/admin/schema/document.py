# SPDX-License-Identifier: MIT
"""The JSON schema of config.json (draft 2020-12), as a document.

Editors use it to complete and underline, and programs to write the file. It accepts and refuses the
same files as the parser, as far as a schema can; its own description lists the differences. `check`
is authoritative.

A field that is `null` counts as not given. So "is given" means here that it has a value of the
right type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.schema import actions, kinds
from postfix_rest_inetd.config.field_words import WORDS, WORDS_OF_MEMBERS
from postfix_rest_inetd.config.fields import ENDPOINT_FIELDS, FILE_FIELDS, LOOKUPS, POLICY
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from postfix_rest_inetd.config.fields import Field

    Schema = dict[str, Any]

_DESCRIPTION = (
    "The configuration of postfix-rest-inetd. A schema cannot tell, and `postfix-rest-inetd check` "
    "does: a key that appears twice in an object, two endpoints on one address, whole numbers "
    "written as 2000.0, header names that differ in letter case only, lengths in bytes, characters "
    "beyond ASCII that cannot be printed, IPv6 addresses and international host names that are not "
    "valid, files that are missing or cannot be read, "
    f"{actions.UNTELLABLE}."
)


def schema() -> Schema:
    """The schema, as a document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:postfix-rest-inetd:config",
        "title": "config.json of postfix-rest-inetd",
        "description": _DESCRIPTION,
        "type": "object",
        "additionalProperties": False,
        "required": _required(FILE_FIELDS),
        "properties": {
            **_properties(FILE_FIELDS),
            "endpoints": {
                **_property(WORDS["endpoints"], FILE_FIELDS["endpoints"]),
                "items": {"$ref": "#/$defs/endpoint"},
            },
        },
        "$defs": {"endpoint": _endpoint()},
    }


def _endpoint() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": _required(ENDPOINT_FIELDS),
        "properties": _properties(ENDPOINT_FIELDS),
        "allOf": [*_alternatives(), *_by_mode(), *_by_target()],
    }


def _alternatives() -> list[Schema]:
    """Fields that take the place of others, or need them."""
    return [
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
    ]


def _by_mode() -> list[Schema]:
    """What depends on the mode."""
    return [
        {
            "if": _has("mode", kinds.modes(*_LOOKUPS)),
            "then": {
                **_absent(*_only_for(POLICY)),
                "if": _has("access-table", {"const": True}),
                "then": _absent("list-separator"),
                "else": _absent("allowed-actions"),
            },
        },
        {
            "if": _has("mode", kinds.modes(*_OTHERS)),
            "then": _absent(*_only_for(LOOKUPS)),
        },
    ]


def _by_target() -> list[Schema]:
    """What depends on the target."""
    return [
        {
            "if": _all_targets(kinds.beginning("http://")),
            "then": _absent(*(n for n, field in ENDPOINT_FIELDS.items() if field.needs_tls)),
        },
        {
            "if": {"not": _all_targets({"not": {"pattern": r"^[^/]*//[^/?#]*@"}})},
            "then": {
                "properties": {
                    "headers": {"propertyNames": {"not": kinds.in_any_case("authorization")}}
                }
            },
        },
    ]


def _all_targets(url: Schema) -> Schema:
    """The endpoint has one target or several, and the schema holds for each."""
    return _has("target", {"anyOf": [{"type": "string", **url}, {"type": "array", "items": url}]})


_LOOKUPS = [mode for mode in model.MODES if is_lookup(mode)]
_OTHERS = [mode for mode in model.MODES if not is_lookup(mode)]


def _only_for(purpose: str) -> list[str]:
    return [name for name, field in ENDPOINT_FIELDS.items() if field.only_for == purpose]


def _required(known: dict[str, Field]) -> list[str]:
    return [name for name, field in known.items() if field.is_required]


def _properties(known: dict[str, Field]) -> dict[str, Schema]:
    return {name: _property(WORDS[name], field, name) for name, field in known.items()}


def _property(words: str, field: Field, name: str = "") -> Schema:
    """The schema of a field, with null if it is optional, and with its default."""
    value = kinds.schema_of(field)
    if field.is_required:
        return {**value, "description": words}
    choices = [value, {"type": "null"}]
    if field.members:
        choices.insert(1, _object(field.members, WORDS_OF_MEMBERS[name]))
    result: Schema = {"description": words, "anyOf": choices}
    # An editor that fills in the default of an address would spoil an endpoint with a path.
    if field.default is not None and not field.selects:
        default = {} if field.members else field.default
        result["default"] = sorted(default) if isinstance(default, frozenset) else default
    return result


def _object(members: dict[str, Field], words: dict[str, str]) -> Schema:
    """An object that is the value of a field."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(words[name], field) for name, field in members.items()},
    }


# -- rules for an endpoint as a whole


def _has(name: str, value: Schema) -> Schema:
    return {"required": [name], "properties": {name: value}}


def _given(name: str) -> Schema:
    return _has(name, {"not": {"type": "null"}})


def _absent(*names: str) -> Schema:
    return {"properties": {name: {"type": "null"} for name in names}}
