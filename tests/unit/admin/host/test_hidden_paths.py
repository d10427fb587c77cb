# SPDX-License-Identifier: MIT
"""hidden_paths: what a handler does not see, whatever links lead there.

test_check.py compares it with what handlers say.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.host import hidden_paths

# What is at each path, or what it links to, below a directory that stands for the root.
FILES = {
    "home/al/token": "",
    "home/al/out": "-> ../../etc/token",
    "data/users/bo/token": "",
    "users": "-> data/users",
    "etc/token": "",
    "etc/linked": "-> ../home/al/token",
    "etc/twice": "-> linked",
    "etc/al": "-> ../home/al",
    "etc/through": "-> ../home/al/out",
    "etc/loop": "-> loop",
    "etc/dangling": "-> ../home/nobody/token",
}
CASES = {
    "elsewhere": ("etc/token", [], None),
    "a name that begins alike": ("homer/token", [], None),
    "the directory itself": ("home", [], None),
    "below": ("home/al/token", [], ("home/al/token", "home")),
    "a link": ("etc/linked", [], ("home/al/token", "home")),
    "a link to a link": ("etc/twice", [], ("home/al/token", "home")),
    "a link in the path": ("etc/al/token", [], ("home/al/token", "home")),
    "a link that leads through": ("etc/through", [], ("home/al/out", "home")),
    "a link that is there": ("home/al/out", [], ("home/al/out", "home")),
    "a link to nothing": ("etc/dangling", [], ("home/nobody/token", "home")),
    "a loop": ("etc/loop", [], None),
    "a link is hidden": ("users/bo/token", [], ("users/bo/token", "users")),
    "where it leads": ("data/users/bo/token", [], ("data/users/bo/token", "users")),
    "a file is bound": ("home/al/token", ["home/al/token"], None),
    "its directory is bound": ("home/al/token", ["home/al"], None),
    "a link to what is bound": ("etc/linked", ["home/al"], None),
    "another is bound": ("home/al/token", ["home/al/to"], ("home/al/token", "home")),
}


@pytest.mark.parametrize("path, bound, expected", table(CASES))
def test_find(
    tmp_path: Path, path: str, bound: list[str], expected: tuple[str, str] | None
) -> None:
    """Each step of the resolution counts, and what is bound is seen again."""
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("-> "):
            file.symlink_to(content.removeprefix("-> "))
        else:
            file.write_text(content, encoding="ascii")
    tops = (f"{tmp_path}/home", f"{tmp_path}/users", f"{tmp_path}/missing")
    found = hidden_paths.find(
        f"{tmp_path}/{path}", tops, tuple(f"{tmp_path}/{each}" for each in bound)
    )
    assert found == (expected and tuple(f"{tmp_path}/{each}" for each in expected))
