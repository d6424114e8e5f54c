#!/usr/bin/env bats
# An engine inside a container: coracle in coracle, in bubblewrap; three levels deep.
load suite

setup_file() {
    only_coracle
    start_root bb
    # The program under test, and what it runs (crun and its libraries), from the host.
    INSIDE="-v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v $(dirname "$CORACLE"):/b:ro"
    export INSIDE
}

teardown_file() { end_root; }

teardown() { clean; }

# A shell script in a container of the program under test.
outer() { # OPTION... -- SCRIPT
    local options=()
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    # shellcheck disable=SC2086
    LIMIT=150 coracle run --rm "${options[@]}" $INSIDE "$BB" sh -c "$2" 2>"$FILE_DIR/stderr" || { cat "$FILE_DIR/stderr"; return 1; }
}

@test "coracle in coracle, with the outer one's default options: run, exec, logs, load, its own ids" {
    local text
    text=$(outer -- '
        /b/coracle run --rm --network none coracle/busybox echo first
        /b/coracle run -d --name c coracle/busybox sh -c "echo logged; sleep 1000" >/dev/null
        /b/coracle exec c id -u
        /b/coracle stop -t0 c >/dev/null && /b/coracle logs c
        /b/coracle save coracle/busybox | /b/coracle load -q >/dev/null && /b/coracle run --rm coracle/busybox cat /proc/self/uid_map | wc -l
        /b/coracle rm c; /b/coracle ps -aq')
    is "$text" $'first\n0\nlogged\n2\nc'
    # No file says which ids there are: the map does.
    is "$(outer -- '/b/coracle run --rm --network none coracle/busybox cat /proc/self/uid_map' | awk '{ n += $3 } END { print n }')" \
        "$(coracle run --rm --network none "$BB" cat /proc/self/uid_map | awk '{ n += $3 } END { print n }')"
}

@test "--nestable: a network inside, FUSE instead of copies, a fresh /proc" {
    [ -w /dev/fuse ] && [ -w /dev/net/tun ] || skip "no /dev/fuse or /dev/net/tun here"
    is "$(outer --nestable -- '/b/coracle info -f "{{.Store.GraphDriverName}}"')" fuse-overlay
    has "$(outer --nestable -- '/b/coracle run --rm coracle/busybox ip -4 addr show')" "inet 10.0.2."
    is "$(outer --nestable -- '/b/coracle run --rm coracle/busybox sh -c "echo \$\$; test -e /proc/2/stat && grep -c . /proc/2/stat"' | head -n1)" 1
    has "$(outer --nestable -- 'mount')" "proc on /proc"
    hasnt "$(outer --nestable -- 'mount')" "on /proc/"
    # Without: one more way in is not there, and ends with what there is.
    has "$(outer -- 'ls /dev')" null
    hasnt "$(outer -- 'ls /dev')" fuse
}

@test "three levels deep" {
    [ -w /dev/fuse ] || skip "no /dev/fuse here"
    is "$(outer --nestable -- "/b/coracle run --rm --nestable $(echo "$INSIDE" | sed 's|-v [^ ]*:/b:ro|-v /b:/b:ro|') coracle/busybox \
        sh -c '/b/coracle run --rm --network none coracle/busybox echo third; echo \$?'")" $'third\n0'
}

@test "in bubblewrap: a user namespace with one id" {
    need bwrap
    local d
    d=$(scratch)
    is "$(LIMIT=120 timeout 120 bwrap --unshare-user --bind / / --dev-bind /dev /dev --proc /proc \
        "$CORACLE" --root "$d/r" run --rm --network none coracle/busybox sh -c 'echo in; id -u' 2>/dev/null)" $'in\n0'
    is "$(LIMIT=120 timeout 120 bwrap --unshare-user --unshare-pid --bind / / --dev /dev --proc /proc --die-with-parent \
        "$CORACLE" --root "$d/r2" run --rm --network none coracle/busybox echo in 2>/dev/null)" in
}
