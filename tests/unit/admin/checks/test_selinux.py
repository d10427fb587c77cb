# SPDX-License-Identifier: MIT
"""checks.selinux: what is found about programs and unix sockets, and the commands against it."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP
from harness.selinux_policy import ALLOWED, MODULE, Stated, context
from postfix_rest_inetd.admin.checks import selinux
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding

pytestmark = pytest.mark.root  # others may not label files
LOADED = {**ALLOWED, **MODULE}
HANDLER = "postfix-rest-socketmap@.service"


def labelled(path: Path, name: str) -> str:
    """The path of a file that has this type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        os.setxattr(path, "security.selinux", context(name).encode() + b"\0")
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            pytest.skip(f"the file system of {path} has no labels")
        raise
    return str(path)


@pytest.fixture
def python(tmp_path: Path) -> str:
    """A program as systemd should run it."""
    return labelled(tmp_path / "python3", "bin_t")


def of_program(policy: Stated, path: str, generator: str = "") -> list[Finding]:
    """The findings where two units have this program."""
    used = selinux.Used({HANDLER: path, "other.service": path}, generator, "/nonexistent")
    return list(selinux.findings([], used, policy))


def test_right_labels(tmp_path: Path, python: str) -> None:
    """Nothing is found, be it the shell, Python or the generator."""
    policy = Stated(tmp_path, ALLOWED)
    generator = labelled(tmp_path / "generator", "systemd_generic_generator_exec_t")
    assert of_program(policy, python, generator) == []
    assert of_program(policy, labelled(tmp_path / "sh", "shell_exec_t"), generator) == []


def test_link(tmp_path: Path, python: str) -> None:
    """The label of the file counts, and not that of a link to it."""
    link = tmp_path / "link"
    link.symlink_to(python)
    assert of_program(Stated(tmp_path, ALLOWED), str(link)) == []


def test_domain_of_systemd(tmp_path: Path) -> None:
    """A program that keeps a handler in the domain of systemd is found once, with its units."""
    path = labelled(tmp_path / "a b.c/handler", "lib_t")
    (found,) = of_program(Stated(tmp_path, ALLOWED), path)
    assert (found.severity, found.where) == (WARNING, path)
    assert found.what == (
        "has the SELinux type lib_t, so systemd runs it in its own domain, init_t, where SELinux "
        f"denies what it needs, such as connections to backends ({HANDLER}, other.service)"
    )
    first, second = found.advice.splitlines()
    escaped = path.replace(".", r"\.")
    assert shlex.split(first) == ["semanage", "fcontext", "-a", "-t", "bin_t", escaped]
    assert shlex.split(second) == ["restorecon", "-v", path]


def test_not_executable(tmp_path: Path, python: str) -> None:
    """What was moved from a home directory keeps the label from there."""
    policy = Stated(tmp_path, ALLOWED)
    path = labelled(tmp_path / "moved", "admin_home_t")
    (found,) = of_program(policy, path)
    assert found.what.startswith("has the SELinux type admin_home_t, which systemd may not execute")
    generator = labelled(tmp_path / "system-generators/g", "admin_home_t")
    (found,) = of_program(policy, python, generator)
    assert (found.where, found.advice) == (generator, f"    restorecon -v {generator}")


@pytest.mark.parametrize(
    "generator, config, count",
    [
        ("init_exec_t", "postfix_etc_t", 0),
        ("init_exec_t", "admin_home_t", 1),
        ("systemd_generic_generator_exec_t", "admin_home_t", 0),
    ],
)
def test_moved_config(tmp_path: Path, generator: str, config: str, count: int) -> None:
    """A label that mv(1) kept matters where the generator runs in the domain of systemd."""
    program = labelled(tmp_path / "generator", generator)
    path = labelled(tmp_path / "config.json", config)
    policy = Stated(tmp_path, ALLOWED)
    found = list(selinux.findings([], selinux.Used({}, program, path), policy))
    told = "has the SELinux type admin_home_t, which the generator may not read"
    assert [(each.where, each.what) for each in found] == [(path, told)] * count


