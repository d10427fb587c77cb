# SPDX-License-Identifier: MIT
"""What each part may load. These lists are budgets: every module costs each connection its time.

Everything runs in a fresh interpreter without `site`, so that nothing is loaded but by the package.
A line is added to a list of forbidden modules freely; one that is taken away needs a reason.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.endpoints import raw_endpoint
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import ScriptedBackend, answer
from postfix_rest_inetd.backend import http_connection

PACKAGE = "postfix_rest_inetd"
ROOT = str(Path(postfix_rest_inetd.__file__).parents[1])

REPORT = "sys.stdout.write('loaded: ' + ' '.join(sorted(set(sys.modules) - before)))"


def loaded_by(program: str, data: bytes = b"") -> tuple[set[str], bytes]:
    """The modules that a program loads, and what it writes; DATA is its standard input."""
    head = f"import sys; sys.path[:0] = {[ROOT, *sys.path]!r}; before = set(sys.modules)"
    output = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", f"{head}\n{program}\n{REPORT}"],
        input=data,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        env={
            key: value for key, value in os.environ.items() if key != http_connection.PLAIN_IMPORT
        },
    ).stdout
    written, _, modules = output.rpartition(b"loaded: ")
    return set(modules.decode().split()), written


def ours(modules: set[str]) -> set[str]:
    """Those of our own modules that are among MODULES, without the package's name."""
    return {name.removeprefix(f"{PACKAGE}.") for name in modules if name.startswith(PACKAGE)}


def among(modules: set[str], forbidden: str) -> set[str]:
    """Those of the FORBIDDEN modules (a list in a text) that were loaded."""
    return modules & set(forbidden.split())


EXPENSIVE = (
    "argparse asyncio calendar concurrent.futures contextlib dataclasses datetime difflib email "
    "encodings.idna getpass gettext hashlib http http.client importlib.metadata inspect ipaddress "
    "logging pathlib random selectors shutil socket socketserver ssl string subprocess systemd "
    "tempfile threading traceback typing urllib urllib.parse urllib3 uuid warnings"
)
"""What nobody needs who waits for a first byte, and mostly not later either."""


def test_the_package_itself():
    """Importing the package runs one file that imports nothing."""
    modules, _ = loaded_by(f"import {PACKAGE}")
    assert modules == {PACKAGE}


CODEC = {PACKAGE, "errors", "model", "protocols"}
CODECS = {
    TCP: CODEC | {"protocols.tcp_table"},
    SOCKETMAP: CODEC | {"protocols.socketmap", "protocols.netstring"},
    POLICY: CODEC | {"protocols.policy"},
}


@pytest.mark.parametrize("mode", MODES)
def test_codecs_do_no_io(mode):
    """A codec cannot do any I/O: it loads itself, errors and model, and nothing of the system's."""
    modules, _ = loaded_by(f"from {PACKAGE}.protocols import codec_of; codec_of({mode!r})")
    assert ours(modules) == CODECS[mode]
    assert modules - {f"{PACKAGE}.{name}" for name in CODECS[mode]} - {PACKAGE} <= {"__future__"}


@pytest.mark.parametrize(
    "module",
    [
        "action",
        "config.endpoint",
        "config.entries",
        "config.fields",
        "config.values",
        "config.target",
        "log_entry",
        "model",
        "restrictions",
        "verdict",
    ],
)
def test_pure_modules_do_no_io(module):
    """What is called a pure function has nothing at hand to be otherwise.

    `os` comes with others (log_entry: the journal's priorities; target: urllib.parse), so it is not
    in the list.
    """
    modules, _ = loaded_by(f"import {PACKAGE}.{module}")
    forbidden = f"{EXPENSIVE} select signal systemd subprocess"
    if module == "config.target":
        forbidden = "socket ssl http http.client select signal subprocess threading urllib3"
    assert among(modules, forbidden) == set()


WAITING = {PACKAGE, "__main__", "connection", "journal", "marks", "model", "restart"}

MAIN = f"from {PACKAGE}.__main__ import main; main({{}})"


def main(*arguments: str) -> str:
    """A program that runs the handler."""
    return MAIN.format(list(arguments))


@pytest.fixture(scope="module")
def waiting() -> set[str]:
    """What the handler has loaded when its client says nothing and goes away."""
    modules, output = loaded_by(main("--endpoint=x", "--config=/nonexistent"))
    assert output == b""
    return modules


def test_waiting_for_the_first_byte(waiting):
    """A handler whose client has said nothing yet has loaded what waits and no more."""
    assert ours(waiting) == WAITING
    assert among(waiting, EXPENSIVE) == set()


def test_waiting_needs_no_parser(waiting):
    """What waits has no JSON, no regular expressions, and no enumerations (signal has some)."""
    assert among(waiting, "collections enum functools json json.decoder re signal") == set()


