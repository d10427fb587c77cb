# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd edit`: edits a copy of the configuration, checks it, and replaces the file.

If the new content has problems, the operator decides whether it is saved. A saved file is in force
from the next request on. If sockets have to be opened or closed for it, the end is that of `apply`.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.application import session
from postfix_rest_inetd.admin.checks import change, report
from postfix_rest_inetd.admin.checks.finding import ERROR, Finding
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import editor
from postfix_rest_inetd.admin.host.draft import Draft
from postfix_rest_inetd.admin.ui.options import add_config_option
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    import argparse

EXIT_SAVED = 0
EXIT_NOT_SAVED = 1
EXIT_STATUS = {EXIT_SAVED: "saved, or nothing was changed", EXIT_NOT_SAVED: "not saved"}

_QUESTION = "(e)dit again, e(x)it without saving, or (Q) save anyway? "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
The editor is $VISUAL or $EDITOR. If the new content has problems, edit asks
before it saves.
"""
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Edit, check, save; returns the exit status."""
    path = arguments.config
    with Draft(path) as draft:
        content = _edited(path, draft)
        if content is None:
            print(f"{printable(path)}: nothing was saved.")
            return EXIT_NOT_SAVED
        if content == draft.content:
            print(f"{printable(path)}: nothing was changed.")
            return EXIT_SAVED
        _save(draft, content)
        _tell_what_follows(path, draft.content, content)
        return EXIT_SAVED


def _save(draft: Draft, content: bytes) -> None:
    """Put the new content in place; if that fails, what was written is not lost."""
    try:
        draft.replace(content)
    except CommandError as error:
        with contextlib.suppress(OSError):
            error.add_note(f"your text is in {draft.keep()}")
        raise


def _edited(path: str, draft: Draft) -> bytes | None:
    """The content to be saved, or None."""
    while True:
        editor.run(draft.path)
        content = draft.edited()
        if content == draft.content:
            return content
        troubles = change.errors(path, content)
        if draft.is_outdated():
            what = "was changed by another process meanwhile; saving would undo that"
            troubles.append(Finding(ERROR, path, what))
        if not troubles:
            return content
        report.as_text(("config", troubles))
        answer = _ask()
        if answer == "Q":
            return content
        if answer == "x":
            return None


def _ask() -> str:
    """One of e, x and Q; x at the end of the input."""
    while True:
        print(_QUESTION, end="", flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print()
            return "x"
        if answer.strip() in ("e", "x", "Q"):
            return answer.strip()


def _tell_what_follows(path: str, before: bytes, after: bytes) -> None:
    follows = change.between(path, before, after)
    shown = printable(path)
    if follows is None:
        what = "every request on a new connection gets a temporary error"
        print(f"{shown} was saved, but cannot be used: {what}.")
        return
    print(f"{shown} was saved. It is in force from the next request on.")
    for address, name in follows.new.items():
        print(f"New address: {address} ({name})")
    for address in follows.gone:
        print(f"Removed address: {address}")
    if follows.is_installed:
        session.offer()
    elif follows.new or follows.gone:
        print("The addresses changed: configure your inetd and Postfix for the new ones.")
