# SPDX-License-Identifier: MIT
"""Why the body of a response has the wrong form, where a look at it does not tell.

A byte order mark is invisible in a terminal and in an editor, and RFC 8259, 8.1, forbids it.

Compressed bodies are recognised, but not decompressed: Accept-Encoding forbids them, and a short
one may become very long.

Loaded only when a body cannot be read.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .model import Response

_GZIP = b"\x1f\x8b"  # RFC 1952, 2.3.1
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # RFC 3629, 6


def reason(response: Response) -> str:
    """The reason, or an empty string if there is none of these."""
    if response.compressed or response.body.startswith(_GZIP):
        return (
            "the body of the response is compressed, and the request has Accept-Encoding: "
            "identity; does a proxy or the backend compress whatever it is asked?"
        )
    if response.body.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        return (
            "the body of the response is HTML or XML; does the target lead to a web page, such as "
            "a login or an error page?"
        )
    if response.body.startswith(_BYTE_ORDER_MARK):
        return (
            "the body of the response begins with a byte order mark (EF BB BF); was a script or "
            "a file of the backend saved by an editor that adds one?"
        )
    return ""
