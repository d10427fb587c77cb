# SPDX-License-Identifier: MIT
"""The verdict: the table of what Postfix is told for what the backend answered.

The texts are written out: they are a contract with who reads Postfix's log.
"""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from harness.endpoints import endpoint
from harness.modes import LOOKUPS, MODES, POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd import model, verdict
from postfix_rest_inetd.errors import InvalidDataError
from postfix_rest_inetd.protocols import codec_of

USER_ERROR = "REST server signaled a user error, is the connector misconfigured?"


def wire(where, status, body=b""):
    """The outcome, and the bytes for Postfix."""
    reply = verdict.of_response(where, model.Response(status, body))
    return reply.outcome, codec_of(where.mode).encode(reply)


def invalid(where, body):
    """Why a body is invalid data."""
    with pytest.raises(InvalidDataError) as raised:
        verdict.of_response(where, model.Response(200, body))
    return str(raised.value)


BY_STATUS = {
    "100 is no answer": (100, "unspecified-status"),
    "the last 1xx": (199, "unspecified-status"),
    "201 is not 200": (201, "unspecified-status"),
    "204 has no body": (204, "unspecified-status"),
    "the last 2xx": (299, "unspecified-status"),
    "300": (300, "unspecified-status"),
    "a redirect is not followed": (301, "unspecified-status"),
    "the last 3xx": (399, "unspecified-status"),
    "the first 4xx": (400, "user-error"),
    "a wrong token": (401, "user-error"),
    "the one below 404": (403, "user-error"),
    "the one above 404": (405, "user-error"),
    "too many requests": (429, "user-error"),
    "the last 4xx": (499, "user-error"),
    "the first 5xx": (500, "server-error"),
    "the last 5xx": (599, "server-error"),
    "600": (600, "unspecified-status"),
    "999": (999, "unspecified-status"),
}

