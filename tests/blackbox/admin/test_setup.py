# SPDX-License-Identifier: MIT
"""The command `setup`: with options, on a terminal, and what it never does."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.endpoints import raw_endpoint
from harness.ports import free_port
from harness.scripted_backend import ScriptedBackend, Step, answer
from harness.terminal import dialogue

TOKEN = "s3cret-of-the-backend"
BROKEN = '{"endpoints": [{"name": "a"}]}'


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with one endpoint in the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("token").write_text(f"{TOKEN}\n")
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"endpoints": [raw_endpoint()]}, indent=2) + "\n")
    path.chmod(0o640)
    return path


def command(*options: str) -> list[str]:
    """A command line of `setup`."""
    program = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "setup"]
    return [*program, "--config=config.json", *options]


def setup(*options: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    """What it says without a terminal, and never the token."""
    done = subprocess.run(
        command(*options), input=answers, capture_output=True, text=True, timeout=60, check=False
    )
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_options(path: Path) -> None:
    """The backend is asked with the token, both files are written, and main.cf is added to."""
    before = path.read_text()
    with ScriptedBackend(answer(body=b"[]"), answer(body=b"[]")) as backend:
        words = ("--mode=socketmap", "--for=alias,mailbox", f"--url={backend.url()}")
        done = setup("--yes", *words, "--token-file=-", answers=f"{TOKEN}\n")
        asked = backend.requests
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert [request.header(b"x-auth-token") for request in asked] == [TOKEN.encode()] * 2
    assert b"name=alias" in asked[0].target
    assert b"name=mailbox" in asked[1].target
    text = path.read_text()
    assert text.startswith(before.removesuffix("\n  ]\n}\n"))
    entry = json.loads(text)["endpoints"][1]
    token = Path("maps.token")
    assert (entry["name"], entry["auth-token-file"]) == ("maps", str(path.parent / "maps.token"))
    assert (token.read_text(), stat.S_IMODE(token.stat().st_mode)) == (f"{TOKEN}\n", 0o640)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    table = f"socketmap:inet:127.0.0.1:{entry['bind-port']}"
    assert f"postconf -e 'virtual_alias_maps = $virtual_maps, {table}:alias'" in done.stdout
    assert sorted(os.listdir()) == ["config.json", "maps.token", "token"]


FAILURES = {
    "refused": (answer(401, b"no"), "Is the token right?"),
    "no such path": (answer(404, b"no"), "Is the path of the URL right? The answer for an unknown"),
    "a web page": (answer(body=b"<!DOCTYPE html>"), "Is this the URL of an API, or of a web page?"),
}


@pytest.mark.parametrize(("step", "told"), FAILURES.values(), ids=FAILURES)
def test_unusable_backend(path: Path, step: Step, told: str) -> None:
    """Nothing is written, unless the backend is not to be asked."""
    before = path.read_bytes()
    with ScriptedBackend(step) as backend:
        words = ("--yes", "--mode=tcp", f"--url={backend.url()}", "--token-file=token")
        done = setup(*words)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"-> {told}" in done.stdout
    assert done.stdout.endswith("Nothing was written.\n")
    assert (path.read_bytes(), sorted(os.listdir())) == (before, ["config.json", "token"])
    assert setup(*words, "--no-probe").returncode == 0
    assert Path("lookup.token").exists()


def test_schemes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An http port for https, the reverse, and a port without anybody."""
    authority = Authority(tmp_path_factory.mktemp("ca"))
    told = {
        None: ("https:", "does not speak TLS, the URL begins with http://."),
        authority.server("127.0.0.1"): ("http:", "speaks TLS on this port: the URL begins with"),
    }
    for tls, (scheme, words) in told.items():
        with ScriptedBackend(answer(body=b"[]"), tls=tls) as backend:
            url = f"{scheme}{backend.url().partition(':')[2]}"
            done = setup("-n", "--mode=tcp", f"--url={url}", "--no-token")
        assert (done.returncode, words in done.stdout) == (1, True), done.stdout
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    done = setup("-n", "--mode=tcp", f"--url=http://127.0.0.1:{port}/", "--no-token")
    assert "Connection refused" in done.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--mode=tcp"], "there is no terminal to ask on; use --yes or --dry-run"),
        (["-y"], "these are required: --mode, --url, --token-file or --no-token"),
        (["-y", "--mode=tcp", "--no-token"], "these are required: --url"),
        (["-y", "--mode=x", "--url=http://h", "--no-token"], "--mode: must be one of"),
        (["-y", "--mode=tcp", "--url=h", "--no-token"], "--url: a target begins with http"),
        (["-y", "--mode=tcp", "--url=http://h", "--no-token", "--name=example"], "--name: there"),
        (["-y", "--mode=tcp", "--url=http://h", "--no-token", "--address=9000"], "--address: an"),
        (["-y", "--mode=tcp", "--url=http://h", "--no-token", "--for=x"], "--for: 'x' is none of"),
    ],
)
def test_wrong_options(path: Path, options: list[str], told: str) -> None:
    """The message names the option, and nothing is written."""
    before = path.read_bytes()
    done = setup(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert path.read_bytes() == before


def test_what_is_there_stays(path: Path) -> None:
    """A broken configuration, and the token of somebody else."""
    words = ("-y", "--mode=policy", "--url=http://127.0.0.1:9/", "--no-probe")
    Path("policy.token").write_text("other\n")
    done = setup(*words, "--token-file=token")
    assert (done.returncode, Path("policy.token").read_text()) == (1, "other\n")
    assert "policy.token exists, with another content" in done.stderr
    path.write_text(BROKEN)
    done = setup(*words, "--no-token")
    assert (done.returncode, path.read_text()) == (78, BROKEN)
    assert "config.json:1:16: $.endpoints[0].mode: is required" in done.stderr


def test_dialogue(path: Path) -> None:
    """A wrong answer is asked again, the token is not shown, and a no changes nothing."""
    before = path.read_bytes()
    with ScriptedBackend(answer(body=b"DUNNO"), answer(body=b"DUNNO")) as backend:
        port, plain = free_port(), {**os.environ, "TERM": "dumb"}
        answers = [
            (b"Kind [1]: ", b"4\n"),
            (b"Kind [1]: ", b"3\n"),
            (b"URL of the backend: ", f"{backend.url()}\n".encode()),
            (b"(Enter for none): ", f"{TOKEN}\n".encode()),
            (b"]: ", f"{port}\n".encode()),
            (b"[policy]: ", b"\n"),
            (b"[y/N] ", b"\n"),
        ]
        status, screen = dialogue(command(), answers, columns=60, environment=plain)
        assert status == 1
        lines = [line for line in screen.splitlines() if str(path.parent) not in line]
        assert max(map(len, lines)) <= 60
        assert "not right: must be one of" in screen
        assert screen.endswith("Nothing was written.\n")
        assert path.read_bytes() == before
        agreed = [*answers[1:-1], (b"[y/N] ", b"y\n")]
        status, other = dialogue(command(), agreed)
    assert status == 0
    assert TOKEN not in screen + other
    assert json.loads(path.read_text())["endpoints"][1]["bind-port"] == port
    assert f"check_policy_service inet:127.0.0.1:{port}" in other


def test_interrupted(path: Path) -> None:
    """Ctrl-C at the last question."""
    before = path.read_bytes()
    words = ("--mode=tcp", "--for=alias", "--url=http://127.0.0.1:9/", "--token-file=token")
    words += ("--no-probe", f"--address={free_port()}", "--name=x")
    status, screen = dialogue(command(*words), [(b"[y/N] ", b"\x03")])
    assert status == 130
    assert screen.endswith("Interrupted: nothing was written.\n")
    assert (path.read_bytes(), sorted(os.listdir())) == (before, ["config.json", "token"])


RELAY_CHECK = "permit_mynetworks, reject_unauth_destination"
LISTS = {
    "at its end": (RELAY_CHECK, f"'smtpd_recipient_restrictions = {RELAY_CHECK}, {{}}' &&"),
    "before permit": (
        f"{RELAY_CHECK}, permit",
        f"'smtpd_recipient_restrictions = {RELAY_CHECK}, {{}}, permit' &&",
    ),
    "never reached": ("reject", "  # the end of smtpd_recipient_restrictions is never passed"),
    "there already": (f"{RELAY_CHECK}, {{}}", "  # smtpd_recipient_restrictions asks it already."),
}


@pytest.mark.parametrize(("value", "told"), LISTS.values(), ids=LISTS)
def test_main_cf(monkeypatch: pytest.MonkeyPatch, value: str, told: str) -> None:
    """A policy service is added to what stands there, and never before the relay check."""
    address = f"127.0.0.1:{free_port()}"
    service = f"check_policy_service inet:{address}"
    given = f"smtpd_recipient_restrictions = {value.format(service)}\n"
    Path("main.cf").write_text(f"compatibility_level = 3.6\n{given}")
    Path("master.cf").touch()
    monkeypatch.setenv("MAIL_CONFIG", os.getcwd())
    words = ("--mode=policy", "--url=http://127.0.0.1:9/", "--no-token", "--no-probe")
    done = setup("--dry-run", f"--address={address}", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert told.format(service) in done.stdout
    assert ("postconf -e" in done.stdout) == told.startswith("'")
    assert done.stdout.endswith("Nothing was written.\n")


@pytest.mark.parametrize("chroot", ["y", "n"])
def test_path_and_chroot(monkeypatch: pytest.MonkeyPatch, chroot: str) -> None:
    """A path that a chrooted smtpd does not find is not written into main.cf, as Debian's is."""
    path = f"{os.getcwd()}/socket"
    Path("main.cf").write_text("compatibility_level = 3.6\n")
    Path("master.cf").write_text(f"smtp inet n - {chroot} - - smtpd\n")
    monkeypatch.setenv("MAIL_CONFIG", os.getcwd())
    words = ("--mode=policy", "--url=http://127.0.0.1:9/", "--no-token", "--no-probe")
    done = setup("--dry-run", f"--address={path}", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("postconf -e" in done.stdout) == (chroot == "n")
    assert ("smtp/inet is chrooted and looks for " in done.stdout) == (chroot == "y")


def test_command_that_tries_it() -> None:
    """It finds the endpoint: in this configuration, and under a name that can be typed."""
    words = ("--mode=policy", "--url=http://127.0.0.1:9/", "--no-token", "--no-probe")
    done = setup("--yes", "--name=-ü x", *words)
    trial = shlex.split(done.stdout.splitlines()[-1])
    assert trial[:2] == ["postfix-rest-inetd", "query"]
    program = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", *trial[1:], "--direct"]
    tried = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert "cannot connect to http://127.0.0.1:9 " in tried.stdout + tried.stderr
