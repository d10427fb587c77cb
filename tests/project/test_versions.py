# SPDX-License-Identifier: MIT
"""One version: postfix_rest_inetd.__version__; what else names a version names that one."""

import os
import re
import subprocess
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

import postfix_rest_inetd
from harness.programs import program
from harness.project_files import ROOT, project_files

VERSION = postfix_rest_inetd.__version__
CHANGELOG = "packaging/CHANGELOG.md"
DEBIAN = "packaging/debian/changelog"
MANUAL = [path for path in project_files() if path.startswith("packaging/man/")]
SPEC = "packaging/rpm/postfix-rest-inetd.spec"


def read(path: str) -> str:
    """The text of a file of the checkout."""
    return (ROOT / path).read_text(encoding="utf-8")


def changelog() -> list[tuple[str, str]]:
    """The versions in CHANGELOG.md with their dates, newest first."""
    return re.findall(r"(?m)^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", read(CHANGELOG))


def debian_changelog() -> list[tuple[str, datetime]]:
    """The versions in debian/changelog with their dates, newest first."""
    entries = re.findall(
        r"(?ms)^postfix-rest-inetd \((.*?)-1\) .*?^ -- .*?>  (.*?)$",
        read(DEBIAN),
    )
    return [(version, parsedate_to_datetime(date)) for version, date in entries]


def test_changelog() -> None:
    """The newest version in CHANGELOG.md is the package's."""
    assert changelog()[0][0] == VERSION, CHANGELOG


def test_changelog_headings() -> None:
    """Each second-level heading of CHANGELOG.md is a version with its date, or [Unreleased]."""
    headings = re.findall(r"(?m)^## .*$", read(CHANGELOG))
    assert len([h for h in headings if h != "## [Unreleased]"]) == len(changelog()), CHANGELOG


def test_debian() -> None:
    """debian/changelog has the versions of CHANGELOG.md, with the same dates."""
    dates = [(version, f"{date:%Y-%m-%d}") for version, date in debian_changelog()]
    assert dates == changelog(), DEBIAN


def spec_changelog(spec: str) -> list[tuple[str, datetime]]:
    """The versions in the changelog of the RPM package with their dates, newest first."""
    entries = re.findall(r"(?m)^\* (\w{3} \w{3} \d\d \d{4}) .* - (\S+)-\d+$", spec)
    return [(v, datetime.strptime(f"{date} +0000", "%a %b %d %Y %z")) for date, v in entries]


def test_rpm() -> None:
    """The spec is for that version; its changelog has those of CHANGELOG.md, with their dates."""
    spec = read(SPEC)
    assert re.findall(r"(?m)^Version:\s*(\S+)$", spec) == [VERSION], SPEC
    dates = [(version, f"{date:%Y-%m-%d}") for version, date in spec_changelog(spec)]
    assert dates == changelog(), SPEC


@pytest.mark.parametrize("page", MANUAL)
@pytest.mark.parametrize("name, options", [("mandoc", ["-Tutf8"]), ("man", ["-l"])])
def test_manual(name: str, options: list[str], page: str) -> None:
    """A manual page ends with the names of the project and of its version, in a checkout too."""
    text = subprocess.check_output(
        [program(name), *options, ROOT / page],
        text=True,
        timeout=60,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    footer = text.rstrip().splitlines()[-1]
    assert footer.startswith(f"postfix-rest-inetd {VERSION}  ")


def test_nowhere_else() -> None:
    """Nothing else that is shipped names the version: nobody would think of it at a release."""
    pattern = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    shipped = [path for path in project_files() if not path.startswith("tests/")]
    # News are about versions.
    shipped.remove("packaging/debian/NEWS")
    found = {path for path in shipped if pattern.search(read(path))}
    expected = {"postfix_rest_inetd/__init__.py", CHANGELOG, DEBIAN, SPEC, *MANUAL}
    assert found >= expected
    # Until the next release, the version is one that upgrades come from, which files may name.
    # test_new_version runs this as after a release.
    if "\n## [Unreleased]\n" not in read(CHANGELOG):
        assert found == expected
