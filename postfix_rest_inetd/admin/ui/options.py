# SPDX-License-Identifier: MIT
"""Options that several commands have: each has one name, one meaning and one text.

tests/unit/admin/test_options.py compares them. A command that needs more words about one of them
has these in its epilog.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.config.loading import DEFAULT_PATH

if TYPE_CHECKING:
    import argparse

CACHE_DIRECTORY = "/var/cache/postfix-rest-inetd"
"""Which one systemd passes to handlers: postfix-rest-@.service.d/10-handler.conf."""

ENDPOINT_HELP = (
    "name or listening address of the endpoint, or its table or policy service as in main.cf"
)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config`; the value is a path."""
    parser.add_argument(
        "--config",
        default=DEFAULT_PATH,
        metavar="FILE",
        help="use this configuration; default: %(default)s",
    )


def add_cache_directory_option(parser: argparse.ArgumentParser) -> None:
    """Add `--cache-directory`; the value is a path."""
    parser.add_argument(
        "--cache-directory",
        default=CACHE_DIRECTORY,
        metavar="DIR",
        help="where handlers store answers; default: %(default)s",
    )


def add_journal_option(parser: argparse.ArgumentParser) -> None:
    """Add `--directory`, as journalctl(1) has it; the value is a path, or None."""
    parser.add_argument("--directory", metavar="DIR", help="read the journal files in DIR")


def add_period_options(parser: argparse.ArgumentParser, *, has_end: bool = True) -> None:
    """Add `--since` and `--until`; the values are texts for period.of(), or None."""
    # This makes argparse take the -1h of `--since -1h` for a time and not for an option.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001
    parser.add_argument("--since", metavar="TIME", help="begin at TIME")
    if has_end:
        parser.add_argument("--until", metavar="TIME", help="end at TIME")


def add_map_option(parser: argparse.ArgumentParser) -> None:
    """Add `--map`; the value is a name, or None."""
    parser.add_argument("--map", metavar="NAME", help="name of the map, for a socketmap")


def add_token_file_option(parser: argparse._ActionsContainer) -> None:
    """Add `--token-file` to a parser, or to a group of one; the value is a path, "-", or None."""
    parser.add_argument(
        "--token-file", metavar="FILE", help="copy the token from FILE; - is standard input"
    )


def add_no_probe_option(parser: argparse.ArgumentParser) -> None:
    """Add `--no-probe`."""
    parser.add_argument("--no-probe", action="store_true", help="do not ask the backend first")


def add_json_option(parser: argparse._ActionsContainer) -> None:
    """Add `--json` to a parser, or to a group of one."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """Add `--output`; the value is a path, or None."""
    parser.add_argument(
        "--output", metavar="FILE", help="replace FILE in one step instead of printing"
    )


def add_dry_run_option(parser: argparse._ActionsContainer) -> None:
    """Add `--dry-run` to a parser, or to a group of one."""
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="show what would be done, and change nothing"
    )


def add_assent_options(parser: argparse.ArgumentParser) -> None:
    """Add `--yes` and `--dry-run`, which exclude each other."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("-y", "--yes", action="store_true", help="do not ask")
    add_dry_run_option(choice)
