# SPDX-License-Identifier: MIT
"""An endpoint that is named as main.cf names it: a table, or a policy service.

With and without proxy:, check_policy_service and a comma at its end, so that a word of main.cf can
be pasted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.host import references
from postfix_rest_inetd.admin.host.postconf import Settings
from postfix_rest_inetd.config.endpoint import Endpoint, select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postfix_rest_inetd.admin.host.references import Reference

_NO_SETTINGS = Settings({}, {}, [])


def reference_of(text: str) -> Reference | None:
    """The table or policy service, if the text is one, and no more than one."""
    for value in (text, f"{references.POLICY_SERVICE} {text}"):
        found = references.in_value(value, _NO_SETTINGS)
        if len(found) == 1 and (found[0].addresses or found[0].path):
            return found[0]
    return None


def endpoint_of(endpoints: Sequence[Endpoint], reference: Reference) -> Endpoint | str:
    """The endpoint that Postfix asks there, or a sentence that says why there is none.

    A relative path is one below Postfix's queue directory, which is not asked for: the end of the
    endpoint's path decides.
    """
    path = reference.path
    if path is not None:
        end = path if path.startswith("/") else f"/{path}"
        for endpoint in endpoints:
            if endpoint.mode == reference.mode and (endpoint.address.path or "").endswith(end):
                return endpoint
        return f"no {reference.mode} endpoint listens on {path}"
    choices = [select(endpoints, address, reference.mode) for address in reference.addresses]
    return next((each for each in choices if isinstance(each, Endpoint)), choices[0])
