# SPDX-License-Identifier: MIT
"""The versions are those that the programs themselves tell."""

from __future__ import annotations

import sys
from importlib import metadata

from postfix_rest_inetd import __version__
from postfix_rest_inetd.admin.host import versions


def test_versions() -> None:
    """Of urllib3 as its package has it, without loading it; what is not there is left out."""
    found = versions.all_of_them()
    assert found["postfix-rest-inetd"] == __version__
    assert found["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["urllib3"] == metadata.version("urllib3")
    assert all(found.values())
