# SPDX-License-Identifier: MIT
"""The endpoints whose series are there from the beginning: what `endpoints --output` writes."""

from __future__ import annotations

import json
import os

import pytest

from harness.endpoints import raw_endpoint
from harness.modes import POLICY, TCP
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.statistics import known_endpoints


@pytest.fixture
def written(tmp_path):
    """Write a configuration, and what `endpoints` makes of it; returns status and file."""

    def run(*endpoints):
        config, file = tmp_path / "config.json", tmp_path / "endpoints"
        config.write_text(json.dumps({"endpoints": list(endpoints)}))
        status = cli.main(["endpoints", f"--config={config}", f"--output={file}"])
        return status, file

    return run


def test_both_ends(written):
    """What `endpoints` writes is what is read; two endpoints of a name and mode are one."""
    several = [
        raw_endpoint(name="a", mode=TCP),
        raw_endpoint(name="a", mode=POLICY),
        raw_endpoint(name="é ü", mode=TCP),
    ]
    several.append(several[0])
    status, file = written(*({**each, "bind-port": 9001 + n} for n, each in enumerate(several)))
    assert status == 0
    assert known_endpoints.read(str(file)) == [("a", TCP), ("a", POLICY), ("é ü", TCP)]
    assert "token" not in file.read_text()


def test_an_unusable_configuration(written, capsys):
    """While there is a mistake in the configuration, what was written before stays."""
    _, file = written(raw_endpoint(name="a", mode=TCP))
    status, _ = written(raw_endpoint(name="b", mode="smtp"))
    assert status == 78
    assert "mode" in capsys.readouterr().err
    assert known_endpoints.read(str(file)) == [("a", TCP)]


def test_removed(written):
    """An endpoint that is gone is not known any longer."""
    written(raw_endpoint(name="a", mode=TCP))
    _, file = written()
    assert known_endpoints.read(str(file)) == []


def test_no_place(written, tmp_path, capsys):
    """An output that cannot be written is told, with status 1."""
    (tmp_path / "endpoints").mkdir()
    assert written(raw_endpoint(name="a", mode=TCP))[0] == 1
    assert f"{tmp_path}/endpoints" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"a\n", b"a\tsmtp\tx\n", b"\xff\x00"])
def test_odd_files(tmp_path, content):
    """No file, or another one, has no endpoints."""
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    assert known_endpoints.read(str(path)) == []


def test_no_file_with_an_end(tmp_path):
    """What may have no end is not read."""
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/zero"):
        with pytest.raises(OSError, match="not a regular file"):
            known_endpoints.read(path)


def test_long_names(tmp_path):
    """A name is known as it is counted: cut and printable."""
    path = tmp_path / "file"
    path.write_text(f"{'x' * 200}\ttcp-lookup\ta\n")
    assert known_endpoints.read(str(path)) == [("x" * 100 + "…", TCP)]
