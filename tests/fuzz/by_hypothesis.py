# SPDX-License-Identifier: MIT
"""Runs a target by hypothesis, where there is no atheris: seeds, tokens and bytes, put together.

Nothing leads this search, so an execution finds less than one of atheris. An input that breaks the
target is made as small as possible.
"""

from __future__ import annotations

import importlib
import traceback
import warnings
from collections.abc import Callable
from time import monotonic

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from fuzz import inputs
from fuzz.outcome import Outcome

_MOST_BYTES = 16
_MOST_PARTS = 12


def data_for(target: str) -> st.SearchStrategy[bytes]:
    """Inputs: parts of seeds, tokens and any bytes, one after the other; or a changed seed."""
    seeds = st.sampled_from(inputs.seeds(target))
    tokens = st.sampled_from(inputs.tokens(target))
    octets = st.binary(max_size=_MOST_BYTES)

    @st.composite
    def parts(draw: st.DrawFn) -> bytes:
        data = draw(seeds)
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        return data[begin:end]

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        data = draw(seeds)
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(data)))
            data = data[:at] + draw(tokens | octets) + data[at + draw(st.integers(0, 4)) :]
        return data

    return st.lists(parts() | tokens | octets, max_size=_MOST_PARTS).map(b"".join) | changed()


def run(target: str, *, executions: int, seconds: int = 0, seed: int | None = None) -> Outcome:
    """Run a target for a number of executions, its seeds among them.

    With `seconds`, this is repeated with other seeds until so much time has passed.
    """
    end = monotonic() + seconds
    outcome = _run(target, executions, seed)
    total = outcome.executions
    while not outcome.report and monotonic() < end and seed is not None:
        seed += 1
        outcome = _run(target, executions, seed)
        total += outcome.executions
    return outcome._replace(executions=total)


def _run(target: str, executions: int, seed: int | None) -> Outcome:
    function = importlib.import_module(f"fuzz.targets.{target}").run
    count = 0
    broken: bytes | None = None

    def once(data: bytes) -> None:
        nonlocal count, broken
        count += 1
        try:
            function(data)
        except BaseException:
            broken = data
            raise

    try:
        for data in inputs.seeds(target):
            once(data)
        _search(target, once, max(1, executions - count), seed)
    except Exception:  # noqa: BLE001 - whatever a target raises is what is looked for
        where = None if broken is None else inputs.keep(target, broken)
        return Outcome("hypothesis", count, traceback.format_exc(), where)
    return Outcome("hypothesis", count)


def _search(target: str, once: Callable[[bytes], None], executions: int, seed: int | None) -> None:
    """Let hypothesis look for an input on which ONCE raises."""
    profile = settings(
        max_examples=executions,
        derandomize=seed is None,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    test = profile(given(data_for(target))(once))
    with warnings.catch_warnings():
        # Under python -bb: in the keys of its dictionaries, hypothesis compares bytes with numbers.
        warnings.filterwarnings("ignore", category=BytesWarning, module=r"hypothesis\.internal\.")
        (test if seed is None else seeded(seed)(test))()
