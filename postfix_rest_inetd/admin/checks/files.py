# SPDX-License-Identifier: MIT
"""config.json and the files that it names: can the handlers read them, and can other users?

`usable` reads them as the handler does. `installed` is for the configuration that systemd's
handlers use: their user must be able to read everything, systemd must be able to make their
sandbox, which must not hide anything, and other users must not read a secret or change anything.
"""

from __future__ import annotations

import os
import shlex
import stat
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks import configuration, python
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.host import access
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.handler_units import HandlerSettings
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

_FILE_KEYS = ("auth_token_file", "tls_ca_file", "tls_cert_file", "tls_key_file")
_EVERYBODY = "nobody"


class _File(NamedTuple):
    path: str
    where: str
    is_secret: bool


def usable(path: str, loaded: Config, content: bytes | None = None) -> Iterator[Finding]:
    """Whether the files that the endpoints name can be used by the user who runs this.

    `content`, if given, is the future content of `path`. Without urllib3, nothing can be tried.
    """
    if not python.is_usable():
        return
    from postfix_rest_inetd.backend import client

    for endpoint in loaded.endpoints:
        targets = endpoint.targets.all()
        target = next((each for each in targets if each.tls), targets[0])  # reads all files
        try:
            client.Client(endpoint, target, loaded.user_agent, credentials.auth_token_of(endpoint))
        except ConfigError as error:
            yield from configuration.problems(path, error, content)


def use_credentials(loaded: Config, settings: HandlerSettings) -> None:
    """Put the files of LoadCredential= in place of bare names, as systemd will for a handler."""
    for endpoint in loaded.endpoints:
        for attribute in _FILE_KEYS:
            name = getattr(endpoint, attribute)
            if name is not None and "/" not in name and name in settings.credentials:
                setattr(endpoint, attribute, settings.credentials[name])


def installed(path: str, loaded: Config | None, settings: HandlerSettings) -> Iterator[Finding]:
    """What is wrong with the permissions for the user of systemd's handlers."""
    endpoints = loaded.endpoints if loaded is not None else []
    has_secret = loaded is None or any(_has_secret(endpoint) for endpoint in endpoints)
    files = [_File(path, path, has_secret), *_named(endpoints)]
    yield from _missing(settings)
    if access.may(settings.user, "r", "/") is None:
        yield _unseen(settings.user, path)
        return
    for file in dict.fromkeys(files):
        if os.path.exists(file.path) and not os.path.isdir(file.path):
            yield from _of_file(file, settings)


def _missing(settings: HandlerSettings) -> Iterator[Finding]:
    """Paths that the sandbox is to have and does not."""
    for path in settings.required:
        hidden = settings.hides(path)
        if hidden is None and os.path.lexists(path):
            continue
        why = "does not exist" if hidden is None else hidden.said_of(path)
        what = f"{why}, so systemd cannot make the sandbox and starts no handler"
        advice = f"Write -{path} in the drop-in that names it"
        advice += "." if hidden is None else f", or also BindPaths={path} if handlers need it."
        yield Finding(ERROR, path, what, advice)


def _unseen(user: str, path: str) -> Finding:
    if not access.exists(user):
        what = f"the user {user} does not exist; handlers run as this user"
        steps = ["systemd-sysusers", "systemd-tmpfiles --create postfix-rest-inetd.conf"]
        steps.append(f"chgrp {user} {shlex.quote(os.path.dirname(path))} {shlex.quote(path)}")
        return Finding(ERROR, "permissions", what, commands(*steps))
    what = f"only root can see whether {user} can read these files"
    advice = "Run this as root to check them."
    if os.geteuid() == 0:
        advice = "Run this outside of the sandbox, which does not let root switch to another user."
    return Finding(NOTE, "permissions", what, advice)


def _named(endpoints: list[Endpoint]) -> Iterator[_File]:
    for endpoint in endpoints:
        for attribute in _FILE_KEYS:
            file = getattr(endpoint, attribute)
            if file is not None and "/" in file:
                # Without tls-key-file, the key is in the certificate's file.
                is_secret = attribute in ("auth_token_file", "tls_key_file") or (
                    attribute == "tls_cert_file" and endpoint.tls_key_file is None
                )
                yield _File(file, f"{endpoint.name}: {attribute.replace('_', '-')}", is_secret)


def _has_secret(endpoint: Endpoint) -> bool:
    return bool(endpoint.auth_token or endpoint.targets.has_user_info or endpoint.headers)


def _of_file(file: _File, settings: HandlerSettings) -> Iterator[Finding]:
    user, path = settings.user, file.path
    status = os.stat(path)
    mode = stat.S_IMODE(status.st_mode)
    rights = access.rights(path)
    name = "" if file.where == path else f"{path} "
    quoted = shlex.quote(path)
    right = commands(f"chown root:{user} {quoted}", f"chmod 0640 {quoted}")
    hidden = None if settings.reads_as_root(path) else settings.hides(path)
    if hidden is not None:
        what, advice = f"{name}{hidden.said_of(path)}", "Keep it in /etc/postfix-rest-inetd."
        yield Finding(ERROR, file.where, what, advice)
        return
    if not settings.reads_as_root(path) and not access.may(user, "r", path):
        blocked = access.obstacle(user, path)
        what = f"{name}cannot be read by {user}, the user of the handlers: "
        what += f"{blocked} is {access.rights(blocked)}"
        entry = shlex.quote(blocked)
        way = commands(f"chgrp {user} {entry}", f"chmod g+x {entry}")
        yield Finding(ERROR, file.where, what, right if blocked == path else way)
    if file.is_secret and mode & stat.S_IROTH:
        what = f"{name}holds a secret, but every user may read it ({rights})"
        if access.may(_EVERYBODY, "r", path) is False:
            what += "; for now, its directory prevents that"
        yield Finding(WARNING, file.where, what, right)
    elif mode & stat.S_IWOTH or (mode & stat.S_IWGRP and status.st_gid != 0):
        what = f"{name}can be changed by users other than root ({rights})"
        yield Finding(WARNING, file.where, what, right)
    if status.st_uid != 0:
        what = f"{name}does not belong to root ({rights}); its owner can change it"
        yield Finding(WARNING, file.where, what, right)
