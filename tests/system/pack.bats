#!/usr/bin/env bats
# Images that are not in one's own store: packed files, and stores that many read.
load suite
load registry

setup_file() {
    need jq mksquashfs docker-registry skopeo
    [ -w /dev/fuse ] || skip "no /dev/fuse here"
    only_coracle
    start_root bb app
    start_registry
    use_registry
    SHARED=$FILE_DIR/shared
    export SHARED
    mkdir "$SHARED"
    coracle image pack "$APP" "$SHARED/app.packed"
    coracle image pack "$BB" "$SHARED/bb.packed"
    coracle image pack --store "$SHARED/store" "$BB" >/dev/null
    printf '[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = ["%s"]\n' "$SHARED/store" >"$SHARED/storage.conf"
    chmod -R a-w "$SHARED/store" # read-only from here on
}

teardown_file() {
    stop_registries
    [ ! -d "$FILE_DIR/shared" ] || chmod -R u+w "$FILE_DIR/shared"
    end_root
}

teardown() {
    reader rm -fa -t0 >/dev/null 2>&1 || true
    clean
}

# Another user's data directory, without an image of its own.
reader() { ROOT=$FILE_DIR/alt-reader coracle "$@"; }

@test "pack: one file, made whole; what is no image, or no place for one, is refused" {
    local d
    d=$(scratch)
    is "$(tail -c 128 "$SHARED/app.packed" | cut -d' ' -f1)" coracle-packed-1
    is "$(head -c 4 "$SHARED/app.packed")" hsqs
    run -125 --separate-stderr coracle image pack nothing-of-the-kind "$d/x"
    one_error "image not known"
    run -125 --separate-stderr coracle image pack "$BB" "$d"
    one_error "no file"
    run -125 --separate-stderr coracle image pack "$BB" "$d/missing/x"
    run -125 --separate-stderr coracle image pack --compression rar "$BB" "$d/x"
    one_error "unknown compression"
    is "$(ls -A "$d")" ""
    for how in lz4 gzip xz none; do
        coracle image pack --compression $how "$BB" "$d/$how"
        is "$(coracle run --rm --network none "packed:$d/$how" echo $how)" $how
    done
}

@test "run packed:FILE: config, owners, modes, writing and reading as from the image itself" {
    local look='cd /; find bin etc home opt srv usr var 2>/dev/null | sort | xargs stat -c "%n %a %u %g %F" | md5sum; id; env | sort; pwd'
    is "$(coracle run --rm --network none --hostname h --entrypoint sh "packed:$SHARED/app.packed" -c "$look")" \
        "$(coracle run --rm --network none --hostname h --entrypoint sh "$APP" -c "$look")"
    is "$(coracle run --rm --network none "packed:$SHARED/bb.packed" sh -c 'echo new >/etc/hosts2; cat /etc/hosts2')" new
    run ! coracle run --rm --network none --read-only "packed:$SHARED/bb.packed" sh -c 'echo new >/etc/hosts2'
    is "$(coracle run --rm --network none --userns keep-id "packed:$SHARED/bb.packed" id -u)" "$(id -u)"
    is "$(coracle run --rm --network none --mount "type=image,src=packed:$SHARED/bb.packed,dst=/i" "$BB" sh -c 'test -e /i/bin && echo yes')" yes
}

