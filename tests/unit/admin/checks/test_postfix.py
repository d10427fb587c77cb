# SPDX-License-Identifier: MIT
"""Postfix's references to endpoints: how they are read, and which of them do not fit.

Parameters and services are given; that postconf(1) gives them so is for tests/integration.
"""

from __future__ import annotations

import json
import socket

import pytest

from harness.endpoints import raw_endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.admin.checks import capacity, misfits, postfix
from postfix_rest_inetd.admin.host import references as postfix_references
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.host.postconf import Service, Settings, seconds
from postfix_rest_inetd.admin.host.socket_units import Unit
from postfix_rest_inetd.config import loading

QUEUE = "/var/spool/postfix"


def settings(overrides=None, *, chroot=True, **parameters) -> Settings:
    """Settings with the services of Debian; `overrides` are of smtp/inet."""
    services = [
        Service("smtp/inet", "smtpd", chroot, 100),
        Service("submission/inet", "smtpd", max_processes=20, is_chrooted=False),
        Service("cleanup/unix", "cleanup", chroot, 100),
        Service("rewrite/unix", "trivial-rewrite", chroot, 100),
        Service("proxymap/unix", "proxymap", max_processes=100, is_chrooted=False),
        Service("rest/unix", "spawn", max_processes=100, is_chrooted=False),
    ]
    known = {
        "queue_directory": QUEUE,
        "smtpd_policy_service_timeout": "100s",
        "smtpd_relay_restrictions": "permit_mynetworks, defer_unauth_destination",
        **parameters,
    }
    return Settings(
        known, {("smtp/inet", name): value for name, value in (overrides or {}).items()}, services
    )


def references(**parameters):
    """What is found in parameters, as (text, mode, addresses or path, map name)."""
    return [
        (r.text, r.mode, r.path or [str(a) for a in r.addresses], r.map_name)
        for r in postfix_references.find(settings(**parameters))
    ]


IPV4 = ["127.0.0.1:9001"]
BOTH = ["127.0.0.1:9001", "[::1]:9001"]

FORMS = {
    "tcp": ("tcp:127.0.0.1:9001", TCP, IPV4, None),
    "a name": ("tcp:localhost:9001", TCP, BOTH, None),
    "no host": ("tcp::9001", TCP, BOTH, None),
    "IPv6": ("tcp:[::1]:9001", TCP, ["[::1]:9001"], None),
    "a service": ("tcp:127.0.0.1:smtp", TCP, ["127.0.0.1:25"], None),
    "another host": ("tcp:192.0.2.1:9001", TCP, [], None),
    "another host's name": ("tcp:rest.example:9001", TCP, [], None),
    "proxy": ("proxy:tcp:127.0.0.1:9001", TCP, IPV4, None),
    "a port alone": ("tcp:9001", TCP, BOTH, None),
    "IPv4 in brackets": ("tcp:[127.0.0.1]:9001", TCP, IPV4, None),
    "debug": ("debug:tcp:127.0.0.1:9001", TCP, IPV4, None),
    "socketmap": ("socketmap:inet:127.0.0.1:9001:a", SOCKETMAP, IPV4, "a"),
    "socketmap with a port alone": ("socketmap:inet:9001:a", SOCKETMAP, BOTH, "a"),
    "socketmap without a host": ("socketmap:inet::9001:a", SOCKETMAP, BOTH, "a"),
    "socketmap over IPv6": ("socketmap:inet:[::1]:9001:m", SOCKETMAP, ["[::1]:9001"], "m"),
    "an empty name": ("socketmap:inet:127.0.0.1:9001:", SOCKETMAP, IPV4, None),
    "a path": ("socketmap:unix:private/rest:m", SOCKETMAP, "private/rest", "m"),
    "an old name of unix:": ("socketmap:local:private/rest:m", SOCKETMAP, "private/rest", "m"),
}


@pytest.mark.parametrize("text, mode, place, map_name", table(FORMS))
@pytest.mark.parametrize("around", ["{}", "hash:/etc/x, {}", "pipemap:{{{}, hash:/etc/y}}"])
def test_tables(around, text, mode, place, map_name):
    """Tables in each form, alone and among others."""
    found = references(virtual_alias_maps=around.format(text))
    assert found == [(text, mode, place, map_name)]


POLICIES = {
    "a word": ("check_policy_service inet:127.0.0.1:9001, permit", 100),
    "in braces": ("check_policy_service { inet:127.0.0.1:9001, timeout=10s }", 10),
    "minutes": ("permit, check_policy_service {inet:127.0.0.1:9001,{timeout = 2m}}", 120),
    "inner braces before it": (
        "check_policy_service { inet:127.0.0.1:9001, { default_action=DUNNO }, timeout=1s }",
        1,
    ),
    "in capitals": ("CHECK_POLICY_SERVICE inet:127.0.0.1:9001", 100),
    "a comma before it": ("check_policy_service,inet:127.0.0.1:9001", 100),
}


@pytest.mark.parametrize("value, timeout", table(POLICIES))
def test_policies(value, timeout):
    """Policy services, with their own timeouts."""
    (found,) = postfix_references.find(settings(smtpd_relay_restrictions=value))
    assert (found.text, found.mode, found.timeout_sec) == ("inet:127.0.0.1:9001", POLICY, timeout)
    assert [str(address) for address in found.addresses] == IPV4


def test_nothing_of_ours():
    """Other tables, milters, transports and lists of tables are no references."""
    others = {
        "alias_maps": "hash:/etc/aliases",
        "smtpd_milters": "inet:127.0.0.1:9001",
        "relayhost": "[127.0.0.1]:9001",
        "virtual_transport": "lmtp:inet:127.0.0.1:9001",
        "proxy_read_maps": "proxy:tcp:127.0.0.1:9001",
    }
    assert references(**others) == []


