# SPDX-License-Identifier: MIT
"""One connection from its first byte to its end: answers its requests, and logs them.

In all cases:

- Each request gets exactly one reply, in order, and nothing else is written.
- The handler does not close the connection first, except after a broken request, after a failure if
  `failure-action` is `close`, on SIGTERM between requests, after an internal error, or when the
  client has not sent the rest of a request, or taken a reply, within PATIENCE_SEC (connection.py).
- The configuration in force when a request arrives decides how it is answered (in_force.py).
  Without a usable configuration, now or before, every request gets a temporary error. The journal
  gets the reason once, and the number of affected requests.
- After an unexpected exception, the request gets a temporary error, and the exit status is 70.

The loop begins when the client has sent something. When the connection has been idle for
`hibernate-after`, the handler starts over as a bare interpreter (restart.py), and the loop begins
again when more input arrives.
"""

from __future__ import annotations

import gc
from time import monotonic

from . import (
    answering,
    journal,
    journal_socket,  # noqa: F401 - for `journal`, of the version that is loaded
    log_entry,
    model,
    restart,
    verdict,
)
from .connection import IDLE, PATIENCE_SEC, READY, Connection
from .errors import LateError, ProtocolError
from .in_force import InForce, Options
from .protocols import OF_TOO_FEW_BYTES, codec_of, recognise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .answering import Answer
    from .marks import Mark
    from .protocols import Codec, Decoder

EXIT_OK = 0
EXIT_SOFTWARE = 70  # sysexits.h: EX_SOFTWARE

# The interval between reports of the number of requests without a usable configuration.
_COUNT_SEC = 60


def serve(
    options: Options, connection: Connection, began_ns: int, marks: list[Mark] | None = None
) -> int:
    """Serve a connection with pending input to its end; returns the exit status.

    `began_ns` is when the client began to wait for this process, by the monotonic clock, and
    `marks` what is installed (restart.settled). A __main__ of an older version passes none.
    """
    if marks is None:
        restart.restart(connection)
        marks = []
    answers = _Answers(options, began_ns, marks, woken=connection.restarted)
    try:
        answers.prepare()
        if restart.is_outdated(marks):  # what has been loaded may be of two versions
            restart.restart(connection)
    except Exception as error:  # noqa: BLE001 - Postfix must get its replies after any exception
        restart.retry_if_being_replaced(connection)
        answers.give_up(error)
    try:
        return _converse(connection, answers)
    except LateError as error:
        # No reply: a client that still reads could take it for that to another request.
        answers.broken(error)
        return answers.status
    finally:
        answers.tell()


