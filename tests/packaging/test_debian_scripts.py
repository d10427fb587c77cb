# SPDX-License-Identifier: MIT
"""What the scripts of the Debian package leave to the administrator, with and without a systemd."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from integration.product import CONFIG, USER

from harness.container import Container
from harness.debian_build import Build, Roots, run
from harness.packaged import enabled

pytestmark = [
    # The first test to use a release waits for it to be prepared, which is bounded by itself.
    pytest.mark.timeout(300, func_only=True),
    # The scripts of dpkg are the same elsewhere, and so are presets with systemd 252 and 257.
    pytest.mark.parametrize("release", ["trixie"], indirect=True),
]

DIRECTORY = str(Path(CONFIG).parent)
# As in a container with another init, and a directory in /run that systemd has left.
BEGIN = f"""
mkdir -p /run/systemd/system
state() {{ stat --format='state: %a %U:%G' {DIRECTORY} {CONFIG}; }}
"""


def states(roots: Roots, built: Build, program: str) -> list[str]:
    """What `state` prints in PROGRAM, of the directory and of config.json in turn."""
    command = ("sh", "-euc", BEGIN + program)
    said = run(roots.machine, built.directory, *command, DEBIAN_FRONTEND="teletype")
    return re.findall("(?m)^state: (.*)$", said)


def test_rights_of_the_administrator(roots: Roots, built: Build) -> None:
    """They survive an upgrade, a boot and a removal, which needs no systemd.

    An installation obeys dpkg-statoverride(1), and leaves files that were there before. What was
    deleted meanwhile is as at the first installation, and a disk of its own does not fail a purge.
    """
    program = f"""
        dpkg --install *.deb; state
        chmod 710 {DIRECTORY}
        chmod 600 {CONFIG}
        chown root:root {CONFIG}
        dpkg --install *.deb
        systemd-tmpfiles --create; state
        dpkg --remove postfix-rest-inetd
        dpkg --install *.deb; state
        rm -r {DIRECTORY}
        dpkg --force-confmiss --install *.deb; state
        mkdir -p /var/lib/postfix-rest-inetd-metrics
        mount -t tmpfs tmpfs {DIRECTORY}
        mount -t tmpfs tmpfs /var/lib/postfix-rest-inetd-metrics
        touch {DIRECTORY}/token
        dpkg --purge postfix-rest-inetd
        [ ! -e {DIRECTORY}/token ]
        umount {DIRECTORY} /var/lib/postfix-rest-inetd-metrics
        rm -r {DIRECTORY}

        dpkg-statoverride --add root root 0700 {DIRECTORY}
        dpkg-statoverride --add root mail 0660 {CONFIG}
        dpkg --install *.deb; state
        dpkg --purge postfix-rest-inetd

        dpkg-statoverride --remove {DIRECTORY}
        dpkg-statoverride --remove {CONFIG}
        mkdir {DIRECTORY}
        touch {CONFIG}
        chmod 600 {CONFIG}
        chown daemon:daemon {CONFIG}
        dpkg --force-confold --install *.deb; state
    """
    installed = [f"750 root:{USER}", f"640 root:{USER}"]
    chosen = [f"710 root:{USER}", "600 root:root"]
    overridden = ["700 root:root", "660 root:mail"]
    before = [f"755 root:{USER}", "600 daemon:daemon"]
    expected = [*installed, *chosen, *chosen, *installed, *overridden, *before]
    assert states(roots, built, program) == expected


LINKS = {
    "./revive-postfix-rest@.service",
    "./sockets.target.wants/postfix-rest-tcp@all.socket",
    "./x.target.requires/postfix-rest-policy@a.socket",
    "./timers.target.wants/export-postfix-rest-metrics.timer",
}
OTHERS = {
    "./sockets.target.wants/other.socket",
    "./sockets.target.wants/postfix-rest-connector.service",
}


def purge(machine: Container) -> set[str]:
    """What is different in the directory of the administrator's units after a purge.

    LINKS and OTHERS have been made meanwhile, and empty directories.
    """
    program = """
        cd /etc/systemd/system
        mkdir -p empty.target.wants sockets.target.wants timers.target.wants
        find . | sort >/root/before
        for link; do
            mkdir -p "${link%/*}"
            ln -s /dev/null "$link"
        done
        dpkg --purge postfix-rest-inetd >&2
        find . | sort | comm -3 - /root/before
    """
    return {line.strip() for line in machine.shell(program, *LINKS, *OTHERS).splitlines()}


def test_first_boot(roots: Roots, built: Build) -> None:
    """PID 1 enables no unit of ours at the first boot of an image, and disables none.

    What the administrator has in place beside our links survives a purge; and what PID 1 has
    started survives a removal, if PID 1 does not answer.
    """
    with Container(roots.machine) as machine:
        machine.copy_in(built.deb, "/srv/new.deb")
        machine.run("dpkg", "--install", "/srv/new.deb")
        machine.run("systemctl", "enable", "postfix-rest-policy@.socket")
        # It would be enabled as well, and wait for a network.
        machine.run("systemctl", "mask", "systemd-networkd-wait-online.service")
        machine.write("/etc/machine-id", "uninitialized\n")
        machine.reboot()
        assert enabled(machine) == ["disabled", "disabled", "enabled", "disabled"]
        assert machine.run("systemctl", "is-enabled", "systemd-networkd").stdout == "enabled\n"

        os.kill(machine.leader, signal.SIGSTOP)
        removal = machine.popen(
            "dpkg", "--remove", "postfix-rest-inetd", stderr=subprocess.PIPE, text=True
        )
        try:
            assert removal.stderr is not None
            assert "systemd does not answer" in removal.stderr.readline()
        finally:
            os.kill(machine.leader, signal.SIGCONT)
        assert removal.communicate(timeout=60)[1] == ""
        assert removal.returncode == 0

        machine.run("dpkg", "--install", "/srv/new.deb")
        # It has our link, that of the beginning.
        gone = {"./sockets.target.wants/postfix-rest-policy@all.socket"}
        assert purge(machine) == OTHERS | gone
