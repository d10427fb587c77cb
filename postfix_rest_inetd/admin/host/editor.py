# SPDX-License-Identifier: MIT
"""Runs the operator's editor: $VISUAL, $EDITOR or the one of the system."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess

from postfix_rest_inetd.admin.command_error import CommandError

_EDITORS = ("sensible-editor", "editor", "vi", "nano")


def run(path: str) -> None:
    """Run the editor on a file; only the editor handles Ctrl-C meanwhile.

    Raises:
        CommandError: there is none, or it has failed.
    """
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    if not command:
        found = next((name for name in _EDITORS if shutil.which(name)), None)
        if found is None:
            raise CommandError("no editor was found; set EDITOR")
        command = [found]
    before = signal.signal(signal.SIGINT, lambda *_: None)  # to be ignored here, not by the editor
    try:
        done = subprocess.run([*command, path], check=False)  # noqa: S603 - the operator's choice
    except OSError as error:
        raise CommandError(
            f"{command[0]} cannot be started: {error.strerror}; check EDITOR"
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode) or f"signal {-done.returncode}"
        raise CommandError(f"{command[0]} was ended by a signal ({name}); nothing was saved")
    if done.returncode != 0:
        raise CommandError(f"{command[0]} failed with status {done.returncode}; nothing was saved")
