# SPDX-License-Identifier: MIT
"""Asks the backend of an endpoint that is not in config.json yet, as `check --probe` does later."""

from __future__ import annotations

import json
import socket
import ssl
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import probe
from postfix_rest_inetd.admin.checks.finding import ERROR
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.checks.finding import Finding
    from postfix_rest_inetd.admin.setup.wanted import Wanted
    from postfix_rest_inetd.config.target import Target

_QUERY = "postfix-rest-inetd query"
_FORM = (
    "Is this the URL of an API, or of a web page? postfix-rest-inetd-handler(8) has the answers "
    "that are expected."
)
_TOKEN_STATUSES = ("status 401 ", "status 403 ")
_NO_TLS = ("speak TLS", "TLS handshake")
_TLS_SEC = 2


def findings(wanted: Wanted, user_agent: str) -> list[Finding]:
    """What the backend answers. The token stays in memory."""
    entry = wanted.entry("")
    entry.pop("auth-token-file", None)
    entry["auth-token"] = wanted.token
    document = {"user-agent": user_agent, "endpoints": [entry]}
    loaded = loading.parse(json.dumps(document).encode(), loading.DEFAULT_PATH)
    endpoint = loaded.endpoints[0]
    maps = list(wanted.purposes) if has_maps(wanted.mode) else []
    in_use = {endpoint: maps} if maps else {}
    target = endpoint.targets.all()[0]
    found = probe.findings(endpoint, loaded, loading.DEFAULT_PATH, in_use)
    return [_explained(finding, wanted, target) for finding in found]


def _explained(finding: Finding, wanted: Wanted, target: Target) -> Finding:
    """The advice about an option, instead of one about a file that is not written yet."""
    if finding.severity != ERROR:
        return finding
    if not target.tls and "connected to " in finding.what and _speaks_tls(target):
        advice = "The backend speaks TLS on this port: the URL begins with https://."
    elif target.tls and any(words in finding.what for words in _NO_TLS):
        advice = "If the backend does not speak TLS, the URL begins with http://."
    elif any(status in finding.what for status in _TOKEN_STATUSES):
        advice = "Is the token right?" if wanted.token else "Does the backend want a token?"
    elif "status 404 " in finding.what:
        advice = "Is the path of the URL right?"
        if is_lookup(wanted.mode):
            advice += " The answer for an unknown key is [] with status 200; a 404 defers mail."
    elif _QUERY in finding.advice:  # which does not know the endpoint yet
        advice = _FORM
    else:
        return finding
    return finding._replace(advice=advice)


def _speaks_tls(target: Target) -> bool:
    """Does a port do a handshake? Nothing is sent over the connection, so no certificate counts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((target.host, target.port), _TLS_SEC) as connection,
            context.wrap_socket(connection, server_hostname=target.host),
        ):
            return True
    except (OSError, ValueError):
        return False
