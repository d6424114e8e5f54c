#!/usr/bin/env bats
# What is wrong from outside: one clear line, the right exit code, nothing half-made.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() { only_coracle; BEFORE=$(inventory); }
# Whatever was refused has left no trace: the same images, layers and blobs as before, and a store that checks clean.
teardown() {
    testing_podman && return 0
    clean
    is "$(inventory)" "$BEFORE" "what is on disk"
    store_is_clean
}
inventory() {
    coracle images -a --no-trunc --format '{{.ID}} {{.Names}}' | sort
    (cd "$ROOT" && ls layers blobs/sha256 2>/dev/null)
}

refused() { # FILE PART...
    local file=$1
    shift
    run -125 --separate-stderr coracle load -q -i "$IMAGES/bad/$file"
    is "$output" ""
    one_error "$@"
}

@test "load: truncated archives" {
    refused truncated.tar
    refused truncated.tar.gz
    refused empty.tar
}

@test "load: no archive at all, a directory that holds no image, a file that isn't there" {
    refused text.tar
    run -125 --separate-stderr coracle load -i /usr/share/doc
    one_error /usr/share/doc
    run -125 --separate-stderr coracle load -i /no/such/file
    one_error /no/such/file
    run -125 --separate-stderr bash -c "$(coracle_words) load </dev/null"
    one_error
}

@test "load: a layer whose content isn't what its digest says" {
    refused wrong-digest.oci
    refused wrong-diffid.oci
}

@test "load: blobs that are missing or too short" {
    refused missing-blob.oci
    refused short-blob.oci
    refused missing-layer.tar
}

@test "load: invalid JSON, wrong types, no manifest" {
    refused bad-json.tar
    refused wrong-type.tar
    refused bad-index.oci
    refused bad-config.tar
    refused no-manifest.tar
    refused no-layout.oci
}

@test "load: unknown media type" {
    refused unknown-media.oci application/vnd.example.unknown
}

@test "load: a name that no image can have" {
    refused bad-name.tar "UPPER CASE"
}

@test "load: hostile layers never reach outside" {
    local kind
    touch /tmp/coracle-victim
    for kind in dotdot absolute symlink updir-symlink hardlink whiteout dots-whiteout; do
        run --separate-stderr coracle load -q -i "$IMAGES/bad/hostile-$kind.tar"
        # Refused with a clear line, or unpacked inside where it can do no harm.
        if [ "$status" = 0 ]; then
            coracle run --rm localhost/hostile:$kind true
            coracle rmi -f localhost/hostile:$kind >/dev/null
        else
            is "$status" 125
            one_error
        fi
        [ ! -e /tmp/coracle-escaped ] || fail "$kind wrote outside"
        [ -e /tmp/coracle-victim ] || fail "$kind removed outside"
    done
    rm -f /tmp/coracle-victim
}

@test "load: not readable" {
    # of one's own files none is closed: in the session's user namespace their owner is root
    run -125 --separate-stderr coracle load -i /etc/shadow
    one_error /etc/shadow "permission denied"
}

@test "import: rubbish" {
    run -125 --separate-stderr coracle import "$IMAGES/bad/text.tar" localhost/x
    one_error
    run -125 --separate-stderr coracle import /no/such/file localhost/x
    one_error /no/such/file
}

@test "a full disk while loading: nothing half-made, and it works when there is room" {
    # A user may mount a small tmpfs in namespaces of her own.
    unshare -Urm --map-auto true 2>/dev/null || skip "no user namespaces with ids"
    cat >"$FILE_DIR/full" <<SCRIPT
set -u
mkdir -p $FILE_DIR/small
mount -t tmpfs -o size=3m small $FILE_DIR/small
c="$CORACLE --root $FILE_DIR/small/root"
\$c load -q -i $IMAGES/layers60.tar 2>$FILE_DIR/err
echo "code \$?"
\$c images -q | wc -l
ls $FILE_DIR/small/root/layers $FILE_DIR/small/root/staging 2>/dev/null | grep -c '^[0-9a-f]\{8,\}'
mount -o remount,size=100m $FILE_DIR/small
\$c system check >/dev/null; echo "check \$?"
\$c load -q -i $IMAGES/layers60.tar >/dev/null; echo "again \$?"
\$c run --rm localhost/layers60
CORACLE_SESSION_IDLE=0 \$c ps >/dev/null
sleep 3
SCRIPT
    run unshare -Urm --map-auto bash "$FILE_DIR/full"
    is "$output" $'code 125\n0\n0\ncheck 0\nagain 0\n59'
    is "$(wc -l <"$FILE_DIR/err")" 1 "$(cat "$FILE_DIR/err")"
    has "$(cat "$FILE_DIR/err")" "No space left"
}

