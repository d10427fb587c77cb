# SPDX-License-Identifier: MIT
"""The identity of an endpoint's stored answers, as its handlers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.cache.identity import Identity
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    from postfix_rest_inetd.config.endpoint import Endpoint


def of(endpoint: Endpoint, user_agent: str) -> Identity | None:
    """The identity, or None if it depends on a file that only handlers can read: a credential."""
    files = (endpoint.tls_ca_file, endpoint.tls_cert_file, endpoint.tls_key_file)
    if any(name is not None and "/" not in name for name in files):
        return None
    try:
        token = credentials.auth_token_of(endpoint)
    except ConfigError:
        return None
    digests = [credentials.digest_of(path) for path in credentials.certificates_of(endpoint)]
    return Identity(endpoint, user_agent, token, digests)
