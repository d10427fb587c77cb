# SPDX-License-Identifier: MIT
"""The command `token`: what it makes, when it puts that in place, and what it never shows.

That no lookup fails meanwhile is tested in a container, by integration/test_token_change.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.endpoints import raw_endpoint
from harness.manual_page import displays
from harness.modes import SOCKETMAP
from harness.programs import program
from harness.scripted_backend import ScriptedBackend, answer

OLD = "the-old-token-of-the-backend"
FOUND_NOTHING = answer(body=b"[]")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token file, in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.token"
    path.write_text(f"{OLD}\n")
    path.chmod(0o640)
    return path


def configure(file: Path | str, backend: ScriptedBackend | None = None, count: int = 1) -> None:
    """Endpoints e0, e1 and so on, with the same token file."""
    target = "http://127.0.0.1:1/" if backend is None else backend.url()
    keys = {"target": target, "auth_token": ..., "auth_token_file": str(file)}
    entries = [
        raw_endpoint(name=f"e{number}", bind_port=9001 + number, **keys) for number in range(count)
    ]
    Path("config.json").write_text(json.dumps({"endpoints": entries}))


def token(*words: str) -> subprocess.CompletedProcess[str]:
    """What the command says, and never a token."""
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "token"]
    done = subprocess.run(
        [*command, "--config=config.json", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    tokens = [path.read_text().strip() for path in Path().glob("*.token*")]
    assert [each for each in tokens if each and each in said] == []
    return done


def made(file: Path) -> str:
    """The token that `token new` makes."""
    done = token("new", "e0")
    assert (done.returncode, done.stderr) == (0, "")
    return Path(f"{file}.new").read_text().strip()


def test_new(file: Path) -> None:
    """The file beside has a random token, and the rights of a secret; the present one stays."""
    configure(file)
    new = made(file)
    assert re.fullmatch("[0-9a-f]{64}", new)
    assert stat.S_IMODE(Path(f"{file}.new").stat().st_mode) == 0o640
    assert file.read_text() == f"{OLD}\n"
    again = token("new", "e0")
    assert again.returncode == 1
    assert "exists already, and the backend may know it" in again.stderr
    assert made_again(file) != new


def made_again(file: Path) -> str:
    """Another token, after the first has been removed."""
    Path(f"{file}.new").unlink()
    return made(file)


def test_token_that_is_given(file: Path) -> None:
    """It comes from a file or from standard input, in any form in which a token may be written."""
    configure(file)
    Path("given").write_bytes(b"\xef\xbb\xbfissued-by-the-backend\r\n")
    done = token("new", "e0", "--token-file=given")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(f"{file}.new").read_text() == "issued-by-the-backend\n"
    Path(f"{file}.new").unlink()
    assert token("new", "e0", "--token-file=-").returncode == 1, "standard input is empty"
    assert not Path(f"{file}.new").exists()


@pytest.mark.parametrize("words", [["new", "--no-probe"], ["use", "--token-file=given"]])
def test_wrong_options(file: Path, words: list[str]) -> None:
    """An option of the other action is not ignored."""
    configure(file)
    assert token(*words, "e0").returncode == 2


def test_use(file: Path) -> None:
    """The backends of all endpoints with the file are asked with the new token, then it is used."""
    with ScriptedBackend(FOUND_NOTHING, FOUND_NOTHING) as backend:
        configure(file, backend, count=2)
        new = made(file)
        done = token("use", "e1")
        assert [each.header(b"x-auth-token") for each in backend.requests] == [new.encode()] * 2
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "in use from the next request on, for: e0, e1\n" in done.stdout
    look = displays("postfix-rest-inetd.json.5", "token")["look"]
    assert done.stdout.endswith(textwrap.indent(look, "    "))
    assert file.read_text() == f"{new}\n"
    assert sorted(os.listdir()) == ["a.token", "config.json"]


def test_refused(file: Path) -> None:
    """Nothing changes while one of the backends does not accept it; --no-probe does not ask."""
    with ScriptedBackend(FOUND_NOTHING, answer(403, b"no")) as backend:
        configure(file, backend, count=2)
        new = made(file)
        done = token("use", "e0")
    assert done.returncode == 1
    assert "status 403 " in done.stdout
    assert "Nothing was changed." in done.stdout
    assert file.read_text() == f"{OLD}\n"
    assert token("use", "--no-probe", "e0").returncode == 0
    assert file.read_text() == f"{new}\n"


@pytest.mark.parametrize(("status", "body"), [(200, b"[]"), (404, b"no such table")])
def test_maps_of_postfix(
    file: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    """It is asked for the maps that main.cf has: a 404 to another says nothing about the token."""
    program("postconf")
    table = "socketmap:inet:127.0.0.1:9001:alias"
    Path("main.cf").write_text(f"compatibility_level = 3.6\nvirtual_alias_maps = {table}\n")
    Path("master.cf").touch()
    monkeypatch.setenv("MAIL_CONFIG", str(Path.cwd()))
    with ScriptedBackend(answer(status, body)) as backend:
        keys = {"auth_token": ..., "auth_token_file": str(file), "temporary_statuses": [404]}
        entry = raw_endpoint(
            name="e0", mode=SOCKETMAP, bind_port=9001, target=backend.url(), **keys
        )
        Path("config.json").write_text(json.dumps({"endpoints": [entry]}))
        new = made(file)
        done = token("use", "e0")
        assert b"name=alias&" in backend.requests[0].target
    assert done.returncode == (0 if status == 200 else 1), done.stdout
    assert file.read_text().strip() == (new if status == 200 else OLD)


def test_unreachable(file: Path) -> None:
    """A backend that does not answer has not accepted it."""
    configure(file)
    made(file)
    assert token("use", "e0").returncode == 1
    assert file.read_text() == f"{OLD}\n"


def test_unusable_certificate(file: Path) -> None:
    """An endpoint that cannot be asked, because of another file, has not accepted it."""
    keys = {"auth_token": ..., "auth_token_file": str(file), "tls_ca_file": "/nowhere/ca.pem"}
    entry = raw_endpoint(name="e0", target="https://127.0.0.1:1/", **keys)
    Path("config.json").write_text(json.dumps({"endpoints": [entry]}))
    made(file)
    assert token("use", "e0").returncode == 1
    assert file.read_text() == f"{OLD}\n"


def test_link(file: Path) -> None:
    """What a link leads to is replaced, and not the link; the new token waits on that disk."""
    link = file.parent / "elsewhere/link.token"
    link.parent.mkdir()
    link.symlink_to(file)
    configure(link)
    new = made(file)
    assert token("use", "--no-probe", "e0").returncode == 0
    assert link.is_symlink()
    assert file.read_text() == f"{new}\n"


def test_rights(file: Path) -> None:
    """The new file has the rights of the present one, even if it was made by hand."""
    file.chmod(0o604)
    configure(file)
    new = Path(f"{file}.new")
    made(file)
    assert stat.S_IMODE(new.stat().st_mode) == 0o604
    new.chmod(0o400)
    assert token("use", "--no-probe", "e0").returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o604
    assert not new.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_owner(file: Path) -> None:
    """A file of the user of another super-server stays this user's."""
    os.chown(file, 65534, 65534)
    configure(file)
    made(file)
    assert token("use", "--no-probe", "e0").returncode == 0
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_link_of_another_user(file: Path) -> None:
    """What it leads to, which may be any file, is not replaced."""
    link = file.with_name("link.token")
    link.symlink_to(file)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    configure(link)
    for action in ("new", "use"):
        done = token(action, "e0")
        assert done.returncode == 1
        assert "is a symbolic link that belongs to " in done.stderr
    assert sorted(os.listdir()) == ["a.token", "config.json", "link.token"]


