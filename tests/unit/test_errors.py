# SPDX-License-Identifier: MIT
"""The errors, and the outcome that each stands for."""

from __future__ import annotations

import pytest

from postfix_rest_inetd import errors, model

OUTCOMES = [
    (errors.ExpectedError, model.INTERNAL_ERROR),
    (errors.ConfigError, model.UNUSABLE_CONFIG),
    (errors.ProtocolError, model.BROKEN_REQUEST),
    (errors.DeadlineError, model.TIMEOUT),
    (errors.UnreachableError, model.UNREACHABLE),
    (errors.InvalidDataError, model.INVALID_DATA),
]


@pytest.mark.parametrize("error, outcome", OUTCOMES)
def test_outcome(error, outcome):
    """Each error knows its outcome; all of them are ExpectedErrors."""
    assert error.outcome == outcome
    assert issubclass(error, errors.ExpectedError)


def test_backend_errors():
    """What the backend can cause is a BackendError, so that failure-action applies to it alone."""
    backend = [error for error, _ in OUTCOMES if issubclass(error, errors.BackendError)]
    assert backend == [errors.DeadlineError, errors.UnreachableError, errors.InvalidDataError]


def test_config_error_lists_all_problems():
    """The text of a ConfigError names the file, and each problem with its place if it has one."""
    problems = [("", "is odd"), ("$.endpoints", "is required")]
    error = errors.ConfigError("/etc/config.json", problems)
    assert str(error) == "/etc/config.json: is odd; $.endpoints: is required"
    assert (error.source, error.problems) == ("/etc/config.json", problems)


def test_protocol_error():
    """What the client is told and what the operator is told are different texts."""
    error = errors.ProtocolError("for the journal", "for the client")
    assert (str(error), error.reply_text) == ("for the journal", "for the client")
