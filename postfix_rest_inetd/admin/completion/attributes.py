# SPDX-License-Identifier: MIT
"""`NAME=` for each attribute that Postfix sends, and `NAME=VALUE` if it can have only few values.

The values: smtpd/smtpd.h (SMTPD_CMD_*, SMTPD_AFTER_*) and check_policy_service() in
smtpd/smtpd_check.c, which sends DATA for BDAT; postconf(5), stress.
"""

from __future__ import annotations

from postfix_rest_inetd.admin.ask.question import DEFAULTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

VALUES = {
    "request": ("smtpd_access_policy",),
    "protocol_state": (
        *("CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"),
    ),
    "protocol_name": ("ESMTP", "SMTP"),
    "stress": ("yes",),
}
"""Without the empty value, which needs no completion."""


def words(typed: str) -> Iterable[tuple[str, str]]:
    """The words, and the values that attributes have if they are not given."""
    name, equals, _ = typed.partition("=")
    if equals:
        return [(f"{name}={value}", "") for value in VALUES.get(name, ())]
    return [(f"{name}=", f"else {value}" if value else "") for name, value in DEFAULTS.items()]
