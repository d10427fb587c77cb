# SPDX-License-Identifier: MIT
r"""The section EXAMPLES of each manual page, done as it is written, on the machine of the tutorial.

A comment before a display says what it is; one without a comment is a program for a shell that has
to succeed.

    .\" example: run after an outage    the same, when this has happened (HAPPENINGS)
    .\" example: says                   what the last program has printed; `...` is any lines
    .\" example: crontab                lines for /etc/cron.d, which report failures only
    .\" example: entry                  an endpoint for config.json, which works
    .\" example: shown                  configuration of other programs, which other tests use
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.mail import set_up
from integration.product import CONFIG, SOCKETS, USER, state, wait_until, write_config

from harness.container import Container
from harness.manual_page import PAGES, Block, examples
from harness.readme import same_shape

pytestmark = pytest.mark.one_release

TUTORIAL = Path(__file__).parents[2] / "packaging/examples/tutorial"
TOKEN_FILE = "/etc/mail-backend.token"
SECOND = "127.0.0.2"
PARAMETERS = {
    "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
    "virtual_mailbox_maps": "socketmap:inet:127.0.0.1:9002:mailbox",
    "virtual_alias_maps": "socketmap:inet:127.0.0.1:9002:alias",
    "virtual_alias_domains": "",
    "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9003",
}
BEGIN = f"""
(umask 077; echo a-token-of-the-tutorial >{TOKEN_FILE})
cd /etc/postfix-rest-inetd
for name in domains maps policy; do
    install -m 0640 -g {USER} {TOKEN_FILE} $name.token
done
systemctl daemon-reload
systemctl start mail-backend.service
systemctl enable --now {" ".join(SOCKETS)}
"""
END = "systemctl stop mail-backend.service second-backend.service 2>/dev/null || :"

_ASK = "swaks --server 127.0.0.1 --quit-after RCPT --from {} --to {} || :"
_WAIT = "until ss -Hltn 'sport = :8080' | grep -q {}; do sleep 0.1; done"
HAPPENINGS = {
    "a refusal": _ASK.format("offers@spam.example", "alice@example.org"),
    "an outage": f"""
systemctl stop mail-backend.service
{_ASK.format("someone@example.net", "bob@example.org")}
systemctl start mail-backend.service
{_WAIT.format("127.0.0.1")}""",
    "a second backend": f"""
sed s,127.0.0.1,{SECOND}, /usr/local/lib/mail_backend.py >/run/second_backend.py
systemd-run --quiet --unit=second-backend -p LoadCredential=token:{TOKEN_FILE} \\
    /usr/bin/python3 -I /run/second_backend.py
{_WAIT.format(SECOND)}""",
}
CRON = ("env", "-i", "HOME=/root", "SHELL=/bin/sh", "PATH=/usr/bin:/bin")
"""What cron(8) of Debian starts commands in."""


@pytest.fixture(scope="module")
def machine(container: Container) -> Iterator[Container]:
    """The machine at the end of the tutorial."""
    container.journal.forget()
    container.copy_in(TUTORIAL / "mail-backend.json", "/etc/mail-backend.json")
    container.copy_in(TUTORIAL / "mail_backend.py", "/usr/local/lib/mail_backend.py")
    unit = "mail-backend.service"
    container.copy_in(TUTORIAL / unit, f"/etc/systemd/system/{unit}")
    write_config(container, (TUTORIAL / "config.json").read_text(encoding="utf-8"))
    container.shell(BEGIN)
    set_up(container, PARAMETERS)
    container.shell(_WAIT.format("127.0.0.1"))
    yield container
    container.shell(END)
    container.reset()


def programs(crontab: str) -> list[list[str]]:
    """The commands in lines of /etc/cron.d, each as crontab(5) has it run, and its variables."""
    lines = crontab.splitlines()
    variables = [re.sub(r'^(\w+)="(.*)"$', r"\1=\2", line) for line in lines if '="' in line]
    found = [
        re.fullmatch(r"(?:@\w+|(?:\S+ ){4}\S+) root ((?:[^%\\]|\\%)+)", line)
        for line in lines
        if '="' not in line
    ]
    assert all(found), "a line is wrong, or has a percent sign, where cron divides it"
    commands = [match[1].replace(r"\%", "%") for match in found if match]
    return [[*CRON, *variables, "sh", "-c", command] for command in commands]


def heard(machine: Container, command: list[str]) -> str:
    """What cron(8) would send by mail."""
    done = machine.run(*command, check=False)
    return done.stdout + done.stderr


def answers(machine: Container, block: Block) -> None:
    """An entry of config.json is asked, by a handler that has nothing else."""
    entry = json.loads(block.text)
    write_config(machine, {"endpoints": [entry]})
    mode = entry["mode"]
    requests = {
        "tcp-lookup": ("get example.org\n", "200 example.org\n"),
        "socketmap-lookup": (
            "22:alias info@example.org,",
            "36:OK alice@example.org,bob@example.org,",
        ),
        "policy": ("request=smtpd_access_policy\n\n", "action=DUNNO\n\n"),
    }
    request, reply = requests[mode]
    handler = ("/usr/bin/python3", "-m", "postfix_rest_inetd", "--endpoint", entry["name"])
    assert machine.run(*handler, input=request, user=USER).stdout == reply


@pytest.mark.parametrize("page", [page.name for page in PAGES])
def test_examples(machine: Container, page: str) -> None:
    """Each command works, and prints what is shown."""
    kept = machine.read(CONFIG)
    said, alerts = "", []
    for block in examples(page):
        if block.kind == "run":
            happening = block.argument.removeprefix("after ")
            machine.shell(HAPPENINGS[happening] if happening else "")
            machine.journal.sync()
            said = machine.run("bash", "-euo", "pipefail", "-c", block.text).stdout
        elif block.kind == "says":
            assert same_shape(block.text, said), said
        elif block.kind == "crontab":
            alerts = programs(block.text)
            assert {heard(machine, alert) for alert in alerts} == {""}
        elif block.kind == "entry":
            answers(machine, block)
        else:
            assert block.kind in ("config", "shown"), block
    assert all(heard(machine, alert) for alert in alerts), "after an outage"
    write_config(machine, kept)
    machine.run("postfix-rest-inetd", "apply", "--yes")
    wait_until(lambda: [state(machine, unit) for unit in SOCKETS] == ["active"] * 3, "the sockets")
