# SPDX-License-Identifier: MIT
"""What the map from errors to exit statuses rests on: commands raise, and one function prints.

What each command says in which trouble is for tests/blackbox/admin/test_troubles.py.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.command_error import UsageError

ROOT = Path(cli.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

PLACES = {
    "sys.stderr": {"cli.py", "ui/terminal.py", "ui/progress.py"},
    "sys.exit": {"cli.py", "demo/handler.py"},
    "os.replace": {"host/atomic_file.py"},
    "os.rename": {"host/draft.py"},
    "BrokenPipeError": {"cli.py"},
}
"""What stands in these files of admin/ and in no others."""


def names_in(path: Path) -> set[str]:
    """The names, and the attributes of names, that a file uses."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.add(f"{node.value.id}.{node.attr}")
    return found


@pytest.mark.parametrize("name", PLACES)
def test_places(name: str) -> None:
    """Messages, exits and renamed files have one place each."""
    using = {str(path.relative_to(ROOT)) for path in FILES if name in names_in(path)}
    assert using == PLACES[name]


def test_checks_do_not_print() -> None:
    """A part of `check` yields findings; what prints them is apart."""
    checks = {path for path in FILES if path.parent.name == "checks"}
    assert {path.name for path in checks if "print" in names_in(path)} == {"report.py"}


def test_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not in the map is raised: a traceback is what a report needs."""

    def fail() -> dict[str, object]:
        raise OSError("not about a file")

    monkeypatch.setattr("postfix_rest_inetd.admin.schema.document.schema", fail)
    with pytest.raises(OSError, match="not about a file"):
        cli.main(["config-schema"])


def test_messages_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a message has in it, it is one line, and nothing that a terminal obeys."""
    assert cli.main(["endpoints", "--config", "a\nb\x1b[2J"]) == 78
    told = "postfix-rest-inetd: a\\nb\\x1b[2J: cannot be read: No such file or directory\n"
    assert capsys.readouterr() == ("", told)


def test_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """The help is what is wanted; the status says that nothing was done."""
    assert cli.main([]) == cli.EXIT_USAGE
    assert capsys.readouterr() == (cli.parser([]).format_help(), "")


@pytest.mark.parametrize(
    "line",
    [
        "query maps a@example.org --map alias",
        "query maps --map alias a@example.org",
        "query --map alias -- maps a@example.org",
        "query --map=alias maps -- a@example.org",
    ],
)
def test_options_anywhere(line: str) -> None:
    """An option may be before, between and after the arguments."""
    parsed = cli.parser(["query"]).parse_args(line.split())
    assert (parsed.endpoint, parsed.key, parsed.map) == ("maps", "a@example.org", "alias")


@pytest.mark.parametrize(
    "line, key",
    [
        ("query domains - -v", "-"),
        ("query -v domains -- -x@example.org", "-x@example.org"),
        ("query -v -- domains -x@example.org", "-x@example.org"),
        ("query domains -- --map", "--map"),
        ("query domains -5", "-5"),
        ("query domains", None),
    ],
)
def test_arguments_that_look_like_options(line: str, key: str | None) -> None:
    """After --, everything is an argument; a hyphen alone, and a number, always is one."""
    parsed = cli.parser(["query"]).parse_args(line.split())
    assert (parsed.endpoint, parsed.key, parsed.map) == ("domains", key, None)


@pytest.mark.parametrize(
    "line, told",
    [
        ("query a b c", "unrecognized arguments: c"),
        ("cache purge --map", "argument --map: expected one argument"),
        ("cache purge --map -n", "argument --map: expected one argument"),
        ("demo x", "unrecognized arguments: x"),
        ("stats --bogus -1h", "unrecognized arguments: --bogus"),
        ("query --ma x domains", "unrecognized arguments: --ma"),
    ],
)
def test_wrong_lines(line: str, told: str) -> None:
    """What is wrong is named, wherever it is."""
    with pytest.raises(UsageError) as caught:
        cli.parser([*cli.COMMANDS]).parse_args(line.split())
    assert str(caught.value).startswith(told)
