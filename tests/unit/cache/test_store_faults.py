# SPDX-License-Identifier: MIT
"""Whatever is wrong with the store is a miss with a reason, and never an exception.

Faults are made in a directory of an ordinary user, who then uses the store.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
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

from harness.other_user import IS_ROOT, USER, as_ordinary_user, with_mount
from postfix_rest_inetd.cache import purge
from postfix_rest_inetd.cache.clock import VARIABLE
from postfix_rest_inetd.cache.record import STALE, TOMBSTONE, to_bytes
from postfix_rest_inetd.cache.store import Store

DIGEST = digest(1)
OTHER = digest(2)
THIRD = digest(3, subdirectory=7)


@pytest.fixture
def directory(tmp_path_factory) -> Path:
    """A cache directory of USER with two answers in it, where USER can get to."""
    top = tmp_path_factory.mktemp("store")
    # What pytest makes is for one user.
    for path in (top, *top.parents):
        if not path.stat().st_mode & stat.S_IXOTH:
            path.chmod(path.stat().st_mode | 0o011)
    path = top / "cache"
    path.mkdir(0o700)
    if IS_ROOT:
        os.chown(path, USER, USER)
    as_ordinary_user(lambda: [put(opened(path), name) for name in (DIGEST, OTHER)])
    return path


def opened(directory: Path) -> Store:
    """The store in a directory."""
    return Store(str(directory), FOLDER, MANY, LARGE)


def used(directory: Path, name: str = DIGEST) -> tuple[bool, str, bool, str]:
    """Was an answer found, what was the problem, was one stored, and what was the problem then?"""
    store = opened(directory)
    with closing(store.look(name, MAC_KEY)) as look:
        found, problem = look.record is not None, store.problem
        store.problem = ""
        return found, problem, store.put(look, answer(b'"new"')), store.problem


def folder_in(directory: Path) -> Path:
    """FOLDER."""
    return directory / "1/answers" / FOLDER


def own(path: Path) -> None:
    """Make something USER's."""
    if IS_ROOT:
        os.chown(path, USER, USER, follow_symlinks=False)


def fifo(path: Path) -> None:
    """A FIFO without a writer: whoever waits for one waits forever."""
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    """A socket of the file system."""
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(path.parent)
        sock.bind(path.name)
        os.chdir(here)


def link_to_an_answer(path: Path) -> None:
    """A symbolic link to a stored answer with this MAC."""
    elsewhere = path.parents[5] / "elsewhere"
    elsewhere.write_bytes(to_bytes(answer(), MAC_KEY))
    elsewhere.chmod(0o644)
    path.symlink_to(elsewhere)


IN_PLACE_OF_A_FILE: dict[str, tuple[Callable[[Path], object], str, bool]] = {
    # How it is made, what is said of it, and whether an answer replaces it.
    "FIFO": (fifo, "not a regular file", True),
    "directory": (Path.mkdir, "not a regular file", False),
    "socket": (bound_socket, "No such device or address", False),
    "link to an answer": (link_to_an_answer, "Too many levels of symbolic links", False),
    "dangling link": (lambda p: p.symlink_to("/nonexistent"), "Too many levels", False),
    "unreadable": (lambda p: (p.touch(), p.chmod(0)), "Permission denied", False),
    "empty": (Path.touch, "damaged", True),
    "zeros": (lambda p: p.write_bytes(b"\0" * 4096), "damaged", True),
    "another version": (lambda p: p.write_bytes(b"ANSWER 2 x\n" + b"y" * 99), "damaged", True),
    "huge": (lambda p: (p.touch(), os.truncate(p, 2**40)), "", True),
    "tombstone": (lambda p: p.write_bytes(TOMBSTONE), "", True),
}


@pytest.mark.parametrize("kind", IN_PLACE_OF_A_FILE)
def test_in_place_of_a_file(directory, kind):
    """A miss; no other answer is concerned, and the next one may take its place."""
    make, reason, is_replaced = IN_PLACE_OF_A_FILE[kind]
    path = folder_in(directory) / "00" / DIGEST
    path.unlink()
    make(path)
    own(path)
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    assert not found
    assert problem.startswith(str(path) if reason else "")
    assert reason in problem
    assert is_stored == is_replaced
    assert later == (f"{path}: Is a directory" if kind == "directory" else "")
    assert as_ordinary_user(lambda: used(directory, OTHER)) == (True, "", True, "")
    assert as_ordinary_user(lambda: body_of(opened(directory), DIGEST)) == (
        b'"new"' if is_replaced else None
    )
    as_ordinary_user(lambda: purge.purge_folder(str(directory), FOLDER))
    assert as_ordinary_user(lambda: used(directory)) == (False, "", True, "")


