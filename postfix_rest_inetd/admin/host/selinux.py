# SPDX-License-Identifier: MIT
"""SELinux: what the policy that the kernel has loaded permits, and the labels of files.

The kernel answers in selinuxfs (security/selinux/selinuxfs.c in its source), by the names of
contexts, such as `system_u:object_r:bin_t:s0`. Nothing is concluded from the name of a policy, and
libselinux is not needed.
"""

from __future__ import annotations

import errno
import os

_ATTRIBUTE = "security.selinux"
_PERMISSIVE_DOMAIN = 1  # SELINUX_AVD_FLAGS_PERMISSIVE: what such a domain may not do is only logged
_MAX_ANSWER = 4096  # SIMPLE_TRANSACTION_LIMIT is less than a page


def type_of(context: str) -> str:
    """The type in a context."""
    return [*context.split(":"), "", "", ""][2]


def with_type(context: str, name: str) -> str:
    """A context with another type."""
    user, role, _, *level = context.split(":")
    return ":".join((user, role, name, *level))


class Policy:
    """The policy of this machine.

    Attributes:
        is_enforcing: does the kernel deny what the policy does not allow, or only log it?
    """

    def __init__(self, directory: str, proc: str) -> None:
        """Read the mode."""
        self._directory = directory
        self._proc = proc
        self.is_enforcing = self._number("enforce") != 0

    @property
    def systemd(self) -> str:
        """The context of PID 1.

        Raises:
            OSError: this user may not see it.
        """
        with open(f"{self._proc}/1/attr/current", encoding="ascii") as file:
            return file.read().strip("\0\n")

    def domain(self, program: str) -> str:
        """The context in which PID 1 runs a program that has the context `program`.

        Raises:
            OSError: this user may not ask.
        """
        number = self._number("class/process/index")
        return self._answer("create", f"{self.systemd} {program} {number}").strip("\0")

    def may(self, source: str, target: str, kind: str, permission: str) -> bool:
        """May a process of the context `source` do something with a `target` of the class `kind`?

        A context that the policy does not have may do nothing, and nothing may be done with it.

        Raises:
            OSError: this user may not ask.
        """
        bit = 1 << self._number(f"class/{kind}/perms/{permission}") - 1
        answer = self._access(source, target, kind)
        if answer is None:
            return False
        allowed, *_, flags = answer.split()
        return bool(int(allowed, 16) & bit or int(flags, 16) & _PERMISSIVE_DOMAIN)

    def has(self, context: str) -> bool:
        """Does the policy have this context?

        Raises:
            OSError: this user may not ask.
        """
        return self._access(context, context, "process") is not None

    def _access(self, source: str, target: str, kind: str) -> str | None:
        """What the kernel decides about a class; None if the policy lacks one of the contexts."""
        number = self._number(f"class/{kind}/index")
        try:
            return self._answer("access", f"{source} {target} {number}")
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise

    def _number(self, name: str) -> int:
        with open(f"{self._directory}/{name}", encoding="ascii") as file:
            return int(file.read())

    def _answer(self, name: str, question: str) -> str:
        """Ask: the kernel answers in the file in which the question was written, once."""
        descriptor = os.open(f"{self._directory}/{name}", os.O_RDWR | os.O_CLOEXEC)
        try:
            os.write(descriptor, question.encode())
            return os.read(descriptor, _MAX_ANSWER).decode()
        finally:
            os.close(descriptor)


def label(path: str) -> str:
    """The context of a file, of the one that a symbolic link leads to; empty if there is none.

    Raises:
        OSError: there is no such file.
    """
    try:
        return os.getxattr(path, _ATTRIBUTE).decode(errors="backslashreplace").strip("\0")
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return ""
        raise


def loaded(directory: str = "/sys/fs/selinux", proc: str = "/proc") -> Policy | None:
    """The policy of this machine, or None where SELinux does not matter.

    In a container, selinuxfs is read-only, if it is there, and the policy of the host makes no
    difference between the processes inside (verify_selinuxmnt in init.c of libselinux).
    """
    is_here = os.path.exists(f"{directory}/class/process/index")  # a policy has been loaded
    if not is_here or os.statvfs(directory).f_flag & os.ST_RDONLY:
        return None
    try:
        return Policy(directory, proc)
    except (OSError, ValueError):  # only a part of selinuxfs is there
        return None
