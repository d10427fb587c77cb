# SPDX-License-Identifier: MIT
"""Which modules are tried, and by which tests: those that are about them, the quick ones first.

A path is below the package, or below tests/. The first row that a module begins with is its own.
"""

# The tests beside these would kill mutants of modules that are not their subject, and take longer.
ROWS = [
    (
        "protocols/",
        ["unit/protocols", "unit/admin/protocols", "unit/units", "property/test_codecs.py"],
        ["blackbox/protocols/test_framing.py", "blackbox/config/test_faulty_endpoint.py"],
    ),
    (
        "verdict.py",
        ["unit/test_verdict.py", "property/test_verdict.py"],
        ["blackbox/test_verdicts.py", "blackbox/test_values.py", "blackbox/test_actions.py"],
    ),
    (
        "action.py",
        ["unit/test_action.py", "unit/test_verdict.py", "property/test_verdict.py"],
        ["blackbox/test_actions.py", "blackbox/test_access_tables.py"],
    ),
    (
        "restrictions.py",
        ["unit/test_action.py", "unit/admin/schema", "postfix/test_restrictions.py"],
        ["blackbox/test_actions.py"],
    ),
    (
        "backend/response.py",
        [
            "unit/backend/test_response.py",
            "unit/backend/test_early_response.py",
            "property/test_response.py",
        ],
        ["unit/backend/test_kept_connection.py", "blackbox/backend/test_http_response.py"],
    ),
    (
        "config/",
        [
            "unit/config",
            "unit/test_in_force.py",
            "unit/admin/schema",
            "unit/backend/test_backends.py",
            "property/test_config.py",
        ],
        ["unit/cache/test_record.py", "blackbox/config", "blackbox/admin/test_check.py"],
    ),
    (
        "json_reader.py",
        ["unit/test_json_reader.py", "unit/config/test_loading.py", "property/test_config.py"],
        ["blackbox/test_values.py"],
    ),
    (
        "log_entry.py",
        [
            "unit/test_log_entry.py",
            "unit/test_journal.py",
            "unit/admin/statistics",
            "project/test_catalog.py",
        ],
        ["blackbox/test_journal.py"],
    ),
    (
        "restart.py",
        ["unit/test_restart.py", "unit/test_in_force.py"],
        ["blackbox/test_replacement.py", "blackbox/test_hibernation.py"],
    ),
    (
        "shared.py",
        ["unit/test_shared.py", "unit/test_answering.py", "unit/cache"],
        ["property/test_simulated_handlers.py", "blackbox/test_shared_answers.py"],
    ),
    (
        "cache/",
        [
            "unit/cache",
            "unit/test_shared.py",
            "unit/admin/stored",
            "property/test_cache_rules.py",
            "property/test_simulated_handlers.py",
        ],
        ["blackbox/test_cache_rules.py", "blackbox/test_shared_answers.py"],
    ),
]

# What counts instructions or needs many processes says little about a mutant for its time, and a
# mutant may not make a file as large as one test wants it (worker.limit).
LEFT_OUT = [
    "unit/config/test_bounds.py",
    "unit/cache/test_outages.py::test_exactly_one_claims",
    "unit/cache/test_outages.py::test_the_real_clock",
    "unit/cache/test_store_together.py",
    "unit/cache/test_store_faults.py::test_in_place_of_a_file[huge]",
]


def row_of(module):
    """The row of a module, or None."""
    return next((row for row in ROWS if module.startswith(row[0])), None)
