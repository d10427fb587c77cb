# SPDX-License-Identifier: MIT
"""What postfix-rest-inetd(7) says of stored answers is what the rules of the cache are."""

from __future__ import annotations

import re
from types import SimpleNamespace

from project.test_field_manual import page, under
from unit.backend.test_response import OK, Stream

from harness.manual_page import displays
from postfix_rest_inetd.backend.response import ResponseReader
from postfix_rest_inetd.cache.control import Grant, grant

PAGE = "postfix-rest-inetd.7"
TABLE = "What the backend says"
HEAD = ["header of the response", "fresh for", "stale for"]

NOW = 1_800_000_000  # the Date in the table
OPERATOR = SimpleNamespace(max_age=7, not_found_max_age=7, stale_if_error=11)


def rows() -> list[list[str]]:
    """The table as it is shown; a header that goes on in the next line is one row."""
    head, *lines = [re.split(" {2,}", line.strip()) for line in table_lines()]
    assert head == HEAD
    found: list[list[str]] = []
    for cells in lines:
        if len(cells) == 1:
            found[-1][0] += f" {cells[0]}"
        else:
            found.append(cells)
    return found


def table_lines() -> list[str]:
    """Up to the empty line behind the table."""
    lines = under(TABLE, page(PAGE))
    return lines[: lines.index("")]


def granted(header: str) -> Grant | None:
    """What is granted for header fields that are separated by commas, as in the table."""
    fields = re.split(r", (?=[A-Z][A-Za-z-]+: )", header)
    raw = b"".join(b"%b\r\n" % field.encode() for field in fields)
    response = ResponseReader(Stream(OK + raw + b"Content-Length: 0\r\n\r\n"))
    response.begin()
    return grant(
        response.caching, is_found=True, settings=OPERATOR, requested_wall=NOW, delay_sec=0.0
    )


def told(found: Grant | None) -> list[str]:
    """What the table has to say of it."""
    if found is None:
        return ["never", "never"]
    fresh, stale = found.lifetime_sec - found.age_sec, found.stale_sec
    words = {7: "no", 0: "zero"}.get(fresh, f"{fresh:.0f} s")
    return [words, {11: "no", 0: "never"}.get(stale, f"{stale} s")]


def test_table() -> None:
    """Each row of the table is what the rules make of that header."""
    assert len(rows()) > 15
    assert [(row[0], told(granted(row[0]))) for row in rows()] == [
        (row[0], row[1:]) for row in rows()
    ]


def test_example() -> None:
    """The header that a backend should send permits what the page explains."""
    (text,) = displays(PAGE, "header").values()
    found = granted(text.strip())
    assert found is not None
    assert (found.lifetime_sec, found.stale_sec) == (60, 86400)
