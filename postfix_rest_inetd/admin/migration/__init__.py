# SPDX-License-Identifier: MIT
"""From postfix-rest-connector, and from tables that Postfix has now, to our sockets."""
