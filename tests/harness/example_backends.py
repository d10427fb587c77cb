# SPDX-License-Identifier: MIT
"""The backends of packaging/examples, running: each with the same data, on a free port.

Each is run as its own first lines tell, but for the address and the places of its files.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from harness.ports import free_port
from harness.process_group import end
from harness.programs import program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "packaging/examples"
TOKEN = "test123"
WAIT_SEC = 20

ODD_KEY = "a+b /c%d?ü@example.org"
TABLES: dict[str, dict[str, list[str]]] = {
    "domain": {"example.org": ["example.org"]},
    "mailbox": {"alice@example.org": ["alice"], ODD_KEY: ["öd"]},
    "alias": {"info@example.org": ["alice@example.org", "bob@example.org"]},
}
BLOCKED = {"offers@spam.example": "no advertising, please"}


def _environment(directory: Path, **variables: Path) -> dict[str, str]:
    token = directory / "token"
    token.write_text(f"{TOKEN}\n")
    given = {"MAIL_TOKEN_FILE": token, **variables}
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **{k: str(v) for k, v in given.items()}}


@contextlib.contextmanager
def _running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[str]:
    """Run a server; the URL that it answers at."""
    process = subprocess.Popen(
        command,
        cwd=EXAMPLES,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + WAIT_SEC
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        assert process.poll() is None, f"{command} ended by itself"
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


@contextlib.contextmanager
def flask(directory: Path) -> Iterator[str]:
    """backend_flask.py, under Flask's own server."""
    database = directory / "mail.db"
    environment = _environment(directory, MAIL_DATABASE=database)
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", "backend_flask", "run", f"--port={port}"]
    with _running(command, port, environment) as url:
        # Not before the program itself: it has the tables made.
        schema = EXAMPLES.joinpath("backend_flask.py").read_text(encoding="utf-8")
        schema = schema.partition('SCHEMA = """')[2].partition('"""')[0]
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.executescript(schema)
            domains = [(name,) for name in TABLES["domain"]]
            connection.executemany("INSERT INTO domain VALUES (?)", domains)
            for table in ("mailbox", "alias"):
                rows = [(key, value) for key, values in TABLES[table].items() for value in values]
                connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
            connection.executemany("INSERT INTO blocked VALUES (?, ?)", BLOCKED.items())
        yield url


@contextlib.contextmanager
def php(directory: Path) -> Iterator[str]:
    """backend.php, under PHP's own server."""
    data = directory / "mail.json"
    blocked = {sender: [reason] for sender, reason in BLOCKED.items()}
    data.write_text(json.dumps({**TABLES, "blocked": blocked}))
    port = free_port()
    command = [program("php"), "-S", f"127.0.0.1:{port}", "backend.php"]
    with _running(command, port, _environment(directory, MAIL_DATA=data)) as url:
        yield url


_NGINX_CONF = """\
user root;
daemon off;
pid {directory}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {example}
}}
"""


@contextlib.contextmanager
def nginx(directory: Path) -> Iterator[str]:
    """backend-nginx.conf, in a configuration that leaves the machine's own alone."""
    unpacked = ROOT / ".venvs/nginx/usr/sbin/nginx"
    executable = str(unpacked) if unpacked.exists() else program("nginx")
    mail = directory / "mail"
    for table, entries in TABLES.items():
        (mail / table).mkdir(parents=True)
        for key, values in entries.items():
            (mail / table / f"{quote(key, safe='')}.json").write_text(json.dumps(values))
    (mail / "nothing.json").write_text("[]")
    port = free_port()
    example = EXAMPLES.joinpath("backend-nginx.conf").read_text(encoding="utf-8")
    for ours, theirs in (("127.0.0.1:8080;", f"127.0.0.1:{port};"), ("/srv/mail;", f"{mail};")):
        assert example.count(ours) == 1
        example = example.replace(ours, theirs)
    conf = directory / "nginx.conf"
    conf.write_text(_NGINX_CONF.format(directory=directory, example=example))
    command = [executable, "-e", "stderr", "-p", str(directory), "-c", str(conf)]
    with _running(command, port, {"PATH": os.defpath}) as url:
        yield url


BACKENDS = {"flask": flask, "php": php, "nginx": nginx}
