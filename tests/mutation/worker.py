# SPDX-License-Identifier: MIT
"""Tries mutants, each in a process that is forked from one that has loaded everything already.

    worker.py JOB

In the top of a copy of the checkout. JOB is a file of JSON; the results go to standard output, an
object of JSON in each line.

A mutant is written over the module, so that handlers and other programs that a test starts have it
as well. A process that has collected the tests is forked, and the functions of the module get the
code of the mutant; a mutant outside of all functions gets a process that has loaded pytest only,
and collects for itself. The file is written in place: a new one would change the mark of its
directory, and handlers would wait for the end of a replacement (restart.py).
"""

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import resource
import select
import shutil
import signal
import sys
import threading
import time
import traceback
import types
from pathlib import Path

import hypothesis
import pytest

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_MEMORY = 2 << 30
_FILE_SIZE = 256 << 20
_LEAST_SEC = 20.0
"""No mutant is a time-out before that: machines are busy."""
_FACTOR = 3.0
_BASELINE_SEC = 3600.0
_EXAMPLES, _FEW_EXAMPLES = 100, 20

_ELSEWHERE = "in another process"
_STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn")

PASSED, FAILED = 0, 1


class Fork:
    """A process with its own tests; what it started ends with it."""

    def __init__(self, run):
        """Call RUN, which gets a function that tells the parent something, in a new process."""
        sys.stdout.flush()
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(writer)
            self._reader = reader
            return
        status = 99
        try:
            die_with_parent()
            os.close(reader)
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(2):
                os.dup2(null, descriptor)
            status = run(lambda text: os.write(writer, text.encode() + b"\n"))
        except BaseException:  # noqa: BLE001 - a fork must not return
            traceback.print_exc()
        finally:
            os._exit(status)

    def wait(self, seconds):
        """What it told, and its exit status; None after so many SECONDS."""
        told = b""
        end = time.monotonic() + seconds
        ended = os.pidfd_open(self.pid)
        status = None
        try:
            while (left := end - time.monotonic()) > 0:
                if select.select([ended], [], [], left)[0]:
                    status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                    # Less than a pipe takes.
                    told = os.read(self._reader, 65536) if _has_input(self._reader) else b""
                    break
        finally:
            if status is None:
                os.killpg(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            os.close(ended)
            os.close(self._reader)
            end_descendants()
        return told.decode().split("\n")[:-1], status


def _has_input(descriptor):
    return bool(select.select([descriptor], [], [], 0)[0])


def end_descendants():
    """End what a test has left behind: as a subreaper, this process is the parent of it all."""
    for _ in range(1000):
        found = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(pid), 0)


class Tree:
    """The module in the copy of the checkout."""

    def __init__(self, path):
        self._path = Path("postfix_rest_inetd", path).resolve()
        self.path = str(self._path)
        self._original = self._path.read_text(encoding="utf-8")
        self._compiled = Path(importlib.util.cache_from_source(str(self._path)))
        # Each content has a time of its own, or else a stale file in __pycache__ would do for it.
        self._time = 1_000_000_000

    @contextlib.contextmanager
    def written(self, source):
        """Have SOURCE in the place of the module for a while."""
        try:
            self._write(source)
            yield
        finally:
            self._write(self._original)

    def _write(self, source):
        with self._path.open("r+", encoding="utf-8") as stream:
            stream.write(source)
            stream.truncate()
        self._time += 1
        os.utime(self._path, (self._time, self._time))
        self._compiled.unlink(missing_ok=True)

    def patch(self, source):
        """Give the functions of the module that are in memory the code that they have in SOURCE."""
        old, new = (
            {code.co_qualname: code for code in _functions(compile(text, self._path, "exec"))}
            for text in (self._original, source)
        )
        changed = {name: code for name, code in new.items() if code != old.get(name)}
        for found in gc.get_objects():
            if isinstance(found, types.FunctionType) and found.__code__ in old.values():
                code = changed.get(found.__code__.co_qualname)
                if code is not None and found.__code__.co_filename == str(self._path):
                    found.__code__ = code


