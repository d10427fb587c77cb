# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd query`: ask an endpoint as Postfix does, and tell what Postfix makes of it.

Exit status, after postmap(1) and sysexits.h:

    0   the key was found (with `-`, at least one was), or the policy service gave an action
    1   it was not found
    2   wrong command line, an unknown endpoint included
    75  (EX_TEMPFAIL) an error: an error reply, no reply, or one that Postfix cannot use
    78  (EX_CONFIG) the configuration cannot be used
    130 interrupted

A policy service whose backend fails gives an action, too, the handler's own: by its words (`REST
...`) it is taken for an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import effects, keys, many, question, screen, socket_client
from postfix_rest_inetd.admin.ask.record import Record
from postfix_rest_inetd.admin.ask.socket_client import NoAnswerError
from postfix_rest_inetd.admin.ui.options import add_config_option
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.ask import backend_client
    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.config.endpoint import Endpoint

    Client = socket_client.Client | backend_client.Client

EXIT_FOUND = 0
EXIT_NOT_FOUND = 1
EXIT_USAGE = 2
EXIT_TEMPFAIL = 75
EXIT_CONFIG = 78
EXIT_INTERRUPTED = 130

# The handler's words for what is no answer of the backend (verdict.py).
_OWN_WORDS = (b"451 REST ", b"554 REST ")

EPILOG = """\
examples:
  postfix-rest-inetd query domains example.org
  postfix-rest-inetd query maps info@example.org --map alias -v
  postfix-rest-inetd query policy --attribute sender=a@example.org \\
      --attribute recipient=b@example.net
  postfix-rest-inetd query domains - < domains.txt

exit status: 0 found (with -, at least one), or an action; 1 not found; 2 wrong
command line; 75 an error, on which Postfix defers the mail; 78 the
configuration cannot be used.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("endpoint", metavar="ENDPOINT", help="its name or listening address")
    parser.add_argument(
        "key", metavar="KEY", nargs="?", help="what to look up; - reads keys, one on a line"
    )
    parser.add_argument("--map", metavar="NAME", help="socketmap: the name of the map")
    parser.add_argument(
        "--attribute",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="policy: an attribute, as sender=a@example.org; may be repeated; others have the "
        "values of an ordinary mail from 127.0.0.1",
    )
    parser.add_argument(
        "--direct",
        action="store_true",
        help="ask the backend itself, as this user, and not through the socket",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show the bytes both ways")
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print what happened; returns the exit status."""
    try:
        loaded = loading.load(arguments.config, tolerant=True)  # as handlers do
        endpoint = _usable(question.endpoint_of(loaded, arguments.endpoint), arguments.config)
        question.check_kind(endpoint, arguments.key, arguments.attribute)
        map_name = question.map_name_of(endpoint, arguments.map)
        if not endpoint.is_lookup:
            request: model.Request = question.policy_request(arguments.attribute)
        else:
            request = model.LookupRequest(os.fsencode(arguments.key), map_name)
        client = _client(endpoint, loaded.user_agent, direct=arguments.direct)
    except ConfigError as error:
        for json_path, text in error.problems:
            place = f"{json_path}: " if json_path else ""
            print(f"{error.source}: {place}{text}", file=sys.stderr)
        if arguments.direct and "CREDENTIALS_DIRECTORY" in str(error):
            print("Only the handlers have credentials: ask without --direct.", file=sys.stderr)
        return EXIT_CONFIG
    except question.UsageError as error:
        print(f"postfix-rest-inetd query: {error}", file=sys.stderr)
        return EXIT_USAGE
    try:
        if arguments.key == "-":
            return _ask_many(client, map_name)
        return _ask_one(client, endpoint, request, arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `query ... | head`; the rest of the output goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_TEMPFAIL
    finally:
        client.close()


def _usable(endpoint: Endpoint, config_path: str) -> Endpoint:
    if endpoint.problems:
        raise ConfigError(config_path, endpoint.problems)
    return endpoint


def _client(endpoint: Endpoint, user_agent: str, *, direct: bool) -> Client:
    if direct:
        from postfix_rest_inetd.admin.ask import backend_client

        return backend_client.Client(endpoint, user_agent)
    return socket_client.Client(endpoint)


def _ask_many(client: Client, map_name: bytes | None) -> int:
    outcome = many.ask_all(client, map_name, sys.stdin.buffer)
    if outcome.errors:
        text = f"{outcome.errors} of {outcome.asked} keys had an error"
        end = f"; gave up after {many.MAX_ERRORS} in a row" if outcome.gave_up else ""
        print(f"postfix-rest-inetd query: {text}{end}", file=sys.stderr)
        return EXIT_TEMPFAIL
    return EXIT_FOUND if outcome.found else EXIT_NOT_FOUND


def _ask_one(
    client: Client, endpoint: Endpoint, request: model.Request, arguments: argparse.Namespace
) -> int:
    screen.heading(endpoint, direct=arguments.direct)
    record = Record()
    answer: Answer | None = None
    try:
        answer = client.ask(request, record)
    except NoAnswerError as error:
        screen.course(record, verbose=arguments.verbose)
        screen.unanswered(str(error))
        rules = effects.of_silence(endpoint.mode, close=error.closed)
    else:
        screen.course(record, verbose=arguments.verbose)
        screen.answered(answer)
        rules = effects.of_answer(endpoint.mode, answer)
    if isinstance(request, model.LookupRequest):
        key = os.fsdecode(request.key)
        rules = effects.for_key(rules, key)
        screen.about_key(keys.form_of(key), keys.notes(key))
    screen.consequences(rules)
    status = _status(answer)
    if status == EXIT_TEMPFAIL and not arguments.direct and len(record.steps) > 1:  # connected
        screen.advice("The journal knows why: journalctl -t postfix-rest-inetd -n 1")
    return status


def _status(answer: Answer | None) -> int:
    if answer is None or answer.text.startswith(_OWN_WORDS):
        return EXIT_TEMPFAIL
    if answer.kind == model.REPLY_VALUE:
        return EXIT_FOUND
    return EXIT_NOT_FOUND if answer.kind == model.REPLY_NOT_FOUND else EXIT_TEMPFAIL