@test "a packed image serves exec, stop, start, cp, diff, inspect; one process serves all, and ends with the last" {
    coracle run -d --name one "packed:$SHARED/bb.packed" sleep 1000 >/dev/null
    coracle run -d --name two "packed:$SHARED/bb.packed" sleep 1000 >/dev/null
    is "$(pgrep -fc "coracle-packed $ROOT")" 1 "processes"
    is "$(coracle exec one echo in)" in
    coracle exec one sh -c 'echo x >/root/x'
    has "$(coracle diff one)" "A /root/x"
    is "$(coracle inspect -f '{{.Image}}' one)" "$(coracle inspect --type image -f '{{.Id}}' "$BB")"
    coracle rm -ft0 two >/dev/null
    is "$(coracle exec one cat /root/x)" x
    coracle stop -t0 one >/dev/null
    eventually eval '! pgrep -f "coracle-packed $ROOT"'
    is "$(coracle cp one:/root/x - | tar xO)" x
    coracle start one >/dev/null
    is "$(coracle exec one cat /root/x)" x
    coracle commit -q one localhost/new >/dev/null
    is "$(coracle image inspect -f '{{len .RootFS.Layers}}' localhost/new)" 2
    is "$(coracle image inspect -f '{{json .Config.Env}} {{.Architecture}}' localhost/new)" \
        "$(coracle image inspect -f '{{json .Config.Env}} {{.Architecture}}' "$BB")"
    is "$(coracle run --rm --network none localhost/new cat /root/x)" x
    coracle rmi localhost/new >/dev/null
    coracle rm -ft0 one >/dev/null
    eventually eval '! pgrep -f "coracle-packed $ROOT"'
}

# What of an image's files has to be the same in a copy, and its settings.
looks_like() { # IMAGE IMAGE
    local look='cd /; find bin etc home opt root srv usr var 2>/dev/null | sort | xargs stat -c "%n %a %u %g %F"
        find bin home opt root srv usr -type f 2>/dev/null | sort | xargs stat -c "%n %s %Y"'
    local settings='{{json .Config.Env}} {{json .Config.Cmd}} {{.Config.WorkingDir}} {{.Architecture}} {{.Created}}'
    is "$(coracle run --rm --network none -u 0 --entrypoint sh "$1" -c "$look")" \
        "$(coracle run --rm --network none -u 0 --entrypoint sh "$2" -c "$look")"
    is "$(coracle image inspect -f "$settings" "$1")" "$(coracle image inspect -f "$settings" "$2")"
}

@test "save and push: a packed image, or one of a store, goes as one layer" {
    local d digest before
    d=$(scratch)
    before=$(coracle images -aq --no-trunc)
    run -0 coracle save -q -o "$d/app.tar" "packed:$SHARED/app.packed"
    is "$(tar xOf "$d/app.tar" manifest.json | jq -c '.[0].RepoTags, (.[0].Layers | length)')" $'[]\n1'
    # The same files are the same image, whatever it is written as.
    run -0 coracle save -q --format oci-archive -o "$d/app.oci" "packed:$SHARED/app.packed"
    run -0 coracle push -q --digestfile "$d/one" "packed:$SHARED/app.packed" "oci:$d/layout:x"
    run -0 coracle push -q --digestfile "$d/two" "packed:$SHARED/app.packed" "dir:$d/dir"
    is "$(tar xOf "$d/app.oci" index.json | jq -r '.manifests[0].digest')" "$(cat "$d/one")"
    digest=$(jq -r '.config.digest' "$d/dir/manifest.json")
    is "${digest#sha256:}.json" "$(tar xOf "$d/app.tar" manifest.json | jq -r '.[0].Config')"
    # One line of the history is that layer's, and the others have none.
    jq -e '[.history[] | select(.empty_layer | not)] | length == 1' "$d/dir/${digest#sha256:}"
    reader load -q -i "$d/app.tar" >/dev/null
    reader tag "${digest#sha256:}" localhost/copy
    ROOT=$FILE_DIR/alt-reader looks_like localhost/copy "packed:$SHARED/app.packed"
    # By its name in a store, and by two names it is one image.
    CONTAINERS_STORAGE_CONF=$SHARED/storage.conf reader save -q -o "$d/bb.tar" "$BB" "${BB#localhost/}" packed:"$SHARED/bb.packed"
    is "$(tar xOf "$d/bb.tar" manifest.json | jq -c '.[0].RepoTags, length')" "[\"$BB:latest\"]"$'\n1'
    reader rmi -fa >/dev/null
    # Unpacked it belongs to who made it, which was root in the image.
    coracle image pack --store "$d/unpacked" --unpacked "$BB" >/dev/null
    coracle save -q -o "$d/un.tar" "store:$d/unpacked#$(coracle inspect --type image -f '{{.Id}}' "$BB")"
    tar xf "$d/un.tar" -C "$(mkdir "$d/un" && echo "$d/un")"
    is "$(tar tvzf "$d/un/$(jq -r '.[0].Layers[0]' "$d/un/manifest.json")" --numeric-owner | awk '{print $2}' | sort -u)" 0/0
    run -125 --separate-stderr coracle push "packed:$SHARED/app.packed"
    one_error "needs a destination"
    is "$(coracle images -aq --no-trunc)" "$before" "the store"
    is "$(find "$ROOT/staging" -mindepth 1)" "" "staging"
}

