# SPDX-License-Identifier: MIT
"""config.json as a whole: what can be read, and every problem of what cannot be used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.endpoints import raw_endpoint
from harness.modes import LOOKUPS, MODES, POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.fields import ENDPOINT_FIELDS
from postfix_rest_inetd.errors import ConfigError

FIRST = "$.endpoints[0]"
USER_AGENT = "Postfix REST Connector"


def encoded(*endpoints, **others):
    """A file with these endpoints."""
    return json.dumps({"endpoints": list(endpoints), **others}).encode()


def parse(content):
    """What a file becomes."""
    return loading.parse(content, "config.json")


def problems(content):
    """What is wrong with a file."""
    with pytest.raises(ConfigError) as raised:
        parse(content)
    assert raised.value.source == "config.json"
    return raised.value.problems


UPSTREAM = b"""
{
  "user-agent": "Postfix REST Connector",
  "endpoints": [
    {
      "name": "domain-lookup",
      "mode": "tcp-lookup",
      "target": "https://somehost/tcp-lookup-route",
      "bind-address": "0.0.0.0",
      "bind-port": 9001,
      "auth-token": "test123",
      "request-timeout": 2000
    },
    {
      "name": "domain-lookup",
      "mode": "SOCKETMAP-LOOKUP",
      "target": "https://somehost/socketmap-lookup-route",
      "bind-address": "0.0.0.0",
      "bind-port": 9002,
      "auth-token": "test123",
      "list-separator": ";"
    },
    {
      "name": "domain-lookup",
      "mode": "Policy",
      "target": "https://somehost/policy-check-route",
      "bind-address": "0.0.0.0",
      "bind-port": 9003,
      "auth-token": "test123",
      "request-timeout": null
    }
  ]
}
"""


def test_upstreams_sample():
    """Upstream's own sample is used as it is: one name for all, modes in any case, gaps."""
    loaded = parse(UPSTREAM)
    assert loaded.user_agent == "Postfix REST Connector"
    shown = [
        (e.name, e.mode, target.origin, target.path, str(e.address), e.auth_token)
        for e in loaded.endpoints
        for target in e.targets.all()
    ]
    assert shown == [
        (
            "domain-lookup",
            mode,
            "https://somehost",
            f"/{route}-route",
            f"0.0.0.0:{port}",
            "test123",
        )
        for mode, route, port in [
            (TCP, "tcp-lookup", 9001),
            (SOCKETMAP, "socketmap-lookup", 9002),
            (POLICY, "policy-check", 9003),
        ]
    ]
    assert [e.request_timeout for e in loaded.endpoints] == [2000] * 3
    assert [e.list_separator for e in loaded.endpoints] == [",", ";", ","]
    assert [e.json_path for e in loaded.endpoints] == [f"$.endpoints[{n}]" for n in range(3)]


EMPTY = {
    "no endpoints yet": (b'{"endpoints": []}', USER_AGENT),
    "a byte order mark": (b'\xef\xbb\xbf{"endpoints": []}', USER_AGENT),
    "null is the same as absent": (
        b'{"endpoints": [], "user-agent": null}',
        USER_AGENT,
    ),
    "a user agent": (b'{"endpoints": [], "user-agent": " x/1 "}', "x/1"),
    "an empty user agent": (b'{"endpoints": [], "user-agent": ""}', ""),
}


@pytest.mark.parametrize("content, user_agent", table(EMPTY))
def test_no_endpoints(content, user_agent):
    """A file without endpoints is a good one."""
    loaded = parse(content)
    assert (loaded.user_agent, loaded.endpoints) == (user_agent, [])


def test_null_is_absent():
    """A null stands for a field that is not given, for every field that may be absent."""
    optional = set(ENDPOINT_FIELDS) - {
        "name",
        "mode",
        "target",
        "auth-token",
        "bind-port",
    }
    nulls = {name.replace("-", "_"): None for name in optional}
    given, absent = (
        parse(encoded(e)).endpoints[0] for e in (raw_endpoint(**nulls), raw_endpoint())
    )
    ours = [name for name in given.__slots__ if name != "targets"]
    assert [getattr(given, n) for n in ours] == [getattr(absent, n) for n in ours]


