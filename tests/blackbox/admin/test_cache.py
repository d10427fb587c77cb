# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd cache` and `query --fresh`: what real handlers have stored, and its end.

Two handlers fill a cache directory once; each test works with a copy of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness import journald as journald_harness
from harness.activation import activated, package_parent
from harness.handler_process import endpoint, start, write_config
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.ports import free_port
from harness.scripted_backend import ScriptedBackend, answer
from postfix_rest_inetd.admin import cli

WAIT_SEC = 30
OTHER = 65534

FRESH = b"Cache-Control: max-age=600, stale-if-error=86400"
ONLY_STALE = b"Cache-Control: max-age=0, stale-if-error=86400"

ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


class Done(NamedTuple):
    """What a command did."""

    status: int
    output: str
    errors: str


class Filled(NamedTuple):
    """A configuration, and the cache directory of its handlers."""

    config: Path
    cache: Path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Three answers of one endpoint, and one of another."""
    directory = tmp_path_factory.mktemp("cache")
    cache = directory / "cache"
    cache.mkdir(mode=0o700)
    with ScriptedBackend() as backend:
        endpoints = [
            endpoint(mode, backend.url(), name=name)
            for mode, name in ((TCP, "domains"), (SOCKETMAP, "maps"), (POLICY, "limits"))
        ]
        endpoints.append(endpoint(TCP, backend.url(), name="off", cache=False))
        config = write_config(directory, *endpoints)
        asked = [
            (TCP, "domains", b"get here.example\n", answer(200, b'["x"]', FRESH)),
            (TCP, "domains", b"get no.example\n", answer(404, b"", FRESH)),
            (TCP, "domains", b"get old.example\n", answer(200, b'["x"]', ONLY_STALE)),
            (SOCKETMAP, "maps", b"22:alias info@example.org,", answer(200, b'["y"]', FRESH)),
        ]
        for name in ("domains", "maps"):
            handler = start("--config", config, "--endpoint", name, "--cache-directory", cache)
            for mode, its, request, step in asked:
                if its == name:
                    backend.script(step)
                    handler.ask(mode, request)
            handler.half_close()
            assert handler.finish().status == 0
            handler.close()
    return Filled(config, cache)


@pytest.fixture
def filled(original: Filled, tmp_path: Path) -> Filled:
    """A copy of the directory that a test may change."""
    shutil.copytree(original.cache, tmp_path / "cache")
    return Filled(original.config, tmp_path / "cache")


@pytest.fixture
def command(filled: Filled, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `cache`."""

    def run(*arguments: str, cache: Path = filled.cache, config: Path = filled.config) -> Done:
        options = (f"--cache-directory={cache}", f"--config={config}")
        try:
            status = cli.main(["cache", *arguments, *options])
        except SystemExit as error:
            status = int(error.code or 0)
        return Done(status, *capsys.readouterr())

    return run


def numbers(done: Done) -> dict[str, tuple[int, int, int]]:
    """Entries, fresh and stale ones by endpoint."""
    assert (done.status, done.errors) == (0, "")
    found = json.loads(done.output)["endpoints"]
    return {e["name"] or e["directory"]: (e["entries"], e["fresh"], e["stale"]) for e in found}


ALL = {"domains": (3, 2, 1), "maps": (1, 1, 0), "off": (0, 0, 0)}


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """The option for an empty journal."""
    directory = tmp_path / "journal"
    directory.mkdir()
    return f"--directory={directory}"


def test_overview(command, journal) -> None:
    """Each endpoint that answers lookups has a line with its numbers."""
    done = command(journal)
    assert (done.status, done.errors) == (0, "")
    lines = done.output.splitlines()
    assert lines[0].split() == "endpoint entries size fresh stale no use hit rate".split()
    assert lines[1].split() == "domains 3 12 KiB 2 1 0 -".split()
    assert lines[2] == "  tcp-lookup; up to 10000 entries, 64 MiB"
    assert lines[3].split() == ["maps", "1", "4.0", "KiB", "1", "0", "0", "-"]
    assert lines[6] == "  tcp-lookup; nothing is stored, because cache is false"
    assert "limits" not in done.output
    assert [line for line in lines if len(line) > 80] == []
    assert numbers(command("--json", journal)) == ALL


def test_list(command) -> None:
    """The stored answers of an endpoint by key, without what was found."""
    done = command("list", "domains")
    assert (done.status, done.errors) == (0, "")
    heading, *lines = done.output.splitlines()
    assert heading == "answer      stored    fresh   outage     size  key"
    assert [(line[:9].strip(), line.split()[-1]) for line in lines[:3]] == [
        ("found", "here.example"),
        ("not found", "no.example"),
        ("found", "old.example"),
    ]
    assert [line for line in lines if len(line) > 80] == []
    (only,) = json.loads(command("list", "maps", "--json").output)
    assert (only["key"], only["map"], only["use"]) == ("info@example.org", "alias", "fresh")
    assert 500 < only["fresh_sec"] <= 600
    assert 86_900 < only["outage_sec"] <= 87_000
    assert command("list", "off").output == "No answers of off are stored.\n"


