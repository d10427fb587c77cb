# SPDX-License-Identifier: MIT
"""build_container: what it keeps, refuses and says.

That a real Debian comes out of it is what all other tests here see. Two cases that cannot be had
from a real mirror at will are made by a program in the place of mmdebstrap.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from integration.releases import TESTING

PROGRAM = Path(__file__).parent / "build_container"


def build(cache: Path, *releases: str, path: str = "") -> subprocess.CompletedProcess[str]:
    """Build RELEASES below CACHE; programs in the directory PATH go before others."""
    environment = {**os.environ, "POSTFIX_REST_INETD_CONTAINERS": str(cache)}
    environment["PATH"] = f"{path}:{environment['PATH']}"
    return subprocess.run(
        [PROGRAM, *releases],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )


@pytest.fixture
def bootstrap(tmp_path: Path) -> Path:
    """A directory for a program in the place of mmdebstrap; it has to be written."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mmdebstrap").touch(0o755)
    return tmp_path / "bin/mmdebstrap"


def test_build_again(root: Path) -> None:
    """What is built already is not built again."""
    before = root.stat()
    done = build(root.parent, root.name)
    assert (done.returncode, done.stdout) == (0, "")
    assert root.stat() == before


@pytest.mark.parametrize("releases", [[], ["sid"], ["trixie", "../trixie"], ["trixie forky"]])
def test_refuses(tmp_path: Path, releases: list[str]) -> None:
    """Only known releases are built, and none when one of them is not known."""
    assert build(tmp_path / "cache", *releases).returncode == 64
    assert not (tmp_path / "cache").exists()


def test_one_fails(tmp_path: Path, bootstrap: Path) -> None:
    """A release that cannot be built is said, is not there, and does not prevent the next one."""
    bootstrap.write_text("#!/bin/sh\necho E: no such release\nexit 25\n")
    done = build(tmp_path / "cache", "forky", "trixie", path=str(bootstrap.parent))
    assert done.returncode == 1
    lines = [line.removeprefix("build_container: ") for line in done.stdout.splitlines()]
    for release in ("forky", "trixie"):
        said = [line for line in lines if line.startswith(release)]
        assert said[0].endswith(f"building {tmp_path}/cache/{release}")
        assert said[1].endswith(" s E: no such release")
        assert said[-1] == f"{release}: could not be built; the reason stands above"
        assert not (tmp_path / "cache" / release).exists()


@pytest.mark.parametrize(
    ("release", "until", "is_said"),
    [
        ("forky", "Fri, 06 Nov 2020 08:08:01 UTC", True),
        ("forky", "Fri, 06 Nov 2099 08:08:01 UTC", False),
        ("forky", "", False),
        ("trixie", "Fri, 06 Nov 2020 08:08:01 UTC", False),
    ],
)
def test_expired(
    tmp_path: Path, bootstrap: Path, release: str, until: str, *, is_said: bool
) -> None:
    """A Release file of testing that has expired is passed over, and said; others must be valid."""
    program = """
        #!/bin/sh
        # What of mmdebstrap concerns us: apt has fetched the index, and then the hook runs.
        mkdir -p root/var/lib/apt/lists
        printf 'Suite: testing\\n%s' "$UNTIL" >root/var/lib/apt/lists/mirror_InRelease
        for option; do
            case $option in
            --extract-hook=*) sh -euc "${option#*=}" sh root ;;
            --aptopt=*) echo "OPTION ${option#*=}" ;;
            esac
        done
        exit 25
    """
    text = textwrap.dedent(program).lstrip().replace("$UNTIL", until and f"Valid-Until: {until}\n")
    bootstrap.write_text(text.replace("root", f"{tmp_path}/root"))
    said = build(tmp_path / "cache", release, path=str(bootstrap.parent)).stdout
    assert (f"the Release file of the mirror expired on {until};" in said) == is_said
    passed_over = 'OPTION Acquire::Check-Valid-Until "false"' in said
    assert passed_over == (release == "forky")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("ci", "outcome"), [("false", "SKIPPED"), ("true", "ERROR")])
def test_testing_is_missing(tmp_path: Path, bootstrap: Path, ci: str, outcome: str) -> None:
    """Without Debian's testing its tests are skipped, and the reason is said; in CI they fail."""
    bootstrap.write_text("#!/bin/sh\necho E: no such release\nexit 25\n")
    command = [sys.executable, "-P", "-m", "pytest", "-ra", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"{__file__}::test_build_again[{TESTING}]"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "CI": ci,
            "POSTFIX_REST_INETD_CONTAINERS": str(tmp_path / "cache"),
            "PATH": f"{bootstrap.parent}:{os.environ['PATH']}",
        },
    )
    assert re.search(rf"(?m)^{outcome} .*(\n.*)*E: no such release", done.stdout)
    assert done.returncode == (outcome == "ERROR")
