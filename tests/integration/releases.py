# SPDX-License-Identifier: MIT
"""Which test runs on which Debian.

The newest stable Debian runs all tests. Testing, which has the next systemd, Postfix, Python and
urllib3, runs all but those marked `one_release`, whose subject does not depend on these. The oldest
runs what is listed here, each with the reason; the tests of the packages run on it as well
(tests/packaging), and those with a Postfix of this machine's (tests/postfix) may have the same one.

A test finds out what a release has, and does not ask for its name.
"""

from __future__ import annotations

STABLE, TESTING, OLDEST = "trixie", "forky", "bookworm"
RELEASES = (STABLE, TESTING, OLDEST)
"""In the order in which tests run on them."""

ON_OLDEST = {
    "test_container.py::test_versions": "the versions that the product promises to work with",
    "test_container.py::test_systemd_is_process_one_and_all_is_well": "what all others build upon",
    "test_build_container.py::test_build_again": "the root file system is kept",
    "test_units.py": "every unit; keys that systemd 252 does not know would be warned of",
    "test_quiet.py::test_one_entry_for_each_request": "what systemd 252 says of each connection",
    "test_sandbox.py": "what systemd 252 makes of the sandbox; its filter has other system calls",
    "test_sandbox_price.py::test_strict": "handlers of all kinds work in both sandboxes",
    "test_hibernation.py::test_old_command_line": "hibernation within the filter of systemd 252",
    "test_secrets.py::test_credential": "systemd 252 hands over credentials in another way",
    "test_limits.py::test_sockets": "the limits, as systemd 252 has them in force",
    "test_limits.py::test_handler": "the limits, as systemd 252 has them in force",
    "test_limits.py::test_poll_limit": "systemd 252 has none, and its key is not to be written",
    "test_faults_of_journald.py::test_no_rate_limit": "how systemd 252 tells journald of limits",
    "test_flood.py::test_flood": "a flood without a poll limit",
    "test_self_healing.py::test_revival": "how systemd 252 fails a socket",
    "test_self_healing.py::test_replacement_ends_the_revival": "how it quotes names of rivals",
    **{
        f"test_addresses.py::{name}": "the generator: what systemd 252 makes of its drop-ins"
        for name in (
            "test_addresses",
            "test_long_names",
            "test_every_name",
            "test_unix_socket",
            "test_every_accepted_path",
            "test_named_unix_socket_is_refused",
            "test_unusable_config_at_reload",
            "test_nothing_is_written_for_nothing",
            "test_renamed_endpoint",
            "test_limits_stay_with_an_unusable_config",
        )
    },
    "test_addresses.py::test_collision_without_protection": "a fault that systemd 258 has not",
    "test_addresses.py::test_no_collision": "the guard against that fault",
    "test_postfix_maps.py::test_session": "lookups of Postfix 3.7, in each way to ask",
    "test_postfix_policy.py::test_decision": "Postfix 3.7 asks a policy service",
    "test_check.py::test_good": "`check` understands systemctl 252 and postconf 3.7",
    "test_check.py::test_new_directory_of_drop_ins": "systemd 252 does not see it by itself",
    "test_query_stats.py::test_stats": "`stats` understands journalctl 252",
}
"""The tests that run on the oldest release: a file, or a function of it, and why."""


def runs_on(release: str, file: str, function: str, *, one_release: bool) -> bool:
    """Whether a test of FUNCTION in FILE, perhaps marked `one_release`, runs on RELEASE."""
    if release == OLDEST:
        return not one_release and not ON_OLDEST.keys().isdisjoint({file, f"{file}::{function}"})
    return release == STABLE or not one_release
