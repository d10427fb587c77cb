# SPDX-License-Identifier: MIT
"""Secrets in files of their own: where they are, and how a token is read from one.

A bare name means a credential of the service manager: a file in $CREDENTIALS_DIRECTORY, where
LoadCredential= of systemd.exec(5) puts it. A token is read once per connection, so a new one is in
force from the next connection on.
"""

from __future__ import annotations

import os
import stat

from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .endpoint import Endpoint

MAX_TOKEN_BYTES = 65536


def locate(name: str, json_path: str) -> str:
    """The path of a secret file.

    Raises:
        ConfigError: the name is a bare one and there is no $CREDENTIALS_DIRECTORY.
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


def auth_token_of(endpoint: Endpoint) -> bytes:
    """The token of an endpoint, ready for the header field.

    Raises:
        ConfigError: the token file cannot be used. The text names the file, never its content.
    """
    if endpoint.auth_token_file is None:
        return (endpoint.auth_token or "").encode()
    json_path = f"{endpoint.json_path}.auth-token-file"
    path = locate(endpoint.auth_token_file, json_path)
    try:
        token = _read(path)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}; the service's user needs to read it"
        raise ConfigError(path, [(json_path, problem)]) from None
    if not token or len(token) > MAX_TOKEN_BYTES or any(o < 0x20 or o == 0x7F for o in token):
        problem = f"must hold one line of 1 to {MAX_TOKEN_BYTES} bytes without control characters"
        raise ConfigError(path, [(json_path, problem)])
    return token


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # as in config.py
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a regular file")
        return file.read(MAX_TOKEN_BYTES + 2).strip(b" \t\r\n")
