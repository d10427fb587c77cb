# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts share that build the packages and prepare a machine for that and for the tests. To be sourced.

# What the source packages consist of; caches and results of builds are left out.
readonly -a sources=(LICENSE README.md packaging postfix_rest_inetd pyproject.toml systemd tests)

# as_root COMMAND...: run it as root, by sudo where needed; without a terminal sudo must not ask. No package that is
# installed starts a service (RUNLEVEL: invoke-rc.d).
as_root() {
    local -a sudo=()
    if ((EUID != 0)); then
        sudo=(sudo)
        { : </dev/tty; } 2>/dev/null || sudo+=(-n)
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "$@"
}

# apt_get ARGUMENT...: apt-get, which must not read what was meant for somebody else, without a bar of its progress.
apt_get() {
    as_root apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# copy_sources CHECKOUT DIRECTORY: make DIRECTORY a copy that does not depend on who checked out the sources, and when.
copy_sources() {
    mkdir -p "$2"
    tar -C "$1" --exclude=__pycache__ --exclude='.*' -cf - "${sources[@]}" | tar -C "$2" --no-same-owner -xf -
    chmod -R u=rwX,go=rX "$2"
}

# publish CHECKOUT FILE...: put results into dist/, and print their paths.
publish() {
    local file
    mkdir -p "$1/dist"
    for file in "${@:2}"; do
        install -m 0644 "$file" "$1/dist/"
        printf '%s\n' "$1/dist/${file##*/}"
    done
}
