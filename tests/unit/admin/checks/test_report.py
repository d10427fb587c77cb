# SPDX-License-Identifier: MIT
"""The text of a report: what it names once, however many findings there are."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.checks import report
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Applicable, Finding, commands

APPLY = "postfix-rest-inetd apply runs the commands for the socket units.\n"
STOPPED = Applicable(WARNING, "a.socket", "is stopped", commands("systemctl start a.socket"))
FAILED = Applicable(ERROR, "b.socket", "has failed", commands("systemctl start b.socket"))
HELD = Finding(ERROR, "c.socket", "is held", commands("systemctl start c.socket"))


@pytest.mark.parametrize("found, times", [([STOPPED, FAILED, HELD], 1), ([HELD], 0), ([], 0)])
def test_apply(capsys: pytest.CaptureFixture[str], found: list[Finding], times: int) -> None:
    """The command that does the same is named once, below the findings whose commands it runs."""
    report.as_text(("config", []), ("sockets", found))
    text = capsys.readouterr().out
    assert text.count(APPLY) == times
    report.problems(found)
    assert capsys.readouterr().out.count(APPLY) == times
    if times:
        assert text.index("systemctl start b.socket") < text.index(APPLY)


def test_apply_after_condensing(capsys: pytest.CaptureFixture[str]) -> None:
    """Findings that are the same become one, and it is one that `apply` solves."""
    same = [STOPPED._replace(where=f"{name}.socket", advice="x") for name in "ab"]
    report.as_text(("sockets", same))
    assert APPLY in capsys.readouterr().out
