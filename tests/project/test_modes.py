# SPDX-License-Identifier: MIT
"""What is not Python knows each mode as well: units, packages, manual pages and examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.modes import MODES, UNITS

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "systemd" / "system"

NAME_UNITS = (
    "README.md",
    "packaging/man/postfix-rest-inetd.7",
    "packaging/man/postfix-rest-inetd.8",
    "packaging/man/postfix-rest-inetd-generator.8",
    "packaging/rpm/postfix-rest-inetd.spec",
)
"""What lists the unit templates."""

NAME_MODES = (
    "packaging/debian/tests/postfix",
    "packaging/demo",
    "packaging/examples/backend-nginx.conf",
    "packaging/examples/backend.php",
    "packaging/examples/backend_flask.py",
    "packaging/examples/openapi.yaml",
    "packaging/man/postfix-rest-inetd-handler.8",
    "packaging/man/postfix-rest-inetd.7",
    "packaging/man/postfix-rest-inetd.json.5",
)
"""What lists the modes, or has an example for each."""


def unnamed(file: str, words: list[str]) -> list[str]:
    """Those of the WORDS that do not stand in a file by themselves."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return [word for word in words if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)]


@pytest.mark.parametrize("mode", MODES)
def test_templates(mode: str) -> None:
    """A mode has a template of each kind; its handlers answer this mode and no other."""
    service = (TEMPLATES / f"{UNITS[mode]}@.service").read_text(encoding="utf-8")
    (command,) = re.findall("^ExecStart=(.*)$", service, re.MULTILINE)
    assert command.endswith(f" --mode {mode}")
    socket = (TEMPLATES / f"{UNITS[mode]}@.socket").read_text(encoding="utf-8")
    assert "\nAccept=yes\n" in socket
    assert "\nDefaultInstance=all\n" in socket


def test_no_other_templates() -> None:
    """There are none of a mode that is gone."""
    found = {path.name.partition("@")[0] for path in TEMPLATES.glob("postfix-rest-?*@.*")}
    assert found == set(UNITS.values())


@pytest.mark.parametrize("file", NAME_UNITS)
def test_units_are_named(file: str) -> None:
    """Whoever enables what is listed has enabled all."""
    assert unnamed(file, list(UNITS.values())) == []


@pytest.mark.parametrize("file", NAME_MODES)
def test_modes_are_named(file: str) -> None:
    """A list of the modes has them all."""
    assert unnamed(file, list(MODES)) == []
