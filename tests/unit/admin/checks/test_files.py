# SPDX-License-Identifier: MIT
"""checks.files: whether handlers may read their files, where that cannot be seen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.activation import package_parent

# An ordinary user may not be able to read this Python: the program becomes one when it is loaded.
PROGRAM = """
import os, sys
from postfix_rest_inetd.admin.checks import files
from postfix_rest_inetd.admin.host.handler_units import HandlerSettings
if sys.argv[2] == "ordinary":
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for found in files.installed("/dev/null", None, HandlerSettings(sys.argv[1], (), {})):
    print(found.severity, found.what, found.advice)
"""
# In some containers, root has inheritable capabilities as well.
SANDBOX = ["setpriv", "--inh-caps=-setuid,-setgid", "--bounding-set=-setuid,-setgid"]
PREFIXES = {"ordinary": [], "sandbox": SANDBOX}
UNSEEN = "note only root can see whether daemon can read these files Run this "


@pytest.mark.root
@pytest.mark.parametrize(
    "who, user, told",
    [
        ("ordinary", "daemon", f"{UNSEEN}as root"),
        ("ordinary", "no-such-user", "error the user no-such-user does not exist"),
        ("sandbox", "daemon", f"{UNSEEN}outside of the sandbox"),
        ("sandbox", "no-such-user", "error the user no-such-user does not exist"),
    ],
)
def test_what_cannot_be_seen(who: str, user: str, told: str) -> None:
    """Neither an ordinary user nor root in a sandbox takes a user that exists for a missing one."""
    done = subprocess.run(
        [*PREFIXES[who], sys.executable, "-c", PROGRAM, user, who],
        cwd=package_parent(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith(told)
