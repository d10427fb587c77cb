# SPDX-License-Identifier: MIT
"""Has a target known to be down, as if it had been so for minutes; runs in the container.

    outage.py CACHE_DIRECTORY URL

To be run as the user of the handlers. For half a minute, no handler tries whether the target is up
again: long enough for one that runs under valgrind on a busy machine. A handler might draw less.
"""

import sys

from postfix_rest_inetd.cache import clock, outage, outages

STEP_SEC = outage.MAX_PAUSE_SEC + 1
ATTEMPTS = 6
"""1, 2, 4, 8, 16 and 30 s."""


def main():
    """Fail as often as it takes, at times in the past, and at last now."""
    directory, url = sys.argv[1:]
    outage._jittered = float
    present = clock.now()
    known = outages.Outages(directory)
    for attempt in reversed(range(ATTEMPTS)):
        ago_sec = attempt * STEP_SEC
        moment = clock.Moment(present.wall - ago_sec, present.boot - ago_sec, present.boot_id)
        outages.now = lambda moment=moment: moment
        known.claim(url)
        known.failed(url)
    if known.problem or not known.is_down(url):
        raise SystemExit(f"{url} is not known to be down: {known.problem}")


if __name__ == "__main__":
    main()
