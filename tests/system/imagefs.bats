#!/usr/bin/env bats
# Images as directories: unshare, image mount, unmount, diff; and image scp, which moves them to other users and hosts.
load suite

setup_file() {
    need jq
    start_root bb app
}

teardown_file() { end_root; }

teardown() {
    coracle unshare sh -c "'$CORACLE' image unmount -fa" >/dev/null
    clean
}

inside() { coracle unshare sh -c "$1"; }

@test "unshare runs a command in the session: its ids, working directory, arguments, exit codes" {
    cd /var/tmp
    is "$(coracle unshare sh -c 'id -u; pwd; echo "$@"' x 'a b' --help)" $'0\n/var/tmp\na b --help'
    is "$(coracle unshare cat /proc/self/uid_map)" "$(podman unshare cat /proc/self/uid_map)"
    run -7 coracle unshare sh -c 'exit 7'
    run -127 --separate-stderr coracle unshare no-such-command
    is "$stderr" 'Error: exec: "no-such-command": executable file not found in $PATH'
    run -126 --separate-stderr coracle unshare /etc/passwd
    is "$stderr" 'Error: fork/exec /etc/passwd: permission denied'
    is "$(SHELL=/bin/echo coracle unshare)" ""
    is "$(echo 'echo $0' | SHELL=/bin/sh coracle unshare)" /bin/sh
}

@test "unshare: files of other ids can be made, read and removed; commands inside use the same data" {
    local d
    d=$(scratch)
    inside "touch $d/f && chown 5:5 $d/f && chmod 600 $d/f"
    run ! cat "$d/f"
    inside "cat $d/f && rm $d/f"
    is "$(inside "'$CORACLE' images -q | sort")" "$(coracle images -q | sort)"
}

@test "unshare holds the session as long as the command lives" {
    local d
    d=$(scratch)
    mkfifo "$d/go"
    CORACLE_SESSION_IDLE=0 coracle unshare sh -c "'$CORACLE' image mount bb >$d/path; read x <$d/go; cat \$(cat $d/path)/etc/passwd >$d/out" 3>&- &
    eventually test -s "$d/path"
    # Others come and go meanwhile, in the same session.
    coracle images >/dev/null
    has "$(inside "'$CORACLE' image mount")" "localhost/bb:latest"
    echo go >"$d/go"
    wait $!
    has "$(cat "$d/out")" root
}

@test "image mount needs unshare, prints a path that is there, read-only; unmount takes it away" {
    run -125 --separate-stderr coracle image mount bb
    is "$stderr" 'Error: cannot run command "coracle image mount" in rootless mode, must execute `coracle unshare` first'
    run -125 --separate-stderr coracle image unmount bb
    has "$stderr" 'must execute `coracle unshare` first'
    run -0 inside "p=\$('$CORACLE' image mount bb) && cat \$p/etc/passwd && ! touch \$p/x 2>/dev/null && '$CORACLE' image unmount bb && ! [ -e \$p ]"
    has "$output" root
    is "${lines[-1]}" "$(coracle image inspect -f '{{.Id}}' bb)"
    # Several layers are one tree.
    run -0 inside "p=\$('$CORACLE' image mount app:1) && ls \$p && '$CORACLE' image unmount app:1"
    has "$output" data
    has "$output" bin
}

