# SPDX-License-Identifier: MIT
"""`query`, `stats`, `status` and `cache` as the operator uses them: all around them is real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.mail import rcpt, set_up
from integration.product import (
    SOCKETS,
    TCP,
    configure,
    connect,
    endpoint,
    read_line,
    show,
    start,
    state,
    wait_until,
    write_config,
)

from harness.container import Container
from harness.container_backend import Backend, answer, lookup

ROUTES = {
    "/domains": lookup({"hosted.example": ["hosted.example"]}),
    "/maps": lookup({"user@hosted.example": ["x"], "denied@hosted.example": 401}),
    "/policy": answer("DUNNO"),
}
TIMER, SERVICE = (f"export-postfix-rest-metrics.{kind}" for kind in ("timer", "service"))
COLLECTOR = "/var/lib/prometheus/node-exporter"
METRICS = f"{COLLECTOR}/postfix-rest-inetd.prom"
STATE = "/var/lib/postfix-rest-inetd-metrics/counters.json"
COMMAND = "postfix-rest-inetd"


def endpoints(backend: Backend) -> list[dict[str, Any]]:
    """One of each kind."""
    path = "/var/spool/postfix/rest/maps"
    return [
        endpoint("domains", port=9001, target=backend.url("/domains")),
        endpoint("maps", "socketmap-lookup", bind_path=path, target=backend.url("/maps")),
        endpoint("gate", "policy", port=9003, bind_address="::", target=backend.url("/policy")),
    ]


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, an endpoint of each kind, and a Postfix that asks them all."""
    with clean_container.backend(ROUTES) as running:
        configure(clean_container, *endpoints(running))
        start(clean_container, *SOCKETS)
        yield running