@pytest.mark.parametrize("name", ["name", "mode", "target"])
@pytest.mark.parametrize("value", [None, ...], ids=["null", "absent"])
def test_required(name, value):
    """A required field that is absent, or null, is named."""
    assert problems(encoded(raw_endpoint(**{name: value}))) == [(f"{FIRST}.{name}", "is required")]


ALTERNATIVES = {
    "no token at all": (
        {"auth_token": None},
        "auth-token",
        "is required, or else auth-token-file",
    ),
    "two tokens": (
        {"auth_token_file": "token"},
        "auth-token-file",
        "cannot be combined with auth-token",
    ),
    "no place to listen": ({"bind_port": None}, "bind-port", "is required, or else bind-path"),
    "an address without a port": (
        {"bind_port": ..., "bind_address": "::1"},
        "bind-port",
        "is required, or else bind-path",
    ),
    "a path and a port": (
        {"bind_path": "/run/x"},
        "bind-port",
        "cannot be combined with bind-path",
    ),
    "a path and an address": (
        {"bind_path": "/run/x", "bind_port": ..., "bind_address": "::1"},
        "bind-address",
        "cannot be combined with bind-path",
    ),
    "a key without its certificate": (
        {"target": "https://h/", "tls_key_file": "key"},
        "tls-key-file",
        "requires tls-cert-file",
    ),
    "a CA for plain http": (
        {"tls_ca_file": "ca"},
        "tls-ca-file",
        "has no meaning for a target that begins with http://",
    ),
    "an access table of policies": (
        {"mode": POLICY, "access_table": False},
        "access-table",
        "has a meaning only for the modes of lookups",
    ),
    "actions of a table that has none": (
        {"allowed_actions": ["DUNNO"]},
        "allowed-actions",
        "requires access-table in an endpoint for lookups",
    ),
    "actions of what is said not to be an access table": (
        {"mode": SOCKETMAP, "allowed_actions": ["DUNNO"], "access_table": False},
        "allowed-actions",
        "requires access-table in an endpoint for lookups",
    ),
    "an access table of lists": (
        {"access_table": True, "list_separator": ","},
        "list-separator",
        "cannot be combined with access-table: an action is one value",
    ),
    "two kinds of authorization": (
        {"target": "http://u:p@h/", "headers": {"authoriZation": "x"}},
        "headers",
        "Authorization cannot be combined with user information in the target",
    ),
}


@pytest.mark.parametrize("given, name, text", table(ALTERNATIVES))
def test_contradiction(given, name, text):
    """Fields that need or exclude each other are checked together."""
    assert problems(encoded(raw_endpoint(**given))) == [(f"{FIRST}.{name}", text)]


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize(
    "given",
    [
        {"access_table": True},
        {"access_table": True, "allowed_actions": ["DUNNO"]},
        {"access_table": True, "list_separator": None},
        {"access_table": False, "list_separator": ";"},
        {"access_table": None, "list_separator": ";", "allowed_actions": None},
    ],
    ids=str,
)
def test_access_tables(mode, given):
    """An access table may have its actions, and no list-separator."""
    (where,) = parse(encoded(raw_endpoint(mode=mode, **given))).endpoints
    assert where.access_table == bool(given["access_table"])


def test_a_bad_access_table_is_the_only_problem():
    """What stands beside an access-table that is neither true nor false is not blamed too."""
    bad = raw_endpoint(access_table="yes", allowed_actions=["DUNNO"], list_separator=";")
    assert problems(encoded(bad)) == [(f"{FIRST}.access-table", "must be true or false")]


