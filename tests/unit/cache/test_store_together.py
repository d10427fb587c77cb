# SPDX-License-Identifier: MIT
"""Many processes at once, some of which are killed: no answer is wrong, and the bounds are kept.

What a process finds is checked against what may be there. Each answer has its key in it, and how
many purges of the key, and of the endpoint, had begun when it was asked for; the numbers are in
memory that all processes share. When a purge is done, no answer from before it must be found.
"""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from unit.cache.test_store import FOLDER, digest, names_in

from postfix_rest_inetd.cache import purge
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache.record import StoredAnswer
from postfix_rest_inetd.cache.store import Store
from postfix_rest_inetd.cache_folder import path_of

HANDLERS = 50
SUBDIRECTORIES = 4
KEYS = 60
SHARE = 8
SECONDS = 3.0
MOST_SECONDS = 60.0
MAC_KEY = b"m" * 32


def name_of(key: int) -> str:
    """The name of an answer's file."""
    return digest(key, key % SUBDIRECTORIES)


def opened(directory: Path) -> Store:
    """The store, whose shares are smaller than the number of keys."""
    return Store(str(directory), FOLDER, SHARE * 256, 64 * 2**20)


ALL = KEYS
"""The index of the number of purges of all keys, after those of each key."""


class Counters:
    """How often something has begun, and how often it was done; each is counted by one process."""

    def __init__(self) -> None:
        self._begun = memoryview(mmap.mmap(-1, 8 * (KEYS + 1))).cast("Q")
        self._done = memoryview(mmap.mmap(-1, 8 * (KEYS + 1))).cast("Q")
        self._end = memoryview(mmap.mmap(-1, 1))

    @property
    def is_over(self) -> bool:
        """Is it time to stop?"""
        return self._end[0] == 1

    def stop(self) -> None:
        """Let all processes stop."""
        self._end[0] = 1

    @contextmanager
    def counted(self, index: int) -> Iterator[None]:
        """It begins, and it is done."""
        self._begun[index] += 1
        yield
        self._done[index] += 1

    def begun(self, key: int) -> tuple[int, int]:
        """For the key, and for all."""
        return self._begun[key], self._begun[ALL]

    def done(self, key: int) -> tuple[int, int]:
        """For the key, and for all."""
        return self._done[key], self._done[ALL]


def handle(directory: Path, counters: Counters, rand: random.Random) -> str:
    """What a handler does for one request; returns what is wrong, or nothing."""
    key = rand.randrange(KEYS)
    before = counters.done(key)
    store = opened(directory)
    with closing(store.look(name_of(key), MAC_KEY)) as look:
        asked = counters.begun(key)
        if (record := look.record) is not None:
            found, of_key, of_all = map(int, record.body.split()[:3])
            if found != key:
                return f"{key}: the answer to {found}"
            # While all are purged, a handler may look where tombstones are being removed.
            is_quiet = counters.begun(key)[1] == before[1]
            if of_all < before[1] or (is_quiet and of_key < before[0]):
                return f"{key}: from before {before}: {record.body[:20]!r}"
        if rand.random() < 0.1:
            time.sleep(rand.random() * 0.02)  # the backend takes its time
        body = b"%d %d %d " % (key, *asked) + b"x" * rand.choice([10, 5000])
        answer = StoredAnswer(
            b"k", None, 200, body, stored=now(), lifetime_sec=600, stale_sec=600, age_sec=0
        )
        store.put(look, answer)
    return store.problem


def purge_keys(directory: Path, counters: Counters, rand: random.Random) -> str:
    """Purge one answer, or declare one stale."""
    key = rand.randrange(KEYS)
    if rand.random() < 0.5:
        with counters.counted(key):
            purge.purge_answer(str(directory), FOLDER, name_of(key))
    else:
        purge.expire(str(directory), FOLDER, name_of(key))
    time.sleep(0.002)
    return ""


def purge_all(directory: Path, counters: Counters, rand: random.Random) -> str:
    """Purge all answers."""
    with counters.counted(ALL):
        purge.purge_folder(str(directory), FOLDER)
    time.sleep(0.05 + rand.random() * 0.1)
    return ""


Job = Callable[[Path, Counters, random.Random], str]


def start(job: Job, directory: Path, counters: Counters, seed: int, fd: int) -> int:
    """Do a job again and again in another process, which writes what is wrong to a pipe."""
    child = os.fork()
    if child:
        return child
    wrong = ""
    try:
        rand = random.Random(seed)
        end = time.monotonic() + MOST_SECONDS
        while not counters.is_over and not wrong and time.monotonic() < end:
            wrong = job(directory, counters, rand)
    except BaseException as error:  # noqa: BLE001 - it is reported
        wrong = repr(error)
    if wrong:
        with suppress(BlockingIOError):  # there is enough to read already
            os.write(fd, f"{job.__name__}: {wrong}\n".encode())
    os._exit(0)


def test_many_processes(tmp_path):
    """Handlers, purges and SIGKILL for a while; then the directory is in order."""
    counters, rand = Counters(), random.Random(1)
    reading, writing = os.pipe2(os.O_NONBLOCK)
    purging = [purge_keys, purge_all]
    jobs = [start(job, tmp_path, counters, 0, writing) for job in purging]
    handlers = [start(handle, tmp_path, counters, n, writing) for n in range(HANDLERS)]
    end, killed = time.monotonic() + SECONDS, 0
    while time.monotonic() < end or killed < 5:
        victim = rand.randrange(HANDLERS)
        os.kill(handlers[victim], signal.SIGKILL)
        _, status = os.waitpid(handlers[victim], 0)
        killed += status == signal.SIGKILL
        handlers[victim] = start(handle, tmp_path, counters, killed, writing)
        time.sleep(0.005)
    counters.stop()
    for child in [*jobs, *handlers]:
        os.waitpid(child, 0)
    os.close(writing)
    with open(reading, "rb") as said:
        assert not said.read()
    done = [counters.done(key) for key in range(KEYS)]
    assert 0 not in [sum(counts) for counts in zip(*done, strict=True)]
    check_order(tmp_path)


def check_order(directory: Path) -> None:
    """The bounds are kept, and what was left by the killed goes with the next answer."""
    folder = Path(path_of(str(directory), FOLDER))
    assert [path.name for path in folder.parent.iterdir()] == [FOLDER]
    for path in folder.glob("new/*"):
        os.utime(path, (0, 0))
    store = opened(directory)
    answer = StoredAnswer(
        b"k", None, 200, b"x", stored=now(), lifetime_sec=600, stale_sec=600, age_sec=0
    )
    for subdirectory in range(SUBDIRECTORIES):
        with closing(store.look(digest(10**6, subdirectory), MAC_KEY)) as look:
            assert store.put(look, answer)
    assert list((folder / "new").iterdir()) == []
    tombstones = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mtime > time.time()
    }
    counts = [0] * SUBDIRECTORIES
    for name in names_in(folder) - tombstones:
        counts[int(name[:2], 16)] += 1
    assert max(counts) <= SHARE
    assert store.problem == ""
