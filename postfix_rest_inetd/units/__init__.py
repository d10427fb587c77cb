# SPDX-License-Identifier: MIT
"""The .socket units: their names, and the files that the generator writes for them.

names               the names of the templates and of their instances; pure
socket_units        the instances: addresses, drop-ins; pure
listening_sockets   the drop-ins of the sockets that listen now
advice              names in a sentence, and commands to copy
generated_files     writes the files, even if one of them fails
"""
