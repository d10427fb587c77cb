# SPDX-License-Identifier: MIT
"""Marks change whenever a file does."""

from __future__ import annotations

import os
import time

import pytest

from postfix_rest_inetd.marks import has_settled, mark_of


@pytest.fixture
def path(tmp_path):
    """A file whose last change has settled."""
    path = tmp_path / "file"
    path.write_text("content")
    wait_until_settled(path, 0.05)
    return path


def wait_until_settled(path, seconds: float) -> None:
    """Let the clock get past the last change of a file."""
    end = time.monotonic() + 5
    while not has_settled(str(path), mark_of(str(path)), seconds):
        assert time.monotonic() < end
        time.sleep(0.01)


def rewritten(path):
    """Other content of the same size, and the time that there was before."""
    before = path.stat()
    path.write_text("CONTENT")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def renamed(path):
    """Another file of the same size and time."""
    before = path.stat()
    other = path.with_name("other")
    other.write_text("CONTENT")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


def unreadable(path):
    """No other content, but it may be readable now to one who could not before."""
    path.chmod(0o600)


CHANGES = [rewritten, renamed, unreadable, os.remove]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change(path, change):
    """Content, inode, permissions and existence are all in the mark."""
    before = mark_of(str(path))
    assert before == mark_of(str(path))
    change(path)
    assert before != mark_of(str(path))


def test_what_is_not_there(tmp_path):
    """No file, no mark; nor is there one for what cannot be the name of a file."""
    assert mark_of(str(tmp_path / "nothing")) is None
    assert mark_of("/a\0b") is None


def test_settled(path):
    """A change has settled when it is older than that."""
    wait_until_settled(path, 0.05)
    assert not has_settled(str(path), mark_of(str(path)), 3600)


def test_a_missing_file_settles_with_its_directory(tmp_path):
    """A file that has just gone may come back; one that was never there does not."""
    path = tmp_path / "file"
    path.write_text("")
    wait_until_settled(tmp_path, 0.05)
    path.unlink()
    assert not has_settled(str(path), None, 60)
    wait_until_settled(path, 0.05)
    assert has_settled("/no such directory/file", None, 60)
