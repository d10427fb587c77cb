# SPDX-License-Identifier: MIT
"""checks.stored_answers: whether handlers can store answers, and what values of `cache` come to."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.scripted_backend import ScriptedBackend, answer
from harness.wire import table
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask.direct_client import DirectClient
from postfix_rest_inetd.admin.checks import stored_answers
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.answering import Answer
    from postfix_rest_inetd.config.endpoint import Endpoint

SELF = pwd.getpwuid(os.geteuid()).pw_name
STALE = {"stale-if-error": 600}

# -- the values


MOST = {
    "the defaults": ({}, False),
    "as many as fit": ({"max-entries": 16384}, False),
    "one more": ({"max-entries": 16385}, True),
    "less room": ({"max-bytes": 1024 * 1024}, True),
    "less of both": ({"max-bytes": 1024 * 1024, "max-entries": 256}, False),
    "the most of both": ({"max-bytes": 1024**3, "max-entries": 1_000_000}, True),
}


@pytest.mark.parametrize("cache, is_told", table(MOST))
def test_max_entries(cache: dict[str, int], *, is_told: bool) -> None:
    """A number of answers that can never be reached is told, and nothing for other values."""
    found = list(stored_answers.values([endpoint(cache=cache), endpoint(cache=False)]))
    assert [finding.severity for finding in found] == [NOTE] * is_told
    for finding in found:
        most = int(finding.advice.rpartition(" ")[2].rstrip("."))
        mended = endpoint(cache={**cache, "max-entries": most})
        assert list(stored_answers.values([mended])) == []


@pytest.mark.parametrize(
    "cache, is_told",
    [
        ({}, False),
        (False, False),
        ({"max-entries": 256}, False),
        ({"max-age": 1}, True),
        ({"not-found-max-age": 1}, True),
        (STALE, True),
    ],
)
def test_without_directory(cache: object, *, is_told: bool) -> None:
    """Handlers without a cache directory are told where the operator permits something."""
    endpoints = [endpoint(cache=cache), endpoint(POLICY, name="p")]
    found = list(stored_answers.without_directory(endpoints, "x@.service"))
    assert [(each.severity, each.where) for each in found] == [(WARNING, "example")] * is_told


# -- the directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A cache directory as handlers leave it, with the answers of two endpoints."""
    result = tmp_path / "a b"
    for folder in ("one/00", "two/ff", "two/new"):
        (result / "1/answers" / folder).mkdir(parents=True)
    for path in (result, *result.rglob("*")):
        path.chmod(0o700)
    return result


def usable(
    path: Path, user: str | None = SELF, *endpoints: Endpoint, is_made: bool = False
) -> list[Finding]:
    """What is found about a directory."""
    return list(
        stored_answers.usable(list(endpoints) or [endpoint()], str(path), user, is_made=is_made)
    )


def test_good(directory: Path) -> None:
    """Nothing is said about a directory that can be used."""
    assert usable(directory) == usable(directory, None) == []


def test_nobody_stores(tmp_path: Path) -> None:
    """Nor about any, where no endpoint stores answers."""
    assert usable(tmp_path / "none", SELF, endpoint(POLICY), endpoint(cache=False)) == []
    assert len(usable(tmp_path / "none", SELF, endpoint(POLICY), endpoint(SOCKETMAP))) == 1


def test_no_user(tmp_path: Path) -> None:
    """Nor for a user that does not exist, which is another finding."""
    assert usable(tmp_path / "none", "no-such-user") == []


def test_missing(tmp_path: Path) -> None:
    """A missing one is told with the command that makes it, unless systemd will."""
    path = tmp_path / "it's missing"
    assert usable(path, is_made=True) == []
    (found,) = usable(path, None)
    assert (found.severity, found.where) == (WARNING, str(path))
    assert "does not exist" in found.what
    run(found)
    assert usable(path) == []
    path.rmdir()
    assert f"-o {SELF} -g {SELF} " in usable(path)[0].advice


def run(found: Finding) -> None:
    """Run the commands of an advice, as they can be copied."""
    lines = found.advice.splitlines()
    assert all(line.startswith("    ") for line in lines)
    subprocess.run(["/bin/sh", "-ec", found.advice], check=True)


def test_a_file(tmp_path: Path) -> None:
    """A file is not a directory."""
    path = tmp_path / "file"
    path.touch()
    (found,) = usable(path)
    assert (found.severity, "is not a directory" in found.what) == (WARNING, True)
    run(usable(path, None)[0])
    assert usable(path) == []


