# SPDX-License-Identifier: MIT
"""What is left for the program that takes the place of this one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from postfix_rest_inetd import handover
from postfix_rest_inetd.handover import MAX_BYTES, VARIABLE, State


@pytest.fixture(autouse=True)
def _nothing_left(monkeypatch):
    """Each test begins and ends with nothing left behind."""
    monkeypatch.delenv(VARIABLE, raising=False)
    yield
    handover.discard()


def fields(state: State | None) -> tuple | None:
    """The parts of a state."""
    return None if state is None else (state.mode, state.name, state.token, state.content)


STATES = {
    "ordinary": ("policy", "gate", b"secret", b'{"endpoints": []}'),
    "empty": ("", "", b"", b""),
    "octets": ("policy", "пошта\n", bytes(range(256)), b"\0\n \xff"),
    "large": ("policy", "gate", b"x" * 1000, b"y" * (MAX_BYTES - 2000)),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_round_trip(state):
    """What is left can be taken, as often as wanted, until it is dropped."""
    handover.leave(State(*state))
    assert fields(handover.take()) == state
    assert fields(handover.take()) == state
    handover.discard()
    assert handover.take() is None
    assert VARIABLE not in os.environ


def test_through_exec():
    """The file passes through exec, and is found there."""
    handover.leave(State("policy", "gate", b"secret", b"content"))
    program = (
        "from postfix_rest_inetd import handover; s = handover.take(); "
        "print(s.mode, s.name, s.token, s.content)"
    )
    code = f"import os, sys; os.execv(sys.executable, [sys.executable, '-c', {program!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        pass_fds=[int(os.environ[VARIABLE])],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "policy gate b'secret' b'content'\n"


def test_only_the_last():
    """A state takes the place of the one before; no descriptor is left open."""
    handover.leave(State("policy", "first", b"", b""))
    first = int(os.environ[VARIABLE])
    handover.leave(State("policy", "second", b"", b""))
    assert fields(handover.take()) == ("policy", "second", b"", b"")
    second = int(os.environ[VARIABLE])
    handover.discard()
    for descriptor in {first, second}:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_too_large():
    """Nothing is left of a state that is too large, nor of the one before."""
    handover.leave(State("policy", "small", b"", b""))
    handover.leave(State("policy", "large", b"", b"x" * MAX_BYTES))
    assert handover.take() is None
    assert VARIABLE not in os.environ


def test_refused(monkeypatch):
    """A system that has no such files loses nothing else."""

    def refuse(*_arguments):
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refuse)
    handover.leave(State("policy", "gate", b"", b""))
    assert handover.take() is None


@pytest.mark.parametrize("content", [b"", b"postfix-rest-inetd 2 0\n", b"root:x:0:0\n"])
def test_a_file_that_is_another(monkeypatch, content):
    """A number that stands for anything else is neither read nor closed."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        monkeypatch.setenv(VARIABLE, str(file.fileno()))
        assert handover.take() is None
        handover.discard()
        assert os.fstat(file.fileno()).st_size == len(content)


@pytest.mark.parametrize("number", ["", "0", "1", "2", "-1", "x", "1e2", "²", "9" * 30, "99999"])
def test_a_number_that_is_none(monkeypatch, number):
    """Standard input, output and error are the client's, and other words mean nothing."""
    monkeypatch.setenv(VARIABLE, number)
    assert handover.take() is None
    handover.discard()
    assert os.fstat(0)


CHANGED = {
    "another number of parts": b"postfix-rest-inetd 1 6 1 1\npolicygt",
    "no part at all": b"postfix-rest-inetd 1",
    "a length that is none": b"postfix-rest-inetd 1 6 1 x 0\npolicyg",
    "a length below zero": b"postfix-rest-inetd 1 6 1 -1 1\npolicygx",
    "less than announced": b"postfix-rest-inetd 1 6 1 1 9\npolicygtc",
    "more than announced": b"postfix-rest-inetd 1 6 1 1 1\npolicygtcc",
    "a name that is not UTF-8": b"postfix-rest-inetd 1 6 1 1 1\npolicy\xfftc",
    "another spelling of a length": b"postfix-rest-inetd 1 +6 1 1 1\npolicygtc",
}


@pytest.mark.parametrize("content", CHANGED.values(), ids=CHANGED)
def test_changed(content):
    """A file that is not as it was left is not a state, and not an error."""
    handover.leave(State("policy", "g", b"t", b"c"))
    descriptor = int(os.environ[VARIABLE])
    assert os.pread(descriptor, 100, 0) == b"postfix-rest-inetd 1 6 1 1 1\npolicygtc"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
    assert handover.take() is None
