# SPDX-License-Identifier: MIT
"""Asks on the terminal for what the options do not say, each question until its answer is right.

An empty answer is the default in brackets, if there is one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.migration.main_cf import PURPOSES
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.admin.setup import screen, token_file

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_MODES = {
    model.TCP_LOOKUP: "one table, for clients that cannot use a socketmap",
    model.SOCKETMAP_LOOKUP: "tables: aliases, mailboxes, domains, … over one socket",
    model.POLICY: "decisions about mail: check_policy_service",
}
_ENDED = "the input has ended, and nothing was written"


def mode(check: Callable[[str], str]) -> str:
    """The mode, by its number or its name."""
    screen.paragraph("What does Postfix ask for?")
    numbered = sorted(_MODES, key=has_maps, reverse=True)  # what most need comes first
    for number, name in enumerate(numbered, 1):
        screen.item(f"{number}  {name:16}", _MODES[name])

    def chosen(text: str) -> str:
        return numbered[int(text) - 1] if text in ("1", "2", "3") else check(text)

    return _answer("Kind [1]: ", chosen, "1")


def purposes(asked_mode: str, check: Callable[[str], _T]) -> _T:
    """The purposes of a lookup."""
    screen.paragraph(f"Which tables does the backend have: {', '.join(PURPOSES)}?")
    if has_maps(asked_mode):
        return _answer("Tables [domain, mailbox, alias]: ", check, "domain, mailbox, alias")
    return _answer("Table [domain]: ", check, "domain")


def url(check: Callable[[str], str]) -> str:
    """The URL of the backend."""
    return _answer("URL of the backend: ", check)


def token() -> str:
    """The token, which is not shown."""
    while True:
        try:
            return token_file.asked("Token for the backend, not shown (Enter for none): ")
        except EOFError:
            print()
            raise CommandError(_ENDED) from None
        except ValueError as error:
            screen.complain(str(error))


def address(usual: str, check: Callable[[str], _T]) -> _T:
    """Where Postfix asks."""
    return _answer(f"Address for Postfix [{usual}]: ", check, usual)


def name(usual: str, check: Callable[[str], str]) -> str:
    """The name of the endpoint."""
    return _answer(f"Name of the endpoint [{usual}]: ", check, usual)


def is_agreed(question: str) -> bool:
    """Is the answer yes? Without one, no."""
    return _line(f"\n{question} [y/N] ").lower() in ("y", "yes")


def _answer(prompt: str, check: Callable[[str], _T], usual: str = "") -> _T:
    while True:
        given = _line(prompt) or usual
        if not given:
            continue
        try:
            return check(given)
        except ValueError as error:
            screen.complain(str(error))


def _line(prompt: str) -> str:
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        print()
        raise CommandError(_ENDED)
    return line.strip()
