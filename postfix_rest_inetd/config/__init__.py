# SPDX-License-Identifier: MIT
"""The configuration: config.json and the files that it names, as the handlers use them.

    loading       config.json to Endpoints, or a ConfigError with all of its problems
    fields        each field of an endpoint: its type, its bounds and its default
    json_reader   JSON without the modules that a good document does not need
    address       where an endpoint listens
    target        the URL of its backend
    endpoint      the result; and which endpoint a connection belongs to
    credentials   the token, and where the file of a credential is

Nothing here speaks to anybody.
"""
