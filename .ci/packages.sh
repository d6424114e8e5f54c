# The packages that coracle needs, by Debian's names, and how missing ones are installed. Sourced by ./quickstart and
# ./check; this is the only list.

# To build it, and to run a container (the last line).
PACKAGES_BUILD=(
    gcc libc6-dev meson ninja-build pkgconf python3
    libjansson-dev libsqlite3-dev nettle-dev libseccomp-dev libarchive-dev zlib1g-dev libcurl4-openssl-dev libsubid-dev libfuse3-dev libsquashfuse-dev
    libgpgme-dev libssl-dev libsodium-dev libyaml-dev
    libslirp-dev libmnl-dev
    busybox-static
    crun uidmap util-linux passwd
)
# Used where the architecture has them: a quicker gzip, programs that start quicker.
PACKAGES_OPTIONAL=(libisal-dev musl-tools)
# What ./check needs besides; the system tests know their own (tests/system/setup).
PACKAGES_CHECK=(libcmocka-dev clang clang-format clang-tidy cppcheck valgrind git procps)

packages_missing() { # names… -> the ones that are not installed
    local name
    for name in "$@"; do
        # Provided under another name (pkg-config by pkgconf) counts as well.
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

packages_apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null </dev/null
}

packages_updated=
packages_install() { # names… ; quick and silent when nothing is missing
    local missing=()
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} = 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "These packages are missing, and there is no apt-get to install them: ${missing[*]}" >&2
        return 1
    fi
    echo "installing ${missing[*]}"
    # apt's warnings matter only when it fails.
    local log
    log=$(mktemp)
    if { [ -n "$packages_updated" ] || packages_apt update; } 2>"$log" &&
        packages_apt install --no-install-recommends "${missing[@]}" 2>>"$log"; then
        packages_updated=1
        rm -f "$log"
        return 0
    fi
    cat "$log" >&2
    rm -f "$log"
    return 1
}

packages_install_optional() { # names… that this machine may not offer
    local name
    for name in $(packages_missing "$@"); do
        if apt-cache show "$name" >/dev/null 2>&1; then
            packages_install "$name" || echo "doing without $name"
        fi
    done
}
