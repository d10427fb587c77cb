# SPDX-License-Identifier: MIT
"""What the rows of the table share: certificates, names, and places where no good backend is.

Names need a private mount namespace, so root; `name_prefix` is empty without it, and the rows that
need names are skipped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

from blackbox.backend.faults.row import UNPLUGGED

from harness.certificates import Authority
from harness.handler_process import without_journal
from harness.name_service import name_service
from harness.scripted_backend import black_hole, unused_port

RESOLVER = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""An address of this process alone."""

BACKEND = "127.0.0.2"
"""Where the good backends are. As the resolver sorts addresses (RFC 6724), 127.0.0.1 comes first,
and those that end in 2 or 3 have the order of /etc/hosts."""

HOSTS = f"""
127.0.0.1 localhost
127.0.0.3 first-refuses.test
{BACKEND} first-refuses.test
127.0.0.3 first-is-silent.test
{BACKEND} first-is-silent.test
::1 two-families.test
{BACKEND} two-families.test
127.0.0.1 all-refuse.test
127.0.0.3 all-refuse.test
127.0.0.3 none-answers.test
127.0.0.1 none-answers.test
127.0.0.3 all-are-silent.test
127.0.0.1 all-are-silent.test
"""
SILENT = {
    "first-is-silent.test": ("127.0.0.3",),
    "none-answers.test": ("127.0.0.3",),
    "all-are-silent.test": ("127.0.0.3", "127.0.0.1"),
}
"""The addresses of a name whose packets vanish."""
REFUSING = {
    "first-refuses.test": ("127.0.0.3",),
    "two-families.test": ("::1",),
    "all-refuse.test": ("127.0.0.1", "127.0.0.3"),
    "none-answers.test": ("127.0.0.1",),
}
"""Those where nobody listens; the port is taken there, or another program might."""

_NAMES = (BACKEND, "first-refuses.test", "first-is-silent.test", "two-families.test")


class World:
    """Certificates, names and places."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self._authority = Authority(directory)
        stranger = Authority(_made(directory / "stranger"))
        self.contexts = self._contexts(stranger, directory)
        self.files = {
            "CA": str(self._authority.ca_file),
            **_client_files("client", self._authority),
            **_client_files("stranger", stranger),
        }
        self.refused_port = stack.enter_context(unused_port()).getsockname()[1]
        self.silent_port = stack.enter_context(black_hole())
        self.name_prefix: list[str] = []
        if os.geteuid() == 0:
            stack.enter_context(_name_server())
            self.name_prefix = name_service(directory, HOSTS, RESOLVER)
        self._prefix = self.name_prefix or without_journal()

    def prefix(self, kind: str) -> list[str]:
        """The command prefix of a handler of this kind."""
        return [*self._prefix, *(("unshare", "--net") if kind == UNPLUGGED else ())]

    def _contexts(self, stranger: Authority, directory: Path) -> dict[str, ssl.SSLContext]:
        own = self._authority
        inner = own.intermediate(_made(directory / "inner"))
        unknown = own.server(BACKEND)
        unknown.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        uncommon = _only(own.server(BACKEND), ssl.TLSVersion.TLSv1_2)
        uncommon.set_ciphers("NULL:@SECLEVEL=0")
        endless = own.server(BACKEND)
        endless.num_tickets = 100_000_000
        return {
            "good": own.server(*_NAMES),
            "another name": own.server("other.example"),
            "another address": own.server("127.0.0.9"),
            "expired": own.server(BACKEND, expired=True),
            "not yet valid": own.server(BACKEND, days=99, since_days=-2),
            "unknown CA": stranger.server(BACKEND),
            "self-signed": stranger.server_with_its_own(),
            "no chain": inner.server(BACKEND, with_chain=False),
            "TLS 1.0": _only(own.server(BACKEND), ssl.TLSVersion.TLSv1),
            "TLS 1.1": _only(own.server(BACKEND), ssl.TLSVersion.TLSv1_1),
            "TLS 1.2": _only(own.server(BACKEND), ssl.TLSVersion.TLSv1_2),
            "TLS 1.3": _only(own.server(BACKEND), ssl.TLSVersion.TLSv1_3),
            "unknown name": unknown,
            "no common cipher": uncommon,
            "tickets": endless,
            "asks, TLS 1.2": _only(
                own.server_that_demands_a_client(BACKEND), ssl.TLSVersion.TLSv1_2
            ),
            "asks, TLS 1.3": _only(
                own.server_that_demands_a_client(BACKEND), ssl.TLSVersion.TLSv1_3
            ),
        }

    @contextlib.contextmanager
    def place(self, name: str, scheme: str, port: int) -> Iterator[str]:
        """The target of a place; PORT is that of the good backend."""
        with contextlib.ExitStack() as stack:
            if name == "refused":
                yield f"{scheme}://127.0.0.1:{self.refused_port}/"
            elif name == "good":
                yield f"{scheme}://{BACKEND}:{port}/"
            elif name == "black hole":
                yield f"{scheme}://127.0.0.1:{self.silent_port}/"
            elif "://" in name:
                yield name.replace("http:", f"{scheme}:")
            else:
                for address in SILENT.get(name, ()):
                    stack.enter_context(black_hole(address, port))
                for address in REFUSING.get(name, ()):
                    stack.enter_context(unused_port(address, port))
                yield f"{scheme}://{name}:{port}/"


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _client_files(name: str, authority: Authority) -> dict[str, str]:
    client = authority.client()
    return {f"{name}.pem": str(client.cert_file), f"{name}.key": str(client.key_file)}


def _only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """The context, for one version of TLS."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@contextlib.contextmanager
def _name_server() -> Iterator[None]:
    """A name server that refuses, knows no name, or says nothing, by the name in question."""
    over = threading.Event()
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((RESOLVER, 53))
        server.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    query, client = server.recvfrom(4096)
                    code = 2 if b"servfail" in query else 3
                    if b"silent" not in query:  # RFC 1035, 4.1.1: SERVFAIL or NXDOMAIN
                        head = query[:2] + bytes([0x81, 0x80 + code]) + b"\0\1\0\0\0\0\0\0"
                        server.sendto(head + query[12:], client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
