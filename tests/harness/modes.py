# SPDX-License-Identifier: MIT
"""The modes and what has their names: the one place from which tests take them.

They are written out, and not taken from the package: they stand in the config.json and in the
`systemctl enable` of operators. tests/unit/protocols and tests/unit/units hold the package against
them.
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
