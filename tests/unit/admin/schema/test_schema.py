# SPDX-License-Identifier: MIT
"""The JSON schema of config.json says what the parser says, on good files and on bad ones."""

from __future__ import annotations

import inspect
import json
import re

import pytest
from unit.config.test_fields import BAD, ENVIRONMENT, GOOD, HALF_PAIR, MODE_RULES
from unit.config.test_loading import ALTERNATIVES, UPSTREAM
from unit.test_action import SAFE, UNSAFE

from harness.endpoints import raw_endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.schema import kinds
from postfix_rest_inetd.admin.schema.document import schema
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config import values as kinds_of_values
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.config.field_words import WORDS, WORDS_OF_MEMBERS
from postfix_rest_inetd.config.fields import CACHE_MEMBERS, ENDPOINT_FIELDS, FILE_FIELDS
from postfix_rest_inetd.errors import ConfigError

# A build of the package has no such library; the project's own test environments have.
jsonschema = pytest.importorskip("jsonschema")

VALIDATOR = jsonschema.Draft202012Validator(schema())


def by_schema(document: object) -> bool:
    """Is a file good, by the schema?"""
    return VALIDATOR.is_valid(document)


def by_parser(document: object) -> bool:
    """Is a file good, by the parser?"""
    try:
        loading.parse(json.dumps(document).encode(), "config.json")
    except ConfigError:
        return False
    return True


def given(name, value, **others):
    """A file with an endpoint that has this value."""
    keys_given = {**ENVIRONMENT.get(name, {}), name.replace("-", "_"): value, **others}
    return {"endpoints": [raw_endpoint(**keys_given)]}


INEXPRESSIBLE = [
    ("bind-port", 1.0),
    ("request-timeout", 1.0),
    ("max-response-bytes", 1.0),
    ("hibernate-after", 1.0),
    ("temporary-statuses", [4.0e2]),
    ("bind-path", "/" + "é" * 54),
    ("headers", {"X-a": "", "x-A": ""}),
    ("failure-action", "reject_rbl_client"),
    ("allowed-actions", ["Reject_RBL_client"]),
    ("allowed-actions", ["check_client_access"]),
    ("allowed-actions", ["sleep"]),
]
"""Bad values of the parser's that a schema cannot tell from good ones; its description says so."""


def values(rows):
    """A row for each field and value of a table of test_fields.py."""
    return [
        pytest.param(name, case[0] if isinstance(case, tuple) else case, id=f"{name}-{index}")
        for name, cases in rows.items()
        for index, case in enumerate(cases)
        if (name, case[0] if isinstance(case, tuple) else case) not in INEXPRESSIBLE
    ]


@pytest.mark.parametrize("name, value", values(GOOD))
def test_good_values(name, value):
    """What the parser takes."""
    document = given(name, value)
    assert (by_parser(document), by_schema(document)) == (True, True)


@pytest.mark.parametrize("name, value", values(BAD))
def test_bad_values(name, value):
    """What the parser refuses."""
    document = given(name, value)
    assert (by_parser(document), by_schema(document)) == (False, False)


@pytest.mark.parametrize("name, value", INEXPRESSIBLE)
def test_inexpressible(name, value):
    """These are what the schema's description excuses; one that it can tell belongs above."""
    document = given(name, value)
    assert (by_parser(document), by_schema(document)) == (False, True)


TARGETS = {
    "plain": ("http://h", True),
    "any letter case": ("HTTPS://Example.ORG/", True),
    "a port": ("http://h:8080/x?y=z", True),
    "the last port": ("http://h:65535", True),
    "an empty port": ("http://h:/", True),
    "zeros before a port": ("http://h:0080/", True),
    "a query without a path": ("http://h?x", True),
    "user information": ("https://u:p@h/", True),
    "an at sign in the path": ("http://h/a@b", True),
    "IPv6": ("http://[::1]:80/", True),
    "an international name": ("http://bücher.example/", True),
    "an empty fragment": ("http://h/#", True),
    "no host": ("http:///x", False),
    "no host but a port": ("http://:80/", False),
    "no slashes": ("http:h", False),
    "another scheme": ("ftp://h/", False),
    "port 0": ("http://h:0/", False),
    "a port too high": ("http://h:65536/", False),
    "no port": ("http://h:x/", False),
    "a fragment": ("http://h/#x", False),
    "a blank": ("http://h/a b", False),
    "brackets around nothing": ("http://[]/", False),
    "a character that no host has": ("http://a!b/", False),
    "a line break at the end": ("http://h/\n", False),
}


