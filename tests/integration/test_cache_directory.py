# SPDX-License-Identifier: MIT
"""The cache directory of the service: usable in both sandboxes, and never a reason not to answer.

A probe (cache_probe.py) takes the handler's place and uses the store in the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import (
    CACHE,
    STRICT,
    TCP,
    USER,
    ask,
    configure,
    drop_in,
    endpoint,
    start,
    use_strict,
)

from harness.container import Container

PROBE = "/usr/local/lib/cache_probe.py"
REPLACED = f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I {PROBE}\n"
PORT = 9001
MAKE = f"install -d -m 700 -o {USER} -g {USER} {CACHE}"


class Probe:
    """Asks the probe."""

    def __init__(self, container: Container) -> None:
        self.container = container

    def __call__(self, order: str) -> str:
        """What it answers; empty when the connection ends without an answer."""
        return ask(self.container, PORT, order.encode() + b"\n").decode().strip()

    def shell(self, program: str) -> str:
        """Run a program as root."""
        return self.container.shell(program)


@pytest.fixture(scope="module")
def probed(container: Container) -> Iterator[Container]:
    """The container with the probe in the place of the handlers."""
    container.copy_in(Path(__file__).with_name("cache_probe.py"), PROBE)
    drop_in(container, "postfix-rest-@.service", REPLACED)
    configure(container, endpoint("probe", port=PORT))
    start(container, TCP)
    yield container
    container.run("rm", "-f", PROBE)
    container.reset()


@pytest.fixture(params=["default", "strict"])
def probe(probed: Container, request: pytest.FixtureRequest) -> Iterator[Probe]:
    """The probe in a sandbox, with an empty cache directory."""
    if request.param == "strict":
        use_strict(probed)
    probed.shell(f"rm -rf {CACHE}; {MAKE}")
    yield Probe(probed)
    probed.shell(f"mountpoint -q {CACHE} && umount {CACHE} || true; rm -rf {CACHE}; {MAKE}")
    if request.param == "strict":
        probed.run("rm", STRICT)
        probed.run("systemctl", "daemon-reload")


def test_one_handler_finds_what_another_stored(probe: Probe) -> None:
    """In files of the handlers' user, which nobody else can see."""
    assert probe("look") == "nothing"
    assert probe("put") == "stored"
    assert probe("look") == "fresh"
    found = probe.shell(f"find {CACHE} -mindepth 1 -printf '%y %m %u:%g\\n' | sort -u")
    assert found.splitlines() == [f"d 700 {USER}:{USER}", f"f 600 {USER}:{USER}"]


def test_boot(probe: Probe) -> None:
    """Handlers know whether the machine was rebooted, also where they cannot read it in /proc."""
    boot_id = probe.container.read("/proc/sys/kernel/random/boot_id").strip().replace("-", "")
    assert probe("boot") == boot_id


@pytest.mark.parametrize(
    "breaking",
    [
        f"rm -rf {CACHE}",
        f"rm -rf {CACHE}; touch {CACHE}",
        f"rm -rf {CACHE}; ln -s /nonexistent/x {CACHE}",
        f"rm -rf {CACHE}; mkfifo {CACHE}",
        f"mv {CACHE} /home/answers; ln -s /home/answers {CACHE}",
        f"chown -R root: {CACHE}",
        f"chown -R nobody: {CACHE}",
        f"chmod 000 {CACHE}",
        f"mount -t tmpfs -o ro tmpfs {CACHE}",
        f"mount -t tmpfs -o size=4k,nr_inodes=3,mode=700,uid=$(id -u {USER}) tmpfs {CACHE}",
        f"mount --bind {CACHE} {CACHE}; mount -o remount,bind,ro {CACHE}",
    ],
)
def test_an_unusable_directory(probe: Probe, breaking: str) -> None:
    """A handler is started all the same, stores nothing, and can say what is wrong."""
    probe.shell(breaking)
    said = probe("put")
    assert said.startswith(f"not stored {CACHE}")
    assert probe("look").startswith("nothing")
    probe.shell("rm -rf /home/answers")


def test_a_link_to_another_disk(probe: Probe) -> None:
    """An operator may move the directory, and leave a link."""
    probe.shell(f"rm -rf {CACHE} /srv/answers; install -d -m 700 -o {USER} -g {USER} /srv/answers")
    probe.shell(f"ln -s /srv/answers {CACHE}")
    assert probe("put") == "stored"
    assert probe("look") == "fresh"
    probe.shell(f"rm -r /srv/answers {CACHE}")