TEXTS = {
    (TCP, "unspecified-status"): (
        "400 REST%20server%20responded%20with%20an%20unspecified%20code:%20{}\n"
    ),
    (TCP, "user-error"): (
        "400 REST%20server%20signaled%20a%20user%20error,%20is%20the%20connector%20"
        "misconfigured?%20Code:%20{}\n"
    ),
    (TCP, "server-error"): "400 REST%20server%20had%20an%20internal%20error:%20{}\n",
    (SOCKETMAP, "unspecified-status"): (
        "56:TEMP REST server responded with an unspecified code: {},"
    ),
    (SOCKETMAP, "user-error"): f"81:PERM {USER_ERROR} Code: {{}},",
    (SOCKETMAP, "server-error"): "43:TEMP REST server had an internal error: {},",
    (POLICY, "unspecified-status"): (
        "action=451 REST server responded with an unspecified code: {}\n\n"
    ),
    (POLICY, "user-error"): f"action=554 {USER_ERROR}\n\n",
    (POLICY, "server-error"): "action=451 REST server had an internal error!\n\n",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status, outcome", table(BY_STATUS))
def test_status(mode, status, outcome):
    """Every status but 200, and 404 for lookups, is an error of one of three kinds."""
    text = TEXTS[mode, outcome].format(status)
    assert wire(endpoint(mode), status) == (outcome, text.encode())


@pytest.mark.parametrize(
    "mode, reply", [(TCP, b"500 key%20not%20found\n"), (SOCKETMAP, b"9:NOTFOUND ,")]
)
def test_404_of_a_lookup(mode, reply):
    """404 to a lookup means that there is no such key."""
    assert wire(endpoint(mode), 404) == ("not-found", reply)


def test_404_of_a_policy():
    """404 to a policy request is a user error as any other: there is nothing to be found."""
    expected = TEXTS[POLICY, "user-error"].encode()
    assert wire(endpoint(POLICY), 404) == ("user-error", expected)


FOUND = {
    "one value": ("v", b'["v"]'),
    "a capital": ("X", b'["X"]'),
    "values are joined": ("a,b,c", b'["a","b","c"]'),
    "white space of JSON around and inside": ("a,b", b' [ "a" ,\n"b" ]\r\n'),
    "escapes of JSON": ("a/é\n", rb'["a\/\u00e9\n"]'),
    "a pair of surrogates is one character": ("😀", rb'["\ud83d\ude00"]'),
    "UTF-8": ("é", b'["\xc3\xa9"]'),
    "an empty value among others": ("a,,b", b'["a","","b"]'),
    "an empty value and a blank one among others": (", ,v", b'[""," ","v"]'),
    "blanks around a value are kept": (" v ", b'[" v "]'),
    "white space of other alphabets is a value": ("\xa0\u3000", b'["\xc2\xa0\xe3\x80\x80"]'),
    "what separates nothing is a value": (";", b'[";"]'),
    "the word null is a value": ("null", b'["null"]'),
    "a control character that is no NUL": ("\x01", rb'["\u0001"]'),
}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("text, body", table(FOUND))
def test_values(mode, text, body):
    """A JSON array of strings is found: the strings, joined, and nothing changed in them."""
    reply = verdict.of_response(endpoint(mode), model.Response(200, body))
    assert (reply.outcome, reply.kind, reply.text) == ("found", model.REPLY_VALUE, text)


@pytest.mark.parametrize("separator, text", [(";", "a;b"), ("", "ab"), (" - ", "a - b")])
def test_list_separator(separator, text):
    """The values are joined by list-separator, which may be empty."""
    reply = verdict.of_response(
        endpoint(TCP, list_separator=separator), model.Response(200, b'["a","b"]')
    )
    assert reply.text == text


COMPRESSED = (
    "the body of the response is compressed, and the request has Accept-Encoding: identity; does a "
    "proxy or the backend compress whatever it is asked?"
)
ONLY_THE_END = (
    "the body of the response is empty, and only the end of the connection says so; did the "
    "backend die after its header?"
)
BY_EMPTY_BODY = (
    "the body of the response is empty, which empty-body makes a temporary error; did the "
    "backend die after its header?"
)
EMPTY = {
    "ended by close": ("not-found", True, ONLY_THE_END),
    "ended by close, and temporary": ("temporary", True, ONLY_THE_END),
    "of known length, and temporary": ("temporary", False, BY_EMPTY_BODY),
}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("empty_body, ended_by_close, why", table(EMPTY))
def test_nothing_at_all(mode, empty_body, ended_by_close, why):
    """An empty body may be half of a response, and half of a response is no answer."""
    where = endpoint(mode, empty_body=empty_body)
    with pytest.raises(InvalidDataError) as raised:
        verdict.of_response(where, model.Response(200, b"", ended_by_close=ended_by_close))
    assert str(raised.value) == why


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body", [b"[]", b'[""]'])
def test_nothing_found_in_a_body_that_is_there(mode, body):
    """empty-body is about a body without any byte; an array that is empty is an answer."""
    where = endpoint(mode, empty_body="temporary")
    reply = verdict.of_response(where, model.Response(200, body, ended_by_close=True))
    assert reply.outcome == "not-found"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "body, compressed",
    [(gzip.compress(b"DUNNO", mtime=0), False), (zlib.compress(b"DUNNO"), True), (b"[(\n", True)],
)
def test_compressed(mode, body, compressed):
    """A body that is compressed is told as such, not as one that is not UTF-8."""
    with pytest.raises(InvalidDataError) as raised:
        verdict.of_response(endpoint(mode), model.Response(200, body, compressed=compressed))
    assert str(raised.value) == COMPRESSED


@pytest.mark.parametrize("mode, body", [(TCP, b'["v"]'), (SOCKETMAP, b""), (POLICY, b"DUNNO")])
def test_byte_order_mark(mode, body):
    """A byte order mark is told as such: nobody can see it."""
    with pytest.raises(InvalidDataError, match="begins with a byte order mark"):
        verdict.of_response(endpoint(mode), model.Response(200, b"\xef\xbb\xbf" + body))


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP, POLICY])
def test_web_page_with_byte_order_mark(mode):
    """It is a web page: without the mark, it would not be an answer either."""
    with pytest.raises(InvalidDataError, match="is HTML or XML"):
        verdict.of_response(endpoint(mode), model.Response(200, b"\xef\xbb\xbf\r\n<html>\n"))


