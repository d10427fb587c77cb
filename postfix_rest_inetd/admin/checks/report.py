# SPDX-License-Identifier: MIT
"""Findings on standard output: as a text or as JSON.

On a terminal, the text is wrapped at 80 columns. In a file, a pipe or the journal, each finding is
one line, and each part of its advice is one line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import condensing
from postfix_rest_inetd.admin.checks.finding import (
    ERROR,
    GOOD,
    NOTE,
    SEVERITIES,
    WARNING,
    Applicable,
)
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.wrap import wrapped
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.checks.finding import Finding

_STYLES = {
    ERROR: terminal.BAD,
    WARNING: terminal.DOUBTFUL,
    NOTE: terminal.LABEL,
    GOOD: terminal.GOOD,
}
_MARGIN = 9
_APPLY = "postfix-rest-inetd apply runs the commands for the socket units."


def as_text(*parts: tuple[str, list[Finding]]) -> None:
    """Print the findings of each part, condensed, below its name, and the number of problems.

    The names are left out if only one part has findings.
    """
    found = [(name, condensing.condensed(findings)) for name, findings in parts if findings]
    for number, (name, findings) in enumerate(found):
        if len(found) > 1:
            print(("\n" if number else "") + terminal.painted(f"{name}:", terminal.TITLE))
        listed(findings)
        _offer(findings)
    whole = [finding for _, findings in found for finding in findings]
    counts = {
        severity: sum(finding.severity == severity for finding in whole)
        for severity in (ERROR, WARNING)
    }
    told = [f"{count} {name}{'s' * (count > 1)}" for name, count in counts.items() if count]
    print(f"\n{' and '.join(told) or 'No problems were found.'}")


def problems(findings: list[Finding]) -> None:
    """Print only errors and warnings, condensed; nothing if there are none."""
    found = condensing.condensed(condensing.problems(findings))
    listed(found)
    _offer(found)


def listed(findings: Iterable[Finding]) -> None:
    """Print findings in their order."""
    for finding in findings:
        _one(finding, terminal.line_width())


def _offer(findings: Iterable[Finding]) -> None:
    """Name the one command that does the same, once."""
    if any(isinstance(finding, Applicable) for finding in findings):
        margin = " " * _MARGIN
        print()
        print("\n".join(_wrapped(_APPLY, terminal.line_width(), margin, margin)))


def as_json(config: str, findings: list[Finding]) -> None:
    """Print one object: the file, the counts by severity, and the findings."""
    counts = {name: sum(finding.severity == name for finding in findings) for name in SEVERITIES}
    document = {
        "config": config,
        "counts": counts,
        "findings": [finding._asdict() for finding in findings],
    }
    print(json.dumps(document, indent=2))


def _one(finding: Finding, width: int) -> None:
    margin = " " * _MARGIN
    text = printable(f"{finding.where}: {finding.what}")
    lines = _wrapped(text, width, margin, margin)
    label = f"{finding.severity:{_MARGIN}}"
    print(terminal.painted(label, _STYLES[finding.severity]) + lines[0][_MARGIN:])
    for line in lines[1:]:
        print(line)
    for line in finding.excerpt.splitlines():
        print(f"{margin}   {printable(line)}")
    for number, advice in enumerate(finding.advice.splitlines()):
        shown = printable(advice)
        if advice.startswith("    "):
            print(f"{margin}   {shown}")
        else:
            arrow = "-> " if number == 0 else "   "
            print("\n".join(_wrapped(shown, width, f"{margin}{arrow}", f"{margin}   ")))


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    if not width:
        return [first + text]
    return wrapped(text, width, first, others, breaks_words=False)
