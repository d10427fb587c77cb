# SPDX-License-Identifier: MIT
"""From the command line to an endpoint and a request; wrong arguments are UsageErrors.

A policy request has all attributes that Postfix sends, so that a backend sees nothing unusual: the
attributes of DEFAULTS, in Postfix's order (smtpd/smtpd_check.c, check_policy_service). A given
attribute replaces the default in its place; one that Postfix does not send is an error, since it is
misspelt. A value may be empty: `sender=` is a bounce.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import pasted
from postfix_rest_inetd.admin.command_error import UsageError
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.config.endpoint import select
from postfix_rest_inetd.config.problems import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

# The values for a mail without encryption and login.
DEFAULTS = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": "127.0.0.1",
    "client_name": "localhost",
    "client_port": "50000",
    "reverse_client_name": "localhost",
    "server_address": "127.0.0.1",
    "server_port": "25",
    "helo_name": "localhost",
    "sender": "",
    "recipient": "",
    "recipient_count": "0",
    "queue_id": "",
    "instance": "query",
    "size": "0",
    "etrn_domain": "",
    "stress": "",
    "sasl_method": "",
    "sasl_username": "",
    "sasl_sender": "",
    "ccert_subject": "",
    "ccert_issuer": "",
    "ccert_fingerprint": "",
    "ccert_pubkey_fingerprint": "",
    "encryption_protocol": "",
    "encryption_cipher": "",
    "encryption_keysize": "0",
    "policy_context": "",
}


def endpoint_of(loaded: Config, name: str) -> tuple[Endpoint, str | None]:
    """The endpoint that has this name, or that listens at this address, or that main.cf calls so.

    With it, the name of the map if a socketmap table of main.cf has one.

    Raises:
        UsageError: there is none, or more than one.
    """
    for endpoint in loaded.endpoints:
        if str(endpoint.address) == name:
            return endpoint, None
    choice = select(loaded.endpoints, None, None, name)
    map_name = None
    namesakes = [str(e.address) for e in loaded.endpoints if e.name == name]
    if isinstance(choice, str) and not namesakes:
        reference = pasted.reference_of(name)
        if reference is not None:
            choice, map_name = pasted.endpoint_of(loaded.endpoints, reference), reference.map_name
    if not isinstance(choice, str):
        return choice, map_name
    if namesakes:
        raise UsageError(f"{choice}; use one of these addresses: {', '.join(namesakes)}")
    known = ", ".join(endpoint.name for endpoint in loaded.endpoints) or "none"
    raise UsageError(f"{choice}; the configuration has: {known}")


def map_name_of(endpoint: Endpoint, map_name: str | None) -> bytes | None:
    """The name of the map for lookups.

    Raises:
        UsageError: it is missing, or the endpoint has no maps.
    """
    if has_maps(endpoint.mode):
        if map_name is None:
            raise UsageError(
                f"{endpoint.name} is a socketmap: give --map NAME, the last part of "
                f"socketmap:inet:HOST:PORT:NAME in main.cf"
            )
        if " " in map_name or "\0" in map_name:
            raise UsageError("the name of a map cannot contain a blank or a NUL (--map)")
        return os.fsencode(map_name)
    if map_name is not None:
        raise UsageError(f"{endpoint.name} is not a socketmap, so it takes no --map")
    return None


def check_kind(endpoint: Endpoint, key: str | None, attributes: list[str]) -> None:
    """Is the question of the kind that the endpoint answers?

    Raises:
        UsageError: it is not.
    """
    if not endpoint.is_lookup and key is not None:
        raise UsageError(
            f"{endpoint.name} is a policy endpoint: it takes --attribute NAME=VALUE, not a KEY"
        )
    if endpoint.is_lookup and attributes:
        raise UsageError(f"{endpoint.name} answers lookups: it takes a KEY, not --attribute")
    if endpoint.is_lookup and key is None:
        raise UsageError(
            f"{endpoint.name} answers lookups: give a KEY, or - to read keys from standard input"
        )


def policy_request(given: Iterable[str]) -> model.PolicyRequest:
    """A request with these attributes (`NAME=VALUE`), and the defaults.

    Raises:
        UsageError: one of them is not an attribute that Postfix sends.
    """
    values = dict(DEFAULTS)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name or not name.isascii() or not name.isprintable() or " " in name:
            raise UsageError(f"--attribute {text!r} is not NAME=VALUE, as in sender=a@example.org")
        if name not in DEFAULTS:
            similar = nearest(name, [each.replace("_", "-") for each in DEFAULTS])
            hint = f"; do you mean {similar[0].replace('-', '_')}?" if similar else ""
            raise UsageError(f"Postfix sends no attribute {name}{hint}")
        if "\n" in value or "\0" in value:
            raise UsageError(f"the attribute {name} has a line break or a NUL in its value")
        values[name] = value
    return model.PolicyRequest([(os.fsencode(n), os.fsencode(v)) for n, v in values.items()])
