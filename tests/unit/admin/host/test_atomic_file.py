# SPDX-License-Identifier: MIT
"""A file is replaced as a whole, or it stays as it was."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from postfix_rest_inetd.admin.host import atomic_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is there already."""
    path = tmp_path / "file"
    path.write_text("old")
    return path


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_mode(file: Path) -> None:
    """The mode is the one that is asked for, whatever the umask is, and the file is a new one."""
    inode = file.stat().st_ino
    before = os.umask(0o077)
    try:
        atomic_file.write(str(file), "é", atomic_file.PUBLIC_MODE)
    finally:
        os.umask(before)
    assert (file.read_bytes(), mode(file)) == ("é".encode(), 0o644)
    assert file.stat().st_ino != inode
    assert os.listdir(file.parent) == ["file"]


def test_closed_until_it_has_its_rights(file: Path) -> None:
    """Only its owner may read the new file until the rights are given; the old one is there."""
    new = file.with_name("new")
    seen = []

    def give_rights(descriptor: int) -> None:
        seen.append((new.read_text(), mode(new), file.read_text()))
        os.fchmod(descriptor, 0o604)

    atomic_file.replace(str(file), b"content", str(new), give_rights)
    assert seen == [("content", 0o600, "old")]
    assert (file.read_text(), mode(file), new.exists()) == ("content", 0o604, False)


def test_failure(file: Path) -> None:
    """What fails leaves the old file and no new one."""

    def fail(_descriptor: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(PermissionError):
        atomic_file.replace(str(file), b"content", f"{file}.new", fail)
    assert os.listdir(file.parent) == ["file"]
    assert file.read_text() == "old"


def test_what_is_named(tmp_path: Path) -> None:
    """An error names the file that was asked for."""
    with pytest.raises(NotADirectoryError) as caught:
        atomic_file.write("/dev/null/x", "", 0o600)
    assert caught.value.filename == "/dev/null/x"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is not a file that can be replaced"):
        atomic_file.write(str(tmp_path / "pipe"), "", 0o600)
