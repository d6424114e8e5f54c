#!/usr/bin/env bats
# What takes space and what takes it away: system df, prune, reset, migrate, renumber.
load suite

setup_file() { start_root bb app; }
teardown_file() { end_root; }
teardown() { clean; }

@test "system df: images, containers, volumes" {
    coracle run -d --name x -v v1:/data $BB sleep 1000 >/dev/null
    coracle run --name y $BB sh -c 'head -c 100000 /dev/zero >/f' >/dev/null
    coracle volume create v2 >/dev/null
    run -0 coracle system df
    matches "${lines[0]}" '^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$'
    matches "${lines[1]}" '^Images +2 +1 +2\.[0-9]+MB +[0-9.]+kB \([01]%\)$'
    matches "${lines[2]}" '^Containers +2 +1 +100(\.[0-9]+)?kB +100(\.[0-9]+)?kB \(100%\)$'
    matches "${lines[3]}" '^Local Volumes +2 +1 +0B +0B \(0%\)$'
    is "$(coracle system df --format '{{.Type}} {{.Total}}' | head -n2)" $'Images 2\nContainers 2'
    is "$(coracle system df --format json | jq -r '.[1].Active')" 1
}

@test "system prune: what nothing uses, and nothing else" {
    coracle run -d --name x -v v1:/data $BB sleep 1000 >/dev/null
    coracle run --name y $BB true >/dev/null
    coracle volume create v2 >/dev/null
    run -0 coracle system prune <<<n
    has "$output" "all stopped containers"
    run -0 coracle container exists y
    run -0 coracle system prune -f
    has "$output" "Deleted Containers"
    has "$output" "Total reclaimed space"
    run -1 coracle container exists y
    run -0 coracle container exists x
    run -0 coracle volume exists v2
    run -0 coracle image exists $APP
    run -0 coracle system prune -f --volumes
    has "$output" $'Deleted Volumes\nv2'
    run -0 coracle volume exists v1
    run -125 --separate-stderr coracle system prune -f --volumes --filter label=a
    one_error "cannot be used together"
    run -0 coracle system prune -f
    is "$output" "Total reclaimed space: 0B"
}

@test "clean-up with nothing to do is silent" {
    run -0 coracle rm -t 0 --all --force --ignore
    is "$output" ""
    run -0 coracle rm --force --ignore nosuch
    is "$output" ""
    run -0 coracle rmi --force nosuch
    run -0 coracle volume prune --force
    run -0 coracle network prune --force
    run -0 coracle secret rm --all
    is "$output" ""
    run -0 coracle stop --all
    is "$output" ""
    run -0 coracle kill --all
    run -0 coracle pause --all
    is "$output" ""
    run -0 coracle container cleanup --all
}

@test "system migrate and renumber" {
    coracle run -d --name x $BB sleep 1000 >/dev/null
    run -0 coracle system migrate --new-runtime crun
    has "$output" stopped
    state_is x exited
    run -125 --separate-stderr coracle system migrate --new-runtime /nosuch
    one_error nosuch
    run -0 coracle system renumber
    is "$output" ""
}

@test "system reset: nothing is left" {
    only_coracle
    coracle run -d --name x -v v1:/data $BB sleep 1000 >/dev/null
    coracle create --name y $APP true >/dev/null
    echo x | coracle secret create s - >/dev/null
    coracle network create n1 >/dev/null
    run -0 coracle system reset <<<n
    has "$output" "all containers"
    run -0 coracle container exists x
    run -0 coracle system reset --force
    is "$output" ""
    is "$(coracle ps -aq; coracle volume ls -q; coracle images -aq; coracle secret ls -q)" ""
    store_is_clean
    run -0 coracle system reset --force
    # for the tests behind this one
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    coracle load -q -i "$IMAGES/app.tar" >/dev/null
}
