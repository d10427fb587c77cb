# SPDX-License-Identifier: MIT
"""From the response of the backend, or its failure, to the reply for Postfix. A pure function.

A wrong "not found" bounces mail, and a wrong action accepts it. So only two responses are trusted:
a complete one with status 404 (for lookups), and one with status 200 whose body has the form that
the contract requires. A backend that crashes may leave an empty body. An empty body is "not found"
only if its length or a last chunk confirms it, and if `empty-body` permits it.

Everything else is a temporary error, except the other 4xx statuses. These mean that connector and
backend do not understand each other, and by contract they are permanent errors. They become
temporary by `temporary-statuses`, or if the handler's configuration is known to be out of date.

The texts go to SMTP clients. They never contain anything that the backend or the client sent.
"""

from __future__ import annotations

from . import json_reader, model
from .action import checked_action
from .errors import InvalidDataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config.endpoint import Endpoint

_OK = 200
_NOT_FOUND = 404
_ACTION = "action="

_FAILURES = {
    model.TIMEOUT: "REST request timed out",
    model.UNREACHABLE: "REST server could not be reached",
    model.INVALID_DATA: "REST connector received invalid data!",
    model.UNUSABLE_CONFIG: "REST connector cannot use its configuration",
    model.INTERNAL_ERROR: "REST connector had an internal error",
}


def of_response(
    endpoint: Endpoint, response: model.Response, *, is_outdated: bool = False
) -> model.Reply:
    """The reply for a complete response.

    With `is_outdated`, the endpoint or its token may differ from what the operator has configured:
    a refusal is a temporary error then.

    Raises:
        InvalidDataError: the body is not what the contract says; the text never repeats it.
    """
    status, is_policy = response.status, not endpoint.is_lookup
    if status == _OK:
        return _action(endpoint, response) if is_policy else _values(endpoint, response)
    number = "" if is_policy else f" Code: {status}"
    if 400 <= status <= 499:
        text = f"REST server signaled a user error, is the connector misconfigured?{number}"
        is_not_found = status == _NOT_FOUND and not is_policy
        if status in endpoint.temporary_statuses or (is_outdated and not is_not_found):
            return _failed(endpoint, model.USER_ERROR, text)
        if is_not_found:
            return model.Reply(model.NOT_FOUND, model.REPLY_NOT_FOUND)
        return model.Reply(model.USER_ERROR, model.REPLY_PERMANENT, text)
    if 500 <= status <= 599:
        text = "REST server had an internal error" + ("!" if is_policy else f": {status}")
        return _failed(endpoint, model.SERVER_ERROR, text)
    text = f"REST server responded with an unspecified code: {status}"
    return _failed(endpoint, model.UNSPECIFIED_STATUS, text)


def of_failure(endpoint: Endpoint, outcome: str) -> model.Reply:
    """The reply if there is no usable response."""
    return _failed(endpoint, outcome, _FAILURES[outcome])


def without_backend(outcome: str) -> model.Reply:
    """The reply when the handler itself has failed, to which `failure-action` does not apply."""
    return model.Reply(outcome, model.REPLY_TEMPORARY, _FAILURES[outcome])


def of_broken_request(reply_text: str | None) -> model.Reply:
    """The last reply on a connection whose client violated the protocol."""
    if reply_text is None:
        return model.Reply(model.BROKEN_REQUEST, model.REPLY_NONE)
    return model.Reply(model.BROKEN_REQUEST, model.REPLY_PERMANENT, reply_text)


def _failed(endpoint: Endpoint, outcome: str, text: str) -> model.Reply:
    if endpoint.failure_action == "close":
        return model.Reply(outcome, model.REPLY_NONE)
    if endpoint.failure_action is not None:
        return model.Reply(outcome, model.REPLY_VALUE, endpoint.failure_action)
    kind = model.REPLY_TIMEOUT if outcome == model.TIMEOUT else model.REPLY_TEMPORARY
    return model.Reply(outcome, kind, text)


def _values(endpoint: Endpoint, response: model.Response) -> model.Reply:
    if not response.body:
        return _nothing(endpoint, response)
    values = _strings(response)
    if _are_blank(values, endpoint.list_separator):
        return model.Reply(model.NOT_FOUND, model.REPLY_NOT_FOUND)
    text = endpoint.list_separator.join(values)
    if "\0" in text:
        raise InvalidDataError("a value has a NUL in it, at which Postfix would cut it off")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidDataError("a value has half of a surrogate pair in it") from None
    if endpoint.access_table:
        if len(values) > 1:
            raise InvalidDataError("an access table has one action for a key, not several values")
        text = _checked(text, endpoint, response)
    return model.Reply(model.FOUND, model.REPLY_VALUE, text)


def _strings(response: model.Response) -> list[str]:
    """The strings of a JSON array."""
    try:
        values = json_reader.loads(response.body.decode(), dict, parse_constant=float)
    except UnicodeDecodeError:
        raise _unreadable(response, "the body of the response is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        from json import JSONDecodeError  # loaded for it already

        if not isinstance(error, JSONDecodeError):
            why = "the body of the response is not JSON that can be read"
            raise InvalidDataError(why) from None
        where = f"line {error.lineno}, column {error.colno}"
        raise _unreadable(response, f"the body of the response is not JSON ({where})") from None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidDataError("the body of the response is not a JSON array of strings")
    return values


def _are_blank(values: list[str], separator: str) -> bool:
    """Do the values consist of blanks and separators only?

    Postfix splits the values of access tables and aliases at commas and white space
    (CHARS_COMMA_SP in its util/sys_defs.h; isspace() of C has two more characters). From these
    values it would get an empty list. With an empty list from an access table it accepts the mail;
    with one for an alias it cannot accept the mail at all. White space beside other text stays,
    because its meaning depends on the parameter of Postfix.
    """
    return not any(value.replace(separator, "").strip(_BLANK) for value in values)


_BLANK = ", \t\r\n\v\f"


def _nothing(endpoint: Endpoint, response: model.Response) -> model.Reply:
    """The reply for an empty body of a lookup."""
    if response.ended_by_close:
        raise InvalidDataError(
            "the body of the response is empty, and only the end of the connection says so; did "
            "the backend die after its header?"
        )
    if endpoint.empty_body == "temporary":
        raise InvalidDataError(
            "the body of the response is empty, which empty-body makes a temporary error; did the "
            "backend die after its header?"
        )
    return model.Reply(model.NOT_FOUND, model.REPLY_NOT_FOUND)


def _unreadable(response: model.Response, why: str) -> InvalidDataError:
    """The error for a body of the wrong form; `why`, unless there is a reason that nobody sees."""
    from .unreadable import reason  # rarely needed

    return InvalidDataError(reason(response) or why)


def _action(endpoint: Endpoint, response: model.Response) -> model.Reply:
    try:
        text = response.body.decode()
    except UnicodeDecodeError:
        raise _unreadable(response, "the action is not UTF-8") from None
    return model.Reply(model.ACTION, model.REPLY_VALUE, _checked(text, endpoint, response))


def _checked(text: str, endpoint: Endpoint, response: model.Response) -> str:
    if text.lstrip()[: len(_ACTION)].lower() == _ACTION:
        raise InvalidDataError(
            "the action begins with action=, which is not a part of it: it has to be the action "
            "alone, as in DUNNO"
        )
    try:
        return checked_action(text, endpoint.allowed_actions)
    except ValueError as error:
        raise _unreadable(response, str(error)) from None
