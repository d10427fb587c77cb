# SPDX-License-Identifier: MIT
"""The modes, what has their names, and an ordinary request: the place from which tests take them.

They are written out, and not taken from the package: operators have them in their config.json and
have enabled these units, and Postfix sends these bytes. tests/unit/protocols and tests/unit/units
hold the package against them.
"""

from __future__ import annotations

TCP = "tcp-lookup"
SOCKETMAP = "socketmap-lookup"
POLICY = "policy"

MODES = (TCP, SOCKETMAP, POLICY)
LOOKUPS = (TCP, SOCKETMAP)
"""Those whose requests have a key."""

UNITS = {
    TCP: "postfix-rest-tcp",
    SOCKETMAP: "postfix-rest-socketmap",
    POLICY: "postfix-rest-policy",
}
"""The names of the unit templates, without the @ and what follows."""

TABLES = {"tcp": TCP, "socketmap": SOCKETMAP}
"""By what Postfix calls a table, the mode of the endpoint that it asks."""

REQUEST = {
    TCP: b"get key\n",
    SOCKETMAP: b"7:map key,",
    POLICY: b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a@example.org\n\n",
}
"""One ordinary request of each mode."""

FOUND_BODY = {TCP: b'["value"]', SOCKETMAP: b'["value"]', POLICY: b"DUNNO"}
"""A response body that is an answer."""

FOUND = {TCP: b"200 value\n", SOCKETMAP: b"8:OK value,", POLICY: b"action=DUNNO\n\n"}
"""The reply to FOUND_BODY."""
