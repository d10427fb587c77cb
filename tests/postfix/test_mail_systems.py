# SPDX-License-Identifier: MIT
"""`check` against the main.cf of published mail systems: what is asked is found, nothing else is.

Postfix's own postconf(1) takes the files apart; what listens is a /proc that the test writes.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
from postfix.mail_systems import MAIL_SYSTEMS, MailSystem

from postfix_rest_inetd.admin.checks import capacity, postfix
from postfix_rest_inetd.admin.host import destination, postconf
from postfix_rest_inetd.admin.host import references as postfix_references
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.host.postconf import Settings
from postfix_rest_inetd.admin.host.references import Reference
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.config.endpoint import Endpoint

SYSTEMS = pytest.mark.parametrize("system", MAIL_SYSTEMS.values(), ids=MAIL_SYSTEMS)


def read(directory: Path, system: MailSystem) -> Settings:
    """The settings, as Postfix itself understands them."""
    # Another user than Postfix's: who may enter a directory is not the point here.
    main = f"compatibility_level = 3.6\nmail_owner = nobody-of-this-name\n{system.main}"
    for name, content in (("main.cf", main), ("master.cf", system.master_cf)):
        (directory / name).write_text(content)
        # Postfix waits until a file has been left alone for 2 s.
        os.utime(directory / name, (0, 0))
    return postconf.read(directory=str(directory))


def places(reference: Reference, settings: Settings) -> list[LocalAddress]:
    """Where it leads."""
    if reference.path is None:
        return list(reference.addresses)
    queue = settings.value("queue_directory")
    path = reference.path if reference.path.startswith("/") else f"{queue}/{reference.path}"
    return [LocalAddress(None, path=path)]


def listeners(directory: Path, addresses: list[LocalAddress]) -> Listeners:
    """A machine on which somebody listens at these addresses."""
    net = directory / "proc" / "net"
    net.mkdir(parents=True)
    lines = {"tcp": ["-"], "tcp6": ["-"], "unix": ["-"]}
    for inode, address in enumerate(addresses, 1):
        if address.ip is None:
            lines["unix"].append(f"0: 2 0 00010000 0001 01 {inode} {address.path}")
            continue
        words = struct.unpack(f"={len(address.ip) // 4}I", address.ip)
        place = "".join(f"{word:08X}" for word in words) + f":{address.port:04X}"
        kind = "tcp" if len(address.ip) == 4 else "tcp6"
        lines[kind].append(f"0: {place} 0:0 0A 0 0 0 0 0 {inode}")
    for name, content in lines.items():
        (net / name).write_text("\n".join(content) + "\n")
    return Listeners(str(directory / "proc"))


def endpoints_at(references: list[Reference], settings: Settings) -> list[Endpoint]:
    """An endpoint where each reference leads, of the mode that it wants."""
    entries = {}
    for number, reference in enumerate(references):
        place = places(reference, settings)[0]
        ip, _, port = str(place).rpartition(":")
        where = (
            {"bind-path": place.path}
            if place.path is not None
            else {"bind-address": ip.strip("[]"), "bind-port": int(port)}
        )
        entries[place] = {
            **where,
            "name": f"e{number}",
            "mode": reference.mode,
            "auth-token": "t",
            "target": "http://127.0.0.1/",
        }
    document = {"endpoints": list(entries.values())}
    return loading.parse(json.dumps(document).encode(), "config.json").endpoints


@SYSTEMS
def test_references(tmp_path, system):
    """Each table and policy service with the parameters that have it and the services that ask."""
    found = postfix_references.find(read(tmp_path, system))
    assert {
        reference.text: (set(reference.parameters), {asker.name for asker in reference.askers})
        for reference in found
    } == system.expected
    assert len(found) == len(system.expected)


@SYSTEMS
def test_no_alarm_where_others_answer(tmp_path, system):
    """What leads to other programs that listen is their business."""
    settings = read(tmp_path, system)
    found = postfix_references.find(settings)
    around = listeners(tmp_path, [at for each in found for at in places(each, settings)])
    findings = list(postfix.findings([], around, [settings]))
    assert findings == []


@SYSTEMS
def test_no_alarm_where_we_answer(tmp_path, system):
    """With endpoints in place of these programs, there are notes at most."""
    settings = read(tmp_path, system)
    found = postfix_references.find(settings)
    endpoints = endpoints_at(found, settings)
    around = listeners(tmp_path, [endpoint.address for endpoint in endpoints])
    findings = list(postfix.findings(endpoints, around, [settings]))
    assert {finding.severity for finding in findings} <= {"note"}
    for reference in found:
        assert destination.endpoint_of(reference, endpoints, settings) is not None
    assert list(capacity.findings([], endpoints, [settings])) == []


def test_alarm_where_nobody_answers(tmp_path):
    """The same files without anybody who listens: the proof that the tests above can fail."""
    for number, system in enumerate(MAIL_SYSTEMS.values()):
        directory = tmp_path / str(number)
        directory.mkdir()
        settings = read(directory, system)
        around = listeners(directory, [])
        found = list(postfix.findings([], around, [settings]))
        assert len(found) == len(system.expected)
        assert {finding.severity for finding in found} <= {"error"}


def test_unknown_parameter(tmp_path):
    """What Postfix calls unused is read as well; parameters that others use are not among it."""
    system = MAIL_SYSTEMS["a parameter of its own that one service changes"]
    settings = read(tmp_path, system)
    assert settings.unknown == (("virtual_alias_map", "tcp:127.0.0.1:10007"),)


def test_broken(tmp_path):
    """A main.cf that postconf(1) refuses is an error with its words."""
    (tmp_path / "main.cf").write_text("virtual_alias_maps = ${x\n")
    (tmp_path / "master.cf").write_text("")
    with pytest.raises(postconf.PostfixError, match=r"postconf -c .* fails: "):
        postconf.read(directory=str(tmp_path))
