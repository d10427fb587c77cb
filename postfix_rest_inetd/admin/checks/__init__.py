# SPDX-License-Identifier: MIT
"""The parts of `check`: modules that yield findings. Only `report` prints them.

`parts` combines them. All of them yield the type in `finding`. `positions` finds the lines of
config.json that findings are about. `migrate` and `edit` use some of these modules.
"""
