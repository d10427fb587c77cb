# SPDX-License-Identifier: MIT
"""The product as systemd runs it: systemd-socket-activate starts a handler for each connection.

systemd-socket-activate gives a handler an environment of its own choice: only what is passed on
with --setenv. In particular SSL_CERT_FILE and SSL_CERT_DIR of the machine stay outside.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.line_log import LineLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROGRAM = "systemd-socket-activate"
_STOP_SEC = 10


class Activation(NamedTuple):
    """A running systemd-socket-activate.

    `log` has its standard error and that of its handlers: a line "Connection from ..." for each
    connection, and the messages of handlers if there is no journal.
    """

    process: subprocess.Popen[bytes]
    log: LineLog

    def connections(self) -> int:
        """The number of connections accepted so far, that is of handlers started."""
        return sum("Connection from " in line for line in self.log.lines())


def package_parent() -> Path:
    """The directory that holds the package as `import postfix_rest_inetd` finds it here."""
    spec = importlib.util.find_spec("postfix_rest_inetd")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


def write_handler_config(file: Path, *endpoints: Mapping[str, object]) -> Path:
    """Write the handlers' configuration with ENDPOINTS into FILE, readable by every user."""
    file.write_text(json.dumps({"endpoints": [{"auth-token": "secret", **e} for e in endpoints]}))
    file.chmod(0o644)
    return file


def handler_command(config: Path, mode: str, *arguments: str) -> list[str]:
    """The command line of a handler, run by the Python that runs the tests."""
    options = ["--config", str(config), "--mode", mode]
    return [sys.executable, "-m", "postfix_rest_inetd", *options, *arguments]


def _handler_environment(extra: Mapping[str, str]) -> dict[str, str]:
    environment = {"PYTHONPATH": str(package_parent())}
    # What `coverage run` sets for the processes below it, when coverage is measured.
    environment |= {k: v for k, v in os.environ.items() if k.startswith("COVERAGE_PROCESS_")}
    return environment | dict(extra)


@contextlib.contextmanager
def activated(
    addresses: Sequence[str],
    config: Path,
    mode: str,
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Activation]:
    """Listen on ADDRESSES (ADDRESS:PORT or an absolute path) and start a handler per connection.

    PREFIX is put before the command, for example that of a mount namespace.
    """
    program = shutil.which(PROGRAM)
    assert program is not None, f"{PROGRAM} is missing"
    settings = _handler_environment(environment or {})
    command = [*prefix, program, "--accept", "--inetd"]
    command += [f"--listen={address}" for address in addresses]
    command += [f"--setenv={name}={value}" for name, value in settings.items()]
    command += handler_command(config, mode, *arguments)
    process = subprocess.Popen(
        command,
        cwd="/",
        env={**os.environ, "SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_LEVEL": "info"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # A process group of its own, so that handlers still running can be ended with it.
        start_new_session=True,
    )
    assert process.stderr is not None
    log = LineLog(process.stderr)
    try:
        for address in addresses:
            log.wait_for(f"Listening on {address} ")
        yield Activation(process, log)
    finally:
        _stop(process, log)


def _stop(process: subprocess.Popen[bytes], log: LineLog) -> None:
    """End the listener and its handlers; a handler that ignores SIGTERM is an error."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait(_STOP_SEC)
    if not log.wait_for_end(_STOP_SEC):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        log.wait_for_end(_STOP_SEC)
        message = f"a handler did not end within {_STOP_SEC} s of SIGTERM"
        raise AssertionError(message)