def test_one_table_in_several_parameters():
    """It is one reference that knows where it stands, and who asks."""
    text = "tcp:127.0.0.1:9001"
    (found,) = postfix_references.find(settings(virtual_alias_maps=text, transport_maps=text))
    assert found.parameters == ("virtual_alias_maps", "transport_maps")
    services = {service.name for service in found.askers}
    assert services == {"smtp/inet", "submission/inet", "cleanup/unix", "rewrite/unix"}


POLICY_FORMS = {
    "of its own": ("{ inet:9001, default_action=DUNNO }", "DUNNO"),
    "in braces of its own": (
        "{ inet:9001, { default_action = 450 4.3.5 later } }",
        "450 4.3.5 later",
    ),
    "of all": ("inet:9001", "451 4.3.5 Server configuration problem"),
}


@pytest.mark.parametrize("specification, action", table(POLICY_FORMS))
def test_default_action(specification, action):
    """What Postfix does without a reply: a policy service's own action, or that of all."""
    everybody = "451 4.3.5 Server configuration problem"
    given = settings(
        smtpd_policy_service_default_action=everybody,
        smtpd_data_restrictions=f"check_policy_service {specification}",
    )
    (found,) = postfix_references.find(given)
    assert found.default_action == action
    assert [str(address) for address in found.addresses] == BOTH


USERS = {
    "sender_dependent_relayhost_maps": {"rewrite/unix"},
    "sender_dependent_default_transport_maps": {"rewrite/unix"},
    "relocated_maps": {"rewrite/unix"},
    "recipient_bcc_maps": {"cleanup/unix"},
    "smtpd_sender_login_maps": {"smtp/inet", "submission/inet"},
    "relay_recipient_maps": {"smtp/inet", "submission/inet"},
    "mydestination": {"smtp/inet", "submission/inet", "rewrite/unix"},
    "postscreen_access_list": set(),
}


@pytest.mark.parametrize("parameter, services", USERS.items())
def test_askers(parameter, services):
    """Which services look a parameter up; one that overrides it does not."""
    text = "tcp:127.0.0.1:9001"
    (found,) = postfix_references.find(settings(**{parameter: text}))
    assert {service.name for service in found.askers} == services
    given = settings({parameter: "hash:/x"}, **{parameter: text})
    (found,) = postfix_references.find(given)
    assert {service.name for service in found.askers} == services - {"smtp/inet"}


DURATIONS = {"100s": 100, "5m": 300, "1h": 3600, "7": 7, "forever": 42, "": 42}


@pytest.mark.parametrize("text, expected", DURATIONS.items())
def test_durations(text, expected):
    """Postfix's units; 42 is the default here."""
    assert seconds(text, 42) == expected


# -- what does not fit


def endpoints(*entries):
    """Checked endpoints."""
    return loading.parse(json.dumps({"endpoints": entries}).encode(), "config.json").endpoints