@test "image mount lists; --all, --format json, counting, --force, wrong use" {
    run -0 inside "'$CORACLE' image mount; '$CORACLE' image mount bb >/dev/null; '$CORACLE' image mount bb >/dev/null; '$CORACLE' image mount"
    is "${#lines[@]}" 1
    matches "$output" '^localhost/bb:latest  /.*/root$'
    is "$(inside "'$CORACLE' image mount --format json" | jq -r '.[0].id + " " + .[0].Repositories[0] + " " + .[0].mountpoint')" \
        "$(coracle image inspect -f '{{.Id}}' bb) localhost/bb:latest ${output#* * }"
    # Two asked for it.
    inside "'$CORACLE' image unmount bb" >/dev/null
    is "$(inside "'$CORACLE' image mount" | wc -l)" 1
    inside "'$CORACLE' image unmount bb" >/dev/null
    is "$(inside "'$CORACLE' image mount")" ""
    is "$(inside "'$CORACLE' image mount --all" | wc -l)" 2
    run -125 --separate-stderr inside "'$CORACLE' image mount -a bb"
    one_error "when using the --all switch, you may not pass any image names or IDs"
    run -125 --separate-stderr inside "'$CORACLE' image mount --format foo"
    one_error 'unknown --format argument: "foo"'
    run -125 --separate-stderr inside "'$CORACLE' image mount none"
    one_error "none: image not known"
    run -125 --separate-stderr inside "'$CORACLE' image unmount"
    one_error "image name or ID must be specified"
    is "$(inside "'$CORACLE' image unmount -a" | wc -l)" 2
    run -0 inside "'$CORACLE' image unmount bb"
    is "$output" ""
}

@test "a mounted image is not removed, but by force; a busy one is not unmounted, but by force" {
    coracle tag bb localhost/once:1
    coracle load -q -i "$IMAGES/layers60.tar" >/dev/null
    inside "'$CORACLE' image mount layers60" >/dev/null
    run -2 --separate-stderr coracle rmi layers60
    has "$stderr" "is mounted at"
    run -125 --separate-stderr inside "cd \$('$CORACLE' image mount layers60) && '$CORACLE' image unmount layers60 && '$CORACLE' image unmount layers60"
    has "$stderr" "somebody works in it"
    run -0 coracle rmi -f layers60
    is "$(inside "'$CORACLE' image mount")" ""
    coracle untag localhost/once:1 localhost/once:1
    store_is_clean
}

@test "image diff says what podman says" {
    local args
    for args in bb app:1 "app:1 bb" "bb app:1" "bb bb"; do
        run -0 coracle image diff $args
        local ours=$output
        run -0 podman image diff $args
        is "$(sort <<<"$ours")" "$(sort <<<"$output")" "image diff $args"
    done
    for args in app:1 "bb app:1" "bb bb"; do
        is "$(coracle image diff --format json $args | jq -S 'map_values(sort)')" \
            "$(podman image diff --format json $args | jq -S 'map_values(sort)')" "image diff --format json $args"
    done
    run -125 --separate-stderr coracle image diff none
    one_error "none not found: none: image not known"
    run -125 --separate-stderr coracle image diff --format foo bb
    one_error "only supported value for '--format' is 'json'"
    run -125 --separate-stderr coracle image diff
    one_error "accepts between 1 and 2 arg(s), received 0"
}

@test "image diff of a layer that changes, adds and deletes" {
    local d
    d=$(scratch)
    mkdir -p "$d/l/etc" "$d/l/new/sub"
    echo changed >"$d/l/etc/passwd"
    touch "$d/l/etc/.wh.group" "$d/l/new/sub/file"
    python3 - "$IMAGES/bb.oci" "$d" <<'PY'
import hashlib, io, json, os, shutil, sys, tarfile
src, d = sys.argv[1:]
out = d + "/oci"
shutil.copytree(src, out)
def blob(digest): return json.load(open(f"{out}/blobs/sha256/" + digest.split(":")[1]))
def put(data):
    h = hashlib.sha256(data).hexdigest()
    open(f"{out}/blobs/sha256/{h}", "wb").write(data)
    return {"digest": "sha256:" + h, "size": len(data)}
index = json.load(open(out + "/index.json"))
manifest = blob(index["manifests"][0]["digest"])
config = blob(manifest["config"]["digest"])
raw = io.BytesIO()
with tarfile.open(fileobj=raw, mode="w") as t: t.add(d + "/l", ".", filter=lambda i: (setattr(i, "uid", 0), setattr(i, "gid", 0), i)[2])
layer = put(raw.getvalue())
config["rootfs"]["diff_ids"].append(layer["digest"])
config.pop("history", None)
manifest["layers"].append({"mediaType": "application/vnd.oci.image.layer.v1.tar"} | layer)
manifest["config"] |= put(json.dumps(config).encode())
index["manifests"] = [{"mediaType": "application/vnd.oci.image.manifest.v1+json"} | put(json.dumps(manifest).encode())]
json.dump(index, open(out + "/index.json", "w"))
PY
    local id
    id=$(coracle load -q -i "$d/oci" | sed 's/^Loaded image: //')
    is "$(coracle image diff "$id")" "C /etc
D /etc/group
C /etc/passwd
A /new
A /new/sub
A /new/sub/file"
    coracle rmi -f "$id" >/dev/null
}

