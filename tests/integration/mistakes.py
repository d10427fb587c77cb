# SPDX-License-Identifier: MIT
r"""What people do wrong, each with what `check` finds and with what then puts it right.

A mistake is made by a program for the shell, as somebody would make it with an editor: in main.cf,
master.cf, config.json, a token, a unit, or on a disk. In it, `key NAME KEY JSON` sets a key of an
endpoint (null removes it), and `all CODE` changes the text of config.json, as a Python expression
of `text`. It is put right in one of these ways:

    PRINTED   the commands that are printed, word for word
    USE       what follows `Use`, in the place of the words that are found
    anything  the sentence of the advice, carried out by this program

Masked sockets, ones that are stopped or disabled, and files whose mode is wrong are in
test_check_fixes.py. TLS and the clock are in test_mistakes.py itself.
"""

from __future__ import annotations

from typing import NamedTuple

from integration.good_machine import SPOOL
from integration.product import CACHE, CONFIG, TCP, USER

PRINTED, USE = "commands", "use"
TOKEN = "/etc/postfix-rest-inetd/token"
LOG = "/var/log/journal"
FILE = f"{SPOOL}/private/file"
HELPERS = f"""
key() {{
    python3 -I - "$@" <<'END'
import json, sys
name, key, value = sys.argv[1:]
with open("{CONFIG}") as file: document = json.load(file)
endpoint = next(each for each in document["endpoints"] if each["name"] == name)
endpoint[key] = json.loads(value)
if endpoint[key] is None: del endpoint[key]
with open("{CONFIG}", "w") as file: json.dump(document, file)
END
}}
all() {{
    python3 -I - "$@" <<'END'
import json, sys
with open("{CONFIG}") as file: text = file.read()
changed = eval(sys.argv[1])
if isinstance(changed, str): changed = changed.encode()
with open("{CONFIG}", "wb") as file: file.write(changed)
END
}}
with_token() {{
    printf "$1" >{TOKEN}
    chown root:{USER} {TOKEN}
    chmod 0640 {TOKEN}
    key domains auth-token null
    key domains auth-token-file '"{TOKEN}"'
}}
put_back() {{ cp -p /var/lib/good-machine/config.json {CONFIG}; }}
"""


class Mistake(NamedTuple):
    """One of them.

    Attributes:
        program: makes it.
        part: of `check` that finds it.
        severity, where, words: of the finding; WHERE and WORDS are parts of what it says.
        remedy: see the module.
    """

    program: str
    part: str
    severity: str
    where: str
    words: str
    remedy: str


def _main_cf(value: str, severity: str, words: str, remedy: str) -> Mistake:
    """Settings for `postconf -e`, a line each; the finding names the parameter of the first one."""
    lines = [line.strip() for line in value.strip().splitlines()]
    quoted = " ".join("'" + line.replace("'", "'\\''") + "'" for line in lines)
    where = f"Postfix: {lines[0].partition('=')[0].strip()}"
    return Mistake(f"postconf -e {quoted}", "postfix", severity, where, words, remedy)


def _config(program: str, words: str, remedy: str = "put_back") -> Mistake:
    return Mistake(program, "config,files", "error", CONFIG, words, remedy)


GATE = "check_policy_service inet:127.0.0.1:9003"
RECIPIENT = "smtpd_recipient_restrictions"

