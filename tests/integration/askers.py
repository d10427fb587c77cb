# SPDX-License-Identifier: MIT
"""Many clients that ask without end, each on a connection of its own, and note what they get.

    with Askers(container, 300, seed, {"domains": 9001}, questions, pause_sec=2) as askers:
        ...
    askers.replies                      # a Reply (permitted.py) for each request

Each keeps its connection for a while, and asks again after a pause whose length varies. When the
connection ends, whoever ended it, the client makes a new one. One thread does it all.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from integration.product import in_network, socketmap_request

from harness.container import Container
from harness.permitted import Question, Reply

NEW_CONNECTION = 0.03
"""How often a client makes a new connection although it need not."""

_TICK_SEC = 0.25


class _Client:
    """One connection, and what is asked on it."""

    def __init__(self, port: int, questions: Sequence[Question], generator: random.Random) -> None:
        self.generator = generator
        self.port = port
        self.connection: socket.socket | None = None
        self.question = questions[0]
        self.sent = 0.0
        self.input = b""
        self._questions = questions

    def ask(self) -> None:
        """Ask the next question, over a new connection if there is none."""
        self.question = self.generator.choice(self._questions)
        _, map_name, key = self.question
        request = socketmap_request(map_name, key) if map_name else f"get {key}\n".encode()
        self.input = b""
        self.sent = time.monotonic()
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), 30)
        self.connection.sendall(request)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def reply(self) -> Reply | None:
        """What has been received, if it is complete."""
        text = self.input.decode()
        if self.question.map_name:
            length, _, rest = text.partition(":")
            if not rest or len(rest) != int(length) + 1:
                return None
            status, _, value = rest[:-1].partition(" ")
            known = {"OK": value, "NOTFOUND": None}
        else:
            if not text.endswith("\n"):
                return None
            status, _, value = text[:-1].partition(" ")
            known = {"200": value, "500": None}
        now = time.monotonic()
        if status in known:
            return Reply(self.question, self.sent, now, known[status])
        return Reply(self.question, self.sent, now, text, is_failure=True)


class Askers:
    """COUNT clients, from entering to leaving the context."""

    def __init__(
        self,
        container: Container,
        count: int,
        seed: str,
        ports: Mapping[str, int],
        questions: Sequence[Question],
        *,
        pause_sec: float,
    ) -> None:
        self.replies: list[Reply] = []
        self.lost: list[tuple[float, float]] = []
        """When a request was sent whose connection ended without a reply, and when that was."""
        self.unanswered: list[Question] = []
        """What was asked at the end, and had no reply PATIENCE_SEC later."""
        self._container = container
        self._pause_sec = pause_sec
        self._ended = threading.Event()
        self._waiting: list[tuple[float, int]] = []
        self._selector = selectors.DefaultSelector()
        self._clients = []
        names = list(ports)
        for index in range(count):
            name = names[index % len(names)]
            own = [question for question in questions if question.endpoint == name]
            self._clients.append(_Client(ports[name], own, random.Random(f"{seed}/{index}")))
        self._pool = ThreadPoolExecutor(1)
        self._done: Future[None] | None = None

    def __enter__(self) -> Self:
        self._done = self._pool.submit(in_network, self._container, self._run)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        assert self._done is not None
        try:
            self._done.result(PATIENCE_SEC + 60)
        finally:
            self._pool.shutdown()

    def _run(self) -> None:
        try:
            self._ask_all()
        finally:
            self._selector.close()
            for client in self._clients:
                client.close()

    def _ask_all(self) -> None:
        """Ask until the end, and then wait for the replies that are due."""
        began = time.monotonic()
        for index, client in enumerate(self._clients):
            pause = client.generator.uniform(0, self._pause_sec)
            heapq.heappush(self._waiting, (began + pause, index))
        while not self._ended.is_set():
            self._ask_who_is_ready()
            self._read(self._time_left())
        deadline = time.monotonic() + PATIENCE_SEC
        while self._selector.get_map() and time.monotonic() < deadline:
            self._read(_TICK_SEC)
        keys = list(self._selector.get_map().values())
        self.unanswered += [self._clients[key.data].question for key in keys]

    def _time_left(self) -> float:
        due = self._waiting[0][0] - time.monotonic() if self._waiting else _TICK_SEC
        return min(max(0.0, due), _TICK_SEC)

    def _ask_who_is_ready(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, index = heapq.heappop(self._waiting)
            client = self._clients[index]
            try:
                client.ask()
            except ConnectionError:
                # The handler was killed while nothing was asked; Postfix asks again.
                client.close()
                heapq.heappush(self._waiting, (time.monotonic(), index))
                continue
            self._selector.register(client.connection, selectors.EVENT_READ, index)

    def _read(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            client = self._clients[key.data]
            try:
                data = key.fileobj.recv(65536)
            except ConnectionError:
                data = b""
            client.input += data
            reply = client.reply() if data else None
            if data and reply is None:
                continue
            self._selector.unregister(key.fileobj)
            self._note(client, reply)
            pause = client.generator.uniform(0, 2 * self._pause_sec) if reply else 0
            heapq.heappush(self._waiting, (time.monotonic() + pause, key.data))

    def _note(self, client: _Client, reply: Reply | None) -> None:
        if reply is None:
            self.lost.append((client.sent, time.monotonic()))
            client.close()
            return
        self.replies.append(reply)
        if client.generator.random() < NEW_CONNECTION:
            client.close()


PATIENCE_SEC = 30
"""How long clients wait for what they asked last."""
