# SPDX-License-Identifier: MIT
"""Host names that a test makes up, for the processes that it starts."""

from __future__ import annotations

from pathlib import Path

from harness.handler_process import private_mounts


def name_service(directory: Path, hosts: str, resolver: str | None = None) -> list[str]:
    """A command prefix under which names come from HOSTS, then from the name server RESOLVER."""
    sources = {
        "/etc/hosts": hosts,
        "/etc/nsswitch.conf": "hosts: files" + (" dns\n" if resolver else "\n"),
        "/etc/host.conf": "multi on\n",
        "/etc/resolv.conf": f"nameserver {resolver}\noptions timeout:30 attempts:1\n",
    }
    mounts = []
    for number, (target, content) in enumerate(sources.items()):
        if not Path(target).exists():
            continue
        source = directory / f"mount-{number}"
        source.write_text(content, encoding="ascii")
        source.chmod(0o644)
        mounts.append((source, target))
    return private_mounts(*mounts)