@pytest.mark.parametrize("mode, body", [(TCP, b'["v"]'), (SOCKETMAP, b"[]"), (POLICY, b"DUNNO")])
def test_wrongly_labelled(mode, body):
    """A body that can be read is read, whatever its Content-Encoding says of it."""
    reply = verdict.of_response(endpoint(mode), model.Response(200, body, compressed=True))
    assert reply.outcome in ("found", "not-found", "action")


@pytest.mark.parametrize("body", [b"action=DUNNO", b"action=DUNNO\n\n", b" \nAction=REJECT no"])
def test_action_of_a_policy_reply(body):
    """Postfix's own form of a reply is not an action; the operator is told what is."""
    assert "it has to be the action alone, as in DUNNO" in invalid(endpoint(POLICY), body)


NOTHING = {"no body": (b"",), "no value": (b"[]",), "no value, with blanks": (b" [ ]\n",)}
NOTHING |= {
    "one empty value": (b'[""]',),
    "empty values only": (b'["","",""]',),
    "a blank": (b'[" "]',),
    "all white space of C": (rb'[" \t\r\n\u000b\f"]',),
    "a comma": (b'[","]',),
    "commas and blanks": (rb'[" ,", "", "\t"]',),
}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body", table(NOTHING))
def test_nothing_found(mode, body):
    """Nothing is not a value: Postfix takes an empty one for an error, so it is "not found"."""
    assert wire(endpoint(mode), 200, body) == wire(endpoint(mode), 404)


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize(
    "separator, body",
    [
        ("", b'["",""]'),
        (";", b'["",""]'),
        (";", b'[" ",""]'),
        (";", b'[";"]'),
        (" | ", b'["",""," "]'),
        (" | ", b'[" | "]'),
        ("\xa0", b'["",""]'),
        ("--", b'["",",",""]'),
    ],
)
def test_nothing_between_separators(mode, separator, body):
    """The separator itself is not a value either, whatever it is."""
    where = endpoint(mode, list_separator=separator)
    assert wire(where, 200, body) == wire(where, 404)


@pytest.mark.parametrize("separator, value", [("--", "-"), ("--", "---"), (" | ", "|"), (";", "a")])
def test_something_between_separators(separator, value):
    """A part of a separator is a value."""
    where = endpoint(TCP, list_separator=separator)
    reply = verdict.of_response(where, model.Response(200, json.dumps([value]).encode()))
    assert (reply.outcome, reply.text) == ("found", value)


def test_values_that_look_like_a_separator_when_joined():
    """Each value is looked at by itself, before they are joined."""
    where = endpoint(TCP, list_separator="--")
    reply = verdict.of_response(where, model.Response(200, b'["-","-"]'))
    assert (reply.outcome, reply.text) == ("found", "----")


NO_ARRAY = "the body of the response is not a JSON array of strings"
HTML = "the body of the response is HTML or XML; does the target lead to a web page"
NOT_READABLE = "the body of the response is not JSON that can be read"
SURROGATE = "a value has half of a surrogate pair in it"
A_NUL = "a value has a NUL in it, at which Postfix would cut it off"

