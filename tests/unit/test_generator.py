# SPDX-License-Identifier: MIT
"""postfix_rest_inetd.generator: which files it writes for which config.json, and when none.

Run into temporary directories, as systemd runs it, by its `main`. Whether systemd likes what is
written is a matter for the integration tests.
"""

import json
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from postfix_rest_inetd import generator, model
from postfix_rest_inetd.units.names import escape

ADDRESSES = "20-addresses.conf"
SYSTEMD = Path(__file__).parents[2] / "systemd/system"


def endpoint(name="d", mode="tcp-lookup", **more):
    """An entry of config.json."""
    return {
        "name": name,
        "mode": mode,
        "target": "http://127.0.0.1:9/",
        "auth-token": "secret-token",
        **({} if "bind-path" in more else {"bind-port": 9001}),
        **more,
    }


def run(tmp_path, content, listening=None):
    """Run the generator; returns its exit status and what it wrote, as {path: text}.

    LISTENING are the drop-ins that sockets have left behind, by unit.
    """
    config = tmp_path / "config.json"
    left_behind = tmp_path / "listening"
    for unit, text in (listening or {}).items():
        left_behind.mkdir(exist_ok=True)
        (left_behind / f"{unit}.conf").write_text(text)
    if content is not None:
        text = content if isinstance(content, str) else json.dumps({"endpoints": content})
        config.write_text(text)
    normal, early, late = (tmp_path / name for name in ("normal", "early", "late"))
    for directory in (normal, early, late):
        directory.mkdir(exist_ok=True)
    status = generator.main([str(normal), str(early), str(late)], str(config), str(left_behind))
    assert not [*early.iterdir(), *late.iterdir()]
    files = (path for path in sorted(normal.rglob("*")) if path.is_file())
    texts = {str(path.relative_to(normal)): path for path in files}
    return status, {name: path.read_text(errors="replace") for name, path in texts.items()}


def listens(text):
    """The values of ListenStream= in a drop-in."""
    return [
        line.removeprefix("ListenStream=") for line in text.splitlines() if "ListenStream=" in line
    ]


def test_nothing_without_a_config(tmp_path):
    """No config.json is not an error: the package is installed and nothing is configured."""
    assert run(tmp_path, None) == (0, {})


def test_nothing_without_endpoints(tmp_path):
    """The config.json that a package installs has no endpoints; nothing is written for it."""
    assert run(tmp_path, []) == (0, {})


def test_all_and_named(tmp_path):
    """@all has every address of its mode, @NAME its own; a mode without endpoints has nothing."""
    status, files = run(
        tmp_path,
        [
            endpoint("domains"),
            endpoint("mailboxes", **{"bind-port": 9002}),
            endpoint("p", "policy", **{"bind-port": 9003}),
        ],
    )
    files.pop("postfix-rest-@.socket.d/20-poll-limit.conf", None)
    assert status == 0
    assert {path: listens(text) for path, text in files.items()} == {
        f"postfix-rest-tcp@all.socket.d/{ADDRESSES}": ["127.0.0.1:9001", "127.0.0.1:9002"],
        f"postfix-rest-tcp@domains.socket.d/{ADDRESSES}": ["127.0.0.1:9001"],
        f"postfix-rest-tcp@mailboxes.socket.d/{ADDRESSES}": ["127.0.0.1:9002"],
        f"postfix-rest-policy@all.socket.d/{ADDRESSES}": ["127.0.0.1:9003"],
        f"postfix-rest-policy@p.socket.d/{ADDRESSES}": ["127.0.0.1:9003"],
    }


