# SPDX-License-Identifier: MIT
"""What a process may do: run by test_sandbox.py instead of a handler, in the handler's sandbox.

A program for the container's Python, with the connection on fd 0 and 1. One line is read: the name
of a function here and its arguments, separated by white space. What it returns is the answer, or
the name of the error with which the kernel refused. A killed process answers nothing.
"""

import ctypes
import errno
import mmap
import os
import socket
import subprocess
import sys
import tempfile

LIBC = ctypes.CDLL(None, use_errno=True)
SYSCALLS = {
    "bpf": 321,
    "clock_settime": 227,
    "finit_module": 313,
    "io_uring_setup": 425,
    "kexec_load": 246,
    "keyctl": 250,
    "mount": 165,
    "mq_open": 240,
    "perf_event_open": 298,
    "process_vm_readv": 310,
    "ptrace": 101,
    "reboot": 169,
    "sched_setscheduler": 144,
    "sethostname": 170,
    "setns": 308,
    "shmget": 29,
    "splice": 275,
    "unshare": 272,
    "userfaultfd": 323,
}
CLONE_NEWUSER = 0x10000000


def checked(result):
    """The result of a function of the C library, its errno raised."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def write(directory):
    """Make a file, and remove it again."""
    descriptor, path = tempfile.mkstemp(dir=directory)
    os.close(descriptor)
    os.unlink(path)
    return "done"


def append(path):
    """Open an existing file for writing."""
    with open(path, "ab"):
        return "done"


def keep(directory):
    """Make a file and leave it there; returns its path."""
    descriptor, path = tempfile.mkstemp(dir=directory, prefix="kept-by-probe-")
    os.close(descriptor)
    return path


def writable():
    """All directories and regular files, outside of /proc, that could be written to."""
    found = []
    for parent, names, files in os.walk("/"):
        if parent == "/":
            names.remove("proc")
        if os.access(parent, os.W_OK):
            found.append(parent)
        paths = [os.path.join(parent, name) for name in files]
        found += [path for path in paths if os.path.isfile(path) and os.access(path, os.W_OK)]
    return " ".join(sorted(found))


def names(directory):
    """What is in a directory."""
    return " ".join(sorted(os.listdir(directory))) or "nothing"


def read(path):
    """Read a file."""
    with open(path, "rb") as file:
        return f"{len(file.read())} bytes"


def processes():
    """The processes that can be seen, without this one."""
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return " ".join(map(str, sorted(pids - {os.getpid()}))) or "none"


def status(name):
    """A line of /proc/self/status."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(line.split()[1] for line in file if line.startswith(f"{name}:"))


def identity():
    """The real and the effective user."""
    return f"{os.getuid()} {os.geteuid()}"


def execute(program):
    """What a program says, about its effective user for example."""
    done = subprocess.run([program, "-u"], capture_output=True, check=False)
    return done.stdout.decode().strip() or f"exit status {done.returncode}"


def become(uid):
    """setuid(2)."""
    os.setuid(int(uid))
    return "done"


def family(name):
    """Make a raw socket of an address family, without connecting it to anything."""
    with socket.socket(getattr(socket, name), socket.SOCK_RAW):
        return "done"


def stream(name):
    """Make a stream socket of an address family."""
    with socket.socket(getattr(socket, name), socket.SOCK_STREAM):
        return "done"


def map_executable():
    """Memory that is writable and executable at once."""
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC):
        return "done"


def make_executable():
    """Memory that was writable, made executable."""
    protection = mmap.PROT_READ | mmap.PROT_EXEC
    with mmap.mmap(-1, 4096) as memory:
        there = ctypes.c_char.from_buffer(memory)
        try:
            checked(LIBC.mprotect(ctypes.c_void_p(ctypes.addressof(there)), 4096, protection))
        finally:
            del there
    return "done"


def user_namespace():
    """A user namespace of its own."""
    checked(LIBC.unshare(CLONE_NEWUSER))
    return "done"


def call(name):
    """A system call with nonsense for arguments: an unfiltered kernel refuses these."""
    nonsense = [ctypes.c_long(-1)] * 4
    checked(LIBC.syscall(ctypes.c_long(SYSCALLS[name]), *nonsense))
    return "done"


def main():
    """One question, one answer."""
    name, *arguments = sys.stdin.readline().split()
    try:
        answer = globals()[name](*arguments)
    except OSError as error:
        answer = errno.errorcode[error.errno]
    print(answer, flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
