# SPDX-License-Identifier: MIT
"""What several kinds of tests share: real processes, started and stopped for one test or module.

Nothing here asserts anything about the product. Whatever is started is stopped by the process that
started it, by its pid; every wait is bounded; only loopback and temporary directories are used.
"""
