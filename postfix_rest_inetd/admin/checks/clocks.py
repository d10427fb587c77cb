# SPDX-License-Identifier: MIT
"""Whether the clocks of this machine and of a backend agree, by the Date of a response.

A wrong clock makes certificates expired or not yet valid, and stored answers and the periods of
`stats` too long or too short. Which of the two clocks is wrong cannot be seen from here. A response
with an Age comes from a cache on the way, and its Date is that of another time (RFC 9111, 5.1).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import WARNING, Finding
from postfix_rest_inetd.cache import http_date

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.answering import Answer

_TOLERATED_SEC = 300


def findings(made: Answer, where: str) -> Iterator[Finding]:
    """A difference of more than five minutes, in an answer that a backend has just given."""
    fields = {} if made.response is None else made.response.caching
    now = time.time()
    date = http_date.seconds(fields.get(b"date", b""), now)
    if date is None or b"age" in fields or abs(date - now) <= _TOLERATED_SEC:
        return
    ahead = "ahead of" if date > now else "behind"
    minutes = round(abs(date - now) / 60)
    what = f"the clock of the backend is {minutes} minutes {ahead} the clock of this machine"
    advice = "Correct the one that is wrong: timedatectl shows the clock of this machine. "
    advice += "Certificates, stored answers and stats depend on it."
    yield Finding(WARNING, where, what, advice)
