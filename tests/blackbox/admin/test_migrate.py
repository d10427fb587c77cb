# SPDX-License-Identifier: MIT
"""The command `migrate`: what it says of a configuration of postfix-rest-connector.

That its commands do what they should is for tests/integration/test_migrate.py.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from unit.config.test_loading import UPSTREAM

from harness.advice import offences
from harness.endpoints import raw_endpoint
from harness.modes import POLICY, SOCKETMAP
from postfix_rest_inetd.admin.host import postconf as postfix_settings

needs_postconf = pytest.mark.skipif(not postfix_settings.is_installed(), reason="no postconf(1)")


def run(path: Path, content: bytes, postfix: Path | None = None) -> tuple[int, str, list[str]]:
    """The exit status, what is told, and the commands with their comments.

    `postfix` is the directory of a main.cf; without one, that of conftest.py.
    """
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "migrate", path],
        env={**os.environ, **({"MAIL_CONFIG": str(postfix)} if postfix else {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told, _, commands = done.stdout.partition("\n# 1. ")
    return done.returncode, told, commands.splitlines()[1:]


def migrate(path: Path, content: bytes, postfix: Path | None = None) -> tuple[int, str, list[str]]:
    """The same without the comments."""
    status, told, lines = run(path, content, postfix)
    return status, told, [line for line in lines if not line.startswith("#")]


def main_cf(directory: Path, text: str) -> Path:
    """A directory with this main.cf."""
    directory.mkdir()
    (directory / "main.cf").write_text(f"compatibility_level = 3.6\n{text}", encoding="utf-8")
    (directory / "master.cf").touch()
    return directory


def settings(lines: list[str]) -> list[str]:
    """The commands that change main.cf."""
    return [line for line in lines if line.startswith("postconf")]


def encoded(*entries: dict[str, object]) -> bytes:
    """A configuration with these endpoints."""
    return json.dumps({"endpoints": entries}).encode()


def test_sample(tmp_path: Path) -> None:
    """The sample of its documentation, and no main.cf: nothing to be mended, and every step."""
    path = tmp_path / "config.json"
    status, told, lines = run(path, UPSTREAM, tmp_path / "no-main.cf")
    commands = [line for line in lines if not line.startswith("#")]
    assert status == 0
    add = "# Postfix cannot be asked here for its settings; add to the end of "
    tables = "tcp:127.0.0.1:9001, socketmap:inet:127.0.0.1:9002:domain"
    assert f"{add}virtual_mailbox_domains: {tables}" in lines
    policy = "after reject_unauth_destination if it is there: "
    policy += "check_policy_service inet:127.0.0.1:9003"
    assert f"{add}smtpd_recipient_restrictions, {policy}" in lines
    assert "listens at every address" in told
    assert "domain-lookup (0.0.0.0:9003): a 4xx of the backend bounces mail" in told
    kinds = ("tcp", "socketmap", "policy")
    assert commands == [
        f"install -m 0640 -o root -g postfix-rest-inetd {path} /etc/postfix-rest-inetd/config.json",
        "postfix-rest-inetd check --only config,files",
        "systemctl daemon-reload",
        f"systemctl enable {' '.join(f'postfix-rest-{kind}@.socket' for kind in kinds)}",
        f"systemctl start {' '.join(f'postfix-rest-{kind}@all.socket' for kind in kinds)}",
        "postfix-rest-inetd check --probe",
    ]


def test_timeout(tmp_path: Path) -> None:
    """The endpoints without a request-timeout are named, with their addresses."""
    _, told, _ = migrate(tmp_path / "c", UPSTREAM)
    (line,) = [line for line in told.splitlines() if "has no request-timeout" in line]
    assert line.startswith("note     domain-lookup (0.0.0.0:9002), domain-lookup (0.0.0.0:9003): ")


def test_what_the_daemon_does_not_know(tmp_path: Path) -> None:
    """Answers that are used again, and several targets, are named; the file stays as it is."""
    entries = [
        raw_endpoint(name="one", target=["http://127.0.0.1:1/", "http://127.0.0.1:2/"]),
        raw_endpoint(name="two", bind_port=9001, cache=False),
        raw_endpoint(name="three", bind_port=9002, mode=POLICY),
    ]
    status, told, _ = migrate(tmp_path / "c", encoded(*entries))
    assert status == 0
    notes = [line for line in told.splitlines() if line.startswith("note ")]
    again = [line for line in notes if "answers are used again" in line]
    several = [line for line in notes if "has several targets" in line]
    assert [line.split()[1:3] for line in again] == [["one", "(127.0.0.1:9000):"]]
    assert [line.split()[1:3] for line in several] == [["one", "(127.0.0.1:9000):"]]
    assert "asks http://127.0.0.1:1, else http://127.0.0.1:2" in told


def failed(path: Path) -> tuple[int, str, str]:
    """The exit status, the output and the messages, where there is nothing to be said."""
    done = subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "migrate", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_problems(tmp_path: Path) -> None:
    """What must be mended is told first, and then there are no commands."""
    path = tmp_path / "c"
    content = encoded(raw_endpoint(threads=4))
    path.write_bytes(content)
    column = content.index(b'"threads"') + 1
    problem = (
        f"{path}:1:{column}: $.endpoints[0].threads: is not a known key; did you mean headers?"
    )
    advice = "correct this in a copy first; postfix-rest-inetd.json(5) has the keys"
    told = f"postfix-rest-inetd: {problem}\npostfix-rest-inetd: {advice}\n"
    assert failed(path) == (78, "", told)


def test_no_file(tmp_path: Path) -> None:
    """There is nothing to be mended in a file that cannot be read."""
    path = tmp_path / "none"
    told = f"postfix-rest-inetd: {path}: cannot be read: No such file or directory\n"
    assert failed(path) == (78, "", told)


def test_ports_in_use(tmp_path: Path) -> None:
    """Who holds an address is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, told, _ = migrate(tmp_path / "c", encoded(raw_endpoint(bind_port=port)))
    assert status == 0
    assert f"example (127.0.0.1:{port}): its address is held by " in told


