# SPDX-License-Identifier: MIT
"""The sandbox: what a handler cannot do, tried from within it.

A probe (sandbox_probe.py) takes the handler's place: a drop-in replaces ExecStart= and nothing
else. The same probe runs without a sandbox, as root and as the handlers' user, and there it can do
what is refused inside: so each test would notice a sandbox that is not in force.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import (
    CACHE,
    CONFIG,
    STRICT,
    TCP,
    USER,
    ask,
    configure,
    drop_in,
    endpoint,
    start,
    use_strict,
    wait_for_no_handlers,
)

from harness.container import Container

HERE = Path(__file__).parent
PROBE = "/usr/local/lib/sandbox_probe.py"
SETUID = "/usr/local/bin/setuid-id"
OTHERS = "/etc/other-service.conf"
HOMES = ("/home", "/root", "/run/user")
INSIDE, ROOT, PLAIN = 9001, 9101, 9102
"""Ports: the probe in the sandbox, and outside of it as root and as the handlers' user."""

KILLED = ""

REPLACED = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I {PROBE}\n"
UNCONFINED_SOCKET = "[Socket]\nAccept=yes\nListenStream=127.0.0.1:{port}\n"
UNCONFINED = f"""
[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=/usr/bin/python3 -I {PROBE}
StandardInput=socket
StandardError=journal
User={{user}}
"""

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the probe knows the numbers of x86-64's system calls"
)


