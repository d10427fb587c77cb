#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A virtualisation server of autopkgtest(1): the testbed is a container that is booted already.

The arguments are the command on the host that, with another command after it, runs that in the
testbed as root, such as `Container.command()`. The testbed is thrown away by its owner.
The protocol is in autopkgtest's README.virtualisation-server; its own library speaks it.
"""

from __future__ import annotations

import sys

sys.path.insert(0, "/usr/share/autopkgtest/lib")

import VirtSubproc


def hook_open() -> None:
    """Say how commands are run."""
    VirtSubproc.auxverb = sys.argv[1:]


def hook_downtmp(path: str | None) -> str:
    """Make a directory in the testbed."""
    return VirtSubproc.downtmp_mktemp(path)


def hook_cleanup() -> None:
    """Remove it."""
    VirtSubproc.downtmp_remove()


def hook_capabilities() -> list[str]:
    """What a test may do there."""
    return ["isolation-container", "root-on-testbed"]


if __name__ == "__main__":
    VirtSubproc.main()
