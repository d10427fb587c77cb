# SPDX-License-Identifier: MIT
"""The fields of config.json: the values and the default of each, and which endpoints may have it.

This table defines the fields. entries.py reads the file by it, admin/schema makes the JSON schema
from it, and tests/project/test_field_manual.py compares postfix-rest-inetd.json(5) with it. The
descriptions of the fields are in field_words.py, which handlers do not load.
"""

from __future__ import annotations

from . import values
from .cache_settings import CacheSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The largest reply that Postfix accepts has 100000 bytes (socketmap_table(5)). In JSON it is at
# most six times as long, with each byte written as \u00XX. Nothing longer is useful.
USEFUL_RESPONSE_BYTES = 1024 * 1024

# What an endpoint is for.
LOOKUPS = "lookups"
POLICY = "policy"


class Field:
    """One row of the table.

    Attributes:
        kind: the function of values.py that reads the value.
        limits: the other arguments of that function: bounds, the largest count, choices.
        default: the value in use if the field is not given, in the form that `kind` returns; None
            for required fields, and for optional ones without a default.
        is_required: must each endpoint have the field?
        selects: does the field determine which connections belong to the endpoint?
        only_for: LOOKUPS or POLICY if it is an error in the other endpoints; else empty.
        needs_tls: is it an error in an endpoint whose target begins with http://?
        unit: the unit of a number, as a word; else empty.
        members: the fields of the object that the value may be; else empty. `kind` gets an object
            with their values instead of the one in the file.
    """

    __slots__ = (
        "default",
        "is_required",
        "kind",
        "limits",
        "members",
        "needs_tls",
        "only_for",
        "selects",
        "unit",
    )

    def __init__(  # noqa: PLR0913 - its keywords are the columns of a table
        self,
        kind: Callable[..., Any],
        *limits: object,
        default: object = None,
        unit: str = "",
        members: dict[str, Field] = {},  # noqa: B006 - never changed
        only_for: str = "",
        is_required: bool = False,
        selects: bool = False,
        needs_tls: bool = False,
    ) -> None:
        """Without options, an optional field that every endpoint may have."""
        self.kind = kind
        self.limits = limits
        self.default = default
        self.unit = unit
        self.members = members
        self.only_for = only_for
        self.is_required = is_required
        self.selects = selects
        self.needs_tls = needs_tls

    def value_of(self, value: object) -> object:
        """The value in use for a JSON value.

        Raises:
            ValueError: the field does not accept it; the text says why.
        """
        return self.kind(value, *self.limits)


# The fields of the whole file.
FILE_FIELDS = {
    "user-agent": Field(values.header_value, default="Postfix REST Connector"),
    "endpoints": Field(values.array, 1000, is_required=True),
}

# The members of `cache`. A year is what RFC 9111 calls effectively infinite (4.2.1, 5.2.2.1).
_TIME = (values.whole_number, 0, 31_536_000)
CACHE_MEMBERS = {
    "max-age": Field(*_TIME, default=0, unit="seconds"),
    "not-found-max-age": Field(*_TIME, default=0, unit="seconds"),
    "stale-if-error": Field(*_TIME, default=0, unit="seconds"),
    # The answers of an endpoint are in 256 directories, each with an equal share of both.
    "max-entries": Field(values.whole_number, 256, 1_000_000, default=10_000),
    "max-bytes": Field(
        values.whole_number,
        *(1024 * 1024, 1024 * 1024 * 1024),
        default=64 * 1024 * 1024,
        unit="bytes",
    ),
}

# The fields of an endpoint.
ENDPOINT_FIELDS = {
    "name": Field(values.text, is_required=True, selects=True),
    "mode": Field(values.mode, is_required=True, selects=True),
    "target": Field(values.targets, 8, is_required=True),
    "auth-token": Field(values.header_value),
    "auth-token-file": Field(values.secret_file),
    "bind-address": Field(values.bind_address, default=b"\x7f\0\0\1", selects=True),
    "bind-port": Field(values.whole_number, 1, 65535, selects=True),
    # sockaddr_un.sun_path has 108 bytes, one of them for a NUL (unix(7)).
    "bind-path": Field(values.socket_path, 107, selects=True),
    # Postfix itself gives up after 100 s.
    "request-timeout": Field(values.whole_number, 1, 90_000, default=2000, unit="milliseconds"),
    "list-separator": Field(values.separator, default=","),
    # As many as Apache httpd accepts (LimitRequestFields); others accept fewer.
    "headers": Field(values.headers, 100, default={}),
    "tls-ca-file": Field(values.secret_file, needs_tls=True),
    "tls-cert-file": Field(values.secret_file, needs_tls=True),
    "tls-key-file": Field(values.secret_file, needs_tls=True),
    "method": Field(values.one_of, "POST", "GET", default="POST", only_for=POLICY),
    # There are 100 statuses in this range.
    "temporary-statuses": Field(values.statuses, 400, 499, 100, default=frozenset()),
    "failure-action": Field(values.failure_action, only_for=POLICY),
    # Postfix knows fewer verbs, and 200 codes.
    "allowed-actions": Field(values.verbs, 1000),
    "access-table": Field(values.boolean, default=False, only_for=LOOKUPS),
    "log-keys": Field(values.boolean, default=True),
    "max-response-bytes": Field(
        values.capped_number,
        *(1, 16 * 1024 * 1024, USEFUL_RESPONSE_BYTES),
        default=USEFUL_RESPONSE_BYTES,
        unit="bytes",
    ),
    "empty-body": Field(values.one_of, "not-found", "temporary", default="not-found"),
    "cache": Field(values.cache, default=CacheSettings(), only_for=LOOKUPS, members=CACHE_MEMBERS),
    "hibernate-after": Field(values.whole_number, 0, 86_400, default=10, unit="seconds"),
}
