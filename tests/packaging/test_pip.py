# SPDX-License-Identifier: MIT
"""`pip install .` into a fresh virtual environment: what inetd, s6 and container users do.

Nothing of the machine's own Python packages is in it; systemd-python is built from source, which
is all that PyPI has of it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.debian_build import CHECKOUT, checkout_copy
from harness.handler_process import endpoint, write_config
from harness.rest_backend import Answer, rest_backend

INSTALL_SEC = 200

pytestmark = pytest.mark.timeout(INSTALL_SEC, func_only=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environment."""
    directory = tmp_path_factory.mktemp("pip")
    copy = checkout_copy(CHECKOUT, directory / "checkout")
    subprocess.run(["/usr/bin/python3", "-m", "venv", directory / "venv"], check=True, timeout=60)
    # As README has it; systemd-python has a setup.py alone, and pip says so on standard error.
    command = [directory / "venv/bin/pip", "--disable-pip-version-check", "install", "."]
    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=INSTALL_SEC, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory / "venv"


def output(*command: str | Path) -> str:
    """What COMMAND prints; it must succeed, and say nothing else."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_packages(environment: Path) -> None:
    """All that is needed has come with it, and nothing else; the machine's own is not used."""
    listed = json.loads(output(environment / "bin/pip", "list", "--format=json"))
    names = {package["name"] for package in listed} - {"pip", "setuptools"}
    assert names == {"postfix-rest-inetd", "systemd-python", "urllib3"}
    program = "import systemd.journal as j, urllib3 as u; print(j.__file__, u.__file__)"
    python = environment / "bin/python3"
    for path in output(python, "-c", program).split():
        assert Path(path).is_relative_to(environment)


def test_command(environment: Path, tmp_path: Path) -> None:
    """The operator's command works, by its name and as a module."""
    command = environment / "bin/postfix-rest-inetd"
    assert output(command, "--version").split()[-1] == postfix_rest_inetd.__version__
    config = write_config(tmp_path, endpoint("tcp-lookup", "http://127.0.0.1:9/"))
    checked = output(command, "check", "--config", config)
    assert checked.startswith("ok ")
    module = (environment / "bin/python3", "-m", "postfix_rest_inetd.admin.cli")
    assert output(*module, "check", "--config", config) == checked


def test_lookup(environment: Path, tmp_path: Path) -> None:
    """As inetd starts it, the handler answers from a backend."""
    with (
        rest_backend() as backend,
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), timeout=60) as client,
    ):
        backend.routes["/domains"] = Answer(200, b'["here"]')
        keys = {"bind-port": listening.getsockname()[1]}
        config = write_config(tmp_path, endpoint("tcp-lookup", f"{backend.url}/domains", **keys))
        command = [environment / "bin/python3", "-m", "postfix_rest_inetd", "--config", config]
        with listening.accept()[0] as connection:
            process = subprocess.Popen(command, stdin=connection, stdout=connection, cwd="/")
        client.sendall(b"get hosted.example\n")
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(4096), b"")) == b"200 here\n"
        assert process.wait(60) == 0
        assert [request.key() for request in backend.requests] == [b"hosted.example"]


# -- what it is built from


def hatchling(directory: Path, *requirements: str) -> Path:
    """DIRECTORY, in which REQUIREMENTS are installed to build with."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install")
    command = [*pip, "--quiet", f"--target={directory}", *requirements]
    subprocess.run(command, check=True, timeout=INSTALL_SEC, stdout=subprocess.PIPE)
    return directory


def build(backend: Path, kind: str, source: Path, result: Path) -> Path:
    """The file that the BACKEND makes of SOURCE, a wheel or an sdist, in RESULT."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", result],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(backend)},
        capture_output=True,
        text=True,
        timeout=INSTALL_SEC,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = result.iterdir()
    return path


def test_source_distribution(tmp_path: Path) -> None:
    """It has all that packages are made of, without git, and the same wheel comes from it."""
    backend = hatchling(tmp_path / "backend", "hatchling")
    copy = checkout_copy(CHECKOUT, tmp_path / "checkout")
    sdist = build(backend, "sdist", copy, tmp_path / "sdist")
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path / "unpacked"], check=True, timeout=60)
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert {path.name for path in unpacked.iterdir()} >= {path.name for path in copy.iterdir()}
    wheels = [
        build(backend, "wheel", source, tmp_path / f"wheel-of-{source.parent.name}").read_bytes()
        for source in (copy, unpacked)
    ]
    assert wheels[0] == wheels[1]


def test_old_hatchling(tmp_path: Path) -> None:
    """With what the spec takes out of pyproject.toml, an older hatchling has LICENSE as well."""
    backend = hatchling(tmp_path / "backend", "hatchling==1.25.0", "trove-classifiers==2024.5.22")
    copy = checkout_copy(CHECKOUT, tmp_path / "checkout")
    with pytest.raises(AssertionError, match="license-files"):
        build(backend, "wheel", copy, tmp_path / "none")
    spec = (copy / "packaging/rpm/postfix-rest-inetd.spec").read_text(encoding="utf-8")
    (program,) = re.findall(r"(?m)^%if %\{with old_hatchling\}\n#.*\n(sed .*)\n%endif$", spec)
    subprocess.run(["sh", "-euc", program], cwd=copy, check=True, timeout=60)
    with zipfile.ZipFile(build(backend, "wheel", copy, tmp_path / "wheel")) as wheel:
        texts = {name.rpartition("/")[2]: wheel.read(name) for name in wheel.namelist()}
    assert texts["LICENSE"] == (copy / "LICENSE").read_bytes()
    assert b"\nLicense-File: LICENSE\n" in texts["METADATA"]
    assert b"\nLicense-Expression: MIT\n" in texts["METADATA"]
