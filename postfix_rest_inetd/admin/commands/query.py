# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd query`: asks an endpoint, and shows what Postfix does with the reply.

Exit status, as for postmap(1) and in sysexits.h, besides those that all commands share (cli.py):

    0   the key was found (with `-`, at least one was), or the policy service gave an action
    1   it was not found
    75  (EX_TEMPFAIL) an error: an error reply, no reply, or one that Postfix cannot use; through
        the socket, also an action with which Postfix defers the mail; or the question could not be
        asked

If its backend fails, a policy service still replies with an action, and the reply does not show
whether the action is the backend's or the handler's. So through the socket, the status follows what
Postfix does: a deferral is 75 in both cases, because a script that monitors an endpoint must not
miss a failure. With --direct, the outcome is known: any action of the backend is 0, and any failure
is 75, even if a failure-action replaces it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import effects, keys, many, question, screen, socket_client, uses
from postfix_rest_inetd.admin.ask.actions import effect_of
from postfix_rest_inetd.admin.ask.record import Record
from postfix_rest_inetd.admin.ask.socket_client import NoAnswerError
from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, UsageError
from postfix_rest_inetd.admin.statistics import latest
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.options import (
    ENDPOINT_HELP,
    add_cache_directory_option,
    add_config_option,
    add_json_option,
    add_map_option,
)
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.log_entry import BACKEND, STALE, STORED

if TYPE_CHECKING:
    import argparse

    from postfix_rest_inetd.admin.ask import direct_client
    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.config.endpoint import Endpoint

    AnyClient = socket_client.SocketClient | direct_client.DirectClient

EXIT_FOUND = 0
EXIT_NOT_FOUND = 1
EXIT_TEMPFAIL = 75
# For all errors that prevent the question: 1 would mean that the key does not exist.
EXIT_FAILED = EXIT_TEMPFAIL
EXIT_STATUS = {
    EXIT_FOUND: "found (with -, at least one key), or an action",
    EXIT_NOT_FOUND: "not found",
    EXIT_TEMPFAIL: "an error, for which Postfix defers the mail; an action that defers it "
    "(with --direct, an action of the backend is always 0); or nothing was asked",
    EXIT_CONFIG: "the configuration cannot be used",
}

JOURNAL = "journalctl -t postfix-rest-inetd -n 1"

# The outcomes of success; any other is an error.
_STATUSES = {
    model.FOUND: EXIT_FOUND,
    model.ACTION: EXIT_FOUND,
    model.NOT_FOUND: EXIT_NOT_FOUND,
}

_SOURCES = {
    BACKEND: "the backend, which was asked",
    STORED: "a stored answer, {0.age_sec} s old; --fresh asks the backend",
    STALE: "a stale answer, {0.age_sec} s old, because the backend fails: {0.cause}",
}

EPILOG = """\
examples:
  postfix-rest-inetd query domains example.org
  postfix-rest-inetd query maps info@example.org --map alias -v
  postfix-rest-inetd query policy --attribute sender=a@example.org \\
      --attribute recipient=b@example.net
  postfix-rest-inetd query socketmap:inet:127.0.0.1:9002:alias info@example.org
  postfix-rest-inetd query domains - < domains.txt

With --json, durations are in microseconds.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "endpoint",
        metavar="ENDPOINT",
        help=ENDPOINT_HELP,
    )
    parser.add_argument(
        "key",
        metavar="KEY",
        nargs="?",
        help="what to look up; - reads keys from standard input, one per line",
    )
    add_map_option(parser)
    parser.add_argument(
        "--attribute",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="policy: an attribute, such as sender=a@example.org; may be repeated; all others get "
        "the values of an ordinary mail from 127.0.0.1",
    )
    parser.add_argument(
        "--direct",
        action="store_true",
        help="ask the backend directly, as this user, instead of through the socket; no stored "
        "answer is used",
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="make a stored answer for KEY stale first, so that the backend is asked; if it fails, "
        "the answer can still be used",
    )
    _add_forms(parser)
    add_cache_directory_option(parser)
    add_config_option(parser)


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """Define the options about the form of the output."""
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "-v", "--verbose", action="store_true", help="show the bytes in both directions"
    )
    add_json_option(forms)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print the result; returns the exit status."""
    loaded = loading.load(arguments.config, tolerant=True)  # as handlers do
    endpoint, pasted_map = question.endpoint_of(loaded, arguments.endpoint)
    _usable(endpoint, arguments.config)
    question.check_kind(endpoint, arguments.key, arguments.attribute)
    if arguments.json and arguments.key == "-":
        raise UsageError("--json takes one KEY, not -")
    map_name = question.map_name_of(endpoint, arguments.map or pasted_map)
    if not endpoint.is_lookup:
        request: model.Request = question.policy_request(arguments.attribute)
    else:
        request = model.LookupRequest(os.fsencode(arguments.key), map_name)
    if arguments.fresh:
        _make_stale(endpoint, loaded.user_agent, request, arguments)
    client = _client(endpoint, loaded.user_agent, direct=arguments.direct)
    try:
        if arguments.key == "-":
            return _ask_many(client, map_name)
        if arguments.json:
            return _ask_as_json(client, endpoint, request, loaded.endpoints)
        return _ask_one(client, endpoint, request, arguments, loaded.endpoints)
    finally:
        client.close()


def _usable(endpoint: Endpoint, config_path: str) -> None:
    """Raise what a handler would raise."""
    if endpoint.problems:
        raise ConfigError(config_path, endpoint.problems)
    endpoint.targets.all()  # a handler finds only then whether it can use them


