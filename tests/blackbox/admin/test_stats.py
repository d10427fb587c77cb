# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd stats` reads what real handlers have written into a real journal.

One journald serves the whole module; the endpoints of each test have a name of their own.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import journald as journald_harness
from harness import terminal
from harness.activation import package_parent
from harness.handler_process import endpoint, write_config
from harness.line_log import LineLog
from harness.modes import POLICY, REQUEST, SOCKETMAP, TCP
from harness.process_group import end
from harness.scripted_backend import answer, hang_up, unused_port
from postfix_rest_inetd import journal
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.statistics import state as metrics_state
from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.statistics.lost import DROPPED_ID
from postfix_rest_inetd.admin.ui.draw import moment

WAIT_SEC = 30


@pytest.fixture(scope="module")
def journald(tmp_path_factory):
    """A journald for all tests of this module."""
    with journald_harness.start(tmp_path_factory.mktemp("journald")) as running:
        yield running


class Done(NamedTuple):
    """What a command did."""

    status: int
    output: str
    errors: str


@pytest.fixture
def command(journald) -> Callable[..., list[str]]:
    """The command line of `stats`, in the journald's mount namespace."""
    program = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "stats"]
    return lambda *arguments: [*journald.prefix, *program, *arguments]


@pytest.fixture
def stats(journald, command) -> Callable[..., Done]:
    """Run `stats`, when everything that was sent has arrived."""

    def run(*arguments: str) -> Done:
        journald.entries()
        done = subprocess.run(
            command("--directory=/run/log/journal", *arguments),
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=WAIT_SEC,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def ask(handler_for, backend, journald) -> Callable[..., None]:
    """Have a handler answer requests of an endpoint, the backend doing STEPS."""

    def run(mode: str, name: str, *steps, **keys: object) -> None:
        backend.script(*steps)
        keys = {"launch_with": {"prefix": journald.prefix}, "name": name, **keys}
        handler = handler_for(mode, **keys)
        for _ in steps:
            handler.ask(mode, REQUEST[mode])
        assert handler.finish().status == 0

    return run


@pytest.fixture
def handler_for(tmp_path, backend, launch):
    """As in conftest, but the endpoint has a name that is not its mode."""

    def build(mode: str, *, launch_with: dict[str, object], name: str, **keys: object):
        entry = {**endpoint(mode, backend.url(), **keys), "name": name}
        config = write_config(tmp_path, entry)
        return launch("--config", config, "--endpoint", name, **launch_with)

    return build


PERMITTED = answer(200, b'["x"]', b"Cache-Control: max-age=600")
FOR_OUTAGES = answer(200, b'["x"]', b"Cache-Control: max-age=0, stale-if-error=600")
FOUND, MISSING, BROKEN = answer(200, b'["x"]'), answer(404), answer(503)


def test_counts(stats, ask):
    """Requests, outcomes, statuses and causes of each endpoint are those that there were."""
    ask(TCP, "one", FOUND, FOUND, MISSING, BROKEN)
    ask(SOCKETMAP, "two", FOUND)
    ask(SOCKETMAP, "two", hang_up)
    ask(POLICY, "three", answer(200, b"DUNNO"))
    done = stats("--json", "--endpoint=one", "--endpoint=two", "--endpoint=three")
    assert (done.status, done.errors) == (0, "")
    document = json.loads(done.output)
    assert (document["requests"], document["failures"]) == (7, 2)
    assert document["outcomes"] == {"found": 3, "not-found": 1, "server-error": 1} | {
        "unreachable": 1,
        "action": 1,
    }
    endpoints = {endpoint["name"]: endpoint for endpoint in document["endpoints"]}
    assert {name: e["requests"] for name, e in endpoints.items()} == {
        "one": 4,
        "two": 2,
        "three": 1,
    }
    assert endpoints["one"]["statuses"] == {"200": 2, "404": 1, "503": 1}
    assert 0 < endpoints["one"]["backend"]["p50"] <= endpoints["one"]["elapsed"]["max"] < 20_000_000
    causes = {(cause["endpoint"], cause["outcome"]): cause for cause in document["causes"]}
    assert causes["one", "server-error"]["count"] == 1
    assert "closed the connection" in causes["two", "unreachable"]["cause"]
    keys = {(k["endpoint"], k["key"]): k["count"] for k in document["busiest"]["key"]}
    assert keys == {("one", "key"): 4, ("two", "map: key"): 2}
    assert sum(slot["requests"] for slot in document["timeline"]["slots"]) == 7


def test_report(stats, ask):
    """The report for people has the same numbers, plain where there is no terminal."""
    ask(TCP, "people", FOUND, BROKEN)
    done = stats("--endpoint=people")
    assert (done.status, done.errors) == (0, "")
    assert "2 requests" in done.output
    assert "1 failed (50.0 %)" in done.output
    assert "people: server-error with status 503" in done.output
    assert "\x1b" not in done.output


FORGED = f"MESSAGE_ID={DROPPED_ID}\nN_DROPPED=5\nOBJECT_SYSTEMD_UNIT=postfix-rest-tcp@1.service\n"


def test_what_is_lost(stats, ask, journald):
    """What journald did not take is told; nobody can forge what it has dropped."""
    environment = {journal.MISSED_VARIABLE: "1234"}
    begin = time.time()
    ask(TCP, "lost", FOUND, launch_with={"prefix": journald.prefix, "env": environment})
    forged = [*journald.prefix, "logger", "--journald"]
    subprocess.run(forged, input=FORGED.encode(), timeout=WAIT_SEC, check=True)
    lost = json.loads(stats("--json", f"--since=@{int(begin)}").output)["lost"]
    assert (lost["dropped"], lost["not_taken"]) == ({}, 1234)
    assert (0 < lost["journal_begin"] <= begin, lost["journal_is_whole"]) == (True, True)
    output = stats("--endpoint=lost").output
    assert "\nToo low: journald did not take 1 234 entries of handlers\n" in output
    assert "Incomplete" not in output
    time_before = f"--until=@{begin - 5:.0f}"
    assert "Too low" not in stats("--since=-24h", time_before).output


def test_the_beginning_of_the_journal(tmp_path):
    """That entries were removed is told, if the period begins before those that are left."""
    with journald_harness.start(tmp_path) as journald:
        directory = "--directory=/run/log/journal"
        command = [*journald.prefix, sys.executable, "-m", "postfix_rest_inetd.admin.cli", "stats"]

        def run(*options: str) -> str:
            journald.entries()
            words = [*command, directory, *options]
            return subprocess.check_output(words, cwd=package_parent(), text=True, timeout=WAIT_SEC)

        assert "Incomplete" not in run()
        subprocess.run([*journald.prefix, "logger", "x"], timeout=WAIT_SEC, check=True)
        for option in ("--rotate", "--vacuum-size=1"):
            subprocess.run([*journald.prefix, "journalctl", option], timeout=WAIT_SEC, check=True)
        lost = json.loads(run("--json"))["lost"]
        assert lost["journal_is_whole"] is False
        assert f"\nIncomplete: the journal begins at {moment(lost['journal_begin'])}\n" in run()
        assert "Incomplete" not in run(f"--since=@{lost['journal_begin']:.6f}")


def test_stored_answers(stats, handler_for, backend, journald, tmp_path):
    """Asked, stored and stale are told apart, in each form of the report; none of them failed."""
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    backend.script(PERMITTED, FOR_OUTAGES, BROKEN)
    launch_with = {"prefix": journald.prefix, "env": {"CACHE_DIRECTORY": str(cache)}}
    handler = handler_for(TCP, launch_with=launch_with, name="memory")
    for key in (b"a", b"a", b"a", b"b", b"b"):
        assert handler.ask(TCP, b"get %s\n" % key) == b"200 x\n"
    assert handler.finish().status == 0
    document = json.loads(stats("--json", "--endpoint=memory").output)
    assert (document["requests"], document["failures"]) == (5, 0)
    found = document["sources"]
    assert (found["backend"], found["stored"], found["stale"]) == (2, 2, 1)
    assert found["last_stale"] == pytest.approx(time.time(), abs=60)
    (endpoint,) = document["endpoints"]
    assert sum(count for _, count in endpoint["backend"]["buckets"]) == 3
    assert [(stale["endpoint"], stale["count"]) for stale in document["stale"]] == [("memory", 1)]
    assert "503" in document["stale"][0]["cause"]
    output = stats("--prometheus", "--since=-1h", "--endpoint=memory").output
    answers = {n: v for n, v in metrics(output, "memory").items() if "answers" in n}
    assert answers == {
        "postfix_rest_answers_total backend": 2,
        "postfix_rest_answers_total stored": 2,
        "postfix_rest_answers_total stale": 1,
    }
    assert "1 answered with a stale answer (20.0 %), up to " in stats("--endpoint=memory").output


def test_several_targets(stats, backend, journald, launch, tmp_path):
    """The target that answered is told, and that it did so because another one had failed."""
    backend.default = FOUND
    with unused_port() as sock:
        first = f"http://127.0.0.1:{sock.getsockname()[1]}"
        entry = {**endpoint(TCP, [f"{first}/", backend.url()]), "name": "several"}
        config = write_config(tmp_path, entry)
        arguments = ("--config", config, "--endpoint", "several")
        handler = launch(*arguments, prefix=journald.prefix)
        for _ in range(3):
            assert handler.ask(TCP, REQUEST[TCP]) == b"200 x\n"
        assert handler.finish().status == 0
    origin = f"http://{backend.authority}"
    document = json.loads(stats("--json", "--endpoint=several").output)
    (target,) = document["endpoints"][0]["targets"]
    assert (target["target"], target["requests"], target["failures"]) == (origin, 3, 0)
    assert target["instead"] == 1
    assert f"\nseveral: {origin}" in stats("--endpoint=several").output
    output = stats("--prometheus", "--since=-1h", "--endpoint=several").output
    assert f'target="{origin}",result="answered"}} 3\n' in output


def test_alarm(stats, ask):
    """Too many failures have an exit status and one line, and the report is there as well."""
    ask(TCP, "alarm", FOUND, FOUND, FOUND, BROKEN)
    document = stats("--json", "--endpoint=alarm").output
    told = "postfix-rest-inetd: 1 of 4 requests failed (25.0 %), more than 24.9 %\n"
    found = stats("--json", "--endpoint=alarm", "--fail-above=24.9%")
    assert (found.status, found.errors) == (3, told)
    assert json.loads(found.output)["outcomes"] == json.loads(document)["outcomes"]
    allowed = stats("--endpoint=alarm", "--fail-above", "25%")
    assert (allowed.status, allowed.errors) == (0, "")
    assert "1 failed (25.0 %)" in allowed.output


def test_without_log_keys(stats, ask):
    """Where keys are not logged there are none to be counted."""
    ask(TCP, "private", FOUND, log_keys=False)
    document = json.loads(stats("--json", "--endpoint=private").output)
    assert document["requests"] == 1
    assert document["busiest"]["key"] == []


def test_who_was_limited(stats, handler_for, backend, journald):
    """--by tells of each login how often it was held up; other entries are where they were."""
    launch_with = {"prefix": journald.prefix}
    actions = {b"bob": b"DUNNO", b"alice": b"450 4.7.1 too many", b"carol": b"REJECT x"}
    handler = handler_for(POLICY, launch_with=launch_with, name="limits")
    for login, action in actions.items():
        backend.script(answer(200, action), answer(200, b"DUNNO"))
        for _ in range(2):
            handler.ask(POLICY, b"protocol_state=DATA\nsasl_username=" + login + b"\n\n")
    assert handler.finish().status == 0
    done = stats("--json", "--endpoint=limits", "--by=login")
    assert (done.status, done.errors) == (0, "")
    document = json.loads(done.output)
    assert [tuple(group.values()) for group in document["by"]["groups"]] == [
        ("limits", "alice", 2, 0, 1, 0),
        ("limits", "carol", 2, 1, 0, 0),
        ("limits", "bob", 2, 0, 0, 0),
    ]
    assert document["starts"]["cold"]["buckets"]
    shown = stats("--endpoint=limits", "--by", "login").output
    assert "\nlimits: alice " in shown


def test_times(stats, ask):
    """--since and --until bound what is counted."""
    ask(TCP, "timely", FOUND)
    between = f"@{time.time():.6f}"
    ask(TCP, "timely", FOUND, FOUND)

    def requests(*arguments: str) -> int:
        return json.loads(stats("--json", "--endpoint=timely", *arguments).output)["requests"]

    assert requests() == requests("--since=-1h") == requests("--since", "-1h30min") == 3
    assert requests("--since", between) == 2
    assert requests("--until", between) == 1
    assert requests("--since=-2d", "--until=-1d") == 0


def test_compare(stats, ask):
    """The period before is as long as the one that is asked for, and ends where that begins."""
    begin = time.time()
    ask(TCP, "changing", FOUND, BROKEN)
    between = time.time()
    ask(TCP, "changing", FOUND, FOUND, FOUND, FOUND)
    end = max(time.time(), 2 * between - begin + 1)
    period = (f"--since=@{between:.6f}", f"--until=@{end:.6f}", "--endpoint=changing", "--compare")
    done = stats(*period)
    assert (done.status, done.errors) == (0, "")
    now, before, difference = done.output.splitlines()[5:8]
    assert now.split()[:4] == ["changing", "4", "0.0", "%"]
    assert before.split()[:4] == ["before", "2", "50.0", "%"]
    assert difference.split()[:4] == ["difference", "+100.0", "%", "-50.0"]
    document = json.loads(stats("--json", *period).output)
    assert (document["requests"], document["before"]["requests"]) == (4, 2)
    assert document["before"]["until"] == document["since"]
    assert document["before"]["since"] == pytest.approx(2 * between - end, abs=0.01)
    whole = json.loads(stats("--json", *period[:3]).output)
    assert whole["requests"] == 4
    assert "before" not in whole


def test_follow(command, ask, journald):
    """--follow tells what there is, and again when there is more."""
    ask(TCP, "followed", FOUND)
    journald.entries()
    arguments = ["--directory=/run/log/journal", "--json", "--follow", "--endpoint=followed"]
    with subprocess.Popen(
        command(*arguments), cwd=package_parent(), stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            log = LineLog(process.stdout)
            log.wait_for('"requests": 1')
            ask(TCP, "followed", FOUND, FOUND)
            log.wait_for('"requests": 3')
        finally:
            end(process)


HOME = "\x1b[H"
CLEARING = re.compile("\x1b\\[[KJ]")


@pytest.mark.parametrize(
    "variables, begin, sizes",
    [
        ({"TERM": "xterm", "NO_COLOR": "1"}, HOME, [(80, 24), (60, 12)]),
        ({"TERM": "dumb"}, "\n", [(120, 8)]),
    ],
    ids=["xterm", "dumb"],
)
def test_follow_on_a_terminal(command, ask, journald, variables, begin, sizes):
    """The report fits the terminal, its head first, and follows a change of the size."""
    name = f"rows-{variables['TERM']}"
    ask(TCP, name, FOUND, BROKEN)
    journald.entries()
    arguments = ["--directory=/run/log/journal", "--follow", f"--endpoint={name}"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(package_parent()),
        "LC_ALL": "C.UTF-8",
        **variables,
    }
    status, screens = terminal.resized(command(*arguments), sizes, b"all of it takes", environment)
    assert status == 0
    for (columns, rows), screen in zip(sizes, screens, strict=True):
        *_, last = CLEARING.sub("", screen).split(f"{begin}postfix-rest-inetd, from ")
        lines = f"postfix-rest-inetd, from {last}".rstrip("\n").split("\n")
        assert len(lines) < rows
        assert max(map(len, lines)) <= columns
        assert "2 requests" in lines[1]
        assert "1 failed (50.0 %)" in lines[1] + lines[2]
        assert lines[-1].startswith("Not shown: ")


def metrics(text: str, endpoint: str) -> dict[str, float]:
    """The samples of an endpoint that are not 0, by name and the last label."""
    return {
        f"{sample.name} {list(sample.labels.values())[-1]}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("endpoint") == endpoint and sample.value
    }


def test_prometheus(stats, ask):
    """What Prometheus' own parser reads is what there was."""
    ask(TCP, "measured", FOUND, FOUND, BROKEN)
    done = stats("--prometheus", "--since=-1h", "--endpoint=measured")
    assert (done.status, done.errors) == (0, "")
    found = metrics(done.output, "measured")
    assert found["postfix_rest_requests_total found"] == 2
    assert found["postfix_rest_requests_total server-error"] == 1
    assert found["postfix_rest_responses_total 503"] == 1
    assert found["postfix_rest_request_duration_seconds_bucket +Inf"] == 3


def test_known_endpoints(stats, ask, tmp_path):
    """A known endpoint has its series before its first request, and they go on from there."""
    known = tmp_path / "endpoints"
    known.write_text("expected\ttcp-lookup\t127.0.0.1:9001\nother\tpolicy\t127.0.0.1:9002\n")
    sample = 'postfix_rest_requests_total{endpoint="expected",mode="tcp-lookup",outcome="found"}'
    state = f"--state={tmp_path / 'state.json'}"
    assert f"{sample} 0\n" in stats("--prometheus", state, f"--known={known}").output
    ask(TCP, "expected", FOUND, FOUND)
    output = stats("--prometheus", state, f"--known={known}").output
    assert f"{sample} 2\n" in output
    assert 'outcome="unusable-config"} 0\n' in output
    known.write_text("other\tpolicy\t127.0.0.1:9002\n")
    output = stats("--prometheus", state, f"--known={known}").output
    assert f"{sample} 2\n" in output, "what has counted something stays"
    assert 'endpoint="other"' in output


def test_counters_never_fall(stats, ask, journald, tmp_path):
    """With a state file, counters go on when the entries they come from are gone."""
    state, output = tmp_path / "state.json", tmp_path / "x.prom"

    def total() -> float:
        done = stats("--prometheus", f"--state={state}", f"--output={output}")
        assert done == (0, "", "")
        return metrics(output.read_text(), "kept").get("postfix_rest_requests_total found", 0)

    ask(TCP, "kept", FOUND)
    assert total() == 0, "without a state, counting begins now"
    ask(TCP, "kept", FOUND, FOUND)
    assert total() == 2
    assert total() == 2, "no entry is counted twice"
    journald.forget()
    assert json.loads(stats("--json", "--endpoint=kept").output)["requests"] == 0
    assert total() == 2, "what was counted stays"
    ask(TCP, "kept", FOUND)
    assert total() == 3
    assert state.stat().st_mode & 0o777 == 0o600
    assert output.stat().st_mode & 0o777 == 0o644
    assert {file.name for file in tmp_path.iterdir()} >= {"state.json", "state.json.lock", "x.prom"}
    assert [file for file in tmp_path.iterdir() if ".new." in file.name] == []


# -- where no journal is read


@pytest.fixture
def without_journal(tmp_path, capsys) -> Callable[..., Done]:
    """Run `stats` in this process, with an empty journal."""
    directory = tmp_path / "journal"
    directory.mkdir()

    def run(*arguments: str) -> Done:
        try:
            status = cli.main(["stats", f"--directory={directory}", *arguments])
        except SystemExit as error:
            status = error.code
        return Done(status, *capsys.readouterr())

    return run


def test_nothing(without_journal):
    """An empty journal is no error."""
    done = without_journal()
    assert (done.status, done.errors) == (0, "")
    assert done.output.endswith("No requests.\n")
    assert without_journal("--prometheus") == (0, "", "")


@pytest.mark.parametrize("content", ["", "{}", '{"version": 0}', "[]", "\xff"])
def test_an_unusable_state(without_journal, tmp_path, content):
    """A state of something else is neither used nor overwritten; it says what to do."""
    state = tmp_path / "state.json"
    state.write_text(content, encoding="latin-1")
    done = without_journal("--prometheus", f"--state={state}")
    assert (done.status, done.output) == (1, "")
    assert "remove it, and the counters restart at 0" in done.errors
    assert state.read_text(encoding="latin-1") == content


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--since=soon"], "'soon' is not a time; known forms are -1h"),
        (["--since=now", "--until=-1h"], "--since is later than --until"),
        (["--state=x"], "--state requires --prometheus"),
        (["--known=x"], "--known requires --prometheus"),
        (["--prometheus", "--state=x", "--endpoint=a"], "--state cannot be combined with"),
        (["--follow", "--until=now"], "--follow cannot be combined with"),
        (["--by=login", "--prometheus"], "--by cannot be combined with"),
        (["--compare", "--by=login"], "--compare cannot be combined with"),
        (["--compare", "--follow"], "--compare cannot be combined with"),
        (["--by=key"], "invalid choice"),
        (["--fail-above=1"], "'1' is not a percentage such as 1%"),
        (["--fail-above=1%", "--prometheus"], "--fail-above cannot be combined with"),
        (["--fail-above=1%", "--follow"], "--fail-above cannot be combined with"),
        (["--json", "--prometheus"], "not allowed with"),
    ],
)
def test_wrong_command_lines(without_journal, arguments, words):
    """A wrong command line is told, with status 2."""
    done = without_journal(*arguments)
    assert (done.status, done.output) == (2, "")
    assert words in done.errors