UNUSABLE = b"400 REST%20connector%20cannot%20use%20its%20configuration\n"


def test_unusable_configuration():
    """Answering that there is no configuration takes no HTTP: there is nobody to be asked."""
    program = main("--endpoint=x", "--config=/nonexistent", f"--mode={TCP}")
    modules, written = loaded_by(program, b"get x\n")
    assert written == UNUSABLE
    assert among(modules, "argparse dataclasses http.client logging ssl urllib3") == set()


BACKEND = "client http_connection request resolver response stream"
CONFIG = (
    "address cache_settings credentials endpoint entries fields loading problems target targets "
    "values"
)

ANSWERING = {"action", "answering", "deadline", "errors", "handler", "handover", "in_force"}
ANSWERING |= {
    "journal_socket",
    "json_reader",
    "log_entry",
    "regular_file",
    "url_parser",
    "verdict",
    "backend",
    "config",
    "protocols",
}
ANSWERING |= {f"backend.{name}" for name in BACKEND.split()}
ANSWERING |= {f"config.{name}" for name in CONFIG.split()}
# After the first reply (handler.py).
FOR_OTHER_ACTIONS = {TCP: set(), SOCKETMAP: set(), POLICY: {"enhanced_status", "restrictions"}}


@pytest.mark.parametrize("mode", MODES)
def test_a_plain_http_request(mode, tmp_path):
    """A request over plain http loads its own codec, and neither TLS nor the operator's side.

    Nor what http_connection.py leaves out: what stands for it is there while urllib3 is loaded.
    """
    with ScriptedBackend() as backend:
        backend.script(answer(200, FOUND_BODY[mode]))
        config = {
            "endpoints": [raw_endpoint(mode=mode, target=f"http://127.0.0.1:{backend.port}/")]
        }
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config))
        modules, written = loaded_by(main(f"--config={path}", "--endpoint=example"), REQUEST[mode])
    assert written == FOUND[mode]
    assert ours(modules) == WAITING | ANSWERING | CODECS[mode] | FOR_OTHER_ACTIONS[mode]
    assert among(modules, "argparse dataclasses difflib ipaddress subprocess uuid tomllib") == set()
    # A good response is read by json_reader.py.
    assert (
        among(modules, f"json json.decoder ssl _ssl traceback {' '.join(http_connection.LEFT_OUT)}")
        == set()
    )


SEVERAL = {"backend.backends", "blake2", "cache", "cache.clock", "cache.outage", "cache.outages"}


@pytest.mark.parametrize("mode", MODES)
def test_several_targets(mode, tmp_path):
    """They take what knows which are down besides, and nothing expensive, also after a failure."""
    with ScriptedBackend() as backend:
        backend.script(answer(200, FOUND_BODY[mode]))
        urls = ["http://127.0.0.1:1/", f"http://127.0.0.1:{backend.port}/"]
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"endpoints": [raw_endpoint(mode=mode, target=urls)]}))
        modules, written = loaded_by(main(f"--config={path}", "--endpoint=example"), REQUEST[mode])
    assert written == FOUND[mode]
    expected = WAITING | ANSWERING | CODECS[mode] | FOR_OTHER_ACTIONS[mode] | SEVERAL
    assert ours(modules) == expected
    assert among(modules, "_hashlib hashlib json random ssl _ssl traceback") == set()


IMPORTERS = {
    "systemd": {"admin.statistics.journal"},
    "urllib3": {"backend.http_connection"},
    "textwrap": {"admin.ui.wrap"},
}
"""Who alone may import a dependency."""


