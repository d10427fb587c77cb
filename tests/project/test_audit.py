# SPDX-License-Identifier: MIT
"""packaging/audit, with a service for advisories on loopback."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.project_files import ROOT

KNOWN = "PYSEC-2023-192", "CVE-2023-43804"
NEW = "PYSEC-2099-1", "CVE-2099-1"


def advisory(name: str, identifier: str, alias: str) -> dict[str, object]:
    """An advisory for all versions of the package NAME, as OSV has it."""
    events = [{"introduced": "0"}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}}
    return {
        "id": identifier,
        "aliases": [alias],
        "summary": "",
        "details": "",
        "affected": [{**affected, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }


@contextmanager
def advisories(*identifiers: tuple[str, str]) -> Iterator[tuple[str, set[tuple[str, str]]]]:
    """A service with these advisories for urllib3: its URL, and what it is asked for."""
    asked = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.add((name, query["version"]))
            found = [advisory(name, *each) for each in identifiers if name == "urllib3"]
            body = json.dumps({"vulns": found}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        finally:
            server.shutdown()


@pytest.mark.timeout(400)  # it builds environments with pip
@pytest.mark.parametrize(("identifiers", "status"), [([KNOWN], 0), ([KNOWN, NEW], 1)])
def test_audit(identifiers: list[tuple[str, str]], status: int) -> None:
    """An advisory that packaging/SECURITY.md explains is passed over; a new one is shown."""
    with advisories(*identifiers) as (url, asked):
        done = subprocess.run(
            [ROOT / "packaging/audit", "--vulnerability-service=osv", f"--osv-url={url}"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == status, done.stderr
    assert (NEW[0] in done.stdout) == bool(status)
    assert ("urllib3", "1.26.12") in asked
    assert {name for name, _ in asked} == {"urllib3", "systemd-python"}
    assert len(asked) > 2, "the newest urllib3 was asked for"