def test_all_and_named_exclude_each_other(tmp_path):
    """Two units that listen at one place conflict; two at different places do not."""
    _, files = run(tmp_path, [endpoint("a"), endpoint("b", **{"bind-port": 9002})])
    named = files[f"postfix-rest-tcp@a.socket.d/{ADDRESSES}"]
    both = files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]
    assert "Conflicts=postfix-rest-tcp@all.socket\n" in named
    assert "@b.socket" not in named
    assert "Conflicts=postfix-rest-tcp@a.socket\nConflicts=postfix-rest-tcp@b.socket\n" in both


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, "127.0.0.1:9001"),
        ({"bind-address": "localhost"}, "127.0.0.1:9001"),
        ({"bind-address": "0.0.0.0"}, "0.0.0.0:9001"),
        ({"bind-address": "::"}, "[::]:9001"),
        ({"bind-address": "2001:DB8::1"}, "[2001:db8::1]:9001"),
        ({"bind-address": "::ffff:192.0.2.1"}, "192.0.2.1:9001"),
        ({"bind-path": "/run/x/a b%c"}, "/run/x/a b%%c"),
    ],
)
def test_addresses(tmp_path, keys, expected):
    """Each form of address is written as systemd.socket(5) takes it, specifiers disarmed."""
    _, files = run(tmp_path, [endpoint(**keys)])
    assert listens(files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]) == [expected]


def test_source_path(tmp_path):
    """A specifier in the path of config.json is none in the unit."""
    directory = tmp_path / "100%n"
    directory.mkdir()
    _, files = run(directory, [endpoint()])
    source = f"{tmp_path}/100%%n/config.json"
    assert f"SourcePath={source}" in files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]


def test_wildcards_side_by_side(tmp_path):
    """[::] takes IPv4 connections too, unless 0.0.0.0 is listened on at the same port."""
    other = endpoint("b", **{"bind-address": "0.0.0.0", "bind-port": 9002})
    wild = endpoint("a", **{"bind-address": "::"})
    _, apart = run(tmp_path, [wild, other])
    shutil.rmtree(tmp_path / "normal")
    shutil.rmtree(tmp_path / "early")
    shutil.rmtree(tmp_path / "late")
    _, together = run(tmp_path, [wild, {**other, "bind-port": 9001}])
    path = f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"
    assert "BindIPv6Only=both\n" in apart[path]
    assert "BindIPv6Only=ipv6-only\n" in together[path]


def test_other_wildcards_keep_ipv4(tmp_path):
    """BindIPv6Only= is for a whole unit: a [::] at another port still takes IPv4 connections."""
    wild = {"bind-address": "::"}
    ports = [endpoint("a", **wild), endpoint("b", **{"bind-address": "0.0.0.0"})]
    _, files = run(tmp_path, [*ports, endpoint("c", **wild, **{"bind-port": 9002})])
    path = f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"
    expected = ["[::]:9001", "0.0.0.0:9001", "[::]:9002", "0.0.0.0:9002"]
    assert listens(files[path]) == expected


def test_unix_socket_belongs_to_postfix(tmp_path):
    """A unix socket under @all is Postfix's alone; a unit without one says nothing of users."""
    _, files = run(
        tmp_path,
        [endpoint(mode="policy", **{"bind-path": "/var/spool/postfix/private/p"}), endpoint("t")],
    )
    unix = files[f"postfix-rest-policy@all.socket.d/{ADDRESSES}"]
    assert "SocketUser=postfix\nSocketGroup=postfix\nSocketMode=0660\n" in unix
    assert "SocketUser" not in files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]


def test_unix_socket_has_a_longer_queue(tmp_path):
    """The queue of a unit with a unix socket has room for all that MaxConnections= allows."""
    _, files = run(tmp_path, [endpoint(mode="policy", **{"bind-path": "/run/p"}), endpoint("t")])
    limits = (SYSTEMD / "postfix-rest-@.socket.d/10-limits.conf").read_text()
    most = re.search(r"(?m)^MaxConnections=(\d+)$", limits)[1]
    assert f"\nBacklog={most}\n" in files[f"postfix-rest-policy@all.socket.d/{ADDRESSES}"]
    assert "Backlog" not in files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]