def imported_by(path: Path) -> set[str]:
    """The modules that a file imports by an absolute name, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add(node.module or "")
    return modules


@pytest.mark.parametrize("dependency", IMPORTERS)
def test_sole_importers(dependency):
    """A dependency has its place: whoever looks for what is done with it looks there."""
    root = Path(ROOT, PACKAGE)
    importers = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in root.rglob("*.py")
        if dependency in {module.partition(".")[0] for module in imported_by(path)}
    }
    assert importers == IMPORTERS[dependency]


USERS = {
    "journal.send": {"__main__", "generator", "handler"},
    "journal.write_stderr": {"__main__"},
    "journal.guard_stderr": {"__main__"},
    "journal.settle": {"__main__"},
    "log_entry.of_request": {"handler"},
    "log_entry.of_trouble": {"__main__", "handler"},
    "log_entry.of_unusable_config": {"handler"},
}
"""What tells the operator something in the journal, or on stderr, and which modules use it."""


def used_by(path: Path) -> set[str]:
    """The names of other modules of ours that a file uses, `journal.send` for example."""
    modules: dict[str, str] = {}
    used = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, alias in imported_names(path, tree):
        modules.update({alias: name} if name in NAMES else {})
        used |= {name} - NAMES
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used |= {f"{modules.get(node.value.id)}.{node.attr}"}
    return {name.removeprefix(f"{PACKAGE}.") for name in used}


@pytest.mark.parametrize("name", USERS)
def test_users_of_the_journal(name):
    """Requests are told of in one place, and a module that tells of anything is known to do so."""
    assert {name_of(path) for path in ALL if name in used_by(path)} == USERS[name]
    module, _, function = name.rpartition(".")
    assert callable(getattr(importlib.import_module(f"{PACKAGE}.{module}"), function))


ABOVE = {
    "admin.commands": (
        "setup application migration overview checks stored trace ask statistics demo schema host "
        "ui"
    ),
    "admin.completion": "trace ask statistics host",
    "admin.setup": "application migration checks host protocols ui",
    "admin.application": "checks host ui",
    "admin.migration": "checks host protocols ui",
    "admin.overview": "checks stored trace statistics host ui",
    "admin.checks": "stored ask statistics host protocols ui",
    "admin.stored": "statistics host ui",
    "admin.trace": "statistics ui",
    "admin.ask": "host protocols ui",
    "admin.statistics": "host ui",
    "admin.demo": "ui",
    "admin.schema": "",
    "admin.host": "protocols",
    "admin.protocols": "",
    "admin.ui": "",
    "cache": "config",
    "config": "protocols",
    "backend": "cache config protocols",
    "protocols": "",
    "units": "config protocols",
}
"""What each package may import of the others; all may import the modules that stand in none."""


ALL = sorted(Path(ROOT, PACKAGE).rglob("*.py"))


def name_of(path: Path) -> str:
    """The name of a module of ours, without the package's."""
    parts = path.relative_to(Path(ROOT, PACKAGE)).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


NAMES = {f"{PACKAGE}.{name_of(path)}" for path in ALL}


def imported_names(path: Path, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What a file imports by `from`, wherever in it: whole name, and the name that it has there."""
    package = [PACKAGE, *path.relative_to(Path(ROOT, PACKAGE)).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield f"{module}.{alias.name}", alias.asname or alias.name


def needed_by(path: Path) -> set[str]:
    """The modules of ours that a file imports, wherever in it, without the package's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {name for name, _ in imported_names(path, tree)}
    found = {name if name in NAMES else name.rpartition(".")[0] for name in found}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix(f"{PACKAGE}.") for name in found if name.startswith(f"{PACKAGE}.")}


def room_of(module: str) -> str:
    """The package that a module belongs to; empty for those that stand in none."""
    return max((room for room in ABOVE if f"{module}.".startswith(f"{room}.")), default="", key=len)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_direction(path):
    """A package imports from itself, from the packages below it, and from no other."""
    module = name_of(path)
    room = room_of(module)
    allowed = {room, ""} | {f"admin.{name}" for name in ABOVE.get(room, "").split()}
    if not room.startswith("admin"):
        allowed = {room, *ABOVE.get(room, "config backend cache protocols units").split()} | {""}
    else:
        allowed |= {"config", "backend", "cache", "protocols", "units"}
    if module == "admin.cli":
        allowed |= {"admin.commands", "admin.completion", "admin.checks", "admin.ui"}
    needed = needed_by(path)
    assert {room_of(name) for name in needed} - allowed == set()
    if not module.startswith("admin"):
        assert {name for name in needed if name.split(".")[0] == "admin"} == set()


def test_there_is_one_place_that_asks_and_judges():
    """A second copy of answering.py would need the verdict, or what makes a client."""
    needs = {name_of(path): needed_by(path) for path in ALL}
    # The last one says what a stored answer is, and answers nothing.
    judging = {"answering", "handler", "admin.stored.entries"}
    assert {name for name in needs if "verdict" in needs[name]} == judging
    making = {"backend", "backend.client", "backend.backends"}
    makers = {name for name in needs if needs[name] & making and name not in making}
    makers -= {"answering"}
    # These try whether one can be loaded and made, or know the shares of time; they ask nothing.
    trying = {"admin.checks.files", "admin.checks.probe", "admin.checks.python"}
    assert makers == {"in_force", "admin.ask.direct_client"} | trying


@pytest.mark.parametrize(
    "command", [path for path in ALL if path.parent.name == "commands"], ids=name_of
)
def test_commands_do_not_import_each_other(command):
    """What two commands share is no part of either."""
    others = {name for name in needed_by(command) if name.startswith("admin.commands.")}
    assert others == set()


def test_no_circle():
    """Modules do not need each other in a circle."""
    needs = {name_of(path): needed_by(path) for path in ALL}
    needs = {
        name: {n for n in needed if n in needs and n != name} for name, needed in needs.items()
    }
    while free := {name for name, needed in needs.items() if not needed}:
        needs = {name: needed - free for name, needed in needs.items() if name not in free}
    assert needs == {}
