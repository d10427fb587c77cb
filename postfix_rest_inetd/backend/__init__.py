# SPDX-License-Identifier: MIT
"""The HTTP side: asks the backend of an endpoint, or one of its backends, before a Deadline.

    backends          several targets: which is asked, for how long, and what comes after a failure
    client            sends a request to one target and reads the response; the connection is kept
    request           a request to bytes
    http_connection   urllib3's connection class: the only module that imports urllib3
    resolver          the name of a backend to addresses
    stream            a connection to one of them, all of whose operations end by the deadline
    tls               the same, encrypted and verified
    response          bytes to status and body, within bounds

All of it raises BackendError (errors.py), and ConfigError for a target or a file that cannot be
used. Nothing is loaded before it is needed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..cache.outages import Outages
    from ..config.endpoint import Endpoint
    from .backends import Backends
    from .client import Client


def client_of(
    endpoint: Endpoint, user_agent: str, token: bytes, outages: Outages | None = None
) -> Client | Backends:
    """What asks the backends of an endpoint: Client for one target, Backends for several.

    `outages` is what is known about targets that are down. Without it, several targets are
    remembered until the Backends is dropped.

    Raises:
        ConfigError: a target, or a certificate or key file, cannot be used.
    """
    if outages is None and len(endpoint.targets.urls) == 1:
        from .client import Client

        return Client(endpoint, endpoint.targets.all()[0], user_agent, token)
    from ..cache.outages import Outages
    from .backends import Backends

    return Backends(endpoint, user_agent, token, outages or Outages(None))


def load(endpoint: Endpoint) -> None:
    """Load the modules that client_of() and its result need for an endpoint."""
    from . import client  # noqa: F401

    if len(endpoint.targets.urls) > 1:
        from ..cache import outages  # noqa: F401
        from . import backends  # noqa: F401
    if endpoint.targets.is_tls:
        from . import tls  # noqa: F401
