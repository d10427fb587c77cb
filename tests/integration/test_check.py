# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check` on a machine that is set up right, and on ones that are not.

The machine is a good one at first; each test breaks one thing, and check must name that thing and
nothing else, with the remedy.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.good_machine import SPOOL, TEMPLATES, Finding, Machine
from integration.product import (
    CONFIG,
    POLICY,
    SOCKETMAP,
    SOCKETS,
    TCP,
    USER,
    ask,
    drop_in,
    endpoint,
    show,
    state,
    wait_until,
    write_config,
)

from harness.container import Container
from harness.container_backend import answer, lookup, maps
from harness.process_group import end

CACHE = "/var/cache/postfix-rest-inetd"

# What SELinux is asked about: systemd says what it runs.
PROGRAMS = """
from postfix_rest_inetd.admin.host import handler_units
for unit, program in handler_units.programs().items():
    print(unit, program)
"""

# -- nothing wrong


def test_programs(machine: Machine) -> None:
    """The program of each service is known, and that of a drop-in if there is one."""
    unit = "postfix-rest-tcp@.service"
    drop_in(machine.container, unit, "[Service]\nExecStart=\nExecStart=/usr/bin/true a b\n")
    told = machine.container.run("python3", "-c", PROGRAMS).stdout.splitlines()
    assert dict(line.split(" ") for line in told) == {
        unit: "/usr/bin/true",
        "postfix-rest-socketmap@.service": "/usr/bin/python3",
        "postfix-rest-policy@.service": "/usr/bin/python3",
        "export-postfix-rest-metrics.service": "/usr/bin/postfix-rest-inetd",
        "revive-postfix-rest@.service": "/usr/bin/sh",
    }


def test_good(machine: Machine) -> None:
    """Nothing is found, with --probe neither: each backend is asked twice, for nobody."""
    machine.forget_failures()
    machine.backend.requests.clear()
    assert machine.troubles() == []
    status, found = machine.check("--probe", "--strict")
    assert (status, {finding.severity for finding in found}) == (0, {"ok"})
    asked = [request.path for request in machine.backend.requests]
    assert asked == ["/lookup", "/lookup", "/lookup", "/policy"] * 2
    for request in machine.backend.requests:
        assert "postfix-rest-inetd.invalid" in request.query + request.body.decode()
    assert "name=mailbox" in machine.backend.requests[1].query
    assert "No problems were found." in machine.shell("postfix-rest-inetd check")