@needs_postconf
def test_names_and_places(tmp_path: Path) -> None:
    """Unix sockets, IPv6, names that must be escaped, and endpoints that are for other things."""
    content = encoded(
        raw_endpoint(name="Alias Maps", mode=SOCKETMAP, bind_path="/run/x", bind_port=...),
        raw_endpoint(name="transport", bind_address="::", bind_port=1),
        raw_endpoint(name="who knows", bind_port=2),
        raw_endpoint(name="mailbox-domain", mode=SOCKETMAP, bind_port=3),
        raw_endpoint(
            name="gate", mode=POLICY, bind_path="/run/y", bind_port=..., temporary_statuses=[401]
        ),
    )
    path = tmp_path / "it's.json"
    _, told, lines = run(path, content, main_cf(tmp_path / "etc", ""))
    assert "bounces" not in told
    assert settings(lines) == [
        "postconf -e 'virtual_alias_maps = $virtual_maps, socketmap:unix:/run/x:alias'",
        "postconf -e 'transport_maps = tcp:[::1]:1'",
        "postconf -e 'smtpd_recipient_restrictions = check_policy_service unix:/run/y'",
    ]
    assert "# The name who knows does not tell its purpose. As a table it is" in lines
    assert "#   tcp:127.0.0.1:2" in lines
    assert "#   socketmap:inet:127.0.0.1:3:domain" in lines
    assert lines[0].endswith("/it'\"'\"'s.json' /etc/postfix-rest-inetd/config.json")
    assert "#   systemctl start 'postfix-rest-tcp@who\\x20knows.socket'" in lines
    assert "#   systemctl start postfix-rest-tcp@transport.socket" in lines


@needs_postconf
def test_paths(tmp_path: Path) -> None:
    """Postfix is given a path that all of its programs find, and nothing that it cannot use."""
    queue = tmp_path / "queue"
    content = encoded(
        raw_endpoint(name="domains", bind_path="/run/x", bind_port=...),
        raw_endpoint(name="aliases", mode=SOCKETMAP, bind_path=f"{queue}/rest/a", bind_port=...),
        raw_endpoint(name="maps", mode=SOCKETMAP, bind_path="/run/a b", bind_port=...),
    )
    etc = main_cf(tmp_path / "etc", f"queue_directory = {queue}\n")
    _, _, lines = run(tmp_path / "c", content, etc)
    assert settings(lines) == [
        "postconf -e 'virtual_alias_maps = $virtual_maps, socketmap:unix:rest/a:alias'"
    ]
    at = lines.index("# domains (/run/x): Postfix cannot ask it: a tcp: table has no unix sockets.")
    assert lines[at + 1] == (
        "#   Set bind-port instead of bind-path, or the mode socketmap-lookup."
    )
    assert "# maps (/run/a b): Postfix cannot ask it: main.cf cannot name its bind-path." in lines


