# SPDX-License-Identifier: MIT
"""What is done to stored answers in test_torture, and what is looked at afterwards.

`Torture` sets up a machine with two endpoints and a backend, lets clients ask, and does what the
schedule says (torture_plan.py). What it did and when is in `facts`, for the model (permitted.py).
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import Self

from integration.askers import Askers
from integration.product import (
    CACHE,
    SOCKETMAP,
    TCP,
    USER,
    ask,
    drop_in,
    endpoint,
    socketmap_request,
    start,
    wait_for_no_handlers,
    write_config,
)
from integration.torture_plan import PORTS, QUESTIONS, TIMEOUT_MS, TOKENS, Plan, schedule

from harness.container import Container
from harness.granting_backend import GrantingBackend
from harness.permitted import Facts, Interval, Purge, Question, Restoring
from harness.sleeper import Sleeper
from harness.unreliable import LIBRARY, Unreliable

LATE_SEC = 0.05
"""So much later than its deadline a reply may be ready, on a machine that does nothing else."""

TURNS = 5
"""Where others keep a sleeper waiting for its turn, a handler needs several turns for a reply."""

MODES = {"domains": "tcp-lookup", "boxes": "socketmap-lookup"}
DEATHS = 100
"""So many of a thousand handlers that are about to rename or link a file die."""

LEFTOVER_SEC = 30
"""Nobody takes so long to write a file."""

UNDER_WAY_SEC = 1.5
"""For so long an answer is awaited that is under way during a purge."""

STORE = f"{CACHE}/1"
COPY = f"{CACHE}/copy"
DISK = "size=16m,nr_inodes=20000"

_PRELOAD = f"[Service]\nEnvironment=LD_PRELOAD={LIBRARY}\n"
_MOUNT = """
mkdir -p "$1"
mount -t tmpfs -o "$2,mode=0700,uid=$(id -u "$3"),gid=$(id -g "$3")" torture "$1"
"""
_KILL = 'pgrep -u "$1" -f handler | shuf -n "$2" | xargs -r kill -9 || :'
# New files may come meanwhile: it is gone when there is a moment in which it is.
_DELETE = 'for try in $(seq 1000); do rm -rf "$1" 2>/dev/null && exit; done; exit 1'
_RESTORE = """
rm -rf "$2.old"
for try in $(seq 1000); do
    ! [ -e "$1" ] || mv -T "$1" "$2.old.$try"
    ! mv -T "$2" "$1" 2>/dev/null || break
done
[ ! -e "$2" ]
rm -rf "$2.old."*
"""
_FILL = 'head -c 100m /dev/zero >"$1/ballast" 2>/dev/null || :'
_DAMAGE = """
find "$1/answers" -path "*/??/*" -type f | shuf -n 6 | {
    read -r cut && : >"$cut"
    read -r torn && truncate -s -3 "$torn"
    read -r other && echo nonsense >"$other"
    read -r fifo && rm -f "$fifo" && mkfifo -m 0600 "$fifo"
    read -r link && ln -sfn /dev/zero "$link"
    read -r long && truncate -s +1M "$long"
} || :
"""
_EXCHANGE = """
find "$1/answers" -path "*/??/*" -type f | shuf -n 10 | while read -r one && read -r other; do
    mv -T "$one" "$1/between" && mv -T "$other" "$one" && mv -T "$1/between" "$other" || :