@pytest.fixture
def served():
    """An endpoint of each mode, at addresses that are listened at."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.create_server(("127.0.0.1", 0)) as maps,
        socket.create_server(("127.0.0.1", 0)) as gate,
    ):
        ports = [each.getsockname()[1] for each in (tcp, maps, gate)]
        yield endpoints(
            *(
                raw_endpoint(name=mode, mode=mode, bind_port=port)
                for mode, port in zip((TCP, SOCKETMAP, POLICY), ports, strict=True)
            )
        )


def troubles(served, given, **parameters):
    """What is wrong, notes left out; {tcp}, {maps} and {gate} are ports."""
    ports = dict(zip(("tcp", "maps", "gate"), (e.address.port for e in served), strict=True))
    filled = {name: value.format(**ports) for name, value in parameters.items()}
    found = postfix.findings(served, Listeners(), [settings(given, **filled)])
    return [finding for finding in found if finding.severity != "note"]


GOOD = {
    "tcp": {"virtual_alias_domains": "tcp:127.0.0.1:{tcp}"},
    "domains whose addresses are known": {
        "virtual_mailbox_domains": "tcp:127.0.0.1:{tcp}",
        "virtual_mailbox_maps": "hash:/x",
        "virtual_transport": "virtual",
    },
    "socketmap": {"virtual_alias_maps": "socketmap:inet:localhost:{maps}:alias"},
    "policy": {"smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:{gate}"},
    "policy behind the relay check": {
        "smtpd_relay_restrictions": "reject_unauth_destination, "
        "check_policy_service inet:127.0.0.1:{gate}"
    },
    "proxy": {
        "virtual_alias_maps": "proxy:tcp:127.0.0.1:{tcp}",
        "proxy_read_maps": "hash:/x, proxy:tcp:127.0.0.1:{tcp}",
    },
    "another machine": {"virtual_alias_maps": "tcp:192.0.2.1:9"},
    "a service of Postfix's own": {
        "smtpd_recipient_restrictions": "check_policy_service unix:private/rest"
    },
    "LMTP delivers": {
        "virtual_mailbox_maps": "tcp:127.0.0.1:{tcp}",
        "virtual_transport": "lmtp:unix:private/dovecot",
    },
}


@pytest.mark.parametrize("parameters", GOOD.values(), ids=GOOD)
def test_good(served, parameters):
    """Nothing to say."""
    assert troubles(served, None, **parameters) == []


BAD = {
    "a port of nobody's": ("error", "nothing listens there", {"x_maps": "tcp:127.0.0.1:1"}),
    "a path of nobody's": ("error", "nothing listens there", {"x_maps": "socketmap:unix:x/y:m"}),
    "another mode": (
        "error",
        "asks socketmap-lookup, whose mode is",
        {"x_maps": "tcp:127.0.0.1:{maps}"},
    ),
    "a table at a policy endpoint": (
        "error",
        "asks policy, whose mode is",
        {"x_maps": "socketmap:inet:127.0.0.1:{gate}:m"},
    ),
    "no map name": (
        "error",
        "name of the map is missing",
        {"x": "socketmap:inet:127.0.0.1:{maps}"},
    ),
    "proxy": ("error", "is not in proxy_read_maps", {"x_maps": "proxy:tcp:127.0.0.1:{tcp}"}),
    "policy before the relay check": (
        "warning",
        "policy is asked before the relay check",
        {
            "smtpd_relay_restrictions": "permit_mynetworks, "
            "check_policy_service inet:127.0.0.1:{gate}, reject_unauth_destination"
        },
    ),
    "an access table before the relay check of old": (
        "warning",
        "tcp-lookup is asked before the relay check",
        {
            "smtpd_relay_restrictions": "",
            "smtpd_recipient_restrictions": "check_recipient_access tcp:127.0.0.1:{tcp}, "
            "reject_unauth_destination",
        },
    ),
    "a short timeout": (
        "warning",
        "Postfix waits 2 s",
        {
            "smtpd_data_restrictions": "check_policy_service inet:127.0.0.1:{gate}",
            "smtpd_policy_service_timeout": "2s",
        },
    ),
    "a URL as a policy service": (
        "error",
        "check_policy_service has a URL, but",
        {"smtpd_data_restrictions": "check_policy_service http://user:word@backend/policy"},
    ),
    "nobody knows the addresses of domains, and virtual(8) gets the mail": (
        "error",
        "is empty: Postfix accepts mail to every address of these domains, and virtual(8) cannot",
        {"virtual_mailbox_domains": "tcp:127.0.0.1:{tcp}", "virtual_transport": "virtual"},
    ),
    "nobody knows the addresses of domains": (
        "warning",
        "virtual_mailbox_maps is empty: Postfix accepts mail to every address of these domains",
        {"virtual_mailbox_domains": "tcp:127.0.0.1:{tcp}", "virtual_transport": "lmtp:inet:x"},
    ),
    "virtual(8)": (
        "error",
        "virtual(8) refuses",
        {"virtual_mailbox_maps": "tcp:127.0.0.1:{tcp}", "virtual_transport": "virtual"},
    ),
    "local(8)": (
        "error",
        "local(8) refuses",
        {"alias_maps": "tcp:127.0.0.1:{tcp}", "local_transport": "local:host"},
    ),
}


@pytest.mark.parametrize("severity, told, parameters", table(BAD))
def test_bad(served, severity, told, parameters):
    """One thing is wrong, and it is told with a remedy."""
    (found,) = troubles(served, None, **parameters)
    assert found.severity == severity
    assert told in found.what
    assert found.advice


ALL, SOME = "reject_unverified_recipient", "check_policy_service inet:192.0.2.1:9"
UNLISTED = {
    "nothing checks": ("virtual_mailbox_domains", None, "", "warning"),
    "one smtpd verifies": (
        *("virtual_mailbox_domains", {"smtpd_recipient_restrictions": ALL}, "", "warning"),
    ),
    "one smtpd does not": (
        *("virtual_mailbox_domains", {"smtpd_recipient_restrictions": ""}, ALL, "warning"),
    ),
    "one smtpd is closed to strangers": (
        *(
            "virtual_mailbox_domains",
            {"smtpd_client_restrictions": "permit_x, reject"},
            "",
            "warning",
        ),
    ),
    "the smtpd for strangers verifies": (
        "virtual_mailbox_domains",
        {
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_recipient_restrictions": "",
        },
        ALL,
        None,
    ),
    "all verify": ("virtual_mailbox_domains", None, f"permit_mynetworks, {ALL.upper()}", None),
    "a policy service may check": ("virtual_mailbox_domains", None, SOME, "note"),
    "relayed": ("relay_domains", None, "", "note"),
    "relayed and verified": ("relay_domains", None, ALL, None),
    "local": ("mydestination", None, "", "note"),
}


@pytest.mark.parametrize("parameter, given, restrictions, severity", table(UNLISTED))
def test_unlisted(served, parameter, given, restrictions, severity):
    """Domains whose addresses nobody knows."""
    text = f"tcp:127.0.0.1:{served[0].address.port}"
    known = {parameter: text, "smtpd_recipient_restrictions": restrictions}
    found = [
        each
        for each in postfix.findings(served, Listeners(), [settings(given, **known)])
        if "every address" in each.what
    ]
    assert [each.severity for each in found] == ([] if severity is None else [severity])
    assert all(each.where == f"Postfix: {parameter}" for each in found)


@pytest.mark.parametrize("transport, severity", [("", "error"), ("hash:/x", "warning")])
def test_virtual_delivers(served, transport, severity):
    """Without addresses, virtual(8) loses the mail, unless a transport table spares it that."""
    (found,) = troubles(
        served,
        None,
        virtual_mailbox_domains="tcp:127.0.0.1:{tcp}",
        virtual_transport="virtual",
        transport_maps=transport,
    )
    assert found.severity == severity


def test_advice_for_a_timeout(served):
    """The one in braces overrides the parameter."""
    asked = "check_policy_service {{ inet:127.0.0.1:{gate}, timeout=2s }}"
    (found,) = troubles(served, None, smtpd_data_restrictions=asked)
    assert found.advice.startswith("Set timeout= in its braces to ")


def at_path(mode, path):
    """An endpoint at a unix socket."""
    return raw_endpoint(name="x", mode=mode, bind_path=path, bind_port=...)


OTHER_PATH = f"{QUEUE}/rest/x"
NO_TABLE = "Set bind-port instead of bind-path, or the mode socketmap-lookup."
NO_WORD = "Choose a bind-path without blanks, commas, braces and $."
RIGHT = {
    "a tcp: table with a path": (TCP, "/run/x", "tcp:/run/x", NO_TABLE),
    "a tcp: table with unix:": (TCP, "/run/x", "tcp:unix:/run/x", NO_TABLE),
    "a socketmap at a tcp endpoint": (TCP, "/run/x", "socketmap:unix:/run/x:m", NO_TABLE),
    "a tcp: table at a socketmap": (
        SOCKETMAP,
        "/run/x",
        "tcp:/run/x",
        "socketmap:unix:/run/x:NAME",
    ),
    "a socketmap at a policy service": (
        *(POLICY, OTHER_PATH, f"socketmap:unix:{OTHER_PATH}:m"),
        "A table asks a lookup endpoint. Those of config.json: none.",
    ),
}


@pytest.mark.parametrize("mode, path, text, advice", table(RIGHT))
def test_advice_for_a_path(mode, path, text, advice):
    """What is recommended is something that Postfix can use."""
    given = settings(x_maps=text)
    found = list(postfix.findings(endpoints(at_path(mode, path)), Listeners(), [given]))
    first = next(each for each in found if each.severity == "error")
    assert first.advice in (advice, f"Use {advice}")


@pytest.mark.parametrize(
    "mode, path, advice", [(TCP, "/run/x", NO_TABLE), (SOCKETMAP, "/run/a b", NO_WORD)]
)
def test_cannot_be_asked(mode, path, advice):
    """An endpoint that Postfix cannot ask at all: a warning, and not that nobody asks it."""
    found = list(postfix.findings(endpoints(at_path(mode, path)), Listeners(), [settings()]))
    assert [(each.severity, each.where, each.advice) for each in found] == [
        ("warning", "x", advice)
    ]


def test_advice_for_a_wildcard(served):
    """Postfix is told to connect to an address, not to a wildcard."""
    port = served[0].address.port
    wild = endpoints(raw_endpoint(mode=TCP, bind_address="0.0.0.0", bind_port=port))
    given = settings(x_maps=f"socketmap:inet:127.0.0.1:{port}:m")
    found = list(postfix.findings(wild, Listeners(), [given]))
    assert found[0].advice == f"Use tcp:127.0.0.1:{port}"


def test_another_program_at_localhost(served):
    """It listens at the other address of localhost, which Postfix may ask first."""
    port = served[0].address.port
    place = f"tcp:localhost:{port}"
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        (found,) = troubles(served, None, virtual_alias_domains=place)
        assert troubles(served, None, virtual_alias_domains=f"tcp:127.0.0.1:{port}") == []
        both = [*served, *endpoints(raw_endpoint(mode=TCP, bind_address="::1", bind_port=port))]
        given = settings(virtual_alias_domains=place)
        told = postfix.findings(both, Listeners(), [given])
        assert [each for each in told if each.severity == "error"] == []
    assert troubles(served, None, virtual_alias_domains=place) == []
    assert (found.severity, found.where) == ("error", "Postfix: virtual_alias_domains")
    assert f"localhost is also [::1]:{port}, where " in found.what
    assert found.advice == f"Write 127.0.0.1:{port} in place of localhost."


def test_override(served):
    """The override of one service is read, and its own timeout counts."""
    given = {
        "smtpd_data_restrictions": f"check_policy_service inet:127.0.0.1:{served[2].address.port}",
        "smtpd_policy_service_timeout": "1s",
    }
    (found,) = troubles(served, given)
    assert found.where == "Postfix: smtp/inet: smtpd_data_restrictions"
    assert "Postfix waits 1 s" in found.what


def test_nobody_asks(served):
    """Endpoints that nobody asks are worth a note, one for all of them."""
    found = list(postfix.findings(served, Listeners(), [settings()]))
    assert [(each.severity, each.where) for each in found] == [
        ("note", f"{TCP}, {SOCKETMAP}, {POLICY}")
    ]


INSIDE, OUTSIDE = f"{QUEUE}/rest/maps", "/run/rest/maps"
PATHS = {
    "relative": (INSIDE, "rest/maps", True, None),
    "relative, no chroot": (INSIDE, "rest/maps", False, None),
    "absolute, no chroot": (OUTSIDE, OUTSIDE, False, None),
    "absolute and outside": (OUTSIDE, OUTSIDE, True, "unix:rest/example"),
    "absolute and inside": (INSIDE, INSIDE, True, "unix:rest/maps"),
    "absolute below the chroot": (INSIDE, "/rest/maps", True, None),
    "that, and no chroot": (INSIDE, "/rest/maps", False, "unix:rest/maps"),
}


@pytest.mark.parametrize("bind_path, path, chroot, advice", table(PATHS))
def test_chroot(bind_path, path, chroot, advice):
    """Where a path leads depends on the chroot of who asks (cleanup and trivial-rewrite here)."""
    (endpoint,) = endpoints(raw_endpoint(mode=SOCKETMAP, bind_path=bind_path, bind_port=...))
    given = settings(header_checks=f"socketmap:unix:{path}:m", chroot=chroot)
    found = list(postfix.findings([endpoint], Listeners(), [given]))
    about_paths = [each for each in found if " and looks for " in each.what]
    assert [advice in each.advice for each in about_paths] == ([] if advice is None else [True])


def test_a_path_for_an_odd_name():
    """The path that is advised can stand in main.cf."""
    (endpoint,) = endpoints(
        raw_endpoint(name="mä ps", mode=POLICY, bind_path=OUTSIDE, bind_port=...)
    )
    found = misfits.unreachable(
        endpoint, "smtpd_x", f"check_policy_service unix:{OUTSIDE}", settings()
    )
    assert "/rest/m-ps, and use unix:rest/m-ps" in found.advice


def test_capacity(served):
    """Connections add up: services, tables of tcp:, but not the maps of a socketmap."""
    tcp, maps, _ = served
    given = settings(
        smtpd_a=f"tcp:127.0.0.1:{tcp.address.port}",
        smtpd_b=f"tcp:localhost:{tcp.address.port}",
        smtpd_c=f"socketmap:inet:127.0.0.1:{maps.address.port}:one",
        smtpd_d=f"socketmap:inet:127.0.0.1:{maps.address.port}:two",
        header_checks=f"proxy:tcp:127.0.0.1:{tcp.address.port}",
    )

    def found(endpoint, limit):
        unit = Unit(
            *("u@all.socket", "active", "enabled", ()),
            needs_reload=False,
            refused=0,
            max_connections=limit,
            files=(),
        )
        return [each.what for each in capacity.findings([(unit, [endpoint])], served, [given])]

    assert found(tcp, 240) == []
    assert found(maps, 120) == []
    (told,) = found(tcp, 239)
    assert "accepts 239 connections, but Postfix may open 240 (smtp/inet, submission/inet)" in told
    assert len(found(maps, 119)) == 1


MEANT = {
    "no inet:": (
        "socketmap:127.0.0.1:{maps}:m",
        "inet: is missing",
        "socketmap:inet:127.0.0.1:{maps}:m",
    ),
    "neither inet: nor a name": (
        "socketmap:127.0.0.1:{maps}",
        "inet: is missing, and the name of the map is missing",
        "socketmap:inet:127.0.0.1:{maps}:NAME",
    ),
    "no name": (
        "socketmap:inet:localhost:{maps}",
        "the name of the map is missing",
        "socketmap:inet:localhost:{maps}:NAME",
    ),
    "a colon in the name": (
        "proxy:socketmap:inet:127.0.0.1:{maps}:a:b",
        "the name of a map cannot have a colon",
        "proxy:socketmap:inet:127.0.0.1:{maps}:a-b",
    ),
    "inet: for tcp": (
        "tcp:inet:127.0.0.1:{tcp}",
        "a tcp: table does not have inet:",
        "tcp:127.0.0.1:{tcp}",
    ),
    "no inet: for a policy": (
        "check_policy_service 127.0.0.1:{gate}",
        "inet: is missing",
        "inet:127.0.0.1:{gate}",
    ),
}


@pytest.mark.parametrize("value, problem, meant", table(MEANT))
def test_typos(served, value, problem, meant):
    """A form that Postfix refuses: what is wrong, and the form that reaches the endpoint."""
    ports = dict(zip(("tcp", "maps", "gate"), (e.address.port for e in served), strict=True))
    (found,) = troubles(served, None, smtpd_x=value)
    text = value.removeprefix("check_policy_service ").format(**ports)
    assert (found.severity, found.what) == ("error", f"{text}: {problem}")
    assert found.advice == f"Use {meant.format(**ports)}"
    right = meant if "check_policy" not in value else f"check_policy_service {meant}"
    mended = troubles(served, None, smtpd_x=right, proxy_read_maps=right)
    assert mended == []


ALIAS = "socketmap:inet:127.0.0.1:{maps}:alias"
PERMITTED = "check_policy_service inet:127.0.0.1:{gate}"
USES = {
    "a table at a policy endpoint": (
        {"virtual_mailbox_domains": "tcp:127.0.0.1:{gate}"},
        "tcp:127.0.0.1:{gate} asks policy, whose mode is policy",
        "Use tcp:127.0.0.1:{tcp}",
    ),
    "an access table at a policy endpoint": (
        {"smtpd_data_restrictions": "check_sender_access tcp:127.0.0.1:{gate}"},
        "tcp:127.0.0.1:{gate} asks policy, whose mode is policy",
        f"Use {PERMITTED} in place of the restriction that has this table",
    ),
    "a policy service at a lookup endpoint": (
        {"smtpd_data_restrictions": "check_policy_service inet:127.0.0.1:{tcp}"},
        "inet:127.0.0.1:{tcp} asks tcp-lookup, whose mode is tcp-lookup",
        "Use check_policy_service inet:127.0.0.1:{gate}",
    ),
    "a capital letter": (
        {"virtual_alias_maps": "Socketmap:inet:127.0.0.1:{maps}:alias"},
        "Socketmap:inet:127.0.0.1:{maps}:alias: Postfix does not ask socketmap-lookup in this form",
        "Use socketmap:inet:127.0.0.1:{maps}:alias",
    ),
    "a type of table that is none": (
        {"virtual_alias_maps": "sockmap:inet:localhost:{maps}:alias"},
        "sockmap:inet:localhost:{maps}:alias: Postfix does not ask socketmap-lookup in this form",
        "Use socketmap:inet:127.0.0.1:{maps}:alias",
    ),
    "a slash before the name": (
        {"virtual_alias_maps": "socketmap:inet:127.0.0.1:{maps}/alias"},
        "socketmap:inet:127.0.0.1:{maps}/alias: Postfix does not ask socketmap-lookup in this form",
        "Use socketmap:inet:127.0.0.1:{maps}:alias",
    ),
    "quotation marks": (
        {"virtual_alias_maps": f'"{ALIAS}"'},
        f'"{ALIAS}": Postfix does not ask socketmap-lookup in this form',
        "Use socketmap:inet:127.0.0.1:{maps}:alias",
    ),
    "the form of a URL": (
        {"virtual_mailbox_domains": "tcp://127.0.0.1:{tcp}"},
        "tcp://127.0.0.1:{tcp}: Postfix does not ask tcp-lookup in this form",
        "Use tcp:127.0.0.1:{tcp}",
    ),
    "no check_policy_service": (
        {"smtpd_data_restrictions": "inet:127.0.0.1:{gate}, permit"},
        "inet:127.0.0.1:{gate}: Postfix does not ask policy in this form",
        "Use check_policy_service inet:127.0.0.1:{gate}",
    ),
    "a policy service as a table": (
        {"smtpd_data_restrictions": "check_sender_access inet:127.0.0.1:{gate}"},
        "check_sender_access inet:127.0.0.1:{gate}: Postfix does not ask policy in this form",
        "Use check_policy_service inet:127.0.0.1:{gate}",
    ),
    "a milter": (
        {"smtpd_milters": "inet:127.0.0.1:{gate}"},
        "inet:127.0.0.1:{gate}: Postfix does not ask policy in this form",
        "Use check_policy_service inet:127.0.0.1:{gate}",
    ),
    "a URL as a table": (
        {"virtual_alias_maps": "https://user:word@backend.example/lookup"},
        "has a URL in the place of a table, but Postfix can only ask an endpoint",
        "Make the URL the target of a lookup endpoint, and use the address of that.",
    ),
    "a URL as an access table": (
        {"smtpd_data_restrictions": "check_sender_access http://backend.example/lookup"},
        "has a URL in the place of a table, but Postfix can only ask an endpoint",
        "Make the URL the target of a lookup endpoint, and use the address of that.",
    ),
}


@pytest.mark.parametrize("parameters, problem, advice", table(USES))
def test_misuse(served, parameters, problem, advice):
    """An endpoint in the place of another kind, or in a form that Postfix does not have."""
    ports = dict(zip(("tcp", "maps", "gate"), (e.address.port for e in served), strict=True))
    (found,) = troubles(served, None, **parameters)
    assert (found.severity, found.where) == ("error", f"Postfix: {next(iter(parameters))}")
    assert (found.what, found.advice) == (problem.format(**ports), advice.format(**ports))


OTHERS = {
    "the address is longer": {"virtual_alias_maps": "hash:/x/127.0.0.1:{tcp}0"},
    "another machine's": {"virtual_alias_maps": "ldap:10.127.0.0.1:{tcp}"},
    "a text for people": {"smtpd_reject_footer": "See http://postmaster.example/"},
    "a text with an address": {"smtpd_reject_footer": "See http://127.0.0.1:{tcp}/"},
    "a URL within a table": {"virtual_alias_maps": "inline:{{ a=http://x }}"},
    "inside another table": {"virtual_alias_maps": "unionmap:{{tcp:127.0.0.1:{tcp}}}"},
    "inside a table of proxymap's": {
        "virtual_alias_maps": "proxy:unionmap:{{tcp:127.0.0.1:{tcp},hash:/x}}",
        "proxy_read_maps": "proxy:unionmap:{{tcp:127.0.0.1:{tcp},hash:/x}}",
    },
    "a result": {"smtpd_data_restrictions": "check_client_access static:{{450 127.0.0.1:{tcp}}}"},
}


@pytest.mark.parametrize("parameters", OTHERS.values(), ids=OTHERS)
def test_no_misuse(served, parameters):
    """What is not meant for an endpoint, or asks one."""
    assert troubles(served, None, **parameters) == []


def test_misuse_in_several_parameters(served):
    """One finding, and none of the parameters that have another one's value by default."""
    wrong = f"tcp://127.0.0.1:{served[0].address.port}"
    places = ("virtual_alias_maps", "virtual_alias_domains", "virtual_mailbox_maps")
    found = troubles(served, {"relay_domains": wrong}, **dict.fromkeys(places, wrong))
    assert [each.where for each in found] == [
        "Postfix: virtual_alias_maps, virtual_mailbox_maps, smtp/inet: relay_domains"
    ]


