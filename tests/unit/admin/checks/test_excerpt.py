# SPDX-License-Identifier: MIT
"""The line with the mistake: where the caret is, and that no secret is there."""

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.checks.excerpt import WIDTH, excerpt
from postfix_rest_inetd.admin.checks.positions import syntax_error

# The caret is below the character behind @.
SHOWN = {
    "a comma": (
        '{"endpoints": [\n  {"name": "a", "mode": "policy",},\n]}',
        '...e": "...", "mode": "policy"@,},',
    ),
    "a comment": ('{\n  // the old one: s3cret\n "endpoints": []}', "@// ...: ..."),
    "a token before the place": ('{"auth-token": "s3cret" 1}', '{"auth-token": "..." @...}'),
    "a token behind it": ('{"mode" "auth-token": "s3cret"}', '{"mode" @"auth-token": "..."}'),
    "a token in single quotation marks": ("{'auth-token': 's3cret'}", "{@'auth-token': '...'}"),
    "a token without quotation marks": ('{"auth-token": s3cret}', '{"auth-token": @...}'),
    "a password in a URL": (
        '{"target": "http://user:s3cret@h/" "mode": "policy"}',
        '{"target": "...:...:..." @"mode": "policy"}',
    ),
    "a long line": (
        f'{{"auth-token": "{"s3cret" * 20}", "headers" "X": "{"s3cret" * 20}"}}',
        '...h-token": "...", "headers" @"...": "..."}',
    ),
    "a terminal's escape": ('{"a": \x1b[2Js3cret}', '{"...": @...[...}'),
    "a byte order mark": ("\ufeff{'mode'}", "{@'mode'}"),
}


@pytest.mark.parametrize("text, marked", table(SHOWN))
def test_excerpt(text, marked):
    """A caret is below the mistake; what might be secret is an ellipsis."""
    content = text.encode()
    line, caret = excerpt(content, syntax_error(content)).split("\n")
    assert (line, caret) == (marked.replace("@", ""), " " * marked.index("@") + "^")
    assert len(line) <= WIDTH
    assert "s3cret" not in line


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff", b'{"a": \xff}'])
def test_nothing_to_show(content):
    """An empty file and one that is not text have no excerpt."""
    assert excerpt(content, syntax_error(content)) == ""
