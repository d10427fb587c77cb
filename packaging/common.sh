# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts share that build the packages and prepare a machine for that and for the tests. To be sourced.

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
# What .gitignore names is left out.
copy_sources() {
    mkdir -p "$2"
    if [[ -e $1/.git ]] && git -C "$1" rev-parse --verify HEAD >/dev/null 2>&1; then
        with_git "$1"
    else
        without_git "$1"
    fi | tar -C "$2" --no-same-owner -xf -
    chmod -R u=rwX,go=rX "$2"
}

# with_git CHECKOUT: print an archive of the work tree, changes and new files included. The index and new objects are
# temporary: the repository may be somebody else's.
with_git() (
    cd "$1" || exit
    objects=$(git rev-parse --path-format=absolute --git-path objects)
    temporary=$(mktemp -d)
    trap 'rm -rf "$temporary"' EXIT
    export GIT_INDEX_FILE=$temporary/index GIT_OBJECT_DIRECTORY=$temporary/objects
    export GIT_ALTERNATE_OBJECT_DIRECTORIES=$objects
    mkdir "$temporary/objects"
    git read-tree HEAD
    git add --all .
    git archive --format=tar "$(git write-tree)"
)

# without_git DIRECTORY: the same for an unpacked archive of a release. The debian/ of a source package is not part of it.
without_git() {
    local -a options=(--anchored --exclude=./.git --exclude=./debian)
    local pattern
    while IFS= read -r pattern; do
        pattern=${pattern%/}
        case $pattern in
            '' | '#'*) ;;
            /*) options+=(--anchored "--exclude=.$pattern") ;;
            *) options+=(--no-anchored "--exclude=$pattern") ;;
        esac
    done <"$1/.gitignore"
    tar -C "$1" "${options[@]}" -cf - .
}

# version_of DIRECTORY: print the version of the sources.
version_of() {
    sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/postfix_rest_inetd/__init__.py"
}

# release_archive DIRECTORY FILE: write the archive of a release. DIRECTORY is a copy of the sources; its name is that of
# the directory in the archive. All files have one time, noon of the day of the last release, unless SOURCE_DATE_EPOCH
# names another: so the archive is the same, whoever makes it from whichever copy.
release_archive() {
    local day epoch
    day=$(sed -n 's/^## \[[0-9.]*\] - \([0-9-]*\)$/\1/p;T;q' "$1/packaging/CHANGELOG.md")
    epoch=${SOURCE_DATE_EPOCH:-$(date --utc --date="${day:?} 12:00 UTC" +%s)}
    tar -C "$(dirname "$1")" --format=ustar --sort=name --mtime="@$epoch" --owner=root:0 --group=root:0 \
        -cf - "$(basename "$1")" | gzip -9n >"$2"
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