@pytest.mark.parametrize("below", ["", "1", "1/answers", "1/answers/two"])
def test_others_may_write(directory: Path, below: str) -> None:
    """A directory that others may change is told, and the command puts an end to it."""
    (directory / below).chmod(0o770)
    (found,) = usable(directory)
    assert found.severity == WARNING
    assert "can be changed by other users (0770 " in found.what
    assert (str(directory / below) in found.what) == bool(below)
    run(found)
    assert usable(directory) == []


@pytest.mark.root
@pytest.mark.parametrize("below", ["", "1", "1/answers/one"])
def test_another_owner(directory: Path, below: str) -> None:
    """A directory of another user is told, wherever it is; the commands give it back."""
    os.chown(directory / below, pwd.getpwnam("nobody").pw_uid, -1)
    (found,) = usable(directory, "root")
    assert found.severity == WARNING
    assert "does not belong to root, the user of the handlers (0700 nobody:" in found.what
    run(found)
    assert usable(directory, "root") == []
    assert usable(directory, "daemon") != []


@pytest.mark.root
def test_a_link(tmp_path: Path) -> None:
    """The commands mend what the directory is a link to, and leave what it has links to."""
    path, disk, other = tmp_path / "link", tmp_path / "it's a disk", tmp_path / "other"
    other.touch()
    path.symlink_to(disk)
    (found,) = usable(path, "root")
    run(found)
    assert disk.is_dir()
    (disk / "1").mkdir(0o700)
    (disk / "1/link").symlink_to(other)
    for place in (disk, disk / "1", other):
        os.chown(place, pwd.getpwnam("nobody").pw_uid, -1)
    (found,) = usable(path, "root")
    run(found)
    assert usable(path, "root") == []
    assert other.owner() == "nobody"


@pytest.mark.root
def test_not_writable() -> None:
    """A directory that its own user may not change is told."""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)  # that of tmp_path is root's alone
        path = Path(top, "cache")
        path.mkdir(0o500)
        os.chown(path, pwd.getpwnam("daemon").pw_uid, -1)
        (found,) = usable(path, "daemon")
        assert (found.severity, "may not write there (0500 " in found.what) == (WARNING, True)
        run(found)
        assert usable(path, "daemon") == []


