#!/usr/bin/env bats
# Published ports under what networks do to them: connections that begin and end in every way while the container dies,
# comes back, and its port goes and comes back. CORACLE_TEST_LONG: twenty times as much of it.

load suite

setup_file() { start_root debian; }
teardown_file() { end_root; }
setup() {
    only_coracle
    need python3
}
teardown() {
    touch "$FILE_DIR/stop" # for a storm that still goes on
    [ ! -v STORM ] || wait "$STORM" || true
    clean
}

TIMES=${CORACLE_TEST_LONG:+20}
TIMES=${TIMES:-1}

sanitized() { [ "${SANITIZED:-0}" = 1 ]; }
slirp_of() { pgrep -P "$(monitor_of "$1")" -x coracle-slirp; }
pss_of() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }
descriptors() { ls "/proc/$1/fd" | wc -l; }
churn() { timeout -k 5 $((150 * TIMES)) python3 "$TESTS/port_churn.py" "$@"; }

# A server of every kind, published for both protocols at one number; $PORT and $SLIRP.
server() { # FLAGS...
    coracle run -d --name c -p 80 -p 80/udp -v /usr:/usr:ro -v "$TESTS/port_churn.py:/churn.py:ro" "$@" $DEBIAN python3 /churn.py serve 80 >/dev/null
    PORT=$(host_port c 80)
    eventually churn row 127.0.0.1 "$PORT" 1
    SLIRP=$(slirp_of c)
}

# Wait until the storm has been served a hundred times more.
served() { cat "$FILE_DIR/stop.served" 2>/dev/null || echo 0; }
serves_on() {
    local from
    from=$(served)
    TRIES=300 eventually eval "[ \"0\$(served)\" -ge $((${from:-0} + 100)) ]"
}

# Nothing is left in the process that began with $1 descriptors.
is_quiet() {
    TRIES=300 eventually eval "[ \$(descriptors $SLIRP) -le $1 ]"
    sanitized || TRIES=300 eventually eval "[ \$(pss_of $SLIRP) -le 3072 ]"
    is "$(slirp_of c)" "$SLIRP" "coracle-slirp"
}

@test "churn: half-closed, reset both ways, slow readers, while the container dies and the port goes and comes" {
    local before stop=$FILE_DIR/stop i
    server --restart always
    before=$(($(descriptors "$SLIRP") + 8)) # sockets in stock and pipes that wait for the next transfer
    churn storm 127.0.0.1 "$PORT" $((1000 * TIMES)) "$stop" >/dev/null 2>"$FILE_DIR/errors" 3>&- &
    STORM=$!
    serves_on
    for i in $(seq $((2 * TIMES))); do
        kill -KILL "$(coracle inspect -f '{{.State.Pid}}' c)" # nobody asked for its end, so it is started again
        serves_on
        coracle port --rm "$PORT:80" c
        coracle port --add "$PORT:80" c
        serves_on
    done
    touch "$stop"
    wait "$STORM" || fail "$(cat "$FILE_DIR/errors")"
    unset STORM
    is "$(churn storm 127.0.0.1 "$PORT" 200)" 200 "all of those that nobody disturbs"
    is_quiet "$before"
}

@test "churn: thousands of connections one after the other" {
    local before count=$((10000 * TIMES))
    ! sanitized || count=$((2000 * TIMES))
    server
    before=$(descriptors "$SLIRP")
    is "$(churn row 127.0.0.1 "$PORT" "$count")" "$count"
    is_quiet "$before"
}

@test "churn: more UDP clients than there are flows" {
    local before count=3000
    server
    before=$(descriptors "$SLIRP")
    is "$(churn flows 127.0.0.1 "$(host_port c 80/udp)" "$count")" "$count"
    [ "$(descriptors "$SLIRP")" -lt $((before + 2100)) ] || fail "descriptors: $(descriptors "$SLIRP")"
    coracle port --rm "$(host_port c 80/udp):80/udp" c
    is_quiet "$before"
}