INVALID = {
    "null": (b"null", NO_ARRAY),
    "null in the array": (b"[null]", NO_ARRAY),
    "null beside a value": (b'["v", null]', NO_ARRAY),
    "a number": (b"[1]", NO_ARRAY),
    "true": (b"[true]", NO_ARRAY),
    "an array in the array": (b'[["v"]]', NO_ARRAY),
    "a string": (b'"v"', NO_ARRAY),
    "an empty string": (b'""', NO_ARRAY),
    "an object": (b'{"v": "v"}', NO_ARRAY),
    "an empty object": (b"{}", NO_ARRAY),
    "a NUL": (rb'["a\u0000b"]', A_NUL),
    "a NUL alone": (rb'["\u0000"]', A_NUL),
    "half of a surrogate pair": (rb'["\ud800"]', SURROGATE),
    "the other half": (rb'["\udc00"]', SURROGATE),
    "no JSON": (b"v", "the body of the response is not JSON (line 1, column 1)"),
    "blanks only": (b" ", "the body of the response is not JSON (line 1, column 2)"),
    "half of the body": (b'["v",\n', "the body of the response is not JSON (line 2, column 1)"),
    "more than one document": (b"[][]", "the body of the response is not JSON (line 1, column 3)"),
    "a raw control character": (b'["\x01"]', "the body of the response is not JSON (line 1, colu"),
    "an HTML page": (b"\n<html>", HTML),
    "an HTML page that is not UTF-8": (b"<!DOCTYPE html>\xe9", HTML),
    "ISO 8859-1": (b'["\xe9"]', "the body of the response is not UTF-8"),
    "a surrogate in UTF-8": (b'["\xed\xa0\x80"]', "the body of the response is not UTF-8"),
    "UTF-16": ('["v"]'.encode("utf-16"), "the body of the response is not UTF-8"),
    "too deep": (b"[" * 200_000 + b"]" * 200_000, NOT_READABLE),
    "too deep an object": (b'{"":' * 200_000, NOT_READABLE),
    "a number of too many digits": (b"[" + b"9" * 5000 + b"]", NOT_READABLE),
    "no number": (b"[NaN]", NO_ARRAY),
}


@pytest.mark.parametrize("body, reason", table(INVALID))
def test_invalid_values(body, reason):
    """Anything but an array of strings is invalid data; the reason never repeats any of it."""
    assert invalid(endpoint(TCP), body).startswith(reason)


def test_separator_with_a_value_of_half_a_pair():
    """Two halves of a pair in two values do not make a character when they are joined."""
    body = rb'["\ud83d","\ude00"]'
    assert invalid(endpoint(TCP, list_separator=""), body) == SURROGATE


ACTIONS = {
    "an action": (b"DUNNO", b"action=DUNNO\n\n"),
    "a line of a text file": (b"REJECT no\r\n", b"action=REJECT no\n\n"),
    "UTF-8": (b"REJECT \xc3\xa9", b"action=REJECT \xc3\xa9\n\n"),
}


@pytest.mark.parametrize("body, expected", table(ACTIONS))
def test_action(body, expected):
    """The body of a policy response is the action, trimmed."""
    assert wire(endpoint(POLICY), 200, body) == ("action", expected)


@pytest.mark.parametrize(
    "body, reason",
    table(
        {
            "an empty body": (b"", "the action is empty, and Postfix would accept the mail"),
            "not UTF-8": (b"REJECT \xe9", "the action is not UTF-8"),
            "a line break": (b"OK\nX", "the action has a line break or another control character"),
        }
    ),
)
def test_invalid_action(body, reason):
    """An action that the firewall refuses is invalid data."""
    assert invalid(endpoint(POLICY), body).startswith(reason)


def test_allowed_actions():
    """The firewall knows the endpoint's allowed-actions."""
    where = endpoint(POLICY, allowed_actions=["DUNNO"])
    assert wire(where, 200, b"DUNNO")[0] == "action"
    assert invalid(where, b"OK") == "the action is not one of allowed-actions"


