# SPDX-License-Identifier: MIT
"""The commands of postfix-rest-inetd(8), for operators. The handler imports nothing from here."""
