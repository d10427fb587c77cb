# SPDX-License-Identifier: MIT
"""What each process of a user holds in memory, when all are asleep; runs in the container.

    memory.py USER COUNT

Waits until there are COUNT processes and none of them has run for a while, then prints a JSON array
with an object for each, sizes in kB.
"""

import json
import pwd
import sys
import time
from pathlib import Path

QUIET_SEC = 0.3
"""A process may not run for longer where processors are scarce, but then it is not asleep."""

WAIT_SEC = 120
SIZES = ("Rss", "Pss", "Private_Dirty")


def processes(user_id):
    """The processes of a user, by pid, each with a text that is another one when it has run."""
    found = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if directory.stat().st_uid == user_id:
                lines = (directory / "status").read_text().splitlines()
                status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                switches = status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"]
                found[int(directory.name)] = (status["State"][0], *switches)
        except (FileNotFoundError, ProcessLookupError, KeyError):
            continue
    return found


def asleep(user_id, count):
    """The pids of the processes, as soon as there are so many and they sleep."""
    deadline = time.monotonic() + WAIT_SEC
    before = {}
    while True:
        now = processes(user_id)
        if now == before and len(now) == count and all(state == "S" for state, *_ in now.values()):
            return sorted(now)
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(now)} processes instead of {count}, or they never sleep")
        before = now
        time.sleep(QUIET_SEC)


def memory(pid):
    """What one process holds."""
    lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(text.split()[0]) for name, text in (line.split(":") for line in lines)}
    return {name.lower(): sizes[name] for name in SIZES}


def main():
    """Wait, measure, print."""
    user, count = sys.argv[1:]
    pids = asleep(pwd.getpwnam(user).pw_uid, int(count))
    json.dump([memory(pid) for pid in pids], sys.stdout)


if __name__ == "__main__":
    main()
