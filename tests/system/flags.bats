#!/usr/bin/env bats
# Options that have no file of their own, and: none of podman's is unknown.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() { clean; }

bb() { coracle run --rm --network none "$@"; }

@test "flags: each command and option of podman is known" {
    only_coracle
    LIMIT=170 run -0 "$TESTS/podman-flags.py" "$CORACLE" "$ROOT" podman
    is "$output" ""
}

@test "flags: --passwd, --passwd-entry, --hostuser" {
    run -0 bb --user 1234 $BB tail -n1 /etc/passwd
    is "$output" "1234:*:1234:0:container user:/:/bin/sh"
    run -0 bb --user 1234 --passwd=false $BB sh -c 'grep -c 1234 /etc/passwd || true'
    is "$output" 0
    run -0 bb --user 1234 --passwd-entry 'x$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/ash' $BB tail -n1 /etc/passwd
    is "$output" "x1234:*:1234:0:container user:/:/bin/ash"
    run -0 bb --passwd-entry 'x:$UID' $BB sh -c 'grep -c "^x" /etc/passwd || true'
    is "$output" 0
    run -0 bb --hostuser "$(id -un)" $BB tail -n1 /etc/passwd
    is "$output" "$(id -un):*:$(id -u):$(id -g):$(getent passwd "$(id -u)" | cut -d: -f5):/:/bin/sh"
    run --separate-stderr bb --hostuser nosuchuser $BB true
    one_error "unknown user nosuchuser"
    run -125 --separate-stderr bb --passwd-entry $'a\nb' $BB true
    one_error "one entry is one line"
}

@test "flags: --env-merge puts the image's values into the user's" {
    run -0 bb --env-merge 'PATH=${PATH}:/more' --env-merge 'A=$PATH-${NONE}x' -e A=1 $BB sh -c 'echo $PATH $A'
    is "$output" "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/more /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin-x"
    only_coracle
    run -125 --separate-stderr bb --env-merge NOVALUE $BB true
    one_error "NOVALUE"
}

@test "flags: --personality" {
    [ "$(uname -m)" = x86_64 ] || skip "another machine than x86_64"
    run -0 bb --personality LINUX32 $BB uname -m
    is "$output" i686
    run --separate-stderr bb --personality FOO $BB true
    has "$stderr" "unknown persona specified \`FOO\`"
}

@test "flags: --requires starts first, and must be there" {
    coracle create --name one --network none $BB sleep 1000
    coracle create --name two --requires one --network none $BB true
    run -0 coracle inspect two --format '{{.Dependencies}}'
    is "$output" "[$(coracle inspect one --format '{{.Id}}')]"
    run -0 coracle start -a two
    run -0 coracle inspect one --format '{{.State.Running}}'
    is "$output" true
    run -125 --separate-stderr coracle rm -f -t 0 one
    has "$stderr" "has dependent containers which must be removed before it"
    run -125 --separate-stderr coracle create --requires nosuch $BB true
    one_error '"nosuch" is not a valid container, cannot be used as a dependency'
    coracle rm -t 0 -f two
    coracle rm -t 0 -f one
}

@test "flags: --cgroup-conf is checked, and said where it cannot be applied" {
    only_coracle
    run -0 --separate-stderr bb --cgroup-conf memory.high=100000000 $BB echo runs
    is "$output" runs
    local bad
    for bad in memory.high =1 ../x=1; do
        run -125 --separate-stderr bb --cgroup-conf "$bad" $BB true
        one_error "--cgroup-conf must be formatted KEY=VALUE"
    done
}

@test "flags: container cleanup --rmi" {
    only_coracle
    coracle tag $BB goes:1
    coracle create --name c --network none goes:1 true
    coracle start -a c
    run -0 coracle container cleanup --rm --rmi c
    run -1 coracle image exists goes:1
}
