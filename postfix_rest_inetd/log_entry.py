# SPDX-License-Identifier: MIT
"""The fields of a journal entry about a request or a problem. Pure functions.

Every entry has a MESSAGE for people, `ENDPOINT: SUBJECT: WHAT (N ms)[: why, or what to do]`, a
MESSAGE_ID for each outcome, a PRIORITY, and POSTFIX_REST_ fields for programs. Tokens are not among
them. Keys, and what a policy request says about client, login and mail, are there unless the
endpoint has `log-keys` false. What a lookup found is not there, and of an action only the verb is.

Priorities: 5 (notice) for success, 4 (warning) for what Postfix will try again and for a success
that depends on a stale answer or comes after a target had failed, 3 (err) for what the operator has
to correct.

admin/statistics/journal_entry.py reads these fields.
"""

from __future__ import annotations

from . import journal, model
from .action import verb_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .config.endpoint import Endpoint

MAX_FIELD_CHARACTERS = 1024

# POSTFIX_REST_SOURCE: where the answer to a lookup comes from. There is no field for BACKEND.
BACKEND, STORED, STALE = "backend", "stored", "stale"

# outcome: (MESSAGE_ID, PRIORITY, words). The ids do not change: the message catalog has them.
_OUTCOMES = {
    model.FOUND: ("c5f359ce65e943bbb7df6de99d996035", journal.NOTICE, "found"),
    model.NOT_FOUND: ("a52a5d295803444dab6af753280d2448", journal.NOTICE, "not found"),
    model.ACTION: ("1749a200ffab4938af1fdd25fd9eabb2", journal.NOTICE, "action"),
    model.USER_ERROR: ("c002422ae1c548f58a8a1f0d39770b89", journal.ERROR, "refused by the backend"),
    model.SERVER_ERROR: ("d7ad5359b9d343f098b595847c9bfa1c", journal.WARNING, "backend failed"),
    model.UNSPECIFIED_STATUS: (
        "cb1e3f2f0fe14468adf5dc7a9bc0b7d0",
        journal.WARNING,
        "unexpected status from the backend",
    ),
    model.TIMEOUT: ("09bde825667a46e28c1840bd145130c6", journal.WARNING, "timed out"),
    model.UNREACHABLE: ("ea41091ab5e34cc9971e91eede00d348", journal.WARNING, "backend unreachable"),
    model.INVALID_DATA: ("104b7d1b5e5b4e5d92c05ddb31d47d6d", journal.WARNING, "invalid data"),
    model.BROKEN_REQUEST: ("3562117be29149f694b13eae9e4affeb", journal.WARNING, "broken request"),
    model.UNUSABLE_CONFIG: (
        "a058d62f139d454fad23971e56810bce",
        journal.ERROR,
        "the configuration cannot be used, every request gets a temporary error",
    ),
    model.KEPT_CONFIG: (
        "aa513ef4772e4a469e72a14be9717b2b",
        journal.ERROR,
        "the changed configuration cannot be used, the one before stays in force",
    ),
    model.UNUSABLE_CACHE: (
        "c2bd9c7e93f2465d8a9d62a9a1c5b0d4",
        journal.WARNING,
        "stored answers cannot be used or kept, the backend is asked",
    ),
    model.INTERNAL_ERROR: (
        "675272cd535d42e18d93da36f496d51c",
        journal.ERROR,
        "internal error, the request gets a temporary error; please report this",
    ),
}

_CANDIDATE = "a candidate for temporary-statuses"

# What the operator should do about a status if nothing else is known.
_ADVICE = {
    401: "is the auth-token right?",
    403: "is the auth-token right?",
    404: "is the path of the target right?",
    405: "does the backend want another method?",
    408: _CANDIDATE,
    429: _CANDIDATE,
}

# SMTPD_POLICY_README: the attributes that tell who sends what to whom. At DATA and END-OF-MESSAGE
# Postfix sends a recipient only if there is just one.
_POLICY_FIELDS = (
    (b"sasl_username", "SASL_USERNAME"),
    (b"client_address", "CLIENT_ADDRESS"),
    (b"sender", "SENDER"),
    (b"recipient", "RECIPIENT"),
    (b"recipient_count", "RECIPIENT_COUNT"),
    (b"size", "SIZE"),
    (b"queue_id", "QUEUE_ID"),
    (b"instance", "INSTANCE"),
)
# For a number that it does not know yet, Postfix sends 0.
_NUMBERS = (b"recipient_count", b"size")


