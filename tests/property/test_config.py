# SPDX-License-Identifier: MIT
"""Properties of what an operator may write: any file gives a Config or a list of problems."""

from __future__ import annotations

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st
from property.strategies import MODES, documents, json_values, urls

from postfix_rest_inetd import json_reader, log_entry
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.cache_settings import CacheSettings
from postfix_rest_inetd.config.fields import CACHE_MEMBERS
from postfix_rest_inetd.config.target import Target
from postfix_rest_inetd.errors import ConfigError


def check(content):
    """A Config fit for use, or a ConfigError whose every problem can be shown to people."""
    found = []
    endpoints = []
    try:
        endpoints = loading.parse(content, "config.json").endpoints
    except ConfigError as error:
        found = error.problems
    for path, text in found:
        assert path == "" or path.startswith("$")
        assert (path + text).isprintable()
        assert text
    for endpoint in endpoints:
        for name in endpoint.__slots__:
            getattr(endpoint, name)  # each attribute is there
        assert endpoint.mode in MODES
        assert 1 <= endpoint.request_timeout <= 90_000
        assert (endpoint.auth_token is None) != (endpoint.auth_token_file is None)
        for value in (endpoint.auth_token or "", *endpoint.headers.values()):
            assert not re.search(r"[\x00-\x1f\x7f]", value)
            value.encode()
        str(endpoint.address).encode()
        targets = endpoint.targets
        assert 1 <= len(targets.urls) == len(targets.all()) == len(set(targets.urls)) <= 8
        assert targets.is_tls == any(target.tls for target in targets.all())
        assert targets.is_plain == (not targets.is_tls)
        assert targets.has_user_info == any(target.basic_auth for target in targets.all())
        if not endpoint.is_lookup:
            assert endpoint.cache == CacheSettings()
        for name, field in CACHE_MEMBERS.items() if endpoint.cache else ():
            assert field.value_of(getattr(endpoint.cache, name.replace("-", "_"))) is not None
    assert len({endpoint.address for endpoint in endpoints}) == len(endpoints)


@given(documents())
def test_documents(content):
    """A file that is nearly good is used in full or refused with problems."""
    check(content)


@given(json_values)
def test_any_json(value):
    """So is any JSON at all."""
    check(json.dumps(value).encode())


@given(st.binary(max_size=80))
@example(b"\xef\xbb\xbf{}")
@example(b"\xff\xfe")
def test_any_bytes(content):
    """So is any file."""
    check(content)


@given(documents())
def test_late_parsing(content):
    """What tolerant loading leaves out, Targets.all() finds: both together are strict loading.

    A target that is wrong by itself is not parsed, and not compared with other fields.
    """
    try:
        loaded = loading.parse(content, "config.json", tolerant=True)
    except ConfigError:
        return
    found = list(loaded.problem.problems) if loaded.problem else []
    for endpoint in loaded.endpoints:
        try:
            if endpoint.targets:
                endpoint.targets.all()
        except ConfigError as error:
            found += error.problems
    try:
        loading.parse(content, "config.json")
        strict = []
    except ConfigError as error:
        strict = error.problems
    assert bool(strict) == bool(found)
    assert {each for each in strict if ".target" not in each[0]} <= set(found)
    assert {each for each in found if ".target" in each[0]} <= set(strict)


@given(documents())
def test_nothing_is_remembered(content):
    """The same file gives the same problems, however often it is read."""
    assert outcome(content) == outcome(content)


def outcome(content):
    """The problems of a file, or where its endpoints listen."""
    try:
        return [str(e.address) for e in loading.parse(content, "").endpoints]
    except ConfigError as error:
        return error.problems


@given(st.one_of(json_values.map(json.dumps), documents().map(lambda d: d.decode("latin-1"))))
@example("1 ")
@example("[1")
def test_json_reader(text):
    """The reader gives what json.loads gives, or an error where that does."""

    def refuse(constant):
        raise ValueError(f"{constant} is not a JSON number")

    assert result(json_reader.loads, text, dict) == result(
        json.loads, text, object_pairs_hook=dict, parse_constant=refuse
    )


def result(function, *arguments, **options):
    """What a function returns, or the ValueError that it raises."""
    try:
        return function(*arguments, **options)
    except ValueError as error:
        return str(error)


REQUEST_TARGET = re.compile(
    r"/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*(\?[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*)?"
)
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*")


@given(urls)
@example("http://user:pass@h:80/%20?a#")
def test_target(url):
    """A URL is refused, or is everything that a request line and a Host header may be."""
    try:
        target = Target(url)
    except ValueError:
        return
    assert REQUEST_TARGET.fullmatch(target.path)
    assert REQUEST_TARGET.fullmatch(target.with_query("name=a&key=%20"))
    assert HOST.fullmatch(target.host)
    assert 1 <= target.port <= 65535
    assert target.tls == url.lower().startswith("https:")
    assert re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?", target.host_header)
    assert target.origin == f"http{'s' * target.tls}://{target.host_header}"
    assert target.basic_auth is None or re.fullmatch(
        "Basic [A-Za-z0-9+/]+={0,2}", target.basic_auth
    )


@given(urls)
def test_target_is_itself_again(url):
    """The URL made of a target's parts is the same target."""
    try:
        target = Target(url)
    except ValueError:
        return
    again = Target(target.origin + target.path)
    names = ("tls", "host", "port", "path", "host_header", "origin")
    assert [getattr(again, name) for name in names] == [getattr(target, name) for name in names]


@given(st.binary(max_size=5000))
@example(b"\xf0\x9f\x98\x80" * 1024)
@example(b"a" * 4095 + b"\xc3\xa9")
def test_text_of_a_client(data):
    """Whatever a client sends is shown as one printable line of a bounded length."""
    shown = log_entry._client_text(data)
    assert shown.isprintable()
    assert len(shown) <= 1024 + 1
    assert shown.endswith("…") or len(data) <= 4 * 1024


@given(st.text(st.characters(codec=None)), st.none() | st.integers(0, 20))
@example("\udcff\0\u2028\u202e", None)
def test_printable(text, limit):
    """Any text is shown as one printable line that says what the text was, or how it begins."""
    shown = log_entry.printable(text, limit)
    assert shown.isprintable()
    if limit is not None and shown.endswith("…") and len(shown) == limit + 1:
        assert log_entry.printable(text).startswith(shown[:-1])
    else:
        assert shown == log_entry.printable(text)
    if "\\" not in text:
        whole = log_entry.printable(text)
        assert whole.encode("ascii", "backslashreplace").decode("unicode_escape") == text
