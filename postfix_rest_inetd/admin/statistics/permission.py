# SPDX-License-Identifier: MIT
"""Whether this user can read the whole journal."""

from __future__ import annotations

import os

from postfix_rest_inetd.admin.ui import terminal


def hint(directory: str | None) -> None:
    """Say that entries may be missing, unless root reads them or they are in a directory."""
    if os.geteuid() != 0 and directory is None:
        terminal.complain(
            "only root and members of the groups systemd-journal and adm can read the whole "
            "journal; run this as root if entries are missing"
        )
