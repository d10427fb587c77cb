# SPDX-License-Identifier: MIT
"""The operator's commands, one module each: what its command line knows, and what it does.

A command is as thin as it can be: the domain is in the other packages of `admin`. Commands never
import each other.
"""
