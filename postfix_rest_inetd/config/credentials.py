# SPDX-License-Identifier: MIT
"""Secrets in separate files: where the files are, and how a token is read.

A name without a path is a credential of the service manager: a file in $CREDENTIALS_DIRECTORY, into
which LoadCredential= of systemd.exec(5) copies it. systemd does that when it starts the service. So
a running handler keeps the credential that it was started with, but uses a new file at an absolute
path.
"""

from __future__ import annotations

import os

from .. import regular_file
from ..errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .endpoint import Endpoint

MAX_TOKEN_BYTES = 65536

_BYTE_ORDER_MARK = "\ufeff".encode()
# For the mark and the end of the line.
_SPARE_BYTES = 5
# The largest bundles of certificates have about 0.25 MB.
_MAX_DIGESTED_BYTES = 4 * 1024 * 1024


def locate(name: str, json_path: str) -> str:
    """The path of a secret file.

    Raises:
        ConfigError: the name has no path, and there is no $CREDENTIALS_DIRECTORY.
    """
    if "/" in name:
        return name
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        problem = (
            "is a credential, but $CREDENTIALS_DIRECTORY is not set; add "
            f"LoadCredential={name}:/path/of/the/file to the service, or give an absolute path"
        )
        raise ConfigError(name, [(json_path, problem)])
    return os.path.join(directory, name)


def paths_of(endpoint: Endpoint) -> list[str]:
    """The paths of all files that an endpoint names, as far as they are known."""
    return _located(endpoint.auth_token_file) + certificates_of(endpoint)


def certificates_of(endpoint: Endpoint) -> list[str]:
    """The paths of the files for TLS that an endpoint names, as far as they are known."""
    return _located(endpoint.tls_ca_file, endpoint.tls_cert_file, endpoint.tls_key_file)


def _located(*names: str | None) -> list[str]:
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return [
        name if "/" in name else os.path.join(directory, name)
        for name in names
        if name is not None and ("/" in name or directory)
    ]


def digest_of(path: str) -> bytes | None:
    """The digest of the content of a file; None if the file cannot be read."""
    try:
        content = regular_file.read(path, _MAX_DIGESTED_BYTES)
    except OSError:
        return None
    from ..blake2 import blake2b  # most endpoints have no such files

    return blake2b(content, digest_size=32).digest()


def auth_token_of(endpoint: Endpoint) -> bytes:
    """The token of an endpoint, as the value of the header field.

    Raises:
        ConfigError: the token file cannot be used. The text has its name, but no content.
    """
    if endpoint.auth_token_file is None:
        return (endpoint.auth_token or "").encode()
    json_path = f"{endpoint.json_path}.auth-token-file"
    path = locate(endpoint.auth_token_file, json_path)
    try:
        token = _token_in(regular_file.read(path, MAX_TOKEN_BYTES + _SPARE_BYTES))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; the service's user needs to read it"
        raise ConfigError(path, [(json_path, problem)]) from None
    if not token or len(token) > MAX_TOKEN_BYTES or any(o < 0x20 or o == 0x7F for o in token):
        problem = f"must hold one line of 1 to {MAX_TOKEN_BYTES} bytes without control characters"
        raise ConfigError(path, [(json_path, problem)])
    return token


def _token_in(content: bytes) -> bytes:
    # Some editors put a byte order mark before the first line.
    return content.removeprefix(_BYTE_ORDER_MARK).strip(b" \t\r\n")
