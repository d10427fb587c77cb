# SPDX-License-Identifier: MIT
"""The units."""
from integration.product import *
from harness.container_backend import lookup
def test_x(clean_container):
    c = clean_container
    with c.backend({"/d": lookup({"x": ["y"]})}) as b:
        configure(c, endpoint("domains", port=9001, target=b.url("/d")))
        start(c, TCP)
        assert ask(c, 9001, b"get x\n") == b"200 y\n"
        wait_for_no_handlers(c)