@pytest.mark.parametrize(
    "arguments, words, left",
    [
        ([], "Removed 4 stored answers.", {}),
        (["domains"], "Removed 3 stored answers of domains.", {"maps": (1, 1, 0)}),
        (
            ["domains", "no.example"],
            "Removed 1 stored answer of domains for no.example.",
            {"domains": (2, 1, 1), "maps": (1, 1, 0)},
        ),
        (
            ["maps", "info@example.org", "--map=alias"],
            "Removed 1 stored answer of maps for info@example.org.",
            {"domains": (3, 2, 1)},
        ),
        (
            ["maps", "info@example.org", "--map=other"],
            "There was no stored answer of maps for info@example.org.",
            {"domains": (3, 2, 1), "maps": (1, 1, 0)},
        ),
        (["off"], "There was no stored answer of off.", ALL),
        (
            ["domains", "a\udcff\x1b[2J"],
            r"There was no stored answer of domains for a\xff\x1b[2J.",
            ALL,
        ),
    ],
)
def test_purge(command, filled, journal, arguments, words, left) -> None:
    """What is named is removed, and nothing else; the second time, there is nothing.

    A dry run says how much it would be, and touches nothing.
    """
    before = {path: path.stat().st_mtime_ns for path in filled.cache.rglob("*")}
    would = words.replace("Removed", "Would remove")
    assert command("purge", *arguments, "--dry-run") == (0, f"{would}\n", "")
    number = int("".join(filter(str.isdecimal, words.partition(" stored")[0])) or "0")
    done = command("purge", *arguments, "-n", "--json")
    assert (done.status, json.loads(done.output)) == (0, {"would_remove": number})
    assert {path: path.stat().st_mtime_ns for path in filled.cache.rglob("*")} == before
    assert command("purge", *arguments) == (0, f"{words}\n", "")
    nothing = dict.fromkeys(ALL, (0, 0, 0))
    assert numbers(command("--json", journal)) == {**nothing, **left}
    done = command("purge", *arguments, "--json")
    assert (done.status, json.loads(done.output)) == (0, {"removed": 0})


def test_a_removed_endpoint(command, journal, tmp_path) -> None:
    """The answers of an endpoint that is not configured any more are shown, and can be removed."""
    config = write_config(tmp_path, endpoint(TCP, "http://127.0.0.1:9/", name="domains"))
    done = command(journal, config=config)
    assert "of no endpoint in the configuration; cache purge socketmap-lookup.maps" in done.output
    assert numbers(command("--json", journal, config=config)) == {
        "domains": (3, 0, 0),
        "socketmap-lookup.maps": (1, 1, 0),
    }, "with another target, an endpoint does not use its answers"
    done = command("purge", "socketmap-lookup.maps", config=config)
    assert done == (0, "Removed 1 stored answer of socketmap-lookup.maps.\n", "")
    assert "maps" not in command(journal, config=config).output


def test_files_of_others(command, filled, journal) -> None:
    """A file in the place of a directory does not hinder the rest, and a purge replaces it."""
    answers = filled.cache / "1/answers"
    (answers / "notes").write_text("x")
    (answers / "a\x1b[31m;id").mkdir()
    shutil.rmtree(answers / "socketmap-lookup.maps")
    (answers / "socketmap-lookup.maps").symlink_to("/nonexistent")
    assert numbers(command("--json", journal)) == {**ALL, "maps": (0, 0, 0)}
    assert command("list", "maps").output == "No answers of maps are stored.\n"
    assert command("purge") == (0, "Removed 3 stored answers.\n", "")
    assert (answers / "socketmap-lookup.maps").is_dir()


def test_endpoints_of_one_name(command, tmp_path) -> None:
    """Endpoints that share a directory are named together, as they are shown; a key is of one."""
    endpoints = [endpoint(TCP, f"http://127.0.0.1:{n}/", name="domains") for n in (8, 9)]
    config = write_config(tmp_path, *endpoints)
    assert len(command("list", "domains", config=config).output.splitlines()) > 4
    done = command("purge", "domains", "no.example", config=config)
    assert (done.status, "there are 2 endpoints with the name 'domains'" in done.errors) == (
        2,
        True,
    )
    assert command("purge", "domains", config=config).output.startswith("Removed 3 stored answers")
    other = endpoint(SOCKETMAP, "http://127.0.0.1:7/", name="domains")
    config = write_config(tmp_path, *endpoints, other)
    done = command("purge", "domains", config=config)
    assert (done.status, "there are 3 endpoints with the name 'domains'" in done.errors) == (
        2,
        True,
    )