def test_a_link_below(directory: Path, tmp_path: Path) -> None:
    """A symbolic link below it is not followed: handlers do not use what is there either."""
    other = tmp_path / "other"
    other.mkdir()
    other.chmod(0o777)
    (directory / "1/answers/link").symlink_to(other)
    assert usable(directory) == []


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with 2 MiB and a few inodes."""
    path = tmp_path / "mounted"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=3,mode=0700", "tmpfs", path]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let root mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.root
def test_a_full_disk(mounted: Path) -> None:
    """A disk without room, without inodes, and one that is read-only."""
    assert usable(mounted) == []
    (mounted / "x").write_bytes(bytes(1024 * 1024 + 4096))
    (found,) = usable(mounted)
    assert (found.severity, "is full" in found.what) == (WARNING, True)
    (mounted / "x").write_bytes(b"")
    (mounted / "y").touch()
    (found,) = usable(mounted)
    assert "no inodes left" in found.what
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    (found,) = usable(mounted)
    assert "read-only" in found.what
    shown = subprocess.run(
        shlex.split(found.advice.partition("\n")[2]), check=True, capture_output=True, text=True
    )
    assert "tmpfs" in shown.stdout


# -- the answers

SAYS = b"Cache-Control: "
ANSWERS = {
    "404": (answer(404), STALE, WARNING),
    "a list": (answer(200, b"[]"), STALE, NOTE),
    "an empty body": (answer(200), STALE, NOTE),
    "a time of the backend": (answer(404, b"", SAYS + b"max-age=60"), STALE, WARNING),
    "a longer time": (
        answer(404, b"", SAYS + b"stale-if-error=600"),
        {"stale-if-error": 1},
        WARNING,
    ),
    "the backend forbids it": (answer(404, b"", SAYS + b"must-revalidate"), STALE, None),
    "the backend forbids to store": (answer(404, b"", SAYS + b"no-store"), STALE, None),
    "a value": (answer(200, b'["x"]'), STALE, None),
    "a failure": (answer(500), STALE, None),
    "no stale answers": (answer(404), {"max-age": 60}, None),
    "the defaults": (answer(404), {}, None),
    "the backend alone": (answer(404, b"", SAYS + b"stale-if-error=600"), {}, WARNING),
    "the backend alone, a list": (answer(200, b"[]", SAYS + b"stale-if-error=600"), {}, None),
    "nothing stored": (answer(404), False, None),
    "nothing of what the backend permits": (
        answer(404, b"", SAYS + b"stale-if-error=600"),
        False,
        None,
    ),
}


def permitted(step: object, mode: str = TCP, **keys: object) -> list[Finding]:
    """What is found about one answer of a backend."""
    return list(stored_answers.permitted(asked(step, mode, **keys)))


def asked(step: object, mode: str = TCP, **keys: object) -> Answer:
    """One answer of a backend."""
    request = model.LookupRequest(b"k", b"m" if mode == SOCKETMAP else None)
    with ScriptedBackend(step) as backend:
        client = DirectClient(endpoint(mode, target=backend.url(), **keys), "x")
        try:
            return client.answer(request)
        finally:
            client.close()


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@pytest.mark.parametrize("step, cache, severity", table(ANSWERS))
def test_not_found(step: object, cache: object, severity: str, mode: str) -> None:
    """What a stale "not found" means is told for a backend that has just given one."""
    found = [each for each in permitted(step, mode, cache=cache) if "no effect" not in each.what]
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    for finding in found:
        assert "is also used for 600 s" in finding.what
        assert "recipient that was created in the meantime is refused" in finding.what


def test_a_temporary_404() -> None:
    """A 404 that is an error is not a "not found"."""
    assert permitted(answer(404), temporary_statuses=[404], cache=STALE) == []


DAY = SAYS + b"max-age=86400"
LONG = {
    "404": (answer(404, b"", DAY), {}, True),
    "a list": (answer(200, b"[]", DAY), {}, True),
    "an hour": (answer(404, b"", SAYS + b"max-age=3600"), {}, False),
    "a value": (answer(200, b'["x"]', DAY), {}, False),
    "a failure": (answer(500, b"", DAY), {}, False),
    "not stored": (answer(404, b"", DAY), False, False),
    "the operator's": (answer(404), {"not-found-max-age": 86400}, False),
}


@pytest.mark.parametrize("step, cache, is_told", table(LONG))
def test_a_long_time(step: object, cache: object, *, is_told: bool) -> None:
    """What a web server permits for its pages is too long for a recipient that is not there."""
    found = [each for each in permitted(step, cache=cache) if "Expires" in each.what]
    assert [each.severity for each in found] == [WARNING] * is_told
    for each in found:
        assert "for 86400 s: a recipient that is created meanwhile is refused" in each.what
        assert '"cache": false' in each.advice


TERMS = {
    "nothing said": (answer(404), {}, ""),
    "by the backend": (answer(404, b"", SAYS + b"max-age=60"), {}, "; used again for 60 s"),
    "in an outage": (
        answer(200, b'["x"]', SAYS + b"max-age=60, stale-if-error=900"),
        {},
        "; used again for 60 s, and in an outage for 900 s more",
    ),
    "only in an outage": (
        answer(200, b"[]"),
        {"stale-if-error": 900},
        "; used again in an outage, for 900 s",
    ),
    "by the operator": (answer(404), {"not-found-max-age": 5}, "; used again for 5 s"),
    "forbidden by the operator": (answer(404, b"", SAYS + b"max-age=60"), False, ""),
    "a failure": (answer(500, b"", SAYS + b"max-age=60"), {}, ""),
}


@pytest.mark.parametrize("step, cache, told", table(TERMS))
def test_terms(step: object, cache: object, told: str) -> None:
    """What handlers store is told for each answer."""
    assert stored_answers.terms(asked(step, cache=cache)) == told


FOUND, ALL = answer(200, b'["x"]'), {"max-age": 1, "not-found-max-age": 2, "stale-if-error": 3}
EFFECTS = {
    "nothing said": (answer(404), ""),
    "nothing said of a value": (FOUND, ""),
    "a time": (answer(404, b"", SAYS + b"max-age=60"), "not-found-max-age"),
    "a time for a value": (answer(200, b'["x"]', SAYS + b"max-age=60"), "max-age"),
    "another time": (answer(404, b"", b"Expires: 0"), "not-found-max-age"),
    "a time for outages": (answer(404, b"", SAYS + b"stale-if-error=9"), "stale-if-error"),
    "no outages": (answer(404, b"", SAYS + b"must-revalidate"), "stale-if-error"),
    "nothing stored": (
        answer(404, b"", SAYS + b"no-store"),
        "not-found-max-age and stale-if-error",
    ),
    "nothing stored of a value": (
        answer(200, b'["x"]', SAYS + b"no-cache"),
        "max-age and stale-if-error",
    ),
    "another cache's time": (answer(404, b"", SAYS + b"s-maxage=60"), ""),
}


@pytest.mark.parametrize("step, idle", table(EFFECTS))
def test_no_effect(step: object, idle: str) -> None:
    """The members that the backend overrules are told, as far as the answer shows it."""
    found = [each for each in permitted(step, cache=ALL) if "no effect" in each.what]
    assert [each.what.partition(" has ")[0] for each in found] == ([idle] if idle else [])
    assert all(each.severity == NOTE for each in found)
