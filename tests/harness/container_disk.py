# SPDX-License-Identifier: MIT
"""The base of a container: a writable copy of a root file system, and a cgroup of its own.

All of it is in a private mount namespace that only a file descriptor of the test process keeps
alive: an overlay over the unchanged root, written to memory (nothing a test does touches a disk,
and fsync costs nothing), and a fresh mount of the cgroup v2 hierarchy, so that a container finds
the same on every machine, one with cgroup v1 or without any cgroup mount included. When the
descriptor is closed, or the test process dies, the mounts are gone; nothing has to be unmounted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.container_cgroup import Cgroup

_PREPARE = """
lower=$1 directory=$2
mount -t tmpfs -o mode=0755 disk "$directory"
mkdir "$directory/lower" "$directory/upper" "$directory/work" "$directory/root"
# A path with a colon or a comma in it would not do as a mount option.
mount --bind "$lower" "$directory/lower"
mount -t overlay -o "lowerdir=$directory/lower,upperdir=$directory/upper,workdir=$directory/work" \
    overlay "$directory/root"
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# nspawn leaves directories here; and without a systemd to be seen, it behaves alike everywhere.
mount -t tmpfs -o mode=0755 run /run
echo ready
read -r _ || :
"""

_ENTER_CGROUP = 'echo $$ >"$0/cgroup.procs" && exec "$@"'


class Disk:
    """A writable copy of the root file system at LOWER. `close()` when nothing runs on it."""

    def __init__(self, lower: Path) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="container-"))
        """On the host; its `disk` is empty there, as the mounts are seen in the namespace only."""
        self.root = self.directory / "disk/root"
        """Valid in the namespace."""
        (self.directory / "disk").mkdir()
        try:
            self._namespace, self.cgroup = self._prepare(lower)
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def _prepare(self, lower: Path) -> tuple[int, Cgroup]:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _PREPARE, "sh"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [*command, str(lower), str(self.directory / "disk")],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            # Mounting blocks nobody for long, and when it fails there is an end of file.
            if process.stdout.readline() != b"ready\n":
                why = process.stderr.read().decode(errors="replace").strip()
                raise OSError(why or "the mount namespace could not be made")
            cgroup = Cgroup(f"{self.directory.name}-{os.getpid()}", process.pid)
            return os.open(f"/proc/{process.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC), cgroup

    def command(self, *command: str) -> list[str]:
        """COMMAND in the namespace and the cgroup; to be started with `pass_fds=pass_fds`."""
        enter = ["nsenter", f"--mount=/proc/self/fd/{self._namespace}", "--"]
        return [*enter, "sh", "-c", _ENTER_CGROUP, self.cgroup.path, *command]

    @property
    def pass_fds(self) -> tuple[int]:
        """The descriptor that `command` refers to."""
        return (self._namespace,)

    def close(self) -> None:
        """Release everything."""
        try:
            self.cgroup.close()
        finally:
            os.close(self._namespace)
            shutil.rmtree(self.directory)
