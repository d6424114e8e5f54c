#!/usr/bin/env bats
# cp: both ways, between containers, as a tar; running and stopped; volumes and mounts; links; over what is there.
load suite

setup_file() {
    need jq
    start_root bb
}
teardown_file() { end_root; }
setup() { D=$(scratch); }
teardown() {
    ROOT=$FILE_DIR/root
    podman rm -fa -v -t 0 >/dev/null 2>&1 || true
    clean
}

# What is below a directory, with everything but times and sizes of directories.
tree() { (cd "$1" && find . -printf '%P %y %m %U:%G %l %n\n' | sed -E 's/^(.* d .*) [0-9]+$/\1/' | sort); }

make_tree() { # DIR
    mkdir -p "$1/sub/deep" "$1/empty"
    echo one >"$1/one"
    echo two >"$1/sub/two"
    ln "$1/one" "$1/sub/again"
    ln -s ../one "$1/sub/link"
    ln -s /etc/passwd "$1/absolute"
    mkfifo "$1/fifo"
    chmod 700 "$1/empty"
    chmod 4755 "$1/one"
    truncate -s 5M "$1/sub/deep/sparse"
    echo end >>"$1/sub/deep/sparse"
}

# A container that was made, or one that runs.
container() { # KIND NAME [OPTIONS]
    local kind=$1 name=$2
    shift 2
    if [ "$kind" = running ]; then
        coracle run -d --name "$name" --network none "$@" $BB sh -c 'trap "exit 0" TERM; while :; do sleep 0.2; done' >/dev/null
    else
        coracle create --name "$name" --network none "$@" $BB true >/dev/null
    fi
}

@test "there and back: a tree with links, FIFOs, modes, holes; running, stopped, every driver" {
    local driver kind
    make_tree "$D/in"
    for driver in overlay fuse-overlay copy; do
        with_driver $driver bb
        for kind in running stopped; do
            container $kind box
            coracle cp "$D/in" box:/srv
            coracle cp box:/srv "$D/out"
            is "$(tree "$D/out")" "$(tree "$D/in")" "$driver, $kind"
            cmp "$D/in/sub/deep/sparse" "$D/out/sub/deep/sparse"
            [ "$(stat -c %b "$D/out/sub/deep/sparse")" -lt 1000 ]
            is "$(stat -c %Y "$D/out/one")" "$(stat -c %Y "$D/in/one")"
            coracle rm -f -t 0 box >/dev/null
            rm -rf "$D/out"
        done
    done
}

# Each line: from, to, what is then in the container (or on the host).
@test "names: into a directory, under a new name, what is in a directory; as podman has it" {
    local kind each args
    mkdir -p "$D/h/dir/sub" "$D/h/other"
    echo hi >"$D/h/file"
    echo x >"$D/h/dir/sub/f"
    ln -s file "$D/h/link"
    ln -s dir "$D/h/dlink"
    cd "$D/h"
    coracle create --name made --network none $BB true >/dev/null
    podman create --name made --network none $BB true >/dev/null
    while read -r -a args; do
        for each in coracle podman; do
            run -0 $each cp "${args[@]}"
        done
    done <<'END'
file made:/new
file made:/etc
file made:/mnt/
dir made:/d1
dir made:/d1
dir/ made:/d2
dir/. made:/d3
dir/. made:/tmp
./link made:/linked
link made:/home
dlink made:/dlinked
dlink made:/home
file made:rel
file made:.
END
    for each in coracle podman; do
        rm -rf out
        mkdir out
        for args in "made:/d1 out/d1" "made:/d1 out" "made:/d2/. out/d2" "made:/d3/ out/d3" "made:/tmp/. out" "made:/linked out/l" \
            "made:/etc/file out/etc" "made:/home out" "made:/rel out" "made:file out/file2" "made:/linuxrc out/busybox" "made:/dlinked out" "made:/mnt out/"; do
            run -0 $each cp $args
        done
        rm -rf $each.out
        mv out $each.out
    done
    is "$(tree coracle.out)" "$(tree podman.out)"
    diff -r coracle.out podman.out
}

