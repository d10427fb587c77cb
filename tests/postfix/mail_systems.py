# SPDX-License-Identifier: MIT
"""How published mail systems set up Postfix: the parameters that matter here, in our own words.

Each has the lines of main.cf and master.cf that decide who is asked, with others that look alike
(milters, transports, SASL), and what there is to be found: by the text of a reference, where it
stands and which services ask. Names of hosts, files and maps are made up.
"""

from __future__ import annotations

from typing import NamedTuple

SMTPD, CLEANUP, REWRITE, SMTP = "smtp/inet", "cleanup/unix", "rewrite/unix", "smtp/unix"
_MASTER = """
smtp      inet  n - n - -   smtpd
pickup    unix  n - n 60 1  pickup
cleanup   unix  n - n - 0   cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - -   trivial-rewrite
proxymap  unix  - - n - -   proxymap
smtp      unix  - - n - -   smtp
relay     unix  - - n - -   smtp
lmtp      unix  - - n - -   lmtp
local     unix  - n n - -   local
virtual   unix  - n n - -   virtual
"""

Expected = dict[str, tuple[set[str], set[str]]]


class MailSystem(NamedTuple):
    """A set-up; `expected` are the parameters and the services of each reference."""

    main: str
    expected: Expected
    master: str = ""

    @property
    def master_cf(self) -> str:
        """All of master.cf."""
        return _MASTER + self.master


