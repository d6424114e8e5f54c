#!/usr/bin/env bats
# Health checks, run by the container's monitor.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() { clean; }

status_is() { [ "$(coracle inspect -f '{{.State.Health.Status}}' "$1")" = "$2" ]; }
streak_is() { [ "$(coracle inspect -f '{{.State.Health.FailingStreak}}' "$1")" = "$2" ]; }

@test "health: starting, unhealthy, healthy; where it shows" {
    coracle run -d --name x --health-cmd 'echo looking; cat /ok' --health-retries 2 --health-interval 100ms $BB sleep 1000 >/dev/null
    run -0 coracle wait --condition unhealthy x
    is "$output" -1
    run -0 coracle inspect -f '{{.State.Health.Status}} {{len .State.Health.Log}} {{json (index .State.Health.Log 0)}}' x
    matches "$output" '^unhealthy [2-5] \{"Start":"2[^"]*Z","End":"2[^"]*Z","ExitCode":1,"Output":"looking\\ncat: can.t open ./ok.: No such file or directory"\}$'
    matches "$(coracle ps --format '{{.Status}}')" '^Up .*\(unhealthy\)$'
    is "$(coracle ps -q --filter health=unhealthy | wc -l)" 1
    is "$(coracle ps -q --filter health=healthy)" ""
    is "$(coracle inspect -f '{{json .ExecIDs}}' x)" "[]"
    coracle exec x touch /ok
    run -0 coracle wait --condition healthy x
    streak_is x 0
    matches "$(coracle ps --format '{{.Status}}')" '^Up .*\(healthy\)$'
    run -0 coracle events --stream=false --filter container=x --filter event=health_status --format '{{.HealthStatus}}'
    has "$output" unhealthy
    is "${lines[-1]}" healthy
    # what a probe writes is none of the container's output
    is "$(coracle logs x)" ""
    coracle stop -t 0 x
    run -0 coracle ps -a --filter health=healthy -q
    is "$output" ""
    status_is x healthy
}

@test "health: no process is left between probes, none of coracle's is needed" {
    only_coracle
    coracle run -d --name x --health-cmd true --health-interval 100ms $BB sleep 1000 >/dev/null
    coracle wait --condition healthy x
    # the session's holder and the monitor, with what it has: no engine, no timer
    local others
    others=$(pgrep -u "$(id -u)" -f "coracle --root $ROOT" || true)
    is "$others" ""
}

@test "health: a command that takes too long, one that isn't there, one without a shell" {
    coracle run -d --name slow --health-cmd 'echo begun; sleep 1000' --health-timeout 300ms --health-retries 1 $BB sleep 1000 >/dev/null
    coracle run -d --name none --health-cmd '["/nosuch","x"]' --health-retries 1 $BB sleep 1000 >/dev/null
    coracle run -d --name args --health-cmd '["ls","-d","/a b"]' --health-interval 100ms --health-retries 1 $BB sh -c 'mkdir "/a b"; exec sleep 1000' >/dev/null
    coracle wait --condition unhealthy slow none
    run -0 coracle inspect -f '{{(index .State.Health.Log 0).ExitCode}}' slow none
    is "$output" $'-1\n127'
    eventually eval '[ "$(coracle top slow pid | wc -l)" = 2 ]' # the probe was ended
    coracle wait --condition healthy args
}

@test "health: nothing counts in the start period; a startup check goes first" {
    coracle run -d --name x --health-cmd false --health-retries 1 --health-interval 100ms --health-start-period 1h $BB sleep 1000 >/dev/null
    eventually eval '[ "$(coracle inspect -f "{{len .State.Health.Log}}" x)" -ge 3 ]'
    status_is x starting
    streak_is x 0
    coracle run -d --name s --health-cmd 'test ! -e /bad' --health-retries 1 --health-startup-cmd 'test -e /up' \
        --health-startup-interval 100ms --health-startup-success 2 $BB sleep 1000 >/dev/null
    eventually eval '[ "$(coracle inspect -f "{{len .State.Health.Log}}" s)" -ge 3 ]'
    status_is s starting
    coracle exec s touch /up
    coracle wait --condition healthy s
    coracle run -d --name r --health-cmd true --health-startup-cmd false --health-startup-interval 100ms --health-startup-retries 2 \
        $BB sh -c 'echo run; trap "exit 0" TERM; while :; do sleep 0.02; done' >/dev/null
    eventually eval '[ "$(coracle logs r | grep -c run)" -ge 2 ]'
}