def test_named_unix_socket_is_refused(tmp_path):
    """@NAME with a unix socket fails before it listens, says why, and is not revived."""
    _, files = run(tmp_path, [endpoint("p", "policy", **{"bind-path": "/run/p"})])
    refused = files[f"postfix-rest-policy@p.socket.d/{ADDRESSES}"]
    assert "ExecStartPre=/usr/bin/sh -c" in refused
    assert "exit 1" in refused
    assert "OnFailure" not in refused
    assert (
        "OnFailure=revive-postfix-rest@%n.service"
        in files[f"postfix-rest-policy@all.socket.d/{ADDRESSES}"]
    )


@pytest.mark.parametrize(
    "name",
    ["domain-lookup", "a b", "a/b", "ä", ".hidden", "a.b", "a:b_c", "50%", "x\\y", "a@b", "-", "/"],
)
def test_escape_as_systemd_does(name):
    """escape() is systemd-escape(1)."""
    program = shutil.which("systemd-escape")
    if program is None:
        pytest.skip("systemd-escape is not installed")
    expected = subprocess.run(
        [program, "--", name], capture_output=True, text=True, check=True, timeout=20
    )
    assert escape(name) == expected.stdout.strip()


def test_plain_and_escaped_name(tmp_path):
    """domain-lookup can be used as it is; where that is another name's escaped form, it cannot."""
    _, files = run(tmp_path, [endpoint("a-b"), endpoint("a/b", **{"bind-port": 9002})])
    assert listens(files[f"postfix-rest-tcp@a-b.socket.d/{ADDRESSES}"]) == ["127.0.0.1:9002"]
    assert listens(files[f"postfix-rest-tcp@a\\x2db.socket.d/{ADDRESSES}"]) == ["127.0.0.1:9001"]


def test_plain_and_escaped_name_conflict(tmp_path):
    """The two forms of one name are two units that listen at one place."""
    _, files = run(tmp_path, [endpoint("a-b")])
    plain = files[f"postfix-rest-tcp@a-b.socket.d/{ADDRESSES}"]
    assert listens(plain) == ["127.0.0.1:9001"]
    assert "Conflicts=postfix-rest-tcp@a\\x2db.socket\n" in plain


def test_several_endpoints_of_one_name(tmp_path):
    """Names need not be unique: @NAME listens for all of them."""
    _, files = run(tmp_path, [endpoint("n"), endpoint("n", **{"bind-port": 9002})])
    assert listens(files[f"postfix-rest-tcp@n.socket.d/{ADDRESSES}"]) == [
        "127.0.0.1:9001",
        "127.0.0.1:9002",
    ]


