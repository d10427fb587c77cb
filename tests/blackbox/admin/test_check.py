# SPDX-License-Identifier: MIT
"""The command `check` as an operator and a script see it: text, JSON, exit status.

What it finds on a machine with systemd and Postfix is for tests/integration/test_check.py.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from harness.endpoints import raw_endpoint
from harness.scripted_backend import ScriptedBackend, answer

BAD = '{"endpoints": [\n  {"name": "e", "mode": "tcp-lookup", "bind-prot": 9}]}\n'


def command(*arguments: object) -> list[str]:
    """The command line of check."""
    return [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "check", *map(str, arguments)]


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    """What check says."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False
    )


def write(directory: Path, *entries: dict[str, object]) -> Path:
    """A configuration with these endpoints."""
    path = directory / "config.json"
    path.write_text(json.dumps({"endpoints": entries}))
    return path


def test_good(tmp_path: Path) -> None:
    """A file of nobody's is checked, and what it names; nothing else of the machine is."""
    done = check("--config", write(tmp_path, raw_endpoint(name="é", auth_token="s3cret")))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "ok       é: tcp-lookup on 127.0.0.1:9000, asks http://127.0.0.1:8080",
        "",
        "No problems were found.",
    ]


def five(**keys: object) -> list[dict[str, object]]:
    """Five endpoints."""
    return [raw_endpoint(name=f"e{n}", bind_port=9001 + n, **keys) for n in range(5)]


def test_many_endpoints(tmp_path: Path) -> None:
    """A finding that all of them share is told once; good ones share a line; JSON has them all."""
    path = write(tmp_path, *five(target="http://rest.example/"))
    done = check("--config", path)
    assert done.returncode == 0
    good, warning, advice, *others = done.stdout.splitlines()
    assert good == "ok       5 endpoints: e0, e1, e2, e3, e4"
    assert warning.startswith("warning  e0, e1, e2, e3, e4: requests go to http://rest.example un")
    assert advice == "         -> Use https for a backend on another machine."
    assert others == ["", "1 warning"]
    counts = json.loads(check("--config", path, "--json").stdout)["counts"]
    assert (counts["ok"], counts["warning"]) == (5, 5)


def test_parts(tmp_path: Path) -> None:
    """Each part has a heading, and its problems are last, if more than one found something."""
    token = tmp_path / "token"
    path = write(tmp_path, *five(auth_token=..., auth_token_file=str(token)))
    done = check("--config", path)
    lines = done.stdout.splitlines()
    assert lines[:3] == ["config:", "ok       5 endpoints: e0, e1, e2, e3, e4", ""]
    assert lines[3] == "files:"
    assert [line[:9] for line in lines[4:9]] == ["error    "] * 5
    assert lines[-1] == "5 errors"