def test_without_a_configuration(command, tmp_path) -> None:
    """To remove everything, no configuration is needed; for the rest, it is."""
    bad = tmp_path / "config.json"
    bad.write_text("{")
    assert command("list", "domains", config=bad).status == 78
    assert command("purge", config=bad) == (0, "Removed 4 stored answers.\n", "")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["list"], "list takes an ENDPOINT"),
        (["list", "nobody"], "the configuration has: domains, maps, limits, off"),
        (["list", "domains", "key"], "only purge takes a KEY"),
        (["list", "limits"], "is a policy endpoint: its answers are never stored"),
        (["purge", "limits"], "is a policy endpoint"),
        (["purge", "maps", "key"], "give --map NAME"),
        (["purge", "domains", "key", "--map=x"], "takes no --map"),
        (["purge", "domains", "--map=x"], "--map belongs to purge ENDPOINT KEY"),
        (["purge", "--since=-1h"], "purge takes no --since"),
        (["list", "domains", "--dry-run"], "--dry-run belongs to purge"),
        (["--since=soon"], "'soon' is not a time"),
        (["clean"], "invalid choice"),
    ],
)
def test_wrong_command_lines(command, journal, arguments, words) -> None:
    """A wrong command line is told, with status 2, and removes nothing."""
    done = command(*arguments)
    assert (done.status, done.output) == (2, "")
    assert words in done.errors
    assert numbers(command("--json", journal)) == ALL


def test_an_unusable_directory(command, filled, tmp_path) -> None:
    """What is not there, or not a directory, is told, with status 1."""
    done = command("purge", cache=tmp_path / "none")
    assert done == (1, "", f"postfix-rest-inetd: {tmp_path}/none: there is no such directory\n")
    shutil.rmtree(filled.cache / "1")
    (filled.cache / "1").write_text("x")
    done = command("list", "domains")
    assert (done.status, done.output) == (1, "")
    assert "Not a directory" in done.errors


@ONLY_ROOT
def test_files_stay_the_services(command, filled, monkeypatch) -> None:
    """What root leaves in the directory belongs to the owner; others are told what is needed."""
    for path in [filled.cache, *filled.cache.rglob("*")]:
        os.chown(path, OTHER, OTHER)
    # Pytest closes the directories above to others, so the path is relative.
    monkeypatch.chdir(filled.cache.parent)
    filled.cache.parent.chmod(0o711)
    here = Path("cache")
    assert command("purge", "domains", "no.example", cache=here).status == 0
    assert command("purge", "off", "x.example", cache=here).status == 0
    assert command("purge", "maps", cache=here).output.startswith("Removed 1 ")
    found = [path.stat() for path in filled.cache.rglob("*")]
    assert len(found) > 8
    assert {(status.st_uid, status.st_gid) for status in found} == {(OTHER, OTHER)}
    os.seteuid(OTHER - 1)
    try:
        done = command("purge", cache=here)
    finally:
        os.seteuid(0)
    assert (done.status, done.output) == (1, "")
    assert "only its owner nobody and root may use it; run this as root" in done.errors


# -- through a socket, with a journal


@pytest.fixture(scope="module")
def journald(tmp_path_factory: pytest.TempPathFactory) -> Iterator[journald_harness.Journald]:
    """A journald for the handlers of one test."""
    with journald_harness.start(tmp_path_factory.mktemp("journald")) as running:
        yield running


def test_where_an_answer_comes_from(journald, backend, tmp_path) -> None:
    """`query` says: the backend, a stored answer, a stale one; `cache` has the hit rate."""
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    port = free_port()
    entry = {**endpoint(TCP, backend.url(), name="domains"), "bind-port": port}
    config = write_config(tmp_path, entry)
    options = [f"--config={config}", f"--cache-directory={cache}"]

    def run(*words: str) -> Done:
        program = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", *words, *options]
        done = subprocess.run(
            [*journald.prefix, *program],
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=WAIT_SEC,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    backend.script(answer(200, b'["x"]', FRESH), answer(503))
    with activated(
        [f"127.0.0.1:{port}"],
        config,
        TCP,
        arguments=["--cache-directory", str(cache)],
        prefix=journald.prefix,
    ):
        assert (
            "\nsource        the backend, which was asked\n" in run("query", "domains", "k").output
        )
        stored = " ".join(run("query", "domains", "k").output.split())
        assert re.search(r"source a stored answer, \d+ s old; --fresh asks the backend", stored)
        done = run("query", "domains", "k", "--fresh")
        assert (done.status, done.errors) == (0, "")
        assert "\nsource        a stale answer, " in done.output
        assert "because the backend fails: " in " ".join(done.output.split())
    assert len(backend.requests) == 2
    journald.entries()
    done = run("cache", "--directory=/run/log/journal")
    assert (done.status, done.errors) == (0, "")
    lines = done.output.splitlines()
    assert lines[1].split() == ["domains", "1", "4.0", "KiB", "0", "1", "0", "33.3", "%"]
    assert "  1 stale answer was used" in lines
    assert f"  {backend.url().rpartition('/')[0]}: since " in done.output


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["domains", "k", "--direct"], "--direct uses no stored answers"),
        (["domains", "-"], "--fresh takes one KEY"),
        (["limits"], "answers of a policy endpoint are not stored"),
    ],
)
def test_fresh_where_it_makes_no_sense(filled, capsys, arguments, words) -> None:
    """A wrong combination is told, with status 2."""
    status = cli.main(["query", "--fresh", f"--config={filled.config}", *arguments])
    assert (status, words in capsys.readouterr().err) == (2, True)
