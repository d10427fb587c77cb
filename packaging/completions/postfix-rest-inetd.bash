# SPDX-License-Identifier: MIT
# bash completion for postfix-rest-inetd(8). It does not need the functions of bash-completion.
#
# Nothing that was typed, and nothing that the command prints, is ever evaluated.
# shellcheck shell=bash

_postfix_rest_inetd() {
    local -A options=(
        [any]='--version'
        [apply]='-y --yes -n --dry-run'
        [cache]='--config --cache-directory --map -n --dry-run --since --json --directory'
        [check]='--config --cache-directory --probe --only --strict -q --quiet --json'
        [config-schema]=''
        [demo]='--once --port'
        [edit]='--config'
        [endpoints]='--config --json --output'
        [migrate]=''
        [query]='--map --attribute --direct --fresh --cache-directory -v --verbose --json --config'
        [setup]='--mode --for --url --token-file --no-token --address --name --no-probe -y --yes -n --dry-run --config'
        [status]='--config --cache-directory --directory --watch --json'
        [stats]='--since --until --endpoint --by --compare --fail-above --follow --json --prometheus --state --known --output --directory'
        [token]='--token-file --no-probe --config'
        [trace]='--since --until --json --directory --config'
    )
    local -a words=() arguments=()
    local typed='' head='' quote='' option='' current='' skipped=''
    local command='' config='' directory='' program
    COMPREPLY=()
    _postfix_rest_inetd_unquote "$1" ~
    program=$REPLY
    _postfix_rest_inetd_split
    _postfix_rest_inetd_scan
    case $option in
        --config | --known | --output | --state | --token-file) _postfix_rest_inetd_files -f ;;
        --cache-directory | --directory) _postfix_rest_inetd_files -d ;;
        --endpoint) _postfix_rest_inetd_ask endpoints ;;
        --map)
            [[ $command != cache ]] || unset 'arguments[0]' # list or purge
            _postfix_rest_inetd_ask maps "${arguments[@]:0:1}"
            ;;
        --attribute) _postfix_rest_inetd_ask attributes ;;
        --only) _postfix_rest_inetd_list config files sockets postfix probe ;;
        --for) _postfix_rest_inetd_list domain alias mailbox transport relay login ;;
        --by) _postfix_rest_inetd_offer sender login client endpoint ;;
        --mode) _postfix_rest_inetd_offer tcp-lookup socketmap-lookup policy ;;
        --since | --until) _postfix_rest_inetd_times ;;
        --fail-above) _postfix_rest_inetd_offer 1% ;;
        --address | --name | --port | --url) ;;
        *) _postfix_rest_inetd_argument ;;
    esac
}

# An option, a command or an argument of one.
_postfix_rest_inetd_argument() {
    if [[ $current == -* && $option != -- ]]; then
        # shellcheck disable=SC2086 # several words
        _postfix_rest_inetd_offer --help ${options[${command:-any}]-}
        return
    fi
    case "$command ${#arguments[@]}" in
        ' 0')
            unset 'options[any]'
            _postfix_rest_inetd_offer --help --version "${!options[@]}"
            ;;
        'cache 0') _postfix_rest_inetd_offer list purge ;;
        'cache 1') _postfix_rest_inetd_ask lookups ;;
        'token 0') _postfix_rest_inetd_offer new use ;;
        'query 0' | 'token 1') _postfix_rest_inetd_ask endpoints ;;
        'trace 0') _postfix_rest_inetd_ask subjects "$directory" ;;
        'migrate 0') _postfix_rest_inetd_files -f ;;
    esac
}