@pytest.mark.root
@pytest.mark.parametrize("kind", ["device", "another user's", "root's"])
def test_in_place_of_a_file_by_root(directory, kind):
    """Of the files of others, only root's are used."""
    path = folder_in(directory) / "00" / DIGEST
    if kind == "device":
        path.unlink()
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
        own(path)
    else:
        os.chown(path, 0 if kind == "root's" else 12345, 0)
        path.chmod(0o644)
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    reasons = {"device": "not a regular file", "another user's": "another user", "root's": ""}
    assert found == (kind == "root's")
    assert reasons[kind] in problem
    assert (is_stored, later) == (True, "")
    assert path.stat().st_uid == USER


def test_the_file_of_another_answer(directory):
    """Renamed, copied or linked here, it does not have the MAC of this place."""
    place = folder_in(directory) / "00"
    for bring in (shutil.copy, os.rename):
        os.unlink(place / DIGEST)
        content = to_bytes(answer(), b"another" * 3)
        (place / "new").write_bytes(content)
        own(place / "new")
        bring(place / "new", place / DIGEST)
        own(place / DIGEST)
        found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
        assert (found, "damaged" in problem, is_stored, later) == (False, True, True, ""), problem


DIRECTORIES = ["1", "1/answers", f"1/answers/{FOLDER}"]


def broken(path: Path, how: str) -> None:
    """Put something else in the place of a directory."""
    moved = path.parents[len(path.parts) - path.parts.index("cache") - 1] / "moved"
    if how in ("unreadable", "unwritable", "for all"):
        path.chmod({"unreadable": 0, "unwritable": 0o500, "for all": 0o777}[how])
        return
    path.rename(moved)
    if how == "file":
        path.touch()
    elif how == "FIFO":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to(moved)
    elif how == "dangling link":
        path.symlink_to("/nonexistent")
    own(path)


@pytest.mark.parametrize("how", ["file", "FIFO", "dangling link", "unreadable"])
@pytest.mark.parametrize("name", [*DIRECTORIES, f"1/answers/{FOLDER}/00"])
def test_in_place_of_a_directory(directory, name, how):
    """A miss, nothing stored, and the operator is told of a path."""
    broken(directory / name, how)
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    assert (found, is_stored) == (False, False)
    assert (problem or later).startswith(str(directory))


def test_a_link_in_place_of_the_folder(directory):
    """It is not followed."""
    broken(folder_in(directory), "link")
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    assert (found, is_stored, later) == (False, False, "")
    assert "Not a directory" in problem or "Too many levels" in problem


def test_a_link_in_place_of_a_subdirectory(directory):
    """Nothing is written to where it leads, and nothing is removed there."""
    broken(folder_in(directory) / "00", "link")
    before = names_in(directory / "moved")
    for name in (DIGEST, digest(9)):
        *_, is_stored, later = as_ordinary_user(lambda name=name: used(directory, name))
        assert not is_stored
        assert "Not a directory" in later or "Too many levels" in later
    assert names_in(directory / "moved") == before


@pytest.mark.parametrize("how", ["file", "FIFO", "dangling link", "unreadable", "unwritable"])
def test_in_place_of_new(directory, how):
    """Answers are found, but none is stored."""
    broken(folder_in(directory) / "new", how)
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    assert (found, problem, is_stored) == (True, "", False)
    # What is not there looks as if it were purged.
    assert later.startswith("" if how == "dangling link" else str(directory))


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_in_which_others_may_write(directory, mode):
    """Then a file in it proves nothing."""
    folder_in(directory).chmod(mode)
    found, problem, is_stored, _ = as_ordinary_user(lambda: used(directory))
    assert (found, is_stored) == (False, False)
    assert "other users may write in it" in problem


@pytest.mark.root
@pytest.mark.parametrize("owner", [0, 12345])
def test_a_folder_of_another_user(directory, owner):
    """Whoever owns it may do in it what he likes."""
    folder_in(directory).chmod(0o755)
    os.chown(folder_in(directory), owner, owner)
    found, problem, is_stored, _ = as_ordinary_user(lambda: used(directory))
    assert (found, is_stored) == (False, False)
    assert "belongs to another user" in problem


@pytest.mark.root
def test_root_looks_and_leaves_nothing(directory):
    """Root may look for the operator; what it stored, the handlers could not replace."""
    assert used(directory) == (True, "", False, "")
    shutil.rmtree(directory / "1")
    assert used(directory) == (False, "", False, "")
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "path, reason",
    [
        ("missing", "No such file or directory"),
        ("file", "Not a directory"),
        ("a\0b", "null"),
        ("x" * 300, "File name too long"),
    ],
)
def test_no_directory(directory, path, reason):
    """The directory itself is not made: the operator has to want it."""
    (directory / "file").touch()
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory / path))
    assert (found, is_stored) == (False, False)
    assert reason in problem + later
    assert not (directory / "missing").exists()


