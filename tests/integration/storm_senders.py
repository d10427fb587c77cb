# SPDX-License-Identifier: MIT
"""The clients of test_mail_storm: they send by SMTP, and come again after a 4xx, as servers do.

    with Senders(container, mails) as senders:
        senders.wait_for_attempts(100)
        senders.wait_for_end(60)
    senders.fates[mail.number, recipient]

Each client pipelines the commands of a mail (RFC 2920), and sends a few mails in a session. When a
mail is accepted for some of its recipients, it is sent again later for the others, who got a 4xx.
"""

from __future__ import annotations

import heapq
import itertools
import re
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Self

from integration.mail import SMTP_PORT
from integration.product import in_network
from integration.storm_mailboxes import NUMBER
from integration.storm_plan import Mail

from harness.container import Container

CLIENTS = 10
MAILS_IN_SESSION = 4
PAUSES_SEC = (1, 2, 4)
"""How long a client waits before it tries again."""

WINDOW = 40
"""So many mails are under way at once: a new one comes when one of them is settled."""

PATIENCE_SEC = 300
"""How long a client waits for a reply (RFC 5321, 4.5.3.2)."""

_QUEUED = re.compile(r"queued as (\w+)")


class Fate:
    """What became of a mail at one of its recipients."""

    def __init__(self) -> None:
        self.accepted: list[str] = []
        """The queue ids under which Postfix has it."""
        self.refused = ""
        """The reply with which it was refused for good."""
        self.unsure = 0
        """How often the connection ended after the mail was sent, and before the reply."""

    @property
    def is_settled(self) -> bool:
        """Whether the client has nothing more to do."""
        return bool(self.accepted or self.refused)


class _Job(NamedTuple):
    due: float
    order: int
    mail: Mail
    recipients: tuple[str, ...]
    tries: int