class Probe:
    """Asks the probe."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def __call__(self, *words: str, port: int = INSIDE) -> str:
        """What the probe answers, `KILLED` when it was killed."""
        return ask(self.container, port, " ".join(words).encode() + b"\n").decode().strip()


@pytest.fixture(scope="module")
def probed(container: Container) -> Iterator[Container]:
    """The container with the probe in the place of the handlers, and outside of the sandbox."""
    container.copy_in(HERE / "sandbox_probe.py", PROBE)
    container.shell(f"cp /usr/bin/id {SETUID} && chmod 4755 {SETUID}")
    container.write(OTHERS, "password", mode=0o600)
    container.write(f"{CACHE}/test", "", owner=f"{USER}:{USER}")
    for name, port, user in (("root", ROOT, "root"), ("plain", PLAIN, USER)):
        prefix = f"/run/systemd/system/unconfined-{name}"
        container.write(f"{prefix}.socket", UNCONFINED_SOCKET.format(port=port))
        container.write(f"{prefix}@.service", UNCONFINED.format(user=user))
    drop_in(container, "postfix-rest-@.service", REPLACED)
    configure(container, endpoint("probe", port=INSIDE))
    start(container, TCP, "unconfined-root.socket", "unconfined-plain.socket")
    yield container
    container.run("systemctl", "stop", "unconfined-root.socket", "unconfined-plain.socket")
    container.run("rm", "-f", PROBE, SETUID, OTHERS, f"{CACHE}/test")
    container.reset()


@pytest.fixture
def probe(probed: Container) -> Probe:
    """The probe, in the default sandbox."""
    return Probe(probed)


@pytest.fixture
def strict(probed: Container) -> Iterator[Probe]:
    """The probe, in the strict sandbox."""
    use_strict(probed)
    yield Probe(probed)
    probed.run("rm", STRICT)
    probed.run("systemctl", "daemon-reload")


# -- files


@pytest.mark.parametrize("directory", ["/", "/etc", "/usr/lib", "/var/lib", "/var/tmp/..", "/run"])
def test_cannot_write(probe: Probe, directory: str) -> None:
    """No file can be made outside the cache directory."""
    assert probe("write", directory) in {"EROFS", "EACCES"}
    assert probe("write", directory, port=ROOT) == "done"


@pytest.mark.parametrize("directory", ["/etc/postfix", "/var/spool/postfix"])
def test_cannot_write_where_others_are(probe: Probe, directory: str) -> None:
    """Not among the files of Postfix, either."""
    assert probe("write", directory) in {"EROFS", "EACCES"}
    assert probe("write", directory, port=ROOT) == "done"


def test_nothing_else_is_writable(probe: Probe) -> None:
    """In the whole file system there is nothing to be written to but the cache and private /tmp."""
    paths = set(probe("writable").split())
    if probe.container.shell("systemctl --version").startswith("systemd 252 "):
        # Its ProtectHome=tmpfs leaves the empty directories writable (test_homes).
        paths -= set(HOMES)
    assert paths == {"/tmp", CACHE, f"{CACHE}/test", "/var/tmp"}
    assert "/etc" in probe("writable", port=ROOT).split()


def test_read_only_also_where_the_mode_allows(probe: Probe) -> None:
    """A directory that everybody may write to is read-only all the same."""
    open_to_all = "/var/lib/open-to-all"
    probe.container.run("mkdir", "--mode=1777", open_to_all)
    assert probe("write", open_to_all) == "EROFS"
    assert probe("write", open_to_all, port=PLAIN) == "done"
    probe.container.run("rmdir", open_to_all)


@pytest.mark.parametrize("directory", ["/tmp", "/var/tmp"])
def test_tmp_is_private(probe: Probe, directory: str) -> None:
    """What a handler writes to /tmp is seen by nobody, and gone with the handler."""
    kept = probe("keep", directory)
    assert kept.startswith(f"{directory}/kept-by-probe-")
    wait_for_no_handlers(probe.container)
    left = probe.container.run("find", directory, "-name", "kept-by-probe-*").stdout
    outside = probe("keep", directory, port=PLAIN)
    assert (left, probe("write", directory)) == ("", "done")
    probe.container.run("rm", outside)


@pytest.mark.parametrize("directory", ["/dev/shm", "/dev/mqueue"])
def test_shared_memory(probe: Probe, directory: str) -> None:
    """What ProtectSystem=strict leaves as it is below /dev does not lead to other processes."""
    assert probe("write", directory) in {"EROFS", "EACCES"}
    assert probe("write", directory, port=PLAIN) == "done"


def test_devices_of_everybody(probe: Probe) -> None:
    """A read-only /dev does not keep programs from their devices."""
    assert probe("append", "/dev/null") == "done"


@pytest.mark.parametrize("home", HOMES)
def test_homes(probe: Probe, home: str) -> None:
    """The files of people are not there, even those that everybody may use."""
    theirs = f"{home}/for-everybody"
    probe.container.shell('mkdir -p "$1" && chmod 0777 "$1"', theirs)
    probe.container.write(f"{theirs}/letter", "x", mode=0o666)
    # The mode of an empty /root is that of the real one.
    assert probe("names", home) in {"nothing", "EACCES"}
    refused = {"ENOENT", "EACCES"}
    assert {probe(what, f"{theirs}/letter") for what in ("read", "append")} <= refused
    # What an old systemd lets a handler write there is gone with the handler.
    assert probe("keep", home).startswith(("EROFS", "EACCES", f"{home}/kept-by-probe-"))
    assert probe.container.run("ls", home).stdout == "for-everybody\n"
    assert probe("append", f"{theirs}/letter", port=ROOT) == "done"
    probe.container.run("rm", "-r", theirs)


def test_devices_when_strict(strict: Probe) -> None:
    """In the strict sandbox there are no other devices, and nothing in /dev can be written."""
    strict.container.write("/dev/other/device", "")
    assert "other" not in strict("names", "/dev").split()
    assert "other" in strict("names", "/dev", port=PLAIN).split()
    assert strict("write", "/dev") in {"EROFS", "EACCES"}
    assert strict("append", "/dev/null") == "done"
    strict.container.run("rm", "-r", "/dev/other")


def test_can_write_to_its_cache(probe: Probe) -> None:
    """The cache directory is the handlers' own: nobody else can even look into it."""
    assert probe("write", CACHE) == "done"
    assert probe("append", f"{CACHE}/test") == "done"
    stat = probe.container.run("stat", "-c", "%a %U:%G", CACHE).stdout
    assert stat == f"700 {USER}:{USER}\n"


def test_config_is_read_only(probe: Probe) -> None:
    """A handler can read the configuration of its own service, and not write it."""
    assert probe("read", CONFIG).endswith(" bytes")
    assert probe("append", CONFIG) in {"EROFS", "EACCES"}
    assert probe("append", CONFIG, port=ROOT) == "done"


@pytest.mark.parametrize("path", ["/etc/shadow", OTHERS])
def test_cannot_read_secrets_of_others(probe: Probe, path: str) -> None:
    """What is root's alone cannot be read."""
    assert probe("read", path) == "EACCES"
    assert probe("read", path, port=ROOT).endswith(" bytes")


# -- processes and privileges


def test_sees_no_process_when_strict(strict: Probe) -> None:
    """In the strict sandbox there are no other processes."""
    assert strict("processes") == "none"
    assert "1" in strict("processes", port=PLAIN).split()


