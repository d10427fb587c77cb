# SPDX-License-Identifier: MIT
"""host.selinux: questions to the kernel, and labels of real files.

A terminal answers for the kernel: both answer in the file in which the question was written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.activation import package_parent
from harness.selinux_policy import SYSTEMD, Stated, context, selinuxfs
from postfix_rest_inetd.admin.host import selinux


class Kernel:
    """The other side of `access` and `create`: it writes down questions, and gives one answer."""

    def __init__(self, directory: Path, answer: bytes) -> None:
        self.answer = answer
        self.questions: list[bytes] = []
        self._here, self._there = os.openpty()
        tty.setraw(self._there)
        for name in ("access", "create"):
            (directory / name).symlink_to(os.ttyname(self._there))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while (question := os.read(self._here, 4096)) != b"end":
            self.questions.append(question)
            os.write(self._here, self.answer)

    def close(self) -> None:
        """End the thread."""
        os.write(self._there, b"end")
        self._thread.join()
        os.close(self._here)
        os.close(self._there)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A selinuxfs."""
    return selinuxfs(tmp_path)


@pytest.fixture
def policy(directory: Path, tmp_path: Path) -> selinux.Policy:
    """The policy that it is of."""
    found = selinux.loaded(str(directory), str(tmp_path / "proc"))
    assert found is not None
    return found


@pytest.fixture
def kernel(directory: Path) -> Iterator[Kernel]:
    """What answers."""
    made = Kernel(directory, b"")
    yield made
    made.close()


# The last answer is that of a domain which is permissive on its own.
@pytest.mark.parametrize(
    "answer, expected",
    [
        (b"8 ffffffff 0 ffffffff 17 0", True),
        (b"fffffff7 ffffffff 0 ffffffff 17 0", False),
        (b"0 ffffffff 0 ffffffff 17 1", True),
    ],
)
def test_may(policy: selinux.Policy, kernel: Kernel, answer: bytes, expected: object) -> None:
    """The bit of the permission decides, by the numbers that the kernel gives to names."""
    kernel.answer = answer
    assert policy.may("a:b:c:s0", "d:e:f:s0", "file", "execute") is expected
    assert kernel.questions == [b"a:b:c:s0 d:e:f:s0 6"]


def test_domain(policy: selinux.Policy, kernel: Kernel) -> None:
    """A program is executed by PID 1."""
    kernel.answer = b"system_u:system_r:x_t:s0\0"
    assert policy.domain(context("bin_t")) == "system_u:system_r:x_t:s0"
    assert kernel.questions == [f"{SYSTEMD} {context('bin_t')} 2".encode()]


def test_missing_context(tmp_path: Path) -> None:
    """A type that the policy does not have may do nothing, and nothing may be done with it."""
    policy = Stated(tmp_path, {("init_t", "file", "execute"): {"bin_t", "gone_t"}})
    gone = context("gone_t")
    assert policy.may(SYSTEMD, context("bin_t"), "file", "execute")
    assert not policy.may(SYSTEMD, gone, "file", "execute")
    assert not policy.may(gone, context("bin_t"), "file", "execute")
    assert [policy.has(SYSTEMD), policy.has(gone)] == [True, False]


def test_mode(directory: Path, tmp_path: Path) -> None:
    """Enforcing or permissive."""
    for text, expected in (("1", True), ("0", False)):
        (directory / "enforce").write_text(text)
        found = selinux.loaded(str(directory), str(tmp_path / "proc"))
        assert found is not None
        assert found.is_enforcing is expected


def test_without_selinux(tmp_path: Path) -> None:
    """No selinuxfs, and one before a policy is loaded."""
    assert selinux.loaded(str(tmp_path / "missing")) is None
    (tmp_path / "empty/class").mkdir(parents=True)
    (tmp_path / "empty/enforce").write_text("1")
    assert selinux.loaded(str(tmp_path / "empty")) is None


PROGRAM = """
import sys
from postfix_rest_inetd.admin.host import selinux
print(selinux.loaded(sys.argv[1]))
"""


@pytest.mark.root
def test_container(directory: Path) -> None:
    """In a container it is read-only, and the policy is that of the host."""
    mounting = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; exec "$@"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", mounting, "sh"]
    command += [str(directory), sys.executable, "-c", PROGRAM, str(directory)]
    done = subprocess.run(
        command, cwd=package_parent(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


@pytest.mark.root
def test_label(tmp_path: Path) -> None:
    """The label of a file, or of the one that a link leads to; without one, nothing."""
    path, link = tmp_path / "file", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    assert selinux.label(str(path)) == ""
    try:
        os.setxattr(path, "security.selinux", context("bin_t").encode() + b"\0")
    except OSError as error:
        pytest.skip(f"{tmp_path}: {error.strerror}: no labels in this file system")
    assert selinux.label(str(link)) == context("bin_t")
    with pytest.raises(FileNotFoundError):
        selinux.label(str(tmp_path / "missing"))


@pytest.mark.parametrize("mode", [None, "", "on"])
def test_a_part_of_selinuxfs(directory: Path, tmp_path: Path, mode: str | None) -> None:
    """Where the mode cannot be read, SELinux is left alone."""
    path = directory / "enforce"
    path.unlink()
    if mode is not None:
        path.write_text(mode)
    assert selinux.loaded(str(directory), str(tmp_path / "proc")) is None
