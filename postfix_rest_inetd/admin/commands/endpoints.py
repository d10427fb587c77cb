# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd endpoints`: the endpoints of the configuration, for scripts and completion.

One line for each, in the order of the file: name, mode and address, separated by tabs. A name has
no control characters, so no line is ambiguous. With `--json`, each is an object in a list. Targets
are neither checked nor printed.

If the configuration cannot be used, the output file is not changed.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, EXIT_FAILED
from postfix_rest_inetd.admin.host import atomic_file
from postfix_rest_inetd.admin.ui.options import (
    add_config_option,
    add_json_option,
    add_output_option,
)
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "printed or written",
    EXIT_FAILED: "the output cannot be written",
    EXIT_CONFIG: "the configuration cannot be used",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = "Each endpoint is a line: name, mode and address, separated by tabs.\n"
    add_json_option(parser)
    add_output_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the endpoints; returns the exit status."""
    loaded = loading.load(arguments.config, for_listening=True)
    found = [(e.name, e.mode, str(e.address)) for e in loaded.endpoints]
    text = "".join("\t".join(fields) + "\n" for fields in found)
    if arguments.json:
        document = [dict(zip(("name", "mode", "address"), fields, strict=True)) for fields in found]
        text = f"{json.dumps({'endpoints': document})}\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        atomic_file.write(arguments.output, text, atomic_file.PUBLIC_MODE)
    return EXIT_GOOD
