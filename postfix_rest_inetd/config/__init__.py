# SPDX-License-Identifier: MIT
"""The configuration: config.json and the files that it names, as the handlers use them.

    loading       from config.json to Config, or a ConfigError with all of its problems
    fields        the table of fields: what each may hold, and its default
    field_words   a description of each field, for people
    values        the kinds of values, from JSON to what is in use
    entries       from an entry of `endpoints` to an Endpoint: all of its fields together
    problems      what is wrong, and where: JSON paths
    repeated      names that appear more than once in an object
    cache_settings
                  what may be stored of the answers of a backend
    address       where an endpoint listens
    targets       the URLs of its backends, and when they are parsed
    target        the URL of one backend
    endpoint      the result; and which endpoint a connection belongs to
    credentials   the token, and where the file of a credential is

Nothing here opens a connection.
"""
