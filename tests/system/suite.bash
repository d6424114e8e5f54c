# What all system tests share. Each .bats file has one data directory ($ROOT), made in setup_file and gone in
# teardown_file; each test leaves it without containers and volumes, and that is checked behind every test.
bats_require_minimum_version 1.5.0

TESTS=${BATS_TEST_DIRNAME:-.}
BASE=/var/tmp/coracle-test
IMAGES=$BASE/images
DEBS=$BASE/debs
BB=localhost/bb
APP=localhost/app:1
DEBIAN=localhost/debian:bookworm
: "${PROGRAM:=coracle}"
: "${WORK:=$BASE/w-$(id -un)}"
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180}

# --- the programs

# The program under test. $LIMIT: seconds until it is killed.
coracle() {
    if [ "$PROGRAM" = podman ]; then
        podman "$@"
    else
        timeout --foreground -k 5 "${LIMIT:-60}" "$CORACLE" --root "$ROOT" "$@"
    fi
}

# The same as words, for programs that start it themselves (expect, timeout, xargs).
coracle_words() {
    if [ "$PROGRAM" = podman ]; then echo "$TESTS/podman-here"; else echo "$CORACLE --root $ROOT"; fi
}

# The peer. Its images (bb, app, layers60, debian) were loaded by setup.
podman() {
    timeout --foreground -k 5 "${LIMIT:-60}" "$TESTS/podman-here" "$@"
}

testing_podman() { [ "$PROGRAM" = podman ]; }

# Tests that make no sense for podman when the tests themselves are tried with PROGRAM=podman.
only_coracle() { ! testing_podman || skip "about coracle alone"; }

# --- a data directory for the file

start_root() {
    FILE_DIR=$(mktemp -d "$WORK/$(basename "$BATS_TEST_FILENAME" .bats).XXX")
    export FILE_DIR ROOT=$FILE_DIR/root
    chmod 711 "$FILE_DIR" # root's session is another user below it
    unset XDG_DATA_HOME XDG_CONFIG_HOME
    local name
    for name in "$@"; do
        testing_podman || coracle load -q -i "$IMAGES/$name.tar" >/dev/null
    done
    holder_mounts >"$FILE_DIR/mounts"
}

# From here to the end of the test: another storage driver, in a root of its own that has IMAGE.
with_driver() { # DRIVER IMAGE
    [ "$1" = overlay ] && return
    ROOT=$FILE_DIR/alt-$1
    [ -e "$ROOT/state.db" ] || timeout 60 "$CORACLE" --root "$ROOT" --storage-driver "$1" load -q -i "$IMAGES/$2.tar" >/dev/null
}

end_root() {
    [ -n "${FILE_DIR:-}" ] || return 0
    local i own=$ROOT
    for ROOT in "$FILE_DIR"/alt-*; do
        [ ! -d "$ROOT" ] || TRIES=300 eventually eval '[ -z "$(holder_pid)" ]'
    done
    ROOT=$own
    if ! testing_podman; then
        # The session leaves by itself once nobody asks for it ($CORACLE_SESSION_IDLE).
        for i in $(seq 100); do
            [ -n "$(holder_pid)" ] || break
            sleep 0.1
        done
        [ -z "$(holder_pid)" ] || { echo "the session's holder did not leave: $(holder_pid)" >&3; return 1; }
        if grep -qF "$FILE_DIR" /proc/self/mounts; then
            grep -F "$FILE_DIR" /proc/self/mounts >&3
            return 1
        fi
    fi
    # Files belong to ids of the user's range.
    rm -rf "${FILE_DIR%/*}/p.${FILE_DIR##*.}"
    chmod -R u+rwX "$FILE_DIR" 2>/dev/null || true
    rm -rf "$FILE_DIR" 2>/dev/null || unshare --user --map-root-user --map-auto rm -rf "$FILE_DIR"
}

# A directory for the test alone, below the file's.
scratch() { mktemp -d "$FILE_DIR/t.XXXXXX"; }

# --- what is left

holder_pid() { pgrep -f "coracle-session.*$ROOT" -u "$(id -u)" | head -n1; }

# Mounts in the session's namespace, without options.
holder_mounts() {
    local pid
    testing_podman && return 0
    pid=$(holder_pid)
    [ -z "$pid" ] || awk '{ print $1, $2, $3 }' "/proc/$pid/mounts" | sort
}

