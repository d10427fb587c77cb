# SPDX-License-Identifier: MIT
"""What the targets for the decoders have in common."""

from __future__ import annotations

from collections.abc import Callable

from fuzz.pieces import splittings
from harness.wire import Seen, run, whole


def requests_of(decoder: Callable[[], object], stream: bytes) -> Seen:
    """What a decoder makes of a stream, which must not depend on how the stream arrives.

    While it arrives, nothing may be held back, and nothing reported that has not arrived. After the
    last piece, `pending` tells whether an end would be an error.
    """
    expected = run(decoder(), whole(stream))
    for pieces in splittings(stream):
        assert run(decoder(), pieces) == expected
    assert expected.reason is None or expected.reason.isprintable()
    without_end = decoder()
    seen = run(without_end, whole(stream), end=False)
    assert seen.requests == expected.requests
    if seen.reason is None:
        assert without_end.pending == (expected.reason is not None)
    else:
        assert seen == expected
    return expected
