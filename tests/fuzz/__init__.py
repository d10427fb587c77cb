# SPDX-License-Identifier: MIT
"""Fuzzing: inputs by the million, each held against an invariant.

A target is a module in targets/. The first line of its docstring states its one invariant. Its
function run(data) raises if DATA, any bytes, breaks it; the function neither knows who calls it nor
keeps anything from one call to the next. MODULES are the modules of the package, from its top, that
it is about. Two engines run targets: by_atheris, where the inputs are led by the branches that they
reach, and by_hypothesis for Pythons without atheris. Seeds and dictionaries are in inputs.py.

    tests/run --quick tests/fuzz            a fixed number of the same inputs in each run
    tests/fuzz/run --minutes 60             other inputs, for as long as wanted
    tests/fuzz/run TARGET FILE              an input that broke something, once more

What is compared with what:

    decode_*         the decoder, for several splittings of the bytes, with the requests as
                     Postfix spells them (property/postfix_client.py): all that is good is accepted,
                     and nothing else. Limits are made small for half of the comparisons
    netstring        the decoder with a grammar
    replies          verdict and encoders with Postfix's readers (models/replies.py)
    actions          the action firewall with smtpd_check.c (models/smtpd_check.py), both ways: what
                     gets through is safe, and what is refused has a reason
    response         the reader for several splittings, and with h11, where both read a response
    config           the loader's three ways of reading with each other; the number of calls
    json_positions   the positions of paths with what json reads there
    generator        what is written, read by a parser of systemd's syntax (models/unit_file.py),
                     with the addresses in config.json and in what sockets have left
    record, outages, handover
                     what is read with what was written; MACs with those of hashlib
    cache_control    the directives with a grammar, and the grant with each directive
    http_date        the dates with datetime
    json_reader      the documents with json

What is not compared: nothing here uses a socket, a clock, or a second process. h11 refuses more
than this reader, and less: only where both read a response they must agree. The models of Postfix
and systemd are as good as the reading of their source; tests/postfix and tests/integration ask the
real ones. The search is for what a few hundred bytes can do: real limits of sizes and numbers are
tested in tests/unit.

A broken invariant: mend it, and add the printed line to seeds/TARGET/, and a test to tests/unit.
"""
