# SPDX-License-Identifier: MIT
"""A policy of SELinux where there is none: a directory like selinuxfs, and the rules of a test.

The answers have the form of the kernel's (security/selinux/selinuxfs.c). The rules are those of
Fedora's policy, as far as `check` asks for them, as sesearch(1) shows them.
"""

from __future__ import annotations

import errno
from pathlib import Path

from postfix_rest_inetd.admin.host.selinux import Policy, type_of

SYSTEMD = "system_u:system_r:init_t:s0"
# The number of a permission is its place, from 1 on.
CLASSES = {
    "file": (6, ("ioctl", "read", "write", "execute")),
    "process": (2, ("fork", "transition")),
    "sock_file": (10, ("ioctl", "read", "write")),
    "unix_stream_socket": (14, ("ioctl", "read", "write", "connectto")),
}
# The domain of a program that systemd executes.
DOMAINS = {
    "bin_t": "unconfined_service_t",
    "shell_exec_t": "initrc_t",
    "systemd_generic_generator_exec_t": "systemd_generic_generator_t",
}
TYPES = {
    "init_t",
    "init_exec_t",
    "lib_t",
    "admin_home_t",
    "postfix_smtpd_t",
    "var_run_t",
    "postfix_etc_t",
}
TYPES |= {*DOMAINS, *DOMAINS.values(), "postfix_rest_inetd_run_t"}
ALLOWED = {
    ("init_t", "file", "execute"): {"lib_t", "init_exec_t", *DOMAINS},
    ("init_t", "file", "read"): {"postfix_etc_t"},
}
# The domain of generators is permissive.
PERMISSIVE = {"systemd_generic_generator_t"}
MODULE = {
    ("postfix_smtpd_t", "sock_file", "write"): {"postfix_rest_inetd_run_t"},
    ("postfix_smtpd_t", "unix_stream_socket", "connectto"): {"unconfined_service_t"},
}
"""What the module of the examples adds."""


def context(name: str) -> str:
    """The context of a file that has this type."""
    return f"system_u:object_r:{name}:s0"


def selinuxfs(top: Path, *, enforcing: bool = True) -> Path:
    """A directory with the mode and the classes, below TOP; and a /proc with PID 1."""
    directory = top / "selinux"
    for name, (number, permissions) in CLASSES.items():
        (directory / "class" / name / "perms").mkdir(parents=True)
        (directory / "class" / name / "index").write_text(str(number))
        for place, permission in enumerate(permissions, 1):
            (directory / "class" / name / "perms" / permission).write_text(str(place))
    (directory / "enforce").write_text(str(int(enforcing)))
    (top / "proc/1/attr").mkdir(parents=True)
    (top / "proc/1/attr/current").write_bytes(SYSTEMD.encode() + b"\0")
    return directory


class Stated(Policy):
    """A policy that consists of rules: (source, class, permission) to the types of the targets."""

    def __init__(
        self, top: Path, rules: dict[tuple[str, str, str], set[str]], **mode: bool
    ) -> None:
        """Make the directory below TOP."""
        super().__init__(str(selinuxfs(top, **mode)), str(top / "proc"))
        self.rules = rules
        self.types = TYPES

    def _answer(self, name: str, question: str) -> str:
        source, target, number = question.split(" ")
        if {type_of(source), type_of(target)} - self.types:
            raise OSError(errno.EINVAL, "Invalid argument")
        kind = next(name for name, (index, _) in CLASSES.items() if index == int(number))
        if name == "create":
            domain = DOMAINS.get(type_of(target), type_of(source))
            return f"system_u:system_r:{domain}:s0\0"
        allowed = sum(
            1 << place
            for place, permission in enumerate(CLASSES[kind][1])
            if type_of(target) in self.rules.get((type_of(source), kind, permission), ())
        )
        flags = int(type_of(source) in PERMISSIVE)
        return f"{allowed:x} ffffffff 0 ffffffff 5 {flags}"