ACCESS = {
    "an action": (b'["DUNNO"]', "DUNNO"),
    "an action with text": (b'["REJECT no, thanks"]', "REJECT no, thanks"),
    "white space around it": (rb'[" DUNNO\r\n"]', "DUNNO"),
    "UTF-8": (b'["REJECT \xc3\xa9"]', "REJECT é"),
    "a list of restrictions in one value": (
        b'["permit_mynetworks, reject"]',
        "permit_mynetworks, reject",
    ),
}
SEVERAL = "an access table has one action for a key, not several values"
NO_ACCESS = {
    "only a number": (b'["200"]', "the action is only a number, and Postfix would accept"),
    "a status code alone": (b'["REJECT 5.7.1"]', "there is no text after the enhanced status"),
    "an ignored argument": (b'["REDIRECT x"]', "REDIRECT and BCC need one address"),
    "braces": (b'["{}"]', "the action does not begin with a letter or a digit"),
    "a NUL": (rb'["OK\u0000"]', A_NUL),
    "half of a surrogate pair": (rb'["OK \ud800"]', SURROGATE),
    "a second line": (rb'["OK\nREJECT"]', "the action has a line break"),
    "two values": (b'["DUNNO","DUNNO"]', SEVERAL),
    "two restrictions": (b'["permit_mynetworks","reject"]', SEVERAL),
    "a text in two values": (b'["DUNNO x","REJECT"]', SEVERAL),
    "an empty value beside it": (b'["REJECT",""]', SEVERAL),
}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body, action", table(ACCESS))
def test_access_table(mode, body, action):
    """With access-table a value is an action, trimmed as that of a policy."""
    where = endpoint(mode, access_table=True)
    reply = verdict.of_response(where, model.Response(200, body))
    assert (reply.outcome, reply.kind, reply.text) == ("found", model.REPLY_VALUE, action)


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body, reason", table(NO_ACCESS))
def test_invalid_access_table(mode, body, reason):
    """What the firewall refuses is invalid data; without access-table it is a value as any."""
    assert invalid(endpoint(mode, access_table=True), body).startswith(reason)
    if reason not in (A_NUL, SURROGATE):
        assert wire(endpoint(mode), 200, body)[0] == "found"


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body", table(NOTHING))
def test_nothing_in_an_access_table(mode, body):
    """Nothing is found in it as in others: for Postfix, that is no decision."""
    where = endpoint(mode, access_table=True)
    assert wire(where, 200, body) == wire(where, 404) == wire(endpoint(mode), 404)


@pytest.mark.parametrize("mode", LOOKUPS)
def test_allowed_actions_of_an_access_table(mode):
    """The firewall knows the endpoint's allowed-actions here too."""
    where = endpoint(mode, access_table=True, allowed_actions=["DUNNO", "reject"])
    assert wire(where, 200, b'["REJECT no"]')[0] == "found"
    assert invalid(where, b'["OK"]') == "the action is not one of allowed-actions"


FAILURES = {
    model.TIMEOUT: "REST request timed out",
    model.UNREACHABLE: "REST server could not be reached",
    model.INVALID_DATA: "REST connector received invalid data!",
}


@pytest.mark.parametrize("outcome, text", FAILURES.items())
def test_failure(outcome, text):
    """Without a usable response every protocol has a temporary error, socketmap a TIMEOUT too."""
    words = {mode: verdict.of_failure(endpoint(mode), outcome) for mode in MODES}
    status = "TIMEOUT" if outcome == model.TIMEOUT else "TEMP"
    assert {mode: codec_of(mode).encode(reply) for mode, reply in words.items()} == {
        TCP: b"400 " + text.replace(" ", "%20").encode() + b"\n",
        SOCKETMAP: f"{len(status) + 1 + len(text)}:{status} {text},".encode(),
        POLICY: f"action=451 {text}\n\n".encode(),
    }
    assert {reply.outcome for reply in words.values()} == {outcome}


@pytest.mark.parametrize("status", [400, 401, 404, 429, 499])
def test_temporary_statuses(status):
    """A 4xx of temporary-statuses is a temporary error with the text of the permanent one."""
    text = f"{USER_ERROR} Code: {status}"
    codes = [status]
    assert {m: wire(endpoint(m, temporary_statuses=codes), status) for m in MODES} == {
        TCP: ("user-error", b"400 " + text.replace(" ", "%20").encode() + b"\n"),
        SOCKETMAP: ("user-error", f"{len(text) + 5}:TEMP {text},".encode()),
        POLICY: ("user-error", f"action=451 {USER_ERROR}\n\n".encode()),
    }


def test_other_statuses_stay_permanent():
    """temporary-statuses changes the statuses that it lists and no other."""
    where = endpoint(SOCKETMAP, temporary_statuses=[401])
    assert wire(where, 404)[0] == "not-found"
    assert wire(where, 403)[1].startswith(b"81:PERM ")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [400, 401, 404, 499])
