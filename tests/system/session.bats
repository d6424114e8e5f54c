#!/usr/bin/env bats
# The session: one holder per user and data directory, whatever gets killed.
# CORACLE_BUILD is the build directory. As root, the user's part runs as $CORACLE_TEST_USER (tester).

setup_file() {
    bats_require_minimum_version 1.5.0
    : "${CORACLE_BUILD:?must name the build directory}"
    export CORACLE_LIBEXECDIR=$CORACLE_BUILD
    export PROBE=$CORACLE_BUILD/tests/unit/rootless/session-probe
    export TEST_USER=${CORACLE_TEST_USER:-tester}
}

setup() {
    ROOT=$(mktemp -d /tmp/coracle-session.XXXXXX)
    if [ "$(id -u)" = 0 ]; then chown "$TEST_USER" "$ROOT"; fi
    export CORACLE_ROOT=$ROOT/data
    unset CORACLE_SESSION_IDLE CORACLE_SESSION_WAIT
}

teardown() {
    local pid
    for pid in $(pgrep -f "session-probe .*$ROOT") $(holders); do kill -KILL "$pid" 2>/dev/null || true; done
    sleep 0.1
    rm -rf "$ROOT" 2>/dev/null || as_user rm -rf "$ROOT" || true
}

as_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid "$TEST_USER" --regid "$TEST_USER" --init-groups -- "$@"
    else
        "$@"
    fi
}
as_nobody() { # a user without a name, a home, or subordinate ids
    setpriv --reuid 54321 --regid 54321 --clear-groups -- env -u HOME -u XDG_RUNTIME_DIR -u XDG_DATA_HOME "$@"
}
need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

holders() { pgrep -f "coracle-session --(hold|adopt) --dir $ROOT" || true; }
kill_holders() {
    local pid
    for pid in $(holders); do kill -KILL "$pid"; done
    wait_until no_holders
}
no_holders() { [ -z "$(holders)" ]; }
one_holder() { [ "$(holders | wc -w)" = 1 ]; }
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
wait_until() { # at most 10 s
    local i
    for i in $(seq 200); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    echo "waited in vain for: $*" >&2
    return 1
}
ns_of() { as_user "$PROBE" readlink /proc/self/ns/user; }

@test "a command runs as root of the session, with subordinate ids and in its working directory" {
    cd /usr/share
    run -0 as_user "$PROBE" sh -c 'id -u; id -g; pwd; wc -l </proc/self/uid_map'
    [ "${lines[0]}" = 0 ]
    [ "${lines[1]}" = 0 ]
    [ "${lines[2]}" = /usr/share ]
    [ "${lines[3]}" -ge 2 ]
}

@test "mounts of the session are not seen outside, and the transient directory only inside" {
    run -0 as_user "$PROBE" sh -c 'cd "$CORACLE_ROOT"/run/*/t && stat -fc %T . && touch x'
    [ "$output" = tmpfs ]
    [ -z "$(ls -A "$CORACLE_ROOT"/run/*/t)" ]
    run -0 as_user "$PROBE" sh -c 'ls "$CORACLE_ROOT"/run/*/t'
    [[ $output == *x* ]]
}

@test "two first commands at once make one session, 50 times" {
    local i
    for i in $(seq 50); do
        ns_of >"$ROOT/a" 3>&- &
        local a=$!
        ns_of >"$ROOT/b"
        wait $a
        [ -s "$ROOT/a" ]
        cmp "$ROOT/a" "$ROOT/b"
        one_holder
        kill_holders
    done
}

@test "eight first commands at once make one session" {
    local i pids=()
    for i in 1 2 3 4 5 6 7 8; do
        ns_of >"$ROOT/ns.$i" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    [ "$(cat "$ROOT"/ns.* | sort -u | wc -l)" = 1 ]
    one_holder
}

@test "after the holder was killed the next command makes a new session" {
    as_user "$PROBE" true
    kill_holders
    as_user "$PROBE" true
    one_holder
}

