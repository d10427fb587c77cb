# SPDX-License-Identifier: MIT
"""The .socket units: what they are called, and what the generator writes for them.

names               the templates, and what their instances are called; pure
socket_units        the instances: addresses, drop-ins; pure
listening_sockets   the drop-ins of the sockets that listen now
advice              names in a sentence, and commands to copy
generated_files     writing, whatever fails for one file
"""
