# SPDX-License-Identifier: MIT
"""The parts of `check`: modules that yield findings. `report` prints them; the others do not.

`parts` puts them together, `finding` is the shape that all of them yield, `positions` finds the
lines of config.json that findings are about. `migrate` and `edit` use what fits them.
"""
