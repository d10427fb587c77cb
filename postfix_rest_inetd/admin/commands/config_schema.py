# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd config-schema`: prints the JSON schema of config.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import EXIT_FAILED
from postfix_rest_inetd.admin.schema import document

if TYPE_CHECKING:
    import argparse


EXIT_STATUS = {0: "printed", EXIT_FAILED: "the output cannot be written"}


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Define no arguments."""


def run(_arguments: argparse.Namespace) -> int:
    """Print the schema; returns the exit status."""
    print(json.dumps(document.schema(), indent=2))
    return 0