REPEATS = {
    "two address classes": (
        {
            "mydestination": "a, tcp:127.0.0.1:{tcp}",
            "virtual_mailbox_domains": "tcp:127.0.0.1:{tcp}",
            **dict.fromkeys(("local_recipient_maps", "virtual_mailbox_maps"), "hash:/x"),
        },
        "warning",
        "Postfix: mydestination, virtual_mailbox_domains",
        "is in both, so each domain of tcp-lookup is in two address classes",
    ),
    "aliases, and domains of mailboxes": (
        {
            **dict.fromkeys(
                ("virtual_mailbox_domains", "virtual_alias_maps", "virtual_alias_domains"),
                "tcp:127.0.0.1:{tcp}",
            ),
            "virtual_mailbox_maps": "hash:/x",
        },
        "warning",
        "Postfix: virtual_mailbox_domains",
        "is in virtual_alias_maps as well, which virtual_alias_domains are by default",
    ),
    "aliases, and domains that are not those of aliases": (
        {
            **dict.fromkeys(
                ("virtual_mailbox_domains", "virtual_alias_maps"), "tcp:127.0.0.1:{tcp}"
            ),
            **dict.fromkeys(("virtual_mailbox_maps", "virtual_alias_domains"), "hash:/x"),
        },
        None,
        "",
        "",
    ),
    "letter case": (
        {"virtual_alias_maps": ALIAS, "virtual_mailbox_maps": ALIAS.replace("alias", "Alias")},
        "warning",
        "Postfix: virtual_alias_maps, virtual_mailbox_maps",
        "is asked for the map alias and for the map Alias: these names are different",
    ),
    "a table that is there twice": (
        {"virtual_alias_maps": f"{ALIAS}, {ALIAS}"},
        "note",
        "Postfix: virtual_alias_maps",
        "is there 2 times, so socketmap-lookup can be asked as often for the same",
    ),
    "a policy service that is there twice": (
        {"smtpd_data_restrictions": f"{PERMITTED}, {PERMITTED}"},
        "note",
        "Postfix: smtpd_data_restrictions",
        "is there 2 times, so policy can be asked as often for the same",
    ),
    "a policy service with two contexts": (
        {
            "smtpd_data_restrictions": ", ".join(
                f"{PERMITTED[:21]}{{{{{PERMITTED[21:]}, policy_context={name}}}}}" for name in "ab"
            )
        },
        None,
        "",
        "",
    ),
    "domains that Postfix relays by default, because they are its own": (
        {
            **dict.fromkeys(("mydestination", "relay_domains"), "a, tcp:127.0.0.1:{tcp}"),
            "local_recipient_maps": "hash:/x",
        },
        None,
        "",
        "",
    ),
    "behind a permission of all": (
        {"smtpd_recipient_restrictions": f"reject_unauth_destination, permit {PERMITTED}"},
        "warning",
        "Postfix: smtpd_recipient_restrictions",
        "policy is never asked here, because permit before inet:127.0.0.1:{gate} decides",
    ),
    "behind a rejection of all": (
        {"smtpd_sender_restrictions": "REJECT, check_sender_access tcp:127.0.0.1:{tcp}"},
        "warning",
        "Postfix: smtpd_sender_restrictions",
        "tcp-lookup is never asked here, because REJECT before tcp:127.0.0.1:{tcp} decides",
    ),
    "before and behind": (
        {"smtpd_recipient_restrictions": f"{PERMITTED}, permit"},
        None,
        "",
        "",
    ),
    "a rejection that is not in force": (
        {"smtpd_recipient_restrictions": f"warn_if_reject reject, {PERMITTED}"},
        None,
        "",
        "",
    ),
    "one access table for two attributes": (
        {
            "smtpd_data_restrictions": "check_sender_access tcp:127.0.0.1:{tcp}, "
            "check_recipient_access tcp:127.0.0.1:{tcp}"
        },
        None,
        "",
        "",
    ),
}


