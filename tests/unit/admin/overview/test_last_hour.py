# SPDX-License-Identifier: MIT
"""How a backend has fared, from its answers in reverse order; the journal is in tests/blackbox."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.overview.last_hour import Answers


@pytest.mark.parametrize(
    "answers, expected",
    [
        ([], (0.0, 0, 0.0)),
        ([(9.0, False), (8.0, True)], (9.0, 0, 0.0)),
        ([(9.0, True), (8.0, True), (7.0, False), (6.0, True)], (9.0, 2, 8.0)),
        ([(9.0, True)], (9.0, 1, 9.0)),
    ],
)
def test_answers(answers: list[tuple[float, bool]], expected: tuple[float, int, float]) -> None:
    """Only failures without a success after them count."""
    found = Answers()
    for when, failed in answers:
        found.add_earlier(when, failed=failed)
    assert (found.last, found.failures, found.failing_since) == expected
