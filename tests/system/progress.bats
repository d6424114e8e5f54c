#!/usr/bin/env bats
# Progress: podman's lines without a terminal; on one, bars that survive resizing and Ctrl-C.
load suite
load registry

setup_file() {
    need docker-registry skopeo python3
    start_root bb
    export REGISTRY_AUTH_FILE=$FILE_DIR/auth.json CONTAINERS_REGISTRIES_CONF=$FILE_DIR/registries.conf
    start_registry
    export PLAIN R
    echo '{}' >"$REGISTRY_AUTH_FILE"
    make_big "$FILE_DIR/big"
    skopeo_copy "oci:$FILE_DIR/big" "docker://$PLAIN/big:1"
    skopeo_copy "docker-archive:$IMAGES/bb.tar" "docker://$PLAIN/bb:1"
}

teardown_file() {
    stop_registries
    end_root
}

setup() {
    insecure "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    RAW=$BATS_TEST_TMPDIR/raw
    export RAW
}

teardown() {
    [ -z "${SLOW_PID:-}" ] || kill "$SLOW_PID" 2>/dev/null || true
    coracle rmi -f "$(coracle images -q big)" >/dev/null 2>&1 || true
    clean
}

make_big() { make_layout "$1" "${2:-1000000}" "${2:-1000000}"; }

slow() { # BYTES_PER_SECOND
    rm -f "$BATS_TEST_TMPDIR/port"
    "$BATS_TEST_DIRNAME/slow_registry.py" "${PLAIN#*:}" "$1" >"$BATS_TEST_TMPDIR/port" 2>"$BATS_TEST_TMPDIR/requests" 3>&- &
    SLOW_PID=$!
    until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.05; done
    SLOW=127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
    insecure "$SLOW" >>"$CONTAINERS_REGISTRIES_CONF"
}

on_terminal() { "$BATS_TEST_DIRNAME/on_terminal.py" "$@"; }

# No bar, and no half of one, is left on the screen.
no_bars() {
    hasnt "$output" "["
    hasnt "$output" "/s |"
    hasnt "$output" "Unpacking"
}

@test "without a terminal: the lines that podman prints, for pull, push, load and save" {
    local ours
    coracle rmi -f bb >/dev/null
    coracle pull "$PLAIN/bb:1" 2>"$BATS_TEST_TMPDIR/ours" >"$BATS_TEST_TMPDIR/id"
    podman rmi "$PLAIN/bb:1" >/dev/null 2>&1 || true
    podman pull --tls-verify=false "$PLAIN/bb:1" 2>"$BATS_TEST_TMPDIR/theirs" >"$BATS_TEST_TMPDIR/their-id"
    diff "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
    diff "$BATS_TEST_TMPDIR/id" "$BATS_TEST_TMPDIR/their-id"
    podman rmi "$PLAIN/bb:1" >/dev/null
    coracle push "$PLAIN/bb:1" "$PLAIN/copy:1" 2>"$BATS_TEST_TMPDIR/ours"
    is "$(sed 's/ sha256:.*//' "$BATS_TEST_TMPDIR/ours")" "$(podman push --tls-verify=false bb "$PLAIN/copy:2" 2>&1 | sed 's/ sha256:.*//')"
    coracle save -o "$BATS_TEST_TMPDIR/a.tar" "$PLAIN/bb:1" 2>"$BATS_TEST_TMPDIR/ours"
    is "$(sed 's/ sha256:.*//' "$BATS_TEST_TMPDIR/ours")" "$(podman save -o "$BATS_TEST_TMPDIR/b.tar" bb 2>&1 | sed 's/ sha256:.*//')"
    coracle rmi -f "$PLAIN/bb:1" >/dev/null
    coracle load -i "$IMAGES/bb.tar" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/ours"
    podman load -i "$IMAGES/bb.tar" >"$BATS_TEST_TMPDIR/their-out" 2>"$BATS_TEST_TMPDIR/theirs"
    diff "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR/theirs"
    diff "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/their-out"
}

@test "-q: the id alone, terminal or not" {
    run -0 on_terminal -- $(coracle_words) pull -q "$PLAIN/big:1"
    matches "${lines[2]}" '^[0-9a-f]{64}$'
    is "${#lines[@]}" 3
    run -0 --separate-stderr coracle pull -q "$PLAIN/big:1"
    matches "$output" '^[0-9a-f]{64}$'
    is "$stderr" ""
    run -0 on_terminal -- $(coracle_words) push -q "$PLAIN/big:1" "$PLAIN/quiet:1"
    is "${#lines[@]}" 2
}

@test "pull on a terminal: a bar for each blob with size, speed and time left, one for unpacking; then plain lines" {
    slow 800000
    run -0 on_terminal -- $(coracle_words) pull "$SLOW/big:1"
    is "${lines[0]}" "code 0"
    no_bars
    is "${lines[2]}" "Trying to pull $SLOW/big:1..."
    is "${lines[3]}" "Getting image source signatures"
    matches "${lines[4]}" '^Copying blob [0-9a-f]{12} done \| 97[0-9]\.[0-9]KiB$'
    matches "${lines[5]}" '^Copying blob [0-9a-f]{12} done \| 97[0-9]\.[0-9]KiB$'
    matches "${lines[6]}" '^Copying config sha256:[0-9a-f]{64}$'
    is "${lines[7]}" "Writing manifest to image destination"
    is "${lines[8]}" "Storing signatures"
    matches "${lines[9]}" '^[0-9a-f]{64}$'
    is "${#lines[@]}" 10
    tr '\r' '\n' <"$RAW" >"$RAW.lines"
    grep -aE 'Copying blob [0-9a-f]{12} \[=+>-+\] [0-9.]+KiB / 97[0-9]\.[0-9]KiB \| [0-9.]+KiB/s \| [0-9]+s' "$RAW.lines"
    grep -aE 'Unpacking \[=+>-+\] [0-9.]+[KM]iB / 1\.9MiB' "$RAW.lines"
    # What is there is said so.
    run -0 on_terminal -- $(coracle_words) pull "$SLOW/big:1"
    has "$output" "skipped: already exists"
}