class Facts:
    """What is known about a request besides itself and its reply; times are in microseconds.

    Attributes:
        request_id: the X-Request-Id that the backend got.
        status: the HTTP status of the response; 0 without one.
        elapsed_usec: from the request to its reply.
        backend_usec: the backend's part of that.
        start_usec: for the first request of a process, how long the handler took to be ready for
            it; 0 for the others.
        woken: that process had hibernated; it was not started for the request.
        detail: why there was no usable response, without anything that the request or the response
            has in it; empty if there was one.
        source: where the answer comes from: BACKEND, STORED (it was asked earlier, and is still
            fresh) or STALE (it is not, and the backend fails).
        age_sec: how old the answer is, if it is not the backend's.
        target: which of several targets was asked last; empty if there is only one.
        failed: the targets that were asked before it, each with the reason why it failed.
    """

    __slots__ = (
        "age_sec",
        "backend_usec",
        "detail",
        "elapsed_usec",
        "failed",
        "request_id",
        "source",
        "start_usec",
        "status",
        "target",
        "woken",
    )

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.request_id = ""
        self.status = 0
        self.elapsed_usec = 0
        self.backend_usec = 0
        self.start_usec = 0
        self.woken = False
        self.detail = ""
        self.source = BACKEND
        self.age_sec = 0
        self.target = ""
        self.failed = ""

    @property
    def is_lucky(self) -> bool:
        """Was there a failure that a good answer does not show?"""
        return self.failed != "" or self.source == STALE


def of_request(
    endpoint: Endpoint, request: model.Request, reply: model.Reply, facts: Facts
) -> dict[str, str]:
    """The entry for one request and its reply."""
    fields = {
        "ENDPOINT": endpoint.name,
        "MODE": endpoint.mode,
        "OUTCOME": reply.outcome,
        "REQUEST_ID": facts.request_id,
        "ELAPSED_USEC": str(facts.elapsed_usec),
        "BACKEND_USEC": str(facts.backend_usec),
    }
    if facts.start_usec:
        fields["START"] = "woken" if facts.woken else "cold"
        fields["START_USEC"] = str(facts.start_usec)
    if facts.status:
        fields["HTTP_STATUS"] = str(facts.status)
    subject = _describe(request, fields, log_keys=endpoint.log_keys)
    words = _describe_outcome(reply, facts, fields)
    if facts.target:
        fields["TARGET"] = facts.target
    temporary = why_temporary(endpoint, reply.outcome, facts.status)
    if detail := _after_failures(facts, facts.detail or temporary):
        fields["DETAIL"] = printable(detail, MAX_FIELD_CHARACTERS)
    why = facts.detail or temporary or advice(reply.outcome, facts.status, facts.request_id)
    why = _after_failures(facts, why)
    message = f"{endpoint.name}: {subject}{words} ({facts.elapsed_usec / 1000:.1f} ms)"
    entry = _entry(reply.outcome, f"{message}: {why}" if why else message, fields)
    if temporary or (entry["PRIORITY"] == str(journal.NOTICE) and facts.is_lucky):
        entry["PRIORITY"] = str(journal.WARNING)
    return entry


def _describe_outcome(reply: model.Reply, facts: Facts, fields: dict[str, str]) -> str:
    """What the answer is and where it comes from; adds the fields for it to `fields`."""
    words = _OUTCOMES[reply.outcome][2]
    if facts.status and reply.outcome not in (model.FOUND, model.NOT_FOUND, model.ACTION):
        words += f" with status {facts.status}"
    if reply.outcome == model.ACTION:
        verb = verb_of(reply.text)
        words += f" {verb or '(restrictions)'}"
        if verb:
            fields["ACTION"] = verb.upper()
    if reply.kind == model.REPLY_NONE:
        words += ", closing the connection"
    if facts.source != BACKEND:
        fields["SOURCE"] = facts.source
        fields["AGE"] = str(facts.age_sec)
        words += f", {'stale, ' * (facts.source == STALE)}stored {facts.age_sec} s ago"
    return words


def _after_failures(facts: Facts, text: str) -> str:
    """Before a text about the target that was asked last, why those before it failed."""
    if not facts.failed:
        return text
    before = f"{facts.failed}; then {facts.target} was asked"
    return f"{before}: {text}" if text else before


def why_temporary(endpoint: Endpoint, outcome: str, status: int) -> str:
    """Why nobody has to correct a refusal with a status that temporary-statuses is meant for."""
    if outcome != model.USER_ERROR or status not in endpoint.temporary_statuses:
        return ""
    if _ADVICE.get(status) != _CANDIDATE:
        return ""
    return "a temporary error, because temporary-statuses has the status"


def advice(outcome: str, status: int, request_id: str) -> str:
    """What to do about an outcome that the status explains; empty for other outcomes."""
    if outcome == model.USER_ERROR:
        return _ADVICE.get(status, "does the backend take the requests of this mode?")
    if outcome == model.SERVER_ERROR:
        return f"its log may tell why, look for X-Request-Id {request_id}"
    if outcome == model.UNSPECIFIED_STATUS:
        return "the contract knows 200, 4xx and 5xx; redirects are not followed"
    return ""


