# SPDX-License-Identifier: MIT
"""What `apply` does, and `edit` at its end: the socket units as config.json has them.

plan      what there is to do, from the findings of checks.units: pure
screen    the plan, the steps and the end, as text
session   looks, asks, runs the steps, and looks again
"""
