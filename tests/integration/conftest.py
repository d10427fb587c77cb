# SPDX-License-Identifier: MIT
"""Containers for the tests below this directory, each test with the Debian releases it is for.

Which these are is in releases.py.

`container` is one for all tests of a run that leave it as they found it, `clean_container` is the
same one put back in order after the test, `fresh_container` is the test's own. The product is
installed in all of them, and nothing of it enabled. `blank_container` is a test's own without it.

Where containers cannot run the tests are skipped, and the reason is said; in CI that is a failure.
So are those of Debian's testing alone, where that cannot be built: a mirror may lack it, or it may
be broken for a day, which must not stop anybody but CI.
When a test fails, the report has the journal of every container, from the beginning of the test.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.good_machine import KEEP, PARAMETERS, RESTORE, TEMPLATES, Machine
from integration.mail import set_up
from integration.product import SOCKETS, configure, start
from integration.releases import RELEASES, STABLE, TESTING, runs_on
from integration.served import Served

from harness.container import RUNNING, CommandError, Container, why_impossible
from harness.container_backend import answer, lookup

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
BUILD_SEC = 1800

_began = pytest.StashKey[float]()


# -- what holds for every test here


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that `-m 'not integration'` can leave these tests out."""
    config.addinivalue_line(
        "markers", "integration: boots a Debian with a real systemd; needs root"
    )
    config.addinivalue_line(
        "markers", "one_release: what it tests does not depend on the versions of what is around it"
    )


def is_superfluous(item: pytest.Item) -> bool:
    """Is it for other releases than the one of its container?"""
    callspec = getattr(item, "callspec", None)
    release = callspec.params.get("root", STABLE) if callspec else STABLE
    function = getattr(item, "originalname", item.name)
    one_release = item.get_closest_marker("one_release") is not None
    return not runs_on(release, item.path.name, function, one_release=one_release)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests below this directory, and skip them where they cannot run."""
    if superfluous := [item for item in items if is_superfluous(item)]:
        config.hook.pytest_deselected(items=superfluous)
        items[:] = [item for item in items if item not in superfluous]
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    reason = why_impossible() if ours else ""
    if reason and os.environ.get("CI") == "true":
        message = f"no containers, but CI must run everything: {reason}"
        raise pytest.UsageError(message)
    for item in ours:
        item.add_marker(pytest.mark.integration)
        if item.get_closest_marker("timeout") is None:
            # The first test to use a release waits for it to be built, which is bounded by itself.
            item.add_marker(pytest.mark.timeout(120, func_only=True))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Remember when the test began."""
    item.stash[_began] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the journals to the report of a failure."""
    report = yield
    if report.failed:
        report.sections += [
            (
                f"journal of {container.name} from the beginning of the test",
                journal_of(container, item.stash[_began]),
            )
            for container in RUNNING
        ]
    return report


def journal_of(container: Container, since: float) -> str:
    """The journal as a text, or what there is instead of it: this must not fail."""
    try:
        return container.journal.text(since)
    except (CommandError, AssertionError, OSError, subprocess.SubprocessError) as error:
        console = "\n".join(container.console.lines() if container.console else [])
        return f"cannot be read: {error}\nThe console:\n{console}"


# -- containers


@pytest.fixture(scope="session", params=RELEASES)
def root(request: pytest.FixtureRequest) -> Path:
    """The unchanged root file system of a release, built if need be."""
    command = [str(HERE / "build_container"), request.param]
    said = []
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with (
        capture.global_and_fixture_disabled(),
        subprocess.Popen(
            ["timeout", str(BUILD_SEC), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            print(line, end="", flush=True)  # noqa: T201 - it takes minutes
    if process.returncode != 0:
        if request.param == TESTING and os.environ.get("CI") != "true":
            pytest.skip(f"{TESTING}, Debian's testing, cannot be built: {why(said)}")
        pytest.fail(f"{' '.join(command)}: exit status {process.returncode}\n{''.join(said)}")
    cache = os.environ.get("POSTFIX_REST_INETD_CONTAINERS") or CHECKOUT / ".containers"
    return Path(cache, request.param)


def why(said: list[str]) -> str:
    """The first error among the lines that were said; the last line if there is none."""
    errors = [line for line in said if re.search(r" (E|Err):", line)]
    return (errors or said[-1:] or ["nothing was said"])[0].strip()


@pytest.fixture(scope="session")
def container(root: Path) -> Iterator[Container]:
    """A container for all tests that leave it as it is."""
    with Container(root) as booted:
        booted.install(CHECKOUT)
        booted.keep_state()
        yield booted


@pytest.fixture
def clean_container(container: Container) -> Iterator[Container]:
    """The same container, for a test that configures and starts things in it."""
    yield container
    container.reset()


@pytest.fixture
def fresh_container(root: Path) -> Iterator[Container]:
    """A container of the test's own."""
    with Container(root) as booted:
        booted.install(CHECKOUT)
        booted.keep_state()
        yield booted


@pytest.fixture
def blank_container(root: Path) -> Iterator[Container]:
    """A container of the test's own, without the product."""
    with Container(root) as booted:
        yield booted


@pytest.fixture(scope="module")
def good_machine(container: Container) -> Iterator[Machine]:
    """A machine on which everything is as it should be."""
    with container.backend({}) as backend:
        good = Machine(container, backend)
        configure(container, *good.endpoints())
        container.run("systemctl", "enable", *TEMPLATES)
        start(container, *SOCKETS)
        set_up(container, PARAMETERS)
        good.shell(KEEP)
        yield good
    container.reset()


@pytest.fixture
def machine(good_machine: Machine) -> Iterator[Machine]:
    """The same, put right after the test."""
    good_machine.backend.set_routes({"/lookup": lookup({}), "/policy": answer("DUNNO")})
    yield good_machine
    good_machine.shell(RESTORE)


@pytest.fixture
def served(clean_container: Container) -> Iterator[Served]:
    """Three endpoints that are served, and stored answers."""
    ready = Served(clean_container)
    with ready.backend:
        yield ready
