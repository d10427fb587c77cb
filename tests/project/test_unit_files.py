# SPDX-License-Identifier: MIT
"""The text of all units: ours, those that the generator writes, and those that are shown.

Where SELinux is enforced, PID 1 leaves its own domain for programs of the types bin_t and
shell_exec_t only, which the files below /usr/bin have. A program of /usr/lib stays in init_t, where
no handler may connect to a backend.
"""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest

from harness import modes
from postfix_rest_inetd import generator, restart

ROOT = Path(__file__).parents[2]
UNITS = sorted(
    path
    for path in (ROOT / "systemd").rglob("*")
    if path.suffix in (".conf", ".mount", ".path", ".service", ".slice", ".socket", ".timer")
    and path.parent.name not in ("sysusers.d", "tmpfiles.d")
)
SHOWN = sorted(
    path
    for part in ("README.md", "packaging/README.md", "packaging/man", "packaging/examples")
    for path in [ROOT / part, *(ROOT / part).rglob("*")]
    if path.is_file()
)

VERBS = "Condition|StartPre|StartPost|Start|Reload|StopPost|Stop"
# systemd.service(5), table "Special executable prefixes".
COMMAND = re.compile(rf"^[ \t]*Exec(?:{VERBS})=[ \t]*[-@:+!|]*([^\s]*)", re.MULTILINE)
# In the text of a page or of a program: what follows is no command if it is no path.
MENTIONED = re.compile(rf"\bExec(?:{VERBS})=[ \t]*[-@:+!|]*(/[^\s]*)")


def programs(text: str) -> list[str]:
    """The programs of the commands in the text of a unit; an empty value resets the list."""
    return [program for program in COMMAND.findall(text) if program]


def is_entered(program: str) -> bool:
    """Has the program a type for which PID 1 leaves its domain?"""
    return re.fullmatch(r"/usr/bin/[^/]+", program) is not None


@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.relative_to(ROOT)))
def test_units(path: Path) -> None:
    """Each command of a unit begins with a program below /usr/bin."""
    found = programs(path.read_text(encoding="utf-8"))
    assert [program for program in found if not is_entered(program)] == []


def test_there_are_some() -> None:
    """The units that start something are found: the test above would pass without any."""
    having = {path.name for path in UNITS if programs(path.read_text(encoding="utf-8"))}
    assert having == {
        "10-limits.conf",
        "export-postfix-rest-metrics.service",
        "revive-postfix-rest@.service",
        *(f"{unit}@.service" for unit in modes.UNITS.values()),
    }


@pytest.mark.parametrize("content", ["refused", "broken"])
def test_generated(tmp_path: Path, content: str) -> None:
    """So does each command that the generator writes."""
    keys = {"mode": "policy", "target": "http://127.0.0.1:9/", "auth-token": "t"}
    document = {"endpoints": [{"name": "p", "bind-path": "/run/p", **keys}]}
    config = tmp_path / "config.json"
    config.write_text("{" if content == "broken" else json.dumps(document))
    generator.main([str(tmp_path / "units")] * 3, str(config))
    texts = [path.read_text() for path in (tmp_path / "units").rglob("*") if path.is_file()]
    found = [program for text in texts for program in programs(text)]
    assert found != []
    assert [program for program in found if not is_entered(program)] == []


@pytest.mark.parametrize(
    "path",
    [*SHOWN, *sorted((ROOT / "postfix_rest_inetd").rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_shown(path: Path) -> None:
    """So does each that a page shows, an example has, or a program prints."""
    found = MENTIONED.findall(path.read_text(encoding="utf-8"))
    assert [program for program in found if not is_entered(program)] == []


def test_old_command_line() -> None:
    """The handler can still be executed by itself: units that were not read anew do that."""
    handler = ROOT / "systemd/handler"
    assert handler.read_text(encoding="utf-8").startswith("#!/usr/bin/python3 -IS\n")
    install = (ROOT / "packaging/install").read_text(encoding="utf-8")
    for place in ("programs", "former_programs"):
        assert f'put 0755 systemd/handler "${place}"' in install
    assert stat.S_IMODE(handler.stat().st_mode) & 0o111 == 0o111


def test_where_programs_are() -> None:
    """A handler that starts over looks in the two places that an installation fills."""
    install = (ROOT / "packaging/install").read_text(encoding="utf-8")
    assert "libexec_dir=${LIBEXEC_DIR:-/usr/libexec}\n" in install
    assert "programs=$libexec_dir/postfix-rest-inetd\n" in install
    assert "former_programs=/usr/lib/postfix-rest-inetd\n" in install
    directories = ["/usr/libexec/postfix-rest-inetd", "/usr/lib/postfix-rest-inetd"]
    assert [os.path.dirname(path) for path in restart._PROGRAMS] == directories


@pytest.mark.parametrize("script", ["debian/prerm", "rpm/postfix-rest-inetd.spec"])
def test_only_ours_are_stopped(script: str) -> None:
    """A removal stops units of our kinds, by name: postfix-rest-connector.service is another's."""
    text = (ROOT / "packaging" / script).read_text(encoding="utf-8").replace("\\\n", " ")
    stops = [line for line in text.splitlines() if re.search(r"\bstop '", line)]
    stopped = {word for line in stops for word in re.findall(r"'([^']*)'", line)}
    kinds = {
        f"{kind}@*.{suffix}" for kind in modes.UNITS.values() for suffix in ("socket", "service")
    }
    others = {"revive-postfix-rest@*.service"}
    others |= {f"export-postfix-rest-*.{suffix}" for suffix in ("timer", "service")}
    assert stopped == kinds | others
