# SPDX-License-Identifier: MIT
"""What a docstring of the core says of all modules, or of no other module, is so.

Who imports what is tested by test_imports.py.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.test_imports import ALL, PACKAGE, loaded_by, name_of, needed_by, ours

from postfix_rest_inetd.admin.ui.options import CACHE_DIRECTORY

ROOT = Path(__file__).parents[2]


def importers_of(module: str) -> set[str]:
    """The modules of ours that import one of ours."""
    return {name_of(path) for path in ALL if module in needed_by(path)}


def test_the_words_of_fields_are_for_people():
    """What people are told of fields is no business of what a handler or the generator loads."""
    assert importers_of("config.field_words") == {"admin.schema.document"}


@pytest.mark.parametrize("action, is_loaded", [("DUNNO", False), ("permit_mynetworks", True)])
def test_restrictions_are_loaded_for_lists(action, is_loaded):
    """An action that is not a list of restrictions is judged without knowing their names."""
    modules, _ = loaded_by(
        f"from {PACKAGE}.action import checked_action; checked_action({action!r})"
    )
    assert ("restrictions" in ours(modules)) == is_loaded


def test_the_firewall_is_in_one_place():
    """An action comes from the backend, or from config.json: both ask `action`."""
    users = {
        name_of(path)
        for path in ALL
        if re.search(r"\bchecked_action\(", path.read_text(encoding="utf-8"))
    }
    assert users == {"action", "config.values", "verdict"}


def test_units_are_described_without_reading_or_writing():
    """units.socket_units has nothing at hand to do either."""
    modules, _ = loaded_by(f"import {PACKAGE}.units.socket_units")
    assert {name for name in modules if not name.startswith(PACKAGE)} <= {"__future__"}


def calls(path: Path) -> set[str]:
    """The names of the functions and methods that a file calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {ast.unparse(function).rpartition(".")[2] for function in functions}


def test_the_configuration_opens_no_connection():
    """Modules of config/ look at a connection, if at all, and connect nothing."""
    modules = [path for path in ALL if name_of(path).startswith("config")]
    assert len(modules) > 5
    connecting = {"connect", "connect_ex", "create_connection", "getaddrinfo", "bind", "listen"}
    assert {name_of(path) for path in modules if calls(path) & connecting} == set()


SECRET_PARTS = {"path", "basic_auth", "with_query"}


def test_secret_parts_of_a_target():
    """Apart from what asks the backend, nothing uses a part of a target that may hold a secret."""
    pattern = re.compile(rf"\btarget(?:\"\])?\.({'|'.join(sorted(SECRET_PARTS))})\b")
    users = {name_of(path): set(pattern.findall(path.read_text(encoding="utf-8"))) for path in ALL}
    asking = {name for name, parts in users.items() if parts - {"basic_auth"}}
    assert {name for name in asking if not name.startswith("backend.")} == set()
    assert any(name.startswith("backend.") for name in asking)


# -- files that texts name


def docstrings(tree: ast.Module) -> Iterator[str]:
    """All of a file's."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield ast.get_docstring(node) or ""


def comments(path: Path) -> Iterator[str]:
    """All of a file's."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string


TESTS = sorted((ROOT / "tests").rglob("*.py"))
PATHS = [f"/{path}" for path in (*ALL, *TESTS, *(ROOT / "packaging").rglob("*.py"))]
OTHERS = {"setup.py"}
"""What a test makes."""


@pytest.mark.parametrize("path", [*ALL, *TESTS], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_that_are_named_exist(path):
    """A docstring or comment names a file by its name, or by the end of its path."""
    texts = [*docstrings(ast.parse(path.read_text(encoding="utf-8"))), *comments(path)]
    named = set(re.findall(r"(?<![\w/.{])[\w/]+\.py\b", "\n".join(texts))) - OTHERS
    missing = {n for n in named if not any(p.endswith(f"/{n.lstrip('/')}") for p in PATHS)}
    assert missing == set()


def test_units_name_the_cache_directory():
    """The directory that tmpfiles.d makes is writable in the sandbox, and passed to handlers.

    Handlers know it from nowhere else; the commands look there.
    """
    systemd = ROOT / "systemd"
    service = systemd / "system/postfix-rest-@.service.d"
    for path, line in {
        systemd
        / "tmpfiles.d/postfix-rest-inetd.conf": f"d {CACHE_DIRECTORY} 0700 postfix-rest-inetd "
        "postfix-rest-inetd -",
        service / "20-sandbox.conf": f"ReadWritePaths=-{CACHE_DIRECTORY}",
        service / "10-handler.conf": f"Environment=CACHE_DIRECTORY={CACHE_DIRECTORY}",
    }.items():
        assert line in path.read_text(encoding="utf-8").splitlines()
    programs = [path for path in systemd.iterdir() if path.is_file()]
    naming = [p for p in [*ALL, *programs] if CACHE_DIRECTORY in p.read_text(encoding="utf-8")]
    assert [path.name for path in naming] == ["options.py"]
