# SPDX-License-Identifier: MIT
"""A machine on which everything is as it should be, for the tests of `check` to break.

    machine.shell("systemctl stop postfix-rest-tcp@all.socket")
    assert machine.trouble().advice == "    systemctl start postfix-rest-tcp@all.socket"

It has four endpoints, one of each kind and one with a unix socket, and a Postfix that asks them.
`RESTORE` puts right what tests break.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from integration.product import CONFIG, SOCKETMAP, SOCKETS, TCP, USER, endpoint, write_config

from harness.container import Container
from harness.container_backend import Backend

SPOOL = "/var/spool/postfix"
TEMPLATES = tuple(unit.replace("all", "") for unit in SOCKETS)
PARAMETERS = {
    "recipient_delimiter": "",
    "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
    "virtual_mailbox_maps": "proxy:socketmap:inet:localhost:9002:mailbox",
    "virtual_alias_maps": "socketmap:unix:private/rest:alias",
    "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9003, permit",
}


class Finding(NamedTuple):
    """A finding of check's."""

    severity: str
    where: str
    what: str
    advice: str
    excerpt: str = ""


class Machine(NamedTuple):
    """A good machine, and its four endpoints."""

    container: Container
    backend: Backend

    def endpoints(self, **changes: dict[str, Any]) -> list[dict[str, Any]]:
        """The endpoints, with changes of the keys of the one that is named."""
        path = f"{SPOOL}/private/rest"
        url = self.backend.url
        entries = [
            endpoint("domains", port=9001, target=url("/lookup")),
            endpoint("maps", "socketmap-lookup", port=9002, target=url("/lookup")),
            endpoint("local", "socketmap-lookup", bind_path=path, target=url("/lookup")),
            endpoint("gate", "policy", port=9003, target=url("/policy"), allowed_actions=["DUNNO"]),
        ]
        return [{**entry, **changes.get(entry["name"], {})} for entry in entries]

    def write(self, **changes: dict[str, Any]) -> None:
        """Write config.json and tell nobody."""
        write_config(self.container, {"endpoints": self.endpoints(**changes)})

    def check(self, *options: str) -> tuple[int, list[Finding]]:
        """The exit status, and everything that was found."""
        command = ["postfix-rest-inetd", "check", "--json", *options]
        done = self.container.run(*command, check=False)
        assert done.stderr == ""
        return done.returncode, [Finding(**each) for each in json.loads(done.stdout)["findings"]]

    def troubles(self, *options: str) -> list[Finding]:
        """What check finds wrong."""
        status, found = self.check(*options)
        bad = [finding for finding in found if finding.severity != "ok"]
        assert status == int(any(finding.severity == "error" for finding in bad))
        return bad

    def trouble(self, *options: str) -> Finding:
        """The only thing that check finds wrong."""
        found = self.troubles(*options)
        assert len(found) == 1, found
        return found[0]

    def forget_failures(self) -> None:
        """Empty the journal: in it, other tests may have left failures of the last hour."""
        self.container.journal.forget()

    def shell(self, program: str) -> str:
        """Run a program for the shell."""
        return self.container.shell(program)


KEPT = "/var/lib/good-machine"
GENERATOR = "/usr/lib/systemd/system-generators/postfix-rest-inetd-generator"
UNITS = " ".join(SOCKETS)
KEEP = f"""
rm -rf {KEPT}
mkdir {KEPT}
cp -a /etc/systemd/system /etc/postfix/main.cf /etc/postfix/master.cf {CONFIG} {KEPT}
"""
RESTORE = f"""
cp -p {KEPT}/main.cf {KEPT}/master.cf /etc/postfix
cp -p {KEPT}/config.json {CONFIG}
chown root:{USER} /etc/postfix-rest-inetd {CONFIG}
chmod 0750 /etc/postfix-rest-inetd
chmod 0755 {GENERATOR}
rm -rf /etc/systemd/system-generators /run/systemd/system/postfix-rest-*
rm -rf /run/systemd/system/sockets.target.wants
rm -rf /etc/postfix-out /var/spool/postfix-out /var/lib/postfix-out
if ! diff -r {KEPT}/system /etc/systemd/system ||
    [ "$(systemctl is-active {UNITS} | sort -u)" != active ] ||
    [ -n "$(systemctl list-units --failed --no-legend 'postfix-rest-*')" ] ||
    ! grep -q 9001 /run/systemd/generator/{TCP}.d/* ||
    ! grep -q {SPOOL}/private/rest /run/systemd/generator/{SOCKETMAP}.d/* ||
    ! [ -S {SPOOL}/private/rest ]
then
    systemctl stop 'postfix-rest-*.socket' 'revive-postfix-rest@*.service'
    find /etc/systemd/system -mindepth 1 -delete
    cp -aT {KEPT}/system /etc/systemd/system
    systemctl daemon-reload
    systemctl reset-failed
    systemctl start {UNITS}
fi
"""