@test "health: what is done with an unhealthy container" {
    local action
    for action in kill stop restart none; do
        coracle run -d --name $action --health-cmd 'test -e /fine' --health-retries 2 --health-interval 100ms --health-on-failure $action \
            $BB sh -c 'echo run; trap "exit 3" TERM; while :; do sleep 0.02; done' >/dev/null
    done
    eventually state_is kill exited
    is "$(coracle inspect -f '{{.State.ExitCode}}' kill)" 137
    eventually state_is stop exited
    is "$(coracle inspect -f '{{.State.ExitCode}}' stop)" 3
    eventually eval '[ "$(coracle logs restart | grep -c run)" -ge 2 ]'
    eventually status_is none unhealthy
    state_is none running
    is "$(coracle inspect -f '{{.Config.HealthcheckOnFailureAction}}' kill none)" $'kill\nnone'
}

@test "healthcheck run: as podman does it" {
    local prog
    for prog in coracle podman; do
        DISABLE_HC_SYSTEMD=true $prog run -d --name x --health-cmd 'cat /ok' --health-retries 2 --health-interval disable $BB sleep 1000 >/dev/null
        is "$($prog inspect -f '{{json .State.Health}}' x)" '{"Status":"starting","FailingStreak":0,"Log":null}' $prog
        run -1 $prog healthcheck run x
        is "$output" unhealthy $prog
        is "$($prog inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' x)" "starting 1" $prog
        run -1 $prog healthcheck run x
        is "$($prog inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' x)" "unhealthy 2" $prog
        $prog exec x touch /ok
        run -0 $prog healthcheck run x
        is "$output" "" $prog
        is "$($prog inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}' x)" "healthy 0 3" $prog
        $prog stop -t 0 x
        run -125 $prog healthcheck run x
        has "$output" "is not running"
        $prog run -d --name y $BB sleep 1000 >/dev/null
        run -125 $prog healthcheck run y
        has "$output" "has no defined healthcheck"
        run -125 $prog healthcheck run nosuch
        has "$output" "unable to look up nosuch to perform a health check"
        $prog rm -f -t 0 x y >/dev/null
    done
}

@test "health: flags as podman reads them" {
    local cmd
    for cmd in 'CMD ls /' '["ls","/"]' '["CMD-SHELL","ls /"]' none ls '["ls"]' 'CMD-SHELL ls / || exit 1'; do
        coracle create --name x --health-cmd "$cmd" --health-interval 7s --health-timeout 1m --health-start-period 2s --health-retries 9 $BB true >/dev/null
        DISABLE_HC_SYSTEMD=true podman create --name x --health-cmd "$cmd" --health-interval 7s --health-timeout 1m --health-start-period 2s --health-retries 9 $BB true >/dev/null
        is "$(coracle inspect -f '{{json .Config.Healthcheck}}' x | jq -cS .)" "$(podman inspect -f '{{json .Config.Healthcheck}}' x | jq -cS .)" "$cmd"
        coracle rm x >/dev/null
        podman rm x >/dev/null
    done
    coracle create --name x --no-healthcheck $BB true >/dev/null
    is "$(coracle inspect -f '{{json .Config.Healthcheck}}' x)" '{"Test":["NONE"]}'
}

@test "health: flags that are refused, in podman's words" {
    local prog flags
    while read -r flags; do
        for prog in coracle podman; do
            run -125 $prog create $flags $BB true
            eval "said_$prog=\$output"
        done
        is "$said_coracle" "$said_podman" "$flags"
    done <<'END'
--health-cmd true --health-interval foo
--health-cmd true --health-retries 0
--health-cmd true --health-timeout 0
--health-cmd true --health-start-period -1s
--health-cmd true --no-healthcheck
--health-cmd true --health-on-failure foo
--health-on-failure kill
END
}

