# SPDX-License-Identifier: MIT
"""Real HTTP servers as backends, each of which keeps an idle connection for a time that is given.

    /lookup?key=KEY    answers ["KEY"]
    /policy            answers DUNNO to a POST

Each writes a line `METHOD X-REQUEST-ID` to its log for each request that it processes. Keys are
letters, digits and hyphens.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.ports import free_port
from harness.process_group import end
from harness.real_servers import applications, web
from harness.real_servers.site import MissingError, Site, environment

__all__ = ["SERVERS", "MissingError", "Running", "Server", "Site", "running"]

_WAIT_SEC, _LONGEST_SEC = 60, 120
_REQUEST = b"GET /lookup?key=x HTTP/1.1\r\nHost: x\r\nX-Request-Id: first\r\n\r\n"


class Server(NamedTuple):
    """A row of the table.

    Attributes:
        commands: the commands that run it; raises MissingError.
        package: Debian's package of it, or pip's.
        default_sec: for how long it keeps an idle connection if nothing is configured; 0: it does
            not keep connections.
        short_sec: the time for a test; Gunicorn takes whole seconds only.
    """

    commands: Callable[[Site], list[list[str]]]
    package: str
    default_sec: float
    short_sec: float = 0.25


SERVERS = {
    "nginx": Server(web.nginx, "nginx", 75),
    "nginx, php-fpm": Server(web.nginx_and_php, "php-fpm", 75),
    "Apache, event": Server(web.apache, "apache2-bin", 5),
    "Apache, prefork": Server(web.apache_prefork, "apache2-bin", 5),
    "HAProxy": Server(web.haproxy, "haproxy", 50),
    "gunicorn, gthread": Server(applications.gunicorn, "gunicorn", 2, 1),
    "gunicorn, sync": Server(applications.gunicorn_sync, "gunicorn", 0, 0),
    "uvicorn": Server(applications.uvicorn, "uvicorn", 5),
    "node": Server(applications.node, "nodejs", 5),
    "php -S": Server(applications.php, "php-cli", 0, 0),
    "Tomcat": Server(applications.tomcat, "libtomcat10-java", 60),
    "http.server": Server(applications.http_server, "python3", 2),
}
"""http.server keeps connections for ever; two seconds are what a careful program gives it.
HAProxy has the value of Debian's own haproxy.cfg."""


class Running(NamedTuple):
    """A server that answers."""

    port: int
    log: Path
    seconds: float
    processes: list[subprocess.Popen[bytes]]

    def url(self, path: str) -> str:
        """A target on it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def processed(self, method: str, least: int = 0) -> list[str]:
        """The X-Request-Id of each request with METHOD that has been processed so far.

        Most servers write their log after the response, so LEAST of them are waited for.
        """
        deadline = time.monotonic() + _WAIT_SEC
        while True:
            text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
            pairs = (line.split() for line in text.splitlines())
            found = [identity for verb, identity in pairs if verb == method]
            if len(found) >= least or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the server do nothing for a while; its kernel goes on to take requests for it."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes:
                os.killpg(process.pid, signal.SIGCONT)

    def closes_after_sec(self) -> float:
        """For how long it keeps an idle connection, as one connection shows.

        That is what it was told, or more: on a busy machine, its response is seen late.
        """
        with socket.create_connection(("127.0.0.1", self.port), _LONGEST_SEC) as connection:
            connection.sendall(_REQUEST)
            connection.recv(65536)
            since = time.monotonic()
            while connection.recv(65536):
                pass
            return max(time.monotonic() - since, self.seconds)


@contextlib.contextmanager
def running(server: Server, seconds: float, *, announces: bool = False) -> Iterator[Running]:
    """Run a server that keeps an idle connection for SECONDS.

    Raises:
        MissingError: the machine does not have it.
    """
    with tempfile.TemporaryDirectory(prefix="server-") as name, contextlib.ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        site = Site(directory, free_port(), free_port(), seconds, announces)
        processes = []
        with open(directory / "output", "wb") as output:
            for command in server.commands(site):
                process = subprocess.Popen(
                    command,
                    cwd=directory,
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                stack.callback(end, process)
                processes.append(process)
        _wait(site, process)
        yield Running(site.port, site.log, seconds, processes)


def _wait(site: Site, process: subprocess.Popen[bytes]) -> None:
    """Return when a server answers; a port that is open may belong to one that still starts."""
    deadline = time.monotonic() + _WAIT_SEC
    while process.poll() is None and time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", site.port), _WAIT_SEC) as connection,
        ):
            connection.sendall(_REQUEST)
            if connection.recv(65536).startswith(b"HTTP/1.1 200 "):
                return
        time.sleep(0.05)
    output = site.directory.joinpath("output").read_text(errors="backslashreplace")
    message = f"{process.args!r} does not answer: {output[-3000:]}"
    raise AssertionError(message)