@test "push of an image of a store to a registry, under its own name" {
    local full=$REG/packed/bb:1
    coracle tag "$BB" "$full"
    coracle image pack --store "$FILE_DIR/named" "$full" >/dev/null
    printf '[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = ["%s"]\n' "$FILE_DIR/named" >"$FILE_DIR/named.conf"
    CONTAINERS_STORAGE_CONF=$FILE_DIR/named.conf reader push -q --tls-verify=false "$full"
    CONTAINERS_STORAGE_CONF=$FILE_DIR/named.conf reader push -q --tls-verify=false "$full" "$REG/packed/other:1"
    is "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$full")" \
        "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/packed/other:1")"
    reader pull -q --tls-verify=false "$full" >/dev/null
    ROOT=$FILE_DIR/alt-reader looks_like "$full" "packed:$SHARED/bb.packed"
    reader rmi -fa >/dev/null
    coracle rmi "$full" >/dev/null
}

@test "a file that was cut, changed or is something else is refused; a damaged tree is an error to who reads it" {
    local d
    d=$(scratch)
    echo hello >"$d/text"
    head -c 100000 "$SHARED/bb.packed" >"$d/cut"
    { cat "$SHARED/bb.packed"; echo more; } >"$d/longer"
    sed 's/"sha256:/"sha257:/' "$SHARED/bb.packed" >"$d/other"
    for f in text cut longer other; do
        run -125 --separate-stderr coracle run --rm "packed:$d/$f" true
        one_error "packed image"
    done
    run -125 --separate-stderr coracle run --rm "packed:$d/missing" true
    one_error "no such file"
    # The superblock's place of the inodes points nowhere: whatever is made of that, nothing hangs and nothing is left.
    cp "$SHARED/bb.packed" "$d/inodes"
    printf '\377\377\377\177' | dd of="$d/inodes" bs=1 seek=64 conv=notrunc status=none
    run coracle run --rm --network none "packed:$d/inodes" true
    [ "$status" != 0 ]
    # Every tenth byte of the metadata at the end of the tree is turned.
    python3 - "$SHARED/bb.packed" "$d/turned" <<'PY'
import struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
inodes, used = struct.unpack_from("<Q", b, 64)[0], struct.unpack_from("<Q", b, 40)[0]
for i in range(inodes, used, 10):
    b[i] ^= 0x55
open(sys.argv[2], "wb").write(b)
PY
    run coracle run --rm --network none "packed:$d/turned" true
    [ "$status" != 0 ]
    is "$(coracle run --rm --network none "packed:$SHARED/bb.packed" echo fine)" fine
}

@test "coracle-packed keeps no rights: no capability, a filter, an empty root, only the image open" {
    local pid
    coracle run -d --name c "packed:$SHARED/bb.packed" sleep 1000 >/dev/null
    pid=$(pgrep -f "coracle-packed $ROOT")
    has "$(cat "/proc/$pid/status")" $'CapEff:\t0000000000000000'
    has "$(cat "/proc/$pid/status")" $'Seccomp:\t2'
    has "$(cat "/proc/$pid/status")" $'NoNewPrivs:\t1'
    coracle rm -ft0 c >/dev/null
}

