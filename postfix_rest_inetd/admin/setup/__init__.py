# SPDX-License-Identifier: MIT
"""What `setup` does: one more endpoint in config.json, with a token file of its own.

choosing    completes the options to an endpoint
wanted      the endpoint as options and answers describe it, and its entry in config.json: pure
insertion   the entry in the text of config.json, all else unchanged: pure
questions   asks for what the options do not say
trial       asks the backend before anything is written
token_file  the file of the token
session     the steps, from the first request to the command for main.cf
screen      the plan and the end, as text
"""
