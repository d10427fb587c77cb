# SPDX-License-Identifier: MIT
"""From an entry of `endpoints` to an Endpoint: first each field by itself, then their combination.

A problem with a field that does not select connections affects this endpoint only, and is recorded
in it. Any other problem may affect other endpoints.
"""

from __future__ import annotations

from ..json_reader import Object
from ..protocols import is_lookup
from .address import LocalAddress
from .endpoint import Endpoint
from .fields import ENDPOINT_FIELDS, LOOKUPS, POLICY
from .problems import MAX_PROBLEMS, PartsError, cut, joined, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .fields import Field
    from .problems import Problems

# The attributes of an Endpoint that are not named as the fields are.
_ATTRIBUTES = {"target": "targets"}

# The fields whose problems affect one endpoint only.
OF_REQUESTS = frozenset(name for name, field in ENDPOINT_FIELDS.items() if not field.selects)


def read_fields(
    document: Mapping[str, object], known: Mapping[str, Field], path: str, problems: Problems
) -> tuple[dict[str, Any], set[str]]:
    """The values of the fields of an object, and the names that it has or seems to mean.

    A misspelt field counts as given, and is not reported as missing. `null` counts as not given.
    """
    values: dict[str, Any] = {}
    named: set[str] = set()
    for name, value in document.items():
        if name not in known:
            meant = [] if problems.is_full else nearest(name, known)
            named.update(meant)
            problems.add(path, _unknown(meant), name)
        elif value is not None:
            named.add(name)
            try:
                values[name] = _value_of(value, known[name], problems)
            except PartsError as error:
                for part, text in error.problems:
                    problems.add(path, text, name, part)
            except ValueError as error:
                problems.add(path, str(error), name)
    for name, field in known.items():
        if field.is_required and name not in named:
            problems.add(path, "is required", name)
    return values, named


def _value_of(value: object, field: Field, problems: Problems) -> object:
    """The value in use for a JSON value.

    Raises:
        ValueError: the field does not accept it; PartsError, if only parts of it are wrong.
    """
    if field.members and isinstance(value, Object):
        value = _members_of(value, field.members, problems)
    return field.value_of(value)


def _members_of(
    document: Object, known: Mapping[str, Field], problems: Problems
) -> dict[str, object]:
    """The values of the members of an object, which is the value of a field.

    Raises:
        PartsError: members are wrong.
    """
    values: dict[str, object] = {}
    found: list[tuple[str, str]] = []
    for name, value in document.items():
        is_full = problems.is_full or len(found) >= MAX_PROBLEMS
        if name not in known:
            text = _unknown([] if is_full else nearest(name, known))
        elif value is None:
            continue
        else:
            try:
                values[name] = known[name].value_of(value)
            except ValueError as error:
                text = str(error)
            else:
                continue
        found.append(("" if is_full else joined("", cut(name)), text))
    if found:
        raise PartsError(found)
    return values


def _unknown(meant: list[str]) -> str:
    return "is not a known key" + (f"; did you mean {meant[0]}?" if meant else "")


def read_endpoint(
    entry: object,
    known: Mapping[str, Field],
    path: str,
    problems: Problems,
    places: dict[LocalAddress, str],
) -> Endpoint | None:
    """An endpoint, or None if its address is unknown.

    `places` has the addresses of the endpoints before it, with their JSON paths. An endpoint that
    has `problems` must not serve requests.
    """
    if not isinstance(entry, Object):
        problems.add(path, "must be an object")
        return None
    before = len(problems)
    problems.bearable = OF_REQUESTS
    values, named = read_fields(entry, known, path, problems)
    for name, text in _contradictions(values, named):
        problems.add(path, text, name)
    problems.bearable = frozenset()
    address = _address(values, named)
    if address is None:
        return None
    if (other := places.setdefault(address, path)) != path:
        name = "bind-port" if address.path is None else "bind-path"
        problems.add(path, f"{address} is taken by {other}", name)
    endpoint = Endpoint()
    endpoint.json_path = path
    endpoint.address = address
    own = problems.since(before, path)
    endpoint.problems = [each for each in own if each[0] != f"{path}.failure-action"]
    for name, field in ENDPOINT_FIELDS.items():
        if not name.startswith("bind-"):
            attribute = _ATTRIBUTES.get(name) or name.replace("-", "_")
            setattr(endpoint, attribute, values.get(name, field.default))
    if "target" in values:
        endpoint.targets.source = problems.source
        endpoint.targets.json_path = f"{path}.target"
    return endpoint


def _address(values: dict[str, Any], named: set[str]) -> LocalAddress | None:
    """Where an endpoint listens; None if that is wrong or missing."""
    if "bind-path" in named:
        return LocalAddress(None, path=values["bind-path"]) if "bind-path" in values else None
    if "bind-port" not in values or ("bind-address" in named and "bind-address" not in values):
        return None
    ip = values.get("bind-address", ENDPOINT_FIELDS["bind-address"].default)
    return LocalAddress(ip, values["bind-port"])


def _contradictions(values: dict[str, Any], named: set[str]) -> Iterable[tuple[str, str]]:
    """Problems with the combination of fields in an endpoint."""
    yield from _name_contradictions(named)
    if "mode" in values:
        purpose = LOOKUPS if is_lookup(values["mode"]) else POLICY
        for name in sorted(named):
            only_for = ENDPOINT_FIELDS[name].only_for
            if only_for not in ("", purpose):
                yield name, f"has a meaning only for {_IN_WORDS[only_for]}"
        if purpose == LOOKUPS:
            yield from _access_table_contradictions(values, named)
    if "target" in values:
        yield from _target_contradictions(values, named)


_IN_WORDS = {LOOKUPS: "the modes of lookups", POLICY: "the mode policy"}


def _name_contradictions(named: set[str]) -> Iterable[tuple[str, str]]:
    """Problems with the combination of fields, whatever their values are."""
    if "auth-token" not in named and "auth-token-file" not in named:
        yield "auth-token", "is required, or else auth-token-file"
    if "auth-token" in named and "auth-token-file" in named:
        yield "auth-token-file", "cannot be combined with auth-token"
    if "bind-path" in named:
        for name in sorted(named.intersection(("bind-address", "bind-port"))):
            yield name, "cannot be combined with bind-path"
    elif "bind-port" not in named:
        yield "bind-port", "is required, or else bind-path"
    if "tls-key-file" in named and "tls-cert-file" not in named:
        yield "tls-key-file", "requires tls-cert-file"


def _access_table_contradictions(
    values: dict[str, Any], named: set[str]
) -> Iterable[tuple[str, str]]:
    """Problems with access-table and other fields of an endpoint for lookups."""
    # A bad value of access-table is one problem, and not the reason for a second one.
    is_access_table = values.get("access-table", "access-table" in named)
    if "allowed-actions" in named and not is_access_table:
        yield "allowed-actions", "requires access-table in an endpoint for lookups"
    if "list-separator" in named and values.get("access-table"):
        yield "list-separator", "cannot be combined with access-table: an action is one value"


def _target_contradictions(values: dict[str, Any], named: set[str]) -> Iterable[tuple[str, str]]:
    """Problems with the target and other fields."""
    if values["target"].is_plain:
        for name in sorted(named):
            if ENDPOINT_FIELDS[name].needs_tls:
                yield name, "has no meaning for a target that begins with http://"
    if values["target"].has_user_info and _has_header(values, "authorization"):
        yield "headers", "Authorization cannot be combined with user information in the target"


def _has_header(values: dict[str, Any], name: str) -> bool:
    return any(header.lower() == name for header in values.get("headers", ()))
