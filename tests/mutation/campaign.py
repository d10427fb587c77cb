# SPDX-License-Identifier: MIT
"""How much do the tests notice? Puts mistakes into modules, and counts those that no test sees.

    tests/mutation/run [--sample SHARE] [--seed SEED] [--jobs N] [--inside] [--verbose] [MODULE]...

A mutant is a module with one mistake in it (mutants.py). It is killed if one of the tests for the
module (selection.py) fails or does not come to an end. MODULE is a path below the package, a file
or a directory (`config`, `verdict.py`); without one, all modules of selection.py are tried, which
takes hours: --sample 0.1 tries a tenth of the mutants of each module, chosen at random by SEED.
--inside leaves out the tests that start processes.

Prints the score of each module and the mutants that have survived, as differences. The exit status
is 1 if less than 90 % of a module's mutants were killed, not counting those of equivalent.txt, in
which no test could see a difference.

The tests run in copies of the checkout below /tmp; what has not been committed counts.
"""

import argparse
import compileall
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutation.equivalents import equivalents_in
from mutation.mutants import mutants_of
from mutation.selection import LEFT_OUT, ROWS, row_of

ROOT = Path(__file__).resolve().parents[2]
TARGET = 0.9
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venvs", ".containers", ".hypothesis", "__pycache__", ".*_cache", ".coverage*"
)
# Handlers take the package for one that is being replaced while its directories are new.
_SETTLED_SEC = 6.0


class Score:
    """What became of the mutants of a module."""

    def __init__(self, module, count, mutants):
        self.module = module
        self.count = count
        self.mutants = mutants
        self.results = {}
        self.problem = ""

    def number(self, *results):
        """How many mutants have one of these RESULTS."""
        return sum(result in results for result in self.results.values())

    @property
    def share(self):
        """The killed share of what could be killed."""
        possible = len(self.results) - self.number("equivalent")
        return self.number("killed", "timeout") / possible if possible else 1.0


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=float, default=1.0, metavar="SHARE", help="1 is all")
    parser.add_argument("--seed", type=int, default=0, help="another one, another sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="at a time")
    parser.add_argument("--inside", action="store_true", help="no tests that start processes")
    parser.add_argument("--verbose", action="store_true", help="a line for each mutant")
    parser.add_argument("module", nargs="*", metavar="MODULE", help="below the package")
    options = parser.parse_args()
    os.setpriority(os.PRIO_PROCESS, 0, 15)
    return campaign(ROOT, options)


def campaign(root, options):
    """Try, report; returns the exit status."""
    modules = modules_of(root, options.module)
    equivalents = equivalents_in(root / "tests/mutation/equivalent.txt")
    scores = [score_of(root, module, equivalents, options) for module in modules]
    rows = queue.SimpleQueue()
    for row in ROWS:
        if own := [score for score in scores if row_of(score.module) is row]:
            rows.put((row, own))
    with contextlib.ExitStack() as stack:
        trees = [stack.enter_context(tree_of(root)) for _ in range(min(options.jobs, rows.qsize()))]
        time.sleep(_SETTLED_SEC)
        threads = [threading.Thread(target=work, args=(tree, rows, options)) for tree in trees]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return report(scores, equivalents, options)


def modules_of(root, wanted):
    """The paths of the modules below the package."""
    package = root / "postfix_rest_inetd"
    every = sorted(str(path.relative_to(package)) for path in package.rglob("*.py"))
    chosen = [module for module in every if row_of(module)]
    for name in wanted:
        if not any(_is_in(module, name) for module in chosen):
            sys.exit(f"{name}: no such module; there are rows for {[row[0] for row in ROWS]}")
    return [m for m in chosen if not wanted or any(_is_in(m, name) for name in wanted)]


def _is_in(module, name):
    name = name.removeprefix("postfix_rest_inetd/").rstrip("/")
    return module in (name, f"{name}.py") or module.startswith(f"{name}/")


@contextlib.contextmanager
def tree_of(root):
    """A copy of the checkout, compiled."""
    # A short path: there are unix sockets below it.
    with tempfile.TemporaryDirectory(prefix="mut-", ignore_cleanup_errors=True) as directory:
        tree = Path(directory, "c")
        shutil.copytree(root, tree, ignore=_NOT_COPIED, symlinks=True)
        compileall.compile_dir(tree / "postfix_rest_inetd", quiet=2)
        yield tree


def score_of(root, module, equivalents, options):
    """A score without results, except for what is known to be equivalent."""
    source = (root / "postfix_rest_inetd" / module).read_text(encoding="utf-8")
    count, mutants = mutants_of(module, source, options.sample, options.seed)
    score = Score(module, count, mutants)
    for number, mutant in enumerate(mutants):
        if mutant.identity in equivalents:
            score.results[number] = "equivalent"
    return score


def work(tree, rows, options):
    """Try the mutants of row after row, until there are no more."""
    with contextlib.suppress(queue.Empty):
        while True:
            row, scores = rows.get_nowait()
            try_row(tree, row, scores, options)
            for score in scores:
                if missing := len(score.mutants) - len(score.results):
                    score.problem = score.problem or f"{missing} mutants have not been tried"
                sys.stdout.write(line_of(score) + "\n")
                sys.stdout.flush()


def try_row(tree, row, scores, options):
    """Try the mutants of the modules that have the same tests."""
    _, inside, outside = row
    left = [
        (score, number)
        for score in scores
        for number in range(len(score.mutants))
        if number not in score.results
    ]
    job = {
        "directory": str(tree.parent),
        "tests": inside if options.inside else inside + outside,
        "left_out": LEFT_OUT,
        "mutants": [score.mutants[number]._asdict() for score, number in left],
    }
    file, log = tree.parent / "job.json", tree.parent / "log"
    file.write_text(json.dumps(job), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tree), "HYPOTHESIS_PROFILE": "mutation"}
    command = [sys.executable, "-bb", "-P", "tests/mutation/worker.py", str(file)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=errors
        ) as worker,
    ):
        for line in worker.stdout:
            told = json.loads(line)
            if "mutant" in told:
                take(*left[told["mutant"]], told, options)
            elif "error" in told:
                scores[0].problem = told["error"]
    if worker.returncode and not scores[0].problem:
        scores[0].problem = log.read_text(errors="replace")[-2000:]


