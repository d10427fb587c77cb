# SPDX-License-Identifier: MIT
"""Shared by commands, for the terminal: colour, progress, numbers as bars, common options."""
