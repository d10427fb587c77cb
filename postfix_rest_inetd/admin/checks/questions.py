# SPDX-License-Identifier: MIT
"""`check --probe`: one question through the socket of each endpoint, as Postfix asks it.

This covers the whole path: systemd, a handler in its sandbox with its rights and its files, and the
backend. A socketmap is asked for each map that Postfix uses. The journal gives the reason of a
failure. It also tells whether an action is the handler's own, because its backend has failed.

A stored answer would show nothing about the way from the handler to the backend. So the answers to
these questions are removed before they are asked, as far as this user may.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import socket_client
from postfix_rest_inetd.admin.ask.record import Record
from postfix_rest_inetd.admin.checks import failures, request
from postfix_rest_inetd.admin.checks.finding import ERROR, GOOD, NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.admin.stored import purging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.config.endpoint import Endpoint

_GOOD = (model.REPLY_VALUE, model.REPLY_NOT_FOUND)


class Asked(NamedTuple):
    """What is asked.

    Attributes:
        endpoints: all of the configuration.
        path: of the configuration.
        in_use: the maps that Postfix asks for, by endpoint.
        failed: endpoints whose backend has failed already when it was asked directly. A failure of
            the handler is not reported as well.
    """

    endpoints: list[Endpoint]
    path: str
    in_use: dict[Endpoint, list[str]]
    failed: set[Endpoint]


def forget(asked: Asked, user_agent: str, cache_directory: str) -> None:
    """Remove what handlers have stored of earlier answers to these questions."""
    for endpoint in asked.endpoints:
        if endpoint.is_lookup and purging.may_have_answers(cache_directory, endpoint):
            for map_name in request.map_names(endpoint, asked.in_use):
                question = request.request(endpoint, map_name)
                assert isinstance(question, model.LookupRequest)  # noqa: S101 - it is a lookup
                with contextlib.suppress(CommandError):
                    purging.answer(cache_directory, endpoint, user_agent, question)


def findings(asked: Asked, listeners: Listeners) -> Iterator[Finding]:
    """The findings about what Postfix would get from each endpoint."""
    for endpoint in asked.endpoints:
        where = f"{endpoint.name}: socket"
        if listeners.at(endpoint.address) is None:
            yield Finding(NOTE, where, f"was not asked: nothing listens at {endpoint.address}")
            continue
        client = socket_client.SocketClient(endpoint)
        try:
            for map_name in request.map_names(endpoint, asked.in_use):
                yield from _ask(endpoint, client, map_name, asked)
        except PermissionError:
            what = "was not asked: only root and Postfix may connect to it"
            yield Finding(NOTE, where, what, "Run this as root.")
        finally:
            client.close()


def _ask(
    endpoint: Endpoint, client: socket_client.SocketClient, map_name: str, known: Asked
) -> Iterator[Finding]:
    """Ask, and judge the answer.

    Raises:
        PermissionError: this user may not connect.
    """
    where = f"{endpoint.name}: socket"
    is_used = not has_maps(endpoint.mode) or endpoint in known.in_use
    asked = request.shown(endpoint, map_name)
    record, began = Record(), time.time()
    try:
        answer = client.ask(request.request(endpoint, map_name), record)
        text = answer.text.decode(errors="backslashreplace")
        told = {model.REPLY_NOT_FOUND: "not found", model.REPLY_VALUE: "a value"}
        what = told.get(answer.kind, f"{answer.word} {text}")
        if not endpoint.is_lookup:
            what = f"action {text}"
        is_good = answer.kind in _GOOD
        is_made_up = answer.kind == model.REPLY_PERMANENT and not is_used
        is_doubtful = socket_client.may_be_the_handlers(endpoint, answer)
    except socket_client.NoAnswerError as error:
        if isinstance(error.__context__, PermissionError):
            raise PermissionError from None
        what, is_good, is_made_up, is_doubtful = str(error), False, False, False
    reason: str | None = ""
    if is_doubtful and endpoint in known.failed:
        return
    if endpoint not in known.failed and (is_doubtful or not is_good):
        reason = failures.reason(endpoint, began)
    why = f": {reason}" if reason else ""
    if is_good and reason is None:
        what = f"{what}, for {asked}, as Postfix asks: the backend's answer, or the handler's?"
        yield Finding(WARNING, where, what, "The journal does not tell. Run this as root.")
    elif is_good and not reason:
        took = f"{record.total_usec / 1000:.0f} ms"
        yield Finding(GOOD, where, f"{what}, for {asked}, as Postfix asks ({took})")
    elif is_made_up:
        yield Finding(NOTE, where, f"{what}, for {asked}, which Postfix does not use{why}")
    elif endpoint not in known.failed:
        same = request.command(endpoint, known.endpoints, known.path, map_name)
        what = f"{what}, for {asked}, as Postfix asks{why}"
        yield Finding(ERROR, where, what, f"See each step:\n{commands(same)}")