def test_authorization_alone():
    """An Authorization header is fine without user information, and other headers beside it."""
    good = [
        raw_endpoint(headers={"Authorization": "x"}),
        raw_endpoint(target="http://u:p@h/", headers={"X-Authorization": "x"}, bind_port=1),
    ]
    assert len(parse(encoded(*good)).endpoints) == 2


def test_contradictions_are_found_beside_bad_values():
    """A field counts as given although its value is bad: it is not reported as missing too."""
    bad = raw_endpoint(
        auth_token=1, bind_port="x", target="https://h/", tls_key_file="", tls_cert_file=1
    )
    assert problems(encoded(bad)) == [
        (f"{FIRST}.auth-token", "must be a string"),
        (f"{FIRST}.bind-port", "must be a whole number from 1 to 65535"),
        (f"{FIRST}.tls-key-file", "must not be empty"),
        (f"{FIRST}.tls-cert-file", "must be a string"),
    ]


MISSPELT = {
    "a letter": ("nmae", "name"),
    "an underscore": ("auth_token", "auth-token"),
    "capitals": ("Bind-Port", "bind-port"),
    "both": ("BIND_PORT", "bind-port"),
    "a word run together": ("authtoken", "auth-token"),
    "a plural": ("targets", "target"),
}


@pytest.mark.parametrize("name, meant", table(MISSPELT))
def test_misspelt_field(name, meant):
    """A misspelt field names the nearest known one, which is then not reported as missing."""
    values = {**raw_endpoint(), name: raw_endpoint()[meant]}
    del values[meant]
    text = f"is not a known key; did you mean {meant}?"
    assert problems(encoded(values)) == [(f"{FIRST}.{name}", text)]


def test_misspelt_endpoints():
    """The same goes for the fields of the whole file."""
    assert problems(b'{"endpoint": []}') == [
        ("$.endpoint", "is not a known key; did you mean endpoints?")
    ]
    assert problems(b'{"endpoints": [], "user_agent": "x"}') == [
        ("$.user_agent", "is not a known key; did you mean user-agent?")
    ]


def test_unknown_field():
    """A field that is like none is a problem too, without a guess; null does not hide it."""
    values = {**raw_endpoint(), "zzz": None}
    assert problems(encoded(values)) == [(f"{FIRST}.zzz", "is not a known key")]


@pytest.mark.parametrize(
    "name, shown",
    [
        ("a b", '$["a b"]'),
        ("", '$[""]'),
        ('"', '$["\\""]'),
        ("\n", '$["\\n"]'),
        ("-", '$["-"]'),
        ("a_b-c", "$.a_b-c"),
        ("a.b", '$["a.b"]'),
    ],
)
def test_path_of_an_odd_name(name, shown):
    """A name that is not a plain word is put into quotes, so that a path is one line and exact."""
    ((path, _),) = problems(json.dumps({"endpoints": [], name: 1}).encode())
    assert path == shown


REPEATED = {
    "of the file": (b'{"endpoints": [], "endpoints": []}', ["$.endpoints"]),
    "three times": (b'{"endpoints": [], "endpoints": [], "endpoints": []}', ["$.endpoints"] * 2),
    "of an endpoint": (
        b'{"endpoints": [%s]}'
        % json.dumps(raw_endpoint()).encode().replace(b"{", b'{"name": "x", "name": "y", ', 1),
        [f"{FIRST}.name"] * 2,
    ),
    "of the headers": (
        b'{"endpoints": [%s]}'
        % json.dumps(raw_endpoint(headers={"x": "X"}))
        .encode()
        .replace(b'"x"', b'"x": "secret", "x"'),
        [f"{FIRST}.headers.x"],
    ),
    "with the same value": (
        b'{"endpoints": [], "user-agent": "a", "user-agent": "a"}',
        ["$.user-agent"],
    ),
    "written differently": (b'{"endpoints": [], "\\u0065ndpoints": []}', ["$.endpoints"]),
    "below a list in a list": (
        b'{"endpoints": [], "user-agent": [[{"a": 1, "a": 2}]]}',
        ["$.user-agent[0][0].a"],
    ),
}


