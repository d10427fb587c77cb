# SPDX-License-Identifier: MIT
"""The JSON schema of config.json."""