def test_a_read_only_directory(directory):
    """Answers are found, but none is stored."""
    for path in [*directory.rglob("*"), directory]:
        path.chmod(path.stat().st_mode & 0o555)
    found, problem, is_stored, later = as_ordinary_user(lambda: used(directory))
    assert (found, problem, is_stored) == (True, "", False)
    assert "Permission denied" in later


@pytest.mark.root
def test_a_read_only_disk(directory):
    """Answers are found, but none is stored, and no answer can be purged."""
    options = ["--bind", "-o", "ro", str(directory), str(directory)]
    found, problem, is_stored, later = with_mount(options, lambda: used(directory), uid=USER)
    assert (found, problem, is_stored) == (True, "", False)
    assert "Read-only file system" in later
    shutil.rmtree(directory / "1")
    *_, is_stored, later = with_mount(options, lambda: used(directory), uid=USER)
    assert not is_stored
    assert "Read-only file system" in later


def until_full(store: Store, body: bytes) -> tuple[int, str, list[bytes | None]]:
    """How many answers were stored, what was said then, and what is found under their names."""
    names = [digest(number, number % 256) for number in range(1000)]
    count = 0
    while count < len(names) and put(store, names[count], body):
        count += 1
    return count, store.problem, [body_of(store, name) for name in names[: count + 1]]


FULL = {
    "blocks": ("size=64k", b'"' + b"x" * 5000 + b'"'),
    "inodes": ("nr_inodes=20", b'"x"'),
}


@pytest.mark.root
@pytest.mark.parametrize("what", FULL)
def test_a_full_disk(directory, what):
    """What does not fit is not stored and leaves nothing; the rest is found; later all is well."""
    option, body = FULL[what]

    def fill() -> None:
        store = opened(directory)
        count, problem, bodies = until_full(store, body)
        assert 1 < count < 100
        assert "No space left on device" in problem
        assert bodies == [body] * count + [None]
        folder = folder_in(directory)
        assert list((folder / "new").iterdir()) == []
        if what == "blocks":  # to replace an answer takes space for a moment
            assert not put(store, digest(0), body)
        assert body_of(store, digest(0)) == body
        for path in folder.glob("0[1-9]/*"):
            path.unlink()
            path.parent.rmdir()
        assert put(store, digest(0), b'"new"')
        assert put(store, THIRD)
        assert body_of(store, digest(0)) == b'"new"'

    options = ["-t", "tmpfs", "-o", f"{option},mode=700,uid={USER}", "tmpfs", str(directory)]
    with_mount(options, fill, uid=USER)


def test_no_descriptors(directory):
    """A process that has no descriptor left for the store does without it."""

    def use() -> tuple[bool, str, bool, str]:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        return used(directory)

    # The pipe to the parent is open already.
    found, problem, is_stored, _ = as_ordinary_user(use)
    assert (found, is_stored) == (False, False)
    assert "Too many open files" in problem


@pytest.mark.parametrize("size", [0, 100, 4096])
def test_a_limit_for_the_size_of_files(directory, size):
    """RLIMIT_FSIZE stops the writing in the middle: nothing is left of it."""

    def use() -> tuple[bool, str, bool, str]:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        store = opened(directory)
        with closing(store.look(DIGEST, MAC_KEY)) as look:
            return look.record is not None, "", store.put(look, answer(b"x" * 5000)), store.problem

    found, _, is_stored, later = as_ordinary_user(use)
    assert (found, is_stored) == (True, False)
    assert "File too large" in later
    assert list((folder_in(directory) / "new").iterdir()) == []


def test_what_is_beside_is_left_alone(directory):
    """Another version of the format, lost+found, and a file of the operator's."""
    beside = ["2/answers/x", "lost+found/x", "README", f"1/backends/{DIGEST}"]
    for name in beside:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    as_ordinary_user(lambda: put(opened(directory), digest(5)))
    for path in directory.rglob("*"):
        own(path)
    as_ordinary_user(lambda: purge.purge_all(str(directory)))
    assert [(directory / name).read_text() for name in beside] == ["content"] * len(beside)


def test_after_a_reboot(directory):
    """An answer from before it is usable in an outage, and no more."""
    program = (
        "import sys; from postfix_rest_inetd.cache.clock import now; "
        "from postfix_rest_inetd.cache.store import Store; "
        f"look = Store({str(directory)!r}, {FOLDER!r}, 10000, 2**26).look({DIGEST!r}, {MAC_KEY!r});"
        "sys.stdout.write(look.record.use_at(now())[0])"
    )
    environment = {**os.environ, VARIABLE: "0" * 32}
    command = [sys.executable, "-c", program]
    root = Path(__file__).parents[3]
    said = subprocess.check_output(command, env=environment, cwd=root, text=True, timeout=60)
    assert said == STALE
