# SPDX-License-Identifier: MIT
"""packaging/examples/postfix_rest_inetd.cil: it compiles, and permits what it says and no more.

selinux_stub.cil stands for Fedora's policy. The tools are Debian's packages secilc and setools.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from postfix_rest_inetd.admin.checks import selinux

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "packaging/examples/postfix_rest_inetd.cil"
STUB = Path(__file__).with_name("selinux_stub.cil")
OURS = "postfix_rest_inetd_run_t"
MISSING = [program for program in ("secilc", "sesearch") if shutil.which(program) is None]

needs_tools = pytest.mark.skipif(
    MISSING != [], reason=f"no {', '.join(MISSING)} (packages secilc and setools)"
)


class Compiled(NamedTuple):
    """A policy, as the kernel loads it, and its file contexts."""

    policy: Path
    contexts: str

    def rules(self, *options: str) -> set[str]:
        """What is allowed, as sesearch(1) prints it."""
        command = ["sesearch", "-A", *options, self.policy]
        return set(subprocess.check_output(command, timeout=300, text=True).splitlines())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The stub with the module."""
    directory = tmp_path_factory.mktemp("compiled")
    policy, contexts = directory / "policy", directory / "file_contexts"
    command = ["secilc", "-M", "true", "-c", "33", "-o", policy, "-f", contexts, STUB, MODULE]
    subprocess.run(command, timeout=300, check=True)
    return Compiled(policy, contexts.read_text(encoding="utf-8"))


@needs_tools
def test_postfix(compiled: Compiled) -> None:
    """Postfix may connect, and neither make nor remove anything; nobody else gets anything."""
    found = {rule for rule in compiled.rules() if OURS in rule or "unconfined_service_t" in rule}
    assert found == {
        f"allow postfix_domain {OURS}:dir {{ getattr open search }};",
        f"allow postfix_domain {OURS}:sock_file {{ append getattr open write }};",
        "allow postfix_domain unconfined_service_t:unix_stream_socket connectto;",
    }


@needs_tools
def test_systemd(compiled: Compiled) -> None:
    """PID 1 makes the directory and the sockets, by an attribute of what is below /run."""
    found = compiled.rules("-s", "init_t", "-t", OURS)
    assert {rule.partition(" {")[0] for rule in found} == {
        "allow init_t pidfile:dir",
        "allow init_t pidfile:sock_file",
    }


@needs_tools
def test_labels(compiled: Compiled) -> None:
    """The label is that of the directory and of all below it, and of nothing else."""
    patterns = dict(line.split("\t", 1) for line in compiled.contexts.splitlines())
    assert set(patterns.values()) == {
        f"-d\tsystem_u:object_r:{OURS}:s0",
        f"system_u:object_r:{OURS}:s0",
    }
    paths = ("/run/postfix-rest", "/run/postfix-rest/maps", "/run/postfix-rest-inetd/x.conf")
    found = [any(re.fullmatch(pattern, path) for pattern in patterns) for path in paths]
    assert found == [True, True, False]


def test_advice() -> None:
    """What the example says for loading it is what `check` says, and the manual."""
    examples = "/usr/share/doc/postfix-rest-inetd/examples"
    assert f"{examples}/{MODULE.name}" == selinux.MODULE
    text = MODULE.read_text(encoding="utf-8")
    for command in selinux.LOADING:
        assert f";     {command}\n" in text
    manual = (ROOT / "packaging/man/postfix-rest-inetd.7").read_text(encoding="utf-8")
    shown = manual.replace("\\e\n    ", "").replace(r"\(aq", "'")
    for command in selinux.LOADING:
        assert f"\n{command}\n" in shown