@test "wrong use, in podman's words; nothing is made then" {
    local line want kind
    mkdir "$D/dir"
    echo hi >"$D/file"
    cd "$D"
    for kind in stopped running; do
        container $kind box
        coracle cp file box:/plain
        while IFS='|' read -r line want; do
            [ "$line" != END ] || { [ $kind = stopped ] && continue || break; }
            run -125 --separate-stderr coracle cp $line </dev/null
            one_error "$want"
        done <<'LINES'
file box:/no/x|"/no/x" could not be found on container box: no such file or directory
file box:/missing/|"/missing/" could not be found on container box: no such file or directory
file box:/plain/|/plain/: exists but is not a directory
nofile box:/x|"nofile" could not be found on the host: no such file or directory
box:/nofile x|"/nofile" could not be found on container box: no such file or directory
box:/plain/ x|"/plain/" could not be found on container box: not a directory
dir box:/plain|destination must be a directory when copying a directory
box:/etc file|destination must be a directory when copying a directory
END
box:/etc nodir/x|"nodir/x" could not be found on the host: no such file or directory
box:/plain nodir/|"nodir/" could not be found on the host: no such file or directory
box:/plain /dev/null|invalid destination: "/dev/null" must be a directory or a regular file
/dev/null box:/x|"/dev/null" is a device
file box:|invalid arguments "file", "box:": you must specify paths
a b|name or ID cannot be empty
- -|name or ID cannot be empty
file none:/x|container "none" does not exist
none:/x y|container "none" does not exist
- box:/nodir|destination must be a directory when copying from stdin
- box:/plain|destination must be a directory when copying from stdin
- box:/etc|source must be a (compressed) tar archive when copying from stdin
LINES
        run -125 coracle cp box:/x
        has "$output" "accepts 2 arg(s), received 1"
        run -125 --separate-stderr coracle cp - box:/etc <<<garbage
        one_error "source must be a (compressed) tar archive when copying from stdin"
        is "$(ls)" $'dir\nfile'
        coracle rm -f -t 0 box >/dev/null
    done
}

@test "owners: the container's user inside, or as it was; one's own outside" {
    local kind
    echo hi >"$D/f"
    for kind in running stopped; do
        container $kind box -u app
        coracle cp "$D/f" box:/tmp/a
        coracle cp -a=false "$D/f" box:/tmp/b
        coracle cp --archive=false box:/etc "$D/etc"
        is "$(stat -c %u "$D/etc/shadow")" "$(id -u)"
        is "$(stat -c %a "$D/etc/shadow")" 640
        coracle cp box:/home/app - | tar -C "$D" -xf -
        is "$(coracle cp box:/home/app - | tar tvf - --numeric-owner | awk '{ print $2 }')" 1000/1000
        is "$(coracle export box | tar tvf - --numeric-owner tmp/a tmp/b | awk '{ print $2 }' | xargs)" "1000/1000 0/0"
        coracle rm -f -t 0 box >/dev/null
        rm -rf "$D/etc"
    done
    # With ids of its own.
    container running kept --userns keep-id
    coracle cp "$D/f" kept:/tmp/mine
    is "$(coracle exec kept stat -c %u /tmp/mine)" "$(id -u)"
    coracle cp kept:/tmp/mine "$D/back"
    is "$(stat -c %u "$D/back")" "$(id -u)"
}