def of_trouble(name: str, mode: str | None, outcome: str, detail: str) -> dict[str, str]:
    """The entry for a problem that is not about one request; `name` is the endpoint's, if known."""
    words = _OUTCOMES[outcome][2]
    message = f"{name}: {words}: {detail}" if name else f"{words}: {detail}"
    return _entry(outcome, message, _trouble(name, mode, outcome, detail))


def of_unusable_config(
    mode: str, reason: str, count: int, *, is_told: bool = False
) -> dict[str, str]:
    """The entry for requests without a usable configuration, which is why no endpoint is known.

    `count` is the number of requests that no entry has counted yet; 0 announces the problem.
    With `is_told`, the message of an earlier entry has the reason, and this one refers to it.
    """
    words = _OUTCOMES[model.UNUSABLE_CONFIG][2]
    if count > 1:
        words += f" ({count} requests)"
    message = f"{words}: {'the reason has not changed' if is_told else reason}"
    fields = _trouble("", mode, model.UNUSABLE_CONFIG, reason)
    return _entry(model.UNUSABLE_CONFIG, message, {**fields, "COUNT": str(count)})


def _trouble(name: str, mode: str | None, outcome: str, detail: str) -> dict[str, str]:
    """Only the fields with a value."""
    fields = {"ENDPOINT": name, "MODE": mode or "", "OUTCOME": outcome}
    fields["DETAIL"] = printable(detail, MAX_FIELD_CHARACTERS)
    return {key: value for key, value in fields.items() if value}


def of_exception(error: BaseException) -> str:
    """Where an exception and its causes were raised; not their texts, which may have secrets."""
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        frames = " < ".join(reversed(list(_frames(cause.__traceback__))))
        lines.append(f"{type(cause).__module__}.{type(cause).__qualname__} in {frames}")
        cause = cause.__cause__ or cause.__context__
    return "\ncaused by ".join(lines[:10])


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_name} ({code.co_filename}:{traceback.tb_lineno})")
        traceback = traceback.tb_next
    return frames[-30:]


def _describe(request: model.Request, fields: dict[str, str], *, log_keys: bool) -> str:
    """What the request is about, as `X: ` or nothing; adds the fields for it to `fields`."""
    if isinstance(request, model.PolicyRequest):
        return _describe_policy(request, fields, log_keys=log_keys)
    if request.map_name is not None:
        fields["MAP"] = _client_text(request.map_name)
    if not log_keys:
        return ""
    fields["KEY"] = _client_text(request.key)
    return f"{fields['KEY']}: "


def _describe_policy(
    request: model.PolicyRequest, fields: dict[str, str], *, log_keys: bool
) -> str:
    """As `_describe`: the login first, then where the mail comes from and where it goes."""
    first = dict(reversed(request.attributes))
    state = _client_text(first.get(b"protocol_state", b""))
    if not log_keys:
        return f"{state}: " if state else ""
    for attribute, name in _POLICY_FIELDS:
        value = first.get(attribute, b"")
        if value and not (value == b"0" and attribute in _NUMBERS):
            fields[name] = _client_text(value)
    words = [state or "request"]
    if "SASL_USERNAME" in fields:
        words.append(f"login={fields['SASL_USERNAME']}")
    if "CLIENT_ADDRESS" in fields:
        words.append(f"from={fields['CLIENT_ADDRESS']}")
    words.append(f"sender=<{fields.get('SENDER', '')}>")
    if "RECIPIENT" in fields or "RECIPIENT_COUNT" not in fields:
        words.append(f"recipient=<{fields.get('RECIPIENT', '')}>")
    else:
        words.append(f"recipients={fields['RECIPIENT_COUNT']}")
    if "RECIPIENT_COUNT" in fields and "SIZE" in fields:
        words.append(f"size={fields['SIZE']}")
    return f"{' '.join(words)}: "


def _entry(outcome: str, message: str, fields: dict[str, str]) -> dict[str, str]:
    message_id, priority, _ = _OUTCOMES[outcome]
    entry = {"MESSAGE": message, "MESSAGE_ID": message_id, "PRIORITY": str(priority)}
    entry.update({f"POSTFIX_REST_{name}": value for name, value in fields.items()})
    return entry


def _client_text(data: bytes) -> str:
    """Bytes that a client sent, as a field shows them."""
    text = data[: (MAX_FIELD_CHARACTERS + 1) * 4].decode(errors="backslashreplace")
    return printable(text, MAX_FIELD_CHARACTERS)


def printable(text: str, limit: int | None = None) -> str:
    """Text as one line, without characters that control a terminal or split a line.

    Characters that are not printable are spelled out as in a Python literal. Text of more than
    `limit` characters is cut there, and ends with an ellipsis.
    """
    if limit is not None:
        text = text[: limit + 1]
    if not text.isprintable():
        text = "".join([c if c.isprintable() else ascii(c)[1:-1] for c in text])
    return text if limit is None or len(text) <= limit else f"{text[:limit]}…"
