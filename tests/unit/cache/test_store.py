# SPDX-License-Identifier: MIT
"""The store: what was put is found, nothing else is, and nothing is replaced that was not seen."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from postfix_rest_inetd.cache import store as store_module
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache.record import BLOCK_BYTES, TOMBSTONE, StoredAnswer
from postfix_rest_inetd.cache.store import Store
from postfix_rest_inetd.cache_folder import path_of

FOLDER = "tcp-lookup.example"
MAC_KEY = b"m" * 32
MANY, LARGE = 10000, 64 * 2**20


def digest(number: int, subdirectory: int = 0) -> str:
    """The name of an answer's file."""
    return f"{subdirectory:02x}{number:038x}"


def answer(body: bytes = b'"value"') -> StoredAnswer:
    """An answer that is fresh for a minute."""
    return StoredAnswer(
        b"key", None, 200, body, stored=now(), lifetime_sec=60, stale_sec=600, age_sec=0
    )


def put(store: Store, name: str, body: bytes = b'"value"') -> bool:
    """Look and put, as a request does."""
    with closing(store.look(name, MAC_KEY)) as look:
        return store.put(look, answer(body))


def body_of(store: Store, name: str, mac_key: bytes = MAC_KEY) -> bytes | None:
    """What the store has for a name."""
    with closing(store.look(name, mac_key)) as look:
        return None if look.record is None else look.record.body


def names_in(folder: Path) -> set[str]:
    """The names of all files, relative to the directory."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def store(tmp_path) -> Store:
    """A store in an empty directory."""
    return Store(str(tmp_path), FOLDER, MANY, LARGE)


@pytest.fixture
def folder(tmp_path) -> Path:
    """The directory of the endpoint, which need not exist yet."""
    return Path(path_of(str(tmp_path), FOLDER))


def test_what_was_put_is_found(store, folder):
    """Also by another process' store, and without anything left over."""
    assert body_of(store, digest(1)) is None
    assert put(store, digest(1), b'"a"')
    assert body_of(store, digest(1)) == b'"a"'
    assert body_of(store, digest(2)) is None
    other = Store(str(folder.parents[2]), FOLDER, MANY, LARGE)
    assert body_of(other, digest(1)) == b'"a"'
    assert names_in(folder) == {f"00/{digest(1)}"}
    assert store.problem == other.problem == ""


def test_an_answer_is_replaced(store, folder):
    """By the next one."""
    assert put(store, digest(1), b'"a"')
    assert put(store, digest(1), b'"b"')
    assert body_of(store, digest(1)) == b'"b"'
    assert names_in(folder) == {f"00/{digest(1)}"}


def test_modes(store, folder):
    """Nobody else sees anything, whatever the umask is."""
    before = os.umask(0)
    try:
        assert put(store, digest(1))
    finally:
        os.umask(before)
    found = [folder.parent.parent, folder.parent, folder, folder / "new", folder / "00"]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o700}
    assert (folder / "00" / digest(1)).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", [None, b'"old"'], ids=["absent", "present"])
def test_of_two_writers_one_wins(store, folder, before):
    """Both have seen the same; the second one finds something else."""
    assert put(store, digest(9))  # so that there is a directory
    if before:
        assert put(store, digest(1), before)
    with closing(store.look(digest(1), MAC_KEY)) as a, closing(store.look(digest(1), MAC_KEY)) as b:
        assert store.put(a, answer(b'"a"'))
        assert not store.put(b, answer(b'"b"'))
    assert body_of(store, digest(1)) == b'"a"'
    assert (names_in(folder / "new"), store.problem) == (set(), "")


def test_what_was_removed_meanwhile_is_not_stored(store):
    """The file is not the one that was seen."""
    assert put(store, digest(1))
    with closing(store.look(digest(1), MAC_KEY)) as look:
        os.unlink(look.path, dir_fd=look.descriptor)
        assert not store.put(look, answer())
    assert (body_of(store, digest(1)), store.problem) == (None, "")


def test_a_directory_that_another_has_made_meanwhile(store):
    """It may have been purged in between."""
    with closing(store.look(digest(1), MAC_KEY)) as look:
        assert put(store, digest(2))
        assert not store.put(look, answer())
    assert (body_of(store, digest(1)), store.problem) == (None, "")


def test_a_directory_that_was_replaced(store, folder):
    """What was asked before goes into the old one, and is not found in the new one."""
    assert put(store, digest(2))
    with closing(store.look(digest(1), MAC_KEY)) as look:
        folder.rename(folder.with_name("old"))
        folder.mkdir(0o700)
        assert store.put(look, answer())
    assert names_in(folder) == set()
    assert body_of(store, digest(1)) is None


def test_a_directory_that_was_removed(store, folder):
    """Nothing comes of it, and nothing is wrong with it."""
    assert put(store, digest(2))
    with closing(store.look(digest(1), MAC_KEY)) as look:
        for path in [*folder.glob("*/*"), *folder.glob("*"), folder]:
            path.rmdir() if path.is_dir() else path.unlink()
        assert not store.put(look, answer())
    assert (folder.exists(), store.problem) == (False, "")