@test "health: an image's check, with other times, or without" {
    only_coracle
    need jq
    local dir=$(scratch) config manifest
    coracle save --format docker-archive -o "$dir/bb.tar" $BB
    mkdir "$dir/i"
    tar -C "$dir/i" -xf "$dir/bb.tar"
    chmod -R u+w "$dir/i"
    config=$(jq -r '.[0].Config' "$dir/i/manifest.json")
    jq -c '.config.Healthcheck = {"Test": ["CMD-SHELL", "exit 5"], "Interval": 100000000, "Retries": 1}' "$dir/i/$config" >"$dir/i/new.json"
    jq -c '.[0].Config = "new.json" | .[0].RepoTags = ["localhost/sick:latest"]' "$dir/i/manifest.json" >"$dir/m.json"
    mv "$dir/m.json" "$dir/i/manifest.json"
    rm "$dir/i/$config"
    tar -C "$dir/i" -cf "$dir/sick.tar" .
    coracle load -q -i "$dir/sick.tar"
    coracle run -d --name x localhost/sick sleep 1000 >/dev/null
    coracle wait --condition unhealthy x
    is "$(coracle inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Timeout}}' x)" "5 100ms 30s" ||
        is "$(coracle inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Timeout}}' x)" "5 100000000 30000000000"
    coracle run -d --name y --health-interval disable --health-retries 7 localhost/sick sleep 1000 >/dev/null
    is "$(coracle inspect -f '{{.Config.Healthcheck.Retries}} {{.State.Health.Status}}' y)" "7 starting"
    coracle run -d --name z --no-healthcheck localhost/sick sleep 1000 >/dev/null
    run -125 coracle healthcheck run z
    has "$output" "has no defined healthcheck"
    coracle rm -fa -t 0 >/dev/null
    coracle rmi localhost/sick >/dev/null
}

@test "health: where results go, how many, and how much of each" {
    local dir
    dir=$(scratch)
    coracle run -d --name x --health-cmd 'echo abcdefgh; echo ij' --health-interval 50ms --health-log-destination "$dir" \
        --health-max-log-count 3 --health-max-log-size 11 $BB sleep 1000 >/dev/null
    run -0 coracle inspect -f '{{.Config.HealthLogDestination}} {{.Config.HealthcheckMaxLogCount}} {{.Config.HealthcheckMaxLogSize}}' x
    is "$output" "$dir 3 11"
    local file
    file=$dir/$(coracle inspect -f '{{.Id}}' x)-healthcheck.log
    logged() { python3 -c 'import json, sys; print(*[r["Output"] for r in json.load(open(sys.argv[1]))["Log"] or []], sep="|")' "$file"; }
    eventually eval '[ "$(logged | tr "\n" _)" = "abcdefgh_ij|abcdefgh_ij|abcdefgh_ij_" ]'
    is "$(coracle inspect -f '{{len .State.Health.Log}}' x)" 3
    is "$(ls "$dir" | wc -l)" 1
    coracle update --health-max-log-count 0 --health-max-log-size 3 x >/dev/null
    eventually eval '[ "$(coracle inspect -f "{{len .State.Health.Log}}" x)" -gt 6 ]'
    eventually eval 'has "$(logged)" "abc|abc"'
    coracle update --health-log-destination local x >/dev/null
    rm "$file"
    eventually eval '[ "$(coracle inspect -f "{{.State.Health.Status}}" x)" = healthy ]'
    is "$(ls "$dir")" ""
    run -125 --separate-stderr coracle run -d --health-cmd true --health-log-destination "$dir/nosuch" $BB true
    one_error "HealthCheck Log '$dir/nosuch' destination error: stat $dir/nosuch: no such file or directory"
    run -125 --separate-stderr coracle run -d --health-cmd true --health-log-destination /etc/passwd $BB true
    one_error "HealthCheck Log '/etc/passwd' destination must be directory"
}

@test "health: events with what a check said, and without any" {
    coracle run -d --name told --health-cmd 'printf "a\033\nb"; false' --health-interval 50ms --health-log-destination events_logger $BB sleep 1000 >/dev/null
    coracle wait --condition unhealthy told >/dev/null
    run -0 coracle events --stream=false --filter container=told --filter event=health_status
    matches "${lines[2]}" 'health_status=unhealthy, health_failing_streak=3, health_log=a  b\)$'
    echo '[engine]
healthcheck_events = false' >"$FILE_DIR/quiet.conf"
    CONTAINERS_CONF_OVERRIDE=$FILE_DIR/quiet.conf coracle run -d --name untold --health-cmd false --health-interval 50ms $BB sleep 1000 >/dev/null
    coracle wait --condition unhealthy untold >/dev/null
    is "$(coracle events --stream=false --filter container=untold --filter event=health_status)" ""
}

@test "wait: conditions" {
    coracle run -d --name x $BB sleep 1000 >/dev/null
    run -0 coracle wait --condition running x
    run -0 coracle wait --condition stopped,running x
    coracle pause x
    run -0 coracle wait --condition paused x
    coracle unpause x
    coracle create --name y $BB true >/dev/null
    run -0 coracle wait --condition created y
    run -0 coracle wait --condition configured y
    run -125 --separate-stderr coracle wait --condition foo x
    one_error "unknown container state: foo"
    coracle stop -t 0 x
    run -0 coracle wait --condition exited x
    is "$output" 137
}