@pytest.mark.parametrize("content, paths", table(REPEATED))
def test_repeated_name(content, paths):
    """A name that stands twice in an object is a problem at any depth: no value is chosen."""
    found = [path for path, text in problems(content) if text == "appears here more than once"]
    assert found == paths


SHARED = {
    "both in full": ({"bind_address": "127.0.0.1"}, {"bind_address": "127.0.0.1"}),
    "the default and its name": ({}, {"bind_address": "localhost"}),
    "the default and its number": ({}, {"bind_address": "127.0.0.1"}),
    "an IPv4-mapped address": ({}, {"bind_address": "::ffff:127.0.0.1"}),
    "IPv6 in two spellings": ({"bind_address": "::1"}, {"bind_address": "0:0:0:0:0:0:0:1"}),
    "different modes": ({"mode": POLICY}, {"mode": SOCKETMAP}),
}


@pytest.mark.parametrize("one, other", table(SHARED))
def test_shared_address(one, other):
    """Two endpoints on one address are a problem, however it is written, whatever their modes."""
    ((path, text),) = problems(
        encoded(raw_endpoint(**one), raw_endpoint(bind_port=1), raw_endpoint(**other))
    )
    assert path == "$.endpoints[2].bind-port"
    assert text in (f"{ip}:9000 is taken by {FIRST}" for ip in ("127.0.0.1", "[::1]"))


def test_shared_path():
    """Two endpoints on one unix socket are a problem."""
    unix = raw_endpoint(bind_port=..., bind_path="/run/x")
    expected = ("$.endpoints[1].bind-path", f"/run/x is taken by {FIRST}")
    assert problems(encoded(unix, unix)) == [expected]


def test_different_addresses():
    """Another port, address, family or path is another address; so is a wildcard."""
    places = [{"bind_port": 1}, {"bind_port": 2}, {"bind_address": "127.0.0.2", "bind_port": 1}]
    places += [{"bind_address": ip, "bind_port": 1} for ip in ("::1", "0.0.0.0", "::")]
    places += [{"bind_port": ..., "bind_path": path} for path in ("/run/x", "/run/y")]
    assert len(parse(encoded(*[raw_endpoint(**place) for place in places])).endpoints) == len(
        places
    )


def test_shared_address_beside_another_problem():
    """An address that is taken is reported although something else is wrong with its endpoint."""
    found = problems(encoded(raw_endpoint(), raw_endpoint(request_timeout=0)))
    assert found == [
        ("$.endpoints[1].request-timeout", "must be a whole number from 1 to 90000"),
        ("$.endpoints[1].bind-port", f"127.0.0.1:9000 is taken by {FIRST}"),
    ]


def test_an_address_that_is_wrong_is_nowhere():
    """An endpoint whose address is wrong does not count as one at the default address."""
    ip = "must be an IP address, as 127.0.0.1 or ::1, or localhost"
    assert problems(
        encoded(raw_endpoint(), raw_endpoint(bind_address="x"), raw_endpoint(bind_port=1))
    ) == [("$.endpoints[1].bind-address", ip)]


