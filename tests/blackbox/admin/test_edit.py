# SPDX-License-Identifier: MIT
"""The command `edit`, with programs for editors: what is saved, what is asked, what is kept."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.endpoints import raw_endpoint

GOOD = json.dumps({"endpoints": [raw_endpoint()]}, indent=2)
OTHER = json.dumps({"endpoints": [raw_endpoint(bind_port=9009)]}, indent=2)
BAD = GOOD.replace("bind-port", "bind-prot")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good configuration in a directory of its own."""
    directory = tmp_path / "etc"
    directory.mkdir()
    path = directory / "config.json"
    path.write_text(GOOD)
    path.chmod(0o640)
    return path


def editor(*contents: str, directory: Path) -> str:
    """An editor that writes the first of CONTENTS, when it is called again the next, and so on."""
    for number, content in enumerate(contents):
        (directory / str(number)).write_text(content)
    count = directory / "count"
    count.write_text("0")
    program = directory / "editor"
    program.write_text(
        f'#!/bin/sh\nset -e\nn=$(cat {count})\ncat "{directory}/$n" >"$1"\n'
        f"echo $((n + 1)) >{count}\n"
    )
    program.chmod(0o755)
    return str(program)


def edit(path: Path, program: str, answers: str = "", **variables: str):
    """What edit says, and what it leaves."""
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "edit", "--config", path]
    done = subprocess.run(
        command,
        input=answers,
        env={**environment, "EDITOR": program, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert os.listdir(path.parent) == [path.name]
    return done


def test_editor_is_killed(path: Path) -> None:
    """What ended the editor is told in words."""
    done = edit(path, "sh -c 'kill -TERM $$'")
    told = "postfix-rest-inetd: sh was ended by a signal (Terminated); nothing was saved\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert path.read_text() == GOOD


def test_name_of_the_file(path: Path, tmp_path: Path) -> None:
    """A name is shown in one line, whatever it has."""
    odd = path.rename(path.with_name("a\n\x1b[1m.json"))
    for content in (GOOD, OTHER):
        done = edit(odd, editor(content, directory=tmp_path))
        assert "/a\\n\\x1b[1m.json" in done.stdout.splitlines()[0]


def test_save(path: Path, tmp_path: Path) -> None:
    """A good content is saved as a new file; what has to be done for it is told."""
    before = path.stat()
    done = edit(path, editor(OTHER, directory=tmp_path))
    after = path.stat()
    assert (done.returncode, done.stderr, path.read_text()) == (0, "", OTHER)
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        *(before.st_mode, before.st_uid, before.st_gid),
    )
    assert done.stdout.splitlines() == [
        f"{path} was saved. It is in force from the next request on.",
        "New address: 127.0.0.1:9009 (example)",
        "Removed address: 127.0.0.1:9000",
        "The addresses changed: configure your inetd and Postfix for the new ones.",
    ]


def test_no_space(path: Path, tmp_path: Path) -> None:
    """If the new content cannot be saved, what was written is kept, and nobody else can read it."""
    limit = len(GOOD) + 10
    program = editor(OTHER + " " * limit, directory=tmp_path)
    Path(program).write_text(Path(program).read_text().replace("set -e", "set -e; umask 0", 1))
    unlimited = ["sh", "-c", f"exec prlimit --fsize=unlimited {program} $0"]
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "edit", "--config", path]
    done = subprocess.run(
        ["prlimit", f"--fsize={limit}:unlimited", *command],
        env={**os.environ, "EDITOR": shlex.join(unlimited)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (kept,) = path.parent.glob("config.json.edited.*")
    assert done.stderr.splitlines() == [
        f"postfix-rest-inetd: {path} cannot be written: File too large",
        f"postfix-rest-inetd: your text is in {kept}",
    ]
    assert done.returncode == 1
    assert path.read_text() == GOOD
    assert kept.read_text().startswith(OTHER)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(os.listdir(path.parent)) == 2


def test_nothing_changed(path: Path, tmp_path: Path) -> None:
    """The file stays the same one."""
    before = path.stat()
    done = edit(path, editor(GOOD, directory=tmp_path))
    after = path.stat()
    assert (done.returncode, after.st_ino, after.st_ctime_ns) == (
        *(0, before.st_ino, before.st_ctime_ns),
    )
    assert "nothing was changed" in done.stdout


def test_same_addresses(path: Path, tmp_path: Path) -> None:
    """Without new addresses there is nothing more to be done."""
    done = edit(path, editor(GOOD.replace("test123", "test124"), directory=tmp_path))
    assert done.stdout == f"{path} was saved. It is in force from the next request on.\n"


ANSWERS = {
    "nobody answers": ("", [BAD], GOOD, 1),
    "leave": ("x\n", [BAD], GOOD, 1),
    "edit again": ("e\n", [BAD, OTHER], OTHER, 0),
    "again and again, and leave": ("e\ne\nx\n", [BAD, BAD, BAD], GOOD, 1),
    "edit again, back to what it was": ("e\n", [BAD, GOOD], GOOD, 0),
    "save in spite of it": ("Q\n", [BAD], BAD, 0),
    "no answer, then one": ("q\nwhat?\n\nx\n", [BAD], GOOD, 1),
}


@pytest.mark.parametrize(
    "answers, contents, left, status",
    ANSWERS.values(),
    ids=[key.replace(" ", "-") for key in ANSWERS],
)
def test_problems(path, tmp_path, answers, contents, left, status):
    """With problems, nothing is saved without a question."""
    done = edit(path, editor(*contents, directory=tmp_path), answers)
    assert (done.returncode, path.read_text()) == (status, left)
    assert "$.endpoints[0].bind-prot: is not a known key; did you mean bind-port?" in done.stdout
    if left == BAD:
        assert (
            "cannot be used: every request on a new connection gets a temporary error"
            in done.stdout
        )


def test_missing_token_file(path: Path, tmp_path: Path) -> None:
    """What the file names is looked at, too."""
    content = json.dumps({"endpoints": [raw_endpoint(auth_token=..., auth_token_file="/nowhere")]})
    done = edit(path, editor(content, directory=tmp_path))
    assert (done.returncode, path.read_text()) == (1, GOOD)
    assert "/nowhere cannot be read" in done.stdout


def test_new_file(path: Path, tmp_path: Path) -> None:
    """A file that is not there begins as one without endpoints, and is closed to others."""
    path.unlink()
    seen = tmp_path / "seen"
    command = f'cp {seen.parent}/0 {seen.parent}/x; cat "$1" >{seen}; cat {seen.parent}/x >"$1"'
    editor(OTHER, directory=tmp_path)
    done = edit(path, f"sh -c {shlex.quote(command)} sh")
    assert (done.returncode, path.read_text()) == (0, OTHER)
    assert json.loads(seen.read_text()) == {"endpoints": []}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_rights(path: Path, tmp_path: Path) -> None:
    """Mode and attributes stay; the link stays a link."""
    path.chmod(0o604)
    try:
        os.setxattr(path, "user.kept", b"yes")
    except OSError:
        pytest.skip("this file system has no attributes")
    link = tmp_path / "link.json"
    link.symlink_to(path)
    environment = {**os.environ, "EDITOR": editor(OTHER, directory=tmp_path)}
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "edit", "--config", link]
    subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)
    assert link.is_symlink()
    assert path.read_text() == OTHER
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert os.getxattr(path, "user.kept") == b"yes"


