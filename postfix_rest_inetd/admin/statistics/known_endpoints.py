# SPDX-License-Identifier: MIT
"""The configured endpoints, from a file that `postfix-rest-inetd endpoints` has written.

The unit export-postfix-rest-metrics.service keeps the configuration, which holds tokens, away from
the process that reads the journal. Another process writes this file, so that the metrics have the
series of all endpoints. While the configuration cannot be used, the file stays as it is: that is
when the series are needed.
"""

from __future__ import annotations

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.host import named_file
from postfix_rest_inetd.admin.statistics.counters import Series
from postfix_rest_inetd.admin.statistics.journal_entry import MAX_NAME_CHARACTERS
from postfix_rest_inetd.log_entry import printable


def read(path: str) -> list[Series]:
    """The endpoints, each once. Without a file there are none; lines without a mode are skipped.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        lines = named_file.read(path).decode(errors="backslashreplace").split("\n")
    except FileNotFoundError:
        return []
    known: dict[Series, None] = {}
    for line in lines:
        name, mode, *_ = [*line.split("\t"), ""]
        if mode in model.MODES:
            known[Series(printable(name, MAX_NAME_CHARACTERS), mode)] = None
    return list(known)
