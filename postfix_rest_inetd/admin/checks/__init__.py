# SPDX-License-Identifier: MIT
"""The parts of `check`: each is a module that yields findings, and never prints.

`finding` is the shape that all of them yield, `report` prints it, `positions` finds the lines of
config.json that findings are about. `migrate` and `edit` use what fits them.
"""
