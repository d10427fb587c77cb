# SPDX-License-Identifier: MIT
"""A protocol has one place: where the source may tell one mode from another.

What a comparison with one mode leaves to its `else` is an answer for every mode that will ever be.
So differences stand in tables with a line for each, and the code asks for what differs.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import postfix_rest_inetd
from postfix_rest_inetd import model

ROOT = Path(postfix_rest_inetd.__file__).parent
NAMES = {name: value for name, value in vars(model).items() if str(value) in model.MODES}
"""The names of the modes in model.py, and the modes."""

MAY_NAME_ONE = {
    "model.py": "defines the modes",
    "protocols/__init__.py": "says which protocol is spoken when nothing tells",
    "admin/demo/questions.py": "has an endpoint for each mode",
    "admin/host/references.py": "reads check_policy_service, which is policy's alone",
}
FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))


def mode_of(node: ast.AST | None) -> str | None:
    """The mode that an expression names, as `model.POLICY`, `POLICY` or a string of its own."""
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "model":
        return NAMES.get(node.attr)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if node.value in set(model.MODES) - {model.POLICY} else None
    return None


def parsed(file: str) -> list[ast.AST]:
    """All nodes of a module."""
    return list(ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))))


def test_names():
    """Each mode has a name, which the tests below look for."""
    assert set(NAMES.values()) == set(model.MODES)


@pytest.mark.parametrize("file", FILES)
def test_tables(file):
    """A table that has a line for one mode has a line for each."""
    tables = [node for node in parsed(file) if isinstance(node, ast.Dict)]
    found = [[mode_of(key) for key in table.keys] for table in tables]
    for modes in found:
        assert not any(modes) or modes == list(model.MODES)


@pytest.mark.parametrize("file", FILES)
def test_places(file):
    """But for the keys of such tables, no module names a mode, nor imports the name of one."""
    nodes = parsed(file)
    keys = {id(key) for node in nodes if isinstance(node, ast.Dict) for key in node.keys}
    named = {mode_of(node) for node in nodes if id(node) not in keys} - {None}
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("model")
        for alias in node.names
    }
    assert (bool(named) or not imported.isdisjoint(NAMES)) is (file in MAY_NAME_ONE)