@test "a holder that is killed while a container runs is replaced, and keeps its namespaces" {
    as_user "$PROBE" --root "$CORACLE_ROOT" --monitor 0123abcd sleep 300 >"$ROOT/out" 2>"$ROOT/err" 3>&- &
    wait_until grep -q registered "$ROOT/out"
    local before
    before=$(ns_of)
    kill -KILL "$(holders)"
    [ "$(ns_of)" = "$before" ]
    wait_until grep -q adopted "$ROOT/err"
    one_holder
    [ "$(ns_of)" = "$before" ]
}

@test "several monitors replace a killed holder by one, again and again" {
    local i before
    for i in 1 2 3 4; do
        as_user "$PROBE" --root "$CORACLE_ROOT" --monitor "abc$i" sleep 300 >"$ROOT/out.$i" 2>"$ROOT/err.$i" 3>&- &
        wait_until grep -q registered "$ROOT/out.$i"
    done
    before=$(ns_of)
    for i in 1 2 3 4 5; do
        kill -KILL "$(holders)"
        [ "$(ns_of)" = "$before" ]
        local n
        for n in 1 2 3 4; do
            wait_until eval "[ \$(grep -c adopted '$ROOT/err.$n') = $i ]" || { cat "$ROOT"/err.*; false; }
        done
        wait_until one_holder
    done
}

@test "the container of a monitor that is killed is killed too" {
    local sleeper seconds=300.$$ # nobody else's, in another run of these tests
    as_user "$PROBE" --root "$CORACLE_ROOT" --monitor 0123abcd sleep "$seconds" >"$ROOT/out" 3>&- &
    wait_until grep -q registered "$ROOT/out"
    sleeper=$(pgrep -f "^sleep $seconds\$")
    kill -KILL "$(ps -o ppid= "$sleeper")"
    wait_until gone "$sleeper"
}

@test "the container of a monitor that says good-bye is left alone" {
    as_user "$PROBE" --root "$CORACLE_ROOT" --monitor 0123abcd sleep 0.2
    as_user "$PROBE" true
}

@test "a command that outlives its killed holder is waited for, and then named" {
    as_user "$PROBE" --root "$CORACLE_ROOT" sleep 300 3>&- &
    wait_until one_holder
    wait_until as_user "$PROBE" --only-existing true
    kill_holders
    CORACLE_SESSION_WAIT=1 run -125 as_user "$PROBE" true
    [[ $output == *"lock"*"is still held by process "*"session-probe"* ]]
}

@test "an idle session ends by itself" {
    CORACLE_SESSION_IDLE=1 as_user "$PROBE" true
    one_holder
    wait_until no_holders
    run -125 as_user "$PROBE" --only-existing true
}