IN_MAIN_CF = {
    "a socketmap without inet:": _main_cf(
        "virtual_alias_maps = socketmap:127.0.0.1:9002:alias", "error", "inet: is missing", USE
    ),
    "a tcp: table with inet:": _main_cf(
        "virtual_mailbox_domains = tcp:inet:127.0.0.1:9001", "error", "does not have inet:", USE
    ),
    "a policy service without inet:": _main_cf(
        f"{RECIPIENT} = check_policy_service 127.0.0.1:9003, permit",
        *("error", "127.0.0.1:9003: inet: is missing", USE),
    ),
    "a URL as a policy service": _main_cf(
        f"{RECIPIENT} = check_policy_service http://127.0.0.1:8080/policy, permit",
        *("error", "check_policy_service has a URL", USE),
    ),
    "a URL as a table": _main_cf(
        "virtual_alias_maps = http://127.0.0.1:8080/lookup",
        *("error", "has a URL in the place of a table"),
        "postconf -e virtual_alias_maps=socketmap:unix:private/rest:alias",
    ),
    "a capital letter": _main_cf(
        "virtual_alias_maps = Socketmap:inet:127.0.0.1:9002:alias",
        *("error", "Postfix does not ask maps in this form", USE),
    ),
    "quotation marks": _main_cf(
        'virtual_alias_maps = "socketmap:inet:127.0.0.1:9002:alias"',
        *("error", "Postfix does not ask maps in this form", USE),
    ),
    "a table in the form of a URL": _main_cf(
        "virtual_mailbox_domains = tcp://127.0.0.1:9001",
        *("error", "Postfix does not ask domains in this form", USE),
    ),
    "a slash before the name of the map": _main_cf(
        "virtual_alias_maps = socketmap:inet:127.0.0.1:9002/alias",
        *("error", "Postfix does not ask maps in this form", USE),
    ),
    "no name of a map": _main_cf(
        "virtual_alias_maps = socketmap:inet:127.0.0.1:9002",
        *("error", "the name of the map is missing", USE),
    ),
    "an address alone among restrictions": _main_cf(
        f"{RECIPIENT} = inet:127.0.0.1:9003, permit",
        *("error", "Postfix does not ask gate in this form", USE),
    ),
    "a policy service as an access table": _main_cf(
        f"{RECIPIENT} = check_recipient_access tcp:127.0.0.1:9003, permit",
        *("error", "asks gate, whose mode is policy", USE),
    ),
    "a policy endpoint as a table": _main_cf(
        "virtual_mailbox_domains = tcp:127.0.0.1:9003",
        *("error", "asks gate, whose mode is policy", USE),
    ),
    "a table as a policy service": _main_cf(
        f"{RECIPIENT} = check_policy_service inet:127.0.0.1:9001, permit",
        *("error", "asks domains, whose mode is tcp-lookup", USE),
    ),
    "a tcp: table at the port of a socketmap": _main_cf(
        "virtual_mailbox_domains = tcp:127.0.0.1:9002",
        *("error", "asks maps, whose mode is socketmap-lookup", USE),
    ),
    "a port of nobody's": _main_cf(
        "virtual_mailbox_domains = tcp:127.0.0.1:9099",
        *("error", "nothing listens there, and no endpoint has this address"),
        "postconf -e virtual_mailbox_domains=tcp:127.0.0.1:9001",
    ),
    "a misspelt parameter": Mistake(
        "postconf -X virtual_alias_maps;"
        " postconf -e virtual_alias_map=socketmap:unix:private/rest:alias",
        *("postfix", "warning", "Postfix: virtual_alias_map", "Postfix does not have this"),
        "postconf -X virtual_alias_map;"
        " postconf -e virtual_alias_maps=socketmap:unix:private/rest:alias",
    ),
    "a policy service before the relay check": Mistake(
        f"key gate allowed-actions null; postconf -e 'smtpd_relay_restrictions = {GATE},"
        " permit_mynetworks, reject_unauth_destination'",
        *("postfix", "warning", "Postfix: smtpd_relay_restrictions"),
        "gate is asked before the relay check: if its backend answers OK, anyone may send mail",
        "postconf -X smtpd_relay_restrictions; put_back",
    ),
    "a policy service after permit": _main_cf(
        f"{RECIPIENT} = permit_mynetworks, permit, {GATE}",
        *("warning", "gate is never asked here, because permit before inet:127.0.0.1:9003"),
        f"postconf -e '{RECIPIENT} = permit_mynetworks, {GATE}, permit'",
    ),
    "a policy service twice": _main_cf(
        f"{RECIPIENT} = {GATE}, {GATE}, permit",
        *("note", "inet:127.0.0.1:9003 is there 2 times"),
        f"postconf -e '{RECIPIENT} = {GATE}, permit'",
    ),
    "the same table twice": _main_cf(
        "virtual_alias_maps = socketmap:unix:private/rest:alias socketmap:unix:private/rest:alias",
        *("note", "is there 2 times, so local can be asked as often for the same"),
        "postconf -e virtual_alias_maps=socketmap:unix:private/rest:alias",
    ),
    "aliases also in alias_maps": _main_cf(
        "alias_maps = socketmap:unix:private/rest:alias",
        *("error", "local(8) refuses socketmap:unix:private/rest:alias", "postconf -X alias_maps"),
    ),
    "one map in two spellings": _main_cf(
        """virtual_alias_maps = socketmap:inet:127.0.0.1:9002:mailbox
        virtual_mailbox_maps = proxy:socketmap:inet:127.0.0.1:9002:Mailbox""",
        *("warning", "is asked for the map mailbox and for the map Mailbox"),
        "postconf -e virtual_alias_maps=socketmap:unix:private/rest:alias",
    ),
    "domains that are local and virtual": _main_cf(
        "mydestination = $virtual_mailbox_domains, localhost",
        *("warning", "each domain of domains is in two address classes"),
        "postconf -e mydestination=localhost",
    ),
    "an absolute path for services in a chroot": _main_cf(
        f"virtual_alias_maps = socketmap:unix:{SPOOL}/private/rest:alias",
        *("error", f"is chrooted and looks for {SPOOL}{SPOOL}/private/rest"),
        "postconf -e virtual_alias_maps=socketmap:unix:private/rest:alias",
    ),
    "a timeout that is too short": _main_cf(
        "smtpd_policy_service_timeout = 2s",
        *("warning", "Postfix waits 2 s for inet:127.0.0.1:9003"),
        "postconf -e smtpd_policy_service_timeout=3",
    )._replace(where=f"Postfix: {RECIPIENT}"),
}