def query(container: Container, *arguments: str, status: int = 0) -> str:
    """What the command says, as one paragraph; its exit status must be STATUS."""
    done = container.run(COMMAND, "query", *arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_query_says_what_postfix_does(clean_container: Container, backend: Backend) -> None:
    """Each kind of endpoint is asked where systemd listens, and Postfix does what is told."""
    container = clean_container
    set_up(
        container,
        {
            "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
            "virtual_mailbox_maps": "socketmap:unix:rest/maps:mailbox",
            "smtpd_recipient_restrictions": "check_policy_service inet:[::1]:9003",
        },
    )
    assert "virtual_alias_domains, relay_domains, mydestination: match" in query(
        container, "domains", "hosted.example"
    )
    found = query(container, "maps", "user@hosted.example", "--map=mailbox")
    assert "connecting to /var/spool/postfix/rest/maps" in found
    assert "the recipient exists" in found
    assert "no decision" in query(container, "gate", "--attribute=recipient=user@hosted.example")
    assert rcpt(container, "user@hosted.example") == "250 2.1.5 Ok"

    missing = query(container, "maps", "nobody@hosted.example", "--map=mailbox", status=1)
    said = rcpt(container, "nobody@hosted.example").replace(
        "<nobody@hosted.example>", "<recipient>"
    )
    assert said.removesuffix(" in virtual mailbox table") in missing
    denied = query(container, "maps", "denied@hosted.example", "--map=mailbox", status=75)
    assert rcpt(container, "denied@hosted.example") in denied
    assert "outcome user-error" in query(
        container, "maps", "denied@hosted.example", "--map=mailbox", "--direct", status=75
    )
    assert backend.requests[-1].path == "/maps"


def test_query_without_a_socket(clean_container: Container, backend: Backend) -> None:
    """A socket that is down is named, with its unit."""
    clean_container.run("systemctl", "stop", TCP)
    said = query(clean_container, "domains", "hosted.example", status=75)
    assert f"nobody listens there: systemctl status {TCP}" in said
    assert backend.requests == []


def test_query_may_not(clean_container: Container, backend: Backend) -> None:
    """Who may not read the configuration, or use the socket, is told so."""
    done = clean_container.run(COMMAND, "query", "domains", "x", user="nobody", check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert "Permission denied" in done.stderr
    copy = "/tmp/config.json"
    clean_container.run("install", "-m644", "/etc/postfix-rest-inetd/config.json", copy)
    arguments = (COMMAND, "query", "--config", copy, "maps", "x", "--map=m")
    done = clean_container.run(*arguments, user="nobody", check=False)
    assert done.returncode == 75
    assert "ask as root" in " ".join(done.stdout.split())
    assert backend.requests == []


def test_stored_answers(clean_container: Container, backend: Backend) -> None:
    """What handlers in their sandbox have stored is shown and removed by root; they go on with it.

    No other user may see it.
    """
    container = clean_container
    permitted = {"max-age": 600, "stale-if-error": 600}
    target = backend.url("/domains")
    configure(container, endpoint("domains", port=9001, target=target, cache=permitted))
    key = ("domains", "hosted.example")
    begin = f"--since=@{float(container.run('date', '+%s.%N').stdout):.6f}"
    asked, stored = "source the backend, which was asked", "source a stored answer, "
    assert asked in query(container, *key)
    assert stored in query(container, *key)
    assert asked in query(container, *key, "--fresh")
    assert stored in query(container, *key)
    (found,) = json.loads(container.run(COMMAND, "cache", "list", "domains", "--json").stdout)
    assert (found["key"], found["outcome"], found["use"]) == (key[1], "found", "fresh")
    container.journal.sync()
    (domains,) = json.loads(container.run(COMMAND, "cache", begin, "--json").stdout)["endpoints"]
    assert (domains["entries"], domains["fresh"]) == (1, 1)
    assert domains["answers"] == {"backend": 2, "stored": 2, "stale": 0}
    done = container.run(COMMAND, "cache", user="nobody", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "only its owner postfix-rest-inetd and root may use it" in done.stderr

    removed = container.run(COMMAND, "cache", "purge", *key).stdout
    assert removed == "Removed 1 stored answer of domains for hosted.example.\n"
    assert asked in query(container, *key)
    assert stored in query(container, *key)
    assert container.run(COMMAND, "cache", "purge").stdout == "Removed 1 stored answer.\n"
    assert asked in query(container, *key)
    assert stored in query(container, *key)
    assert len(backend.requests) == 4
    foreign = ["find", "/var/cache/postfix-rest-inetd", "!", "-user", "postfix-rest-inetd"]
    assert container.run(*foreign).stdout == ""


def ask(container: Container, *keys: str) -> None:
    """Lookups, each with an entry in the journal when this returns."""
    text = "".join(f"{key}\n" for key in keys)
    container.run(COMMAND, "query", "domains", "-", input=text, check=False)
    container.journal.sync()


def test_stats(clean_container: Container, backend: Backend) -> None:
    """What the handlers have logged since the test began is counted, with root's own journal."""
    container = clean_container
    since = f"--since=@{float(container.run('date', '+%s.%N').stdout):.6f}"
    ask(container, "hosted.example", "foreign.example", "hosted.example")
    container.run(COMMAND, "query", "gate")
    container.journal.sync()
    document = json.loads(container.run(COMMAND, "stats", since, "--json").stdout)
    assert document["outcomes"] == {"found": 2, "not-found": 1, "action": 1}
    assert document["busiest"]["key"][0]["key"] == "hosted.example"
    # Right after the installation, a handler starts over, since modules may still be replaced.
    starts = [each for each in document["starts"].values() if each and each["buckets"]]
    counts = [count for each in starts for _, count in each["buckets"]]
    assert sum(counts) == 2, "one for each connection"
    assert all(1_000 < each["p50"] <= each["max"] < 30_000_000 for each in starts)
    report = container.run(COMMAND, "stats", since).stdout
    assert "\n4 requests, " in report
    assert "; 0 failed\n" in report
    this_boot = container.run(COMMAND, "stats", "--prometheus").stdout
    assert 'postfix_rest_requests_total{endpoint="domains",mode="tcp-lookup",' in this_boot
    assert len(backend.requests) == 4


def test_stats_may_not(clean_container: Container) -> None:
    """Who cannot read the journal sees nothing, and is told why."""
    done = clean_container.run(COMMAND, "stats", user="nobody")
    assert done.stdout.endswith("No requests.\n")
    assert "systemd-journal" in done.stderr


def test_metrics_for_node_exporter(clean_container: Container, backend: Backend) -> None:
    """The service writes metrics where node_exporter looks for them, from within its sandbox."""
    container = clean_container
    container.run("systemctl", "start", SERVICE)
    assert container.run("test", "-e", METRICS, check=False).returncode != 0, "no node_exporter"
    container.run("mkdir", "-p", COLLECTOR)
    container.run("rm", "-f", STATE)
    try:
        ask(container, "hosted.example")
        container.run("systemctl", "start", SERVICE)
        labels = 'endpoint="domains",mode="tcp-lookup"'
        found = f'postfix_rest_requests_total{{{labels},outcome="found"}} '
        assert f"{found}0\n" in container.read(METRICS), "counting begins now"
        ask(container, "hosted.example", "foreign.example", "hosted.example")
        write_config(container, "{")
        container.run("systemctl", "start", SERVICE)
        assert f"{found}2\n" in container.read(METRICS)
        gate = 'endpoint="gate",mode="policy",outcome="timeout"'
        metrics = container.read(METRICS)
        assert f"{{{gate}}} 0\n" in metrics, "known although the configuration is broken now"
        assert 'endpoint="",mode="policy",outcome="unusable-config"} 0\n' in metrics
        configure(container, *endpoints(backend))
        container.run("journalctl", "--rotate")
        container.run("journalctl", "--vacuum-files=1")
        container.run("systemctl", "start", SERVICE)
        assert f"{found}2\n" in container.read(METRICS)
        ask(container, "hosted.example")
        container.run("systemctl", "start", SERVICE)
        assert f"{found}3\n" in container.read(METRICS)
        modes = container.run("stat", "-c", "%a %U", METRICS, STATE).stdout
        assert modes == "644 root\n600 root\n"
        listed = container.run("ls", COLLECTOR).stdout
        assert listed == "postfix-rest-inetd.prom\n"
    finally:
        container.run("rm", "-rf", COLLECTOR, "/var/lib/postfix-rest-inetd-metrics")
    assert len(backend.requests) == 5


def test_the_timer(clean_container: Container) -> None:
    """The timer is there, not enabled, and starts the service when it is."""
    container = clean_container
    enabled = container.run("systemctl", "is-enabled", TIMER, check=False).stdout
    assert enabled == "disabled\n"
    container.run("systemd-analyze", "verify", "--man=no", TIMER, SERVICE)
    assert show(container, SERVICE, "DropInPaths") == {"DropInPaths": ""}
    container.write(
        f"/run/systemd/system/{TIMER}.d/soon.conf",
        "[Timer]\nOnCalendar=\nOnActiveSec=0\nRandomizedDelaySec=0\nAccuracySec=1us\n",
    )
    container.run("mkdir", "-p", COLLECTOR)
    container.run("systemctl", "daemon-reload")
    try:
        container.run("systemctl", "enable", "--now", TIMER)
        wait_until(
            lambda: container.run("test", "-e", METRICS, check=False).returncode == 0,
            "the metrics",
        )
        assert state(container, TIMER) == "active"
    finally:
        container.run("systemctl", "disable", "--now", TIMER)
        container.run("rm", "-rf", COLLECTOR, "/var/lib/postfix-rest-inetd-metrics")


def status_of(container: Container, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status, and the document."""
    done = container.run(COMMAND, "status", "--json", *options, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.one_release
def test_status(clean_container: Container, backend: Backend) -> None:
    """What listens, who is connected and sleeps, and what fails is seen as it is, and by whom."""
    container = clean_container
    container.shell("journalctl --rotate && journalctl --vacuum-size=1 2>&1")
    container.run("systemctl", "enable", *SOCKETS)
    nap, *others = endpoints(backend)
    configure(container, {**nap, "hibernate-after": 1}, *others)
    with connect(container, 9001) as client, connect(container, 9003):
        client.sendall(b"get hosted.example\n")
        assert read_line(client) == b"200 hosted.example\n"
        wait_until(
            lambda: (
                [each["hibernating"] for each in status_of(container)[1]["endpoints"]] == [1, 0, 0]
            ),
            "one handler that hibernates",
        )
        status, seen = status_of(container)
    assert (status, seen["ok"], seen["findings"], seen["notes"]) == (0, True, [], [])
    assert [each["open"] for each in seen["endpoints"]] == [1, 0, 1]
    assert [each["requests"] for each in seen["endpoints"]] == [1, 0, 0]
    assert set(seen["versions"]) == {COMMAND, "Python", "urllib3", "systemd", "Postfix"}
    shown = container.run(COMMAND, "status").stdout
    assert "all endpoints listen, and nothing failed\n" in shown
    assert "up, answered at" in shown
    # Another user sees less, and is told so.
    other = container.run(COMMAND, "status", user="nobody", check=False)
    assert other.returncode == 77
    assert "nothing is wrong, as far as this user may see\n" in other.stdout
    assert "note: endpoints are not known" in other.stdout
    container.run("systemctl", "stop", SOCKETS[2])
    status, seen = status_of(container)
    assert (status, [each["listening"] for each in seen["endpoints"]]) == (1, [True, True, False])
    assert [finding["where"] for finding in seen["findings"]] == [SOCKETS[2]]
