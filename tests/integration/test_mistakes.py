# SPDX-License-Identifier: MIT
"""Mistakes that people make (mistakes.py): each is found, put right by what is printed, and gone.

Afterwards mail is accepted: smtpd(8) asks for the domain, the mailbox, the alias and the policy. At
the end are mistakes that `check` cannot see, and what can be seen instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.good_machine import Finding, Machine
from integration.mail import ACCEPTED, UNKNOWN, rcpt
from integration.mistakes import HARMLESS, HELPERS, MISTAKES, PRINTED, USE, Harmless, Mistake
from integration.product import CONFIG, TCP, in_network, state, wait_until

from harness import scripted_backend
from harness.certificates import Authority
from harness.container_backend import answer, guarded, lookup, maps
from harness.process_group import end
from harness.unreliable import LIBRARY, Unreliable

pytestmark = pytest.mark.one_release

RECIPIENT = "info@hosted.example"
SPEAKS_TLS = "does the backend speak TLS on this port?"
SPEAKS_NO_TLS = "If the backend speaks TLS on this port, the target has to begin with https:"
TEMPORARY = 75
MAILBOX = "box@hosted.example"
KNOWN = {"hosted.example": ["x"], RECIPIENT: [MAILBOX], MAILBOX: ["x"]}
DAY = 86_400
CA = "/etc/postfix-rest-inetd/ca.pem"


def commands(found: list[Finding]) -> list[str]:
    """All commands that are printed, in their order."""
    lines = [line for each in found for line in each.advice.splitlines()]
    return [line[4:] for line in lines if line.startswith("    ")]


def use(machine: Machine, finding: Finding) -> None:
    """Put what follows `Use` into main.cf and master.cf, in the place of what is found."""
    match = re.match(
        r"Use (.*?)(?: in place of the restriction that has this table)?$", finding.advice
    )
    assert match, finding
    right = match[1].replace("NAME", "alias")
    wrong = re.match(r"(.+?)(?:: | asks )", finding.what)
    text = re.escape(wrong[1]) if wrong else r"http://[^\s,]*"
    before = r"(?:check_\w+[\s,]+)?" if right.startswith("check_policy_service ") else ""
    place = re.match(r"Postfix(?: (\S+))?: (\S+/\S+: )?", finding.where)
    assert place
    path = f"/etc/{place[1] or 'postfix'}/{'master' if place[2] else 'main'}.cf"
    if place[2]:
        right = right.replace(" ", ",")
    content = machine.container.read(path)
    changed = re.sub(rf"(?<![\w:.]){before}{text}", right, content)
    assert changed != content
    machine.container.write(path, changed)


def put_right(machine: Machine, mistake: Mistake, found: list[Finding]) -> None:
    """Do what is printed; then what is printed about the sockets, because addresses may change."""
    printed = commands(found)
    if printed:
        machine.shell("\n".join(printed))
    if mistake.remedy == USE:
        for each in found:
            if each.advice.startswith("Use "):
                use(machine, each)
    elif mistake.remedy != PRINTED:
        machine.shell(HELPERS + mistake.remedy)
    else:
        assert printed
    if mistake.part in ("sockets", "postfix") and "bind-" in mistake.remedy:
        machine.shell("\n".join(commands(machine.troubles("--only=sockets"))))


@pytest.fixture
def served(machine: Machine) -> Iterator[Machine]:
    """The good machine, whose backend knows a recipient."""
    machine.backend.set_routes({"/lookup": lookup(KNOWN), "/policy": answer("DUNNO")})
    machine.shell("rm -rf /etc/postfix-rest-inetd/token")
    yield machine
    machine.shell(f"[ ! -d {CONFIG} ] || rmdir {CONFIG}")


def is_served(machine: Machine) -> None:
    """Postfix accepts mail for a recipient that the backend knows."""
    machine.container.run("postfix", "reload")
    assert rcpt(machine.container, RECIPIENT) == ACCEPTED


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake(served: Machine, mistake: Mistake) -> None:
    """It is found; what is printed about it, done word for word, is all that has to be done."""
    served.shell(HELPERS + mistake.program)
    found = served.troubles(f"--only={mistake.part}")
    assert any(
        each.severity == mistake.severity
        and each.where.startswith(mistake.where)
        and mistake.words in each.what
        for each in found
    ), found
    put_right(served, mistake, found)
    left = served.troubles()
    assert [each for each in left if each.severity != "note" or mistake.words in each.what] == []
    is_served(served)


@pytest.mark.parametrize("harmless", HARMLESS.values(), ids=HARMLESS)
def test_harmless(served: Machine, harmless: Harmless) -> None:
    """Nothing is found, and rightly so."""
    served.shell(HELPERS + harmless.program)
    try:
        assert served.troubles() == []
        is_served(served)
    finally:
        served.shell(HELPERS + harmless.undone)


# -- backends

PAGE = answer("<!DOCTYPE html>\n<title>Sign in</title>\n")
LOGIN = answer(status=302, headers={"Location": "https://login.example/"})
BACKENDS = {
    "a web page": (PAGE, "the body of the response is HTML or XML; does the target lead to a web"),
    "a login": (LOGIN, "status 302"),
    "another token": (guarded(lookup(KNOWN), "another-token"), "status 403"),
}


@pytest.mark.parametrize("name", BACKENDS)
def test_backend(served: Machine, name: str) -> None:
    """It is found before mail comes; mail that comes waits, and is accepted afterwards."""
    route, words = BACKENDS[name]
    served.backend.set_routes({"/lookup": route, "/policy": answer("DUNNO")})
    served.forget_failures()
    found = [each for each in served.troubles("--probe") if each.where.endswith(": backend")]
    assert {each.where for each in found} == {"domains: backend", "maps: backend", "local: backend"}
    assert all(each.severity == "error" and words in each.what and each.advice for each in found)
    for command in commands(found):
        asked = served.container.run("sh", "-c", command, check=False)
        assert asked.returncode == TEMPORARY
        assert "HTML or XML" in asked.stdout
    assert rcpt(served.container, RECIPIENT).startswith(("451 4.3.0 ", "451 4.3.5 "))
    failed = [each for each in served.troubles("--probe") if each.where.endswith(": journal")]
    served.shell("\n".join(commands(failed)))
    assert any("see what failed and why" in each.advice for each in failed)
    served.backend.set_routes({"/lookup": lookup(KNOWN), "/policy": answer("DUNNO")})
    served.forget_failures()
    assert served.troubles("--probe") == []
    is_served(served)


def test_tls(served: Machine, tmp_path: Path) -> None:
    """The wrong scheme for the port of a backend, and a clock that is wrong by a day."""
    authority, clock = Authority(tmp_path), Unreliable(served.container)
    served.container.write(CA, authority.ca_file.read_bytes())
    context = authority.server("127.0.0.1", days=0.5, since_days=0.5)
    not_found = scripted_backend.answer(404)
    secure = in_network(
        served.container,
        lambda: scripted_backend.ScriptedBackend(default=not_found, tls=context),
    )

    def told(target: str, *, ca_file: str | None = None, wall_sec: float = 0) -> str:
        """What check, whose clock is wrong, says of the backend; empty if nothing is wrong."""
        served.write(domains={"target": target, **({"tls-ca-file": ca_file} if ca_file else {})})
        clock.wall_sec = wall_sec
        clock.apply()
        command = ["postfix-rest-inetd", "check", "--only=probe", "--json"]
        done = served.container.run("env", f"LD_PRELOAD={LIBRARY}", *command, check=False)
        found = [Finding(**each) for each in json.loads(done.stdout)["findings"]]
        return "; ".join(
            f"{each.severity}: {each.what}; {each.advice}"
            for each in found
            if each.where == "domains: backend" and each.severity != "ok"
        )

    with secure:
        right, plain = secure.url("/lookup"), served.backend.url("/lookup")
        assert SPEAKS_TLS in told(plain.replace("http:", "https:"), ca_file=CA)
        assert SPEAKS_NO_TLS in told(right.replace("https:", "http:"))
        assert "renew the backend's certificate, if the clock of this machine is right" in told(
            right, ca_file=CA, wall_sec=DAY
        )
        assert "not yet valid; check the clock of this machine" in told(
            right, ca_file=CA, wall_sec=-DAY
        )
        assert told(right, ca_file=CA).startswith("warning: the certificate of")
    assert "1440 minutes behind the clock of this machine" in told(plain, wall_sec=DAY)
    assert "1440 minutes ahead of the clock of this machine" in told(plain, wall_sec=-DAY)
    assert told(plain) == ""
    is_served(served)


# -- another program


def test_a_port_of_another_program(served: Machine) -> None:
    """It is stopped, as the advice says, and the printed command starts the socket."""
    served.container.run("systemctl", "stop", TCP)
    hold = "import socket, time; s = socket.create_server(('127.0.0.1', 9001)); time.sleep(99)"
    with served.container.popen("python3", "-c", hold) as other:
        try:
            wait_until(lambda: "9001" in served.shell("ss -ltn"), "the other program")
            served.container.run("systemctl", "start", TCP, check=False)
            wait_until(lambda: state(served.container, TCP) == "failed", "the failure")
            found = served.trouble("--only=sockets")
        finally:
            end(other)
    assert found.advice.startswith("Stop python3, or choose another address for domains.")
    served.shell("\n".join(commands([found])))
    assert served.troubles() == []
    is_served(served)


def test_another_program_at_localhost(served: Machine) -> None:
    """It listens at the other address of the name, and the advice names the right one."""
    hold = "import socket, time; s = socket.create_server(('::1', 9002), family=10); time.sleep(99)"
    with served.container.popen("python3", "-c", hold) as other:
        try:
            wait_until(lambda: "[::1]:9002" in served.shell("ss -ltn"), "the other program")
            found = served.trouble("--only=postfix")
            assert found.severity == "error"
            assert "localhost is also [::1]:9002, where python3 (pid " in found.what
            assert found.advice == "Write 127.0.0.1:9002 in place of localhost."
            served.shell("sed -i s/localhost:9002/127.0.0.1:9002/ /etc/postfix/main.cf")
            assert served.troubles() == []
            is_served(served)
        finally:
            end(other)


# -- what `check` cannot see


def test_a_map_that_the_backend_does_not_have(served: Machine) -> None:
    """A backend says 404 for it, as for an address that is not there: mail is refused.

    Only the backend knows its maps. The name can be seen in the journal.
    """
    routes = maps({"mailbox": lookup(KNOWN), "alias": lookup({})})
    served.backend.set_routes(
        {"/domains": lookup(KNOWN), "/lookup": routes, "/policy": answer("DUNNO")}
    )
    served.write(domains={"target": served.backend.url("/domains")})
    table = "proxy:socketmap:inet:127.0.0.1:9002:Mailbox"
    served.container.run("postconf", "-e", f"virtual_mailbox_maps={table}")
    served.forget_failures()
    assert served.troubles("--probe") == []
    served.container.run("postfix", "reload")
    since = served.container.journal.cursor()
    reply = rcpt(served.container, MAILBOX)
    assert reply == UNKNOWN.format(MAILBOX)
    entries = served.container.journal("POSTFIX_REST_MAP=Mailbox", since=since)
    assert {each["POSTFIX_REST_OUTCOME"] for each in entries} == {"not-found"}
    right = table.replace("Mailbox", "mailbox")
    served.container.run("postconf", "-e", f"virtual_mailbox_maps={right}")
    served.container.run("postfix", "reload")
    assert rcpt(served.container, MAILBOX) == ACCEPTED
