# SPDX-License-Identifier: MIT
"""TLS to a backend, verified by the system's trust store or by a CA that the operator names.

Certificate and host name are always checked, and no field of the configuration turns that off.
`tls-ca-file` replaces the trust store. The texts of the errors say which check failed and what to
do about it.

The verification must not depend on the version of Python. Otherwise a backend that is accepted on
Debian 12 could be refused on Debian 13, and mail would be deferred after an upgrade. Since 3.13,
VERIFY_X509_PARTIAL_CHAIN and VERIFY_X509_STRICT are defaults of Python. Both are set here:

- PARTIAL_CHAIN is on: a certificate that the operator names is trusted, also that of an
  intermediate CA.
- STRICT is off. It refuses certificates whose form violates RFC 5280, such as that of a CA without
  keyUsage, or one without authorityKeyIdentifier. Public CAs have to follow these rules. Private
  CAs, made with a few openssl commands, often do not. STRICT does not prevent forgery: signatures,
  dates, names, basicConstraints, and keyUsage if present, are checked in both cases, as in
  openssl s_client, curl and Postfix.
"""

from __future__ import annotations

import os
import ssl
from errno import EPIPE

from ..config.address import parse_ip
from ..config.credentials import locate
from ..errors import ConfigError, UnreachableError
from ..regular_file import require_regular
from .stream import Bounded, connect, words_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..config.endpoint import Endpoint
    from ..config.target import Target
    from ..deadline import Deadline
    from .resolver import Resolver
    from .stream import BoundedSocket

# X509_V_ERR_… of OpenSSL (openssl/x509_vfy.h) that more trusted certificates may solve.
_CHAIN_FLAGS = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
_UNEXPECTED_EOF = "UNEXPECTED_EOF_WHILE_READING"
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
# MaxProtocol of openssl.cnf is older than TLS 1.2.
_NO_VERSION = "NO_PROTOCOLS_AVAILABLE"
# openssl-config(5): the default provider is loaded only if no other is named, or if it is as well.
_OPENSSL_ADVICE = "can the providers that it names be loaded, and is the default one among them?"
# Of a backend that refuses TLS 1.2 and 1.3, and of one that chooses an older version.
_OLD_VERSIONS = ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")


class BoundedTLSSocket(Bounded, ssl.SSLSocket):
    """A TLS socket that obeys a deadline."""

    def receive(self) -> bytes:
        """As for a plain socket, but an end that TLS has not announced is an EOFError.

        Python 3.11 raises SSLEOFError for a reset, and SSLError for an end. 3.13 raises SSLEOFError
        for an end. If a RST has followed the FIN, it raises the error of the kernel for that: EPIPE
        (net/ipv4/tcp_input.c, tcp_reset). OpenSSL has the same reason for an end in all versions.
        """
        try:
            return super().receive()
        except BrokenPipeError:
            self.ended = True
            raise EOFError from None
        except ssl.SSLError as error:
            self.ended = error.reason == _UNEXPECTED_EOF
            if self.ended or isinstance(error, ssl.SSLEOFError):
                raise EOFError from None
            raise

    def transmit(self, data: bytes) -> None:
        """As for a plain socket; Python replaces the error of the kernel by an SSLEOFError."""
        try:
            super().transmit(data)
        except ssl.SSLEOFError:
            raise BrokenPipeError(EPIPE, os.strerror(EPIPE)) from None


