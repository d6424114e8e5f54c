#!/usr/bin/env bats
# A container's life, the same command lines given to coracle and to podman: commands beyond run, ps and logs, clean-up that
# scripts run blindly, and what is wrong with each.
load suite
load compare

setup_file() {
    start_root bb app
    command -v podman >/dev/null || skip "podman is not installed"
    fresh
}
teardown_file() {
    local each
    for each in coracle podman; do $each rm -fa -t 0 >/dev/null 2>&1 || true; done
    end_root
}
setup() {
    only_coracle
    MISMATCHES=
}
# made: never ran; up: runs; done: ended with 3.
fresh() {
    local each
    for each in coracle podman; do
        $each rm -fa -t 0 >/dev/null 2>&1 || true
        $each volume prune -f >/dev/null 2>&1 || true
        $each create --name made --network none --label l=1 -e A=b $BB echo made >/dev/null
        $each run -d --name up --network none --hostname up $BB sh -c 'trap "exit 0" TERM; echo started; while :; do sleep 0.1; done' >/dev/null
        $each run --name done --network none $BB sh -c 'echo line1; echo line2; exit 3' >/dev/null 2>&1 || true
    done
}
# One line for each program, before the lines that are compared.
both() {
    coracle "$@" >/dev/null 2>&1 || true
    podman "$@" >/dev/null 2>&1 || true
}
# Every verb in the list refuses what is no container, no flag, and nothing at all, in the same way.
refuse() { # VERB...
    local verb
    for verb in "$@"; do
        all $verb nosuch
        all $verb
        all $verb --nosuchflag up
    done
}

@test "comparelife: unknown containers, flags and nothing at all" {
    refuse init start stop kill restart wait pause rm attach top
    code unpause nosuch # (and stats and checkpoint below) where podman cannot do it for this user it says that first
    agree
}

@test "comparelife: more unknown containers, flags and nothing at all" {
    refuse logs port diff commit export "container exists" "container clone" "healthcheck run" "container inspect" rename
    code container checkpoint nosuch
    code container restore nosuch
    all cp nosuch:/x /tmp
    all cp
    code stats --no-stream nosuch
    all container runlabel run
    agree
}

@test "comparelife: init" {
    all init made
    all init made
    all ps -a --filter name=made --format '{{.Status}}'
    all ps --filter name=made -q
    all inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.StartedAt}}' made
    all exec made true
    all attach made
    all top made
    all pause made
    all wait --condition initialized made
    all logs made
    all start -a made
    all logs made
    all init up
    all init -a up
    all init --all --latest
    all container init done
    all start -a done
    all inspect -f '{{.State.Status}} {{.State.ExitCode}}' done
    all init done
    all kill done
    both create --name r --network none $BB true
    all init r
    all rm r
    fresh
    agree
}

@test "comparelife: container clone" {
    all container clone made
    all container clone made
    out ps -a --filter name=clone --format '{{.Names}} {{.Image}} {{.Command}} {{.Labels}}' --sort names
    all container clone made x
    all inspect -f '{{.Config.Labels}} {{.Config.Cmd}} {{.Config.WorkingDir}} {{.State.Status}}' x
    all container clone made x
    all container clone --force made
    all container clone --destroy x y
    all container exists x
    all start -a y
    all container clone --name z made other
    all container exists z
    all container exists other
    all container clone --run done again
    all wait again
    all logs again
    all container clone made img $APP
    all inspect -f '{{.ImageName}} {{.Config.Cmd}}' img
    code container clone made bad 'Bad Image'
    all container clone a b c d
    fresh
    agree
}

@test "comparelife: wrong states, signals, conditions, formats, filters" {
    all pause done
    code unpause up
    code unpause made
    all top made
    all attach done
    all kill -s NONSENSE up
    all kill -s 0 up
    all kill -s 999 up
    all kill made
    all stop made
    all stop --time -1 up
    all stop -t nonsense up
    code wait --condition nonsense up
    all wait --condition exited done
    all wait --condition stopped done
    all wait --condition running up
    code wait --interval nonsense done
    all exec done true
    all exec --user nosuch up true
    all rm up
    all rename made up
    all ps --filter nonsense=1
    all ps --filter status=nonsense
    all ps --format '{{.Nonsense}}'
    code ps --format '{{.Names'
    all ps --sort nonsense
    all inspect -f '{{.Nonsense}}' up
    code inspect -f '{{' up
    all logs --tail nonsense up
    all logs --since nonsense up
    all container checkpoint --nosuch up
    agree
}

