# SPDX-License-Identifier: MIT
"""The machine that benchmarks run on: a booted Debian 13 with the product, and nginx as backend.

    with machine(checkout) as container:
        configure(container, endpoint("e", port=9001, target=LOOKUP))

nginx answers all lookups with the JSON array ["value"], and POLICY with DUNNO. Its certificate is
of an authority made for the run, CA_FILE, which the machine trusts, too. A second nginx can be
stopped: `take_down`.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.container import Container

HERE = Path(__file__).parent
BUILD_SEC = 600
PROGRAMS = "/usr/local/lib/bench"
"""What is in inside/ here is there on the machine."""

LOOKUP = "http://127.0.0.1:8080/lookup"
CACHEABLE = "http://127.0.0.1:8080/cacheable"
SECURE_CACHEABLE = "https://127.0.0.1:8443/cacheable"
"""These answers may be used again for an hour."""
OUTLIVED = "http://127.0.0.1:8081/outlived"
"""These may be used only while the second nginx, which gives them, is down."""
POLICY = "http://127.0.0.1:8080/policy"
SECURE_LOOKUP = "https://127.0.0.1:8443/lookup"
NAMED_LOOKUP = "http://localhost:8080/lookup"
NAMED_SECURE_LOOKUP = "https://localhost:8443/lookup"
CA_FILE = "/etc/ssl/bench/ca.pem"

_CERTIFICATES = r"""
directory=$1
mkdir -p "$directory"
cd "$directory"
key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
# OpenSSL is strict, as Python 3.13 wants it: an authority says what its key is for.
openssl req -x509 $key -keyout ca.key -out ca.pem -subj "/CN=Benchmark CA" \
    -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl req -x509 $key -keyout server.key -out server.pem -subj /CN=localhost \
    -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
chmod 0644 ca.pem
cp ca.pem /usr/local/share/ca-certificates/benchmark.crt
update-ca-certificates >/dev/null 2>&1
"""

_NGINX = """
worker_processes 1;
pid /run/%(name)s.pid;
error_log stderr;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    ssl_certificate /etc/ssl/bench/server.pem;
    ssl_certificate_key /etc/ssl/bench/server.key;
    default_type application/json;
    server {
        %(listen)s
        location = /lookup { return 200 '["value"]'; }
        location = /cacheable {
            add_header Cache-Control "max-age=3600, stale-if-error=86400";
            return 200 '["value"]';
        }
        location = /outlived {
            add_header Cache-Control "max-age=0, stale-if-error=86400";
            return 200 '["value"]';
        }
        location = /policy { default_type text/plain; return 200 'DUNNO'; }
    }
}
"""
_LISTEN = """
listen 127.0.0.1:8080 backlog=4096;
listen 127.0.0.1:8443 ssl backlog=4096;
"""

SECOND = "second-nginx.service"
_SECOND = """
[Service]
Type=forking
PIDFile=/run/second.pid
ExecStart=/usr/sbin/nginx -c /etc/nginx/second.conf
"""


@contextlib.contextmanager
def machine(checkout: Path) -> Iterator[Container]:
    """A booted machine with the product of CHECKOUT as its package installs it, and nginx."""
    with Container(_root(), "bench") as container:
        container.install(checkout)
        container.copy_in(HERE / "inside", PROGRAMS)
        container.shell(_CERTIFICATES, str(Path(CA_FILE).parent))
        container.write("/etc/nginx/nginx.conf", _NGINX % {"name": "nginx", "listen": _LISTEN})
        second = {"name": "second", "listen": "listen 127.0.0.1:8081;"}
        container.write("/etc/nginx/second.conf", _NGINX % second)
        container.write(f"/etc/systemd/system/{SECOND}", _SECOND)
        container.run("systemctl", "daemon-reload")
        container.run("systemctl", "start", "nginx.service", SECOND)
        container.keep_state()
        yield container


@contextlib.contextmanager
def second_down(container: Container) -> Iterator[None]:
    """Without the second nginx."""
    container.run("systemctl", "stop", SECOND)
    yield
    container.run("systemctl", "start", SECOND)


def _root() -> Path:
    done = subprocess.run(
        [HERE / "build_root"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=BUILD_SEC,
        check=True,
    )
    return Path(done.stdout.strip())
