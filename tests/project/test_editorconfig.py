# SPDX-License-Identifier: MIT
""".editorconfig says what every file is like; an editor that does not read it is noticed here."""

import editorconfig

from harness.project_files import ROOT, project_files


def departures(path: str) -> list[str]:
    """What .editorconfig asks of the file at PATH, and the file does not have."""
    asked = editorconfig.get_properties(str(ROOT / path))
    assert (asked["charset"], asked["end_of_line"]) == ("utf-8", "lf")
    lines = (ROOT / path).read_bytes().decode("utf-8").split("\n")
    found = []
    if asked["insert_final_newline"] == "true" and lines[-1] != "":
        found.append("no newline at the end")
    for number, line in enumerate(lines, 1):
        # A carriage return is such a blank.
        if asked["trim_trailing_whitespace"] == "true" and line != line.rstrip():
            found.append(f"line {number}: blanks at the end")
        # The layout of Python is ruff's; only a text in quotes can begin with a tab there.
        if line.startswith("\t") and asked["indent_style"] != "tab" and not path.endswith(".py"):
            found.append(f"line {number}: a tab")
        if line.startswith(" ") and asked["indent_style"] == "tab":
            found.append(f"line {number}: blanks instead of a tab")
    return found


def test_every_file() -> None:
    """Each is UTF-8, with the ends of lines and the indentation that .editorconfig has for it."""
    found = {path: departures(path) for path in project_files()}
    assert {path: lines for path, lines in found.items() if lines} == {}
