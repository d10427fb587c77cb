# SPDX-License-Identifier: MIT
"""The fields of config.json one by one: which JSON values each takes, and what they become."""

from __future__ import annotations

import json

import pytest

from harness.endpoints import endpoint, raw_endpoint
from harness.modes import MODES, POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.config import fields, loading
from postfix_rest_inetd.config.cache_settings import CacheSettings
from postfix_rest_inetd.config.endpoint import Endpoint
from postfix_rest_inetd.config.problems import PartsError
from postfix_rest_inetd.errors import ConfigError

HALF_PAIR = "\ud800"

LONG_PATH = "/" + "x" * 106

GOOD = {
    "name": ["x", "a b", "é", "x" * 1000],
    "mode": [
        ("tcp-lookup", TCP),
        ("TCP-Lookup", TCP),
        ("SOCKETMAP-LOOKUP", SOCKETMAP),
        ("Policy", POLICY),
    ],
    "auth-token": ["", "test123", "a b", "é", "Bearer x=", (" x ", "x")],
    "auth-token-file": ["/etc/token", "token", ".token", "a..b", "/a b"],
    "bind-address": [("localhost", b"\x7f\0\0\1"), ("0.0.0.0", b"\0\0\0\0"), ("::", b"\0" * 16)],
    "bind-port": [1, 9000, 65535],
    "bind-path": ["/run/x", "/x", LONG_PATH, "/" + "é" * 53, "/run/ a\\b /c", '/run/\\ /"#;@%n'],
    "request-timeout": [1, 2000, 90_000],
    "list-separator": [",", "", ", ", "\n", "é"],
    "headers": [
        {},
        {"X-Tenant": "42"},
        {"authorization": "Basic x"},
        {"User-Agent": "x", "Accept": "y", "Host": "z"},
        {"!#$%&'*+-.^_`|~0aZ": ""},
        ({"X": " é "}, {"X": "é"}),
        {f"X-{number}": "" for number in range(100)},
    ],
    "tls-ca-file": ["/etc/ca.pem", "ca.pem"],
    "tls-cert-file": ["/etc/cert.pem", "cert.pem"],
    "tls-key-file": ["/etc/key.pem", "key.pem"],
    "method": ["POST", "GET"],
    "temporary-statuses": [
        ([], frozenset()),
        ([400, 499], {400, 499}),
        ([404, 404], {404}),
        ([404] * 100, {404}),
    ],
    "failure-action": [
        "close",
        ("Close", "close"),
        "DUNNO",
        "450 later",
        "450 4.2.0 later",
        "reject_rbl_client dnsbl.example, permit_mynetworks",
        (" DEFER_IF_PERMIT x ", "DEFER_IF_PERMIT x"),
    ],
    "allowed-actions": [
        [],
        ["DUNNO"],
        ["450", "permit_mynetworks", "a-b"],
        ["FILTER", "redirect", "PREPEND", "BCC", "554", "reject", "permit"],
        ["A"] * 1000,
    ],
    "access-table": [True, False],
    "log-keys": [True, False],
    "empty-body": ["not-found", "temporary"],
    "max-response-bytes": [
        1,
        1024 * 1024,
        (1024 * 1024 + 1, 1024 * 1024),
        (16 * 1024 * 1024, 1024 * 1024),
    ],
    "cache": [
        (False, None),
        ({}, CacheSettings()),
        ({"max-age": None}, CacheSettings()),
        ({"max-age": 0, "max-entries": 256}, CacheSettings(max_entries=256)),
        (
            {
                "max-age": 31_536_000,
                "not-found-max-age": 1,
                "stale-if-error": 86_400,
                "max-entries": 1_000_000,
                "max-bytes": 1024 * 1024,
            },
            CacheSettings(
                max_age=31_536_000,
                not_found_max_age=1,
                stale_if_error=86_400,
                max_entries=1_000_000,
                max_bytes=1024 * 1024,
            ),
        ),
        ({"max-bytes": 1024**3}, CacheSettings(max_bytes=1024**3)),
    ],
    "hibernate-after": [0, 1, 86_400],
}