@pytest.mark.parametrize("parameters, severity, where, told", table(REPEATS))
def test_repeats(served, parameters, severity, where, told):
    """The same in two places, of which one has no effect; and places that are all in use."""
    ports = dict(zip(("tcp", "maps", "gate"), (e.address.port for e in served), strict=True))
    filled = {name: value.format(**ports) for name, value in parameters.items()}
    found = list(postfix.findings(served, Listeners(), [settings(**filled)]))
    known = ("is not used by any table", "is an access table")
    own = [each for each in found if not any(words in each.what for words in known)]
    expected = [] if severity is None else [(severity, where)]
    assert [(each.severity, each.where) for each in own] == expected
    assert all(told.format(**ports) in each.what and each.advice for each in own)


def test_a_name_that_postfix_does_not_know(served):
    """A misspelt parameter is told, if it leads to an endpoint; others are nobody's business."""
    port = served[0].address.port
    unknown = (("virtual_alias_map", f"tcp:127.0.0.1:{port}"), ("x", "tcp:127.0.0.1:1"))
    given = settings()._replace(unknown=unknown)
    found = [
        each for each in postfix.findings(served, Listeners(), [given]) if each.severity != "note"
    ]
    assert [(each.severity, each.where) for each in found] == [
        ("warning", "Postfix: virtual_alias_map")
    ]


