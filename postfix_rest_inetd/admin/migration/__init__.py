# SPDX-License-Identifier: MIT
"""From postfix-rest-connector, and from existing tables of Postfix, to our sockets."""