@pytest.mark.parametrize("kind", ["symbolic link", "hard link"])
def test_link_in_place_of_the_new_token(file: Path, kind: str) -> None:
    """A secret of root is not copied to the token file, which another user may read."""
    configure(file)
    secret = file.parent / "secret"
    secret.write_text("a-secret-of-root")
    new = Path(f"{file}.new")
    if kind == "hard link":
        new.hardlink_to(secret)
    else:
        new.symlink_to(secret)
    done = token("use", "--no-probe", "e0")
    assert (done.returncode, kind in done.stderr) == (1, True), done.stderr
    assert file.read_text() == f"{OLD}\n"
    assert secret.read_text() == "a-secret-of-root"


def test_command_that_follows(file: Path) -> None:
    """What `new` prints is the command that uses the token, of this configuration."""
    configure(file)
    words = shlex.split(token("new", "e0").stdout.splitlines()[-1])
    assert words[:2] == ["postfix-rest-inetd", "token"]
    assert words[-2:] == ["--config", "config.json"]
    assert token(*words[2:], "--no-probe").returncode == 0


def test_two_names_of_one_file(file: Path) -> None:
    """An endpoint that has the file under another name is asked, and named, as well."""
    link = file.parent / "link.token"
    link.symlink_to(file)
    with ScriptedBackend(FOUND_NOTHING, FOUND_NOTHING) as backend:
        entries = [
            raw_endpoint(
                name=path.name,
                bind_port=port,
                target=backend.url(),
                auth_token=...,
                auth_token_file=str(path),
            )
            for port, path in enumerate((file, link), 9001)
        ]
        Path("config.json").write_text(json.dumps({"endpoints": entries}))
        assert token("new", "a.token").returncode == 0
        done = token("use", "a.token")
    assert "for: a.token, link.token\n" in done.stdout
    assert len(backend.requests) == 2


def test_two_at_once(file: Path) -> None:
    """Of several that make a token, one does, and the others say that there is one."""
    configure(file)
    program = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "token", "new", "e0"]
    running = [
        subprocess.Popen(
            [*program, "--config=config.json", "--token-file=-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for number, each in enumerate(running):
        assert each.stdin is not None
        each.stdin.write(f"token-{number}\n")
        each.stdin.flush()
    said = [each.communicate(timeout=60)[1] for each in running]
    made_by = [number for number, each in enumerate(running) if each.returncode == 0]
    assert len(made_by) == 1
    assert Path(f"{file}.new").read_text() == f"token-{made_by[0]}\n"
    assert sum("exists already" in each for each in said) == 3
    assert sorted(os.listdir()) == ["a.token", "a.token.new", "config.json"]


REFUSED = {
    "nothing was made": ("a.token", "use", "there is no {}/a.token.new; make it with token new"),
    "a credential": ("name", "new", "e0: its token is a credential; replace the file that"),
    "an empty file": ("empty.token", "use", "{}/empty.token.new: there is no token in it"),
}


@pytest.mark.parametrize("name, action, said", REFUSED.values(), ids=REFUSED)
def test_nothing_to_do(tmp_path: Path, name: str, action: str, said: str) -> None:
    """It says what is missing, and changes nothing."""
    configure(name if name == "name" else tmp_path / name)
    Path("empty.token.new").touch()
    done = token(action, "e0")
    assert (done.returncode, done.stdout) == (1, "")
    assert said.format(tmp_path) in done.stderr


def test_token_in_the_configuration() -> None:
    """There is no file to replace."""
    Path("config.json").write_text(json.dumps({"endpoints": [raw_endpoint(name="e0")]}))
    done = token("new", "e0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "move it to a file, and name that in auth-token-file" in done.stderr