def test_instances(served):
    """Each instance counts: what it asks, what it lacks, and its processes."""
    tcp, maps, _ = served
    place = f"tcp:127.0.0.1:{tcp.address.port}"
    first = settings(smtpd_a=place)
    second = settings(smtpd_a=f"proxy:{place}", smtpd_b=f"socketmap:inet:{maps.address}:m")
    second = second._replace(instance="postfix-out", directory="/etc/postfix-out")
    found = list(postfix.findings(served, Listeners(), [first, second]))
    assert [(each.severity, each.where) for each in found] == [
        ("error", "Postfix postfix-out: smtpd_a"),
        ("note", "policy"),
    ]
    assert "postconf -c /etc/postfix-out -e" in found[0].advice
    assert "postfix -c /etc/postfix-out reload" in found[0].advice


NOTES = {
    "an access table": (
        {"smtpd_sender_restrictions": "check_sender_access tcp:127.0.0.1:{tcp}"},
        "tcp-lookup is an access table",
    ),
    "another table among restrictions": (
        {
            "smtpd_sender_restrictions": "check_sender_access hash:/x, "
            "reject_sender_login_mismatch",
            "smtpd_sender_login_maps": "tcp:127.0.0.1:{tcp}",
        },
        None,
    ),
    "whole addresses": (
        {"virtual_alias_maps": "tcp:127.0.0.1:{tcp}", "recipient_delimiter": "+-"},
        "user+extension@example.org",
    ),
    "domains have no extension": (
        {"virtual_alias_domains": "tcp:127.0.0.1:{tcp}", "recipient_delimiter": "+"},
        None,
    ),
    "no delimiter": (
        {"virtual_alias_maps": "tcp:127.0.0.1:{tcp}", "recipient_delimiter": ""},
        None,
    ),
    "a default action of one service": (
        {
            "smtpd_data_restrictions": "check_policy_service "
            "{{ inet:127.0.0.1:{gate}, {{ default_action=DUNNO }} }}"
        },
        "default action DUNNO",
    ),
    "a default action of all": (
        {
            "smtpd_data_restrictions": "check_policy_service inet:127.0.0.1:{gate}",
            "smtpd_policy_service_default_action": "DEFER later",
        },
        "default action DEFER later",
    ),
    "Postfix's own": (
        {
            "smtpd_data_restrictions": "check_policy_service inet:127.0.0.1:{gate}",
            "smtpd_policy_service_default_action": "451 4.3.5 Server configuration problem",
        },
        None,
    ),
}


