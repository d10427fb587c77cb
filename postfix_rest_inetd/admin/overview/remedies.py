# SPDX-License-Identifier: MIT
"""What to do about a failed request, in a sentence. The message catalog has the whole story.

The catalog cannot be the source: it may not be installed, and its texts have up to eight lines.
"""

from __future__ import annotations

from postfix_rest_inetd import model

REMEDIES = {
    model.USER_ERROR: "Correct the token or the target: postfix-rest-inetd check --probe asks it.",
    model.SERVER_ERROR: "Look into the log of the backend: it answers, but with an error.",
    model.UNSPECIFIED_STATUS: "Put the final address of the backend into config.json.",
    model.TIMEOUT: "See postfix-rest-inetd stats for its latency, and raise request-timeout if it "
    "only needs longer.",
    model.UNREACHABLE: "Start the backend, or correct the target: postfix-rest-inetd check --probe "
    "shows where it fails.",
    model.INVALID_DATA: "Correct the backend: postfix-rest-inetd query -v shows what it answers.",
    model.BROKEN_REQUEST: "Compare main.cf with the endpoint: postfix-rest-inetd check does.",
    model.UNUSABLE_CONFIG: "Correct config.json: postfix-rest-inetd check shows where.",
    model.INTERNAL_ERROR: "Please report this, with the entry of the journal.",
}
"""By outcome: all outcomes that are failures."""
EXPLAIN = "journalctl -x -t postfix-rest-inetd -p warning -n 1"
"""The command that shows the last failure, or warning, with its text in the catalog."""
EXPLAIN_REQUEST = "journalctl -x POSTFIX_REST_REQUEST_ID={}"
"""The same for a request."""
