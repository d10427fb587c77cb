# SPDX-License-Identifier: MIT
"""The field `target`: one URL or several, and when they are parsed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from harness.endpoints import endpoint, raw_endpoint
from harness.modes import MODES
from harness.project_files import ROOT
from harness.wire import table
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.targets import Targets
from postfix_rest_inetd.errors import ConfigError

A, B = "http://a/x", "https://b/y?z=1"
SCHEME = "a target begins with http:// or https://"
HERE = "$.endpoints[0].target"


def content(**fields: object) -> bytes:
    """A file with one endpoint."""
    return json.dumps({"endpoints": [raw_endpoint(**fields)]}).encode()


def problems(**fields: object) -> list[tuple[str, str]]:
    """What is wrong with an endpoint, in strict loading."""
    with pytest.raises(ConfigError) as raised:
        loading.parse(content(**fields), "config.json")
    return raised.value.problems


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("given", [A, B, [A], [A, B], [B, A], [f"http://h{n}/" for n in range(8)]])
def test_good(given: str | list[str], mode: str) -> None:
    """The URLs are kept as written and in their order; all() has the target of each."""
    targets = endpoint(mode, target=given).targets
    urls = [given] if isinstance(given, str) else given
    assert targets.urls == tuple(urls)
    assert [t.origin + t.path for t in targets.all()] == urls
    assert targets.all() is targets.all()


BAD: dict[str, tuple[list[object], list[tuple[str, str]]]] = {
    "the second": ([A, "ftp://h/"], [("[1]", SCHEME)]),
    "two of them": (["h", A, "ftp://h/"], [("[0]", SCHEME), ("[2]", SCHEME)]),
    "a list of one": (["h"], [("[0]", SCHEME)]),
    "no string": ([A, 7, None], [("[1]", "must be a string"), ("[2]", "must be a string")]),
    "a list in the list": ([A, [B]], [("[1]", "must be a string")]),
    "half of a surrogate pair": ([A, "\ud800"], [("[1]", "has half of a surrogate pair in it")]),
    "problems of both kinds": (
        ["ftp://h/", "ftp://h/", A, "h", 1],
        [
            ("[0]", SCHEME),
            ("[1]", "appears here more than once"),
            ("[3]", SCHEME),
            ("[4]", "must be a string"),
        ],
    ),
    "one twice": ([A, B, A], [("[2]", "appears here more than once")]),
}


@pytest.mark.parametrize("given, found", table(BAD))
def test_bad(given: list[object], found: list[tuple[str, str]]) -> None:
    """Each URL that is wrong is reported at its own place."""
    assert problems(target=given) == [(HERE + part, text) for part, text in found]


def test_strings_in_a_list_show_no_secret() -> None:
    """A problem with a URL does not repeat it."""
    found = problems(target=["http://u:hunter2@h:x/", "http://u:hunter2@h:x/"])
    assert "hunter2" not in repr(found)


# -- tolerant loading


@pytest.mark.parametrize(
    "given, part", [("ftp://h/", ""), ([A, "ftp://h/"], "[1]"), (["http://h:x/"], "[0]")]
)
def test_late(given: object, part: str) -> None:
    """In tolerant loading a wrong URL is found by all(), in the words of strict loading."""
    (only,) = loading.parse(content(target=given), "/the/file", tolerant=True).endpoints
    assert only.problems == []
    with pytest.raises(ConfigError) as raised:
        only.targets.all()
    assert raised.value.source == "/the/file"
    assert raised.value.problems == problems(target=given)
    assert [path for path, _ in raised.value.problems] == [HERE + part]


LOADED = """
import json, sys
sys.path.insert(0, {root!r})
from postfix_rest_inetd.config import loading
loaded = loading.parse({content!r}, "x", {options})
before = "urllib.parse" in sys.modules
loaded.endpoints[0].targets.all()
print(before, "urllib.parse" in sys.modules)
"""


@pytest.mark.parametrize(
    "options, expected",
    [("", "True True"), ("tolerant=True", "False True"), ("for_listening=True", "False True")],
)
def test_when_they_are_parsed(options: str, expected: str) -> None:
    """Strict loading parses; a handler loads urllib.parse only when it needs the targets."""
    given = content(
        target=[A, "https://u:p@h/"], tls_ca_file="/ca", headers={"X": "y"}, auth_token="x"
    )
    program = LOADED.format(root=str(ROOT), content=given, options=options)
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == expected


# -- what is told without parsing

TLS = "has no meaning for a target that begins with http://"
BOTH = "Authorization cannot be combined with user information in the target"
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "no TLS at all": ({"target": [A, "HTTP://c/"], "tls_ca_file": "/x"}, TLS),
    "TLS for the second": ({"target": [A, B], "tls_ca_file": "/x"}, None),
    "TLS in capitals": ({"target": [A, "HTTPS://c/"], "tls_ca_file": "/x"}, None),
    "user information of the second": (
        {"target": [A, "http://u@c/"], "headers": {"authorization": "x"}},
        BOTH,
    ),
    "a sign in a path": ({"target": "http://h/a@b", "headers": {"Authorization": "x"}}, None),
    "a sign in a query": ({"target": "http://h?a@b", "headers": {"Authorization": "x"}}, None),
    "another header": ({"target": "http://u:p@h/", "headers": {"X-Authorization": "x"}}, None),
}


@pytest.mark.parametrize("tolerant", [True, False])
@pytest.mark.parametrize("fields, text", table(CONTRADICTIONS))
def test_contradictions(fields: dict[str, Any], text: str | None, *, tolerant: bool) -> None:
    """Fields that contradict the targets are found in both ways of loading, in the same words."""
    try:
        loaded = loading.parse(content(**fields), "x", tolerant=tolerant)
        found = loaded.endpoints[0].problems
    except ConfigError as error:
        found = error.problems
    assert [told for _, told in found] == ([] if text is None else [text])


def test_a_wrong_scheme_is_one_problem() -> None:
    """Files for TLS beside a target with a wrong scheme are not blamed."""
    assert problems(target="ftp://h/", tls_ca_file="/x") == [(HERE, SCHEME)]
    (only,) = loading.parse(
        content(target="ftp://h/", tls_ca_file="/x"), "x", tolerant=True
    ).endpoints
    assert only.problems == []


@pytest.mark.parametrize(
    "urls, is_tls, is_plain, has_user_info",
    [
        (("http://h/",), False, True, False),
        (("https://h/",), True, False, False),
        (("http://h/", "hTTpS://u:p@h/"), True, False, True),
        (("ftp://h/",), False, False, False),
        (("http://h#a@b",), False, True, False),
    ],
)
def test_attributes(
    urls: tuple[str, ...], *, is_tls: bool, is_plain: bool, has_user_info: bool
) -> None:
    """What the URLs begin with, in any letter case, and what is before their hosts."""
    targets = Targets(urls, is_list=True)
    found = (targets.is_tls, targets.is_plain, targets.has_user_info)
    assert found == (is_tls, is_plain, has_user_info)


def test_shown() -> None:
    """For people: the origins in order, each once, without paths and user information."""
    given = ["https://u:p@h/a", "https://h/b", "http://[::1]:81/c"]
    assert endpoint(target=given).targets.shown() == "https://h, else http://[::1]:81"
