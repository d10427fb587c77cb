# SPDX-License-Identifier: MIT
"""systemd reads in the drop-ins exactly the addresses that config.json and listeners mean."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import tempfile
from pathlib import Path

from fuzz.models import unit_file

from postfix_rest_inetd import generator, journal
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

MODULES = (
    *("generator", "units.generated_files", "units.listening_sockets", "units.names"),
    *("units.socket_units", "units.advice", "config.loading", "config.entries", "config.values"),
    "config.address",
)

MODES = {
    b"t": ("tcp-lookup", "postfix-rest-tcp"),
    b"s": ("socketmap-lookup", "postfix-rest-socketmap"),
    b"p": ("policy", "postfix-rest-policy"),
}
_LEFT, _RAW = b"l", b"r"
_MOST_RECORDS = 6

_KEYS = {
    "Unit": {"SourcePath", "Conflicts", "After", "Description", "OnFailure", "Documentation"},
    "Socket": {
        *("ListenStream", "BindIPv6Only", "SocketUser", "SocketGroup", "SocketMode"),
        *("RemoveOnStop", "ExecStartPre", "PollLimitIntervalSec", "PollLimitBurst"),
        "Backlog",
    },
    "Service": {"Type", "ExecStart", "SyslogIdentifier"},
}
_FIXED = {
    "SocketUser": "postfix",
    "SocketGroup": "postfix",
    "SocketMode": "0660",
    "Backlog": "1024",
}
_COMMANDS = (
    "/usr/bin/sh -c 'echo \"<3>%n: ",
    "/usr/bin/python3 -I -m postfix_rest_inetd.admin.cli",
)
_DIRECTORY = Path("/dev/shm")
_OTHER_SOURCE = "/x"


def run(data: bytes) -> None:
    """DATA has records, separated by 0x1e, of fields, separated by 0x1f: see document_of()."""
    records = [each.split(b"\x1f") for each in data.split(b"\x1e", _MOST_RECORDS)[:_MOST_RECORDS]]
    content = document_of(records)
    parent = _DIRECTORY if _DIRECTORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="postfix-rest-inetd-fuzz-", dir=parent))
    try:
        left = left_behind(directory / "listening", records)
        config = directory / "config.json"
        config.write_bytes(content)
        said, status = generated(directory, config)
        written = {
            str(path.relative_to(directory / "out")): path.read_bytes()
            for path in (directory / "out").rglob("*")
            if path.is_file()
        }
    finally:
        shutil.rmtree(directory)
    check_said(said)
    check_written(written, config)
    try:
        loaded = loading.parse(content, str(config), for_listening=True, tolerant=True)
    except ConfigError:
        assert status == 1
        check_kept(written, left)
        return
    assert loaded.problem is None or status == 1
    check_addresses(written, meant(content, loaded.endpoints), left)


def document_of(records: list[list[bytes]]) -> bytes:
    """config.json: an endpoint for each record t, s or p (name, address, port or path)."""
    endpoints = []
    for kind, *fields in records:
        name, address, port = (
            field.decode("utf-8", "replace") for field in (fields + [b""] * 3)[:3]
        )
        if kind == _RAW:
            return b"\x1f".join(fields)
        if kind not in MODES:
            continue
        entry: dict[str, object] = {"name": name, "mode": MODES[kind][0], "auth-token": "t"}
        entry["target"] = "http://h/"
        if address.startswith("/"):
            entry["bind-path"] = address
        else:
            entry["bind-port"] = int(port) if port.isascii() and port.isdigit() else port
            if address:
                entry["bind-address"] = address
        endpoints.append(entry)
    return json.dumps({"endpoints": endpoints}).encode()


def left_behind(directory: Path, records: list[list[bytes]]) -> dict[str, list[str]]:
    """Files of sockets that listen: a unit for each record l (mode, instance, addresses)."""
    directory.mkdir()
    left: dict[str, list[str]] = {}
    for kind, *fields in records:
        if kind != _LEFT or not fields:
            continue
        template = MODES.get(fields[0], MODES[b"t"])[1]
        instance = (
            "".join(c for c in fields[1].decode("latin-1") if c.isalnum() and c.isascii())
            if len(fields) > 1
            else ""
        )
        name = f"{template}@{instance or 'old'}.socket"
        addresses: list[str] = []
        used = set()  # a socket that listens twice at one address would not have started
        for field in fields[2:]:
            try:
                text = field.decode()
                where = unit_file.socket_address(text)
            except (ValueError, unit_file.SyntaxErrorInUnit):
                continue
            if text.isprintable() and text.strip(" \\") == text and where not in used:
                addresses.append(text)
                used.add(where)
        lines = [f"ListenStream={text.replace('%', '%%')}" for text in addresses]
        whole = [
            "# Written by hand",
            "",
            "[Unit]",
            f"SourcePath={_OTHER_SOURCE}",
            "",
            "[Socket]",
            *lines,
            "",
        ]
        (directory / f"{name}.conf").write_text("\n".join(whole), encoding="utf-8")
        left[name] = addresses
    return left


def generated(directory: Path, config: Path) -> tuple[list[dict[str, str]], int]:
    """Run the generator; what it would send to the journal, and its exit status."""
    said: list[dict[str, str]] = []
    before, journal.send = journal.send, said.append
    try:
        status = generator.main([str(directory / "out")], str(config), str(directory / "listening"))
    finally:
        journal.send = before
    return said, status


def check_said(said: list[dict[str, str]]) -> None:
    """Each message can be shown."""
    for fields in said:
        assert fields["MESSAGE"].replace("\n", "").isprintable()
        assert fields["PRIORITY"] in "345"


def check_written(written: dict[str, bytes], config: Path) -> None:
    """Each file has settings of ours only, and each unit that it names can exist."""
    for path, content in written.items():
        specifiers = {"n": "x@y.socket", "i": "y", "p": "x"}
        for section, key, value in unit_file.parse(content):
            assert key in _KEYS[section]
            assert _FIXED.get(key, value) == value
            if key in ("Conflicts", "After"):
                assert unit_file.is_unit_name(value)
            if key.startswith("Exec"):
                assert value.startswith(_COMMANDS)
            if key == "SourcePath" and not path.endswith("-config.service"):
                # That of a kept file is as it was.
                assert unit_file.expanded(value, {}) in (str(config), _OTHER_SOURCE)
            if key != "ExecStartPre":
                unit_file.expanded(value, specifiers)
        name = path.partition(".d/")[0]
        assert len(os.path.basename(path)) <= 255
        assert "@" not in name or unit_file.is_unit_name(name)


def listening(content: bytes) -> tuple[set[unit_file.SocketAddress], str, bool]:
    """The addresses of a drop-in, BindIPv6Only=, and whether the unit refuses to start."""
    settings = unit_file.parse(content)
    values = [unit_file.expanded(s.value, {}) for s in settings if s.key == "ListenStream"]
    found = [unit_file.socket_address(value) for value in values]
    assert len(set(found)) == len(found)
    modes = [s.value for s in settings if s.key == "BindIPv6Only"]
    assert len(modes) <= 1
    return set(found), "".join(modes), any(s.key == "ExecStartPre" for s in settings)


def check_kept(written: dict[str, bytes], left: dict[str, list[str]]) -> None:
    """Without a usable file, sockets keep their addresses, and no other gets one."""
    units = {
        path.partition(".d/")[0]: content
        for path, content in written.items()
        if "@" in path and "addresses" in path
    }
    assert set(units) == set(left)
    for name, addresses in left.items():
        assert listening(units[name])[0] == {unit_file.socket_address(each) for each in addresses}


def meant(
    content: bytes, usable: list[object]
) -> dict[str, dict[str, list[unit_file.SocketAddress]]]:
    """By template and instance, where config.json says that a socket listens."""
    entries = json.loads(content)["endpoints"]
    assert len(entries) == len(usable)
    result: dict[str, dict[str, list[unit_file.SocketAddress]]] = {}
    for entry in entries:
        template = dict(MODES.values())[entry["mode"].lower()]
        address = address_of(entry)
        instances = result.setdefault(template, {})
        instances.setdefault("all", [])
        instances.setdefault(escaped(entry["name"]), [])
    for entry in entries:
        template = dict(MODES.values())[entry["mode"].lower()]
        instances = result[template]
        name, address = entry["name"], address_of(entry)
        own = {"all", escaped(name)}
        escapes = {
            escaped(e["name"])
            for e in entries
            if dict(MODES.values())[e["mode"].lower()] == template
        }
        if is_plain(name) and name not in escapes:
            own.add(name)
        for instance in own:
            # An endpoint whose name is `all` does not make @all less than all of them.
            instances.setdefault(instance, []).append(address)
    return result


def address_of(entry: dict[str, object]) -> unit_file.SocketAddress:
    """Where an entry of config.json says that it listens."""
    if entry.get("bind-path") is not None:
        return unit_file.socket_address(entry["bind-path"])
    text = entry.get("bind-address") or "127.0.0.1"
    ip = ipaddress.ip_address("127.0.0.1" if text == "localhost" else text)
    mapped = getattr(ip, "ipv4_mapped", None)
    return unit_file.SocketAddress(None, mapped or ip, entry["bind-port"])


def escaped(name: str) -> str:
    """unit_name_escape() of systemd."""
    allowed = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_."
    pieces = []
    for at, octet in enumerate(name.encode()):
        if octet == ord("/"):
            pieces.append("-")
        elif octet in allowed and not (at == 0 and octet == ord(".")):
            pieces.append(chr(octet))
        else:
            pieces.append(f"\\x{octet:02x}")
    return "".join(pieces)


def is_plain(name: str) -> bool:
    """Can the name be the instance of a unit as it is?"""
    return unit_file.is_unit_name(f"x@{name}.socket") and "\\" not in name and name != ""


def check_addresses(
    written: dict[str, bytes],
    instances: dict[str, dict[str, list[unit_file.SocketAddress]]],
    left: dict[str, list[str]],
) -> None:
    """Each unit has the addresses of its endpoints, and those that it must not lose."""
    units = {
        path.removesuffix(".d/20-addresses.conf"): content
        for path, content in written.items()
        if path.endswith(".d/20-addresses.conf")
    }
    expected = {
        f"{template}@{instance}.socket": set(addresses)
        for template, own in instances.items()
        for instance, addresses in own.items()
        if len(f"{template}@{instance}.socket") <= 250
    }
    assert set(units) == set(expected) | set(left)
    for name, content in units.items():
        found, bind, is_refused = listening(content)
        kept = {unit_file.socket_address(each) for each in left.get(name, [])}
        own = expected.get(name)
        if own is None:
            assert found == kept
            continue
        template = name.partition("@")[0]
        served = set(instances[template]["all"])
        added = wildcards(own, bind)
        assert found == own | (kept & served) | added
        assert is_refused == (not name.endswith("@all.socket") and any(a.path for a in own))


def wildcards(own: set[unit_file.SocketAddress], bind: str) -> set[unit_file.SocketAddress]:
    """0.0.0.0 at the ports of [::] that have no endpoint of their own, where [::] is for IPv6."""
    everywhere = ipaddress.IPv6Address("::")
    ipv4 = ipaddress.IPv4Address("0.0.0.0")
    ports = {a.port for a in own if a.ip == everywhere}
    ports4 = {a.port for a in own if a.ip == ipv4}
    if not ports:
        assert bind == ""
        return set()
    if not ports & ports4:
        assert bind == "both"
        return set()
    assert bind == "ipv6-only"
    return {unit_file.SocketAddress(None, ipv4, port) for port in ports - ports4}
