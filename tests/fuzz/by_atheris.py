# SPDX-License-Identifier: MIT
"""Runs a target by atheris (libFuzzer): mutations that are led by the branches that they reach.

As a program, this is the process that libFuzzer never returns from: `by_atheris.py TARGET OPTION...
DIRECTORY...`. Only the modules of the package are instrumented, so that neither the model in the
target nor the standard library looks like new ground.

libFuzzer's exit status says how a run ended: 0, or 77 for an exception in the target, 70 for an
input that took longer than TIMEOUT_SEC, 71 for more than MEMORY_MB of memory. TIMEOUT_SEC is far
above what an input takes on a busy machine: it is for endless loops. Standard output and error stay
open (close_fd_mask=0), because tracebacks go there and targets write nothing.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz import inputs
from fuzz.outcome import Outcome

PACKAGE = "postfix_rest_inetd"
TIMEOUT_SEC = 60
MEMORY_MB = 1024
MAX_BYTES = 1024

_PYTHONS = ((3, 11), (3, 12), (3, 13))
_EXECUTED = re.compile(r"^stat::number_of_executed_units: *(\d+)", re.MULTILINE)
_KEPT_INPUT = re.compile(r"^Test unit written to (.+)$", re.MULTILINE)
_NOISE = re.compile(r"^(?:INFO|WARNING|#\d+\t).*\n", re.MULTILINE)


def missing() -> str:
    """Why atheris cannot be used; empty if it can."""
    if sys.version_info[:2] not in _PYTHONS:
        return f"it does not support Python {sys.version_info[0]}.{sys.version_info[1]}"
    try:
        version("atheris")
    except PackageNotFoundError:
        return "it is not installed"
    return ""


def run(
    target: str,
    *,
    executions: int = -1,
    seconds: int = 0,
    corpus: Path | None = None,
    seed: int = 1,
) -> Outcome:
    """Run a target for a number of executions or seconds.

    With `corpus`, inputs that reach something new are added there, and those in it are used.
    """
    with TemporaryDirectory(prefix="postfix-rest-inetd-fuzz-") as scratch:
        begin = Path(scratch, "seeds")
        found = corpus or Path(scratch, "found")
        begin.mkdir()
        found.mkdir(exist_ok=True)
        for number, data in enumerate(inputs.seeds(target)):
            Path(begin, f"{number:04}").write_bytes(data)
        options = {
            "runs": executions,
            "max_total_time": seconds,
            "seed": seed,
            "max_len": MAX_BYTES,
            "timeout": TIMEOUT_SEC,
            "rss_limit_mb": MEMORY_MB,
            "close_fd_mask": 0,
            "reload": 0,
            "print_final_stats": 1,
            "dict": inputs.dictionary(target),
            "artifact_prefix": f"{inputs.kept(target)}/",
        }
        arguments = [f"-{name}={value}" for name, value in options.items()]
        done = subprocess.run(
            [sys.executable, "-bb", "-P", __file__, target, *arguments, found, begin],
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(inputs.HERE.parent),
                "PYTHONHASHSEED": "0",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return _outcome(done.returncode, done.stdout.decode(errors="backslashreplace"))


def _outcome(status: int, output: str) -> Outcome:
    executed = _EXECUTED.search(output)
    count = int(executed[1]) if executed else 0
    if status == 0 and count:
        return Outcome("atheris", count)
    report = f"libFuzzer's exit status is {status}\n{_NOISE.sub('', output)}"
    where = _KEPT_INPUT.search(output)
    return Outcome("atheris", count, report, Path(where[1]) if where else None)


def main() -> None:
    """Be libFuzzer's process."""
    import atheris

    target = sys.argv.pop(1)
    with atheris.instrument_imports(include=[PACKAGE], enable_loader_override=False):
        module = importlib.import_module(f"fuzz.targets.{target}")
        # The package imports many of its modules late.
        for name in module.MODULES:
            importlib.import_module(f"{PACKAGE}.{name}")
    atheris.Setup(sys.argv, module.run, internal_libfuzzer=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
