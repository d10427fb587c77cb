# SPDX-License-Identifier: MIT
"""Fixtures of the black-box tests: scripted backends and handler processes that always end.

`lanes` keeps a handler and its backend for the many cases of a table, one request after the other,
since a start costs ~0.15 s; a lane in which anything went wrong is replaced for the next case.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.handler_process import Handler, endpoint, start, write_config
from harness.modes import REQUEST
from harness.scripted_backend import ScriptedBackend, Step


@pytest.fixture
def backend() -> Iterator[ScriptedBackend]:
    """A scripted backend on 127.0.0.1."""
    with ScriptedBackend() as scripted:
        yield scripted


@pytest.fixture
def launch() -> Iterator[Callable[..., Handler]]:
    """`harness.handler_process.start`, and an end for everything it started."""
    with contextlib.ExitStack() as stack:

        def started(*arguments: str | Path, **circumstances: object) -> Handler:
            handler = start(*arguments, **circumstances)
            stack.callback(handler.close)
            return handler

        yield started


@pytest.fixture
def handler_for(
    tmp_path: Path, backend: ScriptedBackend, launch: Callable[..., Handler]
) -> Callable[..., Handler]:
    """A handler on a socket pair for one endpoint of MODE whose target is `backend`.

    Keywords are config keys (`log_keys=False`); `target` replaces the whole URL.
    """

    def build(
        mode: str, *, launch_with: dict[str, object] | None = None, **keys: object
    ) -> Handler:
        target = str(keys.pop("target", backend.url()))
        config = write_config(tmp_path, endpoint(mode, target, **keys))
        return launch("--config", config, "--endpoint", mode, **(launch_with or {}))

    return build


class Lane:
    """One handler and its backend, for one request after the other."""

    def __init__(self, directory: Path, mode: str, keys: dict[str, object]) -> None:
        self.mode = mode
        self.usable = True
        self._stack = contextlib.ExitStack()
        self.backend = self._stack.enter_context(ScriptedBackend())
        config = write_config(directory, endpoint(mode, self.backend.url(), **keys))
        self.handler = start("--config", config, "--endpoint", mode)
        self._stack.callback(self.handler.close)

    def ask(self, *steps: Step, request: bytes | None = None) -> bytes:
        """The reply to one request that the backend answers with STEPS."""
        self.usable = False
        assert not self.handler.pending(), "more than one reply to the request before"
        self.backend.wait_until_idle()
        self.backend.script(*steps)
        reply = self.handler.ask(self.mode, request or REQUEST[self.mode])
        self.backend.check()
        assert not self.backend.steps, "the handler asked less often than expected"
        self.usable = True
        return reply

    def close(self) -> None:
        """End the handler; it must have nothing more to say."""
        with self._stack:
            rest = self.handler.finish()
            assert (rest.output, rest.status) == (b"", 0), rest

    def abandon(self) -> None:
        """End the handler of a test that failed, and has told so itself."""
        with contextlib.suppress(AssertionError, OSError):
            self.close()


class Lanes:
    """The lanes of a test module, by mode and config keys."""

    def __init__(self, directories: Callable[[], Path]) -> None:
        self._directories = directories
        self._lanes: dict[object, Lane] = {}

    def get(self, mode: str, **keys: object) -> Lane:
        """A usable lane for an endpoint of MODE with KEYS."""
        name = (mode, repr(sorted(keys.items())))
        lane = self._lanes.get(name)
        if lane is not None and not lane.usable:
            lane.abandon()
            lane = None
        if lane is None:
            lane = self._lanes[name] = Lane(self._directories(), mode, keys)
        return lane

    def close(self) -> None:
        """End all lanes."""
        with contextlib.ExitStack() as stack:
            for lane in self._lanes.values():
                stack.callback(lane.close if lane.usable else lane.abandon)


@pytest.fixture(scope="module")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    """Handlers shared by the tests of a module."""
    shared = Lanes(lambda: tmp_path_factory.mktemp("lane"))
    try:
        yield shared
    finally:
        shared.close()
