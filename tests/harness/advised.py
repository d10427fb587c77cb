# SPDX-License-Identifier: MIT
"""The commands that the product prints, as they are in its source: with {} for what is put in.

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
