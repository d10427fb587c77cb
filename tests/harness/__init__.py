# SPDX-License-Identifier: MIT
"""Shared by several kinds of tests: real processes, started and stopped for one test or module.

Nothing here asserts anything about the product. The process that starts another one also stops it,
by its pid. Every wait is bounded. Only loopback and temporary directories are used.
"""
