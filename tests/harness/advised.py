# SPDX-License-Identifier: MIT
"""The commands that the product prints, as they are in its source: with {} for what is put in.

And those in the manual pages outside of EXAMPLES, in displays that no other test has marked with a
comment (manual_page.py).

A text is one with a command if a program of PROGRAMS and an argument begin it, a line of it, or
what follows a colon, a semicolon or words such as `run`. Docstrings and comments are not printed.
The verbs of systemctl, which units/advice.py puts together, are found where they are chosen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import postfix_rest_inetd
from harness.manual_page import PAGES
from postfix_rest_inetd.admin.checks import steps

PACKAGE = Path(postfix_rest_inetd.__file__).parent
PROGRAMS = (
    *("systemctl", "journalctl", "postfix-rest-inetd", "postconf", "postfix", "postmap", "chown"),
    *("chmod", "chgrp", "install", "mkdir", "printf", "rm", "mv", "cp", "ln", "sed", "findmnt"),
    *("openssl", "restorecon", "semodule", "semanage", "timedatectl", "apt", "bash", "touch"),
    *("systemd-sysusers", "systemd-tmpfiles", "usermod", "gpasswd", "useradd", "kill", "ss"),
)
_COMMAND = re.compile(
    rf"(?:^|[\n:;`(,|]|\b(?:and|[Rr]un|[Ss]ee|[Uu]se|with)\b)\s*"
    rf"(?P<command>(?:{'|'.join(PROGRAMS)}) *(?:\{{\}})? [-\w{{/\"'\[*][^\n;`]*)"
)
_ALONE = ("systemd-sysusers",)
# Such texts are about an installation, and not with install(1).
_PROSE = re.compile(r"install (?!-|\{)|postconf reports|postfix-rest-inetd stats counts")


def printed() -> dict[str, set[str]]:
    """The commands that are in texts, by the path of their module; what follows may be prose."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        commands = set()
        for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            commands |= {text} if text in _ALONE else set()
            commands |= {match["command"].strip() for match in _COMMAND.finditer(text)}
        commands = {command for command in commands if not _PROSE.match(command)}
        if commands:
            found[str(path.relative_to(PACKAGE))] = commands
    found["admin/checks/steps.py"] = {f"systemctl {verb}" for verb in steps.VERBS}
    return found


def _texts(tree: ast.AST) -> Iterator[str]:
    """The strings of a module, and the calls of command() as `systemctl VERB`."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "command" and node.args:
            verb = node.args[0]
            if isinstance(verb, ast.Constant):
                yield f"systemctl {verb.value}"
        elif id(node) not in skipped:
            yield _text(node)


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return ""


_PART = re.compile(
    r"^\.(?P<level>S[hs]) (?P<heading>.*)\n"
    r'|^(?P<mark>\.\\" \w+: .*\n)?\.Bd -literal.*\n(?P<text>(?:(?!\.Ed).*\n)*)\.Ed$',
    re.MULTILINE,
)
_ESCAPES = ((r"\e", "\\"), (r"\(aq", "'"), (r"\&", ""))
_BEGINS_WITH = re.compile(rf"(?:cd |\w+=\$\(|(?:{'|'.join(PROGRAMS)}) )")


def in_manual() -> dict[str, str]:
    """The displays with commands, as a reader sees them, by the page and the first command."""
    return {f"{page.name}: {text.splitlines()[0]}": text for page in PAGES for text in _shown(page)}


def _shown(page: Path) -> Iterator[str]:
    is_example = False
    for part in _PART.finditer(page.read_text(encoding="utf-8")):
        if part["level"] == "Sh":
            is_example = part["heading"] == "EXAMPLES"
        text = part["text"]
        if text is None or part["mark"] is not None or is_example:
            continue
        for escape, character in _ESCAPES:
            text = text.replace(escape, character)
        if _BEGINS_WITH.match(text):
            yield text
