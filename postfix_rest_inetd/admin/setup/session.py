# SPDX-License-Identifier: MIT
"""From the endpoint that is wanted to one that Postfix can ask, step by step.

First the backend is asked, and the operator. Then the token file is written, and config.json. An
interruption leaves both or neither. Last come `apply`, and the command for main.cf.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.application import session as application
from postfix_rest_inetd.admin.checks import asking, postfix, report, request, risks
from postfix_rest_inetd.admin.checks.finding import ERROR
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.migration import main_cf
from postfix_rest_inetd.admin.setup import insertion, questions, screen, token_file
from postfix_rest_inetd.admin.setup.wanted import token_file_name
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.host.draft import Draft
    from postfix_rest_inetd.admin.setup.wanted import Wanted
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

ASK, YES, DRY_RUN = application.ASK, application.YES, application.DRY_RUN


class Setup:
    """Sets up one endpoint.

    Attributes:
        is_written: is it in the configuration?
    """

    def __init__(self, path: str, wanted: Wanted, assent: str) -> None:
        """Do nothing yet.

        Args:
            path: of the configuration.
            wanted: the endpoint.
            assent: ASK, YES or DRY_RUN.
        """
        directory = os.path.dirname(os.path.abspath(path))
        self.is_written = False
        self._path = path
        self._wanted = wanted
        self._assent = assent
        self._token_path = os.path.join(directory, token_file_name(wanted.name))

    def write(self, draft: Draft, loaded: Config, *, probes: bool) -> Endpoint | None:
        """Show what is going to be written, and write it; None if that is not to be.

        Args:
            draft: the configuration, locked.
            loaded: the same, read.
            probes: is the backend asked first?

        Raises:
            CommandError: a file cannot be written, or is in the way.
        """
        token = self._wanted.token
        is_new = bool(token) and not token_file.is_in_place(self._token_path, token)
        entry = self._wanted.entry(self._token_path)
        content = insertion.inserted(draft.content, entry)
        endpoint = loading.parse(content, self._path).endpoints[-1]
        screen.plan(self._path, entry, self._token_path if is_new else "")
        if not self._is_good(endpoint, loaded.user_agent, probes=probes):
            print("Nothing was written.")
            return None
        if self._assent != DRY_RUN:
            self._save(draft, content, is_new=is_new)
            screen.written(self._path, self._token_path if is_new else "")
        return endpoint

    def _is_good(self, endpoint: Endpoint, user_agent: str, *, probes: bool) -> bool:
        """Is the backend usable, and does the operator agree?"""
        found = list(risks.findings([endpoint]))
        if probes:
            from postfix_rest_inetd.admin.setup import trial  # needs urllib3

            sys.stdout.flush()  # the backend may take its time
            found += trial.findings(self._wanted, user_agent)
        if found:
            print()
        report.listed(found)
        has_failed = any(finding.severity == ERROR for finding in found)
        if self._assent == ASK:
            although = " although the backend is not usable like this" if has_failed else ""
            return questions.is_agreed(f"Write this{although}?")
        if has_failed:
            print("\nThe backend is not usable like this. To set it up all the same: --no-probe")
        return not has_failed

    def _save(self, draft: Draft, content: bytes, *, is_new: bool) -> None:
        if draft.is_outdated():
            what = "was changed by another process meanwhile; nothing was written"
            raise CommandError(f"{self._path} {what}")
        try:
            if is_new:
                token_file.write(self._token_path, self._wanted.token)
            draft.replace(content)
        except BaseException:
            self.is_written = draft.is_outdated()
            if is_new and not self.is_written:
                token_file.remove(self._token_path)
            raise
        self.is_written = True

    def open_socket(self) -> bool:
        """Do what `apply` does, if this is the installed configuration; is all open afterwards?"""
        if os.path.abspath(self._path) != loading.DEFAULT_PATH:
            screen.paragraph("Handlers of systemd use another file. Your inetd needs the address.")
            return True
        print()
        if self._assent == DRY_RUN:
            print("Then the sockets are opened: postfix-rest-inetd apply")
            return True
        try:
            application.require()
        except CommandError as error:
            screen.paragraph(f"The socket is not open: {error}.")
            return False
        errors = application.config_errors()
        if errors:
            report.listed(errors)
            print("\nWhen this is corrected: postfix-rest-inetd apply")
            return False
        return application.run(self._assent)

    def tell_postfix(self, endpoint: Endpoint) -> None:
        """Show the command for main.cf, and one that tries the result."""
        settings, notes = postfix.settings_or_note()
        report.listed(notes)
        purposes = self._wanted.purposes
        lines = main_cf.commands_for(endpoint, purposes, settings)
        queue = "" if settings is None else settings.value("queue_directory")
        table = asking.element(endpoint, next(iter(purposes), "NAME"), queue)
        trial = f"postmap -q KEY {table}"
        if not endpoint.is_lookup:
            words = [request.named(endpoint, [endpoint]), "--attribute", "sender=a@example.org"]
            words += request.config_option(self._path)
            trial = f"postfix-rest-inetd query {shlex.join(words)}"
        screen.for_main_cf(lines, trial)
        if self._assent == DRY_RUN:
            print("\nNothing was written.")
