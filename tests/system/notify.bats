#!/usr/bin/env bats
# --sdnotify: what a service manager hears from the one that runs a container, and from the container itself.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() {
    SCRATCH=$(scratch)
    # A path of a socket has 107 bytes.
    SOCKET=$(mktemp -u /tmp/notify.XXXXXX)
    "$TESTS/notify_sink.py" "$SOCKET" "$SCRATCH/said" &
    SINK=$!
    eventually test -e "$SCRATCH/said"
    export NOTIFY_SOCKET=$SOCKET
}
teardown() {
    kill "$SINK" || true
    wait "$SINK" 2>/dev/null || true
    rm -f "$SOCKET"
    unset NOTIFY_SOCKET
    clean
}

said() { cat "$SCRATCH/said"; }
heard() { eventually grep -qxF -- "$1" "$SCRATCH/said"; }
# A container that can speak: with the host's python.
SPEAKER=(-v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro)
speak() { # TEXT: sent by the container, to where it is told
    echo "import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b'$1', os.environ['NOTIFY_SOCKET'])"
}

@test "sdnotify=container: its own words, without what it cannot know" {
    coracle run -d --name c --network none "${SPEAKER[@]}" $BB \
        sh -c 'echo $NOTIFY_SOCKET; python3 -c "$1"; python3 -c "$2"; sleep 1000' sh \
        "$(speak 'STATUS=warming up\nMAINPID=1\nFDSTORE=1\nREADY=0\nX=READY=1')" "$(speak 'READY=1\n')" >/dev/null
    heard "READY=1"
    wait_log c /run/notify/notify.sock
    only_coracle
    is "$(said)" "MAINPID=$(monitor_of c)"$'\n'"STATUS=warming up READY=0"$'\nREADY=1'
    is "$(coracle inspect -f '{{.Config.SdNotifyMode}}' c)" container
}

@test "sdnotify=container: another user of the container may speak, too" {
    coracle run -d --name c --network none --user 1234 "${SPEAKER[@]}" $BB sh -c 'python3 -c "$1"; sleep 1000' sh "$(speak 'READY=1\n')" >/dev/null
    heard "READY=1"
    coracle rm -f -t 0 c
    only_coracle # and with ids of its own
    coracle run -d --name c --network none --userns nomap --user 1234 "${SPEAKER[@]}" $BB \
        sh -c 'python3 -c "$1"; sleep 1000' sh "$(speak 'STATUS=nomap\n')" >/dev/null
    heard "STATUS=nomap"
}

@test "sdnotify=conmon: ready as soon as it is started" {
    coracle run -d --name c --network none --sdnotify conmon $BB sh -c 'echo "<$NOTIFY_SOCKET>"; sleep 1000' >/dev/null
    only_coracle
    heard "MAINPID=$(monitor_of c) READY=1"
    wait_log c '<>'
    is "$(said | wc -l)" 1
}

@test "sdnotify=healthy: with the first probe that succeeds" {
    only_coracle
    coracle run -d --name c --network none --sdnotify healthy --health-cmd 'test -e /ok' --health-interval disable $BB sleep 1000 >/dev/null
    coracle healthcheck run c || true
    is "$(said)" "MAINPID=$(monitor_of c)"
    coracle exec c touch /ok
    coracle healthcheck run c
    heard "READY=1"
    coracle healthcheck run c
    is "$(said)" "MAINPID=$(monitor_of c)"$'\nREADY=1'
    run -125 --separate-stderr coracle run --rm --sdnotify healthy $BB true
    one_error 'sdnotify policy "healthy" requires a healthcheck to be set'
}

@test "sdnotify=ignore, and a socket that nobody has" {
    run -0 coracle run --rm --network none --sdnotify ignore $BB sh -c 'echo "<$NOTIFY_SOCKET>"'
    is "$output" "<>"
    is "$(said)" ""
    NOTIFY_SOCKET=/nosuch/socket run -0 --separate-stderr coracle run --rm --network none $BB echo runs
    is "$output" runs
    run -125 --separate-stderr coracle run --rm --sdnotify foo $BB true
    has "$stderr" 'invalid sdnotify value "foo"'
}
