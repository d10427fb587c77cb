# SPDX-License-Identifier: MIT
"""What a connection costs the container's processor; runs in the container, not in its cgroup.

    connection_cost.py ROUNDS PORT...

Each port belongs to a socket unit whose service echoes a line. In each round, all ports are asked
once, in another order. Prints a JSON array with an array for each port, which is empty where the
service does not start: the processor time of each connection in microseconds. That is the time of
systemd, its journal, what systemd executes and the service, from connect until the last of it
sleeps again. A busy machine changes it much less than a stopwatch's.
"""

import json
import os
import random
import socket
import sys
import time

USAGE = "/sys/fs/cgroup/cpu.stat"
WAIT_SEC = 120
LOOK_SEC = 0.002
LINE = b"x\n"


def usage():
    """Processor time of the container so far."""
    with open(USAGE, encoding="ascii") as file:
        return int(file.readline().split()[1])


def processes():
    """The pids of the others, and whether all of them sleep."""
    pids, asleep = set(), True
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    state = file.read().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
            pids.add(name)
            asleep &= state == "S"
    return pids, asleep


def settled(wanted=None):
    """Wait until all sleep and only the processes WANTED are left; the processes, and the usage."""
    deadline = time.monotonic() + WAIT_SEC
    before = -1
    while time.monotonic() < deadline:
        time.sleep(LOOK_SEC)
        (pids, asleep), now = processes(), usage()
        if asleep and now == before and wanted in (None, pids):
            return pids, now
        before = now
    raise SystemExit(f"processes {pids} instead of {wanted}, or they never sleep")


def answers(port):
    """Is a line echoed?"""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SEC) as connection:
        try:
            connection.sendall(LINE)
            return connection.recv(16) == LINE
        except ConnectionError:
            return False


def main():
    """Ask, print."""
    rounds, *ports = map(int, sys.argv[1:])
    costs = {port: [] for port in ports}
    asked = [port for port in ports if answers(port)]  # the first connection warms up
    wanted, before = settled()
    for _ in range(rounds):
        for port in random.sample(asked, len(asked)):
            if not answers(port):
                raise SystemExit(f"no echo from port {port}")
            _, after = settled(wanted)
            costs[port].append(after - before)
            before = after
    print(json.dumps(list(costs.values())))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
