# SPDX-License-Identifier: MIT
"""What documents refer to exists: files and directories of the project, and other documents."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

import pytest

from harness.project_files import ROOT, project_files

DOCUMENTS = [path for path in project_files() if path.endswith(".md")]
IN_QUOTES = re.compile(r"`((?:\.ci|\.github|packaging|postfix_rest_inetd|systemd|tests)/[^`\s:]*)")
TEST = re.compile(r"`(tests/[^`\s:]*)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def references(document: str) -> set[str]:
    """The paths in quotes, from the top of the checkout, and those of links, from the document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    directory = os.path.dirname(document)
    links = {os.path.normpath(f"{directory}/{unquote(link)}") for link in LINK.findall(text)}
    return {link.removeprefix("/") for link in links} | set(IN_QUOTES.findall(text))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_references(document: str) -> None:
    """Each path exists; a pattern matches something."""
    assert [path for path in sorted(references(document)) if not list(ROOT.glob(path))] == []


def test_there_are_some() -> None:
    """The patterns above find what they are for."""
    found = references(".github/CONTRIBUTING.md")
    assert {"tests/run", "postfix_rest_inetd/protocols/", "SECURITY.md"} <= found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests(document: str) -> None:
    """A test that a document names by its function is there."""
    for path, name in TEST.findall((ROOT / document).read_text(encoding="utf-8")):
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), (path, name)


def test_the_threat_model_names_its_proofs() -> None:
    """Each threat in packaging/SECURITY.md has a test beside it."""
    model, _, limits = (ROOT / "packaging/SECURITY.md").read_text().partition("## Not prevented")
    threats = re.findall(r"^- (.*(?:\n  .*)*)", model, re.MULTILINE)
    assert limits, "the section of what is not prevented has another name"
    assert [threat for threat in threats if not IN_QUOTES.search(threat)] == []
    assert len(threats) > 20
