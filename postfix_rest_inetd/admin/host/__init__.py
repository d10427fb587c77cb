# SPDX-License-Identifier: MIT
"""This machine: what systemd, Postfix and the kernel tell about it, and files on it.

`atomic_file` replaces files, for `draft`, which the operator edits, and for what commands write.
"""
