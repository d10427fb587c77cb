# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd setup`: one more endpoint, from its URL to a socket that Postfix can ask.

It asks on the terminal for what the options do not say. Nothing is written before the backend has
answered and the operator has agreed. Then the end is that of `apply`, and the command for main.cf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.application import session as application
from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, EXIT_FAILED
from postfix_rest_inetd.admin.host.draft import Draft
from postfix_rest_inetd.admin.migration.main_cf import PURPOSES
from postfix_rest_inetd.admin.setup import session
from postfix_rest_inetd.admin.setup.choosing import Chooser
from postfix_rest_inetd.admin.ui.options import (
    add_assent_options,
    add_config_option,
    add_no_probe_option,
    add_token_file_option,
)
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "the endpoint can be asked; with --dry-run, it can be set up",
    EXIT_FAILED: "nothing was written, or the socket is not open yet",
    EXIT_CONFIG: "config.json has errors, and nothing was written",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
examples:
  postfix-rest-inetd setup
  postfix-rest-inetd setup --yes --mode socketmap-lookup \\
      --for domain,mailbox,alias --url https://api.example.org/postfix \\
      --token-file /root/token
  pass show mail-api | postfix-rest-inetd setup --yes --mode policy \\
      --url https://api.example.org/policy --token-file -

On a terminal, setup asks for what the options do not say.
"""
    parser.add_argument(
        "--mode", metavar="MODE", help=f"what Postfix asks for: {', '.join(model.MODES)}"
    )
    parser.add_argument(
        "--for",
        dest="purposes",
        metavar="TABLE,...",
        help=f"what a lookup is for: {', '.join(PURPOSES)}",
    )
    parser.add_argument("--url", metavar="URL", help="URL of the backend, http or https")
    token = parser.add_mutually_exclusive_group()
    add_token_file_option(token)
    token.add_argument("--no-token", action="store_true", help="the backend wants no token")
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="where Postfix asks: PORT, HOST:PORT or a path; default: a free port",
    )
    parser.add_argument("--name", metavar="NAME", help="name of the endpoint")
    add_no_probe_option(parser)
    add_assent_options(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Set up an endpoint; returns the exit status."""
    assent = application.assent_of(arguments)
    asks = application.can_ask()
    path, setup = arguments.config, None
    try:
        with Draft(path) as draft:
            loaded = loading.parse(draft.content, path)
            wanted = Chooser(arguments, loaded, asks=asks and not arguments.yes).wanted()
            setup = session.Setup(path, wanted, assent)
            endpoint = setup.write(draft, loaded, probes=not arguments.no_probe)
    except KeyboardInterrupt:
        what = "the endpoint" if setup is not None and setup.is_written else "nothing"
        print(f"\nInterrupted: {what} was written.")
        raise
    if endpoint is None:
        return EXIT_FAILED
    is_open = setup.open_socket()
    setup.tell_postfix(endpoint)
    return EXIT_GOOD if is_open else EXIT_FAILED