STRING = "must be a string"
STRING_OR_LIST = "must be a string, or a list of strings"
BLANK_OR_BACKSLASH = "must not end in a blank or a backslash"
SURROGATE = "has half of a surrogate pair in it"
CONTROL = "must not have control characters in it"
PRINTABLE = [(1, STRING), (True, STRING), (["x"], STRING), ({}, STRING), (HALF_PAIR, SURROGATE)]
PRINTABLE += [("", "must not be empty"), ("a\nb", CONTROL), ("\0", CONTROL), ("\x7f", CONTROL)]
PLAIN = "must be a plain path: no . or .. in it, no // and no / at its end"
PATH = [
    *PRINTABLE,
    ("/", PLAIN),
    ("/a/", PLAIN),
    ("/a//b", PLAIN),
    ("/./a", PLAIN),
    ("/a/..", PLAIN),
]
ABSOLUTE = "must be an absolute path"
SECRET_FILE = [*PATH, ("a/b", ABSOLUTE), (".", ABSOLUTE), ("..", ABSOLUTE), ("./a", ABSOLUTE)]
MODE = f"must be one of {', '.join(MODES)}"
IP = "must be an IP address, as 127.0.0.1 or ::1, or localhost"
PORT = "must be a whole number from 1 to 65535"
TIMEOUT = "must be a whole number from 1 to 90000"
SIZE = "must be a whole number from 1 to 16777216"
IDLE = "must be a whole number from 0 to 86400"
OBJECT = 'must be an object, as in {"X-Tenant": "42"}'
METHOD = "must be POST or GET"
STATUSES = "must be a list of HTTP statuses from 400 to 499, as in [401, 429]"
VERBS = 'must be a list of actions without their texts, as in ["DUNNO", "REJECT", "450"]'
CACHE = 'must be false, or an object, as in {"max-age": 60}'
EMPTY_BODY = "must be not-found or temporary"
BOOLEAN = "must be true or false"
ONLY_A_NUMBER = "the action is only a number, and Postfix would accept the mail"
STATUS_ALONE = (
    "there is no text after the enhanced status code, and Postfix would send what an "
    "earlier reply left in its memory"
)
NO_CODE = "the action is an enhanced status code without a reply code before it"
NO_DOMAIN = "reject_rbl_client needs a domain name after it, or else Postfix ignores it"
NO_TABLE = (
    "check_client_access needs a lookup table or a service, which Postfix does not take in an "
    "action"
)
COLON = "the action names a lookup table, or is none: Postfix takes no colon in it"


def whole_number(text, highest, lowest=1):
    """What no field for a whole number from LOWEST to HIGHEST takes."""
    wrong = [
        lowest - 1,
        -10,
        highest + 1,
        10**400,
        1.0,
        1e300,
        True,
        False,
        [],
        {},
        "x",
        "",
        "1.5",
        "-1",
    ]
    return [*((value, text) for value in wrong), ("80", f"{text}, without quotes")]


