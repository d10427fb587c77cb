# SPDX-License-Identifier: MIT
"""This machine: information from systemd, Postfix and the kernel, and access to files.

`atomic_file` replaces files, for `draft`, which the operator edits, and for the output of commands.
"""
