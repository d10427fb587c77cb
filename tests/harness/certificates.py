# SPDX-License-Identifier: MIT
"""Certificates for the TLS tests, made anew for each run by the library `trustme`.

An `Authority` is one certification authority on disk: its own certificate for `tls-ca-file`,
server contexts for the scripted backend, and client certificates for `tls-cert-file` and
`tls-key-file`. Keys never leave the directory given.
"""

from __future__ import annotations

import datetime as dt
import ssl
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

# A build of a package runs the unit tests without it; those that need it are skipped there.
trustme = pytest.importorskip("trustme")


class ClientCertificate(NamedTuple):
    """The files of a client certificate."""

    cert_file: Path
    key_file: Path


class Authority:
    """A certification authority whose certificate is in `ca_file`."""

    def __init__(self, directory: Path, name: str = "ca", parent: trustme.CA | None = None) -> None:
        self._directory = directory
        self._name = name
        self._ca = parent.create_child_ca() if parent else trustme.CA()
        self.ca_file = directory / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def intermediate(self, directory: Path) -> Authority:
        """An authority whose certificate is issued by this one."""
        return Authority(directory, "intermediate", self._ca)

    def server(
        self,
        *names: str,
        expired: bool = False,
        days: float | None = None,
        since_days: float = 9,
        with_chain: bool = True,
    ) -> ssl.SSLContext:
        """A server context with a certificate for NAMES (host names or IP addresses).

        It is valid for DAYS, or longer than any test runs; with DAYS, it has been so for
        SINCE_DAYS. Without the chain, the server does not send the certificates between this one
        and that of the root.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        if expired:
            days = -1
        if days is None:
            leaf = self._ca.issue_cert(*names)
        else:
            leaf = self._ca.issue_cert(
                *names, not_before=now - since_days * day, not_after=now + days * day
            )
        if with_chain:
            leaf.configure_cert(context)
        else:
            with tempfile.NamedTemporaryFile() as file:
                file.write(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
                file.flush()
                context.load_cert_chain(file.name)
        return context

    def server_with_its_own(self) -> ssl.SSLContext:
        """A server context with the certificate of the authority itself, which is self-signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self._ca.private_key_pem.tempfile() as key_file:
            context.load_cert_chain(self.ca_file, key_file)
        return context

    def server_that_demands_a_client(self, *names: str) -> ssl.SSLContext:
        """The same, and clients must show a certificate of this authority."""
        context = self.server(*names)
        context.verify_mode = ssl.CERT_REQUIRED
        self._ca.configure_trust(context)
        return context

    def client(self, name: str = "handler.example") -> ClientCertificate:
        """A client certificate, chain and key in files of their own."""
        leaf = self._ca.issue_cert(name)
        cert_file = self._directory / f"{self._name}-client.pem"
        key_file = self._directory / f"{self._name}-client.key"
        cert_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key_file))
        key_file.chmod(0o600)
        return ClientCertificate(cert_file, key_file)
