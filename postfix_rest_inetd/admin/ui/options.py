# SPDX-License-Identifier: MIT
"""Options that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.config.loading import DEFAULT_PATH

if TYPE_CHECKING:
    import argparse

CACHE_DIRECTORY = "/var/cache/postfix-rest-inetd"
"""Which one systemd passes to handlers: postfix-rest-@.service.d/10-handler.conf."""


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add it; the value is a path."""
    parser.add_argument(
        "--config",
        default=DEFAULT_PATH,
        metavar="FILE",
        help="default: %(default)s",
    )


def add_cache_directory_option(parser: argparse.ArgumentParser) -> None:
    """Add `--cache-directory`; the value is a path."""
    parser.add_argument(
        "--cache-directory",
        default=CACHE_DIRECTORY,
        metavar="DIR",
        help="where handlers store answers; default: %(default)s",
    )
