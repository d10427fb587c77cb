# SPDX-License-Identifier: MIT
"""The errors of this package. Each has an outcome, from which `verdict` derives the reply.

The text of an error is for the operator. It consists of constants, error numbers and parts of the
configuration. It never has a key, an address, a token or anything that a backend sent in it, so it
may be written to the journal also without `log-keys`.
"""

from __future__ import annotations

from . import model


class ExpectedError(Exception):
    """Base of the errors that are foreseen and have an outcome.

    Any other exception that reaches the handler is an internal error.
    """

    outcome = model.INTERNAL_ERROR


class ConfigError(ExpectedError):
    """The configuration cannot be used.

    Attributes:
        problems: every problem found, as pairs of a JSON path (`$.endpoints[0].name`; empty when
            the problem is not in one place of the file) and a sentence.
    """

    outcome = model.UNUSABLE_CONFIG

    def __init__(self, source: str, problems: list[tuple[str, str]]) -> None:
        """`source` is the file's path, `problems` must not be empty."""
        lines = [f"{path}: {text}" if path else text for path, text in problems]
        super().__init__(f"{source}: " + "; ".join(lines))
        self.source = source
        self.problems = problems


class ProtocolError(ExpectedError):
    """The client sent what Postfix never sends. Nothing that follows on the connection is read.

    Attributes:
        reply_text: what to tell the client, or None when the protocol has no reply for it.
    """

    outcome = model.BROKEN_REQUEST

    def __init__(self, reason: str, reply_text: str | None) -> None:
        """`reason` goes to the journal."""
        super().__init__(reason)
        self.reply_text = reply_text


class LateError(ExpectedError):
    """The client did not send the rest of a request in time. It gets no reply."""

    outcome = model.BROKEN_REQUEST


class BackendError(ExpectedError):
    """No usable answer came from the backend.

    Attributes:
        is_unsent: is it certain that the backend has read nothing of the request?
    """

    is_unsent = False


class DeadlineError(BackendError):
    """The request's deadline passed."""

    outcome = model.TIMEOUT


class UnreachableError(BackendError):
    """Connecting to the backend failed, the connection was lost, or TLS failed."""

    outcome = model.UNREACHABLE


class InvalidDataError(BackendError):
    """The backend answered with something that must not be handed to Postfix."""

    outcome = model.INVALID_DATA
