#!/usr/bin/env bats
# As root: its containers get a user namespace as well, without the host's root in it.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() {
    only_coracle
    [ "$(id -u)" = 0 ] || skip "needs root"
}
teardown() { clean; }

@test "root: the container's root isn't the host's" {
    run -0 coracle run --rm $BB sh -c 'id -u; cat /proc/self/uid_map'
    is "${lines[0]}" 0
    local line
    for line in "${lines[@]:1}"; do
        local first; first=$(awk '{ print $2 }' <<<"$line")
        [ "$first" != 0 ] || fail "host root is mapped: $line"
    done
}

@test "root: a process of a container isn't root's outside" {
    coracle run -d --name r $BB sleep 1000
    [ "$(stat -c %u "/proc/$(coracle inspect -f '{{.State.Pid}}' r)")" != 0 ]
}

@test "root: files of root are closed to a container" {
    local dir; dir=$(scratch)
    echo secret >"$dir/f"
    chmod 600 "$dir/f"
    chmod 755 "$dir" "$FILE_DIR"
    run coracle run --rm -v "$dir:/w" $BB cat /w/f
    [ "$status" != 0 ]
    hasnt "$output" secret
}

@test "root: run, exec, stop, volumes, users" {
    coracle run -d --name r -v data:/d $BB sh -c 'echo x >/d/f; trap "exit 0" TERM; while :; do sleep 0.05; done'
    eventually coracle exec r test -e /d/f
    run -0 coracle exec -u app r id -un
    is "$output" app
    coracle stop r
    is "$(coracle inspect -f '{{.State.ExitCode}}' r)" 0
    run -0 coracle run --rm -v data:/x $BB cat /x/f
    is "$output" x
}

@test "root: --pidfile where only root may write" {
    local dir; dir=$(scratch)
    chmod 700 "$dir"
    coracle run -d --name p --pidfile "$dir/pid" $BB sleep 1000
    is "$(cat "$dir/pid")" "$(coracle inspect -f '{{.State.Pid}}' p)"
    coracle create --name q --pidfile "$dir/pid2" $BB true
    run -125 --separate-stderr coracle start q
    one_error "pidfile $dir/pid2"
}

@test "root: --privileged gives no power over the host" {
    run coracle run --rm --privileged $BB sh -c 'echo 1 >/proc/sys/kernel/panic'
    [ "$status" != 0 ]
    run coracle run --rm --privileged $BB sh -c 'mknod /tmp/sda b 8 0 && head -c 1 /tmp/sda'
    [ "$status" != 0 ]
}

# A host whose FUSE does not work: the command, and the session it starts, see another file in its place.
without_fuse() {
    local STORAGE_DRIVER=
    unshare -m --propagation private -- sh -c 'mount --bind /dev/null /dev/fuse && exec "$@"' sh "$CORACLE" --root "$FILE_DIR/nofuse" "$@"
}

@test "root: without FUSE an image is copied for ids of its own, and a line says why" {
    [ -e /dev/fuse ] || skip "no /dev/fuse"
    run -0 without_fuse load -q -i "$IMAGES/bb.tar"
    run -0 --separate-stderr without_fuse run --rm --userns auto $BB stat -c %u:%g /bin /home/app
    is "$output" $'0:0\n1000:1000'
    has "$stderr" "the image is copied for a container with ids of its own: fuse-overlay does not work here"
    run -0 --separate-stderr without_fuse run --rm $BB true
    is "$stderr" ""
    run -125 --separate-stderr without_fuse --storage-driver fuse-overlay run --rm $BB true
    has "$stderr" "storage driver fuse-overlay"
}

@test "root: the session's directory is closed to others" {
    is "$(stat -c %a "$ROOT")" 700 || is "$(stat -c %a "$ROOT")" 711
    run su coracle-test -s /bin/sh -c "ls $ROOT/layers"
    [ "$status" != 0 ]
}

@test "root: the store is clean after all that" {
    store_is_clean
}
