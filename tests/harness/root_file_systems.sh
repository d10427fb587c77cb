# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts share that make root file systems for containers. To be sourced.
#
# They stand in the directory $cache, each beside a file NAME.recipe, which holds a checksum of all that it is made by:
# as long as that is the same, a root file system is kept. Tests never change it, they work in copies.

checkout=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
readonly checkout
readonly cache=${POSTFIX_REST_INETD_CONTAINERS:-$checkout/.containers}

# recipe_of FILE... : print a checksum of the files, and of standard input.
recipe_of() {
    cat "$@" "${BASH_SOURCE[0]}" - | sha256sum | cut -d ' ' -f 1
}

# is_made NAME RECIPE: whether it is there, and made by that.
is_made() {
    [[ -d $cache/$1 && -f $cache/$1.recipe && $(<"$cache/$1.recipe") == "$2" ]]
}

# make_root NAME RECIPE COMMAND...: have COMMAND... DIRECTORY make it, unless it is made. Under a lock, as two test runs
# may want the same thing at once; the finished tree appears in one step. Not to be called as a condition, where `set -e`
# does not hold. `say` is the script's.
make_root() {
    local name=$1 wanted=$2 directory=$cache/$1 begin=$SECONDS
    shift 2
    ! is_made "$name" "$wanted" || return 0
    (
        flock 9
        ! is_made "$name" "$wanted" || exit 0
        say "$name: building $directory"
        rm -rf --one-file-system "$directory.new"
        trap 'say "$name: could not be built; the reason stands above"; exit 1' EXIT
        "$@" "$directory.new"
        trap - EXIT
        rm -f "$directory.recipe"
        rm -rf --one-file-system "${directory:?}"
        mv "$directory.new" "$directory"
        printf '%s\n' "$wanted" >"$directory.recipe"
        say "$name: built in $((SECONDS - begin)) s, $(du -sm "$directory" | cut -f1) MB"
    ) 9>"$directory.lock"
}