LISTS = {
    "one": (["http://h/"], True),
    "several": (["http://h/", "https://i/"], True),
    "the most": ([f"http://h{number}/" for number in range(8)], True),
    "too many": ([f"http://h{number}/" for number in range(9)], False),
    "none": ([], False),
    "one twice": (["http://h/", "http://h/"], False),
    "a bad one": (["http://h/", "ftp://h/"], False),
    "null": (["http://h/", None], False),
}


@pytest.mark.parametrize("target, is_good", table({**TARGETS, **LISTS}))
def test_targets(target, is_good):
    """URLs, taken apart by a pattern and by the parser."""
    document = given("target", target)
    assert (by_parser(document), by_schema(document)) == (is_good, is_good)


@pytest.mark.parametrize("keys_given", [row[0] for row in ALTERNATIVES.values()], ids=ALTERNATIVES)
def test_contradictions(keys_given):
    """Fields that need or exclude each other."""
    document = {"endpoints": [raw_endpoint(**keys_given)]}
    assert (by_parser(document), by_schema(document)) == (False, False)


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP, "TCP-Lookup", "POLICY"])
@pytest.mark.parametrize("is_access_table", [True, False, None])
@pytest.mark.parametrize("others", [{}, {"list_separator": ","}, {"allowed_actions": []}], ids=str)
def test_access_table(mode, is_access_table, others):
    """What may stand beside access-table, in each mode."""
    document = {"endpoints": [raw_endpoint(mode=mode, access_table=is_access_table, **others)]}
    assert by_parser(document) == by_schema(document)


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP, "TCP-Lookup"])
@pytest.mark.parametrize("name, value", MODE_RULES.items())
def test_policy_only(mode, name, value):
    """Fields for the mode policy in other modes."""
    document = given(name, value, mode=mode)
    assert (by_parser(document), by_schema(document)) == (False, False)


@pytest.mark.parametrize("action", [row[0] for row in SAFE.values()], ids=SAFE)
def test_safe_actions(action):
    """Whatever passes the action firewall may be a failure-action."""
    document = given("failure-action", action)
    assert (by_parser(document), by_schema(document)) == (True, True)


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(action, id=name)
        for name, (action, reason) in UNSAFE.items()
        # What the schema's description excuses.
        if not re.match("[a-z_]+ needs |there is something after ", reason)
        and name != "too long in UTF-8 only"
    ],
)
def test_unsafe_actions(action):
    """Whatever does not pass may not be one, and the schema knows all but what it cannot tell."""
    document = given("failure-action", action)
    assert (by_parser(document), by_schema(document)) == (False, False)


WHOLES = {
    "the smallest": ({"endpoints": []}, True),
    "an agent": ({"endpoints": [], "user-agent": "x"}, True),
    "null for the agent": ({"endpoints": [], "user-agent": None}, True),
    "a line break in the agent": ({"endpoints": [], "user-agent": "x\n"}, False),
    "nothing": ({}, False),
    "null for the endpoints": ({"endpoints": None}, False),
    "an object of endpoints": ({"endpoints": {}}, False),
    "a list": ([], False),
    "null": (None, False),
    "an endpoint that is no object": ({"endpoints": [1]}, False),
    "an unknown field": ({"endpoints": [], "port": 1}, False),
    "an unknown field that is null": ({"endpoints": [raw_endpoint(port=None)]}, False),
    "null for a required field": ({"endpoints": [raw_endpoint(name=None)]}, False),
    "null for both tokens": (
        {"endpoints": [raw_endpoint(auth_token=None, auth_token_file=None)]},
        False,
    ),
    "null for one": ({"endpoints": [raw_endpoint(auth_token_file=None)]}, True),
    "null for the path": ({"endpoints": [raw_endpoint(bind_path=None)]}, True),
    "null for the port": ({"endpoints": [raw_endpoint(bind_port=None)]}, False),
    "null beside a path": ({"endpoints": [raw_endpoint(bind_path="/x", bind_port=None)]}, True),
    "policy fields": ({"endpoints": [raw_endpoint(mode=POLICY, method="GET")]}, True),
    "null for a member": ({"endpoints": [raw_endpoint(cache={"max-age": None})]}, True),
    "half of a pair": ({"endpoints": [], "user-agent": HALF_PAIR}, False),
    "the sample of postfix-rest-connector": (json.loads(UPSTREAM), True),
}


@pytest.mark.parametrize("document, is_good", table(WHOLES))
def test_wholes(document, is_good):
    """Whole files."""
    assert (by_parser(document), by_schema(document)) == (is_good, is_good)


