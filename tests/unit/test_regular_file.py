# SPDX-License-Identifier: MIT
"""regular_file: what is read, and what nobody waits for."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import postfix_rest_inetd
from postfix_rest_inetd import regular_file

PACKAGE = Path(postfix_rest_inetd.__file__).parent


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 100_000])
def test_bound(tmp_path: Path, size: int) -> None:
    """A file is read up to the bound, and not further."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    assert regular_file.read(str(path), 100) == b"x" * min(size, 100)


def test_link(tmp_path: Path) -> None:
    """A symbolic link stands for the file that it leads to."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert regular_file.read(str(tmp_path / "link"), 100) == b"x"


def not_regular(directory: Path) -> dict[str, str]:
    """Paths that lead to something else."""
    os.mkfifo(directory / "fifo")
    return {"fifo": str(directory / "fifo"), "device": "/dev/zero"}


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_not_regular(tmp_path: Path, kind: str) -> None:
    """Neither a FIFO without a writer nor a device without end keeps anybody waiting."""
    with pytest.raises(regular_file.NotRegularError) as raised:
        regular_file.read(not_regular(tmp_path)[kind], 100)
    assert raised.value.strerror == "it is not a regular file"


def test_directory(tmp_path: Path) -> None:
    """A directory is not a file, whichever call says so."""
    with pytest.raises(OSError, match=r"not a regular file|Is a directory"):
        regular_file.read(str(tmp_path), 100)


def test_missing(tmp_path: Path) -> None:
    """What cannot be read is an error of the system."""
    with pytest.raises(FileNotFoundError):
        regular_file.read(str(tmp_path / "missing"), 100)
    with pytest.raises(ValueError, match="null"):
        regular_file.read("a\0b", 100)


def test_nothing_to_read_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A regular file that would make its reader wait, as /proc/kmsg does, has no content."""
    reading, writing = os.pipe2(os.O_NONBLOCK)
    try:
        monkeypatch.setattr(regular_file, "require_regular", lambda _found: None)
        assert regular_file.read(f"/dev/fd/{reading}", 100) == b""
    finally:
        os.close(reading)
        os.close(writing)


def opened_without_waiting(path: Path) -> bool:
    """Does a module open anything with O_NONBLOCK?"""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return any(ast.unparse(c.func) == "os.open" and "O_NONBLOCK" in ast.unparse(c) for c in calls)


def test_one_reader() -> None:
    """The core has no second reader of this kind."""
    core = [path for path in PACKAGE.rglob("*.py") if "admin" not in path.parts]
    assert [path.name for path in core if opened_without_waiting(path)] == ["regular_file.py"]