def test_not_root(machine: Machine) -> None:
    """Who is not root is told what could not be seen, or that root is needed."""
    denied = machine.container.run("postfix-rest-inetd", "check", user="nobody", check=False)
    assert denied.returncode == 1
    assert "cannot be read: Permission denied" in denied.stdout
    assert "Run this as root" in denied.stdout
    machine.shell(f"usermod -aG {USER} nobody")
    done = machine.container.run("postfix-rest-inetd", "check", user="nobody", check=False)
    command = ("postfix-rest-inetd", "check", "--only=probe")
    probed = machine.container.run(*command, user="nobody", check=False)
    machine.shell(f"gpasswd -d nobody {USER}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "only root can see" in done.stdout
    assert (probed.returncode, probed.stderr) == (0, "")
    assert "local: socket: was not asked: only root and Postfix may connect" in probed.stdout
    assert "journal: was not checked: only root and the group systemd-journal" in probed.stdout


def test_nothing_is_there(blank_container: Container) -> None:
    """Without the units, with an inetd that is not there: told, and no error."""
    package = Path(__file__).parents[2] / "postfix_rest_inetd"
    blank_container.copy_in(package, f"/srv/{package.name}")
    blank_container.write(CONFIG, json.dumps({"endpoints": [endpoint("e", port=9001)]}))
    command = ["python3", "-m", f"{package.name}.admin.cli", "check"]
    done = blank_container.run("env", "PYTHONPATH=/srv", *command)
    assert "the units are not installed" in done.stdout
    assert "nothing listens at 127.0.0.1:9001" in done.stdout


# -- the configuration


def test_syntax_error(machine: Machine) -> None:
    """A comma too many: line and column."""
    write_config(machine.container, '{\n  "endpoints": [],\n}\n')
    found = machine.trouble()
    assert found.severity == "error"
    assert found.where.startswith(f"{CONFIG}:")
    assert "is not JSON" in found.what


def test_unknown_key(machine: Machine) -> None:
    """A misspelt key: its place, and the right one."""
    machine.write(maps={"request-timout": 5})
    found = machine.trouble()
    column = machine.container.read(CONFIG).index('"request-timout"') + 1
    assert found.where == f"{CONFIG}:1:{column}"
    assert found.what.endswith("is not a known key; did you mean request-timeout?")


# -- sockets

HOLD = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(99)"


def test_port_is_held(machine: Machine) -> None:
    """Another program has the port: the unit has failed, and the program is named."""
    machine.container.run("systemctl", "stop", TCP)
    with machine.container.popen("python3", "-c", HOLD.format(9001)) as other:
        try:
            wait_until(lambda: "9001" in machine.shell("ss -ltn"), "the other program")
            machine.container.run("systemctl", "start", TCP, check=False)
            wait_until(lambda: state(machine.container, TCP) == "failed", "the failure")
            found = machine.trouble()
        finally:
            end(other)
    assert (found.severity, found.where) == ("error", TCP)
    assert "Address already in use; 127.0.0.1:9001 is held by python3 (pid " in found.what
    assert "Stop python3" in found.advice


def test_port_is_stolen(machine: Machine) -> None:
    """A new address that another program has, with the unit still active at its other ones."""
    machine.write(domains={"bind-port": 9011})
    with machine.container.popen("python3", "-c", HOLD.format(9011)) as other:
        try:
            wait_until(lambda: "9011" in machine.shell("ss -ltn"), "the other program")
            machine.container.run("systemctl", "daemon-reload")
            found = machine.troubles()[0]
        finally:
            end(other)
    assert (found.severity, found.where) == ("error", TCP)
    assert "does not listen at 127.0.0.1:9011, which is held by python3 (pid " in found.what


def test_not_enabled(machine: Machine) -> None:
    """It listens, and will not after a boot."""
    machine.container.run("systemctl", "disable", TEMPLATES[0])
    found = machine.trouble()
    assert (found.severity, found.where) == ("warning", TCP)
    assert found.what == "is active, but not enabled: it does not start at the next boot"
    assert found.advice == f"    systemctl enable {TCP}"
    assert machine.check("--strict")[0] == 1


def test_not_started(machine: Machine) -> None:
    """It would after a boot, and does not listen now; Postfix asks it."""
    machine.container.run("systemctl", "stop", TCP)
    waiting, asked = machine.troubles()
    assert (waiting.severity, waiting.where) == ("warning", TCP)
    assert waiting.what == "is enabled, but not started: nothing listens for domains"
    assert waiting.advice == f"    systemctl start {TCP}"
    assert (asked.severity, asked.where) == ("error", "Postfix: virtual_mailbox_domains")
    assert "but nothing listens for it now" in asked.what


def test_neither(machine: Machine) -> None:
    """Neither enabled nor started: one command does both."""
    machine.shell(f"systemctl disable --now {POLICY}; postconf -X smtpd_recipient_restrictions")
    found = [each for each in machine.troubles() if each.severity != "note"]
    assert [each.what for each in found] == [
        "is neither enabled nor started: nothing listens for gate"
    ]
    assert found[0].advice == f"    systemctl enable --now {POLICY}"


def test_both_enabled(machine: Machine) -> None:
    """@all and @NAME: one of them has to go."""
    machine.container.run("systemctl", "enable", "postfix-rest-tcp@domains.socket")
    found = machine.trouble()
    assert (found.severity, found.where) == ("warning", TCP)
    assert "postfix-rest-tcp@domains.socket, but they exclude each other" in found.what


def test_failed_unit(machine: Machine) -> None:
    """An endpoint with a unix socket alone is refused: failed, and why."""
    unit = "postfix-rest-socketmap@local.socket"
    machine.container.run("systemctl", "start", unit, check=False)
    found = machine.trouble()
    assert (found.severity, found.where) == ("error", unit)
    assert "served by @all only" in found.what


def test_unit_for_nobody(machine: Machine) -> None:
    """A unit is enabled for an endpoint that is not there."""
    machine.container.run("systemctl", "enable", "postfix-rest-tcp@gone.socket")
    found = [each for each in machine.troubles() if "they exclude" not in each.what]
    assert [each.what for each in found] == [
        "is enabled, but config.json has no endpoint gone of this mode"
    ]


@pytest.mark.parametrize("reload", ["true", "systemctl daemon-reload"])
def test_renamed_while_listening(machine: Machine, reload: str) -> None:
    """@OLD listens and the endpoint has another name: the advice puts @NEW in its place."""
    old, new = (f"postfix-rest-tcp@{name}.socket" for name in ("domains", "new-name"))
    machine.shell(
        f"systemctl disable {TEMPLATES[0]}; systemctl enable {old}; systemctl start {old}"
    )
    machine.write(domains={"name": "new-name"})
    machine.shell(reload)
    (found,) = [each for each in machine.troubles() if each.where == old]
    assert found.what == "is enabled, but config.json has no endpoint domains of this mode"
    machine.shell("\n".join(line for line in found.advice.splitlines() if line[:4] == "    "))
    assert [state(machine.container, unit) for unit in (old, new)] == ["inactive", "active"]
    assert machine.troubles() == []


def test_stale_addresses(machine: Machine) -> None:
    """Another port in config.json: a daemon-reload and a restart; after the first, the second."""
    machine.write(domains={"bind-port": 9011})
    stale, asked, _ = machine.troubles()
    assert (asked.severity, asked.where) == ("error", "Postfix: virtual_mailbox_domains")
    assert "a socket unit listens there, but config.json has no endpoint for it" in asked.what
    assert (stale.severity, stale.where) == ("warning", TCP)
    assert "127.0.0.1:9011 is missing, 127.0.0.1:9001 is no longer configured" in stale.what
    assert stale.advice == f"    systemctl daemon-reload\n    systemctl restart {TCP}"
    machine.container.run("systemctl", "daemon-reload")
    half = machine.troubles()[0]
    assert half.what == "does not listen yet at 127.0.0.1:9011, which is new"
    assert half.advice == f"    systemctl restart {TCP}"


def test_stale_drop_in(machine: Machine) -> None:
    """A drop-in that systemd has not read; a config.json that it need not read is no finding."""
    text = "[Socket]\nMaxConnections=2000\n"
    drop_in(machine.container, "postfix-rest-@.socket", text)
    machine.write(domains={"request-timeout": 3000})
    assert machine.troubles() == []
    machine.container.run("systemctl", "daemon-reload")
    path = "/etc/systemd/system/postfix-rest-@.socket.d/60-test.conf"
    machine.container.write(path, text.replace("2", "3"))
    found = machine.troubles()
    assert {each.where for each in found} == set(SOCKETS)
    assert {each.what for each in found} == {
        "has a file that was changed after the last daemon-reload"
    }


def test_new_directory_of_drop_ins(machine: Machine) -> None:
    """A systemd before 257 does not know that it must read it; the advice puts it into force."""
    path = "/etc/systemd/system/postfix-rest-policy@.socket.d/60 test.conf"
    machine.container.write(path, "[Socket]\nMaxConnections=1100\n")
    found = machine.trouble("--only=sockets")
    assert found.where == POLICY
    assert found.what == "has a file that was changed after the last daemon-reload"
    machine.shell(found.advice.splitlines()[-1])
    assert show(machine.container, POLICY, "MaxConnections") == {"MaxConnections": "1100"}
    assert machine.troubles("--only=sockets") == []


# -- permissions


def test_config_is_open(machine: Machine) -> None:
    """A world-readable file that holds tokens."""
    machine.container.run("chmod", "644", CONFIG)
    found = machine.trouble()
    assert (found.severity, found.where) == ("warning", CONFIG)
    assert f"holds a secret, but every user may read it (0644 root:{USER})" in found.what
    assert found.advice == f"    chown root:{USER} {CONFIG}\n    chmod 0640 {CONFIG}"


def test_config_is_closed(machine: Machine) -> None:
    """A file that the handlers cannot read, by its mode or by its directory's."""
    machine.container.run("chmod", "600", CONFIG)
    found = machine.trouble()
    assert (found.severity, found.where) == ("error", CONFIG)
    assert f"cannot be read by {USER}, the user of the handlers" in found.what
    assert f"{CONFIG} is 0600 root:{USER}" in found.what
    machine.container.run("chmod", "640", CONFIG)
    machine.container.run("chmod", "700", "/etc/postfix-rest-inetd")
    blocked = machine.trouble().what
    machine.container.run("chmod", "750", "/etc/postfix-rest-inetd")
    assert f"/etc/postfix-rest-inetd is 0700 root:{USER}" in blocked


def test_token_files(machine: Machine) -> None:
    """Token files: missing, unreadable, hidden by the sandbox, and one as it should be."""
    token = "/etc/postfix-rest-inetd/token"
    machine.container.write(token, "secret\n", mode=0o640, owner=f"root:{USER}")
    machine.container.write("/root/token", "secret\n", mode=0o644)
    closed = "/etc/postfix-rest-inetd/closed"
    machine.container.write(closed, "secret\n", mode=0o600)
    entries = machine.endpoints()
    files = {"domains": token, "maps": "/nowhere", "local": "/root/token", "gate": closed}
    for entry in entries:
        del entry["auth-token"]
        entry["auth-token-file"] = files[entry["name"]]
    write_config(machine.container, {"endpoints": entries})
    errors = {each.where: each.what for each in machine.troubles() if each.severity == "error"}
    machine.container.run("rm", "/root/token")
    assert "is below /root, which the sandbox hides" in errors["local: auth-token-file"]
    assert f"{closed} is 0600 root:root" in errors["gate: auth-token-file"]
    (missing,) = [what for where, what in errors.items() if where.startswith(CONFIG)]
    assert "/nowhere cannot be read: No such file or directory" in missing
    assert len(errors) == 3


HOME = "/home/operator"
HIDDEN = "is below /home, which the sandbox hides from handlers"
PLACES = {
    "a link to a home": (
        "",
        "/etc/postfix-rest-inetd/linked",
        f"leads to {HOME}/token, which {HIDDEN}",
    ),
    "a file that is bound": (f"BindReadOnlyPaths={HOME}/token", f"{HOME}/token", ""),
    "a link to what is bound": (f"BindPaths=-{HOME}", "/etc/postfix-rest-inetd/linked", ""),
    "a credential": (f"LoadCredential=secret:{HOME}/token", "secret", ""),
    "a path that must be there": (
        f"ReadWritePaths={HOME}",
        "",
        f"{HIDDEN}, so systemd cannot make",
    ),
    "a read-only one": (f"ReadOnlyPaths={HOME}", "", f"{HIDDEN}, so systemd cannot make"),
    "a read-only one that is not there": ("ReadOnlyPaths=/nowhere", "", ""),
    "a path that may be missing": (f"ReadWritePaths=-{HOME}", "", ""),
    "a path that is not there": (
        "ReadWritePaths=/nowhere",
        "",
        "does not exist, so systemd cannot",
    ),
}


@pytest.mark.one_release
@pytest.mark.parametrize("name", PLACES)
def test_what_the_sandbox_hides(machine: Machine, name: str) -> None:
    """What check says of a path fits to what handlers do with it."""
    directive, token, said = PLACES[name]
    container, linked = machine.container, "/etc/postfix-rest-inetd/linked"
    container.write(f"{HOME}/token", "secret-token\n", mode=0o640, owner=f"root:{USER}")
    container.run("ln", "-sfn", f"{HOME}/token", linked)
    entries = machine.endpoints(domains={"auth-token-file": token} if token else {})
    if token:
        del entries[0]["auth-token"]
    write_config(container, {"endpoints": entries})
    drop_in(container, "postfix-rest-tcp@.service", f"[Service]\n{directive}\n")
    machine.backend.set_routes({"/lookup": lookup({"x": ["y"]}), "/policy": answer("DUNNO")})
    found = [each.what for each in machine.troubles() if each.severity == "error"]
    try:
        reply = ask(container, 9001, b"get x\n")
    except ConnectionResetError:
        reply = b""
    container.run("rm", "-r", HOME, linked)
    machine.forget_failures()
    assert ([said in what for what in found], reply == b"200 y\n") == (
        [True] * bool(said),
        not said,
    )


CACHE_CASES = {
    "no directory": ("Environment=CACHE_DIRECTORY=", ["domains"], "cache has no effect"),
    "of systemd": (
        f"Environment=CACHE_DIRECTORY={CACHE}\nCacheDirectory={Path(CACHE).name}",
        [],
        "",
    ),
    "of tmpfiles": ("", [CACHE], "does not exist"),
    "in a home": (f"Environment=CACHE_DIRECTORY={HOME}", [HOME], f"{HIDDEN}, so no answers"),
}


@pytest.mark.parametrize("name", CACHE_CASES)
def test_cache_directory(machine: Machine, name: str) -> None:
    """Handlers that have none are told, where the operator permits something or it is missing."""
    directives, where, what = CACHE_CASES[name]
    machine.write(domains={"cache": {"max-age": 60}}, maps={"cache": {"max-entries": 1000}})
    drop_in(machine.container, "postfix-rest-tcp@.service", f"[Service]\n{directives}\n")
    machine.container.run("mv", CACHE, f"{CACHE}.away")
    found = machine.troubles()
    machine.container.run("rm", "-rf", CACHE)
    machine.container.run("mv", f"{CACHE}.away", CACHE)
    assert [each.where for each in found] == where
    assert all(each.what.startswith(what) for each in found)


# -- Postfix


def postfix(machine: Machine, **parameters: str) -> Finding:
    """The only thing that is wrong with these parameters in main.cf; notes do not count."""
    settings = (f"{name}={value}" for name, value in parameters.items())
    machine.container.run("postconf", "-e", *settings)
    found = [each for each in machine.troubles() if each.severity != "note"]
    assert len(found) == 1, found
    return found[0]


def test_wrong_port(machine: Machine) -> None:
    """A port at which nothing is."""
    found = postfix(machine, virtual_mailbox_domains="tcp:127.0.0.1:9099")
    assert (found.severity, found.where) == ("error", "Postfix: virtual_mailbox_domains")
    assert "tcp:127.0.0.1:9099: nothing listens there" in found.what
    assert "domains at 127.0.0.1:9001" in found.advice


def test_wrong_mode(machine: Machine) -> None:
    """tcp: at a socketmap endpoint."""
    found = postfix(machine, virtual_mailbox_domains="tcp:127.0.0.1:9002")
    assert "asks maps, whose mode is socketmap-lookup" in found.what
    assert found.advice == "Use socketmap:inet:127.0.0.1:9002:NAME"


def test_no_map_name(machine: Machine) -> None:
    """A socketmap without the name of a map."""
    found = postfix(machine, virtual_alias_maps="socketmap:inet:127.0.0.1:9002")
    assert "the name of the map is missing" in found.what
    assert "socketmap:inet:127.0.0.1:9002:NAME" in found.advice


def test_proxy_read_maps(machine: Machine) -> None:
    """proxy: in a parameter that is not in proxy_read_maps; the command of the advice mends it."""
    table = "check_client_access proxy:tcp:127.0.0.1:9001"
    found = postfix(machine, smtpd_restriction_classes="rest", rest=table)
    assert (found.severity, found.where) == ("error", "Postfix: rest")
    assert "is not in proxy_read_maps, so proxymap(8) refuses it" in found.what
    machine.shell(found.advice)
    note = machine.trouble()
    assert (note.severity, note.where) == ("note", "Postfix: rest")
    assert "is an access table" in note.what


def test_policy_timeout(machine: Machine) -> None:
    """Postfix would give up before the handler."""
    found = postfix(machine, smtpd_policy_service_timeout="2s")
    assert found.severity == "warning"
    assert "Postfix waits 2 s" in found.what
    assert "Set smtpd_policy_service_timeout to 3 s or more" in found.advice


def test_policy_timeout_of_one_service(machine: Machine) -> None:
    """The timeout of one check_policy_service counts for it."""
    service = "check_policy_service { inet:127.0.0.1:9003, timeout=1s, default_action=DEFER }"
    found = postfix(machine, smtpd_recipient_restrictions=f"{service}, permit")
    assert "Postfix waits 1 s" in found.what


def test_path_and_chroot(machine: Machine) -> None:
    """An absolute path that cleanup and smtpd, once they are chrooted, look for elsewhere."""
    machine.shell("postconf -F '*/*/chroot=n'")
    maps = {"virtual_alias_maps": f"socketmap:unix:{SPOOL}/private/rest:alias"}
    with pytest.raises(AssertionError, match=r"^\[\]"):
        postfix(machine, **maps)
    machine.shell("postconf -F cleanup/unix/chroot=y smtp/inet/chroot=y")
    found = postfix(machine, **maps)
    assert found.severity == "error"
    assert f"is chrooted and looks for {SPOOL}{SPOOL}/private/rest" in found.what
    assert "unix:private/rest" in found.advice


def test_too_many_processes(machine: Machine) -> None:
    """More processes than MaxConnections."""
    drop_in(machine.container, "postfix-rest-policy@.socket", "[Socket]\nMaxConnections=50\n")
    found = machine.trouble()
    assert (found.severity, found.where) == ("warning", POLICY)
    assert "accepts 50 connections, but Postfix may open 100 (smtp/inet)" in found.what
    assert "MaxConnections=100" in found.advice


def test_postfix_notes(machine: Machine) -> None:
    """An endpoint that Postfix does not ask is worth a note."""
    machine.container.run("postconf", "-X", "smtpd_recipient_restrictions")
    found = machine.trouble()
    assert (found.severity, found.where) == ("note", "gate")


# -- backends


def test_backend_is_down(machine: Machine) -> None:
    """Nobody is at the target."""
    machine.backend.stop()
    found = machine.troubles("--probe", "--only=probe")
    machine.backend.start()
    found = [each for each in found if ": journal" not in each.where]
    assert len(found) == 4
    assert {each.severity for each in found} == {"error"}
    assert "Connection refused" in found[0].what
    assert "is the backend running" in found[0].what


def test_backend_refuses_the_token(machine: Machine) -> None:
    """401: the token."""
    machine.backend.set_routes({"/lookup": answer(status=401), "/policy": answer("DUNNO")})
    found = [each for each in machine.troubles("--only=probe") if ": journal" not in each.where]
    assert len(found) == 3
    assert "status 401" in found[0].what
    assert "auth-token" in found[0].advice


def test_backend_knows_everything(machine: Machine) -> None:
    """A value for a key that cannot exist."""
    machine.backend.set_routes({"/lookup": answer('["x"]'), "/policy": answer("DUNNO")})
    machine.forget_failures()
    found = machine.troubles("--only=probe")
    assert {each.severity for each in found} == {"warning"}
    assert "which cannot exist" in found[0].what


def test_one_map_fails(machine: Machine) -> None:
    """Each map that main.cf uses is asked for, and the one that fails is told."""
    second = "check_sender_access socketmap:inet:127.0.0.1:9002:senders"
    machine.container.run("postconf", "-e", f"smtpd_sender_restrictions={second}")
    routes = {"mailbox": lookup({}), "alias": lookup({}), "senders": answer(status=500)}
    machine.backend.set_routes({"/lookup": maps(routes), "/policy": answer("DUNNO")})
    machine.forget_failures()
    found = machine.trouble("--only=probe")
    assert (found.severity, found.where) == ("error", "maps: backend")
    assert "in the map senders" in found.what
    asked = {request.query for request in machine.backend.requests if "name=" in request.query}
    assert {query.partition("&")[0] for query in asked} >= {"name=mailbox", "name=senders"}


def test_the_handler_fails(machine: Machine) -> None:
    """Root's own question is answered, a handler's is not: told with the reason of the journal."""
    token = "/root/token"
    machine.container.write(token, "secret-token\n", mode=0o644)
    entries = machine.endpoints()
    del entries[0]["auth-token"]
    entries[0]["auth-token-file"] = token
    write_config(machine.container, {"endpoints": entries})
    machine.forget_failures()
    found = [each for each in machine.troubles("--only=probe") if ": socket" in each.where]
    machine.container.run("rm", token)
    assert [(each.severity, each.where) for each in found] == [("error", "domains: socket")]
    assert f"{token}: $.endpoints[0].auth-token-file: cannot be read" in found[0].what
    assert "postfix-rest-inetd query domains" in found[0].advice


def test_the_handler_of_a_policy_fails(machine: Machine) -> None:
    """What it says in place of an action is told apart from an action by the journal."""
    token = "/root/token"
    machine.container.write(token, "secret-token\n", mode=0o644)
    entries = machine.endpoints()
    (gate,) = [each for each in entries if each["name"] == "gate"]
    del gate["auth-token"]
    gate["auth-token-file"] = token
    write_config(machine.container, {"endpoints": entries})
    machine.forget_failures()
    found = [each for each in machine.troubles("--only=probe") if ": socket" in each.where]
    machine.container.run("rm", token)
    assert [(each.severity, each.where) for each in found] == [("error", "gate: socket")]
    assert "action 451 REST connector cannot use its configuration" in found[0].what
    assert "auth-token-file: cannot be read" in found[0].what


def test_a_backend_that_defers(machine: Machine) -> None:
    """An action of the backend is one, whatever words it has."""
    entries = machine.endpoints()
    for each in entries:
        each.pop("allowed-actions", None)
    write_config(machine.container, {"endpoints": entries})
    deferral = answer("451 REST period, try later")
    machine.backend.set_routes({"/lookup": lookup({}), "/policy": deferral})
    machine.forget_failures()
    assert machine.troubles("--only=probe") == []


def test_failures_of_the_last_hour(machine: Machine) -> None:
    """What failed, though all is well at the moment: how often, when and why; --strict minds."""
    machine.forget_failures()
    machine.backend.set_routes({"/lookup": answer(status=500), "/policy": answer("DUNNO")})
    for key in ("a", "b", "c"):
        assert ask(machine.container, 9001, f"get {key}.example\n".encode()).startswith(b"400 ")
    machine.backend.set_routes({"/lookup": lookup({}), "/policy": answer("DUNNO")})
    found = machine.trouble("--only=probe")
    assert (found.severity, found.where) == ("warning", "domains: journal")
    assert found.what.startswith("3 requests failed in the last hour, the last one at ")
    assert "its log may tell why" in found.what
    assert machine.troubles() == []


def test_instances(machine: Machine) -> None:
    """What another instance of Postfix asks counts as well."""
    machine.shell("postmulti -e init && postmulti -I postfix-out -e create")
    asked = "virtual_alias_maps=tcp:127.0.0.1:9099"
    machine.container.run("postconf", "-c", "/etc/postfix-out", "-e", asked)
    found = machine.trouble()
    assert (found.severity, found.where) == ("error", "Postfix postfix-out: virtual_alias_maps")
    # One that cannot be used stops postmulti(1).
    shared = "data_directory=/var/lib/postfix"
    machine.container.run("postconf", "-c", "/etc/postfix-out", "-e", shared)
    assert machine.trouble().where == "Postfix /etc/postfix-out: virtual_alias_maps"


def test_risks(machine: Machine) -> None:
    """Risks are warnings or notes, and the exit status stays 0."""
    machine.container.run("postconf", "-e", "recipient_delimiter=+")
    entries = machine.endpoints(
        domains={"bind-address": "0.0.0.0"}, local={"target": "http://rest.example/"}
    )
    del entries[3]["allowed-actions"]
    entries.append(endpoint("away", bind_address="192.0.2.9", port=9004))
    write_config(machine.container, {"endpoints": entries})
    machine.shell(f"systemctl daemon-reload; systemctl restart {TCP}")
    found = {(each.severity, each.where): each.what for each in machine.troubles()}
    assert "at every address of this machine" in found["warning", "domains"]
    assert "unencrypted: the token and all addresses" in found["warning", "local"]
    assert "this machine has no address 192.0.2.9" in found["warning", "away"]
    assert "without allowed-actions" in found["note", "gate"]
    assert "for the whole address only" in found["note", "Postfix: recipient_delimiter"]
    assert machine.check()[0] == 0


def test_several_at_once(machine: Machine) -> None:
    """Broken in several places, all of them are told."""
    machine.container.run("systemctl", "stop", SOCKETMAP)
    machine.container.run("chmod", "644", CONFIG)
    machine.container.run("postconf", "-e", "virtual_mailbox_domains=tcp:127.0.0.1:9003")
    words = " ".join(each.what for each in machine.troubles())
    for told in ("not started", "every user may read it", "asks gate, whose mode is policy"):
        assert told in words