def _make_stale(
    endpoint: Endpoint, user_agent: str, request: model.Request, arguments: argparse.Namespace
) -> None:
    """Make the stored answer for a request stale.

    Raises:
        UsageError: no stored answer would be used anyway, or there is more than one request.
        CommandError: this user may not do it.
    """
    from postfix_rest_inetd.admin.stored import purging

    if arguments.direct:
        raise UsageError("--direct uses no stored answers, so it takes no --fresh")
    if not isinstance(request, model.LookupRequest):
        raise UsageError("answers of a policy endpoint are not stored, so it takes no --fresh")
    if arguments.key == "-":
        raise UsageError("--fresh takes one KEY, not -")
    purging.expire(arguments.cache_directory, endpoint, user_agent, request)


def _client(endpoint: Endpoint, user_agent: str, *, direct: bool) -> AnyClient:
    if direct:
        from postfix_rest_inetd.admin.ask import direct_client

        try:
            return direct_client.DirectClient(endpoint, user_agent)
        except ConfigError as error:
            if "CREDENTIALS_DIRECTORY" in str(error):
                error.add_note("only handlers have credentials; ask without --direct")
            raise
    return socket_client.SocketClient(endpoint)


def _ask_many(client: AnyClient, map_name: bytes | None) -> int:
    outcome = many.ask_all(client, map_name, sys.stdin.buffer)
    if outcome.errors:
        text = f"{outcome.errors} of {outcome.asked} keys had an error"
        end = f"; gave up after {many.MAX_ERRORS} in a row" if outcome.gave_up else ""
        terminal.complain(f"{text}{end}")
        return EXIT_TEMPFAIL
    return EXIT_FOUND if outcome.found else EXIT_NOT_FOUND


def _ask_one(
    client: AnyClient,
    endpoint: Endpoint,
    request: model.Request,
    arguments: argparse.Namespace,
    endpoints: list[Endpoint],
) -> int:
    screen.heading(endpoint, direct=arguments.direct)
    record, began = Record(), time.time()
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
        if not arguments.direct:
            _tell_source(endpoint, request, began)
        rules = effects.of_answer(endpoint.mode, answer)
    key = os.fsdecode(request.key) if isinstance(request, model.LookupRequest) else None
    if key is not None:
        screen.about_key(keys.form_of(key), keys.notes(key))
    sys.stdout.flush()  # postconf(1) takes its time
    used = _uses(endpoint, endpoints, request)
    screen.consequences(*uses.apart(rules, used, key))
    status = _status(endpoint, answer, record.outcome)
    if not arguments.direct and len(record.steps) > 1:  # connected
        if answer is not None and socket_client.may_be_the_handlers(endpoint, answer):
            screen.advice(f"The journal tells whether this is the backend's answer: {JOURNAL}")
        elif status == EXIT_TEMPFAIL:
            screen.advice(f"The journal has the reason: {JOURNAL}")
    return status


def _ask_as_json(
    client: AnyClient, endpoint: Endpoint, request: model.Request, endpoints: list[Endpoint]
) -> int:
    from postfix_rest_inetd.admin.ask import json_report

    record, failure = Record(), ""
    answer: Answer | None = None
    try:
        answer = client.ask(request, record)
    except NoAnswerError as error:
        failure = str(error)
        rules = effects.of_silence(endpoint.mode, close=error.closed)
    else:
        rules = effects.of_answer(endpoint.mode, answer)
    key = os.fsdecode(request.key) if isinstance(request, model.LookupRequest) else None
    found = uses.apart(rules, _uses(endpoint, endpoints, request), key)
    told = failure if answer is None else answer
    sys.stdout.write(json_report.report(endpoint, request, told, record, found))
    return _status(endpoint, answer, record.outcome)


def _uses(endpoint: Endpoint, endpoints: list[Endpoint], request: model.Request) -> list[uses.Use]:
    """Where this machine's Postfix asks the endpoint, for the map of the request."""
    name = request.map_name if isinstance(request, model.LookupRequest) else None
    return uses.find(endpoint, endpoints, os.fsdecode(name or b""))


def _tell_source(endpoint: Endpoint, request: model.Request, began: float) -> None:
    """Say where the answer came from, according to the journal, if it may have been stored."""
    if not isinstance(request, model.LookupRequest) or endpoint.cache is None:
        return
    files = latest.journals()
    if not files:
        return
    if not latest.is_open(files):
        screen.source(f"not known: only root may read the journal ({JOURNAL})", is_stale=False)
        return
    entry = latest.find(latest.about(endpoint, request), began)
    if entry is None:
        screen.source("not known: the journal has no entry about it", is_stale=False)
    elif not entry.failed:
        screen.source(_SOURCES[entry.source].format(entry), is_stale=entry.source == STALE)


def _status(endpoint: Endpoint, answer: Answer | None, outcome: str) -> int:
    """The exit status for an answer, and for its outcome if that is known."""
    if answer is None:
        return EXIT_TEMPFAIL
    if outcome:
        return _STATUSES.get(outcome, EXIT_TEMPFAIL)
    if answer.kind == model.REPLY_NOT_FOUND:
        return EXIT_NOT_FOUND
    action = answer.text.decode(errors="backslashreplace")
    if not endpoint.is_lookup and effect_of(action).defers:
        return EXIT_TEMPFAIL
    return EXIT_FOUND if answer.kind == model.REPLY_VALUE else EXIT_TEMPFAIL
