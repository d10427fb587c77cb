# SPDX-License-Identifier: MIT
r"""How one question and its answer are shown: at most 80 columns, colour on a terminal only.

Bytes are shown as they are, with escapes such as \n for invisible characters. `>` marks the bytes
that were sent, and `<` those that were received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ask import actions
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.terminal import LABEL, TITLE, WIRE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, pieces, wrapped
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.admin.ask.effects import Rule
    from postfix_rest_inetd.admin.ask.record import Record
    from postfix_rest_inetd.config.endpoint import Endpoint

LABEL_WIDTH = 14
MAX_SHOWN_CHARACTERS = 4000

_TONES = {
    actions.GOOD: terminal.GOOD,
    actions.BAD: terminal.BAD,
    actions.DOUBTFUL: terminal.DOUBTFUL,
}


def heading(endpoint: Endpoint, *, direct: bool) -> None:
    """Which endpoint is asked, and how."""
    if direct:
        way = f"{endpoint.mode}, its backend {endpoint.targets.shown()} asked directly"
    else:
        way = f"{endpoint.mode} on {endpoint.address}, asks {endpoint.targets.shown()}"
    _paragraph(f"{printable(endpoint.name)}: {way}", 0, TITLE)
    print()


def course(record: Record, *, verbose: bool) -> None:
    """The steps with their times."""
    if verbose:
        for piece in record.traffic:
            print(painted(f"{piece.name}:", LABEL))
            _bytes(piece.data, ">" if piece.sent else "<")
        print()
    for step in record.steps:
        _time(step.usec, step.name)
    if len(record.steps) > 1:
        _time(record.total_usec, "in all")
    print()
    for label, text in record.notes:
        _labelled(label, text, terminal.BAD if label == "failure" else "")


def answered(answer: Answer) -> None:
    """The reply, as Postfix reads it."""
    text = answer.text.decode(errors="backslashreplace")
    joint = "=" if answer.word == "action" else " "
    _labelled("reply", f"{answer.word}{joint}{text}", WIRE)


def source(text: str, *, is_stale: bool) -> None:
    """Where the answer came from."""
    _labelled("source", text, terminal.DOUBTFUL if is_stale else "")


def unanswered(reason: str) -> None:
    """Why there is no reply that Postfix could use."""
    _labelled("no reply", reason, terminal.BAD)


def about_key(form: str, notes: Iterable[str]) -> None:
    """The form of the key, and the other keys that Postfix looks up."""
    print()
    print(painted(f"The key is {form}", TITLE))
    for note in notes:
        _paragraph(note, 2, "")


def consequences(used: Iterable[Rule], others: Iterable[Rule]) -> None:
    """What Postfix does with it: where main.cf has it, and elsewhere."""
    head = "What Postfix does, where this table or service is the value of"
    if used := list(used):
        _rules("What Postfix does: main.cf has this table or service in", used)
        head = "What Postfix would do, where main.cf does not have it"
    if others := list(others):
        _rules(head, others)


def _rules(head: str, rules: Iterable[Rule]) -> None:
    print()
    print(painted(head, TITLE))
    for rule in rules:
        _paragraph(rule.parameters + ":", 2, LABEL)
        _paragraph(rule.text, 4, _TONES[rule.tone])


def advice(text: str) -> None:
    """What the operator may do next."""
    print()
    _paragraph(text, 0, "")


def _time(usec: int, text: str) -> None:
    lines = wrapped(printable(text), WIDTH - 14)
    print(painted(f"{usec / 1000:9.1f} ms", LABEL), f" {lines[0]}")
    for line in lines[1:]:
        print(" " * 14 + line)


def _labelled(label: str, text: str, style: str) -> None:
    first = label.ljust(LABEL_WIDTH)
    for line in _wrapped(text, WIDTH - LABEL_WIDTH):
        print(painted(first, LABEL) + painted(line, style))
        first = " " * LABEL_WIDTH


def _paragraph(text: str, indent: int, style: str) -> None:
    for line in _wrapped(text, WIDTH - indent):
        print(" " * indent + painted(line, style))


def _wrapped(text: str, width: int) -> list[str]:
    shown = printable(text)
    if len(shown) > MAX_SHOWN_CHARACTERS:
        shown = f"{shown[:MAX_SHOWN_CHARACTERS]}... ({len(shown)} characters)"
    return wrapped(shown, width)


def _bytes(data: bytes, sign: str) -> None:
    """One line for each line of the data, broken where it is too long."""
    room = WIDTH - 4
    for line in data.decode(errors="backslashreplace").splitlines(keepends=True):
        for piece in pieces(printable(line), room):
            print(f"  {sign} {painted(piece, WIRE)}")
