# SPDX-License-Identifier: MIT
"""The terminal: colour, progress, numbers as bars, and options that several commands have."""
