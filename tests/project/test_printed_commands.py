# SPDX-License-Identifier: MIT
"""Commands with names of units in them: a shell takes them as they are printed.

units/advice.py quotes the names; tests/unit/units/test_advice.py asks a shell.
"""

from __future__ import annotations

import re
from pathlib import Path

import postfix_rest_inetd

PACKAGE = Path(postfix_rest_inetd.__file__).parent
# A command whose verb is followed by what is put in.
UNQUOTED = re.compile(r"systemctl [a-z-]+(?: --[a-z]+)* \{[^}]*\}")


def test_no_other_way():
    """No command is put together from a name where it is printed."""
    found = {
        match[0]
        for path in PACKAGE.rglob("*.py")
        for match in UNQUOTED.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()
