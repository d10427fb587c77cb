# SPDX-License-Identifier: MIT
"""The long form: targets run side by side, each for its part of the time, or a number of inputs.

    tests/fuzz/run [--minutes N] [--executions N] [--seed N] [--jobs N] [TARGET...]
    tests/fuzz/run TARGET FILE

Without TARGET, all of them. With --minutes, all targets together take so long. Inputs that reach
something new are kept in .fuzz/TARGET/corpus, where the next run begins. The last form runs a
target once, on the input in FILE, and shows what it raises.

The exit status is 1 if an invariant was broken: the input is printed and kept.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fuzz import by_atheris, by_hypothesis, inputs
from fuzz.counts import EXECUTIONS, PART_OF_HYPOTHESIS
from fuzz.outcome import Outcome


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run what is asked for; returns the exit status."""
    options = parsed(arguments)
    if options.file:
        importlib.import_module(f"fuzz.targets.{options.targets[0]}").run(options.file.read_bytes())
        say("this input breaks nothing")
        return 0
    if why := by_atheris.missing():
        say(f"hypothesis takes the place of atheris: {why}")
    begin = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(one, target, options) for target in options.targets]
        outcomes = [run.result() for run in runs]
    broken = [each for each in outcomes if each.report]
    total = sum(each.executions for each in outcomes)
    say(f"{total} executions in {time.monotonic() - begin:.0f} s, {len(broken)} targets broken")
    return 1 if broken else 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The options; with a file, `targets` has one."""
    parser = argparse.ArgumentParser(prog="tests/fuzz/run", description="Run the targets for long.")
    parser.add_argument("--minutes", type=float, default=0.0, help="for all targets together")
    parser.add_argument("--executions", type=int, default=0, help="for each target")
    parser.add_argument("--seed", type=int, default=0, help="default: another one each time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(inputs.targets()))
    options = parser.parse_args(arguments)
    options.file = None
    if len(options.targets) == 2 and options.targets[1] not in inputs.targets():
        options.file = Path(options.targets.pop())
    if unknown := set(options.targets) - set(inputs.targets()):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    options.targets = options.targets or inputs.targets()
    options.jobs = min(options.jobs, len(options.targets))
    return options


def one(target: str, options: argparse.Namespace) -> Outcome:
    """Run a target, and print what came of it."""
    seconds = int(options.minutes * 60 * options.jobs / len(options.targets))
    seed = options.seed or time.time_ns() % 2**31
    executions = options.executions
    if by_atheris.missing():
        if not executions:
            executions = EXECUTIONS[target] // PART_OF_HYPOTHESIS
        outcome = by_hypothesis.run(target, executions=executions, seconds=seconds, seed=seed)
    else:
        if not executions:
            executions = -1 if seconds else EXECUTIONS[target]
        corpus = inputs.kept(target) / "corpus"
        outcome = by_atheris.run(
            target, executions=executions, seconds=seconds, corpus=corpus, seed=seed
        )
    line = f"{target}: {outcome.executions} executions by {outcome.engine}, seed {seed}"
    say(f"{line}\n{outcome.explanation(target)}" if outcome.report else line)
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
