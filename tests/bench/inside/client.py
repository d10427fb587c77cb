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
"""Between cold questions: systemd takes down the last handler, which slows down the next one."""

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


def connect(subject):
    """A connection to a subject."""
    return PlainLoop(subject) if "url" in subject else Asked(subject)


def cold(subjects, rounds):
    """From connect to the first answer, one after the other, in each round in another order."""
    times = {name: [] for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            time.sleep(SETTLE_SEC)
            began = time.monotonic_ns()
            connection = connect(subjects[name])
            connection.ask()
            times[name].append((time.monotonic_ns() - began) / 1000)
            connection.close()
    return times


def warm(subjects, rounds, batch):
    """Questions on one kept connection to each subject: a batch to each in turn, round by round."""
    connections = {name: connect(subject) for name, subject in subjects.items()}
    for connection in connections.values():
        for _ in range(20):
            connection.ask()
    times = {name: [] for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            ask = connections[name].ask
            times[name] += [ask() for _ in range(batch)]
    for connection in connections.values():
        connection.close()
    return times


def cold_crowd(subjects, clients, rounds, count):
    """As many clients at once, each with a new connection for each question.

    For each subject: how many questions a second, for each round, and how long each took.
    """
    results = {name: {"rates": [], "usec": []} for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            time.sleep(SETTLE_SEC)
            began = time.monotonic_ns()
            results[name]["usec"] += _cold_crowd(subjects[name], clients, count)
            elapsed = (time.monotonic_ns() - began) / 1e9
            results[name]["rates"].append(count / elapsed)
    return results


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
    connections = {name: [Asked(subject) for _ in range(clients)] for name, subject in subjects.items()}
    for crowd in connections.values():
        _warm_crowd(crowd, 2 * clients)
    results = {name: {"rates": [], "usec": []} for name in subjects}
    for _ in range(rounds):
        for name in random.sample(list(subjects), len(subjects)):
            began = time.monotonic_ns()
            results[name]["usec"] += _warm_crowd(connections[name], count)
            elapsed = (time.monotonic_ns() - began) / 1e9
            results[name]["rates"].append(count / elapsed)
    for crowd in connections.values():
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


def hold(subject, count, ask):
    """Open connections and keep them; if asked to, ask on each as soon as all are open."""
    began = time.monotonic_ns()
    HELD.extend(Asked(subject) for _ in range(count))
    return ask_held(began) if ask else []


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


COMMANDS = (cold, warm, cold_crowd, warm_crowd, hold, ask_held, release)


def main():
    """Obey until the end of file."""
    commands = {function.__name__: function for function in COMMANDS}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(commands[name](*arguments)), flush=True)


if __name__ == "__main__":
    main()
