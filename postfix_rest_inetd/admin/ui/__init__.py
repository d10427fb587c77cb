# SPDX-License-Identifier: MIT
"""Shared by commands, for the terminal: text, colour, reports and common options.

wrap         text in lines of a width
draw         numbers and times as text and as bars
table        rows and columns of texts that fit a width
sections     a report in sections, as much as fits a screen
redrawing    the same again and again, in its own place
terminal     what standard output can show; messages on standard error
progress     that something takes its time
options      those that several commands have
"""
