# SPDX-License-Identifier: MIT
"""postfix_rest_inetd.generator: which files it writes for which config.json, and when none.

Run into temporary directories, as systemd runs it, by its `main`. Whether systemd likes what is
written is a matter for the integration tests.
"""

import json
import os
import shutil
import subprocess

import pytest

from postfix_rest_inetd import generator

ADDRESSES = "20-addresses.conf"


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


def run(tmp_path, content):
    """Run the generator; returns its exit status and what it wrote, as {path: text}."""
    config = tmp_path / "config.json"
    if content is not None:
        text = content if isinstance(content, str) else json.dumps({"endpoints": content})
        config.write_text(text)
    normal, early, late = (tmp_path / name for name in ("normal", "early", "late"))
    for directory in (normal, early, late):
        directory.mkdir()
    status = generator.main([str(normal), str(early), str(late)], str(config))
    assert not [*early.iterdir(), *late.iterdir()]
    files = (path for path in sorted(normal.rglob("*")) if path.is_file())
    return status, {str(path.relative_to(normal)): path.read_text() for path in files}


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
    assert generator.escape(name) == expected.stdout.strip()


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


def test_name_too_long_for_a_unit(tmp_path):
    """A name that no unit can bear is served by @all alone."""
    status, files = run(tmp_path, [endpoint("ä" * 100)])
    assert status == 0
    assert [path for path in files if "@all" not in path and "poll-limit" not in path] == []


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


@pytest.mark.parametrize("content", ["{", None], ids=["broken", "missing"])
def test_listening_sockets_keep_their_addresses(tmp_path, monkeypatch, content):
    """What a listening socket left behind is written again, nothing lost or doubled."""
    before = tmp_path / "before"
    before.mkdir()
    _, good = run(before, [endpoint("a/b")])
    path = f"postfix-rest-tcp@a-b.socket.d/{ADDRESSES}"
    listening = tmp_path / "listening"
    listening.mkdir()
    (listening / "postfix-rest-tcp@a-b.socket.conf").write_text(good[path])
    monkeypatch.setattr(generator, "LISTENING_DIRECTORY", str(listening))
    _, files = run(tmp_path, content)
    kept = {name: text for name, text in files.items() if name.endswith(ADDRESSES)}
    assert kept == {path: good[path].replace(str(before), str(tmp_path), 1)}


def test_targets_are_not_its_business(tmp_path):
    """A target that the handler will refuse takes no socket away from the other endpoints."""
    status, files = run(tmp_path, [endpoint(target="gopher://x/")])
    assert status == 0
    assert listens(files[f"postfix-rest-tcp@all.socket.d/{ADDRESSES}"]) == ["127.0.0.1:9001"]


def test_no_secret_is_written(tmp_path):
    """Tokens stay in config.json: units are readable by everybody."""
    _, files = run(tmp_path, [endpoint(), endpoint("p", "policy", **{"bind-path": "/run/p"})])
    assert "secret-token" not in "".join(files.values())


def test_version_of_this_machine():
    """The version is 0 where it cannot be found out, and plausible where it can."""
    assert generator.systemd_version() == 0 or generator.systemd_version() >= 252