done
rm -f "$1/between"
"""
_LIST = 'cd "$1" && find . -mindepth 1 -printf "%P\\n"'
_EXPECTED = re.compile(
    r"backends|answers|answers/[^/]+|answers/[^/]+/new|answers/[^/]+/[0-9a-f]{2}"
    r"|answers/[^/]+/[0-9a-f]{2}/[0-9a-f]{40}"
)


class Torture:
    """A machine that is set up, and what is done to it. Use it as a context manager."""

    def __init__(self, container: Container, seed: str, plan: Plan) -> None:
        self.facts = Facts(TIMEOUT_MS / 1000)
        self.done: Counter[str] = Counter()
        self._container = container
        self._seed = seed
        self._plan = plan
        self._full_since = 0.0
        self._copied: Interval | None = None
        self.sleeper = Sleeper(container)
        container.shell(_MOUNT, CACHE, DISK, USER)
        self.handlers = Unreliable(container)
        self.handlers.deaths = DEATHS
        self.handlers.apply()
        drop_in(container, "postfix-rest-@.service", _PRELOAD)
        self.backend = GrantingBackend(container, self.facts)
        self._token = TOKENS[0]
        self._configure()
        container.run("systemctl", "daemon-reload")
        start(container, TCP, SOCKETMAP)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.backend.__exit__()

    def run(self) -> Askers:
        """Do all that the schedule says while clients ask, and put things right."""
        plan = self._plan
        askers = Askers(
            self._container, plan.clients, self._seed, PORTS, QUESTIONS, pause_sec=plan.pause_sec
        )
        with self.sleeper, askers:
            began = time.monotonic()
            for at, name, arguments in schedule(self._seed, plan):
                if time.monotonic() > began + plan.seconds:
                    break
                time.sleep(max(0.0, began + at - time.monotonic()))
                getattr(self, name)(*arguments)
                self.done[name] += 1
            self.backend.mend()
            self.free_disk()
        wait_for_no_handlers(self._container)
        return askers

    # -- handlers, backend, disk

    def kill(self, count: int) -> None:
        """Kill so many handlers, wherever they are."""
        self._container.shell(_KILL, USER, str(count))

    def fail(self, how: str) -> None:
        """Have the backend fail."""
        self.backend.fail(how)

    def mend(self) -> None:
        """Have the backend be well."""
        self.backend.mend()

    def fill_disk(self) -> None:
        """Let nothing fit on the disk any more."""
        self._full_since = time.monotonic()
        self._container.shell(_FILL, CACHE)

    def free_disk(self) -> None:
        """Let there be space."""
        self._container.run("rm", "-f", f"{CACHE}/ballast")
        if self._full_since:
            self.facts.forgetting.append(Interval(self._full_since, time.monotonic()))
            self._full_since = 0.0

    # -- the store

    def purge_all(self) -> None:
        """Purge the answers of all endpoints."""
        self._purge("")

    def purge_endpoint(self, name: str) -> None:
        """Purge the answers of an endpoint."""
        self._purge(name, name)

    def purge_question(self, question: Question) -> None:
        """Purge the answer to a question."""
        of_map = ["--map", question.map_name] if question.map_name else []
        self._purge(question.endpoint, question.endpoint, question.key, *of_map, question=question)

    def _purge(self, name: str, *arguments: str, question: Question | None = None) -> None:
        """Purge, and once more when answers are under way that were asked for in between."""
        self._purge_now(name, *arguments, question=question)
        self.free_disk()
        self.backend.mend()
        wanted = 5 if question is None else 1
        with self.backend.slow():
            asked = len(self.facts.grants)
            end = time.monotonic() + UNDER_WAY_SEC
            while self._under_way(asked, name, question) < wanted and time.monotonic() < end:
                time.sleep(0.02)
            self._purge_now(name, *arguments, question=question)

    def _under_way(self, since: int, name: str, question: Question | None) -> int:
        """How many answers to what is to be purged are among the latest grants."""
        purge = Purge(Interval(0, 0), name, question)
        return sum(purge.concerns(each.question) for each in self.facts.grants[since:])

    def _purge_now(self, name: str, *arguments: str, question: Question | None) -> None:
        began = time.monotonic()
        command = ["postfix-rest-inetd", "cache", "purge", *arguments]
        done = self._container.run(*command, check=False)
        # A tombstone may not fit on a disk that is full; then nothing has been purged.
        assert done.returncode == 0 or self._full_since, done
        if done.returncode == 0:
            self.facts.purges.append(Purge(Interval(began, time.monotonic()), name, question))

    def delete(self) -> None:
        """Delete the store under those that use it."""
        self._container.shell(_DELETE, STORE)

    def copy(self) -> None:
        """Make a copy of the store, for `restore`, if it fits on the disk."""
        began = time.monotonic()
        self._container.run("rm", "-rf", COPY)
        self._container.run("cp", "-a", STORE, COPY, check=False)
        self._copied = Interval(began, time.monotonic())

    def restore(self) -> None:
        """Put the copy in the place of the store."""
        if self._copied is None or self._container.run("test", "-d", COPY, check=False).returncode:
            return
        began = time.monotonic()
        self._container.shell(_RESTORE, STORE, COPY)
        when = Interval(began, time.monotonic())
        self.facts.restorings.append(Restoring(self._copied, when))
        self._copied = None

    def damage(self) -> None:
        """Damage some files, each in another way."""
        self._container.shell(_DAMAGE, STORE)

    def exchange(self) -> None:
        """Exchange some files for each other."""
        self._container.shell(_EXCHANGE, STORE)

    # -- configuration and clocks

    def change_token(self, token: str) -> None:
        """Write another token into config.json."""
        self._token = token
        self._configure()

    def _configure(self) -> None:
        began = time.monotonic()
        endpoints = [
            endpoint(
                name,
                MODES[name],
                port=port,
                target=self.backend.url(name),
                auth_token=self._token,
                request_timeout=TIMEOUT_MS,
            )
            for name, port in PORTS.items()
        ]
        write_config(self._container, {"endpoints": endpoints})
        self.facts.tokens.append((Interval(began, time.monotonic()), self._token))

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock of the handlers, relative to what is right."""
        self.handlers.wall_sec = seconds
        self.handlers.apply()

    def suspend(self, seconds: float) -> None:
        """As if the machine had been suspended: both clocks are ahead."""
        began = time.monotonic()
        self.handlers.wall_sec += seconds
        self.handlers.boot_sec += seconds
        self.handlers.apply()
        self.facts.suspended.append((Interval(began, time.monotonic()), seconds))

    # -- what is left

    def leftovers(self) -> list[str]:
        """Files and directories of the store that are no answers, after one more was stored.

        Each endpoint stores one. In what was being written then, nothing can be in progress that
        is older than some seconds, and the clock is ahead by some more.
        """
        self.handlers.deaths, self.handlers.wall_sec = 0, LEFTOVER_SEC
        self.handlers.apply()
        for name, port in PORTS.items():
            key = "found-60-60-0"
            is_tcp = name == "domains"
            request = f"get {key}\n".encode() if is_tcp else socketmap_request("one", key)
            assert key.encode() in ask(self._container, port, request)
        self._container.run("rm", "-rf", COPY)
        wait_for_no_handlers(self._container)
        return [
            path
            for path in self._container.shell(_LIST, STORE).splitlines()
            if not _EXPECTED.fullmatch(path)
        ]

    def late(self, entries: list[dict[str, str]]) -> list[str]:
        """The requests that took too long, even if compared with a process that only sleeps."""
        found = []
        for entry in entries:
            late = int(entry["POSTFIX_REST_ELAPSED_USEC"]) / 1e6 - TIMEOUT_MS / 1000
            logged = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
            stalled = self.sleeper.longest_sec(logged - max(late, 0) - 0.1, logged)
            if late > LATE_SEC + TURNS * stalled:
                what = entry.get("POSTFIX_REST_START", "warm"), entry["POSTFIX_REST_OUTCOME"]
                found.append(f"{what}: {late:.3f} s late, the machine {stalled:.3f} s")
        return found

    def exceptions(self, since: str) -> list[str]:
        """What the journal tells of places in the program."""
        entries = self._container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
        return [entry["MESSAGE"] for entry in entries if ".py:" in entry["MESSAGE"]]

    def killed(self, since: str) -> int:
        """How many handlers were killed, or killed themselves."""
        return len(self._container.journal("EXIT_CODE=killed", since=since))

    def entries(self, since: str) -> list[dict[str, str]]:
        """The journal of all requests, but only the fields that matter here."""
        self._container.journal.sync()
        names = ("OUTCOME", "SOURCE", "ELAPSED_USEC", "START", "KEY")
        fields = ",".join(f"POSTFIX_REST_{name}" for name in names)
        command = ["journalctl", "--quiet", "--output=json", f"--output-fields={fields}"]
        matches = [f"--cursor={since}", "SYSLOG_IDENTIFIER=postfix-rest-inetd"]
        lines = self._container.run(*command, *matches, timeout=120).stdout.splitlines()
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if "POSTFIX_REST_ELAPSED_USEC" in entry]
