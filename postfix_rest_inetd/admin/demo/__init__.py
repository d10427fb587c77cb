# SPDX-License-Identifier: MIT
"""The parts of the demo: its questions, its backend, its sockets, and its screen."""
