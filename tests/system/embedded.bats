#!/usr/bin/env bats
# The images that coracle brings along: with no network, no registry, in a fresh data directory.
load suite

setup_file() { start_root; }
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() { clean; }

@test "embedded: coracle run coracle/hello, in a data directory that has nothing" {
    run -0 --separate-stderr coracle run --rm coracle/hello
    [ -n "$output" ]
    is "$stderr" ""
    run -0 coracle run --rm coracle/hello
}

@test "embedded: coracle/busybox with its applets, users and a shell" {
    run -0 coracle run --rm coracle/busybox sh -c 'id -un; ls /bin | wc -l; grep -c root /etc/passwd; echo $((6 * 7))'
    is "${lines[0]}" root
    [ "${lines[1]}" -gt 50 ]
    is "${lines[3]}" 42
    run -0 coracle run --rm coracle/busybox vi --help
}

@test "embedded: with no network at all" {
    # In a network namespace of its own there isn't even loopback.
    unshare -Urn true 2>/dev/null || skip "no user namespaces"
    run -0 unshare -Urn --map-auto "$CORACLE" --root "$FILE_DIR/other" run --rm coracle/hello
    [ -n "$output" ]
}

@test "embedded: an interactive shell" {
    need expect
    run expect -c "set timeout 20; spawn $(coracle_words) run -it --rm coracle/busybox sh; expect {# }; send \"echo \\\$((40+2))\\r\"; expect 42; send \"exit 3\\r\"; catch {expect eof}; exit [lindex [wait] 3]"
    is "$status" 3
}

@test "embedded: listed, inspected, tagged and removed like others" {
    coracle run --rm coracle/busybox true
    run -0 coracle images
    has "$output" coracle/busybox
    coracle tag coracle/busybox localhost/mine
    run -0 coracle run --rm localhost/mine echo mine
    is "$output" mine
    coracle rmi -fa
    run -0 coracle images -q
    is "$output" ""
    run -0 coracle run --rm coracle/busybox echo again
    is "$output" again
}

@test "embedded: --pull never is enough, a name beside them isn't there" {
    run -0 coracle run --rm coracle/hello
    run -0 coracle run --rm --pull never coracle/hello
    run -125 --separate-stderr coracle run --rm coracle/nosuch
    one_error coracle/nosuch
}

@test "embedded: a first run by several commands at once" {
    local i root=$FILE_DIR/fresh pids=()
    for i in 1 2 3 4; do
        "$CORACLE" --root "$root" run --rm coracle/busybox echo "$i" >"$FILE_DIR/o$i" 2>&1 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    is "$(cat "$FILE_DIR"/o?)" $'1\n2\n3\n4'
}