def test_refused_by_what_may_be_outdated(mode, status):
    """With an outdated configuration a 4xx is temporary, unless it says that a key is not found."""
    reply = verdict.of_response(endpoint(mode), model.Response(status, b""), is_outdated=True)
    if status == 404 and mode in LOOKUPS:
        assert (reply.outcome, reply.kind) == ("not-found", model.REPLY_NOT_FOUND)
    else:
        assert (reply.outcome, reply.kind) == ("user-error", model.REPLY_TEMPORARY)


TEMPORARY = {
    "a 5xx": (lambda where: verdict.of_response(where, model.Response(503, b"")), "server-error"),
    "a redirect": (
        lambda where: verdict.of_response(where, model.Response(302, b"")),
        "unspecified-status",
    ),
    "a temporary 4xx": (
        lambda where: verdict.of_response(where, model.Response(429, b"")),
        "user-error",
    ),
    "the deadline": (lambda where: verdict.of_failure(where, model.TIMEOUT), "timeout"),
    "no connection": (lambda where: verdict.of_failure(where, model.UNREACHABLE), "unreachable"),
    "invalid data": (lambda where: verdict.of_failure(where, model.INVALID_DATA), "invalid-data"),
}


@pytest.mark.parametrize("fail, outcome", table(TEMPORARY))
@pytest.mark.parametrize(
    "action, expected",
    [
        ("DEFER_IF_PERMIT later", b"action=DEFER_IF_PERMIT later\n\n"),
        ("DUNNO", b"action=DUNNO\n\n"),
        ("close", b""),
    ],
)
def test_failure_action(fail, outcome, action, expected):
    """failure-action takes the place of each 451 that the backend causes; `close` is no reply."""
    reply = fail(endpoint(POLICY, failure_action=action, temporary_statuses=[429]))
    assert (reply.outcome, codec_of(POLICY).encode(reply)) == (outcome, expected)
    assert (reply.kind == model.REPLY_NONE) == (action == "close")


def test_failure_action_is_for_temporary_errors():
    """failure-action changes neither a permanent error nor an action."""
    where = endpoint(POLICY, failure_action="DUNNO")
    assert wire(where, 403)[1].startswith(b"action=554 ")
    assert wire(where, 200, b"OK") == ("action", b"action=OK\n\n")


@pytest.mark.parametrize(
    "outcome, text",
    [
        (model.UNUSABLE_CONFIG, "REST connector cannot use its configuration"),
        (model.INTERNAL_ERROR, "REST connector had an internal error"),
    ],
)
def test_without_backend(outcome, text):
    """The handler's own failures are temporary errors in every protocol."""
    reply = verdict.without_backend(outcome)
    assert {mode: codec_of(mode).encode(reply) for mode in MODES} == {
        TCP: b"400 " + text.replace(" ", "%20").encode() + b"\n",
        SOCKETMAP: f"{5 + len(text)}:TEMP {text},".encode(),
        POLICY: f"action=451 {text}\n\n".encode(),
    }
    assert reply.outcome == outcome


def test_broken_request():
    """A broken request has the codec's text as a permanent error, or no reply when it has none."""
    told = verdict.of_broken_request("Broken request! (x)")
    assert codec_of(SOCKETMAP).encode(told) == b"24:PERM Broken request! (x),"
    assert codec_of(TCP).encode(verdict.of_broken_request("Broken request!")) == (
        b"400 Broken%20request!\n"
    )
    silent = verdict.of_broken_request(None)
    assert (silent.kind, codec_of(POLICY).encode(silent)) == (model.REPLY_NONE, b"")
    assert told.outcome == silent.outcome == "broken-request"


def test_it_is_a_pure_function():
    """The same response gives the same reply, and neither endpoint nor response is changed."""
    where, response = endpoint(TCP), model.Response(200, json.dumps(["v"]).encode())
    before = {name: getattr(where, name) for name in where.__slots__}
    replies = [verdict.of_response(where, response) for _ in range(2)]
    assert {(r.outcome, r.kind, r.text) for r in replies} == {("found", model.REPLY_VALUE, "v")}
    assert {name: getattr(where, name) for name in where.__slots__} == before
    assert (response.status, response.body) == (200, b'["v"]')
