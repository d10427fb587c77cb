# SPDX-License-Identifier: MIT
"""The example in README.md, done as it is written there, but for the ports."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.activation import activated, handler_command
from harness.ports import free_port
from harness.postfix_instance import postmap, write_config
from harness.process_group import end

pytestmark = pytest.mark.postfix

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
WAIT_SEC = 20


@pytest.fixture(scope="module")
def text() -> str:
    """README.md with ports that are free here."""
    ports = {"8080": free_port(), "9002": free_port(), "9003": free_port()}
    return re.sub(r"\b(8080|9002|9003)\b", lambda match: str(ports[match[0]]), README)


def example(text: str, language: str) -> str:
    """The only block of a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def dialogue(text: str) -> list[tuple[str, str]]:
    """The example's commands behind a $, continued behind a >, and what they print."""
    lines = re.findall(r"^    (.*)$", text.partition("\n## An example\n")[2], re.MULTILINE)
    found: list[tuple[str, str]] = []
    for line in lines[lines.index(next(line for line in lines if line.startswith("$ "))) :]:
        command, printed = found[-1] if found else ("", "")
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> "):
            found[-1] = (f"{command} {line[2:]}", "")
        elif not line.startswith("GET "):
            found[-1] = (command, f"{printed}{line}\n")
        else:
            break
    return found


@pytest.fixture(scope="module")
def config(text: str, directory: Path) -> Iterator[Path]:
    """The configuration; its backend runs."""
    program = directory / "backend.py"
    program.write_text(example(text, "python"))
    path = directory / "config.json"
    path.write_text(example(text, "json"))
    port = int(re.findall(r'"target": "http://127\.0\.0\.1:(\d+)/"', path.read_text())[0])
    process = subprocess.Popen([sys.executable, str(program)], start_new_session=True)
    try:
        deadline = time.monotonic() + WAIT_SEC
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        yield path
    finally:
        end(process)


def test_example(text: str, config: Path, directory: Path) -> None:
    """Each command prints what is shown."""
    addresses = [f"127.0.0.1:{port}" for port in re.findall(r"--listen=127.0.0.1:(\d+)", text)]
    assert len(addresses) == 2
    main_cf = write_config(directory / "etc", {})
    commands = dialogue(text)
    assert len(commands) == 3
    with activated(addresses, config, "socketmap-lookup"):
        for command, printed in commands[:2]:
            _, _, key, table, *_ = command.split()
            result = postmap(key, table, main_cf)
            shown = result.stdout.decode() or "not found\n"
            assert (shown, result.stderr) == (printed, "")
    command, printed = commands[2]
    request, _, handler = command.partition(" | ")
    assert (
        handler == "/usr/bin/python3 -m postfix_rest_inetd --config config.json --endpoint policy"
    )
    done = subprocess.run(
        [*handler_command(config, "policy", "--endpoint", "policy")],
        input=subprocess.check_output(["sh", "-c", request], timeout=WAIT_SEC),
        capture_output=True,
        timeout=WAIT_SEC,
        check=True,
    )
    assert done.stdout.decode() == f"{printed}\n"
