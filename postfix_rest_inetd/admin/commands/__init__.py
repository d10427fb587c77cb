# SPDX-License-Identifier: MIT
"""The operator's commands, one module each: what its command line knows, and what it does.

A command is thin: the domain is in the other packages of `admin`. Commands do not import each
other.
"""
