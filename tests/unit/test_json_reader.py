# SPDX-License-Identifier: MIT
"""The JSON reader: json.loads in all but its cost, and stricter in one thing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import postfix_rest_inetd
from harness.wire import table
from postfix_rest_inetd import json_reader

GOOD = {
    "an empty object": "{}",
    "white space around it": ' \t\r\n{"a": [1, 2.5, -1e3, true, false, null]}\n \t\r',
    "strings": r'["é", "\u00e9", "\n\"\\\/", "\ud83d\ude00", "\ud800", ""]',
    "a scalar": "1",
    "nesting": '{"a": {"b": [{"c": []}]}}',
    "a number that is too large for a float": "[1e999]",
}

BAD = {
    "nothing": "",
    "blanks": " \n",
    "white space that is not JSON's": "\v{}",
    "a no-break space": "{}\xa0",
    "letters around it": "X{}X",
    "a second document": "{} {}",
    "half of one": '{"a": ',
    "a comma too many": "[1,]",
    "a control character in a string": '["\n"]',
    "a bad escape": r'["\x"]',
    "single quotes": "{'a': 1}",
    "a byte order mark": "\ufeff{}",
    "a leading zero": "[01]",
}


@pytest.mark.parametrize("text", table({reason: (text,) for reason, text in GOOD.items()}))
def test_good(text):
    """A good document is what json.loads makes of it, objects by way of the hook."""
    assert json_reader.loads(text, dict) == json.loads(text)
    assert json_reader.loads(text, list) == json.loads(text, object_pairs_hook=list)


@pytest.mark.parametrize("text", table({reason: (text,) for reason, text in BAD.items()}))
def test_bad(text):
    """A bad document is refused in json's own words."""
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(json.JSONDecodeError) as raised:
        json_reader.loads(text, dict)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_constants(constant):
    """What json.loads takes for numbers although JSON has none such is refused."""
    with pytest.raises(ValueError, match=f"^{constant} is not a JSON number$"):
        json_reader.loads(f"[{constant}]", dict)


def test_constants_as_json_takes_them():
    """Whoever asks for them gets them as json.loads gives them."""
    text = '["a", NaN, Infinity, -Infinity]'
    found = json_reader.loads(text, dict, parse_constant=float)
    assert repr(found) == repr(json.loads(text))


def test_hooks_are_not_kept():
    """A configuration is read with another function each time, for as long as a handler lives."""
    json_reader.loads("[]", dict)
    before = len(json_reader._scanners)
    for _ in range(3):
        assert json_reader.loads('{"a": 1}', lambda pairs: [*pairs]) == [("a", 1)]
    assert len(json_reader._scanners) == before


def test_the_scanner_of_responses_is_kept():
    """A handler reads many responses, and makes their scanner once for each kind of constants."""
    json_reader.loads("[]", dict, parse_constant=float)
    kept = dict(json_reader._scanners)
    assert callable(kept[float])
    assert json_reader.loads('["a"]', dict, parse_constant=float) == ["a"]
    assert json_reader.loads('["a"]', dict) == ["a"]
    assert json_reader._scanners[float] is kept[float]
    with pytest.raises(ValueError, match="NaN"):
        json_reader.loads("[NaN]", dict)


def test_a_good_document_costs_no_regular_expressions():
    """Neither json nor re is loaded for a good document; that is what this module is for."""
    package = str(Path(postfix_rest_inetd.__file__).parents[1])
    program = (
        f"import sys; sys.path.insert(0, {package!r})\n"
        "from postfix_rest_inetd import json_reader\n"
        'json_reader.loads(\' {"a": [1, -2.5e3, true, null, "x"]} \', dict)\n'
        "print(sorted({'json', 're'} & set(sys.modules)))"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    assert subprocess.check_output(command, text=True, timeout=60) == "[]\n"
