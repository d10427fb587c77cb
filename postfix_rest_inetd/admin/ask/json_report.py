# SPDX-License-Identifier: MIT
"""One question and its answer as JSON, for programs.

Durations are in microseconds. null is what does not apply or is not known. Programs rely on the
keys: a version may add some, but not remove any.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd import model

if TYPE_CHECKING:
    from typing import Any

    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.admin.ask.effects import Rule
    from postfix_rest_inetd.admin.ask.record import Record
    from postfix_rest_inetd.config.endpoint import Endpoint


def report(
    endpoint: Endpoint,
    request: model.Request,
    answer: Answer | str,
    record: Record,
    effects: tuple[list[Rule], list[Rule]],
) -> str:
    """The document, as one line in ASCII: a key may have characters that control a terminal.

    `answer` is the text of the failure if there is no answer. `effects` are those of parameters in
    use, and of all others.
    """
    lookup = request if isinstance(request, model.LookupRequest) else None
    document: dict[str, Any] = {
        "endpoint": endpoint.name,
        "mode": endpoint.mode,
        "address": str(endpoint.address),
        "key": None if lookup is None else _text(lookup.key),
        "map": None if lookup is None or lookup.map_name is None else _text(lookup.map_name),
        "reply": None,
        "failure": None,
        "outcome": record.outcome or None,
        "duration": record.total_usec,
        "steps": [{"name": step.name, "duration": step.usec} for step in record.steps],
        "notes": [{"name": name, "text": text} for name, text in record.notes],
        "effects": [
            {"parameters": rule.parameters.split(", "), "in_use": rules is effects[0]}
            | {"text": rule.text}
            for rules in effects
            for rule in rules
        ],
    }
    if isinstance(answer, str):
        document["failure"] = answer
    else:
        document["reply"] = {"word": answer.word, "text": _text(answer.text)}
    return json.dumps(document) + "\n"


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
