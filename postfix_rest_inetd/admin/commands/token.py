# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd token`: another token for an endpoint, without a lost request.

`new` makes a random token, or takes one from a file, and writes it beside the present one, where
no handler reads it. When the backend accepts both, `use` asks the backend with it, and then
replaces the present file in one step. A token is never shown, and never on a command line.
"""

from __future__ import annotations

import copy
import os
import secrets
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.checks import request
from postfix_rest_inetd.admin.command_error import (
    EXIT_CONFIG,
    EXIT_FAILED,
    CommandError,
    UsageError,
)
from postfix_rest_inetd.admin.host import access
from postfix_rest_inetd.admin.setup import screen, token_file
from postfix_rest_inetd.admin.ui.options import (
    ENDPOINT_HELP,
    add_config_option,
    add_no_probe_option,
    add_token_file_option,
)
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

NEW, USE = "new", "use"
SUFFIX = ".new"
_TOKEN_BYTES = 32

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "the new token was made, or is in use",
    EXIT_FAILED: "nothing was changed",
    EXIT_CONFIG: "the configuration cannot be used, and nothing was changed",
}

LOOK = """\
    journalctl -q -t postfix-rest-inetd -S -10min \\
        POSTFIX_REST_OUTCOME=kept-config + \\
        POSTFIX_REST_HTTP_STATUS=401 POSTFIX_REST_HTTP_STATUS=403"""
"""Finds handlers that could not read the new token, and requests that were refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
  new ENDPOINT       make a token, which no handler uses yet
  use ENDPOINT       ask the backend with it, and use it from now on

Between the two, let the backend accept both tokens.

--token-file belongs to new, and --no-probe to use.
"""
    parser.add_argument("action", metavar="new|use", choices=(NEW, USE), help="see below")
    parser.add_argument("endpoint", metavar="ENDPOINT", help=ENDPOINT_HELP)
    add_token_file_option(parser)
    add_no_probe_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make a token, or use it; returns the exit status."""
    if arguments.no_probe if arguments.action == NEW else arguments.token_file is not None:
        raise UsageError("--token-file belongs to new, and --no-probe to use")
    loaded = loading.load(arguments.config)
    endpoint, _ = question.endpoint_of(loaded, arguments.endpoint)
    path = _file_of(endpoint)
    users = [each for each in loaded.endpoints if _names(each, path)]
    if arguments.action == NEW:
        _make(path, arguments.token_file)
        words = [arguments.endpoint, *request.config_option(arguments.config)]
        print(f"    postfix-rest-inetd token use {shlex.join(words)}")
        return EXIT_GOOD
    if not os.path.lexists(_beside(path)):
        raise CommandError(f"there is no {_beside(path)}; make it with token new")
    token = token_file.read_waiting(_beside(path))
    if not (arguments.no_probe or _accept(users, token, loaded, arguments.config)):
        print("Nothing was changed. When the backend accepts the new token as well as the old one,")
        print("run this command again.")
        return EXIT_FAILED
    # Not renamed: a file that was made by hand may have rights that stop the handlers.
    place = os.path.realpath(path)
    token_file.write(place, token, like=place)
    token_file.remove(_beside(path))
    _tell(users)
    return EXIT_GOOD


def _file_of(endpoint: Endpoint) -> str:
    """The path of the token file.

    Raises:
        CommandError: there is none, only handlers can find it, or it is another user's link, which
            may lead to any file.
    """
    path = endpoint.auth_token_file
    if path is None:
        what = "its token is in the configuration; move it to a file, and name that in"
        raise CommandError(f"{endpoint.name}: {what} auth-token-file")
    if not os.path.isabs(path):
        what = "its token is a credential; replace the file that LoadCredential= names"
        raise CommandError(f"{endpoint.name}: {what}")
    if os.path.islink(path) and (owner := os.lstat(path).st_uid) not in (0, os.geteuid()):
        what = f"is a symbolic link that belongs to {access.user_name(owner)}"
        raise CommandError(f"{path} {what}; name the file itself in auth-token-file")
    return path


def _names(endpoint: Endpoint, path: str) -> bool:
    """Does an endpoint have this file, under any name?"""
    own = endpoint.auth_token_file
    return (
        own is not None and os.path.isabs(own) and os.path.realpath(own) == os.path.realpath(path)
    )


def _beside(path: str) -> str:
    """Where the new token waits: on the same file system, also if the present file is a link."""
    return os.path.realpath(path) + SUFFIX


def _make(path: str, source: str | None) -> None:
    new = _beside(path)
    given = secrets.token_hex(_TOKEN_BYTES) if source is None else token_file.read(source)
    has_old = os.path.exists(path)
    try:
        token_file.write(new, given, like=path, is_new=True)
    except FileExistsError:
        what = "exists already, and the backend may know it; use it, or remove it"
        raise CommandError(f"{new} {what}") from None
    who = f"It has the rights of {path}." if has_old else "Only root and the handlers can read it."
    screen.paragraph(f"{new} has a new token. {who}")
    print("Let the backend accept this token as well as the present one, and then:")


def _accept(users: Sequence[Endpoint], token: str, loaded: Config, config: str) -> bool:
    """Do the backends of all endpoints accept the new token? Prints what they answer."""
    from postfix_rest_inetd.admin.ask import uses
    from postfix_rest_inetd.admin.checks import parts, probe, report
    from postfix_rest_inetd.admin.checks.finding import ERROR

    good = True
    # A backend may answer 404 to a map that it does not have before it looks at the token.
    in_use = parts.map_names(loaded.endpoints, list(uses.instances()))
    for each in users:
        changed = copy.copy(each)
        changed.auth_token, changed.auth_token_file = token, None
        maps = {changed: in_use[each]} if each in in_use else {}
        found = list(probe.findings(changed, loaded, config, maps))
        report.listed(found)
        # Nothing is found if another file of the endpoint, such as a certificate, is not usable.
        good = good and bool(found) and all(finding.severity != ERROR for finding in found)
    return good


def _tell(users: Sequence[Endpoint]) -> None:
    names = ", ".join(each.name for each in users)
    screen.paragraph(f"The new token is in use from the next request on, for: {names}")
    print(
        "If this shows nothing, no request was refused, and the backend may refuse the old token:"
    )
    print(LOOK)