# A program ssh on PATH that runs the command here, as another data directory.
fake_ssh() {
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/ssh" <<SH
#!/bin/sh
echo "\$@" >>$BATS_TEST_TMPDIR/ssh
[ "\$1" = -- ] || exit 99
PATH=$BATS_TEST_TMPDIR/there:\$PATH CORACLE_ROOT=$FILE_DIR/there exec sh -c "\$3"
SH
    mkdir -p "$BATS_TEST_TMPDIR/there"
    ln -s "$CORACLE" "$BATS_TEST_TMPDIR/there/coracle"
    chmod +x "$BATS_TEST_TMPDIR/bin/ssh"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
}
there() { CORACLE_SESSION_IDLE=0 CORACLE_ROOT=$FILE_DIR/there "$CORACLE" "$@"; }

@test "image scp to a host and from one, through ssh" {
    export CORACLE_SESSION_IDLE=0
    fake_ssh
    run -0 coracle image scp bb me@far.test::
    has "$output" "Loaded image: localhost/bb:latest"
    matches "$(cat "$BATS_TEST_TMPDIR/ssh")" '^-- me@far.test .*coracle load'
    there image exists bb
    there tag bb localhost/theirs:1
    run -0 coracle image scp -q far.test::localhost/theirs:1
    coracle image exists localhost/theirs:1
    coracle untag localhost/theirs:1 localhost/theirs:1
    run -125 --separate-stderr coracle image scp far.test::none
    has "$stderr" "none: image not known"
    has "$stderr" "saving the image: ssh ended with code 125"
    there rmi -fa >/dev/null
}

@test "image scp to another user of this machine and from one, through sudo" {
    export CORACLE_SESSION_IDLE=0
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    # sudo that becomes nobody else, but has another data directory.
    cat >"$BATS_TEST_TMPDIR/bin/sudo" <<SH
#!/bin/sh
echo "\$1 \$2 \$3 \$4 \$5 \$6" >>$BATS_TEST_TMPDIR/sudo
shift 4
CORACLE_ROOT=$FILE_DIR/there exec "\$@"
SH
    chmod +x "$BATS_TEST_TMPDIR/bin/sudo"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
    run -0 coracle image scp bb other@localhost::
    has "$output" "Loaded image: localhost/bb:latest"
    is "$(cat "$BATS_TEST_TMPDIR/sudo")" "-i -u other -- sh -c"
    is "$(there image inspect -f '{{.Id}}' bb)" "$(coracle image inspect -f '{{.Id}}' bb)"
    there tag bb localhost/others:1
    run -0 coracle image scp -q other@localhost::localhost/others:1
    coracle image exists localhost/others:1
    coracle untag localhost/others:1 localhost/others:1
    run -125 --separate-stderr coracle image scp other@localhost::none
    has "$stderr" "saving the image: sudo ended with code 125"
    there rmi -fa >/dev/null
}

@test "image scp refuses what would be options or shell on the other side" {
    fake_ssh
    local bad
    for bad in "-oProxyCommand=x::bb" "a;b::bb" "far::bb';id'" "far::\$(id)" "u v@far::bb" "far::" "::bb" "bb"; do
        run -125 --separate-stderr coracle image scp -- "$bad"
        one_error
    done
    run -125 --separate-stderr coracle image scp bb other
    one_error "the destination must be HOST::"
    [ ! -e "$BATS_TEST_TMPDIR/ssh" ]
}