def test_all_problems_at_once():
    """Every problem of a file is listed, in its order, each with its JSON path."""
    content = (
        b'{"user-agent": 1, "Endpoints": 2, "endpoints": [7, {"name": "", "name": 3, "mode": "x",'
        b'"target": "h", "request-timeout": 0, "foo": 1}, {"mode": "policy", "bind-port": 0}]}'
    )
    assert problems(content) == [
        ("$.endpoints[1].name", "appears here more than once"),
        ("$.user-agent", "must be a string"),
        ("$.Endpoints", "is not a known key; did you mean endpoints?"),
        ("$.endpoints[0]", "must be an object"),
        ("$.endpoints[1].name", "must be a string"),
        ("$.endpoints[1].mode", f"must be one of {', '.join(MODES)}"),
        ("$.endpoints[1].target", "a target begins with http:// or https://"),
        ("$.endpoints[1].request-timeout", "must be a whole number from 1 to 90000"),
        ("$.endpoints[1].foo", "is not a known key"),
        ("$.endpoints[1].auth-token", "is required, or else auth-token-file"),
        ("$.endpoints[1].bind-port", "is required, or else bind-path"),
        ("$.endpoints[2].bind-port", "must be a whole number from 1 to 65535"),
        ("$.endpoints[2].name", "is required"),
        ("$.endpoints[2].target", "is required"),
        ("$.endpoints[2].auth-token", "is required, or else auth-token-file"),
    ]


def test_message_has_all_problems():
    """The error's text, for the journal, names the file and all problems in one line."""
    with pytest.raises(ConfigError) as raised:
        parse(b'{"user-agent": 1}')
    expected = "config.json: $.user-agent: must be a string; $.endpoints: is required"
    assert str(raised.value) == expected


DOCUMENTS = {
    "a list": (b"[]", [("$", 'must be an object, as in {"endpoints": []}')]),
    "null": (b"null", [("$", 'must be an object, as in {"endpoints": []}')]),
    "a string": (b'"endpoints"', [("$", 'must be an object, as in {"endpoints": []}')]),
    "an empty object": (b"{}", [("$.endpoints", "is required")]),
    "endpoints are null": (b'{"endpoints": null}', [("$.endpoints", "is required")]),
    "endpoints are an object": (b'{"endpoints": {}}', [("$.endpoints", "must be a list")]),
    "an endpoint is null": (b'{"endpoints": [null]}', [(FIRST, "must be an object")]),
    "an endpoint is a list": (b'{"endpoints": [[]]}', [(FIRST, "must be an object")]),
    "an empty file": (b"", [("", "is not JSON: the file is empty (line 1, column 1)")]),
    "a comment": (b"{}\n# x", [("", "is not JSON: JSON has no comments (line 2, column 1)")]),
    "a comment between lines": (
        b'{\n  "a": 1,\n    # x\n  "b": 2\n}',
        [("", "is not JSON: JSON has no comments (line 3, column 5)")],
    ),
    "NaN": (b'{"endpoints": NaN}', [("", "is not JSON: NaN is not a JSON number")]),
    "infinity": (
        b'{"endpoints": -Infinity}',
        [("", "is not JSON: -Infinity is not a JSON number")],
    ),
    "not UTF-8": (b'{"\xe9": 1}', [("", "is not UTF-8: byte 3")]),
    "UTF-16": ("{}".encode("utf-16-le"), [("", "is not JSON: this is a NUL byte")]),
    "half a surrogate pair in a name": (
        b'{"endpoints": [], "\\ud800": 1}',
        [('$["\\ud800"]', "is not a known key")],
    ),
}


@pytest.mark.parametrize("content, expected", table(DOCUMENTS))
def test_document(content, expected):
    """What is no JSON object of the right form is refused, with the place where it ends to be."""
    found = problems(content)
    assert [path for path, _ in found] == [path for path, _ in expected]
    assert all(text.startswith(e) for (_, text), (_, e) in zip(found, expected, strict=True))


def test_huge_integer():
    """An integer of thousands of digits, which Python refuses to read, is a problem like others."""
    ((path, text),) = problems(b'{"endpoints": [], "user-agent": ' + b"9" * 100_000 + b"}")
    assert path == ""
    assert text.startswith("is not JSON: ")
    assert len(text) < 400