def test_a_tombstone(store, folder):
    """It is a miss, and the next answer takes its place; one that was asked before does not."""
    assert put(store, digest(1))
    with closing(store.look(digest(1), MAC_KEY)) as before:
        (folder / "tombstone").write_bytes(TOMBSTONE)
        (folder / "tombstone").rename(folder / "00" / digest(1))
        assert body_of(store, digest(1)) is None
        assert not store.put(before, answer())
    assert put(store, digest(1), b'"b"')
    assert (body_of(store, digest(1)), store.problem) == (b'"b"', "")


def test_another_identity(store):
    """The file of another token or key is a miss, wherever it was moved."""
    assert put(store, digest(1))
    assert body_of(store, digest(1), b"x" * 32) is None
    assert "damaged" in store.problem


def test_a_read_only_answer_is_stale(store, folder):
    """This is how the operator declares one stale."""
    assert put(store, digest(1))
    (folder / "00" / digest(1)).chmod(0o400)
    with closing(store.look(digest(1), MAC_KEY)) as look:
        assert look.record.is_expired
        assert store.put(look, answer())
    with closing(store.look(digest(1), MAC_KEY)) as look:
        assert not look.record.is_expired


def bodies(store: Store, count: int, subdirectory: int = 0) -> list[bytes | None]:
    """What is found under so many names."""
    return [body_of(store, digest(number, subdirectory)) for number in range(count)]


@pytest.fixture
def settled(monkeypatch) -> None:
    """Files are as old as they have to be for their marks to tell one content from another."""
    monkeypatch.setattr(store_module, "_TICK_NS", -1)


def record_of(store: Store, name: str, mac_key: bytes = MAC_KEY) -> StoredAnswer | None:
    """What the store has for a name."""
    with closing(store.look(name, mac_key)) as look:
        return look.record


@pytest.mark.usefixtures("settled")
def test_what_was_read_is_known(store):
    """The same answer is read once; a look still finds its place."""
    assert put(store, digest(1))
    first = record_of(store, digest(1))
    assert first is not None
    with closing(store.look(digest(1), MAC_KEY)) as look:
        assert look.record is first
        assert store.put(look, answer(b'"new"'))
    assert body_of(store, digest(1)) == b'"new"'


def test_what_has_just_changed_is_read_again(store):
    """Two changes within a tick of the kernel's clock may leave the same mark."""
    assert put(store, digest(1))
    assert record_of(store, digest(1)) is not record_of(store, digest(1))


def overwrite(path: Path) -> None:
    """Damage a file."""
    with path.open("r+b") as file:
        file.write(b"x")


CHANGES = {
    "removed": (Path.unlink, None),
    "damaged": (overwrite, None),
    "purged": (lambda path: path.write_bytes(TOMBSTONE), None),
    "expired": (lambda path: path.chmod(0o400), b"known"),
    "a link": (lambda path: path.rename(f"{path}x") and path.symlink_to(f"{path}x"), None),
    "the directory is another": (lambda path: path.parents[1].rename(path.parents[2] / "x"), None),
    "touched": (os.utime, b"known"),
}


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_known_may_change(store, folder, change):
    """It is looked at anew."""
    assert put(store, digest(1), b"known")
    first = record_of(store, digest(1))
    make, expected = CHANGES[change]
    make(folder / "00" / digest(1))
    for _ in range(2):
        found = record_of(store, digest(1))
        assert found is not first
        assert (None if found is None else found.body) == expected
        assert found is None or found.is_expired == (change == "expired")


@pytest.mark.usefixtures("settled")
def test_what_is_known_belongs_to_an_identity(store):
    """Not to a name alone."""
    assert put(store, digest(1))
    assert record_of(store, digest(1)) is not None
    assert record_of(store, digest(1), b"x" * 32) is None


@pytest.mark.usefixtures("settled")
def test_little_is_known(store):
    """A handler remembers a few small answers."""
    assert put(store, digest(0), b"x" * 2000)
    assert record_of(store, digest(0)) is not record_of(store, digest(0))
    for number in range(1, 100):
        assert put(store, digest(number))
        assert record_of(store, digest(number)) is record_of(store, digest(number))
        assert len(store._known) <= 32


def test_most_entries(tmp_path, folder):
    """The oldest go, from the subdirectory of the new one."""
    store = Store(str(tmp_path), FOLDER, 3 * 256, LARGE)
    assert put(store, digest(0, subdirectory=7))
    for number in range(5):
        assert put(store, digest(number), b"%d" % number)
        os.utime(folder / "00" / digest(number), (number, number))
    assert bodies(store, 5) == [None, None, b"2", b"3", b"4"]
    assert body_of(store, digest(0, subdirectory=7)) is not None