IN_MASTER_CF = {
    "-o virtual_alias_maps at the port of a socketmap": Mistake(
        "postconf -P smtp/inet/virtual_alias_maps=tcp:127.0.0.1:9002",
        *("postfix", "error", "Postfix: smtp/inet: virtual_alias_maps"),
        *("tcp:127.0.0.1:9002 asks maps, whose mode is socketmap-lookup", USE),
    ),
    "-o smtpd_recipient_restrictions without inet:": Mistake(
        f"postconf -P smtp/inet/{RECIPIENT}=check_policy_service,127.0.0.1:9003,permit",
        *("postfix", "error", f"Postfix: smtp/inet: {RECIPIENT}"),
        *("127.0.0.1:9003: inet: is missing", USE),
    ),
    "a second instance": Mistake(
        """postmulti -e init; postmulti -I postfix-out -e create
        postconf -c /etc/postfix-out -e virtual_alias_maps=socketmap:127.0.0.1:9002:alias \
            virtual_mailbox_domains=Tcp:127.0.0.1:9001 virtual_mailbox_maps=static:x""",
        *("postfix", "error", "Postfix postfix-out: virtual_alias_maps"),
        *("socketmap:127.0.0.1:9002:alias: inet: is missing", USE),
    ),
}

IN_CONFIG = {
    "a comment": _config("all '\"// mail\\n\" + text'", "is not JSON: JSON has no comments"),
    "a comma at the end": _config("all 'text[:-1] + \",}\"'", "nothing follows this comma"),
    "single quotes": _config(
        "all 'text.replace(chr(34), chr(39))'", "strings need double quotation marks"
    ),
    "an empty file": _config(f": >{CONFIG}", "the file is empty"),
    "a key that is there twice": _config(
        """all 'text.replace("\\"mode\\"", "\\"bind-port\\": 9009, \\"mode\\"", 1)'""",
        "bind-port: appears here more than once",
    ),
    "UTF-16": _config("all 'text.encode(\"utf-16\")'", "is UTF-16; save it as UTF-8"),
    "a directory": _config(
        f"rm {CONFIG}; mkdir {CONFIG}",
        "cannot be read: Is a directory",
        f"rmdir {CONFIG}; put_back",
    ),
    "no file": _config(f"rm {CONFIG}", "cannot be read: No such file or directory"),
    "a port in quotes": _config(
        "key domains bind-port '\"9001\"'", "must be a whole number from 1 to 65535, without quotes"
    ),
    "a token file of two lines": _config(
        "with_token 'secret-token\\nother\\n'",
        f"{TOKEN} must hold one line of 1 to 65536 bytes without control characters",
        f"echo secret-token >{TOKEN}",
    ),
    "an empty token file": _config(
        "with_token ''", f"{TOKEN} must hold one line", f"echo secret-token >{TOKEN}"
    ),
    "a token file that is open": Mistake(
        f"with_token 'secret-token\\n'; chmod 0644 {TOKEN}",
        *("files", "warning", "domains: auth-token-file", f"{TOKEN} holds a secret", PRINTED),
    ),
    "a token file that is root's": Mistake(
        f"with_token 'secret-token\\n'; chown root:root {TOKEN}; chmod 0600 {TOKEN}",
        *("files", "error", "domains: auth-token-file"),
        *(f"{TOKEN} cannot be read by {USER}", PRINTED),
    ),
}

