# SPDX-License-Identifier: MIT
"""The versions of the programs that answer a lookup together."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys

from postfix_rest_inetd import __version__
from postfix_rest_inetd.admin.host import postconf, systemd

_VERSION = "__version__ "  # of two assignments in urllib3's _version, not its annotation


@functools.cache
def all_of_them() -> dict[str, str]:
    """By name, without those that are not there."""
    found = {
        "postfix-rest-inetd": __version__,
        "Python": ".".join(map(str, sys.version_info[:3])),
        "urllib3": _urllib3(),
        "systemd": systemd.version(),
        "Postfix": _postfix(),
    }
    return {name: version for name, version in found.items() if version}


def _urllib3() -> str:
    """Read from its file, because loading it takes longer than all the rest of `status`."""
    spec = importlib.util.find_spec("urllib3")
    if spec is None or spec.origin is None:
        return ""
    try:
        path = os.path.join(os.path.dirname(spec.origin), "_version.py")
        with open(path, encoding="utf-8") as file:
            found = [line for line in file if line.startswith(_VERSION)]
    except (OSError, ValueError):
        return ""
    return found[-1].rpartition("=")[2].strip().strip("\"'") if found else ""


def _postfix() -> str:
    if not postconf.is_installed():
        return ""
    return postconf.present("mail_version") or ""
