# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd endpoints`: one line for each endpoint, for scripts."""

from __future__ import annotations

import json
import os
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


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as JSON, in a line; in a file as well."""
    output = tmp_path / "known.json"
    assert written(output, tmp_path, "--json") == 0
    keys = ("name", "mode", "address")
    rows = [dict(zip(keys, line.split("\t"), strict=True)) for line in LINES.splitlines()]
    assert json.loads(output.read_text()) == {"endpoints": rows}
    assert main(["endpoints", "--json", "--config", str(tmp_path / "config.json")]) == 0
    assert capsys.readouterr() == (output.read_text(), "")


def test_unusable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no configuration, the reason is on standard error alone."""
    path = tmp_path / "config.json"
    assert main(["endpoints", "--config", str(path)]) == 78
    told = f"postfix-rest-inetd: {path}: cannot be read: No such file or directory\n"
    assert capsys.readouterr() == ("", told)


def written(output: Path, directory: Path, *options: str) -> int:
    """Have the endpoints written into OUTPUT; the exit status."""
    path = directory / "config.json"
    others = {"target": "http://rest.example/", "auth-token": "secret"}
    path.write_text(json.dumps({"endpoints": [{**others, **each} for each in ENDPOINTS]}))
    return main(["endpoints", "--config", str(path), "--output", str(output), *options])


def test_output(tmp_path: Path) -> None:
    """A file is replaced; a symbolic link stays one, and its file is replaced."""
    file, link = tmp_path / "known", tmp_path / "link"
    file.write_text("older")
    link.symlink_to(file)
    inode = file.stat().st_ino
    assert written(link, tmp_path) == 0
    assert link.is_symlink()
    assert file.read_text() == LINES
    assert file.stat().st_ino != inode


def test_a_device_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no file, such as /dev/null, stays what it is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert written(pipe, tmp_path) == 1
    assert pipe.is_fifo()
    told = f"postfix-rest-inetd: {pipe}: is not a file that can be replaced\n"
    assert capsys.readouterr() == ("", told)
    assert written(tmp_path / "none" / "x", tmp_path) == 1
    told = f"postfix-rest-inetd: {tmp_path}/none/x: No such file or directory\n"
    assert capsys.readouterr() == ("", told)
