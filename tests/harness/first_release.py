# SPDX-License-Identifier: MIT
"""The tree of 0.1.0, the first release, from the history of this checkout.

No tag names it. It is the last commit before the changes that CHANGELOG.md lists as unreleased.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.debian_build import CHECKOUT, checkout_copy

VERSION = "0.1.0"
COMMIT = "07da36e64405947a36137e0daa65e488a902075a"


def unpack(checkout: Path, directory: Path) -> Path:
    """DIRECTORY, made that tree.

    A clone without history has CHECKOUT instead, made different and with that version
    (`checkout_copy`), and the reason is printed.
    """
    command = ["git", "-C", str(CHECKOUT), "archive", COMMIT]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{error}: not the tree of {VERSION}, but one made from this checkout")  # noqa: T201
        return checkout_copy(checkout, directory, VERSION)
    directory.mkdir()
    subprocess.run(["tar", "-C", directory, "-x"], input=done.stdout, timeout=60, check=True)
    return directory