def test_two_at_once(path: Path, tmp_path: Path) -> None:
    """The second editor does not start while the first one runs; the first one's work is saved."""
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "edit", "--config", path]
    ready, proceed = tmp_path / "ready", tmp_path / "proceed"
    for fifo in (ready, proceed):
        os.mkfifo(fifo)
    (tmp_path / "new").write_text(OTHER)
    waiting = f'echo >{ready}; read x <{proceed}; cat {tmp_path}/new >"$1"'
    environment = {**os.environ, "EDITOR": f"sh -c {shlex.quote(waiting)} sh"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as first:
        ready.read_text()
        second = subprocess.run(
            command,
            env={**os.environ, "EDITOR": "false"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        proceed.write_text("\n")
        assert first.wait(60) == 0
    assert second.returncode == 1
    assert second.stderr == f"postfix-rest-inetd: {path} is being edited by another process\n"
    assert path.read_text() == OTHER


def test_changed_meanwhile(path: Path, tmp_path: Path) -> None:
    """What others have written meanwhile is not undone without a question."""
    foreign = GOOD.replace("example", "foreign")
    (tmp_path / "foreign").write_text(foreign)
    (tmp_path / "new").write_text(OTHER)
    program = f'cat {tmp_path}/foreign >{path}; cat {tmp_path}/new >"$1"'
    done = edit(path, f"sh -c {shlex.quote(program)} sh", "x\n")
    assert (done.returncode, path.read_text()) == (1, foreign)
    assert "was changed by another process meanwhile" in done.stdout


EDITORS = {
    "fails": ({"EDITOR": "false"}, "false failed with status 1; nothing was saved"),
    "is not there": ({"EDITOR": "/no/editor"}, "/no/editor cannot be started: No such file"),
    "none at all": ({"EDITOR": "", "PATH": "/nowhere"}, "no editor was found; set EDITOR"),
    "VISUAL comes first": ({"EDITOR": "true", "VISUAL": "false"}, "false failed"),
    "leaves nothing": ({"EDITOR": "rm"}, "the editor left no file"),
}


@pytest.mark.parametrize("variables, told", EDITORS.values(), ids=EDITORS)
def test_editor(path, variables, told):
    """Without an editor that works, nothing changes."""
    others = {name: value for name, value in variables.items() if name != "EDITOR"}
    done = edit(path, variables["EDITOR"], **others)
    assert (done.returncode, done.stdout, path.read_text()) == (1, "", GOOD)
    assert told in done.stderr


def test_no_directory(tmp_path: Path) -> None:
    """A path that leads nowhere."""
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "edit"]
    done = subprocess.run(
        [*command, "--config", tmp_path / "no/config.json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "No such file or directory; is the path right?" in done.stderr