@pytest.mark.parametrize("is_again", [True, False])
def test_a_flood_of_keys(tmp_path, folder, is_again):
    """What was asked again after it had been stored keeps half of the room; else, age decides."""
    store = Store(str(tmp_path), FOLDER, 8 * 256, LARGE)
    for number in range(4):
        for _ in range(1 + is_again):
            assert put(store, digest(number), b"%d" % number)
        os.utime(folder / "00" / digest(number), (number, number))
    for number in range(4, 40):
        assert put(store, digest(number))
        os.utime(folder / "00" / digest(number), (number, number))
    known = [b"0", b"1", b"2", b"3"] if is_again else [None] * 4
    assert bodies(store, 4) == known
    assert len(names_in(folder)) == 8


def test_what_is_asked_again_is_not_kept_for_ever(tmp_path, folder):
    """Among what was asked again, the oldest goes."""
    store = Store(str(tmp_path), FOLDER, 4 * 256, LARGE)
    for number in range(6):
        for _ in range(2):
            assert put(store, digest(number), b"%d" % number)
        os.utime(folder / "00" / digest(number), (number, number))
    assert bodies(store, 6) == [None, None, b"2", b"3", b"4", b"5"]


def test_most_bytes(tmp_path, folder):
    """A file counts with whole blocks; one that grows counts as well."""
    store = Store(str(tmp_path), FOLDER, MANY, 4 * BLOCK_BYTES * 256)
    for number in range(5):
        assert put(store, digest(number), b"%d" % number)
        os.utime(folder / "00" / digest(number), (number, number))
    assert bodies(store, 5) == [None, b"1", b"2", b"3", b"4"]
    assert put(store, digest(4), b"x" * BLOCK_BYTES)
    assert bodies(store, 4) == [None, None, b"2", b"3"]
    assert put(store, digest(4), b"y" * 3 * BLOCK_BYTES)
    assert bodies(store, 4) == [None] * 4
    assert body_of(store, digest(4)) == b"y" * 3 * BLOCK_BYTES


def test_an_answer_larger_than_its_share(tmp_path, folder):
    """It is not stored, and removes the one that it replaces, but no other."""
    store = Store(str(tmp_path), FOLDER, MANY, 2 * BLOCK_BYTES * 256)
    assert put(store, digest(1), b"x" * BLOCK_BYTES)
    assert not put(store, digest(2), b"x" * 2 * BLOCK_BYTES)
    assert body_of(store, digest(1)) == b"x" * BLOCK_BYTES
    assert (names_in(folder), store.problem) == ({f"00/{digest(1)}"}, "")
    assert not put(store, digest(1), b"x" * 2 * BLOCK_BYTES)
    assert (names_in(folder), store.problem) == (set(), "")


def test_a_bound_that_was_lowered(tmp_path, folder):
    """The next new answer in a subdirectory makes it true there; nothing is wrong with the rest."""
    store = Store(str(tmp_path), FOLDER, MANY, LARGE)
    for number in range(10):
        assert put(store, digest(number), b"x" * 2 * BLOCK_BYTES)
    lowered = Store(str(tmp_path), FOLDER, 256, BLOCK_BYTES * 256)
    assert bodies(lowered, 10) == [None] * 10
    assert put(lowered, digest(11))
    assert names_in(folder) == {f"00/{digest(11)}"}
    assert lowered.problem == ""


def test_files_from_the_future_go_first(tmp_path, folder):
    """The clock has been set back since; otherwise, no new answer could stay."""
    store = Store(str(tmp_path), FOLDER, 2 * 256, LARGE)
    for number in range(2):
        assert put(store, digest(number))
        os.utime(folder / "00" / digest(number), (time.time() + 10**6,) * 2)
    assert put(store, digest(2))
    assert put(store, digest(3))
    assert names_in(folder) == {f"00/{digest(2)}", f"00/{digest(3)}"}


@pytest.mark.parametrize("seconds, is_left", [(-11, False), (11, False), (-5, True), (5, True)])
def test_leftovers(store, folder, seconds, is_left):
    """What a writer that was killed has left goes with the next new answer, not with others."""
    assert put(store, digest(1))
    leftover = folder / "new" / "leftover"
    leftover.write_bytes(b"x")
    os.utime(leftover, (time.time() + seconds,) * 2)
    assert put(store, digest(1))
    assert leftover.exists()
    assert put(store, digest(2))
    assert leftover.exists() == is_left
    assert store.problem == ""


def test_a_lock_is_not_waited_for(store, folder):
    """A writer that finds the file locked does not store; others, and readers, do not notice."""
    assert put(store, digest(1), b'"a"')
    file = os.open(folder / "00" / digest(1), os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not put(store, digest(1), b'"b"')
        assert put(store, digest(2))
        assert body_of(store, digest(1)) == b'"a"'
    finally:
        os.close(file)
    assert put(store, digest(1), b'"b"')
    assert names_in(folder) == {f"00/{digest(1)}", f"00/{digest(2)}"}
    assert store.problem == ""


def test_descriptors_are_closed(store, folder):
    """Whatever happens, a request leaves none open."""
    before = os.listdir("/proc/self/fd")
    assert put(store, digest(1))
    assert put(store, digest(1))
    assert body_of(store, digest(1), b"x" * 32) is None
    folder.chmod(0o770)
    assert not put(store, digest(1))
    assert os.listdir("/proc/self/fd") == before
