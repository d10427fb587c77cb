# SPDX-License-Identifier: MIT
"""Every command that the product prints is carried out by a test, which is named here.

The commands come from the source (harness/advised.py), so a new one fails until it is tried. That a
test does what is claimed is for a reader to see; that it exists, and has the case, is tested.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness.advised import printed

ROOT = Path(__file__).parents[2]
FIXES = "tests/integration/test_check_fixes.py"
MISTAKES = "tests/integration/test_mistakes.py::test_mistake"
SHOWN = "tests/integration/test_printed_commands.py"
APPLY = "tests/integration/test_apply.py"
MIGRATE = "tests/integration/test_migrate.py::test_migrate"
SETUP = "tests/integration/test_setup.py::test_newcomer"
TRACE = "tests/integration/test_trace.py::test_trace"
REMEDIES = f"{SHOWN}::test_remedies"


class Untried(str):
    """Why a command is not carried out."""

    __slots__ = ()


NO_SELINUX = Untried("SELinux needs a kernel that has it; test_selinux_module.py has the module")
NO_NETWORK = Untried("it asks a machine outside, or installs a package")
A_WORD = Untried("COMMAND is a word for each command")

# By module: what a command begins with, and who carries it out.
TRIED: dict[str, dict[str, str]] = {
    "__main__.py": {
        "postfix-rest-inetd --help": "tests/unit/admin/test_cli.py::test_no_arguments",
        "postfix-rest-inetd {}": Untried("it is the version, and not a command"),
    },
    "admin/application/session.py": {"postfix-rest-inetd apply": f"{APPLY}::test_repairs"},
    "admin/ask/socket_client.py": {"systemctl status": REMEDIES},
    "admin/checks/clocks.py": {"timedatectl": REMEDIES},
    "admin/checks/failed_units.py": {"systemctl status": REMEDIES},
    "admin/checks/failures.py": {
        "journalctl -x -t postfix-rest-inetd -p warning -S -1h": REMEDIES,
        "postfix-rest-inetd stats --since=-1h": REMEDIES,
    },
    "admin/checks/files.py": {
        "chgrp {} {} {}": f"{FIXES}::test_commands[no user for the handlers]",
        "systemd-sysusers": f"{FIXES}::test_commands[no user for the handlers]",
        "systemd-tmpfiles": f"{FIXES}::test_commands[no user for the handlers]",
        "chmod g+x": f"{FIXES}::test_a_token_file",
        "chgrp {} {}": f"{FIXES}::test_a_token_file",
        "chmod 0640 {}": f"{MISTAKES}[a token file that is open]",
        "chown root:{} {}": f"{MISTAKES}[a token file that is root's]",
    },
    "admin/checks/host.py": {
        "chmod 0755 {}": f"{FIXES}::test_commands[the generator cannot be run]",
        "rm {}": f"{FIXES}::test_commands[the generator is masked]",
        "sed -i": f"{FIXES}::test_commands[a drop-in names a program where 0.1.0 had it]",
        "systemctl daemon-reload": f"{FIXES}::test_commands[the generator is masked]",
    },
    "admin/checks/loaded_units.py": {
        "mkdir -p {}": f"{FIXES}::test_too_few_connections",
        "printf": f"{FIXES}::test_too_few_connections",
    },
    "admin/checks/misfits.py": {
        "postconf{} -e": f"{FIXES}::test_commands[proxy: in a parameter of one's own]",
        "postconf{} -h": f"{FIXES}::test_commands[proxy: in a parameter of one's own]",
        "postfix{} reload": f"{FIXES}::test_commands[proxy: in an override]",
    },
    "admin/checks/report.py": {"postfix-rest-inetd apply": f"{APPLY}::test_repairs"},
    "admin/checks/selinux.py": {
        "restorecon": NO_SELINUX,
        "semanage": NO_SELINUX,
        "semodule": NO_SELINUX,
        "systemctl restart 'postfix-rest-*.socket'": NO_SELINUX,
    },
    "admin/checks/steps.py": {
        "systemctl /usr/libexec": f"{FIXES}::test_commands[a drop-in that systemd has not read]",
        "systemctl daemon-reload": f"{FIXES}::test_other_addresses",
        "systemctl disable --now": f"{FIXES}::test_commands[a unix socket under @NAME]",
        "systemctl disable": f"{FIXES}::test_commands[both are enabled]",
        "systemctl enable --now": f"{FIXES}::test_commands[disabled and stopped]",
        "systemctl enable": f"{FIXES}::test_commands[disabled]",
        "systemctl reset-failed": (
            f"{FIXES}::test_commands[the report of a boot with a broken file]"
        ),
        "systemctl restart": f"{FIXES}::test_other_addresses",
        "systemctl start": f"{FIXES}::test_commands[stopped]",
        "systemctl stop": "tests/integration/test_apply.py::test_named_units",
        "systemctl unmask --runtime": f"{FIXES}::test_commands[masked until the next boot]",
        "systemctl unmask": f"{FIXES}::test_commands[masked and stopped]",
    },
    "admin/checks/space.py": {"findmnt": f"{MISTAKES}[a cache directory on a full disk]"},
    "admin/checks/stored_answers.py": {
        "chmod -R go-w": f"{FIXES}::test_commands[others may write into the cache directory]",
        "chmod 0700": f"{MISTAKES}[a cache directory into which handlers may not write]",
        "chown -R": f"{FIXES}::test_commands[the cache directory is another user's]",
        "install -d": f"{MISTAKES}[no cache directory]",
        "mv": f"{MISTAKES}[a file in place of the cache directory]",
        "systemctl cat": REMEDIES,
    },
    "admin/cli.py": {"postfix-rest-inetd COMMAND": A_WORD},
    "admin/commands/migrate.py": {"postfix-rest-inetd check --probe": MIGRATE},
    "admin/commands/query.py": {
        "journalctl -t": REMEDIES,
        "postfix-rest-inetd query": f"{SHOWN}::test_help",
    },
    "admin/commands/setup.py": {"postfix-rest-inetd setup": NO_NETWORK},
    "admin/commands/stats.py": {"systemctl enable --now export-": f"{SHOWN}::test_help"},
    "admin/commands/token.py": {
        "journalctl -q": "tests/integration/test_token_change.py::test_change",
        "postfix-rest-inetd token use": "tests/integration/test_token_change.py::test_change",
    },
    "admin/commands/trace.py": {"postfix-rest-inetd trace": f"{SHOWN}::test_help"},
    "admin/demo/screen.py": {
        "bash": f"{SHOWN}::test_demo",
        "printf": f"{SHOWN}::test_demo",
        "postmap -q": f"{SHOWN}::test_demo",
        "postmap is missing: apt": NO_NETWORK,
        "postmap needs": Untried("an empty main.cf of a machine without Postfix"),
    },
    "admin/demo/sockets.py": {"apt install": NO_NETWORK},
    "admin/migration/main_cf.py": {"postconf -e": SETUP, "postfix reload": SETUP},
    "admin/migration/steps.py": {
        "install": MIGRATE,
        "postfix-rest-inetd check --only": MIGRATE,
        "systemctl": MIGRATE,
    },
    "admin/overview/looking.py": {"journalctl -t {} -o verbose -n 3": REMEDIES},
    "admin/overview/remedies.py": {"journalctl -x": REMEDIES, "postfix-rest-inetd": REMEDIES},
    "admin/schema/document.py": {"postfix-rest-inetd check": REMEDIES},
    "admin/setup/session.py": {
        "postfix-rest-inetd apply": f"{APPLY}::test_repairs",
        "postfix-rest-inetd query": f"{SHOWN}::test_help",
        "postmap -q KEY": SETUP,
    },
    "admin/setup/trial.py": {"postfix-rest-inetd query": f"{SHOWN}::test_help"},
    "admin/trace/cause.py": {"journalctl -x": REMEDIES, "postfix-rest-inetd check": REMEDIES},
    "backend/tls.py": {
        "openssl s_client": "tests/blackbox/backend/test_tls.py::test_the_command_that_tells_more"
    },
    "generator.py": {
        "systemctl": f"{SHOWN}::test_generator",
        "postfix-rest-inetd check": REMEDIES,
    },
    "units/socket_units.py": {"systemctl daemon-reload": f"{SHOWN}::test_generator"},
}


def test_all_are_tried() -> None:
    """Each printed command is one of the table, and each of the table is printed."""
    untried, superfluous = {}, {}
    for module, commands in printed().items():
        known = TRIED.get(module, {})
        untried[module] = {each for each in commands if not each.startswith(tuple(known))}
        superfluous[module] = {
            each for each in known if not any(command.startswith(each) for command in commands)
        }
    assert {module: found for module, found in untried.items() if found} == {}
    assert {module: found for module, found in superfluous.items() if found} == {}
    assert TRIED.keys() == printed().keys()


@pytest.mark.parametrize(
    "reference",
    sorted({t for own in TRIED.values() for t in own.values() if not isinstance(t, Untried)}),
)
def test_trials(reference: str) -> None:
    """The test is there, and its file or the table beside it has the case."""
    path, _, name = reference.partition("::")
    function, _, case = name.removesuffix("]").partition("[")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert any(isinstance(e, ast.FunctionDef) and e.name == function for e in ast.walk(tree))
    beside = ROOT / path.replace("/test_", "/")
    texts = [(ROOT / path).read_text(encoding="utf-8")]
    texts += [beside.read_text(encoding="utf-8")] if beside.is_file() else []
    assert not case or any(f'"{case}": ' in text for text in texts)