MAIL_SYSTEMS = {
    "a distribution's default": MailSystem(
        """
myhostname = mx.test.example
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
mydestination = $myhostname, localhost.localdomain, , localhost
relayhost =
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
recipient_delimiter = +
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
""",
        {},
    ),
    "a prefix of all tables in a parameter of its own": MailSystem(
        """
mail_tables = socketmap:unix:/tmp/tables.socket:
sender_rate = check_sasl_access ${mail_tables}rate
mydestination =
virtual_alias_domains =
virtual_alias_maps = ${mail_tables}alias
virtual_mailbox_domains = ${mail_tables}domain
virtual_mailbox_maps = ${mail_tables}mailbox
relay_domains = ${mail_tables}transport
transport_maps = ${mail_tables}transport
sender_canonical_maps = ${mail_tables}sender
smtpd_sender_login_maps = ${mail_tables}login
smtpd_client_restrictions =
  permit_mynetworks,
  check_sender_access ${mail_tables}senderaccess,
  permit
smtpd_milters = inet:127.0.0.1:11332
virtual_transport = lmtp:inet:127.0.0.1:2525
""",
        {
            "socketmap:unix:/tmp/tables.socket:alias": (
                {"virtual_alias_maps"},
                {CLEANUP, SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:domain": (
                {"virtual_mailbox_domains"},
                {REWRITE, SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:mailbox": (
                {"virtual_mailbox_maps"},
                {SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:transport": (
                {"relay_domains", "transport_maps"},
                {REWRITE, SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:sender": (
                {"sender_canonical_maps"},
                {CLEANUP, SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:login": (
                {"smtpd_sender_login_maps"},
                {SMTPD, "10025/inet"},
            ),
            "socketmap:unix:/tmp/tables.socket:senderaccess": (
                {"smtpd_client_restrictions"},
                {SMTPD},
            ),
            "socketmap:unix:/tmp/tables.socket:rate": (
                {"10025/inet: smtpd_client_restrictions"},
                {"10025/inet"},
            ),
        },
        """
10025     inet  n - n - -   smtpd
  -o smtpd_client_restrictions=$sender_rate,permit
  -o cleanup_service_name=outclean
outclean  unix  n - n - 0   cleanup
  -o virtual_alias_maps=
  -o sender_canonical_maps=
""",
    ),
    "databases by way of proxymap, and a table of postscreen's": MailSystem(
        """
alias_maps = hash:/etc/aliases
postscreen_access_list = permit_mynetworks,
  cidr:/etc/postfix/postscreen.cidr,
  tcp:127.0.0.1:10027
postscreen_cache_map = proxy:btree:$data_directory/postscreen_cache
proxy_read_maps = proxy:mysql:/etc/postfix/sql/login.cf,
  $sender_dependent_default_transport_maps, $virtual_alias_maps, $relay_domains, $transport_maps
relay_domains = proxy:mysql:/etc/postfix/sql/relay.cf
sender_dependent_default_transport_maps = proxy:mysql:/etc/postfix/sql/sender.cf
smtpd_hard_error_limit = ${stress?1}${stress:5}
smtpd_recipient_restrictions = permit_sasl_authenticated,
  check_recipient_access proxy:mysql:/etc/postfix/sql/tls.cf, reject_unauth_destination
smtpd_sasl_path = inet:127.0.0.1:10001
virtual_alias_maps = proxy:mysql:/etc/postfix/sql/alias.cf, proxy:mysql:/etc/postfix/sql/spam.cf
virtual_transport = lmtp:inet:127.0.0.1:24
smtpd_milters = inet:127.0.0.1:9900
transport_maps = pcre:/etc/postfix/transport.pcre, proxy:mysql:/etc/postfix/sql/transport.cf
""",
        {"tcp:127.0.0.1:10027": ({"postscreen_access_list"}, {"10465/inet"})},
        """
10465     inet  n - n - 1   postscreen
""",
    ),
    "sender rewriting over tcp:, and lists of restrictions in parameters": MailSystem(
        """
smtpd_sender_restrictions = $own_sender_restrictions
own_sender_restrictions = permit_sasl_authenticated, reject_unknown_sender_domain
mua_sender_restrictions = reject_authenticated_sender_login_mismatch, $own_sender_restrictions
virtual_mailbox_domains = /etc/postfix/vhost
virtual_alias_maps = texthash:/etc/postfix/virtual
sender_canonical_maps = tcp:localhost:10001
sender_canonical_classes = envelope_sender
recipient_canonical_maps = tcp:localhost:10002
recipient_canonical_classes = envelope_recipient,header_recipient
""",
        {
            "tcp:localhost:10001": (
                {"sender_canonical_maps"},
                {CLEANUP, SMTPD, "submission/inet"},
            ),
            "tcp:localhost:10002": (
                {"recipient_canonical_maps"},
                {CLEANUP, SMTPD, "submission/inet"},
            ),
        },
        """
submission inet n - n - -   smtpd
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
""",
    ),
    "one policy service in several lists": MailSystem(
        """
recipient_delimiter = +
smtpd_recipient_restrictions =
    reject_non_fqdn_recipient
    check_policy_service inet:127.0.0.1:7777
    permit_mynetworks
    reject_unauth_destination
    check_policy_service inet:127.0.0.1:12340
smtpd_end_of_data_restrictions =
    check_policy_service inet:127.0.0.1:7777
smtpd_command_filter = pcre:/etc/postfix/command.pcre
sender_canonical_maps = tcp:127.0.0.1:7778
recipient_canonical_maps = tcp:127.0.0.1:7779
virtual_uid_maps = static:2000
proxy_read_maps = $canonical_maps $sender_canonical_maps $smtpd_sender_restrictions
""",
        {
            "inet:127.0.0.1:7777": (
                {
                    "smtpd_recipient_restrictions",
                    "smtpd_end_of_data_restrictions",
                    "submission/inet: smtpd_end_of_data_restrictions",
                },
                {SMTPD, "submission/inet"},
            ),
            "inet:127.0.0.1:12340": ({"smtpd_recipient_restrictions"}, {SMTPD}),
            "tcp:127.0.0.1:7778": ({"sender_canonical_maps"}, {CLEANUP, SMTPD, "submission/inet"}),
            "tcp:127.0.0.1:7779": (
                {"recipient_canonical_maps"},
                {CLEANUP, SMTPD, "submission/inet"},
            ),
        },
        """
submission inet n - n - -   smtpd
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o { smtpd_end_of_data_restrictions = check_policy_service inet:127.0.0.1:7777 }
""",
    ),
    "databases without proxymap, and two tables behind one restriction": MailSystem(
        """
mydestination =
virtual_mailbox_domains = pgsql:/etc/postfix/domains.cf
virtual_alias_domains = pgsql:/etc/postfix/domain-aliases.cf
virtual_alias_maps =
        pgsql:/etc/postfix/aliases.cf
address_verify_map = proxy:btree:$data_directory/verify_cache
proxy_write_maps =
    $smtp_sasl_auth_cache_name
    $address_verify_map
smtpd_recipient_restrictions =
      permit_mynetworks
      check_recipient_access
          pgsql:/etc/postfix/maintain.cf
          pgsql:/etc/postfix/verify.cf
      reject_unverified_recipient
      reject_unauth_destination
virtual_transport = lmtp:unix:private/dovecot-lmtp
""",
        {},
    ),
    "greylisting in a restriction class": MailSystem(
        """
smtpd_restriction_classes = grey
grey = check_policy_service inet:127.0.0.1:10023
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,
  check_recipient_access proxy:mysql:/etc/postfix/recipient.cf,
  check_policy_service unix:private/quota-status
virtual_alias_maps = hash:/var/lib/lists/virtual, proxy:mysql:/etc/postfix/forwardings.cf
transport_maps = hash:/var/lib/lists/transport, proxy:mysql:/etc/postfix/transports.cf
header_checks = regexp:/etc/postfix/header_checks
nested_header_checks = regexp:/etc/postfix/nested_header_checks
virtual_transport = maildrop
proxy_read_maps = $virtual_alias_maps $transport_maps $smtpd_recipient_restrictions
""",
        {
            "inet:127.0.0.1:10023": ({"grey"}, {SMTPD}),
            "unix:private/quota-status": ({"smtpd_recipient_restrictions"}, {SMTPD}),
        },
    ),
    "two policy services between rbl checks": MailSystem(
        """
mydestination = localhost
virtual_transport = lmtp:[127.0.0.1]:10025
smtpd_sender_restrictions = reject_non_fqdn_sender,reject_rhsbl_sender dbl.test=127.0.1.[2..99]
smtpd_recipient_restrictions = permit_sasl_authenticated,permit_mynetworks
  reject_rbl_client zen.test,
  reject_unlisted_recipient,check_policy_service inet:127.0.0.1:10023,
  check_policy_service inet:127.0.0.1:12340
""",
        {
            "inet:127.0.0.1:10023": ({"smtpd_recipient_restrictions"}, {SMTPD, "smtps/inet"}),
            "inet:127.0.0.1:12340": ({"smtpd_recipient_restrictions"}, {SMTPD, "smtps/inet"}),
        },
        """
smtps     inet  n - n - -   smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_milters=inet:127.0.0.1:8891
  -o cleanup_service_name=authclean
authclean unix  n - n - 0   cleanup
  -o header_checks=pcre:/etc/postfix/outgoing
  -o nested_header_checks=
""",
    ),
    "an administrator's web page over databases": MailSystem(
        """
virtual_mailbox_domains = proxy:mysql:/etc/postfix/sql/domains.cf
virtual_alias_maps =
   proxy:mysql:/etc/postfix/sql/alias.cf,
   proxy:mysql:/etc/postfix/sql/alias_domain.cf
virtual_mailbox_limit_maps = mysql:/etc/postfix/limits.cf
virtual_mailbox_maps =
   proxy:mysql:/etc/postfix/sql/mailbox.cf
""",
        {},
    ),
    "socketmaps of a user manager, and its rate limit": MailSystem(
        """
virtual_alias_maps = socketmap:inet:localhost:10001:alias
virtual_mailbox_domains = socketmap:inet:localhost:10001:domain
virtual_mailbox_maps = socketmap:inet:localhost:10001:mailbox
smtpd_sender_login_maps = socketmap:inet:localhost:10001:senders
smtpd_end_of_data_restrictions = check_policy_service inet:localhost:10003
virtual_transport = lmtp:unix:private/dovecot-lmtp
""",
        {
            "socketmap:inet:localhost:10001:alias": (
                {"virtual_alias_maps"},
                {CLEANUP, SMTPD, REWRITE},
            ),
            "socketmap:inet:localhost:10001:domain": (
                {"virtual_mailbox_domains"},
                {REWRITE, SMTPD},
            ),
            "socketmap:inet:localhost:10001:mailbox": ({"virtual_mailbox_maps"}, {SMTPD}),
            "socketmap:inet:localhost:10001:senders": ({"smtpd_sender_login_maps"}, {SMTPD}),
            "inet:localhost:10003": ({"smtpd_end_of_data_restrictions"}, {SMTPD}),
        },
    ),
    "milters in parameters of their own": MailSystem(
        """
mailbox_command = procmail -a "$EXTENSION"
content_filter = scan:[127.0.0.1]:10024
first_milter = inet:localhost:8891
second_milter = inet:localhost:8893
smtpd_milters = $first_milter,$second_milter
non_smtpd_milters = $first_milter
smtpd_recipient_restrictions = permit_mynetworks, permit_dnswl_client list.test,
    check_policy_service inet:127.0.0.1:10023
virtual_uid_maps = static:1000
""",
        {"inet:127.0.0.1:10023": ({"smtpd_recipient_restrictions"}, {SMTPD})},
    ),
    "tables within a value": MailSystem(
        """
smtp_tls_policy_maps = inline:{peer.test=may}
mua_client_restrictions = permit_sasl_authenticated, reject
mua_helo_restrictions = permit_mynetworks, permit
smtpd_sender_login_maps = regexp:/etc/postfix/login
local_recipient_maps = unionmap:{hash:/etc/postfix/one, tcp:[::1]:10001}
lmtp_header_checks = regexp:/etc/postfix/lmtp_headers
""",
        {"tcp:[::1]:10001": ({"local_recipient_maps"}, {SMTPD, "submission/inet"})},
        """
submission inet n - n - -   smtpd
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
""",
    ),
    "sender rewriting over a socket in the queue directory": MailSystem(
        """
sender_canonical_maps = socketmap:unix:srs:forward
recipient_canonical_maps = socketmap:unix:srs:reverse
""",
        {
            "socketmap:unix:srs:forward": ({"sender_canonical_maps"}, {CLEANUP, SMTPD}),
            "socketmap:unix:srs:reverse": ({"recipient_canonical_maps"}, {CLEANUP, SMTPD}),
        },
    ),
    "TLS policies of other domains": MailSystem(
        """
smtp_tls_security_level = dane
smtp_tls_policy_maps = hash:/etc/postfix/tls, socketmap:inet:127.0.0.1:8642:QUERY
""",
        {
            "socketmap:inet:127.0.0.1:8642:QUERY": (
                {"smtp_tls_policy_maps"},
                {SMTP, "relay/unix"},
            )
        },
    ),
    "a policy service with options, in braces and inner braces": MailSystem(
        """
smtpd_data_restrictions = reject_unauth_pipelining,
    check_policy_service { unix:ratelimit/policy, default_action=DUNNO },
    check_policy_service { inet:127.0.0.1:10028, { default_action = 450 4.3.5 later }, timeout=4s },
    permit
""",
        {
            "unix:ratelimit/policy": ({"smtpd_data_restrictions"}, {SMTPD}),
            "inet:127.0.0.1:10028": ({"smtpd_data_restrictions"}, {SMTPD}),
        },
    ),
    "the transport by the sender": MailSystem(
        """
sender_dependent_default_transport_maps = socketmap:unix:/var/run/selector/selector.sock:selector
sender_dependent_relayhost_maps = socketmap:inet:10004:relayhost
relay_policy = check_policy_service inet:10005
""",
        {
            "socketmap:unix:/var/run/selector/selector.sock:selector": (
                {"sender_dependent_default_transport_maps"},
                {REWRITE},
            ),
            "socketmap:inet:10004:relayhost": ({"sender_dependent_relayhost_maps"}, {REWRITE}),
            "inet:10005": ({"2525/inet: smtpd_recipient_restrictions"}, {"2525/inet"}),
        },
        """
2525      inet  n - n - -   smtpd
  -o smtpd_relay_restrictions=permit_mynetworks,reject_unauth_destination
  -o smtpd_recipient_restrictions=$relay_policy
""",
    ),
    "a parameter of its own that one service changes": MailSystem(
        """
own_checks = check_policy_service inet:127.0.0.1:10006
smtpd_recipient_restrictions = permit_mynetworks, $own_checks
virtual_alias_map = tcp:127.0.0.1:10007
""",
        {
            "inet:127.0.0.1:10006": ({"smtpd_recipient_restrictions"}, {SMTPD}),
            "inet:127.0.0.1:10008": (
                {"submission/inet: smtpd_recipient_restrictions"},
                {"submission/inet"},
            ),
        },
        """
submission inet n - n - -   smtpd
  -o { own_checks = check_policy_service inet:127.0.0.1:10008 }
""",
    ),
}
