# SPDX-License-Identifier: MIT
"""README.md: its table of versions has what tests/run tests, and its links lead somewhere.

Its example is followed by the tests of the same name in tests/integration and tests/postfix.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.manual_page import PAGES, sections
from harness.readme import TEXT, same_shape, steps

ROOT = Path(__file__).parents[2]
SUITE = (ROOT / "tests/run").read_text(encoding="utf-8")
RELEASES = {"bookworm": "12", "trixie": "13", "forky": "14"}


def versions_in_row(name: str) -> list[str]:
    """The versions in the row NAME, in the column of those that are tested."""
    (cell,) = re.findall(rf"^\| {name} +\|(.*?)\|", TEXT, re.MULTILINE)
    return re.findall(r"\d+(?:\.\d+)*", cell)


def test_pythons() -> None:
    """The versions of Python are those that tests/run looks for."""
    (versions,) = re.findall(r"^readonly -a pythons=\((.*)\)$", SUITE, re.MULTILINE)
    assert versions_in_row("Python") == versions.split()


def test_urllib3() -> None:
    """The oldest urllib3 is the one that tests/run installs."""
    (oldest,) = re.findall(r"^readonly oldest_urllib3='urllib3==(.*)'$", SUITE, re.MULTILINE)
    assert versions_in_row("urllib3")[0] == oldest


def test_debian() -> None:
    """Those that tests/run makes containers of are named."""
    (releases,) = re.findall(r"(?m)^readonly -a releases=\((.*)\)$", SUITE)
    assert versions_in_row("Debian") == sorted(RELEASES[name] for name in releases.split())


def test_links() -> None:
    """Each link to a heading or a file leads to one; a source archive has no .github."""
    slugs = {
        re.sub(r"[^\w -]", "", step.text.lower()).replace(" ", "-")
        for step in steps()
        if step.kind == "heading"
    }
    links = [link for link in re.findall(r"\]\((.*?)\)", TEXT) if not link.startswith("https://")]
    assert len(links) > 2
    assert [link for link in links if link.startswith("#") and link[1:] not in slugs] == []
    files = [link for link in links if not link.startswith("#")]
    if not (ROOT / ".github").exists():
        files = [file for file in files if not file.startswith(".github/")]
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_pages() -> None:
    """Each page that is named exists, and so does the section that is named behind one."""
    named = re.findall(r"`(postfix-rest-[\w.-]+)\((\d)\)`(?:, ([A-Z]+)\b)?", TEXT)
    assert {f"{page}.{number}" for page, number, _ in named} == {page.name for page in PAGES}
    parts = [(f"{page}.{number}", section) for page, number, section in named if section]
    assert parts
    assert [(page, section) for page, section in parts if section not in sections(page)] == []


@pytest.mark.parametrize(
    "shown, said, is_same",
    [
        ("a b\n", "a b\n", True),
        ("a\n  b\n", "a b\n", True),
        ("a 1 ms\n", "a 20 us\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\n", "a\n", True),
        ("...\nd\n", "a\nd\n", True),
        ("a b\n", "a b c\n", False),
        ("b c\n", "a b c\n", False),
        ("ab\n", "a b\n", False),
        ("found 2\n", "found 3\n", False),
        ("a\n...\nc\n", "a\nb\n", False),
        ("a\n...\nb\n", "b\na\n", False),
    ],
)
def test_same_shape(shown: str, said: str, is_same: bool) -> None:  # noqa: FBT001 - a column
    """What is shown is all that is said, but for times and what `...` leaves out."""
    assert same_shape(shown, said) is is_same