@test "volumes, binds, single files, read-only mounts, tmpfs: as the container sees them" {
    local kind v
    mkdir "$D/bound" "$D/ro"
    echo old >"$D/single"
    echo hi >"$D/f"
    for kind in running stopped; do
        container $kind box -v vol:/v -v "$D/bound:/b" -v "$D/ro:/r:ro" -v "$D/single:/single" --tmpfs /t -v other:/v/inner
        coracle cp "$D/f" box:/v/f
        coracle cp "$D/f" box:/v/inner
        coracle cp "$D/f" box:/b/$kind
        coracle cp "$D/f" box:/single
        is "$(cat "$D/single" "$D/bound/$kind")" $'hi\nhi'
        tar -C "$D" -c --transform s/f/single/ f | coracle cp - box:/
        [ $kind = stopped ] || is "$(coracle exec box sh -c 'echo more >>/single; cat /single')" $'hi\nmore'
        run -125 --separate-stderr coracle cp "$D/f" box:/r/f
        one_error "read-only file system"
        v=$(coracle volume inspect -f '{{.Mountpoint}}' other)
        is "$(coracle unshare cat "$v/f")" hi
        coracle cp box:/v "$D/v"
        is "$(cat "$D/v/f" "$D/v/inner/f")" $'hi\nhi'
        if [ $kind = running ]; then
            coracle cp "$D/f" box:/t
            is "$(coracle exec box cat /t/f)" hi
            run -125 --separate-stderr coracle cp "$D/f" box:/proc/sys/x
            one_error "of the kernel's"
            coracle cp box:/proc/version "$D/version"
            has "$(cat "$D/version")" Linux
        fi
        # None of it is the container's own.
        hasnt "$(coracle diff box)" /v/
        coracle rm -f -t 0 box >/dev/null
        rm -rf "$D/v"
        echo old >"$D/single"
        coracle volume rm vol other >/dev/null
    done
}

@test "over what is there: files are replaced, links followed inside, directories only with --overwrite" {
    local kind
    mkdir "$D/dir"
    echo new >"$D/f"
    echo in >"$D/dir/f"
    for kind in running stopped; do
        coracle run -d --name box --network none $BB sh -c 'mkdir -p /d/f /real; echo old >/file; ln /file /twin; ln -s real/target /link; ln -s /real /dlink
            trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
        wait_log box ready
        [ $kind = running ] || coracle stop -t 5 box >/dev/null
        coracle cp "$D/f" box:/file
        coracle cp "$D/f" box:/link
        coracle cp "$D/f" box:/dlink/in
        is "$(coracle export box | tar xOf - file real/target real/in twin)" $'new\nnew\nnew\nold'
        run -125 --separate-stderr coracle cp "$D/f" box:/d
        one_error "cannot overwrite directory f with something else"
        run -125 --separate-stderr coracle cp "$D/dir" box:/file
        one_error "destination must be a directory"
        coracle cp "$D/dir/." box:/mnt
        tar -C "$D" -c f | coracle cp - box:/mnt
        mkdir "$D/clash" "$D/clash/f"
        run -125 --separate-stderr coracle cp "$D/clash/." box:/mnt
        one_error "exists but is not a directory"
        run -125 --separate-stderr eval 'tar -C "$D/clash" -c f | coracle cp - box:/mnt'
        one_error "exists but is not a directory"
        coracle cp --overwrite "$D/f" box:/d
        coracle cp --overwrite "$D/clash/." box:/mnt
        is "$(coracle export box | tar xOf - d/f)" new
        has "$(coracle export box | tar tf -)" mnt/f/
        coracle rm -f -t 0 box >/dev/null
        rm -rf "$D/clash"
    done
    # Files of the host: a link is replaced, not what it leads to.
    container stopped box
    ln -s f "$D/l"
    coracle cp box:/etc/passwd "$D/l"
    is "$(cat "$D/f")" new
    [ ! -L "$D/l" ]
    coracle cp box:/etc/passwd "$D/dir/../f"
    cmp "$D/f" "$D/l"
}

@test "between containers, and within one" {
    local a b
    make_tree "$D/in"
    for a in running stopped; do
        for b in running stopped; do
            container $a one
            container $b two -u app
            coracle cp "$D/in" one:/tmp/in
            coracle cp one:/tmp/in two:/tmp
            coracle cp two:/tmp/in "$D/out"
            is "$(tree "$D/out")" "$(tree "$D/in")" "$a to $b"
            coracle cp -a=false one:/tmp/in two:/tmp/owned
            has "$(coracle export two | tar tvf - --numeric-owner tmp/in/one tmp/owned/sub/two | awk '{ print $2 }' | xargs)" "1000/1000 0/0"
            coracle cp one:/tmp/in one:/tmp/in2
            coracle cp one:/tmp/in2/. "$D/in2"
            is "$(tree "$D/in2")" "$(tree "$D/in")" "within $a"
            run -125 --separate-stderr coracle cp one:/tmp one:/tmp/in/sub
            one_error "into itself"
            coracle rm -f -t 0 one two >/dev/null
            rm -rf "$D/out" "$D/in2"
        done
    done
}

