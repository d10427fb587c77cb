# SPDX-License-Identifier: MIT
"""Whoever works in a directory as its owner leaves nothing that the owner cannot use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.other_user import skip_unless_python_is_for_everybody
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import owner

OTHER = 65534

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def identity() -> tuple[int, int, list[int]]:
    """The present user and groups."""
    return os.geteuid(), os.getegid(), os.getgroups()


@ONLY_ROOT
def test_root_becomes_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root makes there is the owner's; afterwards root is root again, also after an error."""
    directory = tmp_path / "of-another"
    directory.mkdir(mode=0o700)
    os.chown(directory, OTHER, OTHER)
    monkeypatch.chdir(directory)  # the owner may not go through the directories above
    before = identity()
    with owner.of(str(directory)):
        assert identity() == (OTHER, OTHER, [])
        Path("file").write_text("x")
    assert identity() == before
    found = (directory / "file").stat()
    assert (found.st_uid, found.st_gid) == (OTHER, OTHER)
    with pytest.raises(KeyboardInterrupt), owner.of(str(directory)):
        raise KeyboardInterrupt
    assert identity() == before


def test_ones_own(tmp_path: Path) -> None:
    """In a directory of one's own, nothing changes."""
    before = identity()
    with owner.of(str(tmp_path)):
        assert identity() == before


PROGRAM = """
from postfix_rest_inetd.admin.host import owner
with owner.of("/etc"):
    print("let in")
"""


@ONLY_ROOT
def test_somebody_else() -> None:
    """Neither the owner nor root: what is needed is said."""
    skip_unless_python_is_for_everybody()
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{PROGRAM}"],
        cwd=Path(postfix_rest_inetd.__file__).parents[1],
        user=OTHER,
        group=OTHER,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr.endswith("CommandError: /etc: only root may use it; run this as root\n")


@pytest.mark.parametrize("name, words", [("none", "no such"), ("file", "is not a directory")])
def test_no_directory(tmp_path: Path, name: str, words: str) -> None:
    """What is not a directory has no owner to become."""
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=words), owner.of(str(tmp_path / name)):
        raise AssertionError("it was let in")
