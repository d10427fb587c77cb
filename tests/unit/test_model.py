# SPDX-License-Identifier: MIT
"""The values that flow between the modules."""

from __future__ import annotations

from postfix_rest_inetd import model


def test_first_attribute():
    """Of several attributes of a name the first one counts; a missing one is empty."""
    request = model.PolicyRequest([(b"a", b""), (b"b", b"2"), (b"b", b"3")])
    assert [request.first(name) for name in (b"a", b"b", b"c")] == [b"", b"2", b""]


def test_tcp_requests_have_no_map_name():
    """tcp_table knows no map names: that is not the same as an empty one."""
    assert model.LookupRequest(b"k").map_name is None
    assert model.LookupRequest(b"k", b"").map_name == b""


def test_caching_of_a_response():
    """A response without header fields for a cache has none, and does not share them."""
    first, second = model.Response(200, b""), model.Response(404, b"")
    first.caching[b"age"] = b"1"
    assert second.caching == {}
    assert model.Response(200, b"", caching={b"age": b"1"}).caching == {b"age": b"1"}
