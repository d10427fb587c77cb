# SPDX-License-Identifier: MIT
"""The parsers of control.py, and whose durations are granted; all other rules: test_rules.py."""

from __future__ import annotations

import pytest
from unit.test_imports import PACKAGE, loaded_by, ours

from harness.wire import table
from postfix_rest_inetd.cache.control import MAX_SEC, delta_seconds, directives, grant
from postfix_rest_inetd.config.cache_settings import (
    MAX_AGE,
    NOT_FOUND_MAX_AGE,
    STALE_IF_ERROR,
    CacheSettings,
)

LISTS = {
    "nothing": (b"", {}),
    "empty members": (b" ,, \t,", {}),
    "one": (b"no-store", {b"no-store": None}),
    "several": (b"private, max-age=60", {b"private": None, b"max-age": b"60"}),
    "no blanks": (b"private,max-age=60,", {b"private": None, b"max-age": b"60"}),
    "tabs": (b"\tprivate\t,\tmax-age=60\t", {b"private": None, b"max-age": b"60"}),
    "letter case": (b"Max-Age=60, NO-store", {b"max-age": b"60", b"no-store": None}),
    "a quoted number": (b'max-age="60"', {b"max-age": b"60"}),
    "an empty quoted string": (b'a=""', {b"a": b""}),
    "commas in quotes": (b'private="a, b", max-age=1', {b"private": b"a, b", b"max-age": b"1"}),
    "escapes": (b'a="\\"\\\\\\6", b', {b"a": b'"\\6', b"b": None}),
    "an escaped quote before a comma": (
        b'a="\\", no-store", b',
        {b"a": b'", no-store', b"b": None},
    ),
    "the same twice": (b"a=1, a=1, b, b", {b"a": b"1", b"b": None}),
    "the same with quotes": (b'a=1, a="1"', {b"a": b"1"}),
    "two that differ": (b"a=1, a=2", {b"a": b"?"}),
    "three, and the last is the first again": (b"a=1, a=2, a=1", {b"a": b"?"}),
    "with and without an argument": (b"a=1, a", {b"a": b"?"}),
}

NO_LISTS = {
    "a semicolon": b"max-age=60; private",
    "no comma": b"public max-age=60",
    "a blank before =": b"max-age =60",
    "a blank behind =": b"max-age= 60",
    "no argument": b"max-age=",
    "no name": b"=60",
    "only =": b"=",
    "two =": b"a=b=c",
    "a name in quotes": b'"no-store"',
    "an open quote": b'a="b, max-age=60',
    "only a quote": b'a="',
    "text behind a quote": b'a="b"c, max-age=60',
    "two quoted strings": b'a="b" "c"',
    "a quote within": b'a=b"c"',
    "an escape at the end": b'a="b\\',
    "an escaped quote at the end": b'a="b\\"',
    "a control character": b"max-age\x01=60",
    "beyond ASCII": "müx-age=60".encode(),
    "a colon": b"max-age: 60",
}


@pytest.mark.parametrize("field, expected", table(LISTS))
def test_directives(field, expected):
    """RFC 9111, 5.2; RFC 9110, 5.6.1 and 5.6.4."""
    assert directives(field) == expected


@pytest.mark.parametrize("field", NO_LISTS.values(), ids=NO_LISTS)
def test_no_directives(field):
    """A member that violates the grammar may hide another one, so nothing is read of the rest."""
    assert directives(field) is None


NUMBERS = {
    "zero": (b"0", 0),
    "leading zeros": (b"0060", 60),
    "many zeros": (b"0" * 5000, 0),
    "the largest that counts": (b"2147483648", MAX_SEC),
    "one less": (b"2147483647", MAX_SEC - 1),
    "one more": (b"2147483649", MAX_SEC),
    "more than int() takes": (b"9" * 5000, MAX_SEC),
    "nothing": (None, None),
    "an empty string": (b"", None),
    "a sign": (b"+1", None),
    "a negative one": (b"-1", None),
    "a fraction": (b"1.0", None),
    "an underscore": (b"1_0", None),
    "a blank": (b" 1", None),
    "letters": (b"60s", None),
    "other digits": ("٦".encode(), None),
    "Latin-1's digits": (b"\xb2", None),
}


@pytest.mark.parametrize("argument, expected", table(NUMBERS))
def test_delta_seconds(argument, expected):
    """RFC 9111, 1.2.2."""
    assert delta_seconds(argument) == expected


def test_nothing_is_loaded():
    """The rules need neither the parser for mail nor regular expressions."""
    modules, _ = loaded_by(f"import {PACKAGE}.cache.control")
    rules = {"cache", "cache.control", "cache.http_date"}
    assert ours(modules) == {PACKAGE, *rules, "config", "config.cache_settings"}
    assert {name for name in modules if not name.startswith(PACKAGE)} == {"__future__"}


SETTINGS = CacheSettings(max_age=10, not_found_max_age=20, stale_if_error=30)
EXPIRES = {b"expires": b"Fri, 01 Jan 2100 00:00:00 GMT"}
OWNERS = {
    "nothing is said": ({}, True, MAX_AGE + STALE_IF_ERROR),
    "nothing is said, nothing found": ({}, False, NOT_FOUND_MAX_AGE + STALE_IF_ERROR),
    "max-age": ({b"cache-control": b"max-age=5"}, True, STALE_IF_ERROR),
    "Expires": (EXPIRES, False, STALE_IF_ERROR),
    "stale-if-error": ({b"cache-control": b"stale-if-error=5"}, True, MAX_AGE),
    "must-revalidate": ({b"cache-control": b"must-revalidate"}, False, NOT_FOUND_MAX_AGE),
    "both": ({b"cache-control": b"max-age=5, stale-if-error=5"}, True, b""),
    "both, no staleness": ({b"cache-control": b"max-age=5, must-revalidate"}, True, b""),
}


@pytest.mark.parametrize("fields, is_found, by_operator", table(OWNERS))
def test_whose_durations(fields, is_found, by_operator):
    """The operator's change with the configuration; those of the backend do not."""
    granted = grant(fields, is_found=is_found, settings=SETTINGS, requested_wall=1e9, delay_sec=0.0)
    assert granted.by_operator == by_operator
