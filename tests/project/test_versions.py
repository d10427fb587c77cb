# SPDX-License-Identifier: MIT
"""One version: postfix_rest_inetd.__version__; what else names a version names that one."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

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


def spec_changelog(spec: str) -> list[tuple[str, datetime]]:
    """The versions in the changelog of the RPM package with their dates, newest first."""
    entries = re.findall(r"(?m)^\* (\w{3} \w{3} \d\d \d{4}) .* - (\S+)-\d+$", spec)
    return [(v, datetime.strptime(f"{date} +0000", "%a %b %d %Y %z")) for date, v in entries]


def test_rpm() -> None:
    """The spec is for that version; its changelog has those of CHANGELOG.md, with their dates."""
    spec = read("packaging/rpm/postfix-rest-inetd.spec")
    assert re.findall(r"(?m)^Version:\s*(\S+)$", spec) == [VERSION]
    dates = [(version, f"{date:%Y-%m-%d}") for version, date in spec_changelog(spec)]
    assert dates == changelog()
