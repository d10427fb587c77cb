# SPDX-License-Identifier: MIT
"""The endpoints that there are, from a file: what `postfix-rest-inetd endpoints` prints.

The metrics are written by a process that must not read the configuration, for that holds tokens. So
another one that does not read the journal tells it what series there should be (the unit
export-postfix-rest-metrics.service). While the configuration cannot be used, the file stays as it
is: it is just then that the series are needed.
"""

from __future__ import annotations

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics.counters import Series
from postfix_rest_inetd.admin.statistics.journal_entry import MAX_NAME_CHARACTERS
from postfix_rest_inetd.log_entry import printable


def read(path: str) -> list[Series]:
    """The endpoints, each once; none where there is no file yet, and none of lines that are odd.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return []
    known: dict[Series, None] = {}
    for line in lines:
        name, mode, *_ = [*line.split("\t"), ""]
        if mode in model.MODES:
            known[Series(printable(name, MAX_NAME_CHARACTERS), mode)] = None
    return list(known)
