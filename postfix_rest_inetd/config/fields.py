# SPDX-License-Identifier: MIT
"""The fields of config.json: what each may hold, where it may stand, and what it is by default.

This table is where a field is defined. The file is read by it (entries.py), the JSON schema is made
from it (admin/schema), and postfix-rest-inetd.json(5) is compared with it by
tests/project/test_field_manual.py. What is said of a field to people is in field_words.py, which no
handler loads.
"""

from __future__ import annotations

from . import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# The largest reply that Postfix takes is one of 100000 bytes (socketmap_table(5)). In JSON it is
# at most six times as long, each byte being written as \u00XX. Reading more is of no use.
USEFUL_RESPONSE_BYTES = 1024 * 1024

# What an endpoint is for.
LOOKUPS = "lookups"
POLICY = "policy"


class Field:
    """What one field may hold.

    Attributes:
        kind: the function of values.py that reads a value.
        limits: what it takes besides the value: bounds, the largest count, choices.
        default: what is in use where the field is not given, as `kind` would return it; None for
            a field that is required, or that stands for nothing where it is not given.
        is_required: must each endpoint have it?
        selects: does it say which connections are an endpoint's?
        only_for: LOOKUPS or POLICY if only endpoints for these may have it; else empty.
        needs_tls: is it only for targets with https?
        unit: of a number, in words; else empty.
    """

    __slots__ = (
        "default",
        "is_required",
        "kind",
        "limits",
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
        only_for: str = "",
        is_required: bool = False,
        selects: bool = False,
        needs_tls: bool = False,
    ) -> None:
        """A field that every endpoint may have, unless something else is said."""
        self.kind = kind
        self.limits = limits
        self.default = default
        self.unit = unit
        self.only_for = only_for
        self.is_required = is_required
        self.selects = selects
        self.needs_tls = needs_tls

    def value_of(self, value: object) -> object:
        """What a JSON value becomes.

        Raises:
            ValueError: the field cannot hold it; the text says why.
        """
        return self.kind(value, *self.limits)


# Of the file itself.
FILE_FIELDS = {
    "user-agent": Field(values.header_value, default="Postfix REST Connector"),
    "endpoints": Field(values.array, 1000, is_required=True),
}

# Of each of its endpoints.
ENDPOINT_FIELDS = {
    "name": Field(values.text, is_required=True, selects=True),
    "mode": Field(values.mode, is_required=True, selects=True),
    "target": Field(values.target, is_required=True),
    "auth-token": Field(values.header_value),
    "auth-token-file": Field(values.secret_file),
    "bind-address": Field(values.bind_address, default=b"\x7f\0\0\1", selects=True),
    "bind-port": Field(values.whole_number, 1, 65535, selects=True),
    # sockaddr_un.sun_path has 108 bytes, one of them for a NUL (unix(7)).
    "bind-path": Field(values.socket_path, 107, selects=True),
    # Postfix itself gives up after 100 s.
    "request-timeout": Field(values.whole_number, 1, 90_000, default=2000, unit="milliseconds"),
    "list-separator": Field(values.separator, default=","),
    # As many as Apache httpd takes (LimitRequestFields); others take fewer.
    "headers": Field(values.headers, 100, default={}),
    "tls-ca-file": Field(values.secret_file, needs_tls=True),
    "tls-cert-file": Field(values.secret_file, needs_tls=True),
    "tls-key-file": Field(values.secret_file, needs_tls=True),
    "method": Field(values.one_of, "POST", "GET", default="POST", only_for=POLICY),
    # There are not more of them than this.
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
    "hibernate-after": Field(values.whole_number, 0, 86_400, default=10, unit="seconds"),
}
