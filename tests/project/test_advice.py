# SPDX-License-Identifier: MIT
"""What we show is copied: no example, in no document and no message, makes a mail server worse.

What `migrate` prints is held against the same rule by tests/blackbox/admin/test_migrate.py, and
against a real smtpd by tests/postfix/test_migrate.py.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.advice import lists, offences
from harness.programs import program
from harness.readme import between

ROOT = Path(__file__).parents[2]
PLACES = ("README.md", "packaging/**/*", "systemd/**/*", "postfix_rest_inetd/**/*.py")
SHOWN = sorted(
    path
    for place in PLACES
    for path in ROOT.glob(place)
    if path.is_file() and path.suffix != ".pyc" and "__pycache__" not in path.parts
)

POLICY = "check_policy_service inet:127.0.0.1:9003"
CHECK = "reject_unauth_destination"


@pytest.mark.parametrize(
    "text",
    [
        f"smtpd_relay_restrictions = permit_mynetworks, {POLICY}, reject_unauth_destination\n",
        f"smtpd_relay_restrictions =\n    permit_mynetworks,\n    {POLICY},\n    reject\n",
        f".Bd\nsmtpd_relay_restrictions =\n    {POLICY}\n.Ed\n",
        f"smtpd_recipient_restrictions=\n  {POLICY}\n  defer_unauth_destination\n",
        f"postconf -e \\\n 'smtpd_recipient_restrictions = {POLICY}, \\\n {CHECK}'",
        f'"smtpd_relay_restrictions = permit_mynetworks, {POLICY}, "\n    "{CHECK}"',
        "smtpd_relay_restrictions = check_client_access proxy:tcp:127.0.0.1:9001\n",
        "smtpd_recipient_restrictions = check_sender_access socketmap:x, reject_unauth_destination",
    ],
)
def test_offences(text: str) -> None:
    """The rule is one that is broken by what opens a relay, in each form that we show things in."""
    assert len(offences(f"something\n\n{text}\n\nreject_unauth_destination")) == 1


def test_no_open_relay() -> None:
    """Nothing that is shown has a policy service, or a table of ours, before the relay check."""
    texts = {path: path.read_text(encoding="utf-8") for path in SHOWN}
    found = {str(path): offences(text) for path, text in texts.items() if offences(text)}
    assert found == {}
    with_lists = {path.name for path, text in texts.items() if lists(text)}
    pages = {"README.md", "postfix-rest-inetd.7", "postfix-rest-inetd-handler.8"}
    assert {*pages, "screen.py"} <= with_lists


TABLES = "socketmap:inet:127.0.0.1:9002"
CONNECTED = [
    "-e",
    f"virtual_mailbox_domains = {TABLES}:domain",
    f"virtual_mailbox_maps = {TABLES}:mailbox",
    f"virtual_alias_maps = {TABLES}:alias",
    "virtual_alias_domains =",
    "virtual_transport = lmtp:inet:127.0.0.1:24",
]


@pytest.mark.parametrize("shell", [("bash",), ("dash",), ("zsh", "-f")], ids=lambda argv: argv[0])
def test_each_shell_gives_postfix_the_same(shell: tuple[str, ...]) -> None:
    """What README has for main.cf means the same in each shell that it names."""
    (block,) = [step.text for step in between("Connect Postfix", "Verify") if step.kind == "run"]
    recorded = "postconf() { printf '%s\\n' \"$@\"; }\nsystemctl() { :; }\n"
    command = [program(shell[0]), *shell[1:], "-euc", recorded + block]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    *values, restrictions = done.stdout.splitlines()
    assert values == CONNECTED
    assert restrictions.split()[-3:] == [f"{CHECK},", *POLICY.split()]


def test_no_modifiers() -> None:
    """No `$name:alias` is shown: the `:a` is a modifier in zsh, also within double quotes."""
    shown = [path for path in SHOWN if path.name != "backend-nginx.conf"]
    texts = {str(path): path.read_text(encoding="utf-8") for path in shown}
    modified = re.compile(r"\$[A-Za-z_]\w*:[A-Za-z&]")
    assert {path: found for path, text in texts.items() if (found := modified.findall(text))} == {}
