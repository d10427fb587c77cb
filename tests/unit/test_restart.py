# SPDX-License-Identifier: MIT
"""restart: what it takes for a replacement of the package."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import postfix_rest_inetd
from postfix_rest_inetd import restart
from postfix_rest_inetd.marks import mark_of

PACKAGE = Path(postfix_rest_inetd.__file__).parent
NOT_OF_HANDLERS = ("admin", "units")
"""Packages of which a handler loads nothing (test_imports.py)."""


def test_every_directory_is_watched() -> None:
    """Wherever a module that a handler may load is replaced, a mark changes."""
    found = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    handlers = {path for path in found if path.parts[:1] not in [(n,) for n in NOT_OF_HANDLERS]}
    assert len(handlers) > 1
    assert {mark_of(str(PACKAGE / path)) for path in handlers} <= set(restart.installed())


@pytest.mark.parametrize("path", sorted({path.parent for path in PACKAGE.rglob("*.py")}))
def test_a_replacement_anywhere_is_noticed(path: Path, tmp_path: Path, monkeypatch) -> None:
    """A module of any directory that was replaced a moment ago means a replacement going on."""
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    directories = [copy, *(each for each in copy.rglob("*") if each.is_dir())]
    for directory in directories:
        os.utime(directory, (1, 1))
    monkeypatch.setattr(restart, "_PACKAGE", str(copy))
    assert not restart.is_being_replaced()
    (copy / path.relative_to(PACKAGE) / "new.py").touch()
    assert restart.is_being_replaced(restart.QUIET_SEC * 10)


class Clock:
    """A package whose directories were replaced at EPOCH, and the clock of who looks at it."""

    EPOCH = 1_700_000_000.0

    def __init__(self, package: Path) -> None:
        self.package = package
        self.now = self.EPOCH
        self.slept: list[float] = []
        self.restarts = 0
        self.each_time: Callable[[], None] = lambda: None

    def time(self) -> float:
        """For time.time() and time.monotonic()."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        assert len(self.slept) < 1000
        self.slept.append(seconds)
        self.now += seconds
        self.each_time()

    def replace(self, directory: str = "") -> None:
        """Replace a module of a directory now."""
        os.utime(f"{self.package}{directory}", (self.now, self.now))


@pytest.fixture
def clock(tmp_path: Path, monkeypatch) -> Clock:
    """All directories of the package are as old as the interpreter, but the package's own."""
    package = tmp_path / "package"
    for path in sorted({path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}):
        (package / path).mkdir(parents=True)
    for path in package.rglob("*"):
        os.utime(path, (1, 1))
    clock = Clock(package)
    clock.replace()
    interpreter = tmp_path / "python"
    interpreter.touch()
    os.utime(interpreter, (1, 1))

    def restarted(_connection: object) -> None:
        clock.restarts += 1

    monkeypatch.setattr(restart, "_PACKAGE", str(package))
    monkeypatch.setattr(restart, "time", clock.time)
    monkeypatch.setattr(restart, "monotonic", clock.time)
    monkeypatch.setattr(restart, "sleep", clock.sleep)
    monkeypatch.setattr(restart, "restart", restarted)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    return clock


@pytest.mark.parametrize(
    "later, expected", [(0, True), (4.9, True), (5.1, False), (-4.9, True), (-5.1, False)]
)
def test_how_long_a_replacement_lasts(clock, later, expected) -> None:
    """Five seconds after the last module; in a future that far away, a clock was set back."""
    clock.now += later
    assert restart.is_being_replaced() is expected
    restart.retry_if_being_replaced(object())
    assert (clock.slept, clock.restarts) == (([0.5], 1) if expected else ([], 0))


def test_a_replaced_interpreter(clock: Clock) -> None:
    """The interpreter counts as the package does."""
    since = restart.installed()
    clock.now += 60
    assert not restart.is_being_replaced()
    os.utime(sys.executable, (clock.now, clock.now))
    assert restart.is_being_replaced()
    assert restart.is_outdated(since)
    assert not restart.has_begun(since)


@pytest.mark.parametrize("directory", ["", "/config"])
def test_since(clock: Clock, directory: str) -> None:
    """Only the package's own directory is looked at before each request, the others elsewhere."""
    since = restart.installed()
    assert not restart.is_outdated(since)
    assert not restart.has_begun(since)
    clock.now += 60
    clock.replace(directory)
    assert restart.is_outdated(since)
    assert restart.has_begun(since) == (directory == "")
    assert not restart.is_outdated([])
    assert not restart.has_begun([])


def test_nothing_has_changed(clock: Clock) -> None:
    """What is loaded answers at once."""
    clock.now += 60
    since = restart.installed()
    assert restart.settled(object(), since) == since
    assert (clock.slept, clock.restarts) == ([], 0)


def test_it_was_replaced_meanwhile(clock: Clock) -> None:
    """A replacement that is over is not waited for, but what is loaded is not what is installed."""
    since = restart.installed()
    clock.replace("/cache")
    clock.now += 60
    restart.settled(object(), since)
    assert (clock.slept, clock.restarts) == ([], 1)


def test_the_end_of_a_replacement(clock: Clock) -> None:
    """It is awaited until no module has been replaced for a second; then the new program starts."""
    clock.replace("/admin")
    since = restart.installed()
    restart.settled(object(), since)
    assert clock.now == pytest.approx(Clock.EPOCH + 1, abs=0.11)
    assert (set(clock.slept), clock.restarts) == ({0.1}, 1)


def test_a_replacement_without_end(clock: Clock) -> None:
    """After half a minute what is loaded answers, and is asked no more whether it is outdated."""
    clock.each_time = clock.replace
    assert restart.settled(object(), restart.installed()) == []
    assert clock.now == pytest.approx(Clock.EPOCH + 30, abs=0.21)
    assert clock.restarts == 0


@pytest.mark.parametrize("installed", [("new",), ("old",), ("new", "old")])
@pytest.mark.parametrize("started", ["new", "old"])
def test_the_program_has_moved(tmp_path: Path, monkeypatch, started, installed) -> None:
    """What is executed is there: the same path if it can be, or else the other one."""
    places = tuple(str(tmp_path / name) for name in ("new", "old"))
    monkeypatch.setattr(restart, "_PROGRAMS", places)
    for name in installed:
        (tmp_path / name).touch()
    expected = started if started in installed else installed[0]
    assert restart._where_it_is(str(tmp_path / started)) == str(tmp_path / expected)


def test_another_program_stays(tmp_path: Path, monkeypatch) -> None:
    """No other argument is touched, nor the path of the program when it is nowhere."""
    places = tuple(str(tmp_path / name) for name in ("new", "old"))
    monkeypatch.setattr(restart, "_PROGRAMS", places)
    other = str(tmp_path / "other")
    for argument in ("-IS", "--mode", other, *places):
        assert restart._where_it_is(argument) == argument
    (tmp_path / "new").touch()
    assert restart._where_it_is(other) == other


def test_modules_of_two_versions(monkeypatch) -> None:
    """What one of them does not have is no obstacle: the fresh interpreter has one version."""
    executed: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _path, command: executed.append(command))
    monkeypatch.delattr(restart.journal, "hand_over")
    restart.restart(object())
    assert len(executed) == 1
