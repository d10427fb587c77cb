# SPDX-License-Identifier: MIT
"""Commands that show something, as help, status, trace and the journal print them: each one works.

Commands that change something are carried out where what they mend is broken: test_check_fixes.py,
test_mistakes.py, test_apply.py, test_migrate.py, test_setup.py.
"""

from __future__ import annotations

import re
import subprocess

import pytest
from integration.good_machine import Machine
from integration.mistakes import HELPERS
from integration.product import NOT_FOUND, POLICY, TCP, ask, endpoint, state, write_config

from harness import advised
from harness.container_backend import answer, lookup
from harness.process_group import end
from postfix_rest_inetd.admin.checks import failures
from postfix_rest_inetd.admin.commands import query, stats, trace
from postfix_rest_inetd.admin.overview.remedies import EXPLAIN, REMEDIES
from postfix_rest_inetd.units.advice import command

pytestmark = pytest.mark.one_release

REQUEST_ID = re.compile(r"POSTFIX_REST_REQUEST_ID=(\S+)")


def examples(epilog: str) -> str:
    """The commands of a help text."""
    return epilog.partition("examples:\n")[2].partition("\n\n")[0]


def test_help(machine: Machine) -> None:
    """The examples of `--help`, with endpoints of these names, and the timer of `stats`."""
    machine.write(gate={"name": "policy"}, maps={"bind-port": 9002})
    machine.backend.set_routes({"/lookup": lookup(FOUND), "/policy": answer("DUNNO")})
    asked = examples(query.EPILOG)
    assert asked.count("postfix-rest-inetd query ") == 5
    said = machine.shell(f"cd /run; echo example.org >domains.txt; {asked}")
    assert said.count("box@example.org") >= 2
    assert "DUNNO" in said
    for line in examples(trace.EPILOG).splitlines():
        machine.shell(f"{line} || [ $? = 1 ]")  # the journal has nothing about them
    (enabling,) = re.findall(r"(?m)^  (systemctl .*)$", stats.EPILOG)
    machine.shell(f"{enabling}; {enabling.replace('enable', 'disable')}")


FOUND = {"example.org": ["box@example.org"], "info@example.org": ["box@example.org"]}


def test_remedies(machine: Machine) -> None:
    """What status, trace, check and the journal name, after a failure."""
    machine.backend.set_routes({"/lookup": answer(status=500), "/policy": answer("DUNNO")})
    assert ask(machine.container, 9001, b"get x.example\n").startswith(b"400 ")
    machine.container.journal.sync()
    entry = machine.shell(EXPLAIN)
    assert "x.example" in entry
    assert "The backend" in entry
    for line in [*failures.MORE.splitlines(), query.JOURNAL]:
        assert "domains" in machine.shell(line)
    machine.shell("journalctl -t postfix-rest-inetd -o verbose -n 3")
    traced = machine.shell("postfix-rest-inetd trace x.example || :")
    for line in re.findall(r"(?m)^ *(journalctl -x .*)$", traced):
        assert "x.example" in machine.shell(line)
    machine.backend.set_routes({"/lookup": lookup({}), "/policy": answer("DUNNO")})
    for line in named(REMEDIES.values()):
        machine.shell(line if "query" not in line else f"{line} domains x.example || [ $? = 1 ]")
    for verb in ("status", "cat"):
        for unit in (TCP, POLICY):
            assert unit in machine.shell(command(verb, unit))
    machine.shell("timedatectl show --property=NTP || timedatectl --version")
    machine.shell("systemctl daemon-reload; postfix-rest-inetd check")


def named(texts: object) -> list[str]:
    """The commands of ours in sentences."""
    return sorted(set(re.findall(r"postfix-rest-inetd [a-z]+(?: -{1,2}[a-z]+)*", str(list(texts)))))


NAMES = ("domains", "new", "other")
ONE, NEW, OTHER = (f"postfix-rest-tcp@{name}.socket" for name in NAMES)
SERVED_ALONE = f"systemctl disable --now {TCP}; systemctl enable --now {ONE}"


def told_by_the_generator(machine: Machine, since: str) -> str:
    """The commands that a daemon-reload has named in the journal, for a shell."""
    machine.container.run("systemctl", "daemon-reload")
    entries = machine.container.journal(f"OBJECT_SYSTEMD_UNIT={ONE}", since=since)
    (text,) = [each["MESSAGE"] for each in entries if "listens at" in each["MESSAGE"]]
    return text.rpartition(": ")[2]


