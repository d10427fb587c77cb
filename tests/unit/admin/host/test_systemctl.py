# SPDX-License-Identifier: MIT
"""A command that is run: what it said if it failed, and nothing if it did not."""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.host import systemctl

CASES = {
    "it succeeds, and says something": (["sh", "-c", "echo a; echo b >&2"], None),
    "both of its outputs": (["sh", "-c", "echo a; echo b >&2; exit 1"], "a\nb"),
    "it says nothing": (["sh", "-c", "exit 3"], "sh failed with status 3"),
    "it is not there": (
        ["/no/systemctl"],
        "/no/systemctl cannot be run: No such file or directory",
    ),
    "it cannot ask": (["sh", "-c", "read answer || echo no; exit 1"], "no"),
    "its language": (["sh", "-c", "echo $LC_ALL; exit 1"], "C.UTF-8"),
}


@pytest.mark.parametrize("argv, said", table(CASES))
def test_run(argv, said):
    """A failure is always told with words."""
    assert systemctl.run(argv) == said
