# SPDX-License-Identifier: MIT
"""The backends that the project shows, running on free ports with the same data.

Those of packaging/examples are run as their own first lines tell, but for the address and the
places of their files. Those of README.md, the tutorial and the demo have data of their own, and
fewer. Each knows that mail for info@example.org is for alice and bob.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from harness.manual_page import blocks
from harness.ports import free_port
from harness.process_group import end
from harness.programs import program
from harness.readme import the
from postfix_rest_inetd.admin.demo import backend

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


def _environment(directory: Path, content: str, **variables: Path) -> dict[str, str]:
    token = directory / "token"
    token.write_text(f"{content}\n")
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
def flask(directory: Path, token: str = TOKEN) -> Iterator[str]:
    """backend_flask.py, under Flask's own server."""
    database = directory / "mail.db"
    environment = _environment(directory, token, MAIL_DATABASE=database)
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
def php(directory: Path, token: str = TOKEN) -> Iterator[str]:
    """backend.php, under PHP's own server."""
    data = directory / "mail.json"
    blocked = {sender: [reason] for sender, reason in BLOCKED.items()}
    data.write_text(json.dumps({**TABLES, "blocked": blocked}))
    port = free_port()
    command = [program("php"), "-S", f"127.0.0.1:{port}", "backend.php"]
    with _running(command, port, _environment(directory, token, MAIL_DATA=data)) as url:
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
    executable = program("nginx")
    mail = directory / "mail"
    mail.mkdir()
    for table, entries in TABLES.items():
        lines = [f"{quote(key, safe='')} '{json.dumps(v)}';\n" for key, v in entries.items()]
        (mail / f"{table}.map").write_text("".join(lines))
    port = free_port()
    example = EXAMPLES.joinpath("backend-nginx.conf").read_text(encoding="utf-8")
    assert example.count("127.0.0.1:8080;") == 1
    example = example.replace("127.0.0.1:8080;", f"127.0.0.1:{port};")
    example = re.sub(r"(include +)/etc/nginx/mail/", rf"\1{mail}/", example)
    conf = directory / "nginx.conf"
    conf.write_text(_NGINX_CONF.format(directory=directory, example=example))
    command = [executable, "-e", "stderr", "-p", str(directory), "-c", str(conf)]
    with _running(command, port, {"PATH": os.defpath}) as url:
        yield url


@contextlib.contextmanager
def readme(directory: Path) -> Iterator[str]:
    """backend.py of README.md, whose tables are maps of one socketmap."""
    with _program(directory, the("python"), {"PATH": os.defpath}) as url:
        yield url


@contextlib.contextmanager
def tutorial(directory: Path, token: str = TOKEN) -> Iterator[str]:
    """The program of postfix-rest-inetd(7), with its data."""
    files = {block.argument: block.text for block in blocks("postfix-rest-inetd.7")}
    data = directory / "mail-backend.json"
    data.write_text(files["/etc/mail-backend.json"])
    program = files["/usr/local/lib/mail_backend.py"]
    assert program.count('"/etc/mail-backend.json"') == 1
    program = program.replace("/etc/mail-backend.json", str(data))
    environment = _environment(directory, token, CREDENTIALS_DIRECTORY=directory)
    with _program(directory, program, environment) as url:
        yield url


@contextlib.contextmanager
def _program(directory: Path, program: str, environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    assert program.count('("127.0.0.1", 8080)') == 1
    file = directory / "backend.py"
    file.write_text(program.replace('("127.0.0.1", 8080)', f'("127.0.0.1", {port})'))
    with _running([sys.executable, "-I", str(file)], port, environment) as url:
        yield url


@contextlib.contextmanager
def demo(_directory: Path) -> Iterator[str]:
    """The backend of the demo."""
    with backend.serving(TOKEN, lambda _exchange: None) as port:
        yield f"http://127.0.0.1:{port}"


WITH_TOKEN_FILE = {"flask": flask, "php": php, "tutorial": tutorial}
"""Those that read their token from a file."""
BACKENDS = {"flask": flask, "php": php, "nginx": nginx}
SHOWN = {**BACKENDS, "readme": readme, "tutorial": tutorial, "demo": demo}
"""All of them; those that are not in BACKENDS have paths of their own."""
_FIRST_LINES = {"domain": "/lookup/domain", "mailbox": "/lookup", "alias": "/lookup"}
PATHS = {
    **dict.fromkeys(BACKENDS, _FIRST_LINES),
    "readme": {"mailbox": "/", "alias": "/"},
    "tutorial": {"domain": "/domain", "mailbox": "/", "alias": "/"},
    "demo": {"domain": "/domains", "mailbox": "/maps", "alias": "/maps"},
}
"""The path of the target for each table; domains are for a tcp-lookup, others for a socketmap."""
POLICY_PATHS = {**dict.fromkeys(SHOWN, "/policy"), "readme": "/"}
