# SPDX-License-Identifier: MIT
"""Each failure has a remedy, and the commands that it names exist."""

from __future__ import annotations

import re

from harness.command_line import options_of, subcommands
from postfix_rest_inetd.admin.overview.remedies import REMEDIES
from postfix_rest_inetd.admin.statistics.journal_entry import GOOD_OUTCOMES, OUTCOMES


def test_every_failure() -> None:
    """No failure is left without an advice, and no success has one."""
    assert set(REMEDIES) == set(OUTCOMES) - set(GOOD_OUTCOMES)


def test_commands() -> None:
    """A command has the options that it is named with."""
    known = {name: options_of(parser) for name, parser in subcommands().items()}
    found = re.findall(r"postfix-rest-inetd ([a-z]+)(?: (--?[a-z]+))?", " ".join(REMEDIES.values()))
    assert len(found) > 3
    assert [each for each in found if each[1] not in {"", *known[each[0]]}] == []
