# SPDX-License-Identifier: MIT
"""tests/harness/enter_root: what another Python is tested in, without a boot, is a whole machine.

Nothing of it is left behind: no file, no process.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROGRAM = CHECKOUT / "tests/harness/enter_root"

pytestmark = pytest.mark.one_release

SEES = """
import os, pty, socket, stat
from pathlib import Path
print(os.getcwd(), os.environ.get("POSTFIX_REST_INETD_X"), os.environ.get("OTHER"))
print([line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line])
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
print(os.ttyname(pty.openpty()[1]))
print(len(Path("/proc/self/mountinfo").read_text().split("\\n")) < 30, os.listdir("/mnt"))
print(Path("tests/run").exists(), Path("/run/old").exists(), os.listdir("/run/systemd"))
print(len(Path("/etc/machine-id").read_text().strip()))
os.mknod("/tmp/zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
print(Path("/tmp/zero").open("rb").read(1))
for path in ("/etc/left", "/usr/left", "/tmp/left"):
    Path(path).write_text("")
"""


def enter(root: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What comes of a command in the root file system, entered at the top of the checkout."""
    return subprocess.run(
        [PROGRAM, root, *command],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_whole_machine(root: Path) -> None:
    """Loopback alone, pseudo terminals, the checkout, and nothing of the machine around it."""
    done = enter(root, "python3", "-c", SEES, POSTFIX_REST_INETD_X="yes", OTHER="no")
    assert done.stdout.splitlines() == [
        f"{CHECKOUT} yes None",
        "['lo']",
        "/dev/pts/0",
        "True []",
        "True False []",
        "32",
        "b'\\x00'",
    ]
    assert (done.stderr, done.returncode) == ("", 0)
    assert [path for path in ("etc/left", "usr/left", "tmp/left") if (root / path).exists()] == []


def test_user_namespaces(root: Path) -> None:
    """Tests that make namespaces can do so, which chroot(2) would not let them."""
    done = enter(root, "unshare", "--user", "--map-root-user", "--net", "id", "-u")
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_its_end(root: Path) -> None:
    """The command's exit status is passed on, and what it left running is killed."""
    # The reading end of the pipe sees its end when nobody has it open any more.
    done = enter(root, "sh", "-c", "sleep 1000 & exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 3)


@pytest.mark.parametrize("arguments", [[], ["/"], ["/nonexistent", "true"]])
def test_wrong_use(arguments: list[str]) -> None:
    """It says how it is called."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stderr == "usage: enter_root ROOT COMMAND [ARGUMENT]...\n"
    assert done.returncode == 1
