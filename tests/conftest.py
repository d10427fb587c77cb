# SPDX-License-Identifier: MIT
"""Applies to every test: sets a neutral environment, and skips tests that cannot run.

If the tools of the tests are missing, pytest says so in one line instead of a traceback.
"""

# Before anything of the package: what http_connection.py leaves out of http.client for a handler, a
# test that compares with http.client in the same process would miss.
import http.client  # noqa: F401
import os
import signal
from pathlib import Path

import pytest

from harness.postfix_instance import missing_programs
from harness.requirements import missing

# The machine's own idea of trusted certificates must not decide a TLS test.
# The size of a terminal is what the terminal says; readline, which pytest loads, sets the variables
# for the workers of pytest-xdist.
for _name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "COLUMNS", "LINES"):
    os.environ.pop(_name, None)

# A shell ignores SIGINT for what it starts in the background; what tests start is to obey it.
signal.signal(signal.SIGINT, signal.default_int_handler)

IN_CI = os.environ.get("CI") == "true"
SETTINGS = Path(__file__).parents[1] / "pyproject.toml"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Refuse an environment that lacks modules that the tests import.

    This hook runs before pytest loads any other conftest.py, which may import what is missing.
    Builds of packages pass settings of their own and run the unit tests with fewer tools.
    """
    if pluginmanager.getplugin("pytestconfig").inipath == SETTINGS and (names := missing()):
        message = f"this Python lacks {', '.join(names)}; run tests/run, which makes .venvs/main"
        raise pytest.UsageError(message)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, in builds of packages as well, which do not use pyproject.toml."""
    for marker in ("postfix: needs a real Postfix", "root: needs root"):
        config.addinivalue_line("markers", f"{marker}; skipped, with the reason, without it")
    if not config.pluginmanager.hasplugin("timeout"):
        config.addinivalue_line("markers", "timeout(seconds): has no effect without pytest-timeout")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that need root or Postfix where these are missing; in CI, that is a failure."""
    no_root = "" if os.geteuid() == 0 else "needs root"
    no_postfix = ", ".join(f"no {name}" for name in missing_programs())
    if IN_CI and no_postfix:
        message = f"{no_postfix}, but CI must run everything"
        raise pytest.UsageError(message)
    for item in items:
        if no_root and item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=no_root))
        if no_postfix and item.get_closest_marker("postfix"):
            item.add_marker(pytest.mark.skip(reason=no_postfix))
