#!/usr/bin/env bats
# An image that somebody with one id makes has the owners and modes that podman with full ranges gives it. As root, since
# two users take part: coracle-single, and coracle-test with podman.
load suite

OWNERS=$TESTS/single-owners

setup_file() {
    FILE_DIR=$(mktemp -d "$BASE/w-root/same.XXX")
    THEIRS=$(as coracle-test "mktemp -d $BASE/w-coracle-test/same.XXX")
    export FILE_DIR THEIRS REPO=$FILE_DIR/repo
    chmod 711 "$FILE_DIR" "$THEIRS"
    install -d -o coracle-single "$FILE_DIR/single"
    mkdir "$REPO"
    cp "$DEBS"/*.deb "$REPO"
    index_packages "$REPO"
    single load -q -i "$IMAGES/debian.tar" >/dev/null 2>&1
}

teardown_file() {
    [ -n "${FILE_DIR:-}" ] || return 0
    their rm -fa -t 0 >/dev/null 2>&1 || true
    as coracle-test "unshare --user --map-root-user --map-auto rm -rf $THEIRS ${THEIRS%/*}/p.${THEIRS##*.}"
    TRIES=300 eventually eval '[ -z "$(pgrep -u coracle-single -f "coracle-session.*$FILE_DIR")" ]'
    rm -rf "$FILE_DIR"
}

as() { su - "$1" -c "$2"; }

single() {
    local words
    words=$(printf '%q ' "$CORACLE" --root "$FILE_DIR/single/root" "$@")
    timeout --foreground -k 5 120 su - coracle-single -c "umask 022; CORACLE_SESSION_IDLE=2 $words"
}

their() {
    local words
    words=$(printf '%q ' "$TESTS/podman-here" "$@")
    timeout --foreground -k 5 150 su - coracle-test -c "umask 022; FILE_DIR=$THEIRS $words"
}

# "MODE OWNER NAME" of the last layer of a saved image, but for what differs from run to run.
layer_of() { # TAR
    local dir layer
    dir=$(mktemp -d "$FILE_DIR/x.XXXXXX")
    tar -C "$dir" -xf "$1"
    layer=$(sed 's/.*"Layers":\[\([^]]*\)\].*/\1/; s/.*,//; s/"//g' "$dir/manifest.json")
    LC_ALL=C tar --numeric-owner -tvf "$dir/$layer" | awk '{ $3 = $4 = $5 = ""; print }' | tr -s ' ' |
        sed -e 's,/ *$,,' -e 's, \./, ,' |
        grep -vE ' (\.|dev|proc|sys|run|run/.*|etc/(hosts|hostname|resolv.conf)|etc/mtab -> .*|.*/\.wh\.\.wh\.\.opq)?$' |
        LC_ALL=C sort -k3 -u
}

@test "single id: what a container with packages and users is saved as has podman's owners and modes" {
    need podman
    single run --name c --network none -v "$REPO:/repo:ro" -v "$OWNERS:/owners:ro" $DEBIAN sh /owners >"$FILE_DIR/ours" 2>&1 ||
        fail "$(cat "$FILE_DIR/ours")"
    their run --name c --network none -v "$REPO:/repo:ro" -v "$OWNERS:/owners:ro" $DEBIAN sh /owners >"$FILE_DIR/theirs" 2>&1 ||
        fail "$(cat "$FILE_DIR/theirs")"
    # What the container itself saw of its files.
    is "$(sed -n '/^SEEN/,$p' "$FILE_DIR/ours")" "$(sed -n '/^SEEN/,$p' "$FILE_DIR/theirs")"
    single commit -q c localhost/same >/dev/null
    their commit -q c localhost/same >/dev/null 2>&1
    single save -q -o "$FILE_DIR/single/ours.tar" localhost/same >/dev/null
    their save -q -o "$THEIRS/theirs.tar" localhost/same >/dev/null 2>&1
    layer_of "$FILE_DIR/single/ours.tar" >"$FILE_DIR/ours.txt"
    layer_of "$THEIRS/theirs.tar" >"$FILE_DIR/theirs.txt"
    [ "$(wc -l <"$FILE_DIR/ours.txt")" -gt 300 ] || fail "only $(wc -l <"$FILE_DIR/ours.txt") files"
    diff "$FILE_DIR/theirs.txt" "$FILE_DIR/ours.txt" || fail "owners or modes differ from podman's"
}

@test "single id: a user with ranges, but without newuidmap, has what one id gives" {
    local words dir
    dir=$(as coracle-test "mktemp -d $THEIRS/hidden.XXX")
    words=$(printf '%q ' "$CORACLE" --root "$dir/root")
    cat >"$dir/script" <<END
export CORACLE_SESSION_IDLE=1
$words load -q -i $IMAGES/bb.tar >/dev/null
$words run --rm -u app $BB sh -c 'id -u; stat -c %u:%g /home/app; wc -l </proc/self/uid_map'
END
    chmod a+r "$dir/script"
    run -0 --separate-stderr timeout --foreground -k 5 120 unshare -m --propagation private sh -ec "
        for p in newuidmap newgidmap; do mount --bind /dev/null \"\$(command -v \$p)\"; done
        exec su - coracle-test -c 'sh -e $dir/script'"
    is "$output" $'1000\n1000:1000\n1'
    has "$stderr" newuidmap
    TRIES=300 eventually eval '[ -z "$(pgrep -u coracle-test -f "coracle-session.*$dir")" ]'
    as coracle-test "rm -rf $dir"
}