def test_moved_credential(tmp_path: Path) -> None:
    """Files of LoadCredential= are read by systemd itself; one may be missing."""
    paths = [labelled(tmp_path / name, name) for name in ("postfix_etc_t", "admin_home_t")]
    used = selinux.Used({}, "", "", (*paths, str(tmp_path / "missing")))
    (found,) = selinux.findings([], used, Stated(tmp_path, ALLOWED))
    assert (found.where, found.what) == (
        paths[1],
        "has the SELinux type admin_home_t, which systemd may not read",
    )


def of_socket(policy: Stated, path: str, program: str, mode: str = SOCKETMAP) -> list[Finding]:
    """The findings for an endpoint with a unix socket."""
    fields = {"bind_path": path, "bind_port": ...}
    services = {HANDLER: program, "postfix-rest-policy@.service": program}
    used = selinux.Used(services, "", "")
    return list(selinux.findings([endpoint(mode, **fields)], used, policy))


@pytest.mark.parametrize("mode", [SOCKETMAP, POLICY])
def test_without_module(tmp_path: Path, python: str, mode: str) -> None:
    """A unix socket is out of reach for Postfix; the advice is TCP or the module."""
    (found,) = of_socket(Stated(tmp_path, ALLOWED), "/run/postfix-rest/x", python, mode)
    assert found.where == "example"
    assert found.what == "SELinux does not let Postfix connect to /run/postfix-rest/x"
    tcp, *lines = found.advice.splitlines()
    assert tcp.startswith("Use bind-port: SELinux permits Postfix to connect to all TCP ports. Or ")
    assert lines == [f"    {command}" for command in selinux.LOADING]


def test_with_module(tmp_path: Path, python: str) -> None:
    """Below its directory it is well, also before the socket is there; elsewhere it is not."""
    policy = Stated(tmp_path, LOADED)
    assert of_socket(policy, "/run/postfix-rest/x", python) == []
    (found,) = of_socket(policy, "/run/postfix-rest-inetd/x", python)
    assert "Or use a bind-path below /run/postfix-rest, and load" in found.advice


@pytest.mark.parametrize("name, count", [("postfix_rest_inetd_run_t", 0), ("var_run_t", 1)])
def test_socket(tmp_path: Path, python: str, name: str, count: int) -> None:
    """Where there is a socket, its label decides: not the place, if a module permits another."""
    path = labelled(tmp_path / "socket", name)
    assert len(of_socket(Stated(tmp_path, LOADED), path, python)) == count


def test_tcp(tmp_path: Path, python: str) -> None:
    """TCP is never the matter."""
    used = selinux.Used({HANDLER: python}, "", "")
    policy = Stated(tmp_path, ALLOWED)
    assert list(selinux.findings([endpoint(SOCKETMAP)], used, policy)) == []


def test_unconfined_postfix(tmp_path: Path, python: str) -> None:
    """Nor is anything where the policy has no domain for Postfix."""
    policy = Stated(tmp_path, ALLOWED)
    policy.types = policy.types - {"postfix_smtpd_t"}
    assert of_socket(policy, "/run/postfix-rest/x", python) == []


def test_permissive(tmp_path: Path, python: str) -> None:
    """While SELinux only logs, it is a note."""
    policy = Stated(tmp_path, ALLOWED, enforcing=False)
    (found,) = of_socket(policy, "/run/postfix-rest/x", python)
    assert found.severity == NOTE


def test_without_rights(tmp_path: Path, python: str) -> None:
    """A user who may not ask the kernel gets a note."""
    policy = Stated(tmp_path, ALLOWED)
    (tmp_path / "proc/1/attr/current").unlink()
    (found,) = of_program(policy, python)
    assert (found.severity, found.where) == (NOTE, "SELinux")
    assert found.advice == "Run this as root to check that."


@pytest.mark.parametrize("domain", ["unconfined", "système", ""])
def test_an_odd_context(tmp_path: Path, python: str, domain: str) -> None:
    """What is no context is not taken for one, and ends nothing else."""
    policy = Stated(tmp_path, ALLOWED)
    (tmp_path / "proc/1/attr/current").write_text(domain)
    used = selinux.Used({HANDLER: python}, "", "/nonexistent")
    unix = [endpoint(mode=SOCKETMAP, bind_path="/run/x", bind_port=...)]
    assert {found.severity for found in selinux.findings(unix, used, policy)} <= {NOTE, WARNING}