class Trust:
    """The settings for all TLS connections of an endpoint.

    The system's trust store is a file with all certificates. Most systems also have a directory
    with the same certificates, from which OpenSSL reads those that it needs. Reading the file takes
    a quarter of the instructions until the first reply over https (57 of 222 million). So the file
    is read only if there is no such directory, or if the certificate of a backend is not accepted
    with the directory alone.

    Attributes:
        advice: what may be wrong if a backend that speaks TLS ends a new connection.
    """

    __slots__ = ("_ca_file", "_context", "_is_complete", "advice")

    def __init__(self, endpoint: Endpoint) -> None:
        """Read the files that the endpoint names.

        Raises:
            ConfigError: a certificate or key file cannot be used.
        """
        directory = None if endpoint.tls_ca_file else _hashed_directory()
        self._is_complete = directory is None
        self._ca_file = _locate(endpoint, "tls-ca-file", endpoint.tls_ca_file)
        self._context = _context_of(endpoint, self._ca_file, directory)
        self.advice = (
            "does the backend accept the certificate in tls-cert-file?"
            if endpoint.tls_cert_file
            else "does the backend ask for a client certificate (tls-cert-file)?"
        )

    def connect(self, target: Target, resolver: Resolver, deadline: Deadline) -> BoundedTLSSocket:
        """Connect to the target.

        Raises:
            DeadlineError: it took too long.
            UnreachableError: it failed; the text says why and what to do.
        """
        try:
            return self._wrap(connect(target, resolver, deadline), target, deadline)
        except ssl.SSLCertVerificationError as error:
            if self._is_complete or error.verify_code not in _UNKNOWN_ISSUER:
                raise UnreachableError(self._refusal(error, target)) from None
        self._is_complete = True
        self._context.load_default_certs()
        try:
            return self._wrap(connect(target, resolver, deadline), target, deadline)
        except ssl.SSLCertVerificationError as error:
            raise UnreachableError(self._refusal(error, target)) from None

    def _wrap(self, stream: BoundedSocket, target: Target, deadline: Deadline) -> BoundedTLSSocket:
        """Do the TLS handshake on a connected stream, and close the stream if it fails.

        Raises:
            ssl.SSLCertVerificationError: the backend's certificate is not accepted.
            DeadlineError: it took too long.
            UnreachableError: it failed; the text says why and what to do.
        """
        deadline.enter(f"doing the TLS handshake with {target.origin}")
        tls: ssl.SSLSocket | None = None
        try:
            tls = self._context.wrap_socket(
                stream,
                server_hostname=target.host.rstrip("."),
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,  # see _context_of
            )
            tls.settimeout(deadline.remaining_sec())
            tls.do_handshake()
        except BaseException as error:
            (tls or stream).close()
            if isinstance(error, TimeoutError):
                raise deadline.error() from None
            is_certificate = isinstance(error, ssl.SSLCertVerificationError)
            if isinstance(error, (OSError, ValueError)) and not is_certificate:
                raise UnreachableError(_handshake_reason(error, target, self.advice)) from None
            raise
        assert isinstance(tls, BoundedTLSSocket)  # noqa: S101 - as sslsocket_class promises
        tls.prepare(deadline)
        return tls

    def _refusal(self, error: ssl.SSLCertVerificationError, target: Target) -> str:
        """Why a certificate is not accepted, and what the operator can do."""
        advice = _ADVICE.get(error.verify_code)
        if advice is None:
            host = target.host
            is_name = host == "localhost" or parse_ip(host) is None
            ca_file = f" -CAfile {self._ca_file}" if self._ca_file else ""
            advice = (
                "look at it with: openssl s_client -connect "
                f"{f'[{host}]' if ':' in host else host}:{target.port} "
                f"{'-verify_hostname' if is_name else '-verify_ip'} {host} "
                f"-partial_chain -verify_return_error{ca_file}"
            )
        reason = error.verify_message.rstrip(".")
        return f"the certificate of {target.origin} is not accepted: {reason}; {advice}"


def _hashed_directory() -> str | None:
    """The system's directory of trusted certificates, if its files have the names for OpenSSL."""
    paths = ssl.get_default_verify_paths()
    if paths.openssl_cafile_env in os.environ:
        return None
    try:
        names = os.listdir(paths.capath or "")
    except OSError:
        return None
    return paths.capath if any(name.endswith(".0") for name in names) else None


