# SPDX-License-Identifier: MIT
"""README.md, done as it is written, from `Configure` on: files, commands, and what they print."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from integration.mail import ACCEPTED, rcpt
from integration.product import CONFIG, wait_until

from harness.container import Container
from harness.process_group import end
from harness.readme import Step, between, same_shape, the

BACKEND = "/root/backend.py"
FIRST, AFTER_INSTALLATION, DOWN, END = (
    "Configure",
    "Connect Postfix",
    "When the backend is down",
    "Rules that protect your mail",
)


@contextlib.contextmanager
def backend(container: Container) -> Iterator[None]:
    """backend.py in another terminal."""
    container.write(BACKEND, the("python"))
    with container.popen("python3", BACKEND, stderr=-3) as process:
        try:
            listening = ("ss", "-Hltn", "sport = :8080")
            wait_until(lambda: container.run(*listening).stdout, "the backend")
            yield
        finally:
            end(process)


def do(container: Container, steps: list[Step]) -> None:
    """Take some steps; each command must succeed, and print what is shown."""
    for step in steps:
        if step.kind == "json":
            assert container.read(CONFIG) == step.text
        elif step.kind == "run":
            container.run("bash", "-euo", "pipefail", "-c", step.text)
        elif step.kind == "ask":
            container.journal.sync()
            done = container.run("bash", "-c", step.text, check=False)
            assert same_shape(step.shown, done.stdout), f"{step.text}:\n{done.stdout}{done.stderr}"


@pytest.mark.timeout(180, func_only=True)
def test_readme(fresh_container: Container) -> None:
    """Each command works and prints what is shown; mail is taken, refused and deferred."""
    container = fresh_container
    with backend(container):
        do(container, between(FIRST, DOWN))
        assert rcpt(container, "Info+List@Example.ORG") == ACCEPTED
        assert rcpt(container, "carol@example.org").startswith("550 5.1.1 <carol@example.org>: ")
    do(container, between(DOWN, END))
    assert rcpt(container, "info@example.org") == ACCEPTED, "a stored answer"
    assert rcpt(container, "bob@example.org").startswith("451 4.3.0 <bob@example.org>: ")