EVERYTHING = encoded(
    raw_endpoint(name="domains", bind_port=1),
    raw_endpoint(name="aliases", bind_port=2),
    raw_endpoint(name="more-aliases", mode=SOCKETMAP, bind_port=3),
    raw_endpoint(name="transport", bind_port=4),
    raw_endpoint(name="relay", bind_port=5),
    raw_endpoint(name="login", bind_port=6),
    raw_endpoint(name="gate", mode=POLICY, bind_port=7),
)
PRESENT = """
virtual_transport = lmtp:inet:127.0.0.1:24
virtual_alias_maps = hash:/etc/postfix/virtual,
# A comment in the middle.
    hash:$config_directory/it's
	inline:{ {a = b, "c"}, d=`e` }
transport_maps = ${foo?{hash:/a}:{hash:/b}},
relay_domains = example.com $mydestination
smtpd_recipient_restrictions =
    permit_mynetworks
    check_recipient_access pcre:{{/^x$$/ REJECT it's "so" $$(id)}}
    check_policy_service { inet:127.0.0.1:10023, timeout=1s, { default_action = DUNNO } }
"""
KEPT = {
    "virtual_mailbox_domains": "tcp:127.0.0.1:1",
    "virtual_alias_maps": "hash:/etc/postfix/virtual, hash:$config_directory/it's "
    'inline:{ {a = b, "c"}, d=`e` }, tcp:127.0.0.1:2, socketmap:inet:127.0.0.1:3:alias',
    "transport_maps": "${foo?{hash:/a}:{hash:/b}}, tcp:127.0.0.1:4",
    "relay_domains": "example.com $mydestination, tcp:127.0.0.1:5",
    "smtpd_sender_login_maps": "tcp:127.0.0.1:6",
    "smtpd_recipient_restrictions": "permit_mynetworks check_recipient_access "
    """pcre:{{/^x$$/ REJECT it's "so" $$(id)}} check_policy_service """
    "{ inet:127.0.0.1:10023, timeout=1s, { default_action = DUNNO } }, "
    "check_policy_service inet:127.0.0.1:7",
}


@needs_postconf
def test_present_values(tmp_path: Path) -> None:
    """A shell that runs the commands leaves in main.cf what was there, and ours behind it."""
    etc = main_cf(tmp_path / "etc", PRESENT)
    environment = {"PATH": f"{os.defpath}:/usr/sbin", "MAIL_CONFIG": str(etc)}
    before = subprocess.check_output(["postconf", "-n"], env=environment, text=True, timeout=60)
    _, _, lines = run(tmp_path / "c", EVERYTHING, etc)
    assert offences("\n".join(lines)) == []
    commands = settings(lines)
    assert len(commands) == len(KEPT)
    subprocess.run(["sh", "-euc", "\n".join(commands)], env=environment, check=True, timeout=60)
    after = subprocess.check_output(["postconf", "-n"], env=environment, text=True, timeout=60)
    assert {name: value_of(after, name) for name in KEPT} == KEPT
    assert set(before.splitlines()) - set(after.splitlines()) == {
        line for line in before.splitlines() if line.partition(" = ")[0] in KEPT
    }


def value_of(text: str, parameter: str) -> str:
    """A parameter's value in the output of postconf(1)."""
    (value,) = [
        line.partition(" = ")[2] for line in text.splitlines() if line.startswith(f"{parameter} =")
    ]
    return value


@needs_postconf
def test_default_is_kept(tmp_path: Path) -> None:
    """What main.cf leaves to Postfix's default goes on to be in force."""
    etc = main_cf(tmp_path / "etc", "")
    (command,) = settings(migrate(tmp_path / "c", encoded(raw_endpoint(name="relay")), etc)[2])
    default = subprocess.check_output(
        ["postconf", "-hd", "relay_domains"],
        env={"PATH": f"{os.defpath}:/usr/sbin", "MAIL_CONFIG": str(etc)},
        text=True,
        timeout=60,
    ).strip()
    assert default
    assert command == f"postconf -e 'relay_domains = {default}, tcp:127.0.0.1:9000'"