def take(score, number, told, options):
    """Note what became of a mutant."""
    score.results[number] = told["result"]
    if options.verbose:
        mutant = score.mutants[number]
        sys.stderr.write(f"{told['result']} in {told['seconds']} s: {told['by']}\n")
        if told["result"] != "killed":
            sys.stderr.write(f"{mutant.path} {mutant.place}\n{mutant.diff}\n")


def line_of(score):
    """A row of the table."""
    tried_of = f"{len(score.mutants)}/{score.count}"
    parts = ("killed", "timeout", "equivalent", "survived")
    numbers = ", ".join(f"{score.number(part)} {part}" for part in parts)
    return f"{score.module:26} {score.share:6.1%}  {tried_of:>9} tried: {numbers} {score.problem}"


def report(scores, equivalents, options):
    """Print the survivors and the sums; returns the exit status."""
    for score in scores:
        for number, mutant in enumerate(score.mutants):
            if score.results.get(number) == "survived":
                sys.stdout.write(f"\n{mutant.path} {mutant.place}\n{mutant.diff}\n")
    if options.sample == 1:
        found = {mutant.identity for score in scores for mutant in score.mutants}
        modules = {score.module for score in scores}
        for path, place, removed, _ in set(equivalents) - found:
            if path in modules:
                sys.stdout.write(f"\nequivalent.txt: no such mutant: {path} {place}: {removed}\n")
    sums = Score("all", sum(s.count for s in scores), [m for s in scores for m in s.mutants])
    sums.results = dict(enumerate(r for s in scores for r in s.results.values()))
    sys.stdout.write(f"\n{line_of(sums)}\n")
    return int(any(score.share < TARGET or score.problem for score in scores))


if __name__ == "__main__":
    sys.exit(main())
