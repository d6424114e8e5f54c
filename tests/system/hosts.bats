#!/usr/bin/env bats
# The ladder: doctor's verdict and its table, run --explain, and single hosts that say no. All of them together: tests/hosts.
load suite
load registry

setup_file() { start_root bb; }
teardown_file() {
    stop_registries
    end_root
}
setup() { only_coracle; }
teardown() { clean; }

# The program where no user namespace can be made; its data directory is one of its own.
without_namespaces() {
    unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$CORACLE" --root "$FILE_DIR/none" "$@"
}

@test "ladder: the table of docs/HOSTS.md is the program's" {
    run -0 coracle doctor --ladder
    is "$output" "$(sed -n '/^| need |/,/^$/p' "$TESTS/../../docs/HOSTS.md" | sed '/^$/d')"
}

@test "doctor: the exit code is 0 where everything works, and says what does not" {
    run -0 coracle doctor
    matches "${lines[-1]}" '^run works, build works, -p works$'
    run -7 without_namespaces doctor
    matches "${lines[-1]}" '^run does not work, build does not work, -p does not work$'
    run -7 --separate-stderr without_namespaces doctor --format json
    is "$(jq -c .works <<<"$output")" '{"run":false,"build":false,"publish":false}'
    is "$(jq -r '.needs[] | select(.need == "user namespaces") | "\(.rung) \(.state)"' <<<"$output")" "0 missing"
}

@test "doctor: rungs are of the ladder" {
    run --separate-stderr coracle doctor --format json
    is "$(jq -r '.needs[] | select(.need == "overlay") | "\(.rung) \(.use)"' <<<"$output")" "1 kernel overlay"
    is "$(jq -r '[.needs[] | select(.rung < 0 or .rung > 3)] | length' <<<"$output")" 0
}

@test "run --explain: says which rungs, on stderr, and runs" {
    run -0 --separate-stderr coracle run --rm --explain --network none $BB echo ran
    is "$output" ran
    has "$stderr" "overlay: kernel overlay (rung 1 of 3)"
    has "$stderr" "proc: a new /proc (rung 1 of 2)"
    has "$stderr" "id ranges: subordinate ids (rung 1 of 2)"
    hasnt "$stderr" "TUN:" # it has no network
    run -0 --separate-stderr coracle --storage-driver copy run --rm --explain --network none --pid host $BB echo ran
    has "$stderr" "overlay: copy (rung 3 of 3); lost: "
    hasnt "$stderr" "proc:"
}

@test "limits without cgroups: those of processes take their place, and are called weaker" {
    run -0 --separate-stderr coracle run --rm --network none --cgroups disabled -m 64m $BB sh -c 'ulimit -d'
    is "$output" 65536
    has "$stderr" "--memory: not applied, since --cgroups=disabled was given; instead"
    has "$stderr" weaker
    # More than that cannot be had by one process, and a fork bomb stops.
    run ! coracle run --rm --network none --cgroups disabled -m 16m $BB sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'
    run ! --separate-stderr coracle run --rm --network none --cgroups disabled --pids-limit 10 $BB \
        sh -c 'for i in $(seq 200); do sleep 20 & done'
    has "$stderr" "--pids-limit: not applied"
    has "$stderr" "fork"
    # What the user says goes first.
    run -0 --separate-stderr coracle run --rm --network none --cgroups disabled -m 64m --ulimit data=9999360 $BB sh -c 'ulimit -d'
    is "$output" 9765
}

@test "what a flag asked for is not given up: the error names who refused" {
    local outer=/proc/sys/user/max_pid_namespaces root=$FILE_DIR/pid
    # A limit of the surrounding user namespace holds for the session's below it.
    run -0 --separate-stderr unshare -Ur sh -c 'echo 0 >$0; exec "$@"' $outer \
        "$CORACLE" --root "$root" run --rm --network none coracle/busybox echo ran
    is "$output" ran
    has "$stderr" "pid namespaces cannot be had here, so"
    has "$stderr" "user.max_pid_namespaces"
    run --separate-stderr unshare -Ur sh -c 'echo 0 >$0; exec "$@"' $outer \
        "$CORACLE" --root "$root.2" run --rm --network none --pid private coracle/busybox echo ran
    [ "$status" -ge 125 ]
    matches "${stderr_lines[-1]}" '^Error: pid namespaces cannot be had here .*; to do without: --pid host'
}

@test "data directories that cannot be: what to name instead" {
    mkdir "$FILE_DIR/closed"
    chmod 500 "$FILE_DIR/closed"
    run -125 --separate-stderr "$CORACLE" --root "$FILE_DIR/closed/root" ps
    one_error "this user may not write there" "CORACLE_HOME"
}

@test "CORACLE_HOME: everything is in there, and one id leaves nothing that its owner cannot remove" {
    local d home runtime user
    d=$(scratch) home=$d/home runtime=$d/runtime user=$d/user
    mkdir "$home" "$runtime" "$user" "$d/tmp"
    start_registry
    job() { env HOME="$user" XDG_RUNTIME_DIR="$runtime" XDG_CONFIG_HOME="$user/c" XDG_CACHE_HOME="$user/k" XDG_DATA_HOME="$user/s" \
        TMPDIR="$d/tmp" CORACLE_HOME="$home" unshare -Ur "$CORACLE" "$@"; }
    is "$(job run --name left --network none coracle/busybox sh -c 'mkdir -m 0 /closed; mkdir -p /a/b; chmod 500 /a; echo ran' 2>/dev/null)" ran
    [ -e "$home/storage/state.db" ]
    # Credentials, policies, connections, short names: what users configure with commands.
    job login --tls-verify=false -u tester -p secret "$PLAIN" >/dev/null
    job tag coracle/busybox "$PLAIN/t:1" 2>/dev/null
    job push -q --tls-verify=false "$PLAIN/t:1" >/dev/null 2>&1
    job image trust set -t accept "$PLAIN"
    job image trust show >/dev/null
    job system connection add there ssh://u@h.invalid/run/x.sock
    job save -q -o "$d/saved.tar" coracle/busybox
    job load -q -i "$d/saved.tar" >/dev/null
    [ -e "$home/config/containers/auth.json" ]
    [ -e "$home/config/containers/policy.json" ]
    job logout "$PLAIN" >/dev/null
    stop_registries
    is "$(find "$runtime" "$user" "$d/tmp" -mindepth 1)" ""
    # What is in there counts, and what was named more closely goes before it.
    printf '[containers]\nenv = ["FROM=home"]\n' >"$home/config/containers/containers.conf"
    is "$(job run --rm --network none coracle/busybox sh -c 'echo $FROM')" home
    is "$(CONTAINERS_CONF=/dev/null job run --rm --network none coracle/busybox sh -c 'echo $FROM')" ""
    TRIES=300 eventually eval '! pgrep -f "coracle-session.*'"$home"'" -u "$(id -u)"'
    run -0 unshare -Ur rm -rf "$home"
    [ ! -e "$home" ]
}

@test "a file size limit is an error with its name, not the end" {
    run --separate-stderr bash -c 'ulimit -f 16; exec "$@"' sh "$CORACLE" --root "$FILE_DIR/small" ps
    is "$status" 125
    one_error "RLIMIT_FSIZE"
}
