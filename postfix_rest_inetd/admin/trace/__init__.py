# SPDX-License-Identifier: MIT
"""The command `trace`: what happened to a mail, from the entries of handlers and Postfix's lines.

`subject` says what is looked for. `search` reads the journal, with bounds, into `line`s of Postfix
and `request`s of handlers; `mails` puts together what belongs to one mail; `cause` finds what held
it up; `chain` follows a mail to its other queue ids. `screen` and `json_report` show this.

Only a policy request names its mail: by the queue id or, before there is one, by the process of
smtpd(8). A lookup has only a key. So it is related to a mail if the key is one of its addresses, or
the domain of one, and if it is near in time (NEAR_SEC). Two mails can have that in common: such a
relation is always shown as what it is.

Any local user can write entries that look like ours or like Postfix's. Nothing in them is trusted.
"""

from __future__ import annotations

NEAR_SEC = 10.0
"""Postfix logs what it does with a reply at once. A table that cannot be asked delays it by
seconds: dict_tcp_lookup() in Postfix's util/dict_tcp.c tries ten times, a second apart."""