# Set `words` to the words before the cursor, without quotes, and `typed` to the word at the cursor,
# with its quotes. bash splits words at COMP_WORDBREAKS as well, such as : = and @, and replaces only
# what follows the last of these: `head` is what precedes that.
_postfix_rest_inetd_split() {
    local line=${COMP_LINE:0:COMP_POINT} index piece='' gap
    local -a raw=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        piece=${COMP_WORDS[index]}
        gap=${line%%"$piece"*}
        if ((index == COMP_CWORD)); then # without what follows the cursor
            gap=${line%%[![:blank:]]*}
            piece=${line#"$gap"}
        fi
        line=${line#"$gap$piece"}
        if [[ $index -gt 0 && -z $gap ]]; then
            raw[-1]+=$piece
        else
            raw+=("$piece")
        fi
    done
    typed=${raw[-1]}
    head=${typed%"$piece"}
    case $piece in
        [\"\']*) quote=${piece:0:1} ;;
        *) [[ -n ${piece//["$COMP_WORDBREAKS"]/} ]] || head=$typed ;;
    esac
    for piece in "${raw[@]:1:${#raw[@]}-2}"; do
        _postfix_rest_inetd_unquote "$piece" ~
        words+=("$REPLY")
    done
}

# Set REPLY to a word as the command gets it, except that nothing is evaluated. The second argument
# is what stands for ~.
_postfix_rest_inetd_unquote() {
    local within='' index character next
    REPLY=''
    for ((index = 0; index < ${#1}; index++)); do
        character=${1:index:1}
        if [[ $character == "$within" ]]; then
            within=''
        elif [[ -z $within && $character == [\"\'] ]]; then
            within=$character
        elif [[ $character == \\ && $within != \' ]]; then
            ((index += 1))
            next=${1:index:1}
            [[ -z $within || $next == [\"\\\$\`] ]] || REPLY+=\\
            REPLY+=$next
        else
            REPLY+=$character
        fi
    done
    # shellcheck disable=SC2088 # this is what was typed
    [[ $1 != '~/'* ]] || REPLY=${2-\~}${REPLY:1}
}

# What do the words before the cursor say? And which option is the word at the cursor the value of?
_postfix_rest_inetd_scan() {
    local word value
    for word in "${words[@]}"; do
        value=$word
        if [[ -n $option && $option != -- ]]; then
            word=$option
            option=''
        elif [[ $option == -- || $word != -* ]]; then
            if [[ -n $command ]]; then arguments+=("$word"); else command=$word; fi
            continue
        elif [[ $word == *=* ]]; then
            value=${word#*=}
            word=${word%%=*}
        else
            case $word in
                --address | --attribute | --by | --cache-directory | --config | --directory | --endpoint | --fail-above | --for | --known | --map | --mode | --name | --only | --output | --port | --since | --state | --token-file | --until | --url | --)
                    option=$word
                    ;;
            esac
            continue
        fi
        case $word in
            --config) config=$value ;;
            --directory) directory=$value ;;
        esac
    done
    if [[ -z $option && $typed == --*=* ]]; then
        option=${typed%%=*}
        typed=${typed#*=}
        head=${head#*=}
    fi
    _postfix_rest_inetd_unquote "$head"
    skipped=$REPLY
    _postfix_rest_inetd_unquote "$typed"
    current=$REPLY
}

# Offer those of the words that begin with what is typed, as the shell has to read them.
_postfix_rest_inetd_offer() {
    local word
    for word; do
        [[ $word == "$current"* ]] || continue
        word=${word:${#skipped}}
        case $quote in
            \') [[ $word != *\'* ]] || continue ;;
            \")
                [[ $word != *!* ]] || continue # of the history
                word=${word//\\/\\\\}
                word=${word//\"/\\\"}
                word=${word//\$/\\\$}
                word=${word//\`/\\\`}
                ;;
            *)
                printf -v word %q "$word"
                word=${word//\\,/,}
                ;;
        esac
        COMPREPLY+=("$word")
    done
}

# Offer words for a list with commas.
_postfix_rest_inetd_list() {
    local word before=''
    local -a found=()
    [[ $current != *,* ]] || before=${current%,*},
    for word; do
        [[ ,$before == *,"$word",* ]] || found+=("$before$word")
    done
    compopt -o nospace 2>/dev/null
    _postfix_rest_inetd_offer "${found[@]}"
}

_postfix_rest_inetd_times() {
    compopt -o nosort 2>/dev/null
    _postfix_rest_inetd_offer today yesterday now -10min -1h -24h -7d '1 hour ago' '2 days ago'
}

_postfix_rest_inetd_files() {
    local name
    compopt -o filenames 2>/dev/null # which quotes them
    while IFS= read -r name; do
        COMPREPLY+=("${name:${#skipped}}")
    done < <(compgen "$1" -- "$current")
}

# Offer what only the command knows: it prints a word, a tab, and what the word is.
_postfix_rest_inetd_ask() {
    local kind=$1 word
    local -a found=()
    while IFS=$'\t' read -r word _; do
        found+=("$word")
    done < <("$program" __complete "$kind" "$config" "$current" "${@:2}" 2>/dev/null </dev/null)
    compopt -o nosort 2>/dev/null
    [[ ${found[0]-} != *= ]] || compopt -o nospace 2>/dev/null
    _postfix_rest_inetd_offer "${found[@]}"
}

complete -F _postfix_rest_inetd postfix-rest-inetd
