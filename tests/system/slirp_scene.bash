# A host of its own for tests of coracle-slirp: user, network, mount and process namespaces, in which 127.0.0.1 and /etc
# are nobody else's. Sourced by what slirp.bats runs there; all processes end with the scene.
set -euo pipefail
ip link set lo up
mount -n -t tmpfs none /mnt
cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts /etc/ld.so.cache /etc/alternatives /mnt/ 2>/dev/null || true
mount -n --move /mnt /etc
echo "nameserver 127.0.0.53" >/etc/resolv.conf
T=$(mktemp -d)
mount -n -t tmpfs none "$T"

# A namespace for the "container": TARGET is a process in it.
target() {
    unshare -n sleep 1000 &
    TARGET=$!
    until [ "$(readlink /proc/$TARGET/ns/net)" != "$(readlink /proc/self/ns/net)" ] &&
        [ "$(cat /proc/$TARGET/comm)" = sleep ]; do
        sleep 0.02
    done
}

# coracle-slirp for it, with these options; returns when it is ready.
start() {
    rm -f "$T/ready"
    mkfifo "$T/ready"
    "$SLIRP" -c -m 65520 -r 9 "$@" "$TARGET" tap0 9>"$T/ready" &
    SLIRP_PID=$!
    [ "$(head -c1 <"$T/ready")" = 1 ]
}

inside() { nsenter -t "$TARGET" -n "$@"; }

# Until a command succeeds, ten seconds at most.
eventually() {
    local i
    for i in $(seq 100); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    echo "never came true: $*"
    return 1
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# Something that listens on ADDRESS:PORT and gives back what it gets.
echo_server() { # FAMILY ADDRESS PORT
    socat "$1-LISTEN:$3,bind=$2,fork,reuseaddr" EXEC:cat &
    eventually socat -u OPEN:/dev/null "${1/-LISTEN/}:$2:$3"
}

resolver() { # ADDRESS TAG
    python3 "$TESTS/dns_server.py" "$1" "$2" >"$T/resolver-$2" &
    eventually grep -q ready "$T/resolver-$2"
}

ask() { inside python3 "$TESTS/dns_ask.py" "$@"; }
