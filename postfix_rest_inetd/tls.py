# SPDX-License-Identifier: MIT
"""TLS to a backend: verified always, by the system's trust store or by a CA of the operator's own.

Certificate and host name are checked by the ssl module's own defaults, which are the strictest
that the Python at hand knows; nothing in the configuration weakens them. `tls-ca-file` replaces the
trust store. The texts of the errors say which check failed and what to do about it.
"""

from __future__ import annotations

import ssl

from .credentials import locate
from .errors import ConfigError, UnreachableError
from .transport import Bounded, BoundedSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deadline import Deadline
    from .endpoint import Endpoint
    from .target import Target


class BoundedTLSSocket(Bounded, ssl.SSLSocket):  # type: ignore[misc] # narrower buffers
    """A TLS socket that obeys a deadline; SSLSocket sends by `send`, whatever it is asked."""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """As ssl.SSLSocket.sendall."""
        ssl.SSLSocket.sendall(self, data, flags)


def context_of(endpoint: Endpoint) -> ssl.SSLContext:
    """The settings for all TLS connections of an endpoint.

    Raises:
        ConfigError: a certificate or key file cannot be used.
    """
    ca_file = _locate(endpoint, "tls-ca-file", endpoint.tls_ca_file)
    cert_file = _locate(endpoint, "tls-cert-file", endpoint.tls_cert_file)
    key_file = _locate(endpoint, "tls-key-file", endpoint.tls_key_file)
    key, path = "tls-ca-file", ca_file
    try:
        context = ssl.create_default_context(cafile=ca_file)
        key, path = "tls-cert-file", cert_file
        if cert_file is not None:
            # Without a password function OpenSSL would ask for one on the terminal.
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        # Python lets a stream end without TLS's own end. Then an attacker could cut a body short.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    except (OSError, ValueError) as error:
        raise ConfigError(
            path or "the system's trust store",
            [(f"{endpoint.json_path}.{key}", f"cannot be used: {_file_reason(error)}")],
        ) from None
    context.sslsocket_class = BoundedTLSSocket
    return context


def wrap(
    stream: BoundedSocket, context: ssl.SSLContext, target: Target, deadline: Deadline
) -> BoundedTLSSocket:
    """Do the TLS handshake on a connected stream, which is closed when that fails.

    Raises:
        DeadlineError: it took too long.
        UnreachableError: it failed; the text says why and what to do.
    """
    deadline.stage = f"doing the TLS handshake with {target.origin}"
    tls: ssl.SSLSocket | None = None
    try:
        tls = context.wrap_socket(
            stream,
            server_hostname=target.host.rstrip("."),
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,  # see context_of
        )
        tls.settimeout(deadline.remaining_sec())
        tls.do_handshake()
    except BaseException as error:
        (tls or stream).close()
        if isinstance(error, TimeoutError):
            raise deadline.error() from None
        if isinstance(error, (OSError, ValueError)):
            raise UnreachableError(_handshake_reason(error, target)) from None
        raise
    assert isinstance(tls, BoundedTLSSocket)  # noqa: S101 - as sslsocket_class promises
    tls.deadline = deadline
    tls.answered = False
    return tls


def _locate(endpoint: Endpoint, key: str, name: str | None) -> str | None:
    return None if name is None else locate(name, f"{endpoint.json_path}.{key}")


def _no_password() -> str:
    raise ValueError("the private key is encrypted, and no one is here to type its password")


def _file_reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"it is no certificate or key in PEM format, or they do not match ({error.reason})"
    if isinstance(error, OSError):
        return f"{error.strerror}; the service's user needs to read it"
    return str(error)


# X509_V_ERR_… of OpenSSL (openssl/x509_vfy.h), and what the operator can do.
_ADVICE = {
    10: "renew the backend's certificate",
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


def _handshake_reason(error: Exception, target: Target) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = _ADVICE.get(error.verify_code, "verify it with openssl s_client")
        reason = error.verify_message.rstrip(".")
        return f"the certificate of {target.origin} is not accepted: {reason}; {advice}"
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "the peer closed the connection").replace("_", " ").lower()
        return (
            f"TLS with {target.origin} failed: {reason}; does the backend speak TLS on this port?"
        )
    detail = error.strerror if isinstance(error, OSError) else None
    return f"TLS with {target.origin} failed: {detail or 'the connection was closed'}"