@test "a full disk while running: the program sees it, coracle goes on" {
    run coracle run --rm --tmpfs /s:size=1m $BB sh -c 'dd if=/dev/zero of=/s/f bs=1M count=5 2>&1; echo after'
    has "$output" "No space left"
    has "$output" after
}

@test "no permission for the data directory" {
    run -125 --separate-stderr "$CORACLE" --root /root/coracle ps
    one_error /root/coracle
    run -125 --separate-stderr "$CORACLE" --root /proc/coracle ps
    one_error /proc
    echo file >"$FILE_DIR/file"
    run -125 --separate-stderr "$CORACLE" --root "$FILE_DIR/file" ps
    one_error "$FILE_DIR/file"
}

@test "a damaged database is named, not overwritten" {
    local dir; dir=$(scratch)
    mkdir "$dir/root"
    head -c 20000 /dev/urandom >"$dir/root/state.db"
    local sum; sum=$(md5sum <"$dir/root/state.db")
    run -125 --separate-stderr "$CORACLE" --root "$dir/root" ps
    one_error state.db
    is "$(md5sum <"$dir/root/state.db")" "$sum"
    for _ in $(seq 80); do
        pgrep -f "coracle-session.*$dir/root" >/dev/null || break
        sleep 0.1
    done
}

@test "unknown commands and flags suggest the near one" {
    run -125 --separate-stderr coracle rnu $BB
    has "$stderr" "rnu"
    has "$stderr" "run"
    run -125 --separate-stderr coracle run --detahc $BB true
    has "$stderr" "unknown flag: --detahc"
    has "$stderr" "--detach"
    run -125 --separate-stderr coracle run -Z $BB true
    has "$stderr" "unknown shorthand flag"
    run -125 --separate-stderr coracle --nonsense ps
    has "$stderr" "--nonsense"
    run -125 --separate-stderr coracle volume nonsense
    has "$stderr" nonsense
}

@test "missing and superfluous arguments" {
    local verb
    for verb in run create rm start stop kill exec logs inspect rmi tag attach wait rename "volume rm" "volume inspect" "image exists"; do
        run --separate-stderr coracle $verb
        is "$status" 125 "$verb"
        matches "$stderr" '^Error: ' "$verb"
    done
    run -125 --separate-stderr coracle rename a
    run -125 --separate-stderr coracle ps extra
    run -125 --separate-stderr coracle run --name
    has "$stderr" "flag needs an argument"
    run -125 --separate-stderr coracle run --stop-timeout abc $BB true
    has "$stderr" abc
}

@test "values that are wrong name the flag and the value" {
    local args
    while read -r args; do
        run -125 --separate-stderr coracle run --rm $args $BB true
        matches "${stderr_lines[0]}" '^Error: ' || fail "$args: $stderr"
        local value=${args##* }
        has "$stderr" "${value##*=}" || fail "$args: $stderr"
    done <<'TABLE'
--memory 12x
--shm-size -5
--cpus abc
--pids-limit many
--ulimit nofile
--network nonsense
--restart sometimes
--env-file /no/such/env
--label-file /no/such/labels
--tmpfs relative
--volume :
--security-opt bogus=1
--userns keep-id:uid=abc
--cap-add NOPE
--sysctl nonsense
--add-host x
--stop-signal SIGNOPE
--umask 99
TABLE
}

@test "very long and odd arguments" {
    local long; long=$(head -c 100000 /dev/zero | tr '\0' a)
    run -0 coracle run --rm -e "LONG=$long" $BB sh -c 'echo ${#LONG}'
    is "$output" 100000
    run -0 coracle run --rm $BB echo $'tab\tnewline\nquote"back\\slash \x01 ümläut'
    is "$output" $'tab\tnewline\nquote"back\\slash \x01 ümläut'
    run -125 --separate-stderr coracle run --rm --name "$long" $BB true
    matches "$stderr" '^Error: '
    run -125 --separate-stderr coracle inspect ''
    matches "$stderr" '^Error: '
}

@test "exec and logs of what isn't there, templates that are wrong" {
    run -125 --separate-stderr coracle inspect --format '{{.Nope}}' $BB
    has "$stderr" Nope
    run -125 --separate-stderr coracle images --format '{{'
    matches "$stderr" '^Error: '
    run -125 --separate-stderr coracle ps --filter nonsense
    one_error nonsense
}
