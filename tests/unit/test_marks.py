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
    """A file that has just gone may come back; so may a directory on the way to it."""
    path = tmp_path / "file"
    path.write_text("")
    wait_until_settled(tmp_path, 0.05)
    path.unlink()
    assert not has_settled(str(path), None, 60)
    wait_until_settled(path, 0.05)
    wait_until_settled(tmp_path / "no such directory" / "file", 0.05)


def test_a_directory_that_is_being_replaced(tmp_path):
    """A file whose directory has just gone may come back with another one."""
    directory = tmp_path / "of the files"
    directory.mkdir()
    path = str(directory / "file")
    directory.rename(tmp_path / "aside")
    assert not has_settled(path, mark_of(path), 0.25)
    wait_until_settled(path, 0.25)


def test_a_link_into_a_directory_that_is_being_replaced(tmp_path):
    """As are the versions of a mounted volume, to which a link leads from elsewhere."""
    target = tmp_path / "elsewhere" / "version"
    link = tmp_path / "here" / "file"
    for directory in (target, link.parent):
        directory.mkdir(parents=True)
    link.symlink_to(target / "file")
    wait_until_settled(link, 0.25)
    target.rmdir()
    assert not has_settled(str(link), mark_of(str(link)), 0.25)
    wait_until_settled(link, 0.25)


def test_a_loop_of_links(tmp_path):
    """It leads nowhere, and settles."""
    path = tmp_path / "loop"
    path.symlink_to(path)
    wait_until_settled(path, 0.05)


def test_the_file_system_is_in_the_mark(tmp_path):
    """Two images may hold files with the same numbers and times; they are on different devices."""
    assert mark_of(str(tmp_path))[-1] == tmp_path.stat().st_dev


def test_whole_seconds(path):
    """Where a kernel keeps no fractions of seconds, what it stamps is up to two seconds old."""
    now = time.time_ns() // 10**9 * 10**9
    ino, size, mtime, _, dev = mark_of(str(path))
    for age, expected in ((0, False), (1, False), (4, True)):
        mark = (ino, size, mtime, now - age * 10**9, dev)
        assert has_settled(str(path), mark, 0.25) is expected
