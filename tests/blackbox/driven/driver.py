# SPDX-License-Identifier: MIT
"""Drives a real handler through a plan, and records what it does.

Everything is awaited as an event: a reply, the end of the connection, a request at the backend, a
point that the handler has passed. Only the gaps between pieces, and the idle time before some
requests, are times; they are what is tried, and whatever comes of them is right or wrong by itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from blackbox.driven.backends import PATIENCE_SEC, Backends
from blackbox.driven.ends import ends_of, reset
from blackbox.driven.files import Files, Packages
from blackbox.driven.plan import AWAKE, DEEP, POINTS, SWEEP, Plan, Round
from blackbox.driven.points import LETTERS, SCALE, Points
from blackbox.driven.record import NEVER, Record, Sent, next_frame, request_of
from blackbox.support import UNUSABLE_CONFIG

from harness.handler_process import MODULE, start
from harness.modes import POLICY, SOCKETMAP, TCP

BROKEN = {TCP: b"put key value\n", SOCKETMAP: b"nonsense", POLICY: b"nonsense\n"}
"""What no request begins with."""

LOOK_SEC = 0.01


class MissedError(AssertionError):
    """The handler did not do in time what it must do."""


def drive(plan: Plan, directory: Path, packages: Packages) -> Record:
    """Do what PLAN says; returns what happened.

    Raises:
        MissedError: something did not happen at all.
    """
    with Backends(plan) as backends, contextlib.ExitStack() as stack:
        files = Files(directory, plan, backends.authorities)
        driver = _Driver(plan, files, backends, packages)
        stack.callback(driver.close)
        driver.run()
        return driver.record


class _Driver:
    def __init__(self, plan: Plan, files: Files, backends: Backends, packages: Packages) -> None:
        self._plan, self._files, self._backends = plan, files, backends
        self.record = Record(plan, files.versions, files.tokens, said=backends.said)
        self._buffer = b""
        self._points = Points(files.directory)
        self.record.passed = self._points.passed
        self._armed, self._expects = "", False
        self._is_bytewise = False
        environment = files.prepare(packages)
        first = plan.rounds[0].moment
        if first in POINTS:
            self._arm(first)
        ends = ends_of(plan)
        options: list[str | Path] = ["--config", files.config, "--endpoint", plan.mode]
        if plan.shares:
            options += ["--cache-directory", files.cache]
        code = MODULE if plan.is_plain else self._points.code
        try:
            self._handler = start(
                *options, ends=ends, env=environment, code=code, keep=[self._points.theirs]
            )
        finally:
            os.close(self._points.theirs)
        self._client = ends.client
        self._has_points = not plan.is_plain

    def close(self) -> None:
        """End the process whatever has happened."""
        with contextlib.suppress(OSError):
            self._client.close()
        if self._handler.process.poll() is None:
            self._handler.process.kill()
            self._handler.process.wait()
        self._points.close()

    # -- the plan

    def run(self) -> None:
        """All rounds, and the end."""
        for number, each in enumerate(self._plan.rounds):
            following = self._plan.rounds[number + 1 : number + 2]
            if self.record.has_ended:
                break
            self._round(each, following[0].moment if following else AWAKE)
        self._end()
        self.record.upgraded = self._files.upgraded
        self.record.slowest_upgrade = self._files.slowest_sec
        self._note_rest()

    def _round(self, each: Round, following: str) -> None:
        paused = self._reach(each)
        self._change(each)
        for ask in each.asks:
            self._backends.expect(ask)
        self._send(each, paused=paused, following=following)
        if self._plan.is_stuffed:
            self._until_stuffed()
            self._signal(signal.SIGTERM, when=each.term == "stuffed")
        if self._plan.end.startswith("abort") and each is self._plan.rounds[-1] and not each.term:
            return
        if any("held" in ask.acts for ask in each.asks):
            self._in_flight(each)
        self._is_bytewise = each.reading == "bytewise"
        if each.reading != "late" or following != AWAKE:
            self._read_all()

    def _reach(self, each: Round) -> bool:
        """Have the handler be where the round begins; True if it is stopped there."""
        if each.moment == SWEEP:
            idle_sec = 1.0 if self._plan.is_plain else SCALE
            time.sleep(idle_sec * each.offset)  # the time itself is what is tried
        if not self._has_points:
            return False
        if each.term:  # Python itself ends at a SIGTERM that comes before anything can be read
            self._until(self._has_begun, "the handler to begin")
        if each.moment in (AWAKE, SWEEP) or not self._may_sleep():
            self._disarm()
            return False
        if each.moment == DEEP:
            self._until(self._is_asleep, "hibernation")
            return False
        self._expects = True
        self._until(lambda: self._points.is_paused or self._is_past(each), "a point")
        self._expects = False
        self._disarm()
        return self._points.is_paused

    def _has_begun(self) -> bool:
        return any(each.letter == LETTERS["ready"] for each in self._points.passed)

    def _may_sleep(self) -> bool:
        """Will the handler hibernate? Not without a usable configuration."""
        if self.record.has_ended:
            return False
        return (
            not self.record.sent or self.record.sent[-1].reply != UNUSABLE_CONFIG[self._plan.mode]
        )

    def _last_time(self) -> float:
        """A moment at which the handler was certainly awake."""
        times = [said.at for said in self._backends.said] + [0.0]
        return max(times)

    def _is_asleep(self) -> bool:
        ready = [each for each in self._points.passed if each.letter == LETTERS["ready"]]
        return self._points.is_ready and ready[-1].at > self._last_time() > 0

    def _is_past(self, each: Round) -> bool:
        """It has gone to sleep before it could be stopped."""
        return self._is_asleep() and each is not self._plan.rounds[0]

    def _change(self, each: Round) -> None:
        for change in each.changes:
            self._files.change(change)

    # -- sending

    def _send(self, each: Round, *, paused: bool, following: str) -> None:
        """Send the requests of a round, and the signals that come with them."""
        pieces = self._pieces(each)
        early = round(len(pieces) * each.early) if paused else 0
        has_upgraded = self._files.upgraded is not None and self._files.upgraded[1] < NEVER
        is_new = has_upgraded and (paused or each.moment == DEEP)
        self._signal(signal.SIGSTOP, when=each.stop == "sending")
        self._signal(signal.SIGTERM, when=each.term == "before")
        for number, piece in enumerate(pieces):
            if paused and number == early:
                self._let_go()
                paused = False
            time.sleep(each.gap_ms / 1000 if number else 0)  # the gap is what is tried
            if number == len(pieces) - 1 and following in POINTS:
                self._arm(following)
            self._write(piece, must_be_new=is_new)
            self._signal(signal.SIGTERM, when=each.term == "between" and not number)
        self._signal(signal.SIGTERM, when=each.term == "after")
        if paused:
            self._let_go()
        self._signal(signal.SIGCONT, when=each.stop == "sending")
        self._files.finish()

    def _pieces(self, each: Round) -> list[bytes]:
        """The bytes of a round; its requests become known with their first byte."""
        wires = [request_of(self._plan.mode, ask.key) for ask in each.asks]
        self._todo = [Sent(ask, wire) for ask, wire in zip(each.asks, wires, strict=True)]
        wire = b"".join(wires)
        at = [0, *[int(cut * len(wire)) for cut in each.cuts], len(wire)]
        return [wire[a:b] for a, b in pairwise(at) if a < b]

    def _write(self, piece: bytes, *, must_be_new: bool) -> None:
        """Send a piece, and note which requests begin and end in it."""
        now, left = time.monotonic(), len(piece)
        self.record.pieces.append(now)
        while left:
            sent = self._todo[0]
            if sent.began == NEVER:
                sent.began, sent.must_be_new = now, must_be_new
                self.record.sent.append(sent)
            taken = min(left, len(sent.left))
            left, sent.left = left - taken, sent.left[taken:]
            if not sent.left:
                sent.ended = now
                self._todo.pop(0)
        self._client_send(piece)

    def _until_stuffed(self) -> None:
        """Wait until the handler cannot write on: it sleeps, and asks no more.

        Nobody tells when that begins. If this is taken in, something else is tried.
        """
        looks: list[tuple[str, int]] = []
        for _ in range(round(PATIENCE_SEC / LOOK_SEC)):
            stat = Path(f"/proc/{self._handler.process.pid}/stat").read_text()
            looks.append((stat.rpartition(")")[2].split()[0], len(self._backends.said)))
            if looks[-1][0] == "S" and looks[-1][1] and looks[-3:] == looks[-1:] * 3:
                return
            time.sleep(LOOK_SEC)

    # -- while the backend has a request

    def _in_flight(self, each: Round) -> None:
        if not self._until_held():
            self._release()
            self._signal(signal.SIGTERM, when=each.term == "in flight")
            return
        self._signal(signal.SIGSTOP, when=each.stop == "in flight")
        for change in each.during:
            self._files.change(change)
        self._signal(signal.SIGTERM, when=each.term == "in flight")
        self._signal(signal.SIGCONT, when=each.stop == "in flight")
        self._release()
        self._files.finish()

    def _release(self) -> None:
        """Let go on what the backend holds, or will hold."""
        for sent in self.record.sent:
            if "held" in sent.ask.acts:
                self._backends.release(sent.ask.key)

    def _until_held(self) -> bool:
        """Wait until the backend has the request that is held; False if it is not asked."""
        held = next(s for s in self.record.sent if s.ask.acts[0] == "held" and s.reply is None)

        def has_come() -> bool:
            return any(said.key == held.ask.key for said in self._backends.said)

        self._until(
            lambda: has_come() or held.reply is not None or self.record.has_ended, "the request"
        )
        return has_come()

    # -- reading

    def _read_all(self) -> None:
        """Read until every request has its reply, or the connection ends."""
        self._until(
            lambda: self.record.has_ended or all(s.reply is not None for s in self.record.sent),
            "replies",
        )

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """Take what comes, until something is so."""
        end = time.monotonic() + PATIENCE_SEC
        while not condition():
            sources: list[object] = [] if self.record.has_ended else [self._client]
            if self._has_points:
                sources.append(self._points)
            select.select([*sources, self._backends], [], [], 1.0)
            if not self.record.has_ended:
                self._receive()
            self._watch()
            if time.monotonic() > end:
                message = f"waited in vain for {what}; log: {self._handler.log}"
                raise MissedError(message)

    def _watch(self) -> None:
        """Look where the handler is; if it was stopped too early, let it go on."""
        if not self._has_points:
            return
        self._has_points = self._points.look()
        waiting = any(s.reply is None for s in self.record.sent)
        if self._points.is_paused and not self._expects and (waiting or not self._armed):
            self._let_go()

    def _let_go(self) -> None:
        """Let a stopped handler go on."""
        self._points.passed.pop()
        if self._armed:
            self._points.arm(self._armed)
        self._points.release()

    def _arm(self, name: str) -> None:
        self._armed = name
        self._points.arm(name)

    def _disarm(self) -> None:
        self._armed = ""
        self._points.disarm()

    def _receive(self) -> None:
        """Take what the handler has sent."""
        if not select.select([self._client], [], [], 0)[0]:
            return
        size = 1 if self._is_bytewise else 65536
        try:
            data = os.read(self._client.fileno(), size)
        except ConnectionResetError:
            data = b""
        if not data:
            self.record.ended_at = time.monotonic()
        self._buffer += data
        while (frame := next_frame(self._plan.mode, self._buffer)) is not None:
            self._buffer = self._buffer[len(frame) :]
            waiting = next((s for s in self.record.sent if s.reply is None), None)
            if waiting is None:
                self.record.extra.append(frame)
            else:
                waiting.reply, waiting.received = frame, time.monotonic()

    # -- the end

    def _end(self) -> None:
        last = self._plan.rounds[-1]
        self._signal(signal.SIGTERM, when=last.term == "idle" and not self.record.has_ended)
        if not last.term and not self.record.has_ended:
            self._leave(self._plan.end)
        if not self.record.aborted:
            self._until(lambda: self.record.has_ended, "the end of the connection")
        self._client.close()
        self._release()
        self._disarm()
        end = time.monotonic() + PATIENCE_SEC
        while self._has_points and time.monotonic() < end:  # it may just have been stopped
            select.select([self._points], [], [], 1.0)
            self._watch()
        try:
            self.record.status = self._handler.process.wait(max(1.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            message = f"the handler does not end; log: {self._handler.log}"
            raise MissedError(message) from None

    def _leave(self, end: str) -> None:
        if end == "abort in flight":
            self._until_held()
        if end.startswith("abort"):
            self._abort()
            return
        if end == "part":
            self._client_send(request_of(self._plan.mode, "partial")[:-1])
        elif end == "broken":
            more = request_of(self._plan.mode, "unread")
            self._client_send(BROKEN[self._plan.mode] + more)
            self.record.left = time.monotonic()
            return
        self.record.left = time.monotonic()
        self._client.half_close()

    def _client_send(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._client.send(data)

    def _abort(self) -> None:
        """Leave without a word: with a RST where there is such a thing."""
        self.record.aborted, self.record.left = True, time.monotonic()
        reset(self._client)

    def _note_rest(self) -> None:
        self.record.rest = self._buffer
        self._points.look()
        self._handler.close()
        self.record.log = self._handler.log

    def _signal(self, number: int, *, when: bool) -> None:
        """Send a signal if that is to be done now."""
        if when:
            if number == signal.SIGTERM:
                self.record.terminated = time.monotonic()
            self._handler.process.send_signal(number)