@pytest.mark.parametrize(
    "keys, status, severities",
    [
        ({}, 0, []),
        ({"target": "http://rest.example/"}, 0, ["warning"]),
        ({"bind_prot": 9}, 1, ["error"] * 5),
    ],
    ids=["good", "warning", "error"],
)
def test_quiet(tmp_path: Path, keys: dict[str, object], status: int, severities: list[str]) -> None:
    """Only problems are printed, and nothing without one; the exit status is as without it."""
    path = write(tmp_path, *five(**keys))
    done = check("--config", path, "-q")
    assert (done.returncode, done.stderr) == (status, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == severities
    assert check("--config", path, "--quiet").stdout == done.stdout
    assert check("--config", path, "-q", "--strict").returncode == bool(severities)


def test_several_targets(tmp_path: Path) -> None:
    """The origins are shown in their order; a problem has the place of its URL."""
    target = ["http://127.0.0.1:1/a", "https://u:secret@rest.example:2/b"]
    done = check("--config", write(tmp_path, raw_endpoint(target=target)))
    assert done.returncode == 0
    assert "asks http://127.0.0.1:1, else https://rest.example:2\n" in done.stdout
    assert "secret" not in done.stdout
    path = write(
        tmp_path, raw_endpoint(target=["http://h/", "ftp://secret/"], cache={"max_age": 1})
    )
    done = check("--config", path)
    assert done.returncode == 1
    assert "$.endpoints[0].target[1]: a target begins with http:// or https://" in done.stdout
    assert "$.endpoints[0].cache.max_age: is not a known key; did you mean max-age?" in done.stdout
    assert "every request of example on a new connection gets a temporary error" in " ".join(
        done.stdout.split()
    )
    column = path.read_text().index('"ftp:') + 1
    assert f"{path}:1:{column}: " in done.stdout
    assert "secret" not in done.stdout


def test_a_wrong_target_alone(tmp_path: Path) -> None:
    """A target that only the handler of its endpoint will refuse has the same consequence."""
    good = raw_endpoint(name="good", bind_port=9001)
    done = check("--config", write(tmp_path, raw_endpoint(target=["http://h:x/"]), good))
    assert "Other endpoints are served." in " ".join(done.stdout.split())


def test_cache_directory(tmp_path: Path) -> None:
    """A directory that is given is checked, for any configuration; the usual one is not."""
    path = write(tmp_path, raw_endpoint())
    missing = tmp_path / "missing"
    assert "missing" not in check("--config", path).stdout
    done = check("--config", path, "--cache-directory", missing)
    assert done.returncode == 0
    assert f"warning  {missing}: does not exist, so no answers are stored" in done.stdout
    missing.mkdir(0o700)
    assert "warning" not in check("--config", path, "--cache-directory", missing).stdout


def test_bad(tmp_path: Path) -> None:
    """One line for each problem, with line and column, and what it means."""
    path = tmp_path / "config.json"
    path.write_text(BAD)
    done = check("--config", path)
    assert (done.returncode, done.stderr) == (1, "")
    first, *others = done.stdout.splitlines()
    assert first == f"error    {path}:2:3: $.endpoints[0].target: is required"
    assert others[0].startswith(f"error    {path}:2:3: $.endpoints[0].auth-token: is required")
    column = BAD.splitlines()[1].index('"bind-prot"') + 1
    assert others[1] == (
        f"error    {path}:2:{column}: $.endpoints[0].bind-prot: is not a known key; did you mean "
        "bind-port?"
    )
    assert others[2].startswith("         -> Until this is corrected, open connections use the ")
    assert others[-1] == "3 errors"


@pytest.mark.parametrize(
    ("keys", "meaning"),
    [
        (
            {"request_timeout": 0},
            "every request of b on a new connection gets a temporary error. Other endpoints",
        ),
        ({"failure_action": "REJECT 5.7.1"}, "a temporary error replaces failure-action"),
        ({"bind_prot": 9}, "every request on a new connection gets a temporary error"),
    ],
)
def test_what_a_problem_means(tmp_path: Path, keys: dict[str, object], meaning: str) -> None:
    """Who is served until a problem is mended is said beside it."""
    faulty = raw_endpoint(name="b", mode="policy", bind_port=9001, **keys)
    done = check("--config", write(tmp_path, raw_endpoint(name="a"), faulty))
    (advice,) = [line for line in done.stdout.splitlines() if "->" in line]
    assert meaning in advice


def test_what_many_problems_mean(tmp_path: Path) -> None:
    """A few names are enough."""
    faulty = [raw_endpoint(name=f"n{n}", bind_port=9001 + n, log_keys=1) for n in range(7)]
    done = check("--config", write(tmp_path, *faulty))
    assert "every request of n0, n1, n2, n3, n4 and 2 more on a new connection" in done.stdout


def test_json(tmp_path: Path) -> None:
    """The same for programs."""
    path = tmp_path / "config.json"
    path.write_text(BAD)
    done = check("--config", path, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["config"]) == (1, str(path))
    assert document["counts"] == {"error": 3, "warning": 0, "note": 0, "ok": 0}
    assert document["findings"][0] == {
        "severity": "error",
        "where": f"{path}:2:3",
        "what": "$.endpoints[0].target: is required",
        "advice": "",
        "excerpt": "",
    }


def test_files(tmp_path: Path) -> None:
    """A file that a key names, and that is not there, is told at the place of the key."""
    missing = tmp_path / "token"
    path = write(tmp_path, raw_endpoint(auth_token=..., auth_token_file=str(missing)))
    column = path.read_text().index('"auth-token-file"') + 1
    done = check("--config", path)
    assert done.returncode == 1
    told = f"{path}:1:{column}: $.endpoints[0].auth-token-file: {missing} cannot be read: No such"
    assert told in done.stdout
    assert check("--config", path, "--only=config").returncode == 0


def test_a_missing_provider_of_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, with the file that has to be corrected, however many endpoints use TLS."""
    openssl = tmp_path / "openssl.cnf"
    openssl.write_text("openssl_conf = a\n[a]\nproviders = b\n[b]\nc = d\n[d]\nactivate = 1\n")
    path = write(tmp_path, *five(target="https://127.0.0.1:1/"))
    monkeypatch.setenv("OPENSSL_CONF", str(openssl))
    done = check("--config", path, "-q")
    assert done.returncode == 1
    assert done.stdout.count(f"{openssl} keeps OpenSSL from working") == 1
    assert "tls-" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["-q", "--json"], ["--only=all"], ["--only="], ["--frobnicate"], ["x"], ["--prob"]],
)
def test_wrong_command_line(arguments):
    """Exit status 2, and nothing on standard output."""
    done = check(*arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_strict(tmp_path: Path) -> None:
    """A warning is no error, but with --strict it counts as one."""
    everything = answer(200, b'["x"]')
    with ScriptedBackend(everything, everything) as backend:
        path = write(tmp_path, raw_endpoint(target=backend.url(), request_timeout=30_000))
        lenient = check("--config", path, "--probe")
        strict = check("--config", path, "--probe", "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert lenient.stdout.endswith("\n1 warning\n")


def test_nobody_reads_on(tmp_path: Path) -> None:
    """As in `check | head -1`: it ends without a word."""
    ours, theirs = os.pipe()
    os.close(ours)
    given = {"stdout": theirs, "stderr": subprocess.PIPE, "timeout": 60}
    done = subprocess.run(
        command("--config", write(tmp_path, raw_endpoint())), check=False, **given
    )
    os.close(theirs)
    assert (done.returncode, done.stderr) == (1, b"")


def test_terminal(tmp_path: Path) -> None:
    """On a terminal there is colour, and no line is wider than 80 columns."""
    path = tmp_path / "config.json"
    path.write_text(BAD)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    environment.pop("NO_COLOR", None)
    given = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL}
    # A long path would not fit, and none is broken.
    with subprocess.Popen(command("--config", path.name), stdout=theirs, **given) as process:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 65536):
                said += data
        except OSError:  # Linux: EIO when the other side is closed
            pass
        assert process.wait(60) == 1
    os.close(ours)
    assert b"\x1b[1;31merror    \x1b[0m" in said
    plain = said.decode().replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    assert max(map(len, plain.splitlines())) <= 80
