# SPDX-License-Identifier: MIT
"""After a purge, nothing comes back that was asked before, however the two interleave."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from unit.cache.test_store import (
    FOLDER,
    LARGE,
    MAC_KEY,
    MANY,
    answer,
    body_of,
    digest,
    names_in,
    put,
)

from harness.steps import before_step
from postfix_rest_inetd.cache import purge
from postfix_rest_inetd.cache.record import TOMBSTONE
from postfix_rest_inetd.cache.store import Store
from postfix_rest_inetd.cache_folder import path_of

MOST_STEPS = 60
"""No function takes as many."""


@pytest.fixture
def store(tmp_path) -> Store:
    """A store in an empty directory."""
    return Store(str(tmp_path), FOLDER, MANY, LARGE)


def purge_all(directory: Path) -> None:
    """Purge all, also what is not there yet."""
    purge.purge_all(str(directory))
    purge.purge_folder(str(directory), FOLDER)


def purge_folder(directory: Path) -> None:
    """Purge the endpoint."""
    purge.purge_folder(str(directory), FOLDER)


def purge_answer(directory: Path) -> None:
    """Purge the one answer."""
    purge.purge_answer(str(directory), FOLDER, digest(1))


def expire(directory: Path) -> None:
    """Declare the one answer stale."""
    purge.expire(str(directory), FOLDER, digest(1))


def is_fresh(store: Store, name: str) -> bool:
    """Is there an answer that was not declared stale?"""
    with closing(store.look(name, MAC_KEY)) as look:
        return look.record is not None and not look.record.is_expired


def leftovers(directory: Path) -> list[str]:
    """What is in the directory, except directories that are made for good, and answers."""
    folder = Path(path_of(str(directory), FOLDER))
    found = [str(path.relative_to(directory)) for path in folder.parent.iterdir() if path != folder]
    return found + [str(path) for path in (folder / "new").glob("*")]


def test_purge_folder(store, tmp_path):
    """Its answers go; those of others stay; the directory is there, for handlers alone."""
    other = Store(str(tmp_path), "tcp-lookup.other", MANY, LARGE)
    assert put(store, digest(1))
    assert put(other, digest(1))
    purge_folder(tmp_path)
    assert body_of(store, digest(1)) is None
    assert body_of(other, digest(1)) is not None
    folder = Path(path_of(str(tmp_path), FOLDER))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder.stat().st_uid, names_in(folder)) == (os.geteuid(), set())
    assert put(store, digest(1))
    assert store.problem == ""


def test_purge_all(store, tmp_path):
    """All answers of all endpoints go, also of those that are not configured any more."""
    other = Store(str(tmp_path), "policy.gone", MANY, LARGE)
    assert put(store, digest(1))
    assert put(other, digest(1))
    assert purge.folders(str(tmp_path)) == ["policy.gone", FOLDER]
    purge_all(tmp_path)
    assert purge.folders(str(tmp_path)) == ["policy.gone", FOLDER]
    assert (body_of(store, digest(1)), body_of(other, digest(1))) == (None, None)


def test_what_else_is_there(store, tmp_path):
    """What handlers do not make is neither shown nor removed, and keeps nothing from its end."""
    assert put(store, digest(1))
    answers = Path(path_of(str(tmp_path), "x")).parent
    others = {"a;id", "\x1b[31m", "-rf"}
    for name in others:
        (answers / name).mkdir()
    assert purge.folders(str(tmp_path)) == [FOLDER]
    purge_all(tmp_path)
    assert body_of(store, digest(1)) is None
    assert {path.name for path in answers.iterdir()} == {FOLDER, *others}


def test_an_empty_directory(tmp_path):
    """There is nothing to purge."""
    assert purge.folders(str(tmp_path)) == []
    purge.purge_all(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert not purge.expire(str(tmp_path), FOLDER, digest(1))
    with pytest.raises(FileNotFoundError):
        purge.purge_folder(str(tmp_path / "nothing"), FOLDER)


def test_purge_answer(store, tmp_path):
    """One goes, the others stay, and the next one is stored."""
    for number in (1, 2):
        assert put(store, digest(number))
    assert purge.purge_answer(str(tmp_path), FOLDER, digest(1))
    assert not purge.purge_answer(str(tmp_path), FOLDER, digest(3))
    assert body_of(store, digest(1)) is None
    assert body_of(store, digest(2)) is not None
    for number in (1, 3):
        assert put(store, digest(number), b'"new"')
        assert body_of(store, digest(number)) == b'"new"'
    assert store.problem == ""


def test_a_tombstone_stays(tmp_path, store):
    """New answers do not displace it: the request it is meant for may still be going on."""
    small = Store(str(tmp_path), FOLDER, 256, LARGE)
    assert put(small, digest(1))
    with closing(small.look(digest(1), MAC_KEY)) as look:
        purge_answer(tmp_path)
        for number in range(2, 6):
            assert put(small, digest(number))
        assert not small.put(look, answer())
    path = Path(path_of(str(tmp_path), FOLDER), "00", digest(1))
    assert path.exists()
    os.utime(path, (time.time() - 1,) * 2)
    assert put(small, digest(6))
    assert not path.exists()
    assert store.problem == small.problem == ""


def test_expire(store, tmp_path):
    """An answer is not fresh any more, but still there; the next one is fresh."""
    assert put(store, digest(1), b'"a"')
    assert purge.expire(str(tmp_path), FOLDER, digest(1))
    assert not is_fresh(store, digest(1))
    assert body_of(store, digest(1)) == b'"a"'
    assert put(store, digest(1), b'"b"')
    assert is_fresh(store, digest(1))


def test_what_stands_in_the_way(store, tmp_path):
    """Whatever is in the place of a directory goes, and a link is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    assert put(store, digest(1))
    folder = Path(path_of(str(tmp_path), FOLDER))
    for make in (folder.touch, lambda: folder.symlink_to(elsewhere), lambda: os.mkfifo(folder)):
        purge_folder(tmp_path)
        (folder / "new").rmdir()
        folder.rmdir()
        make()
        purge_folder(tmp_path)
        assert folder.is_dir()
        assert leftovers(tmp_path) == []
    (folder / "00").symlink_to(elsewhere)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        purge_answer(tmp_path)
    purge_folder(tmp_path)
    assert (elsewhere / "file").exists()
    assert leftovers(tmp_path) == []