# Processes below the reaper that fell to it: whatever outlived its starter.
orphans() {
    local pid name
    [ -n "${CORACLE_TEST_REAPER:-}" ] || return 0
    for pid in $(pgrep -P "$CORACLE_TEST_REAPER"); do
        name=$({ tr "\0" " " <"/proc/$pid/cmdline"; } 2>/dev/null) || continue
        case $name in
            "" | *bats* | *coracle-session* | catatonit* | "podman pause"* | */slirp4netns*/rootless-netns-*) ;; # podman's own
            *) echo "process $pid: $name" ;;
        esac
    done
}

# Remove what a test made, then insist that nothing is left: no container, volume, process, mount, socket, staging.
clean() {
    if testing_podman; then
        coracle rm -fa -t 0 >/dev/null 2>&1 || true
        coracle volume prune -f >/dev/null 2>&1 || true
        return 0
    fi
    coracle rm -fa -t 0 >/dev/null
    coracle volume prune -f >/dev/null
    rm -rf "$FILE_DIR"/t.* 2>/dev/null || unshare --user --map-root-user --map-auto rm -rf "$FILE_DIR"/t.*
    nothing_left
}

nothing_left() {
    local i text
    text=$(coracle ps -aq --no-trunc && coracle volume ls -q) || return 1
    [ -z "$text" ] || { echo "rows left: $text"; return 1; }
    for i in $(seq 300); do # what --rm leaves to the background may be a gigabyte, on a slow disk
        text=$(orphans)
        [ -n "$text" ] || break
        sleep 0.1
    done
    [ -z "$text" ] || { echo "left behind: $text"; return 1; }
    # The holder may leave at any moment; then there are none.
    text=$(holder_mounts 2>/dev/null) || true
    if [ -n "$text" ] && [ -s "$FILE_DIR/mounts" ]; then
        text=$(diff "$FILE_DIR/mounts" - <<<"$text" || true)
        [ -z "$text" ] || { echo "mounts changed: $text"; return 1; }
    fi
    # What --rm removed goes from the disk a moment after the command has ended.
    for i in $(seq 50); do
        text=$(cd "$ROOT" && find containers staging volumes -mindepth 1 -maxdepth 1 ! -name '*.lock' 2>/dev/null)
        [ -n "$text" ] || break
        sleep 0.1
    done
    [ -z "$text" ] || { echo "files left: $text"; return 1; }
}

# The store agrees with itself and the disk.
store_is_clean() {
    testing_podman && return 0
    run -0 coracle system check
}

# --- assertions; each says what it got

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

is() { # GOT WANT [WHAT]
    [ "$1" = "$2" ] || fail "${3:-value}:" "  got:  $(printf %q "$1")" "  want: $(printf %q "$2")"
}

has() { # TEXT PART
    [[ "$1" == *"$2"* ]] || fail "missing: $2" "in: $1"
}

hasnt() { # TEXT PART
    [[ "$1" != *"$2"* ]] || fail "unexpected: $2" "in: $1"
}

matches() { # TEXT EXTENDED-REGEX
    [[ "$1" =~ $2 ]] || fail "no match for: $2" "in: $1"
}

# The last command (run --separate-stderr) said exactly one line, an error with this in it.
one_error() { # PART...
    local part
    is "${#stderr_lines[@]}" 1 "lines on stderr: $stderr"
    matches "$stderr" '^Error: '
    for part in "$@"; do
        has "${stderr,,}" "${part,,}"
    done
}

# Wait until a command succeeds, ten seconds by default.
eventually() {
    local i
    for i in $(seq "${TRIES:-100}"); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "never came true: $*"
}

# Wait for text in a container's log.
wait_log() { # CONTAINER TEXT
    eventually eval "coracle logs $1 2>&1 | grep -qF -- '$2'"
}

state_is() { # CONTAINER STATE
    [ "$(coracle inspect -f '{{.State.Status}}' "$1")" = "$2" ]
}

# The pid of the monitor of a running container: other files' tests have monitors, too.
monitor_of() { awk '/^PPid/ { print $2 }' "/proc/$(coracle inspect -f '{{.State.Pid}}' "$1")/status"; }

# The host's port to which a container's ("80", "80/udp") is published.
host_port() { coracle port "$1" "$2" | sed 's/.*://'; }

# An IPv4 address of this host that is not loopback, so that a client that comes from it is no local one to a server;
# nothing where there is none.
own_address() { ip -4 -o addr show scope global | awk '{ split($4, a, "/"); print a[1]; exit }'; }

# What apt asks of a directory of packages.
index_packages() { # DIRECTORY
    local deb
    for deb in "$1"/*.deb; do
        dpkg-deb -f "$deb"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
    done >"$1/Packages"
    chmod -R a+rX "$1"
}

need() { # COMMAND...
    local c
    for c in "$@"; do
        command -v "$c" >/dev/null || skip "$c is not installed"
    done
}