class _Answers:
    """Answers the requests of a connection, and reports them to the operator.

    Attributes:
        mode: the mode of the connection; empty while it is unknown.
        status: the exit status of the process; the connection ends unless it is EXIT_OK.
    """

    __slots__ = (
        "_began_ns",
        "_excused",
        "_has_rest",
        "_has_told_of_cache",
        "_in_force",
        "_is_sleepless",
        "_last",
        "_marks",
        "_reason",
        "_told_at",
        "_woken",
        "mode",
        "status",
    )

    def __init__(self, options: Options, began_ns: int, marks: list[Mark], *, woken: bool) -> None:
        self._in_force = InForce(options, lambda: not restart.is_outdated(marks))
        self._marks = marks
        self._began_ns = began_ns  # 0 after the first request
        self._woken = woken
        self._last: Answer | None = None
        self._excused = 0  # requests that have not been reported to the operator
        self._reason = ""  # the reason of an unusable configuration that the operator was told
        self._told_at = 0.0
        self._has_rest = False
        self._has_told_of_cache = False
        self._is_sleepless = False  # has starting over failed?
        self.mode = options.mode or ""
        self.status = EXIT_OK

    @property
    def hibernate_after(self) -> int | None:
        """Seconds of idleness; None for never. Without an endpoint, little memory can be freed."""
        endpoint = self._in_force.endpoint
        if endpoint is None or self._is_sleepless:
            return None
        return endpoint.hibernate_after or None

    def prepare(self) -> None:
        """Find out what is in force, and load the modules that are needed to ask the backend.

        Nothing of a request has been read yet. So if loading fails, another program can still take
        over.
        """
        self._in_force.look()
        self._in_force.load()
        if self._in_force.endpoint is not None:
            self.mode = self._in_force.endpoint.mode

    def load_rest(self) -> None:
        """Load what only some actions need, while it is of the version that is loaded."""
        endpoint = self._in_force.endpoint
        if self._has_rest or endpoint is None or not endpoint.answers_actions:
            return
        self._has_rest = True
        try:
            from . import enhanced_status, restrictions  # noqa: F401
        except Exception:  # noqa: BLE001 - there may never be an action that needs them
            return

    def give_up(self, error: Exception) -> None:
        """Report an unexpected exception; the next reply is the last."""
        self.status = EXIT_SOFTWARE
        detail = log_entry.of_exception(error)
        journal.send(log_entry.of_trouble("", self.mode, model.INTERNAL_ERROR, detail))

    def speak(self, mode: str) -> None:
        """Set the mode that the client speaks, which later configurations cannot change."""
        self.mode = mode
        self._in_force.restrict(mode)

    def answer(self, codec: Codec, request: model.Request) -> bytes | None:
        """The bytes for Postfix; None to close the connection without a reply."""
        self._last = None
        began_ns, self._began_ns = self._began_ns, 0
        try:
            if self.status == EXIT_OK:
                self._in_force.look()
        except Exception as error:  # noqa: BLE001 - see serve()
            self.give_up(error)
        if self.status != EXIT_OK:
            return codec.encode(verdict.without_backend(model.INTERNAL_ERROR))
        endpoint = self._in_force.endpoint
        if endpoint is None:
            self._excused += 1
            return codec.encode(verdict.without_backend(model.UNUSABLE_CONFIG))
        answer = answering.answer(self._in_force, endpoint, codec, request)
        is_unusable = answer.reply.outcome == model.UNUSABLE_CONFIG
        if is_unusable and self._in_force.endpoint is None:  # the previous one is not usable either
            self._excused += 1
            return answer.wire
        if began_ns:  # the first request: how long did it take the process to be ready?
            answer.facts.start_usec = max(1, (answer.began_ns - began_ns) // 1000)
            answer.facts.woken = self._woken
        if answer.reply.outcome == model.INTERNAL_ERROR:
            self.status = EXIT_SOFTWARE
        self._last = answer
        return answer.wire

    def record(self) -> None:
        """Report the last answer. Postfix has its reply by now and does not wait."""
        is_mended = self._in_force.endpoint is not None
        is_late = monotonic() - self._told_at > _COUNT_SEC
        if self._in_force.is_news or (self._excused and (is_mended or is_late)):
            self.tell()
        if (last := self._last) is not None:
            answering.keep(last)
            self._tell_of_cache(last)
            journal.send(log_entry.of_request(last.endpoint, last.request, last.reply, last.facts))

    def tell(self) -> None:
        """Report what is wrong with the files, and the number of requests affected so far."""
        problem, is_news = str(self._in_force.problem), self._in_force.is_news
        endpoint = self._in_force.endpoint
        if self._excused or (is_news and endpoint is None):
            count, self._excused = self._excused, 0
            self._told_at = monotonic()
            is_told = endpoint is not None or not is_news
            self._reason = self._reason if is_told else problem
            journal.send(
                log_entry.of_unusable_config(self.mode, self._reason, count, is_told=is_told)
            )
        if is_news and endpoint is not None:
            outcome = model.KEPT_CONFIG
            journal.send(log_entry.of_trouble(endpoint.name, endpoint.mode, outcome, problem))
        self._in_force.is_news = False

    def _tell_of_cache(self, last: Answer) -> None:
        """Report, once, that stored answers are of no use; every request may have the problem."""
        problem = "" if last.shared is None else last.shared.problem
        if problem and not self._has_told_of_cache:
            self._has_told_of_cache = True
            name, mode = last.endpoint.name, last.endpoint.mode
            journal.send(log_entry.of_trouble(name, mode, model.UNUSABLE_CACHE, problem))

    def broken(self, error: ProtocolError | LateError) -> None:
        """Report a broken request."""
        endpoint = self._in_force.endpoint
        name, mode = ("", self.mode) if endpoint is None else (endpoint.name, endpoint.mode)
        journal.send(log_entry.of_trouble(name, mode, model.BROKEN_REQUEST, str(error)))

    def is_superseded(self) -> bool:
        """Are modules to be loaded, perhaps, and was the package replaced since the start?

        What it takes to read the configuration, and to ask the backend, may not be loaded yet, and
        what is installed now need not fit together with what is.
        """
        if self._is_sleepless:
            return False
        if self._in_force.is_due():
            return restart.is_outdated(self._marks)
        return not self._in_force.is_loaded and restart.has_begun(self._marks)

    def fall_asleep(self, connection: Connection) -> None:
        """Start over, and hand over what is in force; returns only if that is impossible."""
        if self._excused:
            self.tell()
        self._in_force.hand_over()
        restart.restart(connection)  # the connection to the backend ends with this
        self._is_sleepless = True


def _next_request(connection: Connection, codec: Codec, decoder: Decoder) -> model.Request | None:
    """The next request; if the decoder itself fails, the client still gets a reply."""
    try:
        return decoder.next_request()
    except ProtocolError:
        raise
    except Exception:
        connection.write(codec.encode(verdict.without_backend(model.INTERNAL_ERROR)))
        raise


def _begin(connection: Connection, answers: _Answers) -> bytes:
    """The first input, enough of it to recognise the protocol."""
    data = connection.read()
    mode = answers.mode or recognise(data)
    while mode is None:
        more = _rest(connection)
        data += more
        mode = recognise(data) if more else OF_TOO_FEW_BYTES
    answers.speak(mode)
    return data


def _converse(connection: Connection, answers: _Answers) -> int:
    """Answer requests until the connection ends in one of the ways that the module lists."""
    data = _begin(connection, answers)
    codec = codec_of(answers.mode)
    decoder = codec.Decoder()
    try:
        while data:
            decoder.feed(data)
            while (request := _next_request(connection, codec, decoder)) is not None:
                wire = answers.answer(codec, request)
                delivered = wire is not None and connection.write(wire)
                answers.record()
                connection.begin_request()
                if not delivered or answers.status != EXIT_OK:
                    return answers.status
            if decoder.pending:
                data = _rest(connection)
            elif _wait(connection, answers):
                data = connection.read()
            else:
                break
        decoder.end()
    except ProtocolError as error:
        answers.broken(error)
        reply = verdict.of_broken_request(error.reply_text)
        if connection.write(codec.encode(reply)):
            connection.linger()
    return answers.status


def _rest(connection: Connection) -> bytes:
    """More of a request that has begun; empty at end of file.

    Raises:
        LateError: the client takes too long.
    """
    data = connection.read_rest()
    if data is None:
        raise LateError(f"its rest did not arrive within {PATIENCE_SEC:g} s")
    return data


def _wait(connection: Connection, answers: _Answers) -> bool:
    """Wait between requests; False if the connection ends without another one."""
    answers.load_rest()
    if not gc.isenabled():
        # The garbage collector was off during start-up. What was loaded is not garbage.
        gc.freeze()
        gc.enable()
    found = connection.wait(answers.hibernate_after)
    if found == IDLE or (found == READY and answers.is_superseded()):
        answers.fall_asleep(connection)
        found = connection.wait()
    return found == READY
