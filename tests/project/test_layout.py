# SPDX-License-Identifier: MIT
"""The layout: what stands where, and its trap.

The trap: systemd/ and packaging/ bear the names of Python packages. They stand at the top of the
checkout and hold no Python package, and nothing may take them for one.
"""

import email
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import postfix_rest_inetd

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> str:
    """What Python, started at the top of the checkout and looking there first, prints."""
    return subprocess.check_output([sys.executable, *arguments], cwd=ROOT, text=True, timeout=60)


@pytest.mark.parametrize("module", ["systemd.journal", "packaging.version"])
def test_import_from_the_root(module: str) -> None:
    """At the top of the checkout, `import` finds the Python packages, not our directories."""
    program = f"import json, sys, {module}; print(json.dumps([sys.path[0], {module}.__file__]))"
    first_on_path, file = json.loads(python("-c", program))
    assert first_on_path == ""
    assert not Path(file).is_relative_to(ROOT) or Path(file).is_relative_to(sys.prefix)


@pytest.mark.parametrize("axis", ["unit", "blackbox"])
def test_tests_mirror_the_package(axis: str) -> None:
    """Tests of what a package holds stand in a directory of its name."""
    tests, package = ROOT / "tests" / axis, ROOT / "postfix_rest_inetd"
    directories = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert Path("admin") in {path.parent for path in directories} | directories
    assert [str(path) for path in directories if not (package / path).is_dir()] == []


@pytest.mark.parametrize("directory", ["systemd", "packaging"])
def test_no_package_of_that_name(directory: str) -> None:
    """Neither directory contains what would make it importable."""
    assert [str(path) for path in (ROOT / directory).rglob("__init__.py")] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(directory))
    (file,) = directory.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def test_wheel_contents(wheel: zipfile.ZipFile) -> None:
    """The wheel contains the package, all of it, and nothing else."""
    metadata = f"postfix_rest_inetd-{postfix_rest_inetd.__version__}.dist-info"
    names = wheel.namelist()
    assert {name.partition("/")[0] for name in names} == {"postfix_rest_inetd", metadata}
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("postfix_rest_inetd/**/*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def test_wheel_metadata(wheel: zipfile.ZipFile) -> None:
    """The wheel names the package's version and its two dependencies, urllib3 from Debian 12 on."""
    (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Version"] == postfix_rest_inetd.__version__
    assert metadata.get_all("Requires-Dist") == ["systemd-python>=235", "urllib3<3,>=1.26.12"]


def test_console_script(wheel: zipfile.ZipFile) -> None:
    """Installing the wheel installs the operator's command."""
    (name,) = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    assert (
        wheel.read(name).decode()
        == "[console_scripts]\npostfix-rest-inetd = postfix_rest_inetd.admin.cli:main\n"
    )