AT_SOCKETS = {
    "an address of another machine": Mistake(
        "key domains bind-address '\"192.0.2.9\"'; systemctl daemon-reload;"
        f" systemctl restart {TCP}",
        *("sockets", "warning", "domains", "this machine has no address 192.0.2.9"),
        "key domains bind-address '\"127.0.0.1\"'",
    ),
    "a file at the path of a unix socket": Mistake(
        f"key local bind-path '\"{FILE}\"'; echo precious >{FILE}",
        *("sockets", "error", "postfix-rest-socketmap@all.socket"),
        f"would delete {FILE}, which is not a socket, to listen there",
        f"[ $(cat {FILE}) = precious ]; rm {FILE}; key local bind-path '\"{SPOOL}/private/rest\"'",
    ),
    "a path outside of the chroot": Mistake(
        "key local bind-path '\"/run/rest/s\"'; postconf -F '*/*/chroot=y';"
        " postconf -e virtual_alias_maps=socketmap:unix:/run/rest/s:alias",
        *("postfix", "error", "Postfix: virtual_alias_maps"),
        f"is chrooted and looks for {SPOOL}/run/rest/s, but local listens at /run/rest/s",
        f"key local bind-path '\"{SPOOL}/rest/local\"';"
        " postconf -e virtual_alias_maps=socketmap:unix:rest/local:alias",
    ),
    "no cache directory": Mistake(
        f"rm -r {CACHE}",
        *("files", "warning", CACHE, "does not exist, so no answers are stored", PRINTED),
    ),
    "a file in place of the cache directory": Mistake(
        f"rm -r {CACHE}; touch {CACHE}",
        *("files", "warning", CACHE, "is not a directory, so no answers are stored", PRINTED),
    ),
    "a cache directory into which handlers may not write": Mistake(
        f"chmod 0500 {CACHE}",
        *("files", "warning", CACHE, "may not write there", PRINTED),
    ),
    "a journal on a full disk": Mistake(
        f"mount -t tmpfs -o size=64k x {LOG}; head -c 1m /dev/zero 2>/dev/null >{LOG}/ballast || :",
        *("files", "warning", LOG, "is full, so stats, status and trace may miss what happens"),
        f"umount {LOG}",
    ),
    "a cache directory on a full disk": Mistake(
        f"mount -t tmpfs -o size=16k,mode=0700,uid=$(id -u {USER}),gid=$(id -g {USER}) x {CACHE};"
        f" head -c 1m /dev/zero 2>/dev/null >{CACHE}/ballast || :",
        *("files", "warning", CACHE, "is on a file system that is full, so no answers are stored"),
        f"umount {CACHE}",
    ),
}

MISTAKES = IN_MAIN_CF | IN_MASTER_CF | IN_CONFIG | AT_SOCKETS


class Harmless(NamedTuple):
    """What looks like a mistake, and is answered all the same."""

    program: str
    undone: str = ":"


HARMLESS = {
    "a port below 1024": Harmless(
        f"key domains bind-port 900; systemctl daemon-reload; systemctl restart {TCP};"
        " postconf -e virtual_mailbox_domains=tcp:127.0.0.1:900"
    ),
    "config.json with a byte order mark": Harmless("all '\"\\ufeff\" + text'"),
    "a token file with CR LF": Harmless("with_token 'secret-token\\r\\n'"),
    "a token file with a byte order mark": Harmless("with_token '\\357\\273\\277secret-token\\n'"),
    "localhost is ::1 first": Harmless(
        "cp -p /etc/hosts /run/hosts;"
        " printf '%s\\n' '::1 localhost' '127.0.0.1 localhost' >/etc/hosts",
        "cp -p /run/hosts /etc/hosts",
    ),
}