def test_cannot_look_into_processes(probe: Probe) -> None:
    """In the default one they can be seen, but the environment of one cannot be read."""
    assert "1" in probe("processes").split()
    assert probe("read", "/proc/1/environ") in {"EACCES", "EPERM"}
    assert probe("read", "/proc/1/environ", port=ROOT).endswith(" bytes")


def test_has_no_privileges(probe: Probe) -> None:
    """No capability, none to be had, and no way to new privileges."""
    names = ("NoNewPrivs", "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "Seccomp")
    none = "0" * 16
    assert [probe("status", name) for name in names] == ["1", *[none] * 5, "2"]
    outside = [probe("status", name, port=ROOT) for name in ("NoNewPrivs", "CapEff", "Seccomp")]
    assert outside[0] == "0"
    assert outside[1] != none


def test_is_a_user_of_its_own(probe: Probe) -> None:
    """The handlers run as the user postfix-rest-inetd, which is neither root nor Postfix."""
    uid = probe.container.run("id", "-u", USER).stdout.strip()
    assert probe("identity") == f"{uid} {uid}"
    assert uid != "0"


def test_setuid_program(probe: Probe) -> None:
    """A set-user-id program gives no privileges."""
    uid = probe.container.run("id", "-u", USER).stdout.strip()
    assert probe("execute", SETUID) == uid
    assert probe("execute", SETUID, port=PLAIN) == "0"


def test_cannot_become_root(probe: Probe) -> None:
    """setuid(2) is outside of the filter."""
    assert probe("become", "0") == "ENOSYS"
    assert probe("become", "0", port=PLAIN) == "EPERM"
    assert probe("become", "0", port=ROOT) == "done"


def test_no_user_namespace(probe: Probe) -> None:
    """A user namespace, where one is root, cannot be made."""
    assert probe("user_namespace") in {"ENOSYS", "EPERM"}
    assert probe("user_namespace", port=ROOT) == "done"


# -- sockets and memory


@pytest.mark.parametrize("name", ["AF_PACKET", "AF_NETLINK"])
def test_no_other_address_families(probe: Probe, name: str) -> None:
    """Packet and netlink sockets are refused."""
    assert probe("family", name) == "EAFNOSUPPORT"
    assert probe("family", name, port=ROOT) == "done"


@pytest.mark.parametrize("name", ["AF_INET", "AF_INET6", "AF_UNIX"])
def test_needed_address_families(probe: Probe, name: str) -> None:
    """What is needed for the backend and the journal is there."""
    assert probe("stream", name) == "done"


@pytest.mark.parametrize("way", ["map_executable", "make_executable"])
def test_no_writable_code(probe: Probe, way: str) -> None:
    """Memory is never writable and executable, nor made executable after having been written."""
    # By a filter, or in the kernel where it can: the two refuse with different errors.
    assert probe(way) in {"EPERM", "EACCES"}
    assert probe(way, port=PLAIN) == "done"


# -- system calls


@pytest.mark.parametrize(
    "name", ["finit_module", "kexec_load", "mount", "perf_event_open", "ptrace", "reboot"]
)
def test_system_calls_that_kill(probe: Probe, name: str) -> None:
    """A system call that only an attacker makes kills the process, and the journal tells."""
    since = probe.container.journal.cursor()
    assert probe("call", name) == KILLED
    told = probe.container.journal.wait_for(
        "_PID=1", since=since, condition=lambda entry: "status=31/SYS" in entry["MESSAGE"]
    )
    assert told[0]["UNIT"].startswith("postfix-rest-tcp@")
    wait_for_no_handlers(probe.container)
    # Without the filter the kernel looks at the call, and refuses.
    assert probe("call", name, port=ROOT) in {"EFAULT", "EINVAL", "EPERM", "ESRCH", "EBADF"}


REFUSED = """
bpf clock_settime io_uring_setup keyctl mq_open process_vm_readv sched_setscheduler sethostname
setns shmget splice unshare userfaultfd
"""


@pytest.mark.parametrize("name", REFUSED.split())
def test_system_calls_outside_the_filter(probe: Probe, name: str) -> None:
    """Another system call outside of the filter does not get into the kernel."""
    assert probe("call", name) == "ENOSYS"
    assert probe("call", name, port=ROOT) not in {"ENOSYS", KILLED}
