# SPDX-License-Identifier: MIT
"""The clients of the benchmark: runs in the container, does what it is told, line by line.

A line on standard input is a JSON array, a function below and its arguments; the line on standard
output that answers it is the JSON of what the function returns. Times are in microseconds. What is
asked is a subject: {"port", "request", "ends"}, where "ends" is how a complete answer ends; a
subject with "url" instead is asked by urllib3, without anything between.
"""

import json
import random
import selectors
import socket
import sys
import time

from urllib3.connection import HTTPConnection

TIMEOUT_SEC = 120
SETTLE_SEC = 0.05
"""After each measurement: systemd takes down the last handler, which would slow down the next."""

HELD = []


class Asked:
    """One connection to a subject."""

    def __init__(self, subject):
        """Connect."""
        self.request = subject["request"].encode()
        self.ends = subject["ends"].encode()
        self.socket = socket.create_connection(("127.0.0.1", subject["port"]), TIMEOUT_SEC)
        # A request of several lines is one write, and so one segment, with Postfix too.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.began = 0
        self.received = b""

    def send(self):
        """Ask."""
        self.received = b""
        self.began = time.monotonic_ns()
        self.socket.sendall(self.request)

    def receive(self):
        """Read once; the microseconds since `send()` when the answer is complete, else None."""
        data = self.socket.recv(65536)
        taken = (time.monotonic_ns() - self.began) / 1000
        self.received += data
        if self.received.endswith(self.ends):
            return taken
        if not data:
            raise SystemExit(f"{self.received!r} does not end with {self.ends!r}")
        return None

    def ask(self):
        """Ask and wait for the answer; how long it took."""
        self.send()
        while True:
            taken = self.receive()
            if taken is not None:
                return taken

    def close(self):
        """Hang up."""
        self.socket.close()


class PlainLoop:
    """The lookup that a handler makes, made here by urllib3: the floor of every warm lookup."""

    def __init__(self, subject):
        """Connect with the first question."""
        self.path = subject["url"]
        self.connection = HTTPConnection("127.0.0.1", subject["port"])

    def ask(self):
        """Ask and decode the answer; how long it took."""
        began = time.monotonic_ns()
        self.connection.request("GET", self.path, headers={"Accept": "application/json"})
        response = self.connection.getresponse()
        values = json.loads(response.data)
        taken = (time.monotonic_ns() - began) / 1000
        if values != ["value"]:
            raise SystemExit(f"{values!r} from {self.path}")
        return taken

    def close(self):
        """Hang up."""
        self.connection.close()


def cpu_usec():
    """Processor time of the whole machine; this process is not counted, it came in from outside."""
    with open("/sys/fs/cgroup/cpu.stat", encoding="ascii") as file:
        return int(file.readline().split()[1])


def in_turn(subjects, rounds, count, measure):
    """What MEASURE(NAME) returns, times of COUNT answers, in each round for all in another order.

    For each subject: `usec`, the times; and for each round `cpu_usec`, processor time per answer,
    with what comes after it, and `rates`, answers per second.
    """
    results = {name: {"usec": [], "cpu_usec": [], "rates": []} for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            cpu, began = cpu_usec(), time.monotonic_ns()
            times = measure(name)
            elapsed_sec = (time.monotonic_ns() - began) / 1e9
            time.sleep(SETTLE_SEC)
            result = results[name]
            result["usec"] += times
            result["cpu_usec"].append((cpu_usec() - cpu) / count)
            result["rates"].append(count / elapsed_sec)
    return results


def cold(subjects, rounds):
    """From connect to the first answer, one after the other."""

    def measure(name):
        began = time.monotonic_ns()
        connection = Asked(subjects[name])
        connection.ask()
        taken = (time.monotonic_ns() - began) / 1000
        connection.close()
        return [taken]

    return in_turn(subjects, rounds, 1, measure)


def warm(subjects, rounds, count):
    """Questions on one kept connection to each subject."""
    connections = {
        name: PlainLoop(subject) if "url" in subject else Asked(subject)
        for name, subject in subjects.items()
    }
    for connection in connections.values():
        for _ in range(20):
            connection.ask()

    def measure(name):
        ask = connections[name].ask
        return [ask() for _ in range(count)]

    results = in_turn(subjects, rounds, count, measure)
    for connection in connections.values():
        connection.close()
    return results


def cold_crowd(subjects, clients, rounds, count):
    """As many clients at once, each with a new connection for each question."""
    return in_turn(
        subjects, rounds, count, lambda name: _cold_crowd(subjects[name], clients, count)
    )


def _cold_crowd(subject, clients, count):
    times = []
    left = count

    def start(selector):
        began = time.monotonic_ns()
        asked = Asked(subject)
        asked.send()
        asked.began = began
        selector.register(asked.socket, selectors.EVENT_READ, asked)

    with selectors.DefaultSelector() as selector:
        for _ in range(min(clients, left)):
            start(selector)
            left -= 1
        while selector.get_map():
            for key, _ in selector.select(TIMEOUT_SEC):
                taken = key.data.receive()
                if taken is not None:
                    times.append(taken)
                    selector.unregister(key.fileobj)
                    key.data.close()
                    if left:
                        start(selector)
                        left -= 1
    return times


def warm_crowd(subjects, clients, rounds, count):
    """The same on kept connections, one for each client and subject, all open all the time."""
    crowds = {name: [Asked(subject) for _ in range(clients)] for name, subject in subjects.items()}
    for crowd in crowds.values():
        _warm_crowd(crowd, 2 * clients)
    results = in_turn(subjects, rounds, count, lambda name: _warm_crowd(crowds[name], count))
    for crowd in crowds.values():
        for asked in crowd:
            asked.close()
    return results


def _warm_crowd(crowd, count):
    times = []
    left = count
    with selectors.DefaultSelector() as selector:
        for asked in crowd:
            selector.register(asked.socket, selectors.EVENT_READ, asked)
            asked.send()
            left -= 1
        while len(times) < count:
            for key, _ in selector.select(TIMEOUT_SEC):
                taken = key.data.receive()
                if taken is not None:
                    times.append(taken)
                    if left > 0:
                        key.data.send()
                        left -= 1
    return times


def hold(subject, count):
    """Open connections and keep them."""
    HELD.extend(Asked(subject) for _ in range(count))


def burst(subject, count):
    """Open connections, keep them, and ask on all of them as soon as all are open."""
    began = time.monotonic_ns()
    hold(subject, count)
    return ask_held(began)


def ask_held(began=0):
    """Ask on all held connections at once; when each was answered, counted from the beginning."""
    began = began or time.monotonic_ns()
    times = []
    with selectors.DefaultSelector() as selector:
        for asked in HELD:
            selector.register(asked.socket, selectors.EVENT_READ, asked)
            asked.send()
            asked.began = began
        while selector.get_map():
            for key, _ in selector.select(TIMEOUT_SEC):
                taken = key.data.receive()
                if taken is not None:
                    times.append(taken)
                    selector.unregister(key.fileobj)
    return times


def release():
    """Close the held connections."""
    while HELD:
        HELD.pop().close()


COMMANDS = (cold, warm, cold_crowd, warm_crowd, hold, burst, ask_held, release)


def main():
    """Obey until the end of file."""
    commands = {function.__name__: function for function in COMMANDS}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(commands[name](*arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
