# SPDX-License-Identifier: MIT
"""Notes on what Postfix does with tables and policy services contrary to expectation.

All findings are notes, because the administrator may want it so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import NOTE, Finding
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

CLOSE = "close"
# Tables that are asked for mail addresses, which may have an extension.
_OF_ADDRESSES = re.compile(
    r"(.*: )?(virtual_(alias|mailbox)|(sender_|recipient_)?canonical|(sender|recipient)_bcc"
    r"|(local|relay)_recipient|relocated|transport|smtpd_sender_login"
    r"|sender_dependent_(relayhost|default_transport)|smtp_generic)_maps"
)
# postconf(5), smtpd_policy_service_default_action: what Postfix does anyway.
_NO_CHOICE = "451 4.3.5 Server configuration problem"


def findings(used: list[tuple[Reference, Endpoint]], settings: Settings) -> Iterator[Finding]:
    """Notes on the references of one instance, each with the endpoint that it leads to."""
    yield from _delimiter(used, settings)
    for reference, endpoint in used:
        if not endpoint.is_lookup and reference.mode == endpoint.mode:
            yield from _default_action(reference, endpoint, settings)
        elif not endpoint.answers_actions:
            yield from _access_table(reference, endpoint, settings)


def _delimiter(used: list[tuple[Reference, Endpoint]], settings: Settings) -> Iterator[Finding]:
    delimiter = settings.value("recipient_delimiter")
    names = dict.fromkeys(
        endpoint.name
        for reference, endpoint in used
        if is_lookup(reference.mode) and any(map(_OF_ADDRESSES.fullmatch, reference.parameters))
    )
    if delimiter and names:
        what = f"with {delimiter}, {', '.join(names)} is asked for the whole address only: "
        what += f"user{delimiter[0]}extension@example.org"
        advice = (
            "Postfix does not look up the address without its extension in tcp: and socketmap: "
        )
        advice += "tables. The backend has to strip the extension."
        yield Finding(NOTE, f"{settings.shown}: recipient_delimiter", what, advice)


def _default_action(
    reference: Reference, endpoint: Endpoint, settings: Settings
) -> Iterator[Finding]:
    action = reference.default_action
    if action in ("", _NO_CHOICE) or endpoint.failure_action is not None:
        return
    where = f"{settings.shown}: {', '.join(reference.parameters)}"
    what = f"the default action {action} for {reference.text} does not apply when the backend of "
    what += f"{endpoint.name} fails, because Postfix gets a reply: a 451"
    advice = (
        f'In config.json, "failure-action": "{CLOSE}" lets it apply. Any other failure-action is '
    )
    advice += "the reply instead."
    yield Finding(NOTE, where, what, advice)


def _access_table(
    reference: Reference, endpoint: Endpoint, settings: Settings
) -> Iterator[Finding]:
    """A table whose values are actions."""
    access = re.compile(rf"check_\w+_access[\s,]+{re.escape(reference.text)}(?![^\s,}}])")
    places = []
    for shown in reference.parameters:
        service, _, parameter = shown.rpartition(": ")
        if access.search(settings.value(parameter, service)):
            places.append(shown)
    if places:
        what = f"{endpoint.name} is an access table: its backend answers with actions, and the "
        what += "action firewall does not check them"
        advice = 'Set "access-table": true to check them. It applies to the whole endpoint: give '
        advice += "other maps an endpoint of their own."
        yield Finding(NOTE, f"{settings.shown}: {', '.join(places)}", what, advice)
