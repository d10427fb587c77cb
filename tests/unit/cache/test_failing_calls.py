# SPDX-License-Identifier: MIT
"""Each call of the system that the store makes fails once, in each way that comes to mind.

Whatever it is, a request is answered as if nothing were stored, or as what is stored permits, and
neither a descriptor nor a temporary file is left behind.
"""

from __future__ import annotations

import errno
import os

import pytest

from harness.endpoints import endpoint
from harness.modes import TCP
from postfix_rest_inetd import answering, model, shared
from postfix_rest_inetd.cache import outages, store, writing
from postfix_rest_inetd.errors import UnreachableError
from postfix_rest_inetd.protocols import codec_of

ERRORS = (*(errno.EACCES, errno.EEXIST, errno.EIO, errno.ENOENT, errno.ENOSPC, errno.ENOTDIR),)
ENDPOINT = endpoint(TCP)
# These do not fail in a way that could be handled, or are not calls of the system.
HARMLESS = {"access", "close", "geteuid", "urandom", "strerror", "fsencode"}
PERMISSION = {b"cache-control": b"max-age=0, stale-if-error=600"}
FOUND = model.Response(200, b'["value"]', caching=PERMISSION)
TAKEN_BACK = model.Response(200, b'["value"]', caching={b"cache-control": b"no-store"})
GONE = UnreachableError("gone")
# What the backend does, and the replies that are right: with a store, and without one.
VALUE, FAILED = b"200 value\n", b"400 REST%20server%20could%20not%20be%20reached\n"
SCRIPT = [
    (b"a", FOUND, {VALUE}),
    (b"a", FOUND, {VALUE}),
    (b"b", FOUND, {VALUE}),
    (b"a", GONE, {VALUE, FAILED}),
    (b"b", TAKEN_BACK, {VALUE}),
    (b"b", GONE, {VALUE, FAILED}),
    (b"c", GONE, {FAILED}),
    (b"a", GONE, {VALUE, FAILED}),
]


class Faulty:
    """The module os, of which one call fails."""

    path = os.path

    def __init__(self, at: int, error: int) -> None:
        """`at` is the number of the call."""
        self.left = at
        self.error = error
        self.failed = ""

    def __getattr__(self, name):
        """A function, or a constant."""
        real = getattr(os, name)
        if not callable(real) or name in HARMLESS:
            return real

        def call(*arguments, **keys):
            self.left -= 1
            if self.left == 0:
                self.failed = name
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments, **keys)

        return call


class Source:
    """What a handler asks, without a backend."""

    problem = None
    asked = failed = ""

    def __init__(self, directory: str) -> None:
        """A handler that begins."""
        self.endpoint = ENDPOINT
        self.shared = shared.Shared(directory, self.endpoint, "agent", b"token", [])
        self.does: model.Response | UnreachableError = FOUND

    def client(self):
        """This one."""
        return self

    def ask(self, *_):
        """What the script says."""
        if isinstance(self.does, UnreachableError):
            raise self.does
        return self.does


def descriptors() -> int:
    """How many are open."""
    return len(os.listdir("/proc/self/fd"))


def play(directory: str) -> None:
    """Run the script, in two handlers by turns."""
    handlers = [Source(directory), Source(directory)]
    for number, (key, does, replies) in enumerate(SCRIPT):
        source = handlers[number % 2]
        source.does = does
        request = model.LookupRequest(key)
        made = answering.answer(source, source.endpoint, codec_of(TCP), request)
        answering.keep(made)
        assert made.wire in replies, (number, made.wire, made.facts.detail)


def calls_of(directory: str, monkeypatch, at: int, error: int) -> Faulty:
    """Run the script with a fault; returns it."""
    faulty = Faulty(at, error)
    with monkeypatch.context() as patch:
        for module in (store, writing, outages):
            patch.setattr(module, "os", faulty)
        before = descriptors()
        play(directory)
        assert descriptors() == before, faulty.failed
    return faulty


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_a_call_that_fails(tmp_path, monkeypatch, error):
    """None of them makes a request fail, and the next handlers work as if nothing had happened."""
    seen = set()
    for at in range(1, 1000):
        directory = tmp_path / str(at)
        directory.mkdir(0o700)
        faulty = calls_of(str(directory), monkeypatch, at, error)
        if not faulty.failed:
            break
        seen.add(faulty.failed)
        left = list(directory.glob("1/answers/*/new/*"))
        assert not left or faulty.failed == "unlink", (at, faulty.failed)
        play(str(directory))
    assert {"open", "read", "fstat", "mkdir", "link", "rename", "write", "unlink"} <= seen
