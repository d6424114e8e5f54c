#!/usr/bin/env bats
# A user without subordinate ids, as on a login node: one id, one notice, no errors.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() { clean; }

@test "single id: this user has no ranges" {
    run grep "^$(id -un):" /etc/subuid
    is "$output" ""
    # and no newuidmap that could help
    run -1 unshare --user --map-auto true
}

@test "single id: load and run work, with one line of notice at most" {
    run -0 --separate-stderr coracle run --rm $BB sh -c 'id -u; cat /proc/self/uid_map | wc -l'
    is "$output" $'0\n1'
    [ "${#stderr_lines[@]}" -le 1 ] || fail "$stderr"
}

@test "single id: the notice comes once, not with every command" {
    local root=$FILE_DIR/once
    "$CORACLE" --root "$root" load -q -i "$IMAGES/bb.tar" >/dev/null 2>&1
    run -0 --separate-stderr "$CORACLE" --root "$root" run --rm $BB true
    is "$stderr" ""
    run -0 --separate-stderr "$CORACLE" --root "$root" ps
    is "$stderr" ""
}

@test "single id: the notice names what is missing and who can fix it" {
    run -0 --separate-stderr "$CORACLE" --root "$FILE_DIR/new" run --rm coracle/hello
    has "$stderr" "subuid"
}

@test "single id: a shell's work: files, processes, pipes, volumes" {
    run -0 --separate-stderr coracle run --rm $BB sh -c 'echo a >/f; mkdir /d; ls / | grep -c . ; rm /f; seq 10 | wc -l; ps | wc -l'
    is "${lines[1]}" 10
    run -0 --separate-stderr coracle run --rm -v v:/v $BB sh -c 'echo kept >/v/f'
    run -0 --separate-stderr coracle run --rm -v v:/v $BB cat /v/f
    is "$output" kept
}

@test "single id: files of other owners in an image belong to root" {
    run -0 --separate-stderr coracle run --rm $BB stat -c '%u:%g' /home/app
    is "$output" 0:0
    run -0 --separate-stderr coracle load -q -i "$IMAGES/tricky.tar"
    run -0 --separate-stderr coracle run --rm localhost/tricky stat -c '%a %u:%g' /suid /owned
    is "$output" $'4755 0:0\n644 0:0'
}

@test "single id: a Debian image loads and works" {
    coracle load -q -i "$IMAGES/debian.tar" >/dev/null
    run -0 --separate-stderr coracle run --rm $DEBIAN sh -c 'cat /etc/debian_version; perl -e "print 42"; dpkg -s dpkg | grep ^Status; touch /etc/new && rm -r /usr/share/doc && echo changed'
    has "$output" 42
    has "$output" "install ok installed"
    has "$output" changed
}

@test "single id: a user that cannot be is refused with its reason" {
    run --separate-stderr coracle run --rm -u 1000 $BB id -u
    [ "$status" != 0 ] && [ "$status" -ge 125 ]
    matches "$stderr" 'Error: '
    has "$stderr" 1000
}

@test "single id: keep-id is that one id" {
    run -0 --separate-stderr coracle run --rm --userns keep-id $BB id -u
    is "$output" "$(id -u)"
}

@test "single id: exec, stop, logs, rm as ever" {
    coracle run -d --name s $BB sh -c 'echo up; trap "exit 4" TERM; while :; do sleep 0.05; done'
    wait_log s up
    run -0 --separate-stderr coracle exec s echo in
    is "$output" in
    coracle stop s
    is "$(coracle inspect -f '{{.State.ExitCode}}' s)" 4
}

@test "single id: bind mounts show the user's files as root's" {
    local dir; dir=$(scratch)
    touch "$dir/mine"
    run -0 --separate-stderr coracle run --rm -v "$dir:/w" $BB sh -c 'stat -c %u /w/mine; touch /w/new'
    is "$output" 0
    is "$(stat -c %u "$dir/new")" "$(id -u)"
}

@test "single id: doctor says so" {
    run coracle doctor
    has "$output" "id ranges"
    has "$output" "to fix"
}

@test "single id: the store is clean after all that" {
    store_is_clean
}

@test "single id: a network, and a published port" {
    local port
    coracle run -d --name w -p 80 $BB sh -c 'echo hello >/index.html; exec httpd -f -p 80 -h /' >/dev/null
    port=$(coracle port w 80 | sed 's/.*://')
    eventually curl -fsS "http://127.0.0.1:$port/"
    is "$(curl -fsS -g "http://[::1]:$port/")" hello
    run -0 coracle exec w ip -4 -o addr show tap0
    has "$output" 10.0.2.100
}