@pytest.mark.parametrize("parameters, told", table(NOTES))
def test_notes(served, parameters, told):
    """What Postfix does otherwise than one may think is worth a note, and not an error."""
    ports = dict(zip(("tcp", "maps", "gate"), (e.address.port for e in served), strict=True))
    filled = {name: value.format(**ports) for name, value in parameters.items()}
    found = list(postfix.findings(served, Listeners(), [settings(**filled)]))
    assert {each.severity for each in found} <= {"note"}
    told_of = [each.what for each in found if "policy service of Postfix" not in each.what]
    assert [told in what for what in told_of] == ([] if told is None else [True])


def test_a_failure_action_is_the_answer(served):
    """With close, or an action of the operator's choice, there is nothing to note."""
    gate = served[2]
    given = settings(
        smtpd_data_restrictions="check_policy_service "
        f"{{ inet:127.0.0.1:{gate.address.port}, default_action=DUNNO }}"
    )
    for action, expected in ((None, 1), ("close", 0), ("DUNNO", 0)):
        gate.failure_action = action
        found = postfix.findings([gate], Listeners(), [given])
        assert sum("does not apply" in each.what for each in found) == expected


def test_symbolic_links_on_the_way(tmp_path):
    """/var/run and /run are one place, for references and for listeners."""
    real, link = tmp_path / "run", tmp_path / "var-run"
    real.mkdir()
    link.symlink_to(real)
    (endpoint,) = endpoints(
        raw_endpoint(mode=SOCKETMAP, bind_path=str(real / "rest"), bind_port=...)
    )
    nobody = "nobody-of-this-name"  # who may enter the directory is another matter
    asked = f"socketmap:unix:{link}/rest:m"
    given = settings(header_checks=asked, chroot=False, mail_owner=nobody)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(link / "rest"))
        listening.listen()
        assert list(postfix.findings([endpoint], Listeners(), [given])) == []


