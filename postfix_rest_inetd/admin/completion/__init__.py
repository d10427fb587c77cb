# SPDX-License-Identifier: MIT
"""What a shell offers when Tab is pressed, as far as only this machine knows it.

The files in packaging/completions know the commands, their options and fixed values. For the rest
they run

    postfix-rest-inetd __complete KIND CONFIG WORD [ARGUMENT]

WORD is what was typed so far, and an empty CONFIG is the installed one. KIND is one of

    endpoints          names of endpoints; with a WORD, tables and services of main.cf as well
    lookups            names of endpoints that answer lookups
    maps               map names that main.cf has; ARGUMENT is the endpoint, and may be empty
    attributes         attributes of a policy request, and the values of those that have a few
    subjects           what `trace` takes; ARGUMENT is a directory of journal files, or empty

Each line of the output is a word, a tab, and what it is. It is printable, and no word begins with
a hyphen. There is nothing on standard error, and the exit status is 0, whatever happens.

A mail's sender decides what is in the journal and in the queue. So addresses are offered only if
all of their characters mean nothing to a shell.

words            the command line and the output
endpoints        names in config.json, and what main.cf calls them
attributes       of policy requests
subjects         queue ids, addresses and request ids
"""
