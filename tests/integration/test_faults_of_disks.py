# SPDX-License-Identifier: MIT
"""A disk that is full or read-only: lookups are answered as before, and `check` says what is wrong.

A small tmpfs over a directory is the full disk, and a read-only bind mount the read-only one: the
rest of the container goes on, and what is done can be undone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from integration.product import CACHE, CONFIG, TCP, USER
from integration.served import RIGHT, Served

pytestmark = pytest.mark.one_release

SMALL_CACHE = f"""
mount -t tmpfs -o "size=16k,mode=0700,uid=$(id -u {USER}),gid=$(id -g {USER})" test {CACHE}
head -c 1m /dev/zero >{CACHE}/ballast 2>/dev/null || :
"""
SMALL_LOG = """
mount -t tmpfs -o size=64k test /var/log/journal
head -c 1m /dev/zero >/var/log/journal/ballast 2>/dev/null || :
journalctl --rotate
"""
# The next boot's journald would not find its files otherwise.
RESTORED_LOG = "umount /var/log/journal; systemctl restart systemd-journald; journalctl --flush"
TEMPORARY = """
for directory in /tmp /var/tmp; do
    mount -t tmpfs -o size=4k,nr_inodes=2,mode=1777 test $directory
    touch $directory/ballast
    if touch $directory/more 2>/dev/null; then exit 1; fi
done
"""
READ_ONLY = """
for directory in /etc /usr /var; do
    mount --bind $directory $directory
    mount -o remount,bind,ro $directory
    if touch $directory/attempt 2>/dev/null; then exit 1; fi
done
"""
SIZE = "/dev/shm/size-of-run"
# With size=0, a tmpfs has no limit and cannot get one any more.
SMALL_RUN = f"""
findmnt --noheadings --output OPTIONS /run | grep -o 'size=[^,]*' >{SIZE}
mount -o "remount,size=$(($(df --output=used /run | sed 1d) + 64))k" /run
head -c 1m /dev/zero >/run/ballast 2>/dev/null || :
if head -c 64k /dev/zero >/run/attempt 2>/dev/null; then exit 1; fi
"""
RESTORED_RUN = f"rm -f /run/ballast /run/attempt; mount -o remount,$(cat {SIZE}) /run; rm {SIZE}"
LOG = "/var/log/journal"
MISSED = "so stats, status and trace may miss what happens"
IN_VAIN = "so no answers are stored"


class Fault(NamedTuple):
    """What is done and undone; what check finds, a line each, and what handlers tell."""

    do: str
    undo: str
    finding: str = ""
    told: str = ""


FAULTS = {
    "the cache is full": Fault(
        SMALL_CACHE,
        f"umount {CACHE}",
        f"warning: {CACHE}: is on a file system that is full, {IN_VAIN}",
        "stored answers cannot be used or kept, the backend is asked: ",
    ),
    "the log is full": Fault(
        SMALL_LOG, RESTORED_LOG, f"warning: {LOG}: is on a file system that is full, {MISSED}"
    ),
    "the temporary directories are full": Fault(TEMPORARY, "umount /tmp /var/tmp"),
    "/run is full": Fault(SMALL_RUN, RESTORED_RUN),
    "all is read-only": Fault(
        READ_ONLY,
        # What runs has files open.
        "umount --lazy /etc /usr /var",
        f"warning: {LOG}: is on a file system that is mounted read-only, {MISSED}\n"
        f"warning: {CACHE}: is on a file system that is mounted read-only, {IN_VAIN}",
    ),
}


@contextlib.contextmanager
def during(served: Served, fault: Fault) -> Iterator[None]:
    """The fault, from beginning to end."""
    try:
        served.container.shell(fault.do)
        yield
    finally:
        served.container.shell(fault.undo)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault(served: Served, fault: Fault) -> None:
    """Open connections and new ones are answered; what is wrong is told, and nothing else."""
    container = served.container
    since = container.journal.cursor()
    with served.kept() as kept:
        with during(served, fault):
            assert kept() == RIGHT
            assert [served.new() for _ in range(2)] == [RIGHT] * 2
            assert served.findings() == fault.finding.splitlines()
        assert kept() == RIGHT
    served.recovers()
    entries = container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    said = {each["MESSAGE"] for each in entries if each["PRIORITY"] < "5"}
    assert bool(said) == bool(fault.told)
    assert all(fault.told in each for each in said)


def test_reload_on_a_full_run(served: Served) -> None:
    """A refused reload changes nothing, and sockets can be restarted all the same."""
    container = served.container
    with during(served, FAULTS["/run is full"]):
        container.run("touch", CONFIG)
        refused = container.run("systemctl", "daemon-reload", check=False)
        assert "not enough space available on /run/systemd" in refused.stderr
        assert served.new() == RIGHT
        container.run("systemctl", "restart", TCP)
        assert served.new() == RIGHT
    container.run("systemctl", "daemon-reload")
    served.recovers()