@test "tar in and out, compressed in; links that lead out stay inside; <(…) is read" {
    local kind
    make_tree "$D/in"
    rm "$D/in/fifo"
    tar -C "$D" -czf "$D/in.tar.gz" in
    mkdir "$D/evil"
    ln -s / "$D/evil/out"
    tar -C "$D/evil" -cf "$D/evil.tar" out
    mkdir -p "$D/evil2/out"
    echo bad >"$D/evil2/out/canary-$$"
    tar -C "$D/evil2" -rf "$D/evil.tar" out/canary-$$
    for kind in running stopped; do
        container $kind box
        coracle cp - box:/tmp <"$D/in.tar.gz"
        mkdir "$D/out"
        coracle cp box:/tmp/in - | tar -C "$D/out" -xpf -
        is "$(tree "$D/out/in")" "$(tree "$D/in")"
        is "$(coracle cp box:/tmp/in/. - | tar tf - | sort | xargs)" "absolute empty/ one sub/ sub/again sub/deep/ sub/deep/sparse sub/link sub/two"
        is "$(coracle cp box:/etc/passwd - | tar xOf -)" "$(coracle export box | tar xOf - etc/passwd)"
        coracle cp - box:/srv <"$D/evil.tar" 2>/dev/null || coracle cp - box:/tmp <"$D/evil.tar"
        [ ! -e "/canary-$$" ]
        coracle cp <(echo streamed) box:/tmp/streamed
        is "$(coracle export box | tar xOf - tmp/streamed)" streamed
        coracle rm -f -t 0 box >/dev/null
        rm -rf "$D/out"
    done
    need script
    container stopped box
    run script -qec "'$CORACLE' --root '$ROOT' cp box:/etc -" /dev/null
    has "$output" "refusing to copy to terminal"
}

# A process in the container swaps a directory for a link to the host's tree and back, as quickly as it can.
@test "links swapped meanwhile lead nowhere outside: not when reading, not when writing" {
    local i rc=0
    mkdir "$D/secret" "$D/in" "$D/mine"
    echo secret >"$D/secret/f"
    for i in 1 2 3 4 5 6 7 8; do echo mine >"$D/in/f$i"; done
    echo mine >"$D/mine/f"
    coracle run -d --name box --network none $BB sh -c "mkdir -p /w/real; echo ok >/w/real/f; ln -s $D/secret /w/evil; ln -s ../../../../../../../../$D/secret /w/up
        while :; do mv /w/real /w/d; mv /w/d /w/real; mv /w/evil /w/d; mv /w/d /w/evil; mv /w/up /w/d; mv /w/d /w/up; done" >/dev/null
    for i in $(seq 10); do
        rm -rf "$D/out"
        coracle cp box:/w/d "$D/out" 2>/dev/null || true
        coracle cp box:/w/d/f "$D/outf" 2>/dev/null || true
        coracle cp box:/w/d/. - 2>/dev/null | tar -C "$D" -xOf - f >"$D/outt" 2>/dev/null || true
        ! grep -rqs secret "$D/out/f" "$D/outf" "$D/outt" || fail "the host's file came out"
        coracle cp "$D/in/." box:/w/d 2>/dev/null || true
        coracle cp "$D/mine/f" box:/w/d/f 2>/dev/null || true
        tar -C "$D/in" -c . | coracle cp - box:/w/d 2>/dev/null || true
        is "$(ls "$D/secret")" f
        is "$(cat "$D/secret/f")" secret
    done
    state_is box running
}