def test_fields():
    """Each field of the parser is in the schema, with its words and default, and no other is."""
    whole = schema()
    told = {**whole["properties"], **whole["$defs"]["endpoint"]["properties"]}
    known = {**FILE_FIELDS, **ENDPOINT_FIELDS}
    assert list(told) == list(known) == list(WORDS)
    assert {name: value["description"] for name, value in told.items()} == WORDS
    defaults = {name: value["default"] for name, value in told.items() if "default" in value}
    assert {name: known[name].value_of(value) for name, value in defaults.items()} == {
        name: field.default
        for name, field in known.items()
        if field.default is not None and not field.selects
    }


KINDS = {
    function
    for name, function in vars(kinds_of_values).items()
    if inspect.isfunction(function)
    and function.__module__ == kinds_of_values.__name__
    and not name.startswith("_")
}


def test_kinds():
    """Each kind of value has a schema; what stands only inside of others needs none."""
    inner = {kinds_of_values.absolute_path, kinds_of_values.parsed_targets}
    assert set(kinds._SCHEMAS) == KINDS - inner


OF_TARGETS = {
    "TLS for one": ({"target": ["http://h/", "https://i/"], "tls_ca_file": "/x"}, True),
    "TLS for none": ({"target": ["http://h/", "HTTP://i/"], "tls_ca_file": "/x"}, False),
    "user information": (
        {"target": ["http://h/", "http://u@i/"], "headers": {"authorization": "x"}},
        False,
    ),
    "a path": ({"target": ["http://h/a@b"], "headers": {"authorization": "x"}}, True),
}


@pytest.mark.parametrize("keys_given, is_good", table(OF_TARGETS))
def test_fields_of_targets(keys_given, is_good):
    """What depends on any of the targets."""
    document = {"endpoints": [raw_endpoint(**keys_given)]}
    assert (by_parser(document), by_schema(document)) == (is_good, is_good)


MEMBERS = [
    ({name: value}, field.limits[0] <= value <= field.limits[1])
    for name, field in CACHE_MEMBERS.items()
    for value in (*field.limits, field.limits[0] - 1, field.limits[1] + 1)
]


@pytest.mark.parametrize("cache, is_good", [*MEMBERS, ({"max_age": 1}, False), ({"x": 1}, False)])
@pytest.mark.parametrize("mode", [TCP, SOCKETMAP, POLICY])
def test_cache(cache, is_good, mode):
    """The members of cache, and which endpoints may have it."""
    document = given("cache", cache, mode=mode)
    is_right = is_good and mode != POLICY
    assert (by_parser(document), by_schema(document)) == (is_right, is_right)


ONLY_FOR_IN_WORDS = {"": "", "policy": "mode policy", "lookups": "lookups"}


@pytest.mark.parametrize("name, field", ENDPOINT_FIELDS.items())
def test_words(name, field):
    """The words name the unit of a number, and what a field is for that not all may have."""
    assert field.unit == "bytes" or field.unit in WORDS[name].lower()
    assert ONLY_FOR_IN_WORDS[field.only_for] in WORDS[name]


def test_members():
    """The same for the members of objects."""
    told = schema()["$defs"]["endpoint"]["properties"]
    known = {name: field.members for name, field in ENDPOINT_FIELDS.items() if field.members}
    assert list(known) == list(WORDS_OF_MEMBERS)
    for name, members in known.items():
        (shown,) = (each for each in told[name]["anyOf"] if each.get("type") == "object")
        assert {n: each["description"] for n, each in shown["properties"].items()} == (
            WORDS_OF_MEMBERS[name]
        )
        assert {n: each["default"] for n, each in shown["properties"].items()} == {
            n: field.default for n, field in members.items()
        }
        for member, field in members.items():
            assert field.unit == "bytes" or field.unit in WORDS_OF_MEMBERS[name][member].lower()


def test_numbers_in_words():
    """What words tell of a default or a bound is what the table has."""
    address = LocalAddress(ENDPOINT_FIELDS["bind-address"].default, 1)
    assert f"{str(address).removesuffix(':1')} without it" in WORDS["bind-address"]
    useful = ENDPOINT_FIELDS["max-response-bytes"].default
    assert f"above {useful // 1024**2} MiB" in WORDS["max-response-bytes"]
    told = {
        name for name, words in WORDS.items() if re.search("[1-9][0-9.]*[0-9]|[0-9] MiB", words)
    }
    assert told == {"bind-address", "max-response-bytes"}


def test_command(capsys):
    """The command prints the schema, which is a valid one."""
    assert cli.main(["config-schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == schema()
    jsonschema.Draft202012Validator.check_schema(printed)
