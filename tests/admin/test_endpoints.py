# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd endpoints`: one line for each endpoint, for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from postfix_rest_inetd.admin.cli import main

ENDPOINTS = [
    {"name": "domains", "mode": "TCP-lookup", "bind-port": 9001},
    {"name": "two words", "mode": "policy", "bind-address": "::1", "bind-port": 9003},
    {"name": "maps", "mode": "socketmap-lookup", "bind-path": "/run/maps"},
]
LINES = """\
domains\ttcp-lookup\t127.0.0.1:9001
two words\tpolicy\t[::1]:9003
maps\tsocketmap-lookup\t/run/maps
"""


def test_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, mode and address, in the order of the file; targets are not looked at."""
    path = tmp_path / "config.json"
    others = {"target": "no URL", "auth-token": "secret"}
    path.write_text(json.dumps({"endpoints": [{**others, **each} for each in ENDPOINTS]}))
    assert main(["endpoints", "--config", str(path)]) == 0
    assert capsys.readouterr() == (LINES, "")


def test_unusable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no configuration, the reason is on standard error alone."""
    path = tmp_path / "config.json"
    assert main(["endpoints", "--config", str(path)]) == 1
    assert capsys.readouterr() == ("", f"{path}: cannot be read: No such file or directory\n")