class Senders:
    """CLIENTS clients for MAILS, from entering to leaving the context."""

    def __init__(self, container: Container, mails: Sequence[Mail]) -> None:
        self.fates: dict[tuple[int, str], Fate] = defaultdict(Fate)
        self.replies: Counter[str] = Counter()
        """How often there was which reply, without the address in it."""
        self.connections = 0
        self.attempts = 0
        self._container = container
        self._changed = threading.Condition()
        self._order = itertools.count()
        now = time.monotonic()
        jobs = [_Job(now, next(self._order), mail, mail.recipients, 0) for mail in mails]
        self._jobs, self._later = jobs[:WINDOW], jobs[WINDOW:][::-1]
        self._open = len(jobs)
        self._is_over = False
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._done: list[Future[None]] = []

    def __enter__(self) -> Self:
        for _ in range(CLIENTS):
            self._done.append(self._pool.submit(in_network, self._container, self._work))
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._pool.shutdown()
        for each in self._done:
            each.result()

    @property
    def postponed(self) -> int:
        """How often there was a 4xx."""
        return sum(count for reply, count in self.replies.items() if reply[0] == "4")

    def wait_for_attempts(self, count: int, at_most_sec: float) -> bool:
        """Wait for so many attempts to send a mail, successful or not; whether they were made."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.attempts >= count or self.is_at_end, at_most_sec
            )

    @property
    def is_at_end(self) -> bool:
        """Whether each mail is accepted or refused."""
        return self._open == 0 or self._is_over

    def wait_for_end(self, at_most_sec: float) -> None:
        """Wait until each mail is accepted or refused."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_at_end, at_most_sec)
            assert self._open == 0, f"{self._open} mails are neither accepted nor refused"

    # -- what is to be done

    def _work(self) -> None:
        try:
            while jobs := self._take(1):
                self._send_some(jobs[0])
        except BaseException:
            # Not to wait for what nobody will do; leaving the context raises it again.
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
            raise

    def _take(self, at_least: int) -> list[_Job]:
        """The next job that is due; with AT_LEAST 0, none instead of waiting for it."""
        with self._changed:
            while self._open and not self._is_over:
                left = self._jobs[0].due - time.monotonic() if self._jobs else PATIENCE_SEC
                if left <= 0:
                    return [heapq.heappop(self._jobs)]
                if not at_least:
                    break
                self._changed.wait(left)
            return []

    def _send_some(self, job: _Job) -> None:
        """Send this mail and some others in one session, as long as it lasts."""
        try:
            session = _Session()
        except (OSError, _LostError):
            self._conclude(job)
            return
        self.connections += 1
        try:
            for left in reversed(range(MAILS_IN_SESSION)):
                self._send(session, job)
                self._conclude(job)
                if session.is_lost or not left or not (jobs := self._take(0)):
                    break
                (job,) = jobs
        finally:
            session.close()

    def _conclude(self, job: _Job) -> None:
        """An attempt was made: what is not settled comes again."""
        left = tuple(each for each in job.recipients if not self._fate(job, each).is_settled)
        with self._changed:
            self.attempts += 1
            if left:
                pause = PAUSES_SEC[min(job.tries, len(PAUSES_SEC) - 1)]
                again = _Job(
                    time.monotonic() + pause, next(self._order), job.mail, left, job.tries + 1
                )
                heapq.heappush(self._jobs, again)
            else:
                self._open -= 1
                if self._later:
                    heapq.heappush(self._jobs, self._later.pop())
            self._changed.notify_all()

    def _fate(self, job: _Job, recipient: str) -> Fate:
        return self.fates[job.mail.number, recipient]

    # -- one mail

    def _send(self, session: _Session, job: _Job) -> None:
        """Offer a mail for all recipients of the job, and note what becomes of it."""
        commands = [f"MAIL FROM:<{job.mail.sender}>"]
        commands += [f"RCPT TO:<{recipient}>" for recipient in job.recipients]
        is_sent = False
        try:
            # The mail before this one may not have come to its end.
            session.say("RSET", *commands, "DATA")
            session.reply()
            first = session.reply()
            replies = [session.reply() for _ in job.recipients]
            data = session.reply()
            taken = []
            for recipient, reply in zip(job.recipients, replies, strict=True):
                if self._is_positive(self._fate(job, recipient), reply, first):
                    taken.append(recipient)
            if not data.startswith("354"):
                self._note_end(job, taken, data)
                return
            is_sent = bool(taken)
            session.say(*_text(job.mail), ".")
            self._note_end(job, taken, session.reply())
        except (OSError, _LostError):
            session.is_lost = True
            for recipient in taken if is_sent else ():
                self._fate(job, recipient).unsure += 1

    def _is_positive(self, fate: Fate, reply: str, first: str) -> bool:
        """Whether a recipient is accepted; what a refused one is told is noted."""
        told = first if first[0] != "2" else reply
        self._count(told)
        if told[0] == "5":
            fate.refused = told
        return told[0] == "2"

    def _note_end(self, job: _Job, taken: list[str], reply: str) -> None:
        """What the mail's recipients who were accepted are told at its end."""
        queued = _QUEUED.search(reply)
        for recipient in taken:
            fate = self._fate(job, recipient)
            if queued:
                fate.accepted.append(queued[1])
            elif reply[0] == "5":
                fate.refused = reply
        if taken:
            self._count(reply)

    def _count(self, reply: str) -> None:
        with self._changed:
            self.replies[_SPECIAL.sub("*", reply)] += 1


_SPECIAL = re.compile(r"<[^>]*>|queued as \w+")


def _text(mail: Mail) -> list[str]:
    return [f"From: <{mail.sender}>", "Subject: storm", f"{NUMBER}: {mail.number}", "", "A mail."]


class _LostError(Exception):
    """The session has ended."""


class _Session:
    """An SMTP session, after EHLO."""

    def __init__(self) -> None:
        self.is_lost = False
        self._socket = socket.create_connection(("127.0.0.1", SMTP_PORT), PATIENCE_SEC)
        self._input = self._socket.makefile("rb")
        try:
            greeting = self.reply()
            self.say("EHLO client.example")
            hello = self.reply()
        except (OSError, _LostError):
            self.close()
            raise
        if not (greeting.startswith("220") and hello.startswith("250")):
            self.close()
            raise _LostError

    def say(self, *lines: str) -> None:
        """Send lines."""
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def reply(self) -> str:
        """The next reply; of one of several lines, the last."""
        while True:
            line = self._input.readline().decode()
            if not line.endswith("\n"):
                raise _LostError
            if line.startswith("421"):
                # Postfix closes the connection then (RFC 5321, 3.8).
                raise _LostError
            if line[3] != "-":
                return line.rstrip("\r\n")

    def close(self) -> None:
        """End the session, politely if it is not lost."""
        if not self.is_lost:
            try:
                self.say("QUIT")
            except OSError:
                self.is_lost = True
        self._input.close()
        self._socket.close()
