# SPDX-License-Identifier: MIT
"""The operator's side: the tools of postfix-rest-inetd(8). The handler never imports any of it."""