@test "a killed coracle-packed is an error to its containers, and the next one has a new one" {
    coracle run -d --name c "packed:$SHARED/bb.packed" sleep 1000 >/dev/null
    pkill -KILL -f "coracle-packed $ROOT"
    run ! timeout 20 "$CORACLE" --root "$ROOT" exec c ls /var/lib
    is "$(coracle run --rm --network none "packed:$SHARED/bb.packed" echo again)" again
    coracle rm -ft0 c >/dev/null
}

@test "a store that is read-only serves another user's directory: listed, run, never written to" {
    local before
    before=$(find "$SHARED/store" | sort | xargs stat -c '%n %Y %Z')
    export CONTAINERS_STORAGE_CONF=$SHARED/storage.conf
    is "$(reader images --format '{{.Repository}}:{{.Tag}} {{.ReadOnly}}')" "$BB:latest true"
    is "$(reader images -q --filter readonly=false)" ""
    is "$(reader run --rm --network none bb echo shared)" shared
    is "$(reader run --rm --network none "$(reader images -q)" echo by-id)" by-id
    is "$(reader image exists bb; echo $?)" 0
    reader run -d --name c bb sleep 1000 >/dev/null
    has "$(reader ps)" "$BB"
    is "$(reader ps -q --filter ancestor=bb | wc -l)" 1
    reader rm -ft0 c >/dev/null
    run -125 --separate-stderr reader rmi bb
    has "$stderr" "read-only"
    # With --storage-driver a file says where stores are, and nothing about drivers.
    sed '$a[storage.options.overlay]\nsize = "4M"' "$SHARED/storage.conf" >"$FILE_DIR/sized.conf"
    CONTAINERS_STORAGE_CONF=$FILE_DIR/sized.conf
    is "$(reader run --rm --network none bb df -k / | awk 'END { print $2 }')" 4096
    [ "$(reader --storage-driver fuse-overlay run --rm --network none bb df -k / | awk 'END { print $2 }')" -gt 4096 ]
    unset CONTAINERS_STORAGE_CONF
    is "$(reader images -q)" ""
    is "$(reader --storage-opt "additionalimagestore=$SHARED/store" images -q | wc -l)" 1
    run -125 --separate-stderr reader --storage-opt additionalimagestore=relative images
    one_error "not an absolute path"
    is "$(find "$SHARED/store" | sort | xargs stat -c '%n %Y %Z')" "$before"
}

@test "a store is filled and emptied while others run from it" {
    local store=$FILE_DIR/shared/busy option
    option="additionalimagestore=$store"
    coracle image pack --store "$store" "$BB" "$APP" >/dev/null
    is "$(reader --storage-opt "$option" images -q | wc -l)" 2
    reader --storage-opt "$option" run -d --name c --entrypoint sleep app:1 1000 >/dev/null
    coracle image pack --store "$store" --remove app:1 >/dev/null
    is "$(reader --storage-opt "$option" images --format '{{.Repository}}')" "$BB"
    is "$(reader --storage-opt "$option" exec c sh -c 'test -s /etc/passwd && echo still')" still
    is "$(reader --storage-opt "$option" inspect -f '{{.State.Status}}' c)" running
    reader --storage-opt "$option" rm -ft0 c >/dev/null
    mv "$store" "$store.old"
    run -125 --separate-stderr reader --storage-opt "$option" run --rm --pull never bb true
    has "$stderr" "image not known"
    coracle image pack --store "$store.new" --unpacked "$BB" >/dev/null
    mv "$store.new" "$store"
    is "$(reader --storage-opt "$option" run --rm --network none --pull never bb echo plain)" plain
    chmod -R u+w "$store" "$store.old"
    rm -rf "$store" "$store.old"
}
