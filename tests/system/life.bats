#!/usr/bin/env bats
# What happens to a running container, and watching it: events, top, stats, pause and unpause.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() { clean; }

sleeper() { coracle run -d --name "$1" "${@:2}" $BB sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done' >/dev/null; wait_log "$1" up; }

# Times and ids are each one's own.
mask() { sed -E 's/[0-9]{4}-[0-9-]+ [0-9:.]+ \+0000 UTC/TIME/g; s/\b[0-9a-f]{64}\b/ID/g'; }

# --- events

@test "events: a run from its creation to its removal, as podman tells it" {
    local p name=ev$RANDOM$$ # podman's events outlive its data directory
    LIMIT=60 coracle run --rm --name $name -l a=b $BB true
    run -0 --separate-stderr coracle events --stream=false --filter container=$name
    p=$(coracle events --stream=false --filter container=$name --format '{{.Type}} {{.Status}} {{.Name}} {{.Image}} {{.Attributes}}')
    is "$p" "container create $name localhost/bb:latest map[a:b]
container init $name localhost/bb:latest map[a:b]
container start $name localhost/bb:latest map[a:b]
container attach $name localhost/bb:latest map[a:b]
container died $name localhost/bb:latest map[a:b]
container cleanup $name localhost/bb:latest map[a:b]
container remove $name localhost/bb:latest map[a:b]"
    only_coracle
    podman run --rm --name $name -l a=b $BB true
    # podman's order at the end varies with who cleans up
    is "$(mask <<<"$output" | grep -v cleanup | sort)" \
        "$(podman events --stream=false --filter container=$name | grep -v cleanup | mask | sort)"
}

@test "events: exit code, times and JSON" {
    run -7 coracle run --rm --name ev2 $BB sh -c 'exit 7'
    run -0 coracle events --stream=false --filter event=died --filter container=ev2 --format json
    is "${#lines[@]}" 1
    matches "$output" '^\{"ContainerExitCode":7,"ID":"[0-9a-f]{64}","Image":"localhost/bb:latest","Name":"ev2","Status":"died",'
    matches "$output" '"Time":"2[0-9]{3}-[0-9T:.-]+Z","time":[0-9]{10},"timeNano":[0-9]{19},"Type":"container","Attributes":null\}$'
    run -0 coracle events --stream=false --since 1h --until 30m
    is "$output" ""
    run -0 coracle events --until "$(date +%s.%N)" --filter event=died --filter event=remove --filter type=container --format '{{.Status}}'
    has "$output" $'died\nremove'
}

@test "events: what happens next is told at once, also ends that no command sees" {
    local out=$BATS_TEST_TMPDIR/out
    coracle events --filter type=container --format '{{.Status}} {{.Name}}' >"$out" &
    local pid=$!
    eventually eval "[ -n \"\$(pgrep -f 'coracle.*$ROOT.* events')\" ]"
    # before the reader has looked for the first time nothing is told: until it does
    eventually eval "coracle run --rm --name first $BB true && grep -q 'start first' '$out'"
    coracle run -d --name ev3 $BB sh -c 'sleep 0.2; exit 3' >/dev/null
    eventually grep -q 'died ev3' "$out"
    coracle rm ev3
    eventually grep -q 'remove ev3' "$out"
    # waiting costs next to nothing
    local reader before after
    reader=$(pgrep -f "coracle.*$ROOT.* events" | tail -n1)
    before=$(awk '{ print $14 + $15 }' "/proc/$reader/stat")
    sleep 0.5 # some looks more, then nothing
    after=$(awk '{ print $14 + $15 }' "/proc/$reader/stat")
    [ $((after - before)) -le 3 ] || fail "ticks while idle: $before, $after"
    kill "$reader"
    wait "$pid" || true
}

@test "events: restarts by the monitor are told" {
    coracle run -d --name ev4 --restart on-failure:2 $BB false >/dev/null
    eventually eval '[ "$(coracle events --stream=false --filter container=ev4 --filter event=restart --format "{{.Status}}" | wc -l)" = 2 ]'
    eventually state_is ev4 exited
    is "$(coracle inspect -f '{{.RestartCount}}' ev4)" 2
    is "$(coracle events --stream=false --filter container=ev4 --filter event=died --format '{{.ContainerExitCode}}')" $'1\n1\n1'
}

@test "events: wrong filters, times, arguments" {
    run -125 --separate-stderr coracle events --filter foo=1
    one_error "foo is an invalid filter"
    run -125 --separate-stderr coracle events --since garbage
    one_error garbage
    run -125 --separate-stderr coracle events x
    has "$stderr" "takes no arguments"
    run -125 --separate-stderr coracle events --stream=false --format '{{.Nosuch}}'
    one_error Nosuch
}

# --- top

@test "top: podman's columns, for the container's processes alone" {
    coracle run -d --name x $BB sh -c 'sleep 1000 & exec sleep 2000' >/dev/null
    eventually eval '[ "$(coracle top x pid | wc -l)" = 3 ]'
    run -0 coracle top x
    matches "${lines[0]}" '^USER +PID +PPID +%CPU +ELAPSED +TTY +TIME +COMMAND$'
    matches "${lines[1]}" '^root +1 +0 +[0-9.]+ +[0-9.a-zµ]+ +\? +[0-9.a-zµ]+ +sleep 2000 $'
    matches "${lines[2]}" '^root +[2-9] +1 +.*sleep 1000 $'
    run -0 coracle top -l pid,comm %P user
    matches "${lines[0]}" '^PID +COMMAND +PPID +USER$'
    matches "${lines[1]}" '^1 +sleep +0 +root$'
    only_coracle
    podman run -d --name x $BB sh -c 'sleep 1000 & exec sleep 2000' >/dev/null
    local what="pid user ruser group rgroup groups seccomp label capamb capbnd capeff capinh capprm state tty nice comm"
    eventually eval '[ "$(podman top x pid | wc -l)" = 3 ]'
    run -0 podman top x $what
    local theirs=$output
    podman rm -f -t 0 x >/dev/null
    run -0 coracle top x $what
    is "$output" "$theirs"
}

@test "top: another user, a namespace of its own, exec, ps options" {
    coracle run -d --name x -u 7:9 --userns=auto $BB sleep 1000 >/dev/null
    coracle exec -d -u 0 x sleep 500
    run -0 coracle top x user,group,comm
    matches "${lines[1]}" '^7 +9 +sleep$'
    matches "${lines[2]}" '^root +root +sleep$'
    run -0 coracle top x -o pid,comm
    matches "${lines[1]}" '^ +1 sleep$'
    coracle run -d --name host --pid host $BB sleep 1234 >/dev/null
    run -0 coracle top host args
    is "${#lines[@]}" 2
    run -125 --separate-stderr coracle top
    one_error "name or id"
    run -125 --separate-stderr coracle top nosuch
    one_error "no such container"
    coracle stop -t 0 x
    run -125 --separate-stderr coracle top x
    one_error "top can only be used on running containers"
}

# --- stats

@test "stats: a busy container and a stopped one" {
    coracle run -d --name busy $BB sh -c 'while :; do :; done' >/dev/null
    coracle create --name idle $BB true >/dev/null
    eventually eval '[[ "$(coracle stats --no-stream --format "{{.CPUPerc}}" busy)" =~ ^[1-9][0-9.]*%$ ]]'
    run -0 coracle stats --no-stream
    matches "${lines[0]}" '^ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET IO +BLOCK IO +PIDS +CPU TIME +AVG CPU %$'
    is "${#lines[@]}" 2
    matches "${lines[1]}" '^[0-9a-f]{12} +busy +[0-9.]+% +[0-9.]+[kM]B / [0-9.]+GB +[0-9.]+% .* 1 +[0-9.ms]+ +[0-9.]+%$'
    run -0 coracle stats -a --no-stream --format 'table {{.Name}} {{.PIDS}} {{.NetIO}}'
    has "$output" "idle"
    matches "$output" 'idle +-- +-- / --'
    run -0 coracle stats --no-stream --no-trunc --format json busy
    matches "$output" '^\[ \{ *"id": "[0-9a-f]{64}", *"name": "busy", *"cpu_time": "[^"]+",' || matches "$(tr -d '\n' <<<"$output")" '^\[ \{ +"id": "[0-9a-f]{64}", +"name": "busy", +"cpu_time": "[^"]+", +"cpu_percent": "[0-9.]+%",'
}

@test "stats: rounds follow each other" {
    local out=$BATS_TEST_TMPDIR/out
    sleeper x
    coracle stats -i 1 --no-reset --format '{{.Name}} {{.PIDS}}' >"$out" &
    local pid=$!
    eventually eval "[ \$(grep -c '^x [1-9]' '$out') -ge 2 ]"
    pkill -f "coracle.*$ROOT.* stats" -u "$(id -u)"
    wait "$pid" || true
    hasnt "$(cat "$out")" $'\033'
    run -125 --separate-stderr coracle stats --no-stream -i 0
    one_error interval
    run -125 --separate-stderr coracle stats --no-stream nosuch
    one_error "no such container"
    run -125 --separate-stderr coracle stats --all x
    one_error "cannot be used together"
}

# --- pause

@test "pause: nothing runs until unpause" {
    local before
    coracle run -d --name x $BB sh -c 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done' >/dev/null
    coracle exec -d x sleep 1000
    wait_log x 3
    run -0 --separate-stderr coracle pause x
    is "$output" x
    state_is x paused
    is "$(coracle inspect -f '{{.State.Paused}} {{.State.Running}}' x)" "true false"
    matches "$(coracle ps --format '{{.Status}}')" '^Paused$'
    is "$(coracle ps -q --filter status=paused | wc -l)" 1
    before=$(coracle logs x | tail -n1)
    sleep 0.3
    is "$(coracle logs x | tail -n1)" "$before" "output while paused"
    run -0 coracle unpause x
    state_is x running
    wait_log x $((before + 3))
    is "$(coracle events --stream=false --filter container=x --format '{{.Status}}' | grep -c pause)" 2
}

@test "pause: where there is no freezer a line says so" {
    only_coracle
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || skip "this host has cgroup v2"
    sleeper x
    run -0 --separate-stderr coracle pause x
    has "$stderr" SIGSTOP
    coracle unpause x
}

@test "pause: a process that was stopped before stays so" {
    coracle run -d --name x $BB sh -c 'sleep 1000 & kill -STOP $!; echo up; wait' >/dev/null
    wait_log x up
    coracle pause x
    coracle unpause x
    run -0 coracle top x state,args
    is "$(grep -c '^T ' <<<"$output") $(grep -c '^S ' <<<"$output")" "1 1"
}

@test "pause: what is refused, in podman's words" {
    sleeper x
    coracle pause x
    run -125 --separate-stderr coracle pause x
    one_error "is already paused: container state improper"
    run -255 --separate-stderr coracle exec x true
    one_error "container state improper"
    run -125 --separate-stderr coracle stop x
    one_error "is in state paused"
    run -2 --separate-stderr coracle rm x
    one_error "as it is paused"
    run -125 --separate-stderr coracle restart x
    one_error "paused or unknown state"
    run -125 --separate-stderr coracle start x
    one_error "must be in Created or Stopped state"
    run -125 --separate-stderr coracle attach x
    one_error "running containers"
    run -125 --separate-stderr coracle top x
    one_error "running containers"
    coracle unpause x
    run -125 --separate-stderr coracle unpause x
    one_error "is not paused, can't unpause"
    coracle stop -t 0 x
    run -125 --separate-stderr coracle pause x
    one_error "\"exited\" is not running, can't pause"
    run -125 --separate-stderr coracle pause nosuch
    one_error "no such container"
    run -125 --separate-stderr coracle unpause
    one_error "at least one name"
}

@test "pause: kill and rm -f reach it, --all takes all" {
    sleeper pa
    sleeper pb # no name that an id may begin with
    run -0 --separate-stderr coracle pause --all
    is "${#lines[@]}" 2
    coracle kill pa
    eventually state_is pa exited
    is "$(coracle inspect -f '{{.State.ExitCode}}' pa)" 137
    run -0 --separate-stderr coracle unpause --all
    is "${#lines[@]}" 1
    coracle pause pb
    run -0 coracle rm -f -t 5 pb
    run -1 coracle container exists pb
    coracle start pa
    coracle pause --filter name=pa
    state_is pa paused
    run -0 --separate-stderr coracle pause --all
    is "$output" ""
}

# --- update

@test "update: restart policy and health check of a running container" {
    sleeper x
    run -0 coracle update --restart on-failure:2 x
    matches "$output" '^[0-9a-f]{64}$'
    is "$(coracle inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' x)" "on-failure 2"
    run -125 coracle healthcheck run x
    coracle update --health-cmd 'cat /ok' --health-retries 1 --health-interval 100ms x
    coracle wait --condition unhealthy x
    coracle exec x touch /ok
    coracle wait --condition healthy x
    coracle update --health-interval disable x
    run -0 coracle inspect -f '{{json .Config.Healthcheck}}' x
    is "$output" '{"Test":["CMD-SHELL","cat /ok"],"Timeout":30000000000,"Retries":1}'
    coracle exec x rm /ok
    run -1 coracle healthcheck run x
    coracle update --no-healthcheck x
    hasnt "$(coracle ps --format '{{.Status}}')" "("
    run -125 coracle healthcheck run x
    has "$(coracle events --stream=false --filter container=x --filter event=update --format '{{.Status}}')" update
}

@test "update: a health check that is switched off stays off, and begins at once when switched on" {
    sleeper x
    coracle update --health-cmd 'touch /probing; while [ ! -e /go ]; do sleep 0.05; done' --health-interval 1h x
    eventually coracle exec x test -e /probing
    coracle update --no-healthcheck x
    coracle exec x touch /go
    eventually eval '! coracle top x args | grep -q probing'
    hasnt "$(coracle ps --format '{{.Status}}')" "("
    coracle update --health-cmd true --health-interval 1h x
    coracle wait --condition healthy x
}

@test "update: a policy that comes later restarts, environment is for new processes" {
    coracle run -d --name x $BB sh -c 'sleep 0.3; exit 3' >/dev/null
    coracle update --restart on-failure:1 x >/dev/null
    eventually state_is x exited
    is "$(coracle inspect -f '{{.RestartCount}}' x)" 1
    coracle create --name y -e A=1 -e B=2 $BB env >/dev/null
    coracle update -e A=3 --unsetenv B y >/dev/null
    run -0 coracle start -a y
    has "$output" A=3
    hasnt "$output" B=2
}

@test "update: limits that cannot be applied are told, and kept for the next start" {
    only_coracle
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || skip "this host has cgroup v2"
    sleeper x
    run -0 --separate-stderr coracle update --memory 64m --pids-limit 50 --cpus 0.5 x
    has "$stderr" "--memory: not applied"
    is "$(coracle inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}' x)" "67108864 50 500000000"
}

@test "update: what is refused" {
    coracle create --name x $BB true >/dev/null
    run -125 --separate-stderr coracle update x
    one_error "nothing to update"
    run -125 --separate-stderr coracle update --memory 1m nosuch
    one_error "no such container"
    run -125 --separate-stderr coracle update --memory foo x
    one_error memory
    run -125 --separate-stderr coracle update --restart foo x
    one_error foo
    run -125 --separate-stderr coracle update --health-interval 3s x
    one_error "no health check"
    run -125 --separate-stderr coracle update --memory 1m
    one_error "accepts 1 arg"
}

# --- logs

@test "logs: several containers, with names and colors, as podman prints them" {
    local prog n out=()
    for prog in coracle podman; do
        for n in la lb; do $prog run --name $n $BB echo "one of $n" >/dev/null; done
        out[0]=$($prog logs la lb | sed -E 's/[0-9a-f]{12}/ID/' | sort)
        out[1]=$($prog logs --names la lb | sort)
        out[2]=$($prog logs --color la lb | sed -E 's/[0-9a-f]{12}/ID/' | sort)
        out[3]=$($prog logs --color --names la lb | sort)
        out[4]=$($prog logs --names la)
        out[5]=$($prog logs --color la)
        out[6]=$($prog logs --names --color la)
        $prog rm la lb >/dev/null
        declare -p out | sed 's/^declare -a out=//' >"$FILE_DIR/$prog.out"
    done
    is "$(cat "$FILE_DIR/coracle.out")" "$(cat "$FILE_DIR/podman.out")"
}
