# SPDX-License-Identifier: MIT
# bash completion for postfix-rest-inetd(8). It does not need the functions of bash-completion.
# shellcheck shell=bash

_postfix_rest_inetd() {
    local -A options=(
        [apply]='-y --yes -n --dry-run'
        [cache]='--config --cache-directory --map --since --json --directory'
        [check]='--config --cache-directory --probe --only --strict -q --quiet --json'
        [config-schema]=''
        [demo]='--once --port'
        [edit]='--config'
        [endpoints]='--config --output'
        [migrate]=''
        [query]='--map --attribute --direct --fresh --cache-directory -v --verbose --config'
        [setup]='--mode --for --url --token-file --no-token --address --name --no-probe -y --yes -n --dry-run --config'
        [status]='--config --cache-directory --directory --watch --json'
        [stats]='--since --until --endpoint --by --compare --fail-above --follow --json --prometheus --state --known --output --directory'
        [trace]='--since --until --json --directory --config'
    )
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    # bash splits --option=VALUE into three words: the second is "=".
    if [[ $current == = ]]; then
        current=''
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    # The words before the one to complete: the subcommand, and the number of its arguments.
    local command='' count=0 index word
    local -a config=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
            --config)
                [[ ${COMP_WORDS[index + 1]} != = ]] || ((index += 1))
                ((index + 1 >= COMP_CWORD)) || config=(--config "${COMP_WORDS[index + 1]}")
                ((index += 1))
                ;;
            --address | --attribute | --by | --cache-directory | --directory | --endpoint | --fail-above | --for | --known | --map | --mode | --name | --only | --output | --port | --since | --state | --token-file | --until | --url)
                [[ ${COMP_WORDS[index + 1]} != = ]] || ((index += 1))
                ((index += 1))
                ;;
            -*) ;;
            *) if [[ -n $command ]]; then ((count += 1)); else command=$word; fi ;;
        esac
    done

    COMPREPLY=()
    case $previous in
        --config | --known | --output | --state | --token-file) _postfix_rest_inetd_files -f ;;
        --cache-directory | --directory) _postfix_rest_inetd_files -d ;;
        --endpoint) _postfix_rest_inetd_endpoints ;;
        --only) _postfix_rest_inetd_words 'config files sockets postfix probe' ;;
        --by) _postfix_rest_inetd_words 'sender login client endpoint' ;;
        --mode) _postfix_rest_inetd_words 'tcp-lookup socketmap-lookup policy' ;;
        --for) _postfix_rest_inetd_words 'domain alias mailbox transport relay login' ;;
        --since | --until) _postfix_rest_inetd_words 'today yesterday' ;;
        --address | --attribute | --fail-above | --map | --name | --port | --url) ;;
        *)
            if [[ -z $command ]]; then
                _postfix_rest_inetd_words "--help --version ${!options[*]}"
            elif [[ $current == -* ]]; then
                _postfix_rest_inetd_words "--help ${options[$command]-}"
            elif [[ $command == cache && $count == 0 ]]; then
                _postfix_rest_inetd_words 'list purge'
            elif [[ "$command $count" == 'query 0' || "$command $count" == 'cache 1' ]]; then
                _postfix_rest_inetd_endpoints
            elif [[ $command == migrate && $count == 0 ]]; then
                _postfix_rest_inetd_files -f
            fi
            ;;
    esac
}

# These functions complete $current of the function above.

_postfix_rest_inetd_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

_postfix_rest_inetd_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

# Print nothing if the configuration cannot be read.
_postfix_rest_inetd_endpoints() {
    local name
    while IFS=$'\t' read -r name _; do
        if [[ $name == "$current"* ]]; then
            COMPREPLY+=("$(printf %q "$name")")
        fi
    done < <("${COMP_WORDS[0]}" endpoints "${config[@]}" 2>/dev/null)
}

complete -F _postfix_rest_inetd postfix-rest-inetd
