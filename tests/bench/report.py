# SPDX-License-Identifier: MIT
"""The results as a plain text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.budgets import Verdict, verdicts
from bench.subjects import DESCRIPTIONS, SUBJECTS

Results = dict[str, Any]

_MB_IN_GB = 1024
_THREE_DIGITS = 100


def text(results: Results) -> str:
    """All tables."""
    lines = [*_machine(results["machine"]), "", *_targets(verdicts(results))]
    for table in (_instructions, _memory, _crowd, _times, _rates):
        lines += ["", *table(results)]
    return "\n".join(lines)


def _machine(machine: Results) -> Iterator[str]:
    yield f"postfix-rest-inetd {machine['version']} ({machine['commit']})"
    yield f"{machine['system']}; Python {machine['python']}, urllib3 {machine['urllib3']}"
    yield f"{machine['processors']} x {machine['processor']}, Linux {machine['kernel']}"
    yield f"load before: {machine['load']} (ratios and times want a machine that does nothing else)"


def _targets(found: list[Verdict]) -> Iterator[str]:
    yield f"{'TARGETS':<48}{'measured':>10}{'at most':>10}"
    for verdict in found:
        budget = verdict.budget
        value, most = (f"{number:.4g} {budget.unit}" for number in (verdict.value, budget.target))
        yield f"  {budget.about:<46}{value:>10}{most:>10}  {'met' if verdict.met else 'MISSED'}"


def _instructions(results: Results) -> Iterator[str]:
    counts = results["instructions"]
    yield f"{'INSTRUCTIONS, millions':<52}{'to reply':>9}{'in all':>9}"
    for case, in_all in counts["in_all"].items():
        yield f"  {case:<50}{counts[case]:>9.1f}{in_all:>9.1f}"
    yield f"{'INSTRUCTIONS, thousands':<52}{'a lookup':>9}"
    for case, cost in counts["lookup"].items():
        yield f"  {case + ', on an open connection':<50}{cost:>9.1f}"


def _memory(results: Results) -> Iterator[str]:
    kinds = ("waiting", "asked", "hibernating")
    yield f"{'MEMORY OF ONE HANDLER, MB':<42}" + "".join(f"{kind:>12}" for kind in kinds)
    for size in ("private_dirty", "pss"):
        for name, states in _by_subject(results["memory"]):
            values = (f"{states[kind][size]:.2f}" if kind in states else "" for kind in kinds)
            cells = "".join(f"{value:>12}" for value in values)
            yield f"  {size.replace('_', ' ') + ', ' + name:<40}{cells}"


def _crowd(results: Results) -> Iterator[str]:
    crowd = results["crowd"]
    count = crowd["count"]
    yield f"{count} CONNECTIONS AT ONCE, tcp"
    for name, about in (("burst", "new handlers"), ("wake", "hibernating handlers")):
        first, half, last = (crowd[name][key] / 1000 for key in ("first", "half", "last"))
        yield (
            f"  {about}: first reply after {first:.2f} s, half after {half:.2f} s, "
            f"all after {last:.2f} s"
        )
    for state, pss in crowd["pss"].items():
        yield (
            f"  memory of all, {state}: {pss:.0f} MB (PSS), "
            f"{_MB_IN_GB / pss * count:.0f} connections per GB"
        )


def _times(results: Results) -> Iterator[str]:
    head = ("min", "p50", "p95", "p99", "cpu")
    yield from _table("CONNECT TO FIRST REPLY, ms", head, results["cold"])
    yield ""
    yield from _table("LOOKUP ON A KEPT CONNECTION, ms", head, results["warm"])


def _rates(results: Results) -> Iterator[str]:
    head = ("a second", "p50", "p95", "p99", "cpu")
    for kind, about in (("cold", "NEW CONNECTIONS"), ("warm", "KEPT CONNECTIONS")):
        for clients, kinds in results["crowds"].items():
            yield from _table(f"{about}, {clients} at once, ms", head, kinds[kind])
            yield ""
    yield "cpu: processor time of handler, systemd, journald and nginx, not of the client"


def _table(about: str, head: tuple[str, ...], results: Results) -> Iterator[str]:
    yield f"{about:<40}" + "".join(f"{name:>{_width(name)}}" for name in head)
    for name, measured in _by_subject(results):
        cells = []
        for column in head:
            value = measured.get("rate" if column == "a second" else column)
            cells.append(f"{'' if value is None else _short(value):>{_width(column)}}")
        yield f"  {DESCRIPTIONS[name]:<38}" + "".join(cells)


def _width(column: str) -> int:
    return max(8, len(column) + 1)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= _THREE_DIGITS else f"{value:.3g}"


def _by_subject(results: Results) -> Iterator[tuple[str, Any]]:
    return ((name, results[name]) for name in SUBJECTS if name in results)
