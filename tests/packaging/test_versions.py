# SPDX-License-Identifier: MIT
"""One version: postfix_rest_inetd.__version__; what else names a version names that one."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

import postfix_rest_inetd

ROOT = Path(__file__).parents[2]
VERSION = postfix_rest_inetd.__version__


def read(path: str) -> str:
    """The text of a file of the checkout."""
    return (ROOT / path).read_text(encoding="utf-8")


def changelog() -> list[tuple[str, str]]:
    """The versions in CHANGELOG.md with their dates, newest first."""
    return re.findall(
        r"(?m)^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", read("packaging/CHANGELOG.md")
    )


def debian_changelog() -> list[tuple[str, datetime]]:
    """The versions in debian/changelog with their dates, newest first."""
    entries = re.findall(
        r"(?ms)^postfix-rest-inetd \((.*?)\) .*?^ -- .*?>  (.*?)$",
        read("packaging/debian/changelog"),
    )
    return [(version, parsedate_to_datetime(date)) for version, date in entries]


def test_changelog() -> None:
    """The newest version in CHANGELOG.md is the package's."""
    assert changelog()[0][0] == VERSION


def test_changelog_headings() -> None:
    """Each second-level heading of CHANGELOG.md is a version with its date, or [Unreleased]."""
    headings = re.findall(r"(?m)^## .*$", read("packaging/CHANGELOG.md"))
    assert len([h for h in headings if h != "## [Unreleased]"]) == len(changelog())


def test_debian() -> None:
    """debian/changelog has the versions of CHANGELOG.md, with the same dates."""
    dates = [(version, f"{date:%Y-%m-%d}") for version, date in debian_changelog()]
    assert dates == changelog()


def test_rpm() -> None:
    """The spec is for that version, and so is the newest entry of its changelog."""
    spec = ROOT / "packaging/rpm/postfix-rest-inetd.spec"
    if not spec.exists():
        pytest.skip("packaging/rpm has no spec")
    text = spec.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^Version:\s*(\S+)$", text) == [VERSION]
    entry = re.search(r"(?m)^%changelog\n\* .* - (\S+)-\d+$", text)
    assert entry is None or entry[1] == VERSION
