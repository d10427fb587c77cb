# SPDX-License-Identifier: MIT
# fish completion for postfix-rest-inetd(8).

# Words that only the command knows: KIND [ARGUMENT]. It prints a word, a tab, and what the word is.
function __postfix_rest_inetd_ask
    set -l typed (commandline -ct | string replace -r -- '^--[a-z-]+=' '' | string replace -ra -- '[\\\\"\']' '')
    string match -q -- '-*' "$typed"; and return # an option
    command postfix-rest-inetd __complete $argv[1] "$(__postfix_rest_inetd_value --config)" "$typed" "$argv[2]" 2>/dev/null </dev/null
end

# The value of an option, if the words so far have it.
function __postfix_rest_inetd_value
    set -l words (commandline -opc)
    if set -l index (contains -i -- $argv[1] $words); and set -q words[(math $index + 1)]
        set words $words[(math $index + 1)]
    else
        set words (string replace -f -- $argv[1]= '' $words)
    end
    string replace -r -- '^~/' $HOME/ $words[1]
end

# The arguments so far, the command first, without options.
function __postfix_rest_inetd_arguments
    set -l words (commandline -opc)
    set -l index 2
    while test $index -le (count $words)
        switch $words[$index]
            case '--*=*' -n -q -v -y --compare --direct --dry-run --follow --fresh --help --json --no-probe --no-token --once --probe --prometheus --quiet --strict --verbose --watch --yes
            case '--?*'
                set index (math $index + 1) # its value
            case --
            case '*'
                echo $words[$index]
        end
        set index (math $index + 1)
    end
end

# true if the command and its arguments so far are WORDS, and NUMBER more: WORDS NUMBER.
function __postfix_rest_inetd_at
    set -l arguments (__postfix_rest_inetd_arguments)
    set -l words (string split ' ' -- $argv[1])
    test (count $arguments) -eq (math (count $words) + $argv[2]); and test "$arguments[1..$(count $words)]" = "$argv[1]"
end

function __postfix_rest_inetd_maps
    set -l arguments (__postfix_rest_inetd_arguments)
    set -l index 2
    test "$arguments[1]" != cache; or set index 3
    __postfix_rest_inetd_ask maps "$arguments[$index]"
end

