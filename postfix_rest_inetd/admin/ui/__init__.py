# SPDX-License-Identifier: MIT
"""What commands share for the terminal: colour, progress, numbers as bars, common options."""