@pytest.mark.parametrize(
    "keys, warned",
    [
        ({}, True),
        ({"allowed_actions": ["DUNNO", "REJECT"]}, True),
        ({"access_table": True}, True),
        ({"access_table": True, "allowed_actions": ["DUNNO", "OK"]}, True),
        ({"access_table": True, "allowed_actions": ["DUNNO", "REJECT"]}, False),
    ],
)
def test_what_cannot_permit_cannot_open_the_relay(served, keys, warned):
    """The actions of a table are limited only where it is an access table for its handlers too."""
    for key, value in keys.items():
        setattr(served[0], key, value)
    found = troubles(
        served,
        None,
        smtpd_relay_restrictions="check_client_access tcp:127.0.0.1:{tcp}, reject",
    )
    assert ["asked before the relay check" in each.what for each in found] == [True] * warned


GATE = "check_policy_service inet:127.0.0.1:{gate}"
SUBMISSION = "permit_sasl_authenticated, reject"


@pytest.mark.parametrize(
    "given, parameters, places",
    [
        pytest.param(
            {"smtpd_relay_restrictions": ""},
            {"smtpd_recipient_restrictions": f"{GATE}, reject_unauth_destination"},
            ["Postfix: smtp/inet: smtpd_recipient_restrictions"],
            id="a service without the relay check of main.cf",
        ),
        pytest.param(
            {"smtpd_client_restrictions": SUBMISSION},
            {"smtpd_relay_restrictions": f"{GATE}, reject"},
            ["Postfix: smtpd_relay_restrictions"],
            id="the other service is open",
        ),
        pytest.param(
            {"smtpd_relay_restrictions": "", "smtpd_recipient_restrictions": "permit_mynetworks"},
            {"smtpd_recipient_restrictions": f"{GATE}, reject_unauth_destination"},
            [],
            id="re-injection by a content filter",
        ),
        pytest.param(
            None,
            {
                "smtpd_restriction_classes": "gate",
                "gate": GATE,
                "smtpd_relay_restrictions": "permit_mynetworks, gate, reject",
            },
            ["Postfix: smtpd_relay_restrictions"],
            id="a restriction class",
        ),
        pytest.param(
            None,
            {
                "smtpd_relay_restrictions": f"{GATE}, reject",
                "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
            },
            [],
            id="a relay check in each list",
        ),
    ],
)
def test_relaying_by_service(served, given, parameters, places):
    """Each smtpd is looked at as it is set up, overrides and restriction classes included."""
    found = troubles(served, given, **parameters)
    assert [each.where for each in found] == places
    assert all("asked before the relay check" in each.what for each in found)