# Words for a list with commas.
function __postfix_rest_inetd_list
    set -l typed (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
    set -l before (string match -r -- '^.*,' $typed)
    for word in $argv
        contains -- $word (string split , -- $typed); or echo "$before$word"
    end
end

function __postfix_rest_inetd_times
    printf '%s\n' today yesterday now -10min -1h -24h -7d '1 hour ago' '2 days ago'
end

set -l command complete -c postfix-rest-inetd

$command -f
$command -l help -d 'show the options'
$command -n __fish_use_subcommand -l version -d 'show the version'

$command -n __fish_use_subcommand -a apply -d 'open and close sockets, as config.json says'
$command -n __fish_use_subcommand -a cache -d 'show and remove stored answers'
$command -n __fish_use_subcommand -a check -d 'find problems of config.json, sockets, Postfix and backends'
$command -n __fish_use_subcommand -a config-schema -d 'print the JSON schema of config.json'
$command -n __fish_use_subcommand -a demo -d 'ask one question of each kind, with an embedded backend'
$command -n __fish_use_subcommand -a edit -d 'edit the configuration and check it before saving'
$command -n __fish_use_subcommand -a endpoints -d 'print the name, mode and address of each endpoint'
$command -n __fish_use_subcommand -a migrate -d 'show how to take over from postfix-rest-connector'
$command -n __fish_use_subcommand -a query -d 'ask an endpoint and show what Postfix does with the reply'
$command -n __fish_use_subcommand -a setup -d 'add an endpoint, and put it into service'
$command -n __fish_use_subcommand -a status -d 'show endpoints, requests and backends on one screen'
$command -n __fish_use_subcommand -a stats -d 'count requests, failures and latencies in the journal'
$command -n __fish_use_subcommand -a token -d 'make another token for an endpoint, and use it'
$command -n __fish_use_subcommand -a trace -d 'show why a mail was deferred or refused'

set -l apply '__fish_seen_subcommand_from apply'
$command -n "$apply" -s y -l yes -d 'do not ask'
$command -n "$apply" -s n -l dry-run -d 'change nothing'

set -l cache '__fish_seen_subcommand_from cache'
$command -n '__postfix_rest_inetd_at cache 0' -a list -d 'show the stored answers of an endpoint'
$command -n '__postfix_rest_inetd_at cache 0' -a purge -d 'remove stored answers'
$command -n '__postfix_rest_inetd_at cache 1' -a '(__postfix_rest_inetd_ask lookups)'
$command -n "$cache" -l map -x -a '(__postfix_rest_inetd_maps)' -d 'the name of the map'
$command -n "$cache" -l since -x -k -a '(__postfix_rest_inetd_times)' -d 'begin at this time'
$command -n "$cache" -s n -l dry-run -d 'change nothing'
$command -n "$cache" -l json -d 'print JSON'
$command -n "$cache" -l directory -x -a '(__fish_complete_directories)' -d 'read the journal files in a directory'

set -l check '__fish_seen_subcommand_from check'
$command -n "$check" -l probe -d 'check backends and sockets with requests'
$command -n "$check" -l only -x -a '(__postfix_rest_inetd_list config files sockets postfix probe)' -d 'run only these parts'
$command -n "$check" -l strict -d 'exit with 1 for warnings as well'
$command -n "$check" -s q -l quiet -d 'print only errors and warnings'
$command -n "$check" -l json -d 'print JSON'

set -l demo '__fish_seen_subcommand_from demo'
$command -n "$demo" -l once -d 'exit after the questions'
$command -n "$demo" -l port -x -d 'the first of three ports'

$command -n '__fish_seen_subcommand_from cache check query status' -l cache-directory -x -a '(__fish_complete_directories)' -d 'where handlers store answers'
$command -n '__fish_seen_subcommand_from cache check edit endpoints query setup status token trace' -l config -r -F -d 'use this configuration'

$command -n '__postfix_rest_inetd_at migrate 0' -F

$command -n '__fish_seen_subcommand_from endpoints' -l json -d 'print JSON'
$command -n '__fish_seen_subcommand_from endpoints' -l output -r -F -d 'replace a file'

set -l query '__fish_seen_subcommand_from query'
$command -n '__postfix_rest_inetd_at query 0' -a '(__postfix_rest_inetd_ask endpoints)'
$command -n "$query" -l map -x -a '(__postfix_rest_inetd_maps)' -d 'the name of the map'
$command -n "$query" -l attribute -x -a '(__postfix_rest_inetd_ask attributes)' -d 'an attribute of a policy request'
$command -n "$query" -l fresh -d 'make a stored answer stale first'
$command -n "$query" -l direct -d 'ask the backend directly'
$command -n "$query" -l json -d 'print JSON'
$command -n "$query" -s v -l verbose -d 'show the bytes in both directions'

set -l setup '__fish_seen_subcommand_from setup'
$command -n "$setup" -l mode -x -a 'tcp-lookup socketmap-lookup policy' -d 'what Postfix asks for'
$command -n "$setup" -l for -x -a '(__postfix_rest_inetd_list domain alias mailbox transport relay login)' -d 'what a lookup is for'
$command -n "$setup" -l url -x -d 'the URL of the backend'
$command -n "$setup" -l token-file -r -F -d 'copy the token from a file'
$command -n "$setup" -l no-token -d 'the backend wants no token'
$command -n "$setup" -l address -x -d 'where Postfix asks'
$command -n "$setup" -l name -x -d 'the name of the endpoint'
$command -n "$setup" -l no-probe -d 'do not ask the backend first'
$command -n "$setup" -s y -l yes -d 'do not ask'
$command -n "$setup" -s n -l dry-run -d 'change nothing'

set -l status_ '__fish_seen_subcommand_from status'
$command -n "$status_" -l watch -d 'keep updating until interrupted'
$command -n "$status_" -l json -d 'print JSON'
$command -n "$status_" -l directory -x -a '(__fish_complete_directories)' -d 'read the journal files in a directory'

set -l stats '__fish_seen_subcommand_from stats'
$command -n "$stats" -l since -x -k -a '(__postfix_rest_inetd_times)' -d 'begin at this time'
$command -n "$stats" -l until -x -k -a '(__postfix_rest_inetd_times)' -d 'end at this time'
$command -n "$stats" -l endpoint -x -a '(__postfix_rest_inetd_ask endpoints)' -d 'count only this endpoint'
$command -n "$stats" -l by -x -a 'sender login client endpoint' -d 'show what was refused and deferred'
$command -n "$stats" -l compare -d 'compare with the period before'
$command -n "$stats" -l fail-above -x -a '1%' -d 'exit with 3 if more failed'
$command -n "$stats" -l follow -d 'keep updating until interrupted'
$command -n "$stats" -l json -d 'print JSON'
$command -n "$stats" -l prometheus -d 'print the format of Prometheus'
$command -n "$stats" -l state -r -F -d 'continue the counters in a file'
$command -n "$stats" -l known -r -F -d 'include all endpoints in a file'
$command -n "$stats" -l output -r -F -d 'replace a file'
$command -n "$stats" -l directory -x -a '(__fish_complete_directories)' -d 'read the journal files in a directory'

set -l token '__fish_seen_subcommand_from token'
$command -n '__postfix_rest_inetd_at token 0' -a new -d 'make a token'
$command -n '__postfix_rest_inetd_at token 0' -a use -d 'use it from now on'
$command -n '__postfix_rest_inetd_at token 1' -a '(__postfix_rest_inetd_ask endpoints)'
$command -n "$token" -l token-file -r -F -d 'copy the token from a file'
$command -n "$token" -l no-probe -d 'do not ask the backend first'

set -l trace '__fish_seen_subcommand_from trace'
$command -n '__postfix_rest_inetd_at trace 0' -k -a '(__postfix_rest_inetd_ask subjects "$(__postfix_rest_inetd_value --directory)")'
$command -n "$trace" -l since -x -k -a '(__postfix_rest_inetd_times)' -d 'begin at this time'
$command -n "$trace" -l until -x -k -a '(__postfix_rest_inetd_times)' -d 'end at this time'
$command -n "$trace" -l json -d 'print JSON'
$command -n "$trace" -l directory -x -a '(__fish_complete_directories)' -d 'read the journal files in a directory'