def test_what_stands_in_the_place_of_an_answer(store, tmp_path, monkeypatch):
    """Whatever it is but a directory, the tombstone takes its place, and links are not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    assert put(store, digest(1))
    file = Path(path_of(str(tmp_path), FOLDER), digest(1)[:2], digest(1))

    def listen() -> None:
        monkeypatch.chdir(file.parent)  # the address of a socket must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(file.name)

    for make in (lambda: file.symlink_to(elsewhere), lambda: os.mkfifo(file), listen):
        file.unlink()
        make()
        purge_answer(tmp_path)
        assert file.read_bytes() == TOMBSTONE
    assert elsewhere.read_bytes() == b""
    assert put(store, digest(1))


def test_what_takes_the_place_of_a_tombstone(tmp_path):
    """It is not removed as early as others: an empty place would be filled by who was slow."""
    full = Store(str(tmp_path), FOLDER, 2 * 256, 64 * 2**20)
    assert put(full, digest(9))
    with closing(full.look(digest(1), MAC_KEY)) as before:
        assert not purge_answer(tmp_path)
        assert put(full, digest(1), b'"new"')
        assert put(full, digest(1), b'"newer"')
        for number in range(2, 9):
            assert put(full, digest(number))
        assert body_of(full, digest(1)) == b'"newer"'
        assert not full.put(before, answer(b'"old"'))
    folder = Path(path_of(str(tmp_path), FOLDER))
    assert len(names_in(folder)) == 3
    os.utime(folder / "00" / digest(1), (1, 1))
    assert put(full, digest(10))
    assert len(names_in(folder)) == 2, "it counts again"


@pytest.mark.timeout(60)
def test_a_handler_that_was_stopped(store, tmp_path, monkeypatch):
    """It may hold a lock, and continue later: the operator is told that nothing was purged."""
    monkeypatch.setattr(purge, "_LOCK_SEC", 0.05)
    assert put(store, digest(1))
    place = Path(path_of(str(tmp_path), FOLDER), "00", digest(1))
    with place.open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="a handler has locked it"):
            purge.purge_answer(str(tmp_path), FOLDER, digest(1))
    assert leftovers(tmp_path) == []
    assert purge.purge_answer(str(tmp_path), FOLDER, digest(1))


ACTIONS = [purge_all, purge_folder, purge_answer, expire]


@pytest.mark.parametrize("is_there", [False, True], ids=["absent", "present"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_purge_between_two_steps_of_a_handler(tmp_path, action, is_there):
    """An answer that was asked for before the end of the purge is not used as fresh after it."""
    counts = []
    for number in range(MOST_STEPS):
        directory = tmp_path / str(number)
        directory.mkdir()
        store = Store(str(directory), FOLDER, MANY, LARGE)
        if is_there or action in (purge_answer, expire):
            assert put(store, digest(1 if is_there else 2), b'"old"')
        with closing(store.look(digest(1), MAC_KEY)) as look:
            with before_step(number, lambda: action(directory)) as steps:  # noqa: B023
                store.put(look, answer(b'"old"'))
            counts.append(len(steps))
        if number >= len(steps):
            break
        if action is expire and not is_there and is_fresh(store, digest(1)):
            # There was nothing to be declared stale: the answer came afterwards.
            continue
        assert not is_fresh(store, digest(1)), steps
        assert leftovers(directory) == [], steps
        assert store.problem == "", steps
    assert 8 < number < MOST_STEPS
    assert put(store, digest(1), b'"new"')


@pytest.mark.parametrize("action", [purge_all, purge_folder, purge_answer, expire])
def test_a_handler_between_two_steps_of_a_purge(tmp_path, action):
    """Whatever a handler stores that has looked before the purge is gone at its end."""
    for number in range(MOST_STEPS):
        directory = tmp_path / str(number)
        directory.mkdir()
        store = Store(str(directory), FOLDER, MANY, LARGE)
        assert put(store, digest(1), b'"old"')
        with closing(store.look(digest(1), MAC_KEY)) as look:

            def store_now(store=store, look=look):
                store.put(look, answer(b'"old"'))

            with before_step(number, store_now) as steps:
                action(directory)
        assert not is_fresh(store, digest(1)), steps
        assert leftovers(directory) == [], steps
        assert store.problem == "", steps
        if number >= len(steps):
            break
    assert 4 < number < MOST_STEPS


@pytest.mark.parametrize("action", [purge_folder, purge_answer])
def test_a_handler_that_makes_the_directory_between_two_steps_of_a_purge(tmp_path, action):
    """There was no directory when it looked; the purge has one at the end, without its answer."""
    for number in range(MOST_STEPS):
        directory = tmp_path / str(number)
        directory.mkdir()
        store = Store(str(directory), FOLDER, MANY, LARGE)
        with closing(store.look(digest(1), MAC_KEY)) as look:

            def store_now(store=store, look=look):
                store.put(look, answer(b'"old"'))

            with before_step(number, store_now) as steps:
                action(directory)
        assert body_of(store, digest(1)) is None, steps
        assert leftovers(directory) == [], steps
        if number >= len(steps):
            break
    assert 4 < number < MOST_STEPS


@pytest.mark.parametrize("action", ACTIONS)
def test_a_purge_that_was_killed(tmp_path, action):
    """Before whichever step it was killed: the store works, and the next purge finishes it."""
    for number in range(MOST_STEPS):
        directory = tmp_path / str(number)
        directory.mkdir()
        store = Store(str(directory), FOLDER, MANY, LARGE)
        assert put(store, digest(1), b'"old"')
        is_done = killed_at(number, lambda: action(directory))  # noqa: B023
        folder = Path(path_of(str(directory), FOLDER))
        assert put(store, digest(1), b'"new"') or not folder.exists()
        assert put(store, digest(2), b'"new"')
        assert store.problem == ""
        for path in [*folder.parent.glob(".made-*"), *(folder / "new").glob("*")]:
            os.utime(path, (0, 0))
        purge_folder(directory)
        assert leftovers(directory) == []
        if is_done:
            break
    assert 4 < number < MOST_STEPS


def killed_at(number: int, action) -> bool:
    """Do something in another process that is killed before a step; was it done before that?"""
    child = os.fork()
    if child == 0:
        with before_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.mark.parametrize("is_there", [False, True], ids=["absent", "present"])
def test_a_writer_that_was_killed(tmp_path, is_there):
    """Before whichever step: the old answer, the new one or none is there; nothing is left later.

    The first answer of an endpoint is among them, where the directories are made.
    """
    found = set()
    for number in range(MOST_STEPS):
        directory = tmp_path / str(number)
        directory.mkdir()
        store = Store(str(directory), FOLDER, MANY, LARGE)
        if is_there:
            assert put(store, digest(1), b'"old"')
        is_done = killed_at(number, lambda: put(store, digest(1), b'"new"'))  # noqa: B023
        found.add(body_of(store, digest(1)))
        folder = Path(path_of(str(directory), FOLDER))
        for path in folder.glob("new/*"):
            os.utime(path, (time.time() - 11,) * 2)
        put(store, digest(2))
        assert put(store, digest(3))
        assert put(store, digest(1), b'"newer"')
        assert leftovers(directory) == []
        assert store.problem == ""
        if is_done:
            break
    assert 8 < number < MOST_STEPS
    assert found == {b'"new"', b'"old"' if is_there else None}