def test_no_journal(without_journal):
    """A directory that is none is told, with status 1."""
    done = without_journal("--directory=/nonexistent")
    assert (done.status, done.output) == (1, "")
    assert done.errors == (
        "postfix-rest-inetd: /nonexistent cannot be opened: No such file or directory\n"
    )


@pytest.mark.parametrize(
    "environment, colourful",
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)],
)
def test_colour(tmp_path, environment, colourful):
    """On a terminal there is colour, unless it cannot have any or nobody wants it."""
    main, theirs = os.openpty()
    subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "stats", f"--directory={tmp_path}"],
        cwd=package_parent(),
        env={"PATH": os.environ["PATH"], **environment},
        stdout=theirs,
        timeout=WAIT_SEC,
        check=True,
    )
    os.close(theirs)
    said = os.read(main, 10_000).decode()
    os.close(main)
    assert ("\x1b[1mpostfix-rest-inetd, from " in said) == colourful
    assert "postfix-rest-inetd, from " in said


def test_runs_that_overlap(tmp_path):
    """Metrics are published while the state is locked: older ones cannot replace newer ones."""
    locked = []

    def publish(_counters: object) -> None:
        with (tmp_path / "state.json.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                locked.append((tmp_path / "state.json").exists())

    with Journal(str(tmp_path)) as journal:
        metrics_state.update(journal, str(tmp_path / "state.json"), None, publish)
    assert locked == [True]


def test_a_report_is_private(without_journal, tmp_path):
    """A report has addresses in it, so its file is closed to others; an older file is replaced."""
    file = tmp_path / "report.json"
    file.write_text("older")
    file.chmod(0o666)
    assert without_journal("--json", f"--output={file}") == (0, "", "")
    assert json.loads(file.read_text())["requests"] == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_place_for_the_output(without_journal):
    """An output that cannot be written is told, with status 1."""
    done = without_journal("--prometheus", "--output=/nonexistent/x.prom")
    assert done.status == 1
    assert "/nonexistent/x.prom" in done.errors
    assert not Path("/nonexistent").exists()


CHECK = """
import sys, time
from postfix_rest_inetd.admin.checks import failures
from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.statistics.lost import DROPPED_ID
class Named:
    name = sys.argv[2]
failures.Journal = lambda: Journal("/run/log/journal")
failures.MAX_ENTRIES = int(sys.argv[1])
for found in failures.findings([Named], time.time()):
    print(found.what)
"""
LAST = r"3 requests failed in the last hour, the last one at [0-9:]{8}; "
MORE = r"more than 2 requests failed in the last hour, these until [0-9:]{8}; "


def test_check_reads_no_more_than(journald, ask):
    """`check --probe` stops reading at some number, and does not take the last read for the last.

    The place of the journal and the number are the test's; the rest is what an operator gets.
    """
    ask(TCP, "often", BROKEN, FOUND, BROKEN, BROKEN)
    failed = [entry for entry in journald.entries() if int(entry.get("PRIORITY", 7)) <= 4]
    others = sum(entry.get("POSTFIX_REST_ENDPOINT") != "often" for entry in failed)

    assert re.match(LAST, told_by_check(journald, "often", others + 3))
    assert re.match(MORE, told_by_check(journald, "often", others + 2))


FORGE = """
import sys, json
from systemd.journal import sendv
sendv("SYSLOG_IDENTIFIER=postfix-rest-inetd", *[f"{n}={v}" for n, v in json.loads(sys.argv[1])])
"""


def test_check_tells_of_stale_answers(journald, ask):
    """An answer that was stale is not told as a failure, but told."""
    ask(TCP, "aged", FOUND, BROKEN)
    first = next(e for e in journald.entries() if e.get("POSTFIX_REST_ENDPOINT") == "aged")
    fields = {name: value for name, value in first.items() if name.startswith("POSTFIX_REST_")}
    fields |= {"POSTFIX_REST_SOURCE": "stale", "POSTFIX_REST_AGE": "70", "PRIORITY": "4"}
    fields["POSTFIX_REST_DETAIL"] = "connection refused"
    sent = json.dumps([("MESSAGE", "x"), *fields.items()])
    program = [*journald.prefix, sys.executable, "-c", FORGE, sent]
    subprocess.run(program, cwd=package_parent(), timeout=WAIT_SEC, check=True)
    journald.entries()
    failed, stale = told_by_check(journald, "aged", 10_000).splitlines()
    assert failed.startswith("1 request failed in the last hour, ")
    assert re.fullmatch("1 request got a stale answer in .*; connection refused", stale)


def told_by_check(journald, name: str, most: int) -> str:
    """What `check --probe` says of the failures of an endpoint."""
    done = subprocess.run(
        [*journald.prefix, sys.executable, "-c", CHECK, str(most), name],
        cwd=package_parent(),
        capture_output=True,
        text=True,
        timeout=WAIT_SEC,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_check_tells_why(journald, ask, handler_for):
    """Of failures, `check --probe` tells the most frequent cause; of broken requests, that too."""
    ask(TCP, "cut", hang_up, hang_up, BROKEN)
    most_often = (
        "3 requests failed .* most often \\(2\\) failed while waiting .*closed the connection"
    )
    assert re.match(most_often, told_by_check(journald, "cut", 10_000))
    for _ in range(2):
        handler = handler_for(TCP, launch_with={"prefix": journald.prefix}, name="clumsy")
        handler.send(b"put x\n")
        handler.result()
    journald.entries()
    told = told_by_check(journald, "clumsy", 10_000)
    assert re.search("2 requests failed .*; broken request: .*get", told), told


def test_an_unusable_configuration(stats, launch, journald):
    """All requests that it has cost have one cause, which is why it cannot be used."""
    handler = launch("--config", "/nowhere", "--mode", TCP, prefix=journald.prefix)
    handler.send(REQUEST[TCP] * 3)
    assert handler.finish().status == 0
    document = json.loads(stats("--json").output)
    causes = [cause for cause in document["causes"] if "/nowhere" in cause["cause"]]
    assert [(cause["outcome"], cause["count"]) for cause in causes] == [("unusable-config", 3)]
