# SPDX-License-Identifier: MIT
"""The plan of `apply`, its steps and its end, on standard output.

A command that is too long for a line of the terminal continues with a backslash, so that it can be
copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import report
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.wrap import wrapped
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postfix_rest_inetd.admin.application.plan import Plan
    from postfix_rest_inetd.admin.checks.finding import Finding
    from postfix_rest_inetd.admin.checks.steps import Command
    from postfix_rest_inetd.config.endpoint import Endpoint

_MARGIN = "    "


def show_plan(plan: Plan) -> None:
    """What is wrong, what cannot be done, and what is worth knowing."""
    for reason in plan.reasons:
        _paragraph(f"{reason.where} {reason.what}.", "", "  ")
    show_obstacles(plan.obstacles)
    report.listed(plan.remarks)
    if plan.closes_sockets:
        print()
        _paragraph("A restart refuses new connections for a moment. Open ones stay open.")


def show_obstacles(findings: list[Finding]) -> None:
    """What only the administrator can solve, with the remedies."""
    report.listed(findings)


def show_commands(title: str, commands: Iterable[Command]) -> None:
    """Commands, ready to be copied."""
    print(f"\n{title}:")
    for command in commands:
        print(_MARGIN + _copyable(command, _MARGIN))


def _copyable(command: Command, margin: str = "") -> str:
    """A command; if it is too long, each unit has a line."""
    text = printable(command.text)
    width = terminal.line_width()
    if not width or len(margin + text) < width:
        return text
    return f" \\\n{margin}{_MARGIN}".join(map(printable, command.words))


def begin(command: Command) -> None:
    """A command that is run now; `end` completes the line."""
    print(_copyable(command), end=": ", flush=True)


def end(failure: str | None) -> None:
    """How it ended; None is a success."""
    if failure is None:
        print(terminal.painted("done", terminal.GOOD), flush=True)
        return
    print(terminal.painted("failed", terminal.BAD))
    for line in failure.splitlines():
        print(_MARGIN + printable(line))


def conclude(word: str, endpoints: Sequence[Endpoint]) -> None:
    """The state when nothing is left to do; WORD says how it was reached."""
    addresses = dict.fromkeys(str(endpoint.address) for endpoint in endpoints)
    if not addresses:
        print(f"{word}: config.json has no endpoints, and no socket is open.")
    elif len(addresses) == 1:
        print(f"{word}: systemd listens at {printable(next(iter(addresses)))}.")
    else:
        print(f"{word}: systemd listens at all {len(addresses)} addresses of config.json.")


def _paragraph(text: str, first: str = "", others: str = "") -> None:
    width = terminal.line_width()
    shown = printable(text)
    lines = wrapped(shown, width, first, others, breaks_words=False) if width else [shown]
    print("\n".join(lines))