def test_generator(machine: Machine) -> None:
    """What it says of a unit whose endpoint is renamed, exchanged, and removed."""
    machine.shell(SERVED_ALONE)
    since = machine.container.journal.cursor()
    machine.write(domains={"name": "new"})
    machine.shell(told_by_the_generator(machine, since))
    assert [state(machine.container, unit) for unit in (ONE, NEW)] == ["inactive", "active"]
    assert machine.troubles() == []

    machine.write()
    machine.shell(f"systemctl daemon-reload; systemctl disable --now {NEW}; {SERVED_ALONE}")
    since = machine.container.journal.cursor()
    other = endpoint("other", port=9001, target=machine.backend.url("/lookup"))
    entries = machine.endpoints(domains={"bind-port": 9011})
    write_config(machine.container, {"endpoints": [*entries, other]})
    machine.shell(told_by_the_generator(machine, since))
    assert [state(machine.container, unit) for unit in (ONE, OTHER)] == ["active", "active"]
    assert ask(machine.container, 9011, b"get x\n") == NOT_FOUND
    assert ask(machine.container, 9001, b"get x\n") == NOT_FOUND

    machine.shell(f"systemctl stop {OTHER}")
    since = machine.container.journal.cursor()
    write_config(machine.container, {"endpoints": machine.endpoints()[1:]})
    machine.shell(told_by_the_generator(machine, since))
    assert state(machine.container, ONE) == "inactive"


def test_demo(machine: Machine) -> None:
    """What the demo invites to, while it is up."""
    command = ("postfix-rest-inetd", "demo", "--port=9101")
    with machine.container.popen(*command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            said = ""
            while "appear here:" not in said:
                line = demo.stdout.readline()
                assert line, said
                said += line
            asked = re.findall(r"(?m)^  ((?:postmap|printf|bash) (?:.|\n      )*)", said)
            answers = [machine.container.run("sh", "-c", each, check=False) for each in asked]
        finally:
            end(demo)
    assert [each.returncode for each in answers] == [0, 1, 1, 0, 0, 0, 0]
    assert answers[-1].stdout.startswith("action=")


RENAMED = "key domains name '\"new\"'"
REMOVED = 'all \'json.dumps({"endpoints": json.loads(text)["endpoints"][1:]})\''
TWO = """all 'json.dumps({"endpoints": [*json.loads(text)["endpoints"],
    {**json.loads(text)["endpoints"][0], "name": "other", "bind-port": 9011}]})'"""
ALSO = f"systemctl enable --now {OTHER}"
EXCHANGED = "key domains bind-port 9011; key other bind-port 9001; systemctl daemon-reload"
REST_PATH = """key local bind-path '"/var/spool/postfix/rest/maps"'; systemctl daemon-reload
systemctl restart postfix-rest-socketmap@all.socket"""
# By the page and the first command: what has happened before, and the names that are in the place
# of others. What is not here is carried out as it is.
BEFORE: dict[str, tuple[str, dict[str, str]]] = {
    "postfix-rest-inetd-generator.8: systemctl disable postfix-rest-tcp@OLD.socket": (
        *(f"{SERVED_ALONE}; {RENAMED}; systemctl daemon-reload", {"OLD": "domains", "NEW": "new"}),
    ),
    "postfix-rest-inetd-generator.8: systemctl disable --now postfix-rest-tcp@OLD.socket": (
        *(f"{SERVED_ALONE}; {REMOVED}; systemctl daemon-reload", {"OLD": "domains"}),
    ),
    "postfix-rest-inetd-generator.8: systemctl stop postfix-rest-tcp@A.socket": (
        f"{TWO}; systemctl daemon-reload; {SERVED_ALONE}; {ALSO}; {EXCHANGED}",
        {"@A": "@domains", "@B": "@other"},
    ),
    "postfix-rest-inetd-generator.8: postfix-rest-inetd check": (f"systemctl stop {TCP}", {}),
    "postfix-rest-inetd.7: cd /var/spool/postfix": (*(REST_PATH, {}),),
}
# These end with 1 where there is nothing, or where the next command is still to be done.
LOOKS = re.compile(r"(?m)^(?:journalctl |postmap |postfix-rest-inetd check).*")
NOT_HERE = {
    "postfix-rest-inetd.7: journalctl -f -t postfix-rest-inetd": "it does not end",
    "postfix-rest-inetd.7: semodule -i \\": "SELinux needs a kernel that has it",
    "postfix-rest-inetd.8: postfix-rest-inetd edit": "test_apply.py does it on a terminal",
}
WITHOUT_SELINUX = "semodule -r "
SHOWN = {
    key: text
    for key, text in advised.in_manual().items()
    if key not in NOT_HERE and WITHOUT_SELINUX not in text
}


@pytest.mark.parametrize("key", SHOWN)
def test_manual(machine: Machine, key: str) -> None:
    """The commands of the manual pages, after what they are for; `check` finds nothing then."""
    machine.backend.set_routes({"/lookup": lookup(FOUND), "/policy": answer("DUNNO")})
    before, names = BEFORE.get(key, (":", {}))
    text = LOOKS.sub(r"{ \g<0> || [ $? = 1 ]; }", SHOWN[key])
    for name, right in names.items():
        text = text.replace(name, right)
    machine.shell(f"{HELPERS}{before}")
    machine.shell(text)
    assert "systemctl" not in str(machine.troubles("--only=config,files,sockets"))


def test_what_is_not_carried_out() -> None:
    """These displays are there."""
    assert BEFORE.keys() <= advised.in_manual().keys()
    assert NOT_HERE.keys() <= advised.in_manual().keys()
