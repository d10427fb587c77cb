# SPDX-License-Identifier: MIT
"""`query` begins with the parameters by which this machine's Postfix asks, from a real main.cf."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.postfix_instance import write_config
from harness.rest_backend import Answer, rest_backend
from postfix_rest_inetd.admin import cli

pytestmark = pytest.mark.postfix

MAIN_CF = {
    "compatibility_level": "3.6",
    "our": "socketmap:inet:127.0.0.1:9102:alias",
    "virtual_alias_maps": "hash:/etc/aliases, $our",
    "smtp_generic_maps": "$our",
    "virtual_mailbox_maps": "proxy:socketmap:inet:localhost:9102:mailbox",
    "relay_domains": "!tcp:127.0.0.1:9101, tcp:192.0.2.1:9102",
    "smtpd_restriction_classes": "ours",
    "ours": "check_recipient_access socketmap:inet:127.0.0.1:9102:alias, check_policy_service { "
    "inet:127.0.0.1:9103, timeout=9s }",
    "smtpd_sender_restrictions": "check_policy_service inet:127.0.0.1:9104",
}
MASTER_CF = """\
smtp inet n - n - - smtpd
submission inet n - n - - smtpd
  -o smtpd_sender_restrictions=CHECK_POLICY_SERVICE,inet:127.0.0.1:9103
"""
IN_USE = "\nWhat Postfix does: main.cf has this table or service in\n"
OTHERS = "\nWhat Postfix would do, where main.cf does not have it\n"
ANY = "\nWhat Postfix does, where this table or service is the value of\n"

Parts = tuple[dict[str, str], dict[str, str]]


def by_parameter(text: str) -> dict[str, str]:
    """What is said for each parameter of a part of the output."""
    found: dict[str, str] = {}
    names, told = "", ""
    for line in [*text.splitlines(), "  "]:
        if line.startswith("    "):
            told += line[3:]
            continue
        if told:
            found.update(dict.fromkeys(names.strip().removesuffix(":").split(", "), told.strip()))
            names, told = "", ""
        names = f"{names} {line.strip()}"
    return found


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A configuration with a backend that finds everything, and a main.cf beside it."""
    directory = tmp_path_factory.mktemp("query")
    write_config(directory / "etc", MAIN_CF)
    (directory / "etc/master.cf").write_text(MASTER_CF)
    modes = ["tcp-lookup", "socketmap-lookup", "policy", "policy"]
    with rest_backend() as backend:
        backend.routes = {
            "/lookup": lambda _: Answer(200, b'["c@example.net"]'),
            "/policy": lambda _: Answer(200, b"DUNNO"),
        }
        endpoints = [
            {"name": f"e{port}", "mode": mode, "auth-token": "t", "bind-port": port}
            | {"target": f"{backend.url}/{'policy' if mode == 'policy' else 'lookup'}"}
            for port, mode in enumerate(modes, 9101)
        ]
        path = directory / "config.json"
        path.write_text(json.dumps({"endpoints": endpoints}))
        yield path


@pytest.fixture
def query(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Parts]:
    """Ask the backend directly; what is told of parameters in use, and of the others."""

    def run(*arguments: str, postfix: str = str(config.parent / "etc")) -> Parts:
        monkeypatch.setenv("MAIL_CONFIG", postfix)
        assert cli.main(["query", "--direct", "--config", str(config), *arguments]) == 0
        text = capsys.readouterr().out
        assert [line for line in text.splitlines() if len(line) > 80] == []
        if IN_USE not in text:
            return {}, by_parameter(text.partition(ANY)[2])
        used, _, others = text.partition(IN_USE)[2].partition(OTHERS)
        return by_parameter(used), by_parameter(others)

    return run


def test_lookup(query: Callable[..., Parts]) -> None:
    """The parameters of this map come first; each of the others is told of once, elsewhere."""
    used, others = query("e9102", "a@example.org", "--map", "alias")
    assert list(used) == [
        "virtual_alias_maps",
        "check_recipient_access in ours",
        "smtp_generic_maps",
        "virtual_alias_domains",
    ]
    assert used["virtual_alias_maps"] == "the recipient is replaced by c@example.net"
    assert used["smtp_generic_maps"].startswith("query does not know")
    assert used["virtual_alias_domains"] == "Postfix does not ask there for an address"
    assert {"virtual_mailbox_maps", "check_*_access"} <= set(others)
    assert set(others) & set(used) == set()


def test_another_map(query: Callable[..., Parts]) -> None:
    """Another map of the endpoint is in other parameters, or in none."""
    used, others = query("e9102", "a@example.org", "--map", "mailbox")
    # Its default is $virtual_mailbox_maps (postconf(5)), and Postfix asks the table for both.
    assert list(used) == ["virtual_mailbox_maps", "virtual_mailbox_domains"]
    assert "virtual_alias_maps" in others
    used, others = query("e9102", "a@example.org", "--map", "third")
    assert used == {}
    assert {"virtual_alias_maps", "virtual_mailbox_maps"} <= set(others)


def test_domain(query: Callable[..., Parts]) -> None:
    """A table of another host with the same port is not ours."""
    used, others = query("e9101", "example.org")
    assert list(used) == ["relay_domains"]
    assert "virtual_mailbox_domains" in others


def test_policy(query: Callable[..., Parts]) -> None:
    """The restrictions in which a policy service is, also of one service of master.cf."""
    used, others = query("e9103")
    submission = "smtpd_sender_restrictions of submission/inet"
    assert set(used) == {"check_policy_service in ours", f"check_policy_service in {submission}"}
    assert others == {}
    assert list(query("e9104")[0]) == ["check_policy_service in smtpd_sender_restrictions"]


def test_no_postfix(query: Callable[..., Parts], tmp_path: Path) -> None:
    """Without a main.cf, or with one that Postfix refuses, all parameters are told of alike."""
    assert list(query("e9104", postfix="/nonexistent")[1]) == ["check_policy_service"]
    (tmp_path / "main.cf").write_text("this is no parameter\n")
    used, others = query("e9101", "example.org", postfix=str(tmp_path))
    assert used == {}
    assert "relay_domains" in others


def test_json(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for programs, in a line of ASCII; the exit status is the same."""
    monkeypatch.setenv("MAIL_CONFIG", str(config.parent / "etc"))
    line = ["query", "--json", "--direct", "--config", str(config)]
    assert cli.main([*line, "e9102", "\x1bä@example.org", "--map", "mailbox"]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    assert text.strip().isascii()
    assert text.strip().isprintable()
    found = json.loads(text)
    assert (found["key"], found["map"]) == ("\x1bä@example.org", "mailbox")
    assert found["reply"] == {"word": "OK", "text": "c@example.net"}
    assert (found["failure"], found["outcome"]) == (None, "found")
    assert sum(step["duration"] for step in found["steps"]) == found["duration"] > 0
    in_use = [each["parameters"] for each in found["effects"] if each["in_use"]]
    assert in_use == [["virtual_mailbox_maps"], ["virtual_mailbox_domains"]]
    assert cli.main([*line, "e9104"]) == 0
    assert json.loads(capsys.readouterr().out)["reply"] == {"word": "action", "text": "DUNNO"}
    assert cli.main(["query", "--json", "--config", str(config), "e9104"]) == 75  # nobody listens
    found = json.loads(capsys.readouterr().out)
    assert (found["reply"], "refused" in found["failure"]) == (None, True)
    assert cli.main([*line, "e9101", "-"]) == 2
