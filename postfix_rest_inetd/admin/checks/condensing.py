# SPDX-License-Identifier: MIT
"""Findings for people: those that are the same for several endpoints as one, and problems last.

Two findings are the same if at most one word with a number in it differs, such as an address, and
durations: `(3 ms)` and `(12 ms)` become `(3 to 12 ms)`. The words that differ are listed, in the
order of the endpoints. A place in a file is never joined with another one. Pure; `check --json` has
every finding as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import ERROR, GOOD, NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FEW = 4
"""So many good findings of a kind are shown as they are."""

_ORDER = (GOOD, NOTE, WARNING, ERROR)
_POSITION = re.compile(r":\d+:\d+$")
_NUMBER = re.compile(r"\d")
_MILLISECONDS = re.compile(r"(?<![\w.])(\d+)(?= ms\b)")


def condensed(findings: Iterable[Finding]) -> list[Finding]:
    """The findings of a part: good ones in few lines, then notes, warnings and errors."""
    findings = list(findings)
    found = _good([finding for finding in findings if finding.severity == GOOD])
    for severity in _ORDER[1:]:
        found += _joined([finding for finding in findings if finding.severity == severity])
    return _advised_once(found)


def _good(findings: list[Finding]) -> list[Finding]:
    """One finding for many endpoints; those of a few keep their words."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(_divided(finding.where)[1], []).append(finding)
    found = []
    for suffix, group in groups.items():
        names = list(dict.fromkeys(_divided(finding.where)[0] for finding in group))
        if len(group) <= FEW:
            found += group
        elif len(names) == 1:
            found.append(Finding(GOOD, group[0].where, f"{len(group)} good answers"))
        else:
            where = f"{len(names)} endpoints{suffix}"
            found.append(Finding(GOOD, where, ", ".join(names)))
    return found


def _joined(findings: list[Finding]) -> list[Finding]:
    """The same findings as one, at the place of the first one."""
    groups: list[list[Finding]] = []
    for finding in findings:
        group = next((group for group in groups if _fits(group, finding)), None)
        if group is None:
            groups.append([finding])
        else:
            group.append(finding)
    return [_one(group) for group in groups]


def _fits(group: list[Finding], finding: Finding) -> bool:
    first = group[0]
    if (first.advice, first.excerpt) != (finding.advice, finding.excerpt):
        return False
    if _POSITION.search(first.where) or _POSITION.search(finding.where):
        return False
    if _divided(first.where)[1] != _divided(finding.where)[1]:
        return False
    different = _different([*group, finding])
    if different is None or len(different) > 1:
        return False
    words = (each.what.split(" ")[number] for each in [*group, finding] for number in different)
    return all(map(_NUMBER.search, words))


def _different(group: list[Finding]) -> list[int] | None:
    """The numbers of the words that differ; None if the findings have different numbers of them."""
    rows = [_MILLISECONDS.sub("0", finding.what).split(" ") for finding in group]
    if len({len(row) for row in rows}) != 1:
        return None
    return [number for number, words in enumerate(zip(*rows, strict=True)) if len(set(words)) > 1]


def _one(group: list[Finding]) -> Finding:
    if len(group) == 1:
        return group[0]
    first, suffix = group[0], _divided(group[0].where)[1]
    rows = [finding.what.split(" ") for finding in group]
    words = list(rows[0])
    for number in _different(group) or []:
        words[number] = ", ".join(dict.fromkeys(row[number] for row in rows))
    times = list(zip(*(_MILLISECONDS.findall(f.what) for f in group), strict=True))
    spans = iter([_span([int(text) for text in column]) for column in times])
    what = _MILLISECONDS.sub(lambda _: next(spans), " ".join(words))
    names = ", ".join(dict.fromkeys(_divided(finding.where)[0] for finding in group))
    return first._replace(where=names + suffix, what=what)


def _span(numbers: list[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _divided(where: str) -> tuple[str, str]:
    """The name of an endpoint, and what follows it: `domains` and `: backend`."""
    name, colon, rest = where.partition(": ")
    return name, colon + rest


def _advised_once(findings: list[Finding]) -> list[Finding]:
    """The advice of neighbours, if it is the same, below the last of them."""
    found = list(findings)
    for number, (finding, following) in enumerate(pairwise(findings)):
        if (finding.severity, finding.advice) == (following.severity, following.advice):
            found[number] = finding._replace(advice="")
    return found


def problems(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Only the errors and warnings."""
    return (finding for finding in findings if finding.severity in (ERROR, WARNING))