@pytest.mark.parametrize("depth", [100, 500, 990, 1000, 1100, 1500, 3000, 20_000, 200_000])
@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")], ids=["[", "{"])
def test_deep_nesting(depth, opening, closing):
    """However deep a file is nested, it is a ConfigError and no exception of Python's own.

    How deep Python's JSON reader goes differs between its versions, and from the depth to which
    Python's own functions can call each other.
    """
    document = opening * depth + b"1" + closing * depth
    for content in (document, b'{"endpoints": [], "user-agent": %s}' % document):
        try:
            parse(content)
        except ConfigError as error:
            first = error.problems[0]
        except RecursionError:
            first = ("RecursionError", "")  # its traceback would fill the screen
        assert first in [
            ("", "is nested too deeply"),
            ("$", 'must be an object, as in {"endpoints": []}'),
            ("$.user-agent", "must be a string"),
            ("$.a", "is not a known key"),
        ]


def test_byte_order_mark_and_a_bad_byte():
    """The place of a byte that is not UTF-8 is counted in the file, byte order mark included."""
    assert problems(b'\xef\xbb\xbf{"\xff"}') == [("", "is not UTF-8: byte 6")]


SECRET = "hunter2-é"

LEAKS = {
    "a bad token": raw_endpoint(auth_token=f"{SECRET}\n"),
    "a token beside a file": raw_endpoint(auth_token=SECRET, auth_token_file="/x"),
    "a token of the wrong type": raw_endpoint(auth_token=[SECRET]),
    "a bad header value": raw_endpoint(headers={"X": f"{SECRET}\n"}),
    "a header value of the wrong type": raw_endpoint(headers={"X": [SECRET]}),
    "headers of the wrong type": raw_endpoint(headers=f"X: {SECRET}"),
    "a header twice": raw_endpoint(headers={"X-A": SECRET, "x-a": SECRET}),
    "a reserved header": raw_endpoint(headers={"X-Auth-Token": SECRET}),
    "user information with a bad port": raw_endpoint(target=f"http://u:{SECRET}@h:x/"),
    "user information with a blank": raw_endpoint(target=f"http://u:{SECRET} @h/"),
    "user information without host": raw_endpoint(target=f"http://u:{SECRET}@/"),
    "user information with a bad host": raw_endpoint(target=f"http://u:{SECRET}@a,b/"),
    "user information and a fragment": raw_endpoint(target=f"http://u:{SECRET}@h/#x"),
    "user information and a header": raw_endpoint(
        target=f"http://u:{SECRET}@h/", headers={"Authorization": SECRET}
    ),
    "user information that looks like a bad port": raw_endpoint(target=f"http://u:{SECRET}/@h/"),
    "user information with brackets": raw_endpoint(target=f"http://u:{SECRET}@[::1/"),
    "a host that changes its form": raw_endpoint(target=f"http://u:{SECRET}@℀/"),
    "a path": raw_endpoint(target=f"ftp://h/{SECRET}"),
    "a query": raw_endpoint(target=f"http://h/?key={SECRET} "),
    "a fragment": raw_endpoint(target=f"http://h/#{SECRET}"),
    "a target without scheme": raw_endpoint(target=SECRET),
    "a target of the wrong type": raw_endpoint(target={SECRET: SECRET}),
    "a bad target in a list": raw_endpoint(target=["http://h/", f"http://u:{SECRET}@h:x/"]),
    "a target twice": raw_endpoint(target=[f"http://u:{SECRET}@h/"] * 2),
    "an element of the wrong type": raw_endpoint(target=[[SECRET]]),
    "TLS files for plain http": raw_endpoint(target=f"http://h/?{SECRET}", tls_ca_file="/x"),
    "other problems": raw_endpoint(auth_token=SECRET, mode=1, headers={"X": SECRET}, bind_port=0),
    "an address that is taken": raw_endpoint(auth_token=SECRET, bind_port=1),
}


@pytest.mark.parametrize("bad", table({reason: (value,) for reason, value in LEAKS.items()}))
def test_no_problem_repeats_a_secret(bad):
    """Tokens, header values, and all of a target but its origin are never in a problem's text."""
    found = problems(encoded(raw_endpoint(bind_port=1), bad))
    shown = repr(found) + str(found)
    assert "hunter2" not in shown


# -- files


def load_problem(path):
    """The only problem with a file that cannot even be read."""
    with pytest.raises(ConfigError) as raised:
        loading.load(str(path))
    ((json_path, text),) = raised.value.problems
    assert (raised.value.source, json_path) == (str(path), "")
    return text


def test_load(tmp_path):
    """A file is read and checked, and named in its problems."""
    path = tmp_path / "config.json"
    path.write_bytes(UPSTREAM)
    assert len(loading.load(str(path)).endpoints) == 3
    path.write_bytes(b"{}")
    with pytest.raises(ConfigError) as raised:
        loading.load(str(path))
    assert str(raised.value) == f"{path}: $.endpoints: is required"


def test_targets_are_for_who_asks_them(tmp_path):
    """A target is checked, unless all that is wanted is to know where to listen."""
    path = tmp_path / "config.json"
    path.write_bytes(encoded(raw_endpoint(target="ftp://h/")))
    with pytest.raises(ConfigError) as raised:
        loading.load(str(path))
    problem = ("$.endpoints[0].target", "a target begins with http:// or https://")
    assert raised.value.problems == [problem]
    (only,) = loading.load(str(path), for_listening=True).endpoints
    assert str(only.address) == "127.0.0.1:9000"
    assert len(loading.parse(path.read_bytes(), "x", for_listening=True).endpoints) == 1
    with pytest.raises(ConfigError):
        loading.parse(path.read_bytes(), "x")


def test_symbolic_link(tmp_path):
    """A symbolic link to a file is as good as the file."""
    (tmp_path / "real").write_bytes(b'{"endpoints": []}')
    (tmp_path / "link").symlink_to("real")
    assert loading.load(str(tmp_path / "link")).endpoints == []


def test_missing_file(tmp_path):
    """A missing file is a problem in the system's words."""
    assert load_problem(tmp_path / "x") == "cannot be read: No such file or directory"


def test_path_with_nul():
    """A path that no system call takes is a problem as well."""
    assert load_problem("a\0b") == "cannot be read: the path has a NUL in it"


def test_fifo(tmp_path):
    """A FIFO blocks nobody: it is refused at once, whether or not somebody writes to it."""
    os.mkfifo(tmp_path / "fifo")
    assert load_problem(tmp_path / "fifo") == "this is not a regular file"


def test_directory(tmp_path):
    """A directory is no file."""
    assert load_problem(tmp_path) in (
        "this is not a regular file",
        "cannot be read: Is a directory",
    )


def test_device():
    """Nor is a device, which may have no end."""
    assert load_problem("/dev/zero") == "this is not a regular file"


def test_size_limit(tmp_path):
    """A file may have 4 MiB; one byte more is too much, and no more than that is read."""
    path = tmp_path / "config.json"
    path.write_bytes(b'{"endpoints": []}'.ljust(4 * 1024 * 1024))
    assert loading.load(str(path)).endpoints == []
    path.write_bytes(b'{"endpoints": []}'.ljust(4 * 1024 * 1024 + 1))
    assert load_problem(path) == "is larger than 4194304 bytes"


UNREADABLE = """\
import os, sys
sys.path[:0] = {paths!r}
from postfix_rest_inetd import errors
from postfix_rest_inetd.config import loading
os.setuid(65534)
try:
    loading.load({path!r})
except errors.ConfigError as error:
    print(error.problems)
"""


@pytest.mark.root
def test_unreadable_file():
    """A file that the service's user may not read is a problem in the system's words."""
    package = str(Path(postfix_rest_inetd.__file__).parents[1])
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = Path(directory, "config.json")
        path.write_bytes(b'{"endpoints": []}')
        path.chmod(0)
        program = UNREADABLE.format(paths=[package], path=str(path))
        said = subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60)
    assert said == "[('', 'cannot be read: Permission denied')]\n"
