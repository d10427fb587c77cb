# SPDX-License-Identifier: MIT
"""An entry in the text of a configuration: nothing else changes, and the layout is continued."""

from __future__ import annotations

import json

import pytest

from postfix_rest_inetd.admin.setup.insertion import inserted

ENTRY: dict[str, object] = {"name": "ü", "x": [1, 2]}

LAYOUTS = {
    "as installed": (
        '{\n  "endpoints": []\n}\n',
        ('{\n  "endpoints": [\n    {\n      "name": "ü",\n      "x": [1, 2]\n    }\n  ]\n}\n'),
    ),
    "one line": (
        '{"endpoints": [{"name": "a"}]}',
        '{"endpoints": [{"name": "a"}, {"name": "ü", "x": [1, 2]}]}',
    ),
    "an entry on a line": (
        '{"endpoints": [\n  {"name": "a",\n   "x": 1}\n], "user-agent": "x"}\n',
        (
            '{"endpoints": [\n  {"name": "a",\n   "x": 1},\n'
            '  {"name": "ü", "x": [1, 2]}\n], "user-agent": "x"}\n'
        ),
    ),
    "tabs": (
        '{\n\t"endpoints": [\n\t\t{\n\t\t\t"name": "a"\n\t\t}\n\t]\n}\n',
        (
            '{\n\t"endpoints": [\n\t\t{\n\t\t\t"name": "a"\n\t\t},\n'
            '\t\t{\n\t\t\t"name": "ü",\n\t\t\t"x": [1, 2]\n\t\t}\n\t]\n}\n'
        ),
    ),
    "a mark and CR LF": (
        '\ufeff{"endpoints" : [ {"name": "]"}\r\n ] }\r\n',
        ('\ufeff{"endpoints" : [ {"name": "]"}, {"name": "ü", "x": [1, 2]}\r\n ] }\r\n'),
    ),
    "lines with CR LF": (
        '{"endpoints": [\r\n  ]}\r\n',
        ('{"endpoints": [\r\n  {\r\n    "name": "ü",\r\n    "x": [1, 2]\r\n  }\r\n]}\r\n'),
    ),
}


@pytest.mark.parametrize(("before", "after"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(before: str, after: str) -> None:
    """The text, and what it means."""
    text = inserted(before.encode(), ENTRY).decode()
    assert text == after
    old = json.loads(before.removeprefix("\ufeff"))
    new = json.loads(text.removeprefix("\ufeff"))
    assert new == {**old, "endpoints": [*old["endpoints"], ENTRY]}
