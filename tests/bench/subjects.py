# SPDX-License-Identifier: MIT
"""What is measured, side by side on one machine: the product's endpoints, and what they compare to.

The floors are handlers too, under the same units and sandbox as the product's (their units' names
begin with postfix-rest-, so that the same drop-ins hold). The peer is a long-running daemon for
socketmap lookups, postfix-mta-sts-resolver as Debian ships it; it answers from its cache, without
asking a backend at all.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.machine import (
    CA_FILE,
    CACHEABLE,
    LOOKUP,
    OUTLIVED,
    POLICY,
    PROGRAMS,
    SECURE_LOOKUP,
    second_down,
)
from integration.product import SOCKETS, ask, configure, endpoint, policy_request, start

from harness import modes
from harness.container import Container

_C_SOURCE = Path(__file__).with_name("inside") / "handler.c"

_KEY = "user@example.org"
_TCP = {"request": f"get {_KEY}\n", "ends": "200 value\n"}
_SOCKETMAP = {"request": f"{len(_KEY) + 4}:map {_KEY},", "ends": "8:OK value,"}
_POLICY = {
    "request": policy_request(
        protocol_name="ESMTP",
        client_address="192.0.2.1",
        client_name="mail.example.com",
        helo_name="mail.example.com",
        sender="sender@example.com",
        recipient=_KEY,
        queue_id="4Qk1y22t5qz1Tq",
        instance="1a2b.6541c1e8.3f5e7.0",
        size="12345",
    ).decode(),
    "ends": "action=DUNNO\n\n",
}

TCP, SOCKETMAP, POLICY_MODE, HTTPS = "tcp", "socketmap", "policy", "tcp-https"
HIT, STALE = "tcp-hit", "tcp-stale"
C, BARE, PLAIN, NAIVE = "c", "bare-python", "plain-loop", "naive"
LOOP, NGINX, PEER = "client-loop", "nginx", "daemon"

PRODUCT = (TCP, SOCKETMAP, POLICY_MODE, HTTPS)
SUBJECTS: dict[str, dict[str, Any]] = {
    TCP: {"port": 9001, **_TCP},
    SOCKETMAP: {"port": 9002, **_SOCKETMAP},
    POLICY_MODE: {"port": 9003, **_POLICY},
    HTTPS: {"port": 9004, **_TCP},
    HIT: {"port": 9005, **_TCP},
    STALE: {"port": 9006, **_TCP},
    C: {"port": 9101, **_TCP},
    BARE: {"port": 9102, **_TCP},
    PLAIN: {"port": 9103, **_TCP},
    NAIVE: {"port": 9104, **_TCP},
    LOOP: {"port": 8080, "url": f"/lookup?key={_KEY}"},
    NGINX: {
        "port": 8080,
        "request": f"GET /lookup?key={_KEY} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "ends": '["value"]',
    },
    PEER: {
        "port": 8461,
        "request": "15:map example.org,",
        "ends": ":OK secure match=mx.example.org servername=hostname,",
    },
}

DESCRIPTIONS = {
    TCP: "tcp lookup, backend by http",
    SOCKETMAP: "socketmap lookup, backend by http",
    POLICY_MODE: "policy request, backend by http",
    HTTPS: "tcp lookup, backend by https",
    HIT: "tcp lookup, stored answer",
    STALE: "tcp lookup, stale, backend down",
    C: "floor: C, asks nobody",
    BARE: "floor: python3 -I -S, asks nobody",
    PLAIN: "floor: a plain loop around urllib3",
    NAIVE: "the same loop with systemd.journal",
    LOOP: "urllib3 in the client, no handler",
    NGINX: "the backend itself, no handler",
    PEER: "postfix-mta-sts-resolver, its cache",
}

_FLOORS = {
    C: f"{PROGRAMS}/handler",
    BARE: f"/usr/bin/python3 -I -S {PROGRAMS}/bare_handler.py",
    PLAIN: f"/usr/bin/python3 -I {PROGRAMS}/plain_handler.py",
    NAIVE: f"/usr/bin/python3 -I {PROGRAMS}/plain_handler.py --journal",
}
_SERVICE = "[Unit]\nDescription=Benchmark\n[Service]\nExecStart={command}\n"
_SOCKET = "[Socket]\nListenStream=127.0.0.1:{port}\nAccept=yes\n"

_PEER_CONFIG = """
host: 127.0.0.1
port: 8461
cache_grace: 1000000000
cache: {type: sqlite, options: {filename: /var/lib/mta-sts/cache.db}}
default_zone: {strict_testing: false, timeout: 4}
"""
_FILL_CACHE = r"""
set -- /var/lib/mta-sts/cache.db
python3 - "$1" <<'PYTHON'
import json, sqlite3, sys, time
policy = {"version": "STSv1", "mode": "enforce", "mx": ["mx.example.org"], "max_age": 10**9}
with sqlite3.connect(sys.argv[1]) as cache:
    cache.execute("create table sts_policy_cache"
                  " (domain text, ts integer, pol_id text, pol_body text)")
    cache.execute("insert into sts_policy_cache values (?, ?, ?, ?)",
                  ("example.org", int(time.time()), "1", json.dumps(policy)))
PYTHON
chown _mta-sts: "$1"
"""


def configure_endpoints(container: Container, **keys: Any) -> None:
    """Have the product listen for its subjects; KEYS are more keys for each endpoint."""
    configure(
        container,
        endpoint(TCP, port=9001, target=LOOKUP, **keys),
        endpoint(SOCKETMAP, modes.SOCKETMAP, port=9002, target=LOOKUP, **keys),
        endpoint(POLICY_MODE, modes.POLICY, port=9003, target=POLICY, **keys),
        endpoint(HTTPS, port=9004, target=SECURE_LOOKUP, tls_ca_file=CA_FILE, **keys),
        endpoint(HIT, port=9005, target=CACHEABLE, **keys),
        endpoint(STALE, port=9006, target=OUTLIVED, **keys),
    )
    start(container, *SOCKETS)


@contextlib.contextmanager
def outage(container: Container) -> Iterator[None]:
    """HIT and STALE have stored their answers, and the backend of STALE is down."""
    _have_stored(container, HIT, STALE)
    with second_down(container):
        _have_stored(container, STALE)  # and what is down is known
        yield


def _have_stored(container: Container, *names: str) -> None:
    for name in names:
        subject = SUBJECTS[name]
        reply = ask(container, subject["port"], subject["request"].encode())
        assert reply == subject["ends"].encode(), f"{reply!r} from {name}"


def start_floors(container: Container) -> None:
    """Have the floors listen."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory, "handler")
        subprocess.run(["gcc", "-O2", "-o", program, _C_SOURCE], check=True, timeout=60)
        container.copy_in(program, f"{PROGRAMS}/handler")
    for name, command in _FLOORS.items():
        unit = f"/run/systemd/system/postfix-rest-{name.replace('-', '_')}@"
        container.write(f"{unit}.service", _SERVICE.format(command=command))
        container.write(f"{unit}.socket", _SOCKET.format(port=SUBJECTS[name]["port"]))
    container.run("systemctl", "daemon-reload")
    start(container, *(f"postfix-rest-{name.replace('-', '_')}@x.socket" for name in _FLOORS))


def start_peer(container: Container) -> None:
    """Have the daemon listen, with an answer in its cache."""
    container.write("/etc/mta-sts-daemon.yml", _PEER_CONFIG)
    container.shell(_FILL_CACHE)
    start(container, "postfix-mta-sts-resolver.service")