def _functions(code):
    """The code of the functions of a module and its classes, without those inside of others."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            # The body of a class is no function: it has no fast locals.
            if each.co_flags & 2:
                yield each
            else:
                yield from _functions(each)


class Inside:
    """Runs collected tests in forks of this process; a plugin of pytest."""

    def __init__(self, run):
        self._run = run
        self.items = []
        self.executed = {}

    def pytest_runtestloop(self, session):
        """Let the given function have the session."""
        self.items = list(session.items)
        session.config.option.maxfail = 1
        self._run(self)
        return True

    def order(self, path, lines, latest):
        """The items that have executed one of these LINES; what killed the latest mutants first.

        What a test does in other processes is unknown, so those that start any stay.
        """
        seen = set(self.executed.get(_ELSEWHERE, ()))
        seen |= {index for line in lines for index in self.executed.get(f"{path}:{line}", ())}
        first = [index for index in latest if index in seen]
        rest = [index for index in range(len(self.items)) if index in seen.difference(first)]
        return [self.items[index] for index in first + rest]

    def trace(self, paths):
        """Run all items; returns what has failed, and which lines of modules each executes."""
        executed = {}
        current = 0

        def note(frame):
            line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            executed.setdefault(line, set()).add(current)

        def lines(frame, event, _argument):
            if event == "line":
                note(frame)
            return lines

        def calls(frame, _event, _argument):
            if frame.f_code.co_filename not in paths:
                return None
            note(frame)
            return lines

        def hook(event, _arguments):
            if event in _STARTS:
                executed.setdefault(_ELSEWHERE, set()).add(current)

        sys.addaudithook(hook)
        threading.settrace(calls)
        sys.settrace(calls)
        for current, item in enumerate(self.items):
            following = self.items[current + 1] if current + 1 < len(self.items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                return item.nodeid, {}
        return "", {line: sorted(indices) for line, indices in executed.items()}

    def test(self, items, tell):
        """Run ITEMS until one fails; the exit status."""
        session = self.items[0].session
        index_of = {item: index for index, item in enumerate(self.items)}
        for item, following in zip(items, [*items[1:], None], strict=True):
            failed = session.testsfailed
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed > failed or session.shouldfail:
                tell(str(index_of[item]))
                return FAILED
        return PASSED


class Job:
    """The mutants of some modules, and the tests for them."""

    def __init__(self, job):
        self.job = job
        self.trees = {mutant["path"]: Tree(mutant["path"]) for mutant in job["mutants"]}
        self.latest = []
        self.bound = _LEAST_SEC
        self.plugin = None

    def arguments(self):
        """What pytest gets."""
        # The warning is about hypothesis, which this process has loaded for all of its forks.
        options = (
            "-q -x --tb=no --capture=no -p no:cacheprovider -p no:xdist "
            "-W ignore::pytest.PytestAssertRewriteWarning"
        ).split()
        left_out = [f"--deselect=tests/{name}" for name in self.job["left_out"]]
        paths = [f"tests/{path}" for path in self.job["tests"]]
        return [*options, f"--basetemp={self.job['directory']}/t", *left_out, *paths]

    def measure(self, plugin):
        """Run everything without a mutant, which must pass; sets the bound on time."""
        file = Path(self.job["directory"], "executed.json")

        def run(_tell):
            limit()  # a test that does not pass within it would kill every mutant
            # To be traced takes ten times as long.
            set_examples(_FEW_EXAMPLES)
            hypothesis.settings.load_profile("mutation")
            failed, executed = plugin.trace({tree.path for tree in self.trees.values()})
            file.write_text(json.dumps([failed, executed]), encoding="utf-8")
            return PASSED

        begin = time.monotonic()
        _, status = Fork(run).wait(_BASELINE_SEC)
        took = time.monotonic() - begin
        failed = f"exit status {status}"
        if status == PASSED:
            failed, plugin.executed = json.loads(file.read_text(encoding="utf-8"))
        if failed:
            say(error=f"without a mutant: {failed}")
            return False
        self.bound = _LEAST_SEC + _FACTOR * took
        bound = Path(self.job["directory"], "bound")
        bound.write_text(str(self.bound), encoding="ascii")
        say(baseline=round(took, 2), tests=len(plugin.items))
        return True

    def inside(self, plugin):
        """Try the mutants of functions in forks of a process that has collected."""
        if not self.measure(plugin):
            return
        for number, mutant in enumerate(self.job["mutants"]):
            if mutant["is_in_function"]:
                tree = self.trees[mutant["path"]]
                items = plugin.order(tree.path, mutant["lines"], self.latest)

                def run(tell, tree=tree, items=items, mutant=mutant):
                    limit()
                    tree.patch(mutant["source"])
                    return plugin.test(items, tell)

                with tree.written(mutant["source"]):
                    told, status = self.try_one(number, run)
                if told and status == FAILED:
                    index = int(told[0])
                    self.latest = [index, *(i for i in self.latest if i != index)][:30]

    def try_one(self, number, run):
        """Try a mutant: it is killed, unless all tests pass."""
        begin = time.monotonic()
        told, status = Fork(run).wait(self.bound)
        took = time.monotonic() - begin
        result = {PASSED: "survived", None: "timeout"}.get(status, "killed")
        by = ""
        if told and self.plugin is not None:
            by = self.plugin.items[int(told[0])].nodeid
        say(mutant=number, result=result, by=by, seconds=round(took, 2))
        return told, status

    def run(self):
        """Try all mutants."""

        def collect(_tell):
            # The copies of standard output that it has been given are the ones for results.
            self.plugin = Inside(self.inside)
            return pytest.main(self.arguments(), plugins=[self.plugin])

        in_process(collect)
        self.plugin = None
        self.bound = float(Path(self.job["directory"], "bound").read_text(encoding="ascii"))
        for number, mutant in enumerate(self.job["mutants"]):
            if not mutant["is_in_function"]:
                with self.trees[mutant["path"]].written(mutant["source"]):
                    self.try_one(number, self.all_of_it)

    def all_of_it(self, _tell):
        """Collect and test in this process."""
        limit()
        # Which tests have to do with such a mutant is unknown: all of them have to run.
        set_examples(_FEW_EXAMPLES)
        return pytest.main(self.arguments())


def in_process(run):
    """Call RUN in a fork that goes on telling results, and wait for its end."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent()
            LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1):
                os.dup2(null, descriptor)
            run(None)
        except BaseException:  # noqa: BLE001 - a fork must not return
            traceback.print_exc()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    end_descendants()


def die_with_parent():
    """Whoever ends the campaign ends its forks."""
    LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit():
    """A mutant may want all memory, or fill the disk."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_SIZE, _FILE_SIZE))


def set_examples(count):
    """Let hypothesis try so many; the first counterexample is enough, and need not be small."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    common = hypothesis.settings(
        deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.register_profile(
        "mutation", common, derandomize=True, database=None, max_examples=count, phases=phases
    )


def say(**result):
    """Tell a result."""
    os.write(OUTPUT, json.dumps(result).encode() + b"\n")


def main():
    """Read the job, try its mutants."""
    die_with_parent()
    LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    set_examples(_EXAMPLES)
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Job(job).run()
    shutil.rmtree(f"{job['directory']}/t", ignore_errors=True)


OUTPUT = os.dup(1)
LIBC = ctypes.CDLL(None)

if __name__ == "__main__":
    main()
