# SPDX-License-Identifier: MIT
"""This machine: what systemd, Postfix and the kernel tell about it, and files on it.

Programs are asked, and never change anything; `atomic_file` is what writes.
"""
