# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd edit`: an editor on a copy, a check, and the copy takes the file's place.

The editor is $VISUAL, $EDITOR or what the system has. While there is a problem, nothing is saved
without a question. Exit status: 0 saved, or nothing to save; 1 not saved; 2 wrong command line.

A saved file is in force from the next request on. Only sockets at other addresses must be opened by
somebody: which commands do that is told at the end.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import configuration, files, report, units
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.host import systemd
from postfix_rest_inetd.admin.host.atomic_file import Draft, EditError
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.ui.options import add_config_option
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from postfix_rest_inetd.config.loading import Config

EXIT_SAVED = 0
EXIT_NOT_SAVED = 1

_EDITORS = ("sensible-editor", "editor", "vi", "nano")
_QUESTION = "What now? (e)dit again, e(x)it without saving, (Q) save in spite of it: "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = "exit status: 0 saved, or nothing changed; 1 not saved; 2 wrong command line."
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Edit, check, save; returns the exit status."""
    path = arguments.config
    try:
        with Draft(path) as draft:
            content = _edited(path, draft)
            if content is None:
                print(f"{path} is as it was.")
                return EXIT_NOT_SAVED
            if content == draft.content:
                print(f"{path} is as it was: nothing was changed.")
                return EXIT_SAVED
            draft.replace(content)
            _tell_what_follows(path, draft.content, content)
            return EXIT_SAVED
    except EditError as error:
        print(f"postfix-rest-inetd edit: {error}", file=sys.stderr)
        return EXIT_NOT_SAVED


def _edited(path: str, draft: Draft) -> bytes | None:
    """The content to be saved, None when there is none."""
    while True:
        _run_editor(draft.path)
        content = draft.edited()
        if content == draft.content:
            return content
        troubles = _troubles(path, content)
        if draft.is_outdated():
            what = "was changed by somebody else meanwhile; saving would undo that"
            troubles.append(Finding(ERROR, path, what))
        if not troubles:
            return content
        report.as_text(troubles)
        answer = _ask()
        if answer == "Q":
            return content
        if answer == "x":
            return None


def _run_editor(path: str) -> None:
    """Run the editor to its end; Ctrl-C is its own business."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not command:
        found = next((name for name in _EDITORS if shutil.which(name)), None)
        if found is None:
            raise EditError("there is no editor; set EDITOR")
        command = [found]
    before = signal.signal(signal.SIGINT, lambda *_: None)  # to be ignored here, not by the editor
    try:
        done = subprocess.run([*command, path], check=False)  # noqa: S603 - the operator's choice
    except OSError as error:
        raise EditError(f"{command[0]} cannot be started: {error.strerror}; see EDITOR") from None
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode != 0:
        raise EditError(f"{command[0]} has failed (status {done.returncode}); nothing was saved")


def _troubles(path: str, content: bytes) -> list[Finding]:
    """The errors of a content: of itself, and of the files that it names."""
    loaded, found = configuration.load(path, content)
    if loaded is not None:
        if systemd.is_running() and systemd.are_installed():
            files.use_credentials(loaded, systemd.handler_settings())
        found += files.usable(path, loaded, content)
    return [finding._replace(advice="") for finding in found if finding.severity == ERROR]


def _ask() -> str:
    """One of e, x and Q; x where nobody is there to answer."""
    while True:
        print(_QUESTION, end="", flush=True)
        answer = sys.stdin.readline()
        if not answer:
            print()
            return "x"
        if answer.strip() in ("e", "x", "Q"):
            return answer.strip()


def _tell_what_follows(path: str, before: bytes, after: bytes) -> None:
    old, new = _config(before), _config(after)
    if new is None:
        what = "requests on new connections get temporary errors"
        print(f"{path} is saved, and cannot be used: {what}.")
        return
    print(f"{path} is saved, and in force from the next request on.")
    was = {str(endpoint.address) for endpoint in old.endpoints} if old else set()
    now = {str(endpoint.address): endpoint.name for endpoint in new.endpoints}
    for address, name in now.items():
        if address not in was:
            print(f"New address: {address} ({name})")
    for address in sorted(was - now.keys()):
        print(f"Gone: {address}")
    is_installed = os.path.abspath(path) == loading.DEFAULT_PATH
    if is_installed and systemd.is_running() and systemd.are_installed():
        found = units.findings(new.endpoints, Listeners())
        steps = [finding for finding in found if finding.severity in (ERROR, WARNING)]
        if steps:
            print("Still to be done:\n")
            report.as_text(steps)
    elif was != now.keys():
        print("Somebody has to listen at other addresses now: tell your inetd, and Postfix.")


def _config(content: bytes) -> Config | None:
    try:
        return loading.parse(content, "")
    except ConfigError:
        return None
