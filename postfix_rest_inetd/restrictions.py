# SPDX-License-Identifier: MIT
"""Lists of restrictions as actions: finds what Postfix would ignore or could not evaluate.

To Postfix (smtpd/smtpd_check.c: check_table_result, generic_checks), an action that does not begin
with one of access(5) or with a reply code is a list of restrictions, separated by blanks and
commas. Letter case does not matter. An unknown name may be a restriction class of main.cf; if there
is none, Postfix defers the mail.

The faults that are found here are those that Postfix ignores, with a warning in its log, and those
that it cannot evaluate: then it defers the mail with "451 4.3.5 Server configuration error". A
handler loads this module only for an action that is a list. From a list, the texts of faults repeat
only names of restrictions that this file knows.
"""

from __future__ import annotations

from .enhanced_status import is_enhanced_status

# The numbers are lines of smtpd/smtpd_check.c in Postfix 3.10.0; the names are in
# global/mail_params.h.

# 4373 to 4739: "restriction %s requires domain name argument", and the next one is evaluated.
NEED_DOMAIN = frozenset(
    "reject_rbl reject_rbl_client permit_dnswl_client reject_rhsbl_client permit_rhswl_client "
    "reject_rhsbl_reverse_client reject_rhsbl_helo reject_rhsbl_sender "
    "reject_rhsbl_recipient".split()
)

# 4235 (is_map_command) and 4314: these need a table or a service, written with a colon; and an
# action with a colon in it is an error at 2734.
NEED_TABLE = frozenset(
    "check_policy_service check_client_access check_reverse_client_hostname_access "
    "check_ccert_access check_sasl_access check_helo_access check_sender_access "
    "check_recipient_access check_etrn_access check_client_mx_access check_client_ns_access "
    "check_client_a_access check_reverse_client_hostname_mx_access "
    "check_reverse_client_hostname_ns_access check_reverse_client_hostname_a_access "
    "check_helo_mx_access check_helo_ns_access check_helo_a_access check_sender_mx_access "
    "check_sender_ns_access check_sender_a_access check_recipient_mx_access "
    "check_recipient_ns_access check_recipient_a_access".split()
)

# 4333: "must be followed by number".
SLEEP = "sleep"

# 4292, 4300, 4308 and 4689: "restriction `%s' after `%s' is ignored". Except for permit, this does
# not hold if the verdict is only logged (warn_if_reject). The last one exists up to Postfix 3.8.
LAST = frozenset(("permit", "reject", "defer", "check_relay_domains"))

# A pseudo restriction: it changes the next one, and has no effect at the end of a list.
WARN_IF_REJECT = "warn_if_reject"

# The others have no argument. Where a domain name is needed, none of these is one.
ALONE = frozenset(
    "defer_if_permit defer_if_reject reject_unauth_pipelining reject_plaintext_session "
    "reject_unknown_client reject_unknown_client_hostname reject_unknown_reverse_client_hostname "
    "permit_inet_interfaces permit_mynetworks reject_maps_rbl reject_invalid_helo_hostname "
    "reject_invalid_hostname reject_unknown_helo_hostname reject_unknown_hostname "
    "permit_naked_ip_address reject_non_fqdn_helo_hostname reject_non_fqdn_hostname "
    "reject_unknown_address reject_unknown_sender_domain reject_unverified_sender "
    "reject_non_fqdn_sender reject_authenticated_sender_login_mismatch "
    "reject_known_sender_login_mismatch reject_unauthenticated_sender_login_mismatch "
    "reject_sender_login_mismatch reject_unlisted_sender permit_mx_backup permit_auth_destination "
    "reject_unauth_destination defer_unauth_destination "
    "permit_sasl_authenticated permit_tls_all_clientcerts permit_tls_clientcerts "
    "reject_unknown_recipient_domain reject_non_fqdn_recipient check_recipient_maps "
    "reject_unlisted_recipient reject_multi_recipient_bounce reject_unverified_recipient".split()
)

RESTRICTIONS = ALONE | NEED_DOMAIN | NEED_TABLE | LAST | {SLEEP, WARN_IF_REJECT}


def fault_of(action: str) -> str:
    """What is wrong with an action that is a list of restrictions, or an empty string."""
    if ":" in action:
        return "the action names a lookup table, or is none: Postfix takes no colon in it"
    if "{" in action or "}" in action:
        return "the action has braces in it, in which Postfix finds no restrictions"
    words = [
        word.lower() if word.isascii() else word for word in action.replace(",", " ").split(" ")
    ]
    words = [word for word in words if word]
    if is_enhanced_status(words[0]):
        return "the action is an enhanced status code without a reply code before it"
    before = ""
    # A domain or a number is not the name of a restriction, so the loop does not have to skip it.
    for word, argument in zip(words, [*words[1:], ""], strict=True):
        if fault := _fault_at(word, argument, warns=before == WARN_IF_REJECT):
            return fault
        before = word
    return ""


def _fault_at(word: str, argument: str, *, warns: bool) -> str:
    """What is wrong with a restriction and the next word, which may be missing."""
    if word in NEED_TABLE:
        return f"{word} needs a lookup table or a service, which Postfix does not take in an action"
    if word in NEED_DOMAIN and (not argument or argument in RESTRICTIONS):
        return f"{word} needs a domain name after it, or else Postfix ignores it"
    if word == SLEEP and not (argument.isascii() and argument.isdigit()):
        return f"{word} needs a number of seconds after it"
    if word == WARN_IF_REJECT and not argument:
        return f"{word} needs a restriction after it, or else it does nothing"
    if word in LAST and argument and (word == "permit" or not warns):
        return f"there is something after {word}, which Postfix ignores"
    return ""