@test "artifacts and manifest lists on a terminal: bars as well, then plain lines" {
    local file=$BATS_TEST_TMPDIR/file
    head -c 1000000 /dev/urandom >"$file"
    coracle artifact add "$PLAIN/art:1" "$file" >/dev/null
    run -0 on_terminal -- $(coracle_words) artifact push "$PLAIN/art:1"
    is "${lines[0]}" "code 0"
    no_bars
    matches "${lines[3]}" '^Copying blob [0-9a-f]{12} done \| 976\.6KiB$'
    coracle artifact rm "$PLAIN/art:1" >/dev/null
    slow 500000
    run -0 on_terminal -- $(coracle_words) artifact pull "$SLOW/art:1"
    is "${lines[0]}" "code 0"
    no_bars
    matches "${lines[3]}" '^Copying blob [0-9a-f]{12} done \| 976\.6KiB$'
    tr '\r' '\n' <"$RAW" >"$RAW.lines"
    grep -aE 'Copying blob [0-9a-f]{12} \[=+>-+\] [0-9.]+KiB / 976\.6KiB \| [0-9.]+KiB/s \| [0-9]+s' "$RAW.lines"
    coracle artifact rm -a >/dev/null
    coracle pull -q "$PLAIN/big:1" >/dev/null
    coracle manifest create --amend list "containers-storage:$PLAIN/big:1" >/dev/null
    run -0 on_terminal -- $(coracle_words) manifest push --all list "docker://$PLAIN/list:1"
    is "${lines[0]}" "code 0"
    no_bars
    is "$(grep -c 'Copying blob [0-9a-f]* ' <<<"$output")" 2
    coracle manifest rm list >/dev/null
}

@test "a terminal that becomes narrow, wide, tiny keeps a clean screen" {
    slow 500000
    run -0 on_terminal --size 120x30 --when 'Unpacking=size:50x20' --when 'Unpacking=size:133x40' --when 'Unpacking=size:30x3' \
        -- $(coracle_words) pull "$SLOW/big:1"
    is "${lines[0]}" "code 0"
    no_bars
    is "$(grep -c 'Copying blob' <<<"$output")" 2
    has "$output" "Trying to pull $SLOW/big:1..."
    run -0 on_terminal --size 45x30 -- $(coracle_words) pull "$SLOW/big:1"
    is "${lines[0]}" "code 0"
}

@test "Ctrl-C ends it, with a clean screen and partial blobs that the next pull goes on with" {
    slow 300000
    run -0 on_terminal --when 'KiB/s=keys:\x03' -- $(coracle_words) pull "$SLOW/big:1"
    matches "${lines[0]}" '^(signal 2|code 130)$'
    no_bars
    is "${lines[3]}" "Getting image source signatures"
    [ -n "$(ls "$ROOT/partial")" ]
    kill "$SLOW_PID"
    slow 100000000
    run -0 coracle pull -q "$SLOW/big:1"
    grep -E 'GET .*/blobs/.* bytes=[0-9]+-' "$BATS_TEST_TMPDIR/requests"
    store_is_clean
}

@test "an error while bars are shown comes alone on its line" {
    slow 300000
    (
        eventually grep -q 'GET .*/blobs/' "$BATS_TEST_TMPDIR/requests"
        sleep 0.5
        kill "$SLOW_PID"
    ) 3>&- &
    run -0 on_terminal -- $(coracle_words) pull --retry 0 "$SLOW/big:1"
    wait $!
    is "${lines[0]}" "code 125"
    no_bars
    matches "${lines[-1]}" '^Error: initializing source docker://'
}

@test "push and load on a terminal have bars too, and end in plain lines" {
    slow 6000000
    make_big "$BATS_TEST_TMPDIR/huge" 12000000 # more than the kernel takes at once
    coracle load -q -i "$BATS_TEST_TMPDIR/huge" >/dev/null
    run -0 on_terminal -- $(coracle_words) push huge "$SLOW/fresh/huge:1"
    is "${lines[0]}" "code 0"
    no_bars
    is "$(grep -c 'done | 11.4MiB' <<<"$output")" 2
    tr '\r' '\n' <"$RAW" | grep -aE 'Copying blob [0-9a-f]{12} \[=+>-+\] [0-9.]+[KM]iB / 11\.4MiB'
    run -0 on_terminal -- $(coracle_words) push huge "$SLOW/fresh/huge:1"
    is "$(grep -c 'skipped: already exists' <<<"$output")" 2
    coracle rmi -f huge >/dev/null
    run -0 on_terminal -- $(coracle_words) load -i "$FILE_DIR/big"
    is "${lines[0]}" "code 0"
    no_bars
    is "$(grep -c 'done | 97' <<<"$output")" 2
    has "$output" "Loaded image: localhost/big:latest"
}

@test "run on a terminal shows the pull, and then the container has the screen" {
    coracle rmi -f "$PLAIN/bb:1" >/dev/null 2>&1 || true
    coracle rmi -f bb >/dev/null 2>&1 || true
    run -0 on_terminal -- $(coracle_words) run --rm -it "$PLAIN/bb:1" sh -c 'echo hello; [ -t 1 ] && echo tty'
    is "${lines[0]}" "code 0"
    no_bars
    matches "$output" 'Copying blob [0-9a-f]{12} done'
    is "${lines[-2]}" hello
    is "${lines[-1]}" tty
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
}