@test "with an idle time of 0 it ends with its last command, and not before" {
    export CORACLE_SESSION_IDLE=0
    as_user "$PROBE" sleep 2 3>&- &
    wait_until one_holder
    sleep 1
    one_holder
    wait $!
    wait_until no_holders
    [ ! -e "$CORACLE_ROOT"/run/*/socket ]
}

@test "--only-existing starts nothing" {
    run -125 as_user "$PROBE" --only-existing true
    no_holders
    [ ! -e "$CORACLE_ROOT" ]
}

@test "a run directory that was wiped is made again" {
    as_user "$PROBE" true
    rm -rf "${CORACLE_ROOT:?}/run"
    as_user "$PROBE" true
    as_user "$PROBE" sh -c 'test -d "$CORACLE_ROOT"/run/*/t'
}

@test "a session whose run directory is wiped while a container runs puts it back" {
    as_user "$PROBE" --root "$CORACLE_ROOT" --monitor 0123abcd sleep 300 >"$ROOT/out" 3>&- &
    local before i
    wait_until grep -q registered "$ROOT/out"
    before=$(ns_of)
    as_user "$PROBE" sh -c 'cd "$CORACLE_ROOT"/run/*/t && touch kept'
    for i in 1 2 3; do
        rm -rf "${CORACLE_ROOT:?}/run"
        wait_until eval '[ -S "$CORACLE_ROOT"/run/*/socket ]'
        [ "$(ns_of)" = "$before" ]
        run -0 as_user "$PROBE" sh -c 'cd "$CORACLE_ROOT"/run/*/t && stat -fc %T . && ls'
        [[ $output == *tmpfs*kept* ]]
        one_holder
    done
}

@test "run directories of other boots are removed, those of other machines stay" {
    local old=$CORACLE_ROOT/run/00000000-0000-0000-0000-000000000001 other=$CORACLE_ROOT/run/00000000-0000-0000-0000-000000000002
    as_user mkdir -p "$old" "$other"
    uname -n | tr -d '\n' | as_user tee "$old/host" >/dev/null
    echo elsewhere | as_user tee "$other/host" >/dev/null
    as_user "$PROBE" true
    [ ! -e "$old" ]
    [ -e "$other" ]
}

@test "no HOME, no XDG_RUNTIME_DIR: the user database says where" {
    local home
    home=$(getent passwd "$TEST_USER" | cut -d: -f6)
    [ "$(id -u)" = 0 ] || [ "$(id -un)" = "$TEST_USER" ] || skip "runs as another user"
    run -0 as_user env -u HOME -u XDG_RUNTIME_DIR -u XDG_DATA_HOME -u CORACLE_ROOT CORACLE_SESSION_IDLE=0 "$PROBE" --print
    [[ $output == *"root $home/.local/share/coracle"* ]]
}

@test "the environment of one command finds the session of another" {
    local a b
    a=$(as_user env XDG_RUNTIME_DIR=/nowhere "$PROBE" readlink /proc/self/ns/user)
    b=$(as_user env -i CORACLE_ROOT="$CORACLE_ROOT" CORACLE_LIBEXECDIR="$CORACLE_LIBEXECDIR" "$PROBE" readlink /proc/self/ns/user)
    [ "$a" = "$b" ]
}

@test "a relative and a linked data directory are the same session" {
    local a
    a=$(ns_of)
    as_user ln -s data "$ROOT/link"
    cd "$ROOT"
    [ "$(as_user "$PROBE" --root data readlink /proc/self/ns/user)" = "$a" ]
    [ "$(as_user "$PROBE" --root "$ROOT/link" readlink /proc/self/ns/user)" = "$a" ]
}

@test "where sockets do not work below the data directory the session goes elsewhere, and is found" {
    # A plain file in the place of the directory stands for a file system that refuses.
    as_user mkdir -p "$CORACLE_ROOT" "$ROOT/xdg"
    as_user touch "$CORACLE_ROOT/run"
    run -0 as_user env XDG_RUNTIME_DIR="$ROOT/xdg" "$PROBE" --print
    [[ $output == *"dir $ROOT/xdg/coracle-"* ]]
    [ "$(as_user env XDG_RUNTIME_DIR="$ROOT/xdg" "$PROBE" readlink /proc/self/ns/user)" = \
        "$(as_user env XDG_RUNTIME_DIR="$ROOT/xdg" "$PROBE" readlink /proc/self/ns/user)" ]
    run -0 as_user env -u XDG_RUNTIME_DIR CORACLE_SESSION_IDLE=0 "$PROBE" --print
    [[ $output == *"dir /tmp/coracle-"* ]]
    rm -rf "$(sed -n 's/^dir //p' <<<"$output")"
}

@test "a session directory that others can write is refused" {
    as_user "$PROBE" true
    chmod 777 "$CORACLE_ROOT"/run/*
    run -125 as_user "$PROBE" true
    [[ $output == *"can be written by others"* ]]
    chmod 700 "$CORACLE_ROOT"/run/*
}

@test "another user's data directory is refused" {
    need_root
    mkdir -m 755 "$CORACLE_ROOT"
    run -125 as_user "$PROBE" true
    [[ $output == *"belongs to uid 0"* ]]
}

@test "no_new_privs: a single id and one line of notice; without it, the session is made anew" {
    run -0 --separate-stderr as_user setpriv --no-new-privs -- "$PROBE" cat /proc/self/uid_map
    [ "${#lines[@]}" = 1 ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == *"single user and group id: no_new_privs"* ]]
    run -0 --separate-stderr as_user "$PROBE" cat /proc/self/uid_map
    [ "${#lines[@]}" = 2 ]
    [ -z "$stderr" ]
    one_holder
}

@test "no_new_privs can join a session that has all ids" {
    as_user "$PROBE" true
    run -0 as_user setpriv --no-new-privs -- "$PROBE" cat /proc/self/uid_map
    [ "${#lines[@]}" = 2 ]
}

@test "a session with running containers that could have more ids now says who holds it" {
    as_user setpriv --no-new-privs -- "$PROBE" --root "$CORACLE_ROOT" --monitor 0123456789abcdef0123 sleep 300 >"$ROOT/out" 3>&- &
    wait_until grep -q registered "$ROOT/out"
    run -0 --separate-stderr as_user "$PROBE" cat /proc/self/uid_map
    [ "${#lines[@]}" = 1 ]
    [[ $stderr == *"until these have ended: containers 0123456789ab"* ]]
}

# The command sees other files in the place of /etc/subuid and /etc/subgid.
with_ranges() { # START CMD…
    echo "$TEST_USER:$1:65536" >"$ROOT/ranges"
    chmod 644 "$ROOT/ranges"
    shift
    unshare -m --propagation private -- sh -c 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid &&
        exec setpriv --reuid "$TEST_USER" --regid "$TEST_USER" --init-groups -- "$@"' "$ROOT/ranges" "$@"
}

@test "when the subordinate ids have changed an idle session is rebuilt" {
    need_root
    run -0 with_ranges 700000 "$PROBE" cat /proc/self/uid_map
    [[ $output == *" 700000 "* ]]
    run -0 --separate-stderr with_ranges 800000 "$PROBE" cat /proc/self/uid_map
    [[ $output == *" 800000 "* ]]
    [ -z "$stderr" ]
    one_holder
}

@test "when the subordinate ids have changed a session in use stays, and says who uses it" {
    need_root
    with_ranges 700000 "$PROBE" --root "$CORACLE_ROOT" --monitor 0123abcd sleep 300 >"$ROOT/out" 3>&- &
    wait_until grep -q registered "$ROOT/out"
    for _ in 1 2; do
        run -0 --separate-stderr with_ranges 800000 "$PROBE" cat /proc/self/uid_map
        [[ $output == *" 700000 "* ]]
        [[ $stderr == *"containers 0123abcd"* ]]
    done
}

@test "when the files have changed but not this user's ids nothing happens" {
    need_root
    local before
    before=$(with_ranges 700000 "$PROBE" readlink /proc/self/ns/user)
    echo "# a comment" >>"$ROOT/ranges"
    sleep 0.01
    run -0 --separate-stderr with_ranges 700000 "$PROBE" readlink /proc/self/ns/user
    [ "$output" = "$before" ]
    [ -z "$stderr" ]
}

@test "a user without subordinate ids has a single id and one line of notice" {
    need_root
    chown 54321 "$ROOT"
    run -0 --separate-stderr as_nobody "$PROBE" cat /proc/self/uid_map
    [ "$(tr -s ' ' <<<"$output")" = " 0 54321 1" ]
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == *"no subordinate ids"*usermod* ]]
}

@test "a user without home is told how to name a data directory" {
    need_root
    run -125 as_nobody env -u CORACLE_ROOT "$PROBE" true
    [[ $output == *"--root"* ]]
}

@test "root gets a user namespace in which no id is root outside" {
    need_root
    mkdir "$CORACLE_ROOT"
    chmod 755 "$ROOT"
    run -0 --separate-stderr "$PROBE" sh -c 'id -u; cat /proc/self/uid_map; touch "$CORACLE_ROOT/x"'
    [ "${lines[0]}" = 0 ]
    read -r inside outside count <<<"${lines[1]}"
    [ "$inside" = 0 ]
    [ "$outside" -ge 65536 ]
    [ "$count" -ge 65536 ]
    [ "$(stat -c %u "$CORACLE_ROOT/x")" = "$outside" ]
    kill_holders
    run -0 "$PROBE" cat /proc/self/uid_map # recorded: the same again
    read -r _ again _ <<<"$output"
    [ "$again" = "$outside" ]
}

@test "root's data directory where the mapped root cannot go is refused with the reason" {
    need_root
    chown 0 "$ROOT"
    chmod 700 "$ROOT"
    run -125 "$PROBE" true
    [[ $output == *"cannot be reached by root's session"* ]]
}

@test "a missing coracle-session is said at once" {
    local before=$SECONDS
    run -125 as_user env CORACLE_LIBEXECDIR=/nonexistent "$PROBE" true
    [[ $output == *coracle-session* ]]
    [ $((SECONDS - before)) -lt 5 ]
}

@test "a seccomp filter that refuses user namespaces is named" {
    run -125 as_user "$PROBE" --refuse-userns true
    [[ $output == *"create a user namespace"*"seccomp filter"* ]]
    no_holders
}

@test "a limit of 0 user namespaces is named" {
    run -125 as_user unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$PROBE" true'
    [[ $output == *"user.max_user_namespaces is 0"* ]]
}

@test "in a user namespace: all of its ids, or its only one" {
    run -0 as_user env CORACLE_SESSION_IDLE=0 unshare -Ur "$PROBE" cat /proc/self/uid_map
    [[ $output == *" 0 "*" 0 "*" 1"* ]]
    wait_until no_holders
    run -0 as_user "$PROBE" "$PROBE" --root "$ROOT/nested" sh -c 'wc -l </proc/self/uid_map; id -u'
    [ "$output" = $'2\n0' ]
}

@test "a session of another user namespace that nobody uses makes room" {
    as_user unshare -Ur "$PROBE" true
    as_user "$PROBE" true
    one_holder
}

@test "from inside, a command joins the same session again" {
    run -0 as_user "$PROBE" "$PROBE" --root "$CORACLE_ROOT" --print
    [[ $output == *"host_uid $(as_user id -u)"* ]]
    [[ $output != *"host_uid 0"* ]] || [ "$(as_user id -u)" = 0 ]
}

@test "entering a live session takes well under half a millisecond" {
    as_user "$PROBE" true
    run -0 as_user "$PROBE" --time 200
    echo "# $output microseconds"
    read -r _ min _ median <<<"$output"
    [ "$min" -lt 500 ]
}

@test "the holder is small" {
    if grep -q __asan_init "$CORACLE_BUILD/coracle-session"; then skip "built with sanitizers"; fi
    as_user "$PROBE" true
    local pss
    pss=$(awk '/^Private_Dirty/{print $2}' "/proc/$(holders)/smaps_rollup")
    [ "$pss" -lt 300 ]
}

@test "doctor works where no namespace is allowed" {
    run -0 as_user "$PROBE" --refuse-userns --doctor
    jq -e '.needs[] | select(.need == "user namespaces") | .state == "missing" and (.found | test("seccomp"))' <<<"$output"
    run -0 as_user "$PROBE" --doctor
    jq -e '.needs[] | select(.need == "user namespaces") | .state == "ok"' <<<"$output"
    jq -e '[.needs[] | select(.state != "ok" and .fix == "")] | length == 0' <<<"$output"
}
