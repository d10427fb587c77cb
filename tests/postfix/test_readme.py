# SPDX-License-Identifier: MIT
"""The example in README.md without systemd's units, with ports that are free here.

That all of it works where it is installed is tested by tests/integration/test_readme.py.
"""

from __future__ import annotations

import contextlib
import json
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
from harness.readme import TEXT, steps, the

pytestmark = pytest.mark.postfix

WAIT_SEC = 20
TOKEN = "test123"


@pytest.fixture(scope="module")
def text() -> str:
    """README.md with ports that are free here."""
    ports = {"8080": free_port(), "9002": free_port(), "9003": free_port()}
    return re.sub(r"\b(8080|9002|9003)\b", lambda match: str(ports[match[0]]), TEXT)


@pytest.fixture(scope="module")
def config(text: str, directory: Path) -> Iterator[Path]:
    """The configuration; its backend runs."""
    program = directory / "backend.py"
    program.write_text(the("python", text))
    path = directory / "config.json"
    tokens = dict.fromkeys(re.findall("/etc/postfix-rest-inetd/([a-z]+.token)", text))
    assert tokens
    for name in tokens:
        (directory / name).write_text(TOKEN)
    path.write_text(the("json", text).replace("/etc/postfix-rest-inetd", str(directory)))
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
    """Each postmap command prints what is shown; the policy refuses the sender that it is asked."""
    endpoints = json.loads(config.read_text())["endpoints"]
    addresses = [f"127.0.0.1:{endpoint['bind-port']}" for endpoint in endpoints]
    assert len(addresses) == 2
    main_cf = write_config(directory / "etc", {})
    found = [step for step in steps(text) if step.kind == "ask"]
    questions = [step for step in found if step.text.startswith("postmap ")]
    assert len(questions) == 2
    with activated(addresses, config, "socketmap-lookup"):
        for step in questions:
            _, _, key, table, *_ = step.text.split()
            result = postmap(key, table, main_cf)
            shown = result.stdout.decode() or "not found\n"
            assert (shown, result.stderr) == (step.shown, "")
    (sender,) = {
        match for step in found for match in re.findall("--attribute (sender=.*)", step.text)
    }
    done = subprocess.run(
        handler_command(config, "policy", "--endpoint", "policy"),
        input=f"request=smtpd_access_policy\n{sender}\n\n".encode(),
        capture_output=True,
        timeout=WAIT_SEC,
        check=True,
    )
    assert done.stdout == b"action=REJECT no advertising\n\n"
