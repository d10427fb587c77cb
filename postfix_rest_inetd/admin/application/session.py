# SPDX-License-Identifier: MIT
"""Looks at the socket units, shows what there is to do, does it if that is wanted, and looks again.

Nothing is remembered: a run that fails or is interrupted leaves steps, and the next run finds
exactly these. Between two steps, sockets may be closed; so the end of a terminal or of a pipe does
not stop the steps.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.application import plan as plans
from postfix_rest_inetd.admin.application import screen
from postfix_rest_inetd.admin.checks import parts, units
from postfix_rest_inetd.admin.checks.finding import ERROR, Finding
from postfix_rest_inetd.admin.command_error import CommandError, UsageError
from postfix_rest_inetd.admin.host import systemctl, systemd
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from postfix_rest_inetd.admin.application.plan import Plan
    from postfix_rest_inetd.admin.checks.steps import Command
    from postfix_rest_inetd.config.endpoint import Endpoint

ASK, YES, DRY_RUN = "ask", "yes", "dry run"

_QUESTION = "\nRun these commands? [y/N] "


def require() -> None:
    """Can anything be applied here?

    Raises:
        CommandError: not by this user, or not on this machine, or systemd does not answer.
    """
    if os.geteuid() != 0:
        raise CommandError("only root can start sockets; run this as root")
    if not systemd.is_running():
        raise CommandError("systemd is not running, so there are no socket units")
    if not systemd.are_installed():
        raise CommandError("the socket units are not installed; install the package again")


def can_ask() -> bool:
    """Is there a terminal for a question and its answer?"""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def assent_of(arguments: argparse.Namespace) -> str:
    """ASK, YES or DRY_RUN, as the options say (ui/options.py).

    Raises:
        UsageError: there is a question, and no terminal for it.
    """
    if arguments.yes or arguments.dry_run:
        return YES if arguments.yes else DRY_RUN
    if not can_ask():
        raise UsageError("there is no terminal to ask on; use --yes or --dry-run")
    return ASK


def config_errors() -> list[Finding]:
    """The errors of the installed configuration, and of the files that it names."""
    found = parts.findings(loading.DEFAULT_PATH, frozenset(("config", "files")))
    return [finding for finding in found if finding.severity == ERROR]


def run(assent: str) -> bool:
    """Show the steps and, with YES or after a question, run them; returns whether nothing is left.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    endpoints, plan = _look()
    return _carry_out(plan, endpoints, assent)


def offer() -> None:
    """After a change of the configuration: the same if there is a terminal, or else the commands.

    Nothing is shown if nothing is to be done.
    """
    _, plan = _look()
    if not plan.commands and not plan.obstacles:
        return
    print()
    if config_errors():
        print("When the errors are corrected: postfix-rest-inetd apply")
    elif can_ask() and os.geteuid() == 0:
        _carry_out(plan, [], ASK)
    else:
        screen.show_plan(plan)
        screen.show_commands("Next steps, which postfix-rest-inetd apply runs", plan.commands)


def _carry_out(plan: Plan, endpoints: list[Endpoint], assent: str) -> bool:
    screen.show_plan(plan)
    if not plan.commands:
        if plan.obstacles:
            print("Nothing was done.")
        else:
            screen.conclude("Nothing to do", endpoints)
        return not plan.obstacles
    if assent == YES:
        print()
    else:
        screen.show_commands("Commands", plan.commands)
    if assent == DRY_RUN:
        return not plan.obstacles
    if assent == ASK and not _agreed():
        print("No command was run. Later: postfix-rest-inetd apply")
        return False
    return _run(plan.commands) and _is_complete(plan)


def _look() -> tuple[list[Endpoint], Plan]:
    endpoints = loading.load(loading.DEFAULT_PATH, for_listening=True).endpoints
    return endpoints, plans.of(units.troubles(endpoints, Listeners()))


def _agreed() -> bool:
    print(_QUESTION, end="", flush=True)
    answer = sys.stdin.buffer.readline()
    if not answer:
        print()
    return answer.strip().lower() in (b"y", b"yes")


def _run(commands: list[Command]) -> bool:
    """Run commands; after a failure, only those that do not depend on the failed one.

    Raises:
        OSError: the output could not be written; the commands were run nevertheless.
    """
    left = list(commands)
    failed: list[Command] = []
    told = _Told()
    try:
        with _without_hangups():
            while left:
                told.show(screen.begin, left[0])
                failure = systemctl.run(left[0].argv)
                told.show(screen.end, failure)
                command = left.pop(0)
                if failure is not None:
                    failed.append(command)
                    if not command.opens:
                        break
    except KeyboardInterrupt:
        print()
        screen.show_commands("Interrupted. Not done", [*failed, *left])
        raise
    if told.error is not None:
        raise told.error
    if failed:
        _, now = _look()
        screen.show_obstacles([*now.obstacles, *now.reasons])
        if now.commands:
            screen.show_commands("Not done", now.commands)
        print("\nWhen the cause is removed, run postfix-rest-inetd apply again.")
    return not failed


class _Told:
    """Output that nobody may read any more.

    Attributes:
        error: the first error of writing; nothing is shown after it.
    """

    def __init__(self) -> None:
        self.error: OSError | None = None

    def show(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function that prints."""
        if self.error is None:
            try:
                function(*arguments)
            except OSError as error:
                self.error = error


@contextlib.contextmanager
def _without_hangups() -> Iterator[None]:
    """Let the end of the terminal (SIGHUP) stop neither this process nor what it runs."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _is_complete(before: Plan) -> bool:
    """Look again: nothing is left to do, except what the plan could not do."""
    endpoints, now = _look()
    left = [*now.obstacles, *now.reasons]
    if not left:
        screen.conclude("Done", endpoints)
        return True
    screen.show_obstacles([finding for finding in left if finding not in before.obstacles])
    print("Not everything is done: see above.")
    return False
