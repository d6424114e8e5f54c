#!/usr/bin/env bats
# coracle-overlay: by itself (tests/overlay), as podman's mount_program, and as coracle's storage driver.
load suite

setup_file() {
    start_root bb
    # Podman wants a short path.
    PODMAN_BASE=$(mktemp -d /var/tmp/ov.XXXXXX)
    export PODMAN_BASE OVERLAY=$CORACLE_BUILD/coracle-overlay
}
teardown_file() {
    mounted_podman rm -fa -t 0 >/dev/null 2>&1 || true
    mounted_podman unshare rm -rf "$PODMAN_BASE" || true
    end_root
}
setup() {
    only_coracle
    [ -w /dev/fuse ] || skip "/dev/fuse is not accessible"
}
teardown() { clean; }

# The case of tests/overlay/behave that has the test's name, with _ for spaces.
behaves() {
    local name=${BATS_TEST_DESCRIPTION#overlay: }
    TMPDIR=$FILE_DIR run -0 "$TESTS/../overlay/behave" "$OVERLAY" "${name// /_}"
}

# The same sequences each time; in the long form others, which may find what the kernel's overlay does otherwise as well.
differs() { # SECONDS ARGUMENTS...
    local extent=(--seconds 600)
    [ "$PROGRAM" = coracle ] || skip
    [ -n "${CORACLE_TEST_LONG:-}" ] || extent=(--seconds "$1" --seed 1)
    TMPDIR=$FILE_DIR run -0 "$TESTS/../overlay/differ" "${extent[@]}" "${@:2}" "$OVERLAY"
    has "$output" " 0 failed"
}

mounted_podman() { podman --storage-opt "overlay.mount_program=$OVERLAY" "$@"; }
fuse_coracle() { "$CORACLE" --root "$FILE_DIR/fuse" --storage-driver fuse-overlay "$@"; }

@test "overlay: random operations give what the kernel's overlay and a plain directory give" {
    differs 8
}

@test "overlay: and so do several sequences at once" {
    differs 4 --workers 3
}

@test "overlay: inode numbers stay" { behaves; }
@test "overlay: hard links stay together" { behaves; }
@test "overlay: hard links outlive each other" { behaves; }
@test "overlay: descriptors outlive names" { behaves; }
@test "overlay: a reader sees what a writer copied up" { behaves; }
@test "overlay: new files are seen by others while they are written" { behaves; }
@test "overlay: directories of layers are renamed" { behaves; }
@test "overlay: large directories keep positions" { behaves; }
@test "overlay: long names and deep paths" { behaves; }
@test "overlay: sparse files stay sparse" { behaves; }
@test "overlay: id maps" { behaves; }
@test "overlay: squashed owners" { behaves; }
@test "overlay: owners in attributes" { behaves; }
@test "overlay: set user id of nosuid layers is not copied" { behaves; }
@test "overlay: layers without upper are read only" { behaves; }
@test "overlay: escaped names of layers" { behaves; }
@test "overlay: whiteouts of both kinds and opaque directories" { behaves; }
@test "overlay: attributes for an overlay inside" { behaves; }
@test "overlay: overlay on overlay" { behaves; }
@test "overlay: changed directories are known" { behaves; }
@test "overlay: killed program means errors not hangs" { behaves; }
@test "overlay: full disk during copy up" { behaves; }
@test "overlay: hostile layers" { behaves; }
@test "overlay: very deep layers" { behaves; }
@test "overlay: layers that change underneath" { behaves; }
@test "overlay: few descriptors" { behaves; }
@test "overlay: told to leave it unmounts" { behaves; }
@test "overlay: many programs at once" { behaves; }
@test "overlay: large files are copied up while others work" { behaves; }
@test "overlay: fsx like" { behaves; }
@test "overlay: databases and repositories" { behaves; }
@test "overlay: limits" { behaves; }
@test "overlay: limits are counted as it goes" { behaves; }
@test "overlay: parallel make" { behaves; }
@test "overlay: packages" { behaves; }
@test "overlay: stress" { need stress-ng && behaves; }

@test "overlay: mount options are those of fuse-overlayfs, wrong ones are named" {
    run -0 "$OVERLAY" --help
    has "$output" "lowerdir=DIR[:DIR...]"
    run -1 "$OVERLAY" -o lowerdir=/nowhere "$FILE_DIR"
    is "$output" "coracle-overlay: open layer /nowhere: No such file or directory"
    run -1 "$OVERLAY" -o lowerdir=/,colour=blue "$FILE_DIR"
    is "$output" "coracle-overlay: unknown option colour"
    run -1 "$OVERLAY" -o lowerdir=/,upperdir=/tmp "$FILE_DIR"
    has "$output" "upperdir and workdir need each other"
}

@test "overlay: podman with it as mount_program: run, commit, cp, diff, build" {
    local dir
    dir=$(scratch)
    run -0 mounted_podman load -q -i "$IMAGES/bb.tar"
    run -0 mounted_podman run --rm --network none $BB sh -c 'mount | grep " / "; echo hi >/x; cat /x'
    has "$output" "coracle-overlay on / "
    has "$output" hi
    run -0 mounted_podman run --network none --name one $BB sh -c 'echo data >/made; rm /etc/group; mkdir -p /a/b; mv /etc /etc2; mkdir /etc'
    run -0 mounted_podman commit -q one localhost/committed
    run -0 mounted_podman run --rm --network none localhost/committed sh -c 'cat /made; ls /etc2'
    has "$output" data
    hasnt "$output" group
    has "$output" passwd
    run -0 mounted_podman cp one:/made "$dir/made"
    is "$(cat "$dir/made")" data
    run -0 mounted_podman cp "$dir/made" one:/copied
    run -0 mounted_podman diff one
    has "$output" "A /copied"
    has "$output" "A /made"
    printf 'FROM %s\nRUN echo built >/built && rm -r /home\nCOPY made /copied\nRUN cat /built /copied\n' $BB >"$dir/Containerfile"
    run -0 mounted_podman build -q --network none -t localhost/built "$dir"
    run -0 mounted_podman run --rm --network none localhost/built sh -c 'cat /built /copied; ls /'
    has "$output" $'built\ndata'
    hasnt "$output" home
}

@test "overlay: coracle with --storage-driver fuse-overlay: run, start again, --rm, info" {
    run -0 fuse_coracle load -q -i "$IMAGES/bb.tar"
    run -0 fuse_coracle run --rm $BB sh -c 'mount | head -n 1; id -u; touch /new; chown 12:34 /new; stat -c %u:%g /new'
    has "$output" "coracle-overlay on / type fuse.coracle-overlay"
    has "$output" "12:34"
    run -0 fuse_coracle run --name kept $BB sh -c 'cat /kept 2>/dev/null; echo data >/kept; rm -f /etc/group'
    run -0 fuse_coracle start -a kept
    is "$output" data
    run -0 fuse_coracle info
    has "$output" "graphDriverName: fuse-overlay"
    run -0 fuse_coracle rm kept
    run -0 fuse_coracle run --rm --read-only $BB sh -c 'mount | head -n 1'
    has "$output" "coracle-overlay on /"
}

@test "overlay: what runs on fuse-overlay ends with the container, and killing the program does not hang it" {
    run -0 fuse_coracle run -d --name sleeper $BB sleep 1000
    local pid
    pid=$(pgrep -u "$(id -u)" -f "coracle-overlay.*$FILE_DIR/fuse" | head -n 1)
    [ -n "$pid" ]
    kill -KILL "$pid"
    LIMIT=30 run fuse_coracle exec sleeper ls /
    [ "$status" != 0 ]
    run -0 fuse_coracle rm -f -t 0 sleeper
    run -0 fuse_coracle run -d --name again $BB sleep 1000
    run -0 fuse_coracle rm -f -t 0 again
    eventually eval '! pgrep -u "$(id -u)" -f "coracle-overlay.*$FILE_DIR/fuse"'
}

@test "overlay: layers written by one driver are read by the other" {
    local root=$FILE_DIR/fuse
    run -0 fuse_coracle run --name two $BB sh -c 'ls /home /etc; rm -rf /home; mkdir /home; rm -f /etc/group'
    run -0 "$CORACLE" --root "$root" --storage-driver overlay start -a two
    hasnt "$output" group
    run -0 fuse_coracle start -a two
    hasnt "$output" group
    run -0 fuse_coracle rm two
}
