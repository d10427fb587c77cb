# SPDX-License-Identifier: MIT
"""The operator's commands, one module each: the arguments of a command, and what it does.

Commands are thin; the other packages of `admin` do most of the work. Commands do not import each
other.
"""