@pytest.mark.parametrize("letters", [*range(50, 62), 100])
def test_name_too_long_for_a_unit(tmp_path, capfd, letters):
    """A name that no unit can bear is served by @all alone, which is said; it stops no other."""
    name = "ж" * (letters // 2) + "x" * (letters % 2 * 4)  # eight characters each, and four
    status, files = run(
        tmp_path,
        [
            endpoint(name),
            endpoint("b", **{"bind-port": 9002}),
            endpoint("p", "policy", **{"bind-port": 9003}),
        ],
    )
    files.pop("postfix-rest-@.socket.d/20-poll-limit.conf", None)
    unit = f"postfix-rest-tcp@{escape(name)}.socket"
    fits = len(unit) <= 250  # a file is named after it, with ".conf"
    expected = {"tcp@all", "tcp@b", "policy@all", "policy@p"}
    expected |= {unit.removeprefix("postfix-rest-").removesuffix(".socket")} if fits else set()
    assert set(files) == {f"postfix-rest-{each}.socket.d/{ADDRESSES}" for each in expected}
    assert status == 0
    if not os.path.exists("/run/systemd/journal/socket"):
        assert ("$.endpoints[0].name: too long" in capfd.readouterr().err) == (not fits)
    if fits:
        revival = f"revive-postfix-rest@{unit}.service"
        text = files[f"{unit}.d/{ADDRESSES}"]
        assert ("OnFailure=" in text) == (len(revival) <= 255)


@pytest.mark.parametrize(
    "content, word",
    [
        ("{", "is not JSON"),
        ('{"endpoints": [{}]}', "is required"),
        ('{"endpoints": [' + "[" * 100000, "nested too deeply"),
        (" " * (4 * 1024 * 1024 + 1), "is larger than"),
    ],
    ids=["broken", "invalid", "deep", "huge"],
)
def test_unusable_config(tmp_path, capfd, content, word):
    """Exit status 1, no address, and a unit that prints the problems during the boot."""
    status, files = run(tmp_path, content)
    assert status == 1
    assert list(files) == [
        "multi-user.target.wants/postfix-rest-inetd-config.service",
        "postfix-rest-inetd-config.service",
    ]
    assert f"--config {tmp_path}/config.json" in files["postfix-rest-inetd-config.service"]
    if not os.path.exists("/run/systemd/journal/socket"):
        assert word in capfd.readouterr().err


def test_faulty_endpoint(tmp_path, capfd):
    """An endpoint with a problem that is not about its address listens as the others do."""
    faulty = endpoint("faulty", "policy", **{"bind-port": 9002, "allowed-actions": ["250"]})
    status, files = run(tmp_path, [endpoint("good"), faulty])
    assert status == 1
    for unit in ("tcp@good", "tcp@all", "policy@faulty", "policy@all"):
        text = files[f"postfix-rest-{unit}.socket.d/{ADDRESSES}"]
        assert listens(text) == ["127.0.0.1:9001" if "tcp" in unit else "127.0.0.1:9002"]
    assert "postfix-rest-inetd-config.service" in files
    said = capfd.readouterr().err
    assert "the others are served" in said
    assert "$.endpoints[1].allowed-actions" in said


@pytest.mark.parametrize("content", ["{", None], ids=["broken", "missing"])
def test_listening_sockets_keep_their_addresses(tmp_path, monkeypatch, content):
    """What a listening socket left behind is written again, nothing lost or doubled.

    So is the limit that all sockets share: systemd's own would be back otherwise.
    """
    monkeypatch.setattr(generator, "systemd_version", lambda: 255)
    before = tmp_path / "before"
    before.mkdir()
    _, good = run(before, [endpoint("a/b")])
    path = f"postfix-rest-tcp@a-b.socket.d/{ADDRESSES}"
    _, files = run(tmp_path, content, {"postfix-rest-tcp@a-b.socket": good[path]})
    limit = "postfix-rest-@.socket.d/20-poll-limit.conf"
    kept = {name: text for name, text in files.items() if name.endswith((ADDRESSES, limit))}
    expected = {each: good[each].replace(str(before), str(tmp_path), 1) for each in (path, limit)}
    assert kept == expected


@pytest.mark.parametrize(("processors", "burst"), [(1, 5), (2, 10), (7, 35), (8, 37), (64, 37)])
def test_poll_limit(tmp_path, monkeypatch, processors, burst):
    """An address starts ten handlers a second for each processor, and at most 74."""
    monkeypatch.setattr(generator, "systemd_version", lambda: 255)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    _, files = run(tmp_path, [endpoint()])
    lines = files["postfix-rest-@.socket.d/20-poll-limit.conf"].splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings == ["[Socket]", "PollLimitIntervalSec=500ms", f"PollLimitBurst={burst}"]


@pytest.mark.parametrize(
    ("quota", "burst"),
    [
        ("max 100000\n", 10),
        ("50000 100000\n", 5),
        ("100000 100000\n", 5),
        ("150000 100000\n", 10),
        ("800000 100000\n", 10),
        ("1000 0\n", 10),
        ("x", 10),
        ("", 10),
        (None, 10),
    ],
)
def test_poll_limit_with_a_quota(tmp_path, monkeypatch, quota, burst):
    """A container with two processors of which it may use a part starts handlers accordingly."""
    monkeypatch.setattr(generator, "systemd_version", lambda: 255)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    path = tmp_path / "cpu.max"
    if quota is not None:
        path.write_text(quota)
    monkeypatch.setattr(generator, "_QUOTA_PATH", str(path))
    _, files = run(tmp_path, [endpoint()])
    assert f"\nPollLimitBurst={burst}\n" in files["postfix-rest-@.socket.d/20-poll-limit.conf"]


# -- what listens and is not in config.json any more


def left_by(tmp_path, content, *units):
    """What these units have left behind when they were started with this config.json."""
    before = tmp_path / "before"
    before.mkdir()
    _, files = run(before, content)
    return {unit: files[f"{unit}.d/{ADDRESSES}"] for unit in units}


def lines_of(files, unit):
    """The lines of the drop-in of a unit."""
    return files[f"{unit}.d/{ADDRESSES}"].splitlines()


OLD, NEW, ALL = (f"postfix-rest-tcp@{instance}.socket" for instance in ("old", "new", "all"))


def test_renamed_while_listening(tmp_path, capfd):
    """@OLD keeps its address until @NEW or @all is started, which stop it; the operator is told."""
    listening = left_by(tmp_path, [endpoint("old")], OLD)
    status, files = run(tmp_path, [endpoint("new")], listening)
    lines = lines_of(files, OLD)
    assert status == 0
    assert listens("\n".join(lines)) == ["127.0.0.1:9001"]
    assert {f"Conflicts={NEW}", f"Conflicts={ALL}", f"After={NEW}", f"After={ALL}"} <= set(lines)
    assert "OnFailure=revive-postfix-rest@%n.service" in lines
    assert not [line for line in lines if line.startswith("ExecStartPre=")]
    assert f"Conflicts={OLD}" not in lines_of(files, NEW)
    if not os.path.exists("/run/systemd/journal/socket"):
        advice = f"systemctl disable {OLD}; systemctl enable {NEW}; systemctl start {NEW}"
        assert advice in capfd.readouterr().err


def test_renamed_twice_while_listening(tmp_path):
    """What was kept once is kept again, without what was added for it."""
    first = left_by(tmp_path, [endpoint("old")], OLD)
    _, files = run(tmp_path, [endpoint("new")], first)
    again = {OLD: files[f"{OLD}.d/{ADDRESSES}"]}
    second = tmp_path / "second"
    second.mkdir()
    _, files = run(second, [endpoint("newer")], again)
    assert f"Conflicts={NEW}" not in lines_of(files, OLD)
    assert "Conflicts=postfix-rest-tcp@newer.socket" in lines_of(files, OLD)
    assert listens(files[f"{OLD}.d/{ADDRESSES}"]) == ["127.0.0.1:9001"]


@pytest.mark.parametrize(
    "content",
    [
        [],
        [endpoint("p", "policy", **{"bind-port": 9002})],
        [endpoint("other", **{"bind-port": 9002})],
        [endpoint("p", "policy")],
    ],
    ids=["no endpoint", "no endpoint of the mode", "another address", "another mode"],
)
@pytest.mark.parametrize("unit", [OLD, ALL])
def test_removed_while_listening(tmp_path, capfd, content, unit):
    """A unit whose address is no endpoint's of its mode stays open, but cannot be started again.

    Closed by a daemon-reload it would still be called active.
    """
    listening = left_by(tmp_path, [endpoint("old")], unit)
    status, files = run(tmp_path, content, listening)
    if unit == ALL and [each for each in content if each["mode"] == "tcp-lookup"]:
        assert listens(files[f"{unit}.d/{ADDRESSES}"]) == ["127.0.0.1:9002"]  # it has moved
        return
    lines = lines_of(files, unit)
    assert status == 0
    assert listens("\n".join(lines)) == ["127.0.0.1:9001"]
    assert [line for line in lines if line.startswith("ExecStartPre=") and "exit 1" in line]
    assert not [line for line in lines if line.startswith(("OnFailure=", "Conflicts="))]
    if not os.path.exists("/run/systemd/journal/socket"):
        assert f"systemctl disable --now {unit}; systemctl daemon" in capfd.readouterr().err


def test_names_exchanged_while_listening(tmp_path, capfd):
    """Each of two goes on where it listens, beside the place that it is to have."""
    a, b = (f"postfix-rest-tcp@{name}.socket" for name in "ab")
    listening = left_by(tmp_path, [endpoint("a"), endpoint("b", **{"bind-port": 9002})], a, b)
    _, files = run(tmp_path, [endpoint("b"), endpoint("a", **{"bind-port": 9002})], listening)
    assert listens(files[f"{a}.d/{ADDRESSES}"]) == ["127.0.0.1:9002", "127.0.0.1:9001"]
    assert listens(files[f"{b}.d/{ADDRESSES}"]) == ["127.0.0.1:9001", "127.0.0.1:9002"]
    assert f"Conflicts={b}" in lines_of(files, a)
    if not os.path.exists("/run/systemd/journal/socket"):
        advice = f"systemctl stop {a} {b}; systemctl daemon-reload; systemctl start {a} {b}"
        assert advice in capfd.readouterr().err


def test_moved_while_listening(tmp_path):
    """The old address of a unit that is to listen elsewhere is not kept: nobody is answered."""
    listening = left_by(tmp_path, [endpoint("old")], OLD, ALL)
    _, files = run(tmp_path, [endpoint("old", **{"bind-port": 9002})], listening)
    for unit in (OLD, ALL):
        assert listens(files[f"{unit}.d/{ADDRESSES}"]) == ["127.0.0.1:9002"]


def test_wildcards_and_users_are_kept(tmp_path):
    """What else says how a socket is open is kept with its address."""
    content = [
        endpoint("six", **{"bind-address": "::"}),
        endpoint("path", **{"bind-path": "/run/100% x"}),
    ]
    listening = left_by(tmp_path, content, ALL)
    _, files = run(tmp_path, [], listening)
    expected = ["ListenStream=[::]:9001", "ListenStream=/run/100%% x", "SocketUser=postfix"]
    expected += ["SocketGroup=postfix", "SocketMode=0660", "Backlog=1024", "BindIPv6Only=both"]
    assert [line for line in lines_of(files, ALL) if line in expected] == expected


# -- what cannot be written

GOOD = [
    endpoint("a"),
    endpoint("b", **{"bind-port": 9002}),
    endpoint("m", "socketmap-lookup", **{"bind-port": 9003}),
    endpoint("p", "policy", **{"bind-port": 9004}),
]
SITUATIONS = {"good": GOOD, "renamed": [endpoint("z"), *GOOD[1:]], "broken": "{", "missing": None}


def file_in_place_of_directory(path: Path) -> None:
    """ENOTDIR, or EEXIST."""
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.write_text("in the way")


def directory_in_place_of_file(path: Path) -> None:
    """EISDIR, or EEXIST for a link."""
    path.mkdir(parents=True)


def full_disk(path: Path) -> None:
    """ENOSPC when it is written to; EEXIST for a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/dev/full")


def loop_of_links(path: Path) -> None:
    """ELOOP; EEXIST for a link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize(
    "prevent", [file_in_place_of_directory, directory_in_place_of_file, full_disk, loop_of_links]
)
def test_every_write_can_fail(tmp_path, monkeypatch, capfd, situation, prevent):
    """Whichever file cannot be written, all others are; exit status and journal tell of it."""
    monkeypatch.setattr(generator, "systemd_version", lambda: 255)
    units = [f"postfix-rest-{each}.socket" for each in ("tcp@a", "socketmap@all", "policy@p")]
    listening = left_by(tmp_path, GOOD, *units)
    whole = tmp_path / "whole"
    whole.mkdir()
    _, expected = run(whole, SITUATIONS[situation], listening)
    assert len(expected) >= 4
    for number, victim in enumerate(expected):
        parent = tmp_path / str(number)
        if prevent is file_in_place_of_directory and "/" not in victim:
            continue  # its directory is that of all
        prevent(parent / "normal" / victim)
        status, files = run(parent, SITUATIONS[situation], listening)
        others = {path for path in expected if path != victim}
        if "multi-user" in victim or victim.startswith("postfix-rest-inetd-config"):
            # The link to the unit, and the unit.
            files = {path: text for path, text in files.items() if "inetd-config" not in path}
            others = {path for path in others if "inetd-config" not in path}
        files.pop(victim, None)
        files.pop(str(Path(victim).parent), None)
        assert set(files) == others
        assert status == 1
        if not os.path.exists("/run/systemd/journal/socket"):
            assert str(parent / "normal" / victim) in capfd.readouterr().err


def test_nothing_is_written_by_halves(tmp_path):
    """A file that does not fit is not there: half an address would be another one."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"endpoints": [endpoint("a")]}))
    out = tmp_path / "out"
    for size in range(1, 400, 7):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        try:
            status = generator.main([str(out)], str(config), str(tmp_path / "none"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        written = [path for path in out.rglob("*.conf") if path.is_file()]
        assert status == (0 if len(written) >= 2 else 1)
        assert all(path.read_text().endswith("\n") and path.stat().st_size for path in written)


IN_THE_WAY = ["directory", "link to nothing", "link to a device", "fifo", "huge"]
STRANGE = [*IN_THE_WAY, "binary", "other", "foreign"]


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_things_left_behind(tmp_path, kind):
    """What is in the way of one listening socket is not in the way of another."""
    listening = left_by(tmp_path, GOOD, "postfix-rest-tcp@a.socket")
    directory = tmp_path / "listening"
    directory.mkdir()
    strange = directory / "postfix-rest-tcp@b.socket.conf"
    if kind == "directory":
        strange.mkdir()
    elif kind == "binary":
        strange.write_bytes(b"#\n\n[Socket]\nListenStream=/run/\xff\xfe\n")
    elif kind == "link to nothing":
        strange.symlink_to("nothing")
    elif kind == "link to a device":
        strange.symlink_to("/dev/zero")
    elif kind == "fifo":
        os.mkfifo(strange)
    elif kind == "huge":
        with strange.open("wb") as file:
            file.truncate(1 << 32)
    elif kind == "foreign":
        (directory / "sshd.socket.conf").write_text("#\n\n[Socket]\nListenStream=1\n")
    else:
        (directory / "README").mkdir()
    status, files = run(tmp_path, "{", listening)
    assert status == 1  # config.json is broken in any case
    assert f"postfix-rest-tcp@a.socket.d/{ADDRESSES}" in files
    assert not [path for path in files if "sshd" in path]
    (tmp_path / "config.json").unlink()
    status, _ = run(tmp_path, None)
    assert status == (1 if kind in IN_THE_WAY else 0)


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"target": "gopher://x/"}, 0),
        ({"target": ["http://x/", "http://x:y/"]}, 0),
        ({"target": []}, 1),
        ({"cache": {"max_age": 1}}, 1),
    ],
)
def test_targets_are_not_its_business(tmp_path, fields, expected):
    """What the handler will refuse closes no socket; URLs are not even looked at."""
    status, files = run(tmp_path, [endpoint(**fields)])
    assert status == expected
    assert listens(files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]) == ["127.0.0.1:9001"]


def test_no_secret_is_written(tmp_path):
    """Tokens stay in config.json: units are readable by everybody."""
    _, files = run(tmp_path, [endpoint(), endpoint("p", "policy", **{"bind-path": "/run/p"})])
    assert "secret-token" not in "".join(files.values())


def test_version_of_this_machine():
    """The version is 0 where it cannot be found out, and plausible where it can."""
    assert generator.systemd_version() == 0 or generator.systemd_version() >= 252


def test_unknown_mode(tmp_path, monkeypatch):
    """Endpoints of a mode that has no units are not left out in silence: whoever adds it sees."""
    monkeypatch.setattr(model, "MODES", ("tcp-lookup", "unheard-of"))
    with pytest.raises(KeyError, match="unheard-of"):
        run(tmp_path, [endpoint(), endpoint(mode="unheard-of", **{"bind-port": 9002})])