@needs_postconf
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("virtual_mailbox_maps = hash:/x\n", "$virtual_mailbox_maps, tcp:127.0.0.1:9000"),
        ("virtual_transport = lmtp:inet:127.0.0.1\n", "tcp:127.0.0.1:9000"),
    ],
)
def test_table_of_addresses_with_domains(tmp_path: Path, text: str, value: str) -> None:
    """By default, it is asked for domains as well; a table that comes later has none."""
    etc = main_cf(tmp_path / "etc", text)
    _, _, lines = run(tmp_path / "c", encoded(raw_endpoint(name="domain")), etc)
    assert settings(lines) == [f"postconf -e 'virtual_mailbox_domains = {value}'"]


@needs_postconf
@pytest.mark.parametrize(
    ("text", "name", "is_told"),
    [
        ("virtual_transport = lmtp:inet:127.0.0.1\n", "domain", True),
        ("virtual_transport = virtual\nvirtual_mailbox_maps = hash:/x\n", "domain", False),
        ("smtpd_recipient_restrictions = reject_unverified_recipient\n", "relay", False),
        ("", "relay", True),
    ],
)
def test_domains_alone(tmp_path: Path, text: str, name: str, *, is_told: bool) -> None:
    """That Postfix accepts mail to every address of new domains is said with the command."""
    etc = main_cf(tmp_path / "etc", text)
    _, _, lines = run(tmp_path / "c", encoded(raw_endpoint(name=name)), etc)
    assert len(settings(lines)) == 1
    assert (
        any(line.endswith("Postfix accepts mail to every address of") for line in lines) is is_told
    )


ENDING_IN_A_CLASS = [
    f"smtpd_restriction_classes = last\nlast = permit_mynetworks, {end}\n"
    "smtpd_recipient_restrictions = reject_unauth_destination, last\n"
    for end in ("reject", "permit")
]


@needs_postconf
@pytest.mark.parametrize(
    "text, name, comment",
    [
        ("transport_maps = hash:/caf\u00e9\n", "transport", "cannot be shown here as it is"),
        (
            "virtual_transport = virtual\n",
            "mailbox",
            "# virtual(8) refuses such tables; set another virtual_transport first",
        ),
        (
            "virtual_transport = virtual\n",
            "domain",
            "# virtual(8) refuses such tables; set another virtual_transport first",
        ),
        ("smtpd_recipient_restrictions = a, reject\n", "gate", "restrictions is never passed"),
        *((text, "gate", "restrictions is never passed") for text in ENDING_IN_A_CLASS),
    ],
)
def test_no_command(tmp_path: Path, text: str, name: str, comment: str) -> None:
    """Where a command would not do what it seems to, there is a comment."""
    mode = {"mode": POLICY} if name == "gate" else {}
    etc = main_cf(tmp_path / "etc", text)
    _, _, lines = run(tmp_path / "c", encoded(raw_endpoint(name=name, **mode)), etc)
    assert settings(lines) == []
    assert "postfix reload" not in lines
    assert [line for line in lines if comment in line and line.startswith("#")]


ASKED = "permit_mynetworks, check_policy_service inet:127.0.0.1:9000, reject"


@needs_postconf
@pytest.mark.parametrize(
    "text, keys, warned",
    [
        (f"smtpd_relay_restrictions = {ASKED}\n", {}, True),
        (f"smtpd_relay_restrictions = {ASKED}\n", {"allowed_actions": ["DUNNO", "ok"]}, True),
        (f"smtpd_relay_restrictions = {ASKED}\n", {"allowed_actions": ["DUNNO"]}, False),
        (f"smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = {ASKED}\n", {}, True),
        (f"smtpd_recipient_restrictions = {ASKED}\n", {}, False),
    ],
)
def test_open_relay_of_today(
    tmp_path: Path, text: str, keys: dict[str, object], *, warned: bool
) -> None:
    """An endpoint that is asked before the relay check, as the daemon's manual has it, is told."""
    content = encoded(raw_endpoint(name="gate", mode=POLICY, **keys))
    _, told, lines = run(tmp_path / "c", content, main_cf(tmp_path / "etc", text))
    assert ("gate is asked before the relay check" in told) is warned
    stays = [line for line in lines if line.startswith("# gate is used by smtpd_")]
    assert [line.endswith("see the warning above.") for line in stays] == [warned]
    assert settings(lines) == []
