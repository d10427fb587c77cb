# SPDX-License-Identifier: MIT
"""Real handlers, driven through random plans: each request has exactly one reply, the right one.

A seed stands for a plan (driven/plan.py). Each connection has a handler, a client, files and
backends of its own (driven/driver.py); the record of it is judged by a model (driven/model.py). On
one connection meet

- what a client does: requests in pieces, several at once, broken or only half of one, half-closing,
  leaving with a RST while replies are on their way, reading late, byte by byte or not at all;
- what a backend does: answers whole, in chunks and in drips, statuses, garbage, silence, closing
  and resetting at each stage, and closing a kept connection as the next request comes; or two;
- changes underneath: the configuration and the token, written in several ways, half written,
  unusable and repaired; the package, replaced at once or in halves;
- SIGTERM before, between and after bytes and while the backend is asked; SIGSTOP and SIGCONT;
- hibernation, with bytes and all of these before, during and after its exec: the handler is stopped
  at four points around it (driven/points.py), or left alone and met at random moments.

What other tests cover, and this one does not: stored answers as time passes, purges and damaged
files (test_torture, test_simulated_handlers, which know no connection's life: no hibernation, no
pieces, no signals, no pipelining); each fault of a backend with its exact reply (test_verdicts and
the tests in `backend`); each single step of a life, by name (test_lifetime, test_hibernation,
test_in_force, test_replacement). Here is what comes of their combination.

300 connections are for each run of the tests. More of them, and one alone, which failed before:

    export POSTFIX_REST_INETD_MACHINE_CONNECTIONS=5000      or POSTFIX_REST_INETD_MACHINE_SEED=188
    tests/run --quick tests/blackbox/test_state_machine.py -rP
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blackbox.driven.driver import MissedError, drive
from blackbox.driven.figures import figures_of
from blackbox.driven.files import Packages
from blackbox.driven.model import faults_of
from blackbox.driven.plan import plan_of
from blackbox.driven.shown import shown

SEED = os.environ.get("POSTFIX_REST_INETD_MACHINE_SEED") or ""
CONNECTIONS = int(os.environ.get("POSTFIX_REST_INETD_MACHINE_CONNECTIONS") or 300)
SEEDS = range(int(SEED), int(SEED) + 1) if SEED else range(CONNECTIONS)
CHUNK = 50
AT_ONCE = 6
"""Handlers wait most of the time; more of them at once only slow each other down."""

LIMIT_SEC = 1200
"""For a chunk: it takes 5 s where nothing else runs."""

ESSENTIAL = (
    *("requests", "hibernations", "bytes before exec", "bytes during exec", "bytes after exec"),
    *("SIGTERM", "aborted", "broken", "changes", "outcome found", "outcome unreachable"),
)
"""What happens on 300 connections: without it, nothing would be proven."""


@pytest.fixture(scope="module")
def total() -> Counter[str]:
    """What has happened so far."""
    return Counter()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Two versions of the package."""
    return Packages(tmp_path_factory.mktemp("packages"))


def judged(seed: int, directory: Path, packages: Packages) -> tuple[str, Counter[str]]:
    """What was wrong on the connection of a seed, empty if nothing was, and what happened there."""
    plan = plan_of(seed)
    directory.mkdir()
    try:
        record = drive(plan, directory, packages)
    except MissedError as failure:
        return f"seed {seed}: {failure}\n{shown(plan, None)}", Counter()
    faults = faults_of(record)
    if faults:
        return f"seed {seed}:\n  " + "\n  ".join([*faults, shown(plan, record)]), Counter()
    return "", figures_of(record)


@pytest.mark.parametrize("first", SEEDS[::CHUNK])
@pytest.mark.timeout(LIMIT_SEC)
def test_connections(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    packages: Packages,
    total: Counter[str],
    first: int,
) -> None:
    """Nothing is wrong on any of them."""
    seeds = range(first, min(first + CHUNK, SEEDS.stop))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda s: judged(s, tmp_path / str(s), packages), seeds))
    faults = [fault for fault, _ in results if fault]
    figures = sum((each for _, each in results), Counter())
    request.node.add_report_section("call", "figures", str(dict(sorted(figures.items()))))
    assert not faults, "\n\n".join([f"{len(faults)} of {len(seeds)} connections", *faults])
    total.update(figures)


def test_everything_has_happened(total: Counter[str]) -> None:
    """Enough happened on them, if they were enough; of 50, a few things depend on the moment."""
    if total["connections"] < 300:
        pytest.skip(f"only {total['connections']} connections were tried without a fault")
    assert [name for name in ESSENTIAL if not total[name]] == []
