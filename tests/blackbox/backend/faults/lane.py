# SPDX-License-Identifier: MIT
"""A handler that goes through many cases, and what is checked of each.

For each case the configuration changes, so the handler begins with a new client and a new
connection to the backend. A later request is one to which the same client has had an answer before.
Each request has a key of its own, which its good answer repeats.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from blackbox.backend.faults.row import (
    ACCEPT,
    CERTIFICATE,
    EXPLAINED,
    HTTPS,
    IDLE,
    PLACE,
    REQUEST,
    SLOW,
    TIMEOUT_MS,
    WORDS,
    Answer,
    Row,
)
from blackbox.backend.faults.steps import FaultyBackend, answers_then, end
from blackbox.backend.faults.world import BACKEND, World
from blackbox.support import TIMED_OUT, netstring

from harness.handler_process import endpoint, start
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.scripted_backend import Step

_NUMBERS = itertools.count(1)
_LINE = re.compile(
    r"postfix-rest-inetd: (?P<name>[^:]+): (?P<subject>.*?): (?P<words>[^:(]+) "
    r"\((?P<ms>\d+\.\d) ms\)(?:: (?P<why>.*))?"
)
_TRIES = 20
"""How often a machine may be too busy to do nothing wrong before a short deadline."""


def request_of(mode: str, key: str) -> bytes:
    """A request with KEY in it."""
    return {
        TCP: f"get {key}\n".encode(),
        SOCKETMAP: netstring(f"map {key}".encode()),
        POLICY: f"protocol_state=RCPT\nsender={key}@example.org\n\n".encode(),
    }[mode]


def own_reply(mode: str, key: str) -> bytes:
    """The reply to that request if nothing is wrong."""
    return {
        TCP: f"200 {key}\n".encode(),
        SOCKETMAP: netstring(f"OK {key}".encode()),
        POLICY: f"action=REJECT {key}\n\n".encode(),
    }[mode]


class Asked:
    """A request, its reply, and what the journal says about it."""

    def __init__(self, key: str, reply: bytes, line: str) -> None:
        self.key = key
        self.reply = reply
        match = _LINE.fullmatch(line)
        assert match, line
        self.line = line
        self.subject, self.words, self.why = match["subject"], match["words"], match["why"] or ""
        self.elapsed_ms = float(match["ms"])


class Lane:
    """One handler of a mode, and a backend of either scheme."""

    def __init__(self, directory: Path, mode: str, kind: str, world: World) -> None:
        self._path = directory / "config.json"
        self._mode = mode
        self._world = world
        self._lines = 0
        self._stack = contextlib.ExitStack()
        self._backends = {
            scheme: self._stack.enter_context(FaultyBackend(mode, BACKEND, tls=tls))
            for scheme, tls in (("http", None), (HTTPS, world.contexts["good"]))
        }
        self._configure(self._backends["http"].url(), {})
        self._handler = start("--config", self._path, "--endpoint", mode, prefix=world.prefix(kind))
        self._stack.callback(self._handler.close)

    def close(self) -> None:
        """End the handler, which must have nothing more to say."""
        with self._stack:
            rest = self._handler.finish()
            assert (rest.output, rest.status) == (b"", 0), rest
            assert len(rest.log.splitlines()) == self._lines, rest.log

    def abandon(self) -> None:
        """End the handler of a case that failed."""
        with contextlib.suppress(AssertionError, OSError):
            self.close()

    def run(self, row: Row, scheme: str, *, is_later: bool) -> None:
        """Try a case."""
        backend = self._backends[scheme]
        with contextlib.ExitStack() as stack:
            target = backend.url()
            if row.at == PLACE:
                target = stack.enter_context(self._world.place(row.does, scheme, backend.port))
            self._configure(target, row.keys)
            if is_later:
                self._prepare(row, backend)
            with _fault(row, backend, self._world) as plan:
                asked = self._ask(backend, plan)
            self._check(row, row.later if is_later and row.later else row.expected, asked, backend)
            if row.at != PLACE:
                self._follow_up(row, backend, is_later=is_later)

    def statuses(self, scheme: str, answers: list[tuple[Step, Answer]], *, is_later: bool) -> None:
        """Have many responses to one request each, all of them on one connection if `is_later`."""
        backend = self._backends[scheme]
        self._configure(backend.url(), {})
        first = len(backend.connections)
        for step, answer in answers:
            backend.wait_until_idle()
            asked = self._ask(backend, step)
            row = Row("", step, {self._mode: answer})
            self._check(row, row.expected, asked, backend)
        count = len(backend.connections) - first
        assert count == (1 if is_later else len(answers)), count

    def _configure(self, target: str, keys: dict[str, object]) -> None:
        if target.startswith("https:"):
            keys = {"tls_ca_file": "CA", **keys}
        values: dict[str, object] = {"headers": {"X-Number": str(next(_NUMBERS))}}
        for key, value in {"request_timeout": TIMEOUT_MS, **keys}.items():
            values[key] = self._world.files[value] if key.startswith("tls_") else value
        content = {"endpoints": [{**endpoint(self._mode, target, **values), "bind-port": 1}]}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(content), encoding="utf-8")
        os.replace(new, self._path)

    def _ask(self, backend: FaultyBackend, plan: Step | None = None) -> Asked:
        key = next_key()
        if plan is not None:
            backend.plans[key] = plan
        reply = self._handler.ask(self._mode, request_of(self._mode, key))
        self._lines += 1
        lines = self._handler.log_lines(self._lines)
        assert len(lines) == self._lines, lines[-5:]
        assert not self._handler.pending(), "more than one reply"
        return Asked(key, reply, lines[-1])

    def _prepare(self, row: Row, backend: FaultyBackend) -> None:
        """Have a first request of the client answered, or fail at the same place."""
        ending = answers_then(end)
        if row.at == PLACE:
            self._ask(backend, ending)
        else:
            plans = {IDLE: row.does, ACCEPT: ending, CERTIFICATE: ending}
            self._ask_well(backend, plans.get(row.at))

    def _ask_well(self, backend: FaultyBackend, plan: Step | None = None) -> None:
        """Ask until there is the right answer; a busy machine may time out, and nothing else."""
        for _ in range(_TRIES):
            backend.wait_until_idle()
            asked = self._ask(backend, plan)
            if asked.reply == own_reply(self._mode, asked.key):
                backend.wait_until_idle()
                return
            assert asked.reply == TIMED_OUT[self._mode], asked.line
        message = f"no answer in {_TRIES} tries: {asked.line}"
        raise AssertionError(message)

    def _check(
        self,
        row: Row,
        expected: dict[str, Answer],
        asked: Asked,
        backend: FaultyBackend,
    ) -> None:
        answer = expected[self._mode]
        is_own = answer.reply is None
        reply = own_reply(self._mode, asked.key) if is_own else answer.reply
        assert asked.reply == reply, (asked.reply, asked.line)
        backend.check()
        sent = len([each for each in backend.requests if asked.key.encode() in each.raw])
        is_seen = row.at not in (ACCEPT, CERTIFICATE, PLACE) or is_own
        right = {answer.sent if is_seen else 0}
        if row.kind == SLOW:
            # A busy machine may pass a short deadline before the backend has got anything, or
            # before it has accepted the connection, which is not faulty any more then.
            right |= {0, answer.sent}
        assert sent in right, (sent, asked.line)
        assert row.least_ms <= asked.elapsed_ms <= row.within_ms, asked.line
        self._check_line(row, answer, asked)

    def _check_line(self, row: Row, answer: Answer, asked: Asked) -> None:
        words = WORDS[answer.outcome]
        if answer.outcome == "action":
            words += " REJECT" if answer.reply is None else " DUNNO"
        if answer.status:
            words += f" with status {answer.status}"
        is_told = asked.words == words or (
            answer.outcome in EXPLAINED and asked.words == f"{words} with status 200"
        )
        assert is_told, (words, asked.line)
        assert asked.key in asked.subject
        assert bool(asked.why) or answer.outcome not in EXPLAINED, asked.line
        assert re.search(row.told, asked.why), (row.told, asked.line)

    def _follow_up(self, row: Row, backend: FaultyBackend, *, is_later: bool) -> None:
        """The next request gets its own answer, on the connection that it should have."""
        last = backend.requests[-1].connection if backend.requests else None
        self._ask_well(backend)
        is_hasty = self._mode == POLICY and is_later and row.at != IDLE and row.later is not None
        if row.kept is None or row.at != REQUEST or row.kind == SLOW or is_hasty:
            return
        is_same = backend.requests[-1].connection == last
        assert is_same == row.kept, f"the connection {'was' if is_same else 'was not'} used again"


@contextlib.contextmanager
def _fault(row: Row, backend: FaultyBackend, world: World) -> Iterator[Step | None]:
    """Make the backend do what the row says; yields what to do with the request."""
    backend.wait_until_idle()
    if row.at == ACCEPT:
        backend.on_accept = row.does
    elif row.at == CERTIFICATE:
        backend.tls = world.contexts[row.does]
    try:
        yield row.does if row.at == REQUEST else None
    finally:
        if row.at == ACCEPT:
            backend.on_accept = None
        elif row.at == CERTIFICATE:
            backend.tls = world.contexts["good"]


def next_key() -> str:
    """A text that no other request has."""
    return f"case-{next(_NUMBERS):06}"