@test "comparelife: flags that contradict each other" {
    all rm --all up
    all rm --all --latest
    all stop --all up
    all stop --all --latest
    all kill --all up
    all pause --all up
    all start --all up
    all start
    all start -a up done
    all init --all up
    all restart --all --latest
    all logs --latest up
    all wait --latest up
    all top
    all stats --all up
    all port --all up
    all container clone --force up
    all system df --nosuch
    all rmi --all $BB
    all image prune nosuch
    agree
}

@test "comparelife: clean-up that scripts run blindly says nothing when there is nothing to do" {
    local each
    for each in coracle podman; do $each rm -fa -t 0 >/dev/null 2>&1 || true; done
    all rm -t 0 --all --force --ignore
    all rm -f nosuch
    all rm --ignore nosuch
    all rmi --force nosuch
    all rmi --force --ignore nosuch
    all rmi -f
    all network prune --force
    all volume prune --force
    all container prune -f
    all image prune -f
    all system prune -f
    all stop --all
    all stop -a -t 0 --ignore
    all stop --ignore nosuch
    all kill --all
    all restart --all
    all pause --all
    all start --all
    all init --all
    all ps --all --external
    all ps --external -q
    all container exists --external nosuch
    all container cleanup --all
    all image umount --all
    all umount --all
    all volume rm -f nosuch
    all network rm -f nosuch
    all rm --cidfile /no/such/file
    all stop --cidfile /no/such/file
    fresh
    agree
}

@test "comparelife: logs" {
    all logs done
    all logs -t done
    all logs --tail 1 done
    all logs --tail 0 done
    all logs --tail 100 done
    all logs --since 1h done
    all logs --until 2001-01-01 done
    all logs -n done
    all logs -f done
    all logs --tail 1 up
    is "$(coracle logs -t done | head -n1 | sed 's/^[0-9T:.-]*Z //')" line1
    agree
}

@test "comparelife: events" {
    # podman's log of events is not the file's own
    local each what e=e$RANDOM$RANDOM f=f$RANDOM$RANDOM
    for each in coracle podman; do
        $each run -d --name $e --network none $BB sleep 1000 >/dev/null
        $each exec $e true
        $each exec $e sh -c 'exit 3' || true
        $each rename $e $f
        $each kill $f >/dev/null
        $each wait $f >/dev/null
        $each rm $f >/dev/null
    done
    # podman tells the end of an exec twice now and then
    for each in coracle podman; do
        $each events --since 5m --stream=false --filter container=$e --format '{{.Type}} {{.Status}} {{.Image}} {{.Name}}' |
            grep exec | sort -u >"$FILE_DIR/$each.execs"
    done
    run diff "$FILE_DIR/podman.execs" "$FILE_DIR/coracle.execs"
    is "$output" "" "events of exec"
    is "$(wc -l <"$FILE_DIR/coracle.execs")" 2
    for what in rename kill died remove; do
        out events --since 5m --stream=false --filter container=$f --filter event=$what --format '{{.Type}} {{.Status}} {{.Image}} {{.Name}}'
    done
    agree
}

@test "comparelife: system connection and what else needs no store" {
    export XDG_CONFIG_HOME=$(scratch)
    all system connection default nosuch
    all system connection rename nosuch x
    all system connection rm
    all system connection rm nosuch
    all system connection add one
    all system connection add one tcp://h
    code system connection add --identity /k one unix:///x
    out system connection add one tcp://h:80
    all system connection default one
    all system connection rename one two
    all system connection ls -q
    out system connection ls --format '{{.Name}} {{.URI}} {{.Default}}'
    all system connection rm --all
    all system connection ls -q
    all system connection nosuch
    agree
}

@test "comparelife: system df" {
    out system df --format '{{.Type}} {{.Total}}' | grep -v Images || true
    out system df --format '{{.Nonsense}}'
    coracle system df -v | grep -c 'space usage:' >"$FILE_DIR/sections"
    is "$(cat "$FILE_DIR/sections")" 3
    local each
    for each in coracle podman; do
        $each system df -v | sed -n '/^Containers/,/^Local/p' | sed -E 's/[0-9.]+k?B +//' | mask | sort >"$FILE_DIR/$each.df"
    done
    run diff "$FILE_DIR/podman.df" "$FILE_DIR/coracle.df"
    is "$output" "" "containers of df -v"
}