BAD = {
    "name": PRINTABLE,
    "mode": [(1, STRING), ("tcp", MODE), ("", MODE), ("policy ", MODE), (["policy"], STRING)],
    "target": [
        (1, STRING_OR_LIST),
        ({}, STRING_OR_LIST),
        ([], "has 0 URLs, and may have 1 to 8"),
        ([f"http://h{number}/" for number in range(9)], "has 9 URLs, and may have 1 to 8"),
        ("", "a target begins with http:// or https://"),
        ("http://h/\n", "a URL has no blanks and no control characters; write them as %XX"),
        (HALF_PAIR, SURROGATE),
    ],
    "auth-token": [
        (1, STRING),
        ({}, STRING),
        ("a\nb", CONTROL),
        ("a\r", CONTROL),
        ("\t", CONTROL),
        ("\x00", CONTROL),
        ("\x7f", CONTROL),
        (HALF_PAIR, SURROGATE),
    ],
    "auth-token-file": SECRET_FILE,
    "bind-address": [(1, STRING), ("", IP), ("[::1]", IP), ("example.org", IP), ("127.1", IP)],
    "bind-port": whole_number(PORT, 65535),
    "bind-path": [
        *PATH,
        ("x", ABSOLUTE),
        *((f"/run/x{end}", BLANK_OR_BACKSLASH) for end in (" ", "  ", "\\", "\\\\", " \\", "\\ ")),
        (LONG_PATH + "x", "must be at most 107 bytes long"),
        ("/" + "é" * 54, "must be at most 107 bytes long"),
    ],
    "request-timeout": whole_number(TIMEOUT, 90_000),
    "list-separator": [
        (1, STRING),
        ([","], STRING),
        ("\x00", "must not have a NUL in it"),
        (HALF_PAIR, SURROGATE),
    ],
    "headers": [
        ("X: y", OBJECT),
        ([], OBJECT),
        ([["X", "y"]], OBJECT),
        ({"": "x"}, "'' is not a valid header name"),
        ({"X:": "x"}, "'X:' is not a valid header name"),
        ({"X Y": "x"}, "'X ...' is not a valid header name"),
        ({"Authorization: Bearer Y": ""}, "'Authorization:...' is not a valid header name"),
        ({"X\r\nY": "x"}, r"'X\r...' is not a valid header name"),
        ({"é": "x"}, "'é' is not a valid header name"),
        ({"²": "x"}, "'²' is not a valid header name"),
        ({"X": 1}, "the value of X must be a string"),
        ({"X": None}, "the value of X must be a string"),
        ({"X": "a\r\nY: b"}, "the value of X must not have control characters in it"),
        ({"X": "a\x7f"}, "the value of X must not have control characters in it"),
        ({"X": HALF_PAIR}, "the value of X has half of a surrogate pair in it"),
        ({"X-a": "", "x-A": ""}, "x-A appears twice; header names are the same in any letter case"),
        ({f"X-{number}": "" for number in range(101)}, "has 101 headers, and may have 100"),
    ]
    + [
        ({name: "x"}, f"{name} cannot be set here: it belongs to the request itself")
        for name in (
            "Accept-Encoding Connection Content-Length CONTENT-TYPE Expect Keep-Alive te Trailer "
            "transfer-encoding Upgrade X-Auth-Token X-Request-Id"
        ).split()
    ],
    "tls-ca-file": SECRET_FILE,
    "tls-cert-file": SECRET_FILE,
    "tls-key-file": SECRET_FILE,
    "method": [(value, METHOD) for value in ("post", "PUT", "", 1, [], {}, True)],
    "temporary-statuses": [
        (value, STATUSES)
        for value in (404, "404", ["404"], [399], [500], [4.0e2], [True], {}, [None])
    ]
    + [([404] * 101, "has 101 entries, and may have 100")],
    "failure-action": [
        (1, STRING),
        ([], STRING),
        ("", "the action is empty, and Postfix would accept the mail"),
        ("451", "the action is only a number, and Postfix would accept the mail"),
        ("DUNNO\n\nx", "the action has a line break or another control character in it"),
        ("450 4.2.0", STATUS_ALONE),
        ("DEFER_IF_PERMIT 4.3.0 ", STATUS_ALONE),
        ("PREPEND X", "PREPEND needs a header field after it, or else Postfix ignores it"),
        ("reject_rbl_client", NO_DOMAIN),
        (HALF_PAIR, SURROGATE),
    ],
    "allowed-actions": [
        (value, VERBS)
        for value in (
            "DUNNO",
            {},
            [1],
            [None],
            [""],
            ["REJECT no"],
            ["a,b"],
            ["{reject}"],
            ["a{"],
            ["a}"],
            [" DUNNO"],
            ["DUNNO\n"],
            ["é"],
            ["_x"],
            ["DUNNO", ["OK"]],
            [HALF_PAIR],
        )
    ]
    + [
        (["DUNNO", "250"], f"no action may be '250': {ONLY_A_NUMBER}"),
        (["4500"], f"no action may be '4500': {ONLY_A_NUMBER}"),
        (["5.7.1"], f"no action may be '5.7.1': {NO_CODE}"),
        (["Reject_RBL_client"], f"no action may be 'Reject_RBL_client': {NO_DOMAIN}"),
        (["check_client_access"], f"no action may be 'check_client_access': {NO_TABLE}"),
        (["sleep"], "no action may be 'sleep': sleep needs a number of seconds after it"),
        (["REJECT:"], f"no action may be 'REJECT:': {COLON}"),
        (["A"] * 1001, "has 1001 entries, and may have 1000"),
    ],
    "access-table": [(value, BOOLEAN) for value in (0, 1, "true", "", [], {})],
    "empty-body": [(value, EMPTY_BODY) for value in ("", "found", "Not-Found", True, 1, [], {})],
    "log-keys": [(value, BOOLEAN) for value in (0, 1, "true", "", [], {})],
    "max-response-bytes": whole_number(SIZE, 16 * 1024 * 1024),
    "cache": [(value, CACHE) for value in (True, 0, 1, "", "false", [], [{}])],
    "hibernate-after": whole_number(IDLE, 86_400, lowest=0),
}