def _context_of(endpoint: Endpoint, ca_file: str | None, directory: str | None) -> ssl.SSLContext:
    cert_file = _locate(endpoint, "tls-cert-file", endpoint.tls_cert_file)
    key_file = _locate(endpoint, "tls-key-file", endpoint.tls_key_file)
    key, path = "tls-ca-file", ca_file
    try:
        context = ssl.create_default_context(cafile=ca_file, capath=directory)
        key, path = "tls-cert-file", cert_file
        if cert_file is not None:
            # Without this function, OpenSSL would ask for a password on the terminal.
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        # By default, Python accepts a stream without TLS's own end: an attacker could cut a body.
        context.verify_flags = _CHAIN_FLAGS
        # Debian's Python leaves this to openssl.cnf, and that to the signatures of TLS 1.0 and 1.1.
        context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    except (OSError, ValueError) as error:
        _require_openssl()
        raise ConfigError(
            path or "the system's trust store",
            [(f"{endpoint.json_path}.{key}", f"cannot be used: {_file_reason(error)}")],
        ) from None
    context.sslsocket_class = BoundedTLSSocket
    return context


def _require_openssl() -> None:
    """Tell a failure of OpenSSL, as its own configuration makes it, from that of a file of ours.

    OpenSSL ignores most mistakes in openssl.cnf, but without a provider of algorithms, it has none.

    Raises:
        ConfigError: no context can be made, whatever it is for.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    except ssl.SSLError as error:
        path = os.environ.get("OPENSSL_CONF") or os.path.join(
            os.path.dirname(ssl.get_default_verify_paths().openssl_cafile), "openssl.cnf"
        )
        problem = f"keeps OpenSSL from working ({error.reason}): {_OPENSSL_ADVICE}"
        raise ConfigError(path, [("", problem)]) from None


def _locate(endpoint: Endpoint, key: str, name: str | None) -> str | None:
    """The path of a file, which OpenSSL can open without waiting; None without a name."""
    if name is None:
        return None
    json_path = f"{endpoint.json_path}.{key}"
    path = locate(name, json_path)
    try:
        require_regular(os.stat(path))
    except OSError as error:
        problem = f"cannot be used: {_file_reason(error)}"
        raise ConfigError(path, [(json_path, problem)]) from None
    return path


def _no_password() -> str:
    raise ValueError("the private key is encrypted, and nobody can type its password")


def _file_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            f"it is not a certificate or key in PEM format, or the two do not match "
            f"({error.reason})"
        )
    if isinstance(error, OSError):
        return f"{error.strerror}; the service's user needs to read it"
    return str(error)


# X509_V_ERR_… of OpenSSL (openssl/x509_vfy.h), and what the operator can do.
_ADVICE = {
    10: "renew the backend's certificate, if the clock of this machine is right",
    9: "check the clock of this machine and of the one that made the certificate",
    18: "the certificate is self-signed: name it in tls-ca-file",
    19: "the CA is not known here: install it in the system's trust store, or name it in "
    "tls-ca-file",
    20: "the CA is not known here, or the backend does not send its intermediate certificates: "
    "install the CA in the system's trust store or name it in tls-ca-file",
    21: "the backend does not send its intermediate certificates",
    62: "the certificate is for another name: put a name into the target that the certificate has",
    64: "the certificate is not for this IP address: put a name into the target that it has",
}


def _handshake_reason(error: Exception, target: Target, advice: str) -> str:
    """What failed, without texts of the backend; `advice` is for an alert, which it has sent."""
    if isinstance(error, ssl.SSLError):
        name = error.reason or words_of(error.strerror or "")
        if isinstance(error, ssl.SSLEOFError):
            name = "the peer closed the connection"
        if name in _OLD_VERSIONS:
            advice = "does the backend speak TLS 1.2 or later?"
        elif name == _NO_VERSION:
            advice = "does openssl.cnf of this machine permit TLS 1.2 or later (MaxProtocol)?"
        elif "UNRECOGNIZED_NAME" in name:
            advice = "does the backend know the host name in the target?"
        elif "ALERT" not in name:
            advice = "does the backend speak TLS on this port?"
        return f"TLS with {target.origin} failed: {name.replace('_', ' ').lower()}; {advice}"
    detail = error.strerror if isinstance(error, OSError) else None
    return f"TLS with {target.origin} failed: {detail or 'the connection was closed'}"
