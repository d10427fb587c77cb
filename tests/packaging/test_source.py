# SPDX-License-Identifier: MIT
"""The source archive of a release, which packaging/build-source makes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.debian_build import CHECKOUT, checkout_copy
from harness.programs import program
from harness.project_files import project_files

NAME = f"postfix-rest-inetd-{postfix_rest_inetd.__version__}"
IDENTITY = ("-c", "user.name=A Tester", "-c", "user.email=tester@test.example")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The sources without git, and what .gitignore names beside and among them."""
    copy = checkout_copy(CHECKOUT, tmp_path / "unpacked")
    for path in (".venvs/main/key", "dist/old", "postfix_rest_inetd/__pycache__/model.pyc"):
        (copy / path).parent.mkdir(parents=True)
        (copy / path).write_text("not a source\n", encoding="utf-8")
    return copy


@pytest.fixture
def clone(unpacked: Path, tmp_path: Path) -> Path:
    """The same in a repository; one file has not been added to it, and one has been changed."""
    shutil.copytree(unpacked, tmp_path / "clone", symlinks=True)
    new, changed = tmp_path / "clone/LICENSE", tmp_path / "clone/README.md"
    text = changed.read_text(encoding="utf-8")
    changed.write_text("An older version.\n", encoding="utf-8")
    for command in (
        ["init", "--quiet"],
        ["add", "--all", "--", ".", ":!LICENSE"],
        [*IDENTITY, "commit", "--quiet", "--message=all"],
    ):
        git(tmp_path / "clone", *command)
    changed.write_text(text, encoding="utf-8")
    assert git(tmp_path / "clone", "status", "--short").split() == [
        "M",
        changed.name,
        "??",
        new.name,
    ]
    return tmp_path / "clone"


def git(directory: Path, *arguments: str) -> str:
    """What git says in DIRECTORY, without settings of the user's."""
    command = [program("git"), "-C", str(directory), *arguments]
    env = {"PATH": os.environ["PATH"], "HOME": str(directory.parent), "LC_ALL": "C.UTF-8"}
    return subprocess.check_output(command, env=env, text=True, timeout=60)


def archive(directory: Path, **env: str) -> Path:
    """What packaging/build-source makes of the sources in DIRECTORY."""
    command = [directory / "packaging/build-source"]
    said = subprocess.check_output(command, env=os.environ | env, text=True, timeout=60)
    assert said == f"{directory}/dist/{NAME}.tar.gz\n"
    return Path(said.strip())


def test_identical(clone: Path, unpacked: Path, tmp_path: Path) -> None:
    """With git, without it, and made again from itself, the archive is the same.

    It has all sources, and the repository is left as it was.
    """
    before = sorted(path for path in (clone / ".git").rglob("*"))
    by_git = archive(clone)
    assert sorted(path for path in (clone / ".git").rglob("*")) == before
    # Other modes and times, as another umask and a checkout at another time give.
    for path in unpacked.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
        os.utime(path, (0, 0))
    assert archive(unpacked).read_bytes() == by_git.read_bytes()
    with tarfile.open(by_git) as tar:
        tar.extractall(tmp_path / "again")
        files = {member.name for member in tar if member.isfile()}
    assert files == {f"{NAME}/{path}" for path in project_files()}
    again = tmp_path / "again" / NAME
    # What Debian adds to it is not part of it.
    (again / "debian").mkdir()
    (again / "debian/control").write_text("Source: other\n", encoding="utf-8")
    assert archive(again).read_bytes() == by_git.read_bytes()


def test_source_date_epoch(unpacked: Path) -> None:
    """SOURCE_DATE_EPOCH is the time of all files."""
    with tarfile.open(archive(unpacked, SOURCE_DATE_EPOCH="86400")) as tar:
        assert {member.mtime for member in tar} == {86400}