ENVIRONMENT = {
    "auth-token-file": {"auth_token": ...},
    "bind-path": {"bind_port": ...},
    "tls-ca-file": {"target": "https://h/"},
    "tls-cert-file": {"target": "https://h/"},
    "tls-key-file": {"target": "https://h/", "tls_cert_file": "cert"},
    "method": {"mode": POLICY},
    "failure-action": {"mode": POLICY},
    "allowed-actions": {"mode": POLICY},
}
"""What else an endpoint needs for a field to have a meaning."""


def test_every_field_has_a_test():
    """Both tables know every field; the target's good values are elsewhere (test_target.py)."""
    assert set(BAD) == set(fields.ENDPOINT_FIELDS)
    assert set(GOOD) == set(fields.ENDPOINT_FIELDS) - {"target"}


def test_attributes():
    """An endpoint has an attribute for each field; its address stands for three of them."""
    named = {name.replace("-", "_") for name in fields.ENDPOINT_FIELDS} ^ {"target", "targets"}
    binding = {"bind_address", "bind_port", "bind_path"}
    assert set(Endpoint.__slots__) == named - binding | {"address", "json_path", "problems"}
    assert set(Endpoint.__annotations__) == set(Endpoint.__slots__)


def flat(rows):
    """A row for each field and value."""
    return [
        pytest.param(name, value, id=f"{name}-{index}")
        for name, values in rows.items()
        for index, value in enumerate(values)
    ]


@pytest.mark.parametrize("name, value", flat(GOOD))
def test_good(name, value):
    """A good value arrives in the endpoint; a pair in the table is a value and what it becomes."""
    given, expected = value if isinstance(value, tuple) else (value, value)
    attribute = name.replace("-", "_")
    where = endpoint(**{**ENVIRONMENT.get(name, {}), attribute: given})
    if name in ("bind-address", "bind-port", "bind-path"):
        part = name.removeprefix("bind-").replace("address", "ip")
        assert getattr(where.address, part) == expected
    else:
        assert getattr(where, attribute) == expected


@pytest.mark.parametrize("name, case", flat(BAD))
def test_bad(name, case):
    """A bad value is the file's only problem: its field, what is wrong, and what would be right."""
    value, text = case
    attribute = name.replace("-", "_")
    document = {"endpoints": [raw_endpoint(**{**ENVIRONMENT.get(name, {}), attribute: value})]}
    with pytest.raises(ConfigError) as raised:
        loading.parse(json.dumps(document).encode(), "config.json")
    assert raised.value.problems == [(f"$.endpoints[0].{name}", text)]


DEFAULTS = {
    "auth_token_file": None,
    "headers": {},
    "tls_ca_file": None,
    "tls_cert_file": None,
    "tls_key_file": None,
    "method": "POST",
    "temporary_statuses": frozenset(),
    "failure_action": None,
    "allowed_actions": None,
    "access_table": False,
    "log_keys": True,
    "cache": CacheSettings(),
    "empty_body": "not-found",
    "max_response_bytes": 1024 * 1024,
    "request_timeout": 2000,
    "list_separator": ",",
}


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP, POLICY])
def test_defaults(mode):
    """An endpoint of upstream's required fields alone has upstream's defaults, and ours."""
    where = endpoint(mode)
    assert {name: getattr(where, name) for name in DEFAULTS} == DEFAULTS
    assert str(where.address) == "127.0.0.1:9000"


MODE_RULES = {
    "method": "POST",
    "failure-action": "DUNNO",
}


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@pytest.mark.parametrize("name, value", table({k: (k, v) for k, v in MODE_RULES.items()}))
def test_policy_only(mode, name, value):
    """What has a meaning only for policy is a mistake in an endpoint for lookups."""
    with pytest.raises(ConfigError) as raised:
        endpoint(mode, **{name.replace("-", "_"): value})
    expected = (f"$.endpoints[0].{name}", "has a meaning only for the mode policy")
    assert raised.value.problems == [expected]


def test_text_of_several_problems():
    """Each part has its place before it; the whole has none."""
    error = PartsError([("", "is wrong"), ("[1]", "is wrong as well")])
    assert str(error) == "is wrong; [1]: is wrong as well"
