# SPDX-License-Identifier: MIT
"""The files of one connection: configuration, token, package; and who changes them when."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import time
from pathlib import Path

from blackbox.driven.plan import Change, Plan
from blackbox.driven.timeline import BROKEN, Timeline

from harness.handler_process import endpoint
from harness.package_copy import copy_package, upgrade
from harness.rewriting import WRITERS, renamed

NEW = "new-"
"""What the new version of the package begins its request ids with."""


class Packages:
    """Two versions of the package, compiled, of which connections get copies that cost little."""

    def __init__(self, directory: Path) -> None:
        self.old, self.new = copy_package(directory / "old"), copy_package(directory / "new")
        upgrade(self.new)
        answering = self.new / "answering.py"
        text = answering.read_text()
        assert text.count("os.urandom(16).hex()") == 1
        renamed(answering, text.replace("os.urandom(16).hex()", f"'{NEW}' + os.urandom(14).hex()"))
        for package in (self.old, self.new):
            compileall.compile_dir(package, quiet=2)


class Files:
    """The files of a connection, below a directory of its own."""

    def __init__(self, directory: Path, plan: Plan, authorities: list[str]) -> None:
        """Nothing is there yet; AUTHORITIES are those of the targets."""
        self.directory = directory
        self._plan = plan
        self._authorities = authorities
        self.config, self.token = directory / "config.json", directory / "token"
        self.versions, self.tokens = Timeline(), Timeline()
        self.upgraded: tuple[float, float] | None = None
        self._package: Path | None = None
        self._packages: Packages | None = None
        self._left: list[str] = []
        self._left_since = self.slowest_sec = 0.0
        self.cache = directory / "cache"

    def prepare(self, packages: Packages) -> dict[str, str]:
        """Write the first version of everything; returns what the handler's environment needs."""
        self._put("config", 1)
        self._put("token", 1)
        self.cache.mkdir(0o700)
        if self._plan.theme != "package":
            return {}
        self._package, self._packages = self.directory / "lib/postfix_rest_inetd", packages
        shutil.copytree(packages.old, self._package, copy_function=os.link)
        long_ago = time.time() - 100
        for path in (self._package, *self._package.rglob("*")):
            if path.is_dir():
                os.utime(path, (long_ago, long_ago))
        return {"PYTHONPATH": str(self._package.parent), "PYTHONDONTWRITEBYTECODE": "1"}

    def change(self, change: Change) -> None:
        """Do one change; of the package, perhaps the first half."""
        if change.what == "package":
            self._begin_upgrade(is_half=change.broken == "half")
            return
        timeline = self.versions if change.what == "config" else self.tokens
        if change.broken:
            path = self.config if change.what == "config" else self.token
            timeline.set(BROKEN, lambda: self._break(path, change.broken))
        else:
            self._put(change.what, timeline.newest + 1, change.writer)

    def finish(self) -> None:
        """Do the second half of what was begun."""
        if self._left:
            self._install(self._left)
            self._has_upgraded()
            self.slowest_sec = time.monotonic() - self._left_since

    def _put(self, what: str, value: int, writer: int = 1) -> None:
        path, timeline = self.config, self.versions
        text = f"secret-{value}"
        if what == "config":
            text = self._content(value)
        else:
            path, timeline = self.token, self.tokens
        write = WRITERS[writer] if path.exists() else renamed
        timeline.set(value, lambda: write(path, text), is_at_once=write is renamed)

    def _content(self, version: int) -> str:
        plan = self._plan
        urls = [f"http://{authority}/v{version}" for authority in self._authorities]
        keys: dict[str, object] = {"hibernate-after": 1, "request-timeout": plan.timeout_ms}
        if plan.failure_action:
            keys["failure-action"] = plan.failure_action
        item = endpoint(plan.mode, urls[0], auth_token_file=str(self.token), bind_port=1, **keys)
        item["target"] = urls if len(urls) > 1 else urls[0]
        return json.dumps({"endpoints": [item]})

    def _break(self, path: Path, how: str) -> None:
        if how == "missing":
            path.unlink(missing_ok=True)
        elif how == "emptied" or path == self.token or not path.exists():
            path.write_text("")
        elif how == "cut":
            path.write_text(path.read_text()[:-5])
        else:
            path.write_text(path.read_text().replace("bind-port", "bind-prot"))

    def _begin_upgrade(self, *, is_half: bool) -> None:
        if self._packages is None or self.upgraded is not None:
            return
        new = self._packages.new
        files = sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file())
        middle = len(files) // 2 if is_half else len(files)
        begin = time.monotonic()
        self._install(files[:middle])
        self._left, self._left_since = files[middle:], begin
        self.upgraded = (begin, float("inf"))
        if not is_half:
            self._has_upgraded()

    def _has_upgraded(self) -> None:
        assert self._package is not None
        assert self.upgraded is not None
        (self._package / "backend/client.py").unlink()
        self.upgraded = (self.upgraded[0], time.monotonic())

    def _install(self, files: list[str]) -> None:
        assert self._package is not None
        assert self._packages is not None
        for name in files:
            path = self._package / name
            new = path.with_name(f"{path.name}.new")
            os.link(self._packages.new / name, new)
            new.rename(path)
        self._left = []
