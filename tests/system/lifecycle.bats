#!/usr/bin/env bats
# A container's life: create, start, stop, kill, restart, rm, ps, logs, inspect, exec, wait, rename, prune.
load suite

setup_file() { start_root bb app; }
teardown_file() { end_root; }
teardown() { clean; }

sleeper() { coracle run -d --name "$1" "${@:2}" $BB sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'; wait_log "$1" up; }

@test "create, start, stop, start again, rm" {
    run -0 coracle create --name c $BB sh -c 'echo hello; trap "exit 0" TERM; while :; do sleep 0.05; done'
    matches "$output" '^[0-9a-f]{64}$'
    state_is c created
    run -0 coracle start c
    is "$output" c
    state_is c running
    wait_log c hello
    run -0 coracle stop c
    is "$output" c
    state_is c exited
    coracle start c
    eventually eval '[ "$(coracle logs c | grep -c hello)" = 2 ]'
    run -2 --separate-stderr coracle rm c
    one_error "running"
    coracle stop c
    run -0 coracle rm c
    run -1 coracle container exists c
}

@test "start: a running container, an unknown one, several" {
    sleeper a
    run -0 coracle start a
    run -125 --separate-stderr coracle start nosuch
    one_error nosuch
    coracle create --name b $BB true
    coracle create --name c $BB true
    run -0 coracle start b c
    is "$output" $'b\nc'
}

@test "stop: what isn't running is no error, what isn't there is" {
    coracle create --name c $BB true
    run -0 coracle stop c
    run -125 --separate-stderr coracle stop nosuch
    one_error nosuch
    run -0 coracle stop --ignore nosuch
    sleeper a
    sleeper b
    run -0 coracle stop -a -t 3
    state_is a exited
    state_is b exited
}

@test "stop: -t 0 kills, the exit code is told" {
    coracle run -d --name c $BB sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done'
    wait_log c up
    coracle stop -t 0 c
    is "$(coracle inspect -f '{{.State.ExitCode}}' c)" 137
}

@test "kill: default, by name and number, unknown signal, stopped container" {
    coracle run -d --name c $BB sh -c 'trap "echo HUP" HUP; trap "echo USR1" USR1; echo up; while :; do sleep 0.05; done'
    wait_log c up
    coracle kill -s HUP c
    wait_log c HUP
    coracle kill --signal SIGUSR1 c
    wait_log c USR1
    run -125 --separate-stderr coracle kill -s NOSUCH c
    one_error NOSUCH
    run -0 coracle kill -s 9 c
    coracle wait c
    run -125 --separate-stderr coracle kill c
    one_error c
}

@test "restart: running, stopped" {
    sleeper c
    local pid; pid=$(coracle inspect -f '{{.State.Pid}}' c)
    run -0 coracle restart c
    [ "$(coracle inspect -f '{{.State.Pid}}' c)" != "$pid" ]
    coracle stop c
    coracle restart -t 1 c
    state_is c running
    run -125 --separate-stderr coracle restart nosuch
    one_error nosuch
}

@test "rm: -f, -a, several, by id prefix, unknown, --ignore" {
    sleeper c
    coracle rm -f -t 0 c
    run -1 coracle container exists c
    local id; id=$(coracle create $BB true)
    run -0 coracle rm "${id:0:8}"
    coracle create --name a $BB true
    coracle create --name b $BB true
    run -1 --separate-stderr coracle rm nosuch a
    has "$stderr" nosuch
    run -0 coracle rm -f nosuch
    run -0 coracle rm --ignore nosuch
    coracle rm -a
    run -0 coracle ps -aq
    is "$output" ""
}

@test "rm -v: anonymous volumes go, named ones stay" {
    coracle create --name c -v kept:/k $APP
    coracle rm -v c
    run -0 coracle volume ls -q
    is "$output" kept
}

@test "ps: columns and their content" {
    coracle create --name made $BB echo a 'long command that has to be cut somewhere'
    sleeper up
    run -0 coracle ps
    matches "${lines[0]}" '^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$'
    is "${#lines[@]}" 2
    matches "${lines[1]}" '^[0-9a-f]{12} +localhost/bb:latest +sh -c trap .*\.\.\. +.* ago +Up .* +up$'
    run -0 coracle ps -a
    is "${#lines[@]}" 3
    matches "$output" '[0-9a-f]{12} +localhost/bb:latest +echo a long comma\.\.\. +.* ago +Created +made'
}

@test "ps: -q, --no-trunc, -n, --latest, --noheading, --sort, --size" {
    local one two
    one=$(coracle create --name one $BB true)
    sleep 1.1
    two=$(coracle create --name two $BB true)
    run -0 coracle ps -aq
    has "$output" "${one:0:12}"
    run -0 coracle ps -aq --no-trunc
    has "$output" "$one"
    run -0 coracle ps -q -n 1
    is "$output" "${two:0:12}"
    run -0 coracle ps -q --latest
    is "$output" "${two:0:12}"
    run -0 coracle ps -a --noheading --format '{{.Names}}' --sort names
    is "$output" $'one\ntwo'
    run -0 coracle ps -a --size
    has "${lines[0]}" SIZE
}

@test "ps: filters" {
    coracle create --name f1 --label role=web --label x $BB true
    coracle create --name f2 --label role=db -v fv:/data $APP
    sleeper f3
    run coracle run --name f4 $BB sh -c 'exit 3'
    names() { coracle ps -a --format '{{.Names}}' --sort names "$@" | tr '\n' ' '; }
    is "$(names --filter label=role=web)" "f1 "
    is "$(names --filter label=role)" "f1 f2 "
    is "$(names --filter status=running)" "f3 "
    is "$(names --filter status=exited)" "f4 "
    is "$(names --filter status=created --filter label=x)" "f1 "
    is "$(names --filter status=created --filter status=running)" "f1 f2 f3 "
    is "$(names --filter exited=3)" "f4 "
    is "$(names --filter name=f1 --filter name=f3)" "f1 f3 "
    is "$(names --filter ancestor=$APP)" "f2 "
    is "$(names --filter before=f2)" "f1 "
    is "$(names --filter since=f2)" "f3 f4 "
    is "$(names --filter "id=$(coracle inspect -f '{{.Id}}' f2)")" "f2 "
    is "$(names --filter volume=fv)" "f2 "
    run -125 --separate-stderr coracle ps --filter nonsense=1
    one_error nonsense
}

@test "ps: --format with templates and json" {
    sleeper one --label a=b
    run -0 coracle ps --format '{{.Names}}|{{.Image}}|{{.Status}}|{{.ID}}'
    matches "$output" '^one\|localhost/bb:latest\|Up .*\|[0-9a-f]{12}$'
    run -0 coracle ps --format 'table {{.Names}}\t{{.Image}}'
    matches "${lines[0]}" '^NAMES +IMAGE$'
    run -0 coracle ps --format json
    is "$(jq -r '.[0].Names[0]' <<<"$output")" one
    is "$(jq -r '.[0].State' <<<"$output")" running
    is "$(jq -r '.[0].Labels.a' <<<"$output")" b
    is "$(jq -r '.[0].Id | length' <<<"$output")" 64
    run -125 --separate-stderr coracle ps --format '{{.NoSuchField}}'
    has "$stderr" NoSuchField
    run -125 --separate-stderr coracle ps --format '{{.Names'
    matches "$stderr" '^Error: '
}

# A journal in a can: what journalctl prints for a container, whatever it is asked for. Its arguments go to a file.
fake_journalctl() { # DIRECTORY
    cat >"$1/journalctl" <<'X'
#!/bin/sh
echo "$@" >>"${0%/*}/asked"
entry() { # SECOND PRIORITY MESSAGE MORE
    echo "{\"__CURSOR\":\"c$1\",\"__REALTIME_TIMESTAMP\":\"17000000$1000000\",\"PRIORITY\":\"$2\",\"MESSAGE\":$3$4}"
}
case "$*" in *--after-cursor*) entry 40 6 '"later"'; exit ;; esac
entry 10 6 '"one"'
entry 11 3 '"wrong"'
entry 12 6 '[97,27,91,48,109,255,0,98]'
entry 13 6 '"begin "' ',"CONTAINER_PARTIAL_MESSAGE":"true"'
entry 14 6 '"end"'
entry 15 6 null
X
    chmod +x "$1/journalctl"
}

@test "logs: from the journal, through journalctl" {
    only_coracle
    local dir id; dir=$(scratch)
    fake_journalctl "$dir"
    id=$(coracle create --name j --log-driver journald $BB true)
    PATH=$dir:$PATH
    coracle logs j >"$dir/out" 2>"$dir/err"
    printf 'one\na\033[0m\377\000b\nbegin end\n\n' >"$dir/want"
    cmp "$dir/out" "$dir/want"
    is "$(cat "$dir/err")" wrong
    has "$(cat "$dir/asked")" "CONTAINER_ID_FULL=$id"
    run -0 coracle logs --tail 2 j
    is "$output" "begin end"
    run -0 coracle logs -t --since 1700000013 --until 1700000015 j
    matches "$output" '^2023-11-14T[0-9:]+.*begin end$'
    has "$(tail -n1 "$dir/asked")" "--since=@1700000013"
    run -0 coracle logs -f --tail 0 j
    is "$output" later
    has "$(tail -n1 "$dir/asked")" "--after-cursor=c15"
    echo 'echo "{broken"' >>"$dir/journalctl"
    run -125 --separate-stderr coracle logs j
    has "$stderr" "journal entry"
    printf '#!/bin/sh\nexit 3\n' >"$dir/journalctl"
    run -125 --separate-stderr coracle logs j
    one_error "journalctl ended with code"
    if ! command -v /usr/bin/journalctl >/dev/null; then
        PATH=${PATH#*:}
        run -125 --separate-stderr coracle logs j
        one_error "journalctl is not installed"
    fi
}

@test "logs: both streams, --tail, -t, --since, --until" {
    coracle run -d --name l $BB sh -c 'echo one; echo two >&2; echo three; sleep 0.3; echo last'
    coracle wait l
    run -0 --separate-stderr coracle logs l
    is "$output" $'one\nthree\nlast'
    is "$stderr" two
    run -0 coracle logs --tail 1 l
    is "$output" last
    run -0 coracle logs --tail 0 l
    is "$output" ""
    run -0 coracle logs -t --tail 1 l
    matches "$output" '^20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-9:.]+[-+Z][0-9:]* last$'
    run -0 coracle logs --since 1h l
    has "$output" one
    run -0 coracle logs --since 2099-01-01T00:00:00Z l
    is "$output" ""
    run -0 coracle logs --until 2001-01-01T00:00:00Z l
    is "$output" ""
    run -125 --separate-stderr coracle logs nosuch
    one_error nosuch
}

@test "logs -f: follows to the end" {
    coracle run -d --name l $BB sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done'
    run -0 timeout 20 bash -c "$(coracle_words) logs -f l"
    is "$output" $'1\n2\n3\n4\n5'
    run -0 timeout 20 bash -c "$(coracle_words) logs -f l"
    is "${#lines[@]}" 5
}

@test "logs: 100,000 lines complete, and long lines whole" {
    coracle run -d --name l $BB sh -c 'seq 100000; head -c 300000 /dev/zero | tr "\0" x; echo'
    coracle wait l
    coracle logs l >"$FILE_DIR/log"
    is "$(head -n 100000 "$FILE_DIR/log" | md5sum)" "$(seq 100000 | md5sum)"
    is "$(tail -n 1 "$FILE_DIR/log" | wc -c)" 300001
}

@test "log drivers: k8s-file, json-file, none, options" {
    coracle run -d --name k --log-driver k8s-file $BB echo k8s
    coracle run -d --name j --log-driver json-file $BB echo json
    coracle run -d --name n --log-driver none $BB echo none
    coracle wait k j n
    is "$(coracle logs k)" k8s
    is "$(coracle logs j)" json
    run -125 --separate-stderr coracle logs n
    one_error none
    run -125 --separate-stderr coracle run --log-driver nonsense $BB true
    one_error "invalid log driver"
    run -0 coracle run --rm --log-driver passthrough $BB echo direct
    is "$output" direct
    coracle run -d --name small --log-opt max-size=10k $BB seq 100000
    coracle wait small
    is "$(coracle logs --tail 1 small)" 100000
    [ "$(coracle logs small | wc -c)" -lt 200000 ]
    coracle run -d --name elsewhere --log-opt path="$FILE_DIR/my.log" $BB echo there
    coracle wait elsewhere
    has "$(cat "$FILE_DIR/my.log")" there
}

@test "inspect: the fields that scripts read" {
    coracle run -d --name i --hostname box -e A=1 -w /tmp -u app --label l=1 -v "$FILE_DIR:/mnt:ro" $BB sleep 1000
    run -0 coracle inspect i
    local want
    for want in '.[0].Name == "i"' '.[0].State.Running == true' '.[0].State.Pid > 0' '.[0].State.ExitCode == 0' \
        '.[0].Config.Hostname == "box"' '.[0].Config.WorkingDir == "/tmp"' '.[0].Config.User == "app"' \
        '.[0].Config.Labels.l == "1"' '.[0].Config.Cmd == ["sleep","1000"]' '.[0].ImageName == "localhost/bb:latest"' \
        '.[0].Path == "sleep"' '.[0].Args == ["1000"]' '.[0].Mounts[0].Destination == "/mnt"' '.[0].Mounts[0].RW == false' \
        '.[0].HostConfig.Privileged == false' '.[0].HostConfig.RestartPolicy.Name | type == "string"' \
        '(.[0].Config.Env | index("A=1")) != null' '(.[0].Id | length) == 64' '(.[0].Image | length) == 64'; do
        jq -e "$want" <<<"$output" >/dev/null || fail "not so: $want" "$(jq . <<<"$output")"
    done
    run -125 --separate-stderr coracle inspect nosuch
    has "$stderr" nosuch
    is "$output" "[]"
    run -0 coracle inspect -f '{{.State.Status}} {{json .Config.Cmd}} {{len .Mounts}}' i
    is "$output" 'running ["sleep","1000"] 1'
    run -0 coracle inspect --type image -f '{{index .RepoTags 0}}' $BB
    is "$output" localhost/bb:latest
}

@test "exec: output, exit codes, user, workdir, environment, stdin" {
    sleeper e -e FROM=run
    run -0 --separate-stderr coracle exec e sh -c 'echo out; echo err >&2'
    is "$output" out
    is "$stderr" err
    run -9 coracle exec e sh -c 'exit 9'
    run -127 --separate-stderr coracle exec e nosuchcommand
    one_error nosuchcommand
    run -126 coracle exec e /etc/passwd
    run -0 coracle exec -u app e id -un
    is "$output" app
    run -0 coracle exec -w /tmp e pwd
    is "$output" /tmp
    run -0 coracle exec -e A=1 e sh -c 'echo $A $FROM'
    is "$output" "1 run"
    run -0 bash -c "echo in | $(coracle_words) exec -i e cat"
    is "$output" in
    run -0 bash -c "echo in | $(coracle_words) exec e cat"
    is "$output" ""
    run -125 --separate-stderr coracle exec nosuch true
    one_error nosuch
    coracle stop e
    run --separate-stderr coracle exec e true
    [ "$status" = 125 ] || [ "$status" = 255 ]
    one_error "running"
}

@test "exec -d, exec -it" {
    sleeper e
    run -0 coracle exec -d e sh -c 'echo done >/detached'
    eventually coracle exec e test -s /detached
    need expect
    run -0 expect -c "set timeout 20; spawn $(coracle_words) exec -it e sh -c {tty; stty size; exit 0}; expect /dev/; catch {expect eof}; exit [lindex [wait] 3]"
    has "$output" /dev/pts
}

@test "exec --privileged and the container's confinement" {
    sleeper e
    run -0 coracle exec e grep CapEff /proc/self/status
    has "$output" 00000000800405fb
    run -0 coracle exec --privileged e grep CapEff /proc/self/status
    hasnt "$output" 00000000800405fb
    run -0 coracle exec e grep ^Seccomp: /proc/self/status
    matches "$output" '2$'
    run -0 coracle exec -u app e grep CapEff /proc/self/status
    has "$output" 0000000000000000
}

@test "exec: a container that ends takes it along" {
    coracle run -d --name e $BB sleep 1000
    coracle exec e sleep 1000 &
    sleep 0.5
    coracle kill e
    local rc=0
    wait $! || rc=$?
    [ "$rc" != 0 ]
}

@test "exec: a gigabyte would do, 64 MiB both ways" {
    sleeper e
    head -c 67108864 /dev/urandom >"$FILE_DIR/in"
    coracle exec -i e cat <"$FILE_DIR/in" >"$FILE_DIR/out"
    cmp "$FILE_DIR/in" "$FILE_DIR/out"
    rm "$FILE_DIR/in" "$FILE_DIR/out"
}

@test "wait: exit code, several, --condition, unknown" {
    coracle run -d --name w1 $BB sh -c 'sleep 0.3; exit 3'
    coracle run -d --name w2 $BB sh -c 'exit 4'
    run -0 coracle wait w1 w2
    is "$output" $'3\n4'
    run -0 coracle wait w1
    is "$output" 3
    coracle run -d --name w3 $BB sleep 1000
    run -0 timeout 20 bash -c "$(coracle_words) wait --condition running w3"
    run -125 --separate-stderr coracle wait nosuch
    one_error nosuch
}

@test "rename: and the old name is free" {
    coracle create --name old $BB true
    coracle create --name other $BB true
    coracle rename old new
    run -0 coracle container exists new
    run -1 coracle container exists old
    run -125 --separate-stderr coracle rename new other
    one_error other
    coracle create --name old $BB true
}

@test "container exists, by name and by id" {
    local id; id=$(coracle create --name x $BB true)
    run -0 coracle container exists x
    run -0 coracle container exists "${id:0:10}"
    run -1 coracle container exists y
    is "$output" ""
}

@test "container prune: what is stopped, nothing else" {
    sleeper up
    coracle create --name made $BB true
    coracle run --name done $BB true
    run -0 coracle container prune -f
    run -0 coracle ps -a --format '{{.Names}}'
    hasnt "$output" done
    has "$output" up
}

@test "names that are a prefix of several ids are refused" {
    local i
    for i in $(seq 17); do coracle create $BB true; done >"$FILE_DIR/ids"
    local prefix; prefix=$(cut -c1 "$FILE_DIR/ids" | sort | uniq -d | head -n1)
    run -125 --separate-stderr coracle inspect --type container "$prefix"
    matches "$stderr" "(more than one|multiple|ambiguous|no such)"
}

@test "restart: of a container that --rm will remove, as under podman" {
    coracle run -d --rm --name r $BB sh -c 'echo up >>/times; trap "exit 0" TERM; echo up; while :; do sleep 0.05; done'
    wait_log r up
    local pid; pid=$(coracle inspect -f '{{.State.Pid}}' r)
    run -0 coracle restart r
    is "$output" r
    state_is r running
    [ "$(coracle inspect -f '{{.State.Pid}}' r)" != "$pid" ]
    eventually eval '[ "$(coracle exec r grep -c up /times)" = 2 ]'
    is "$(coracle inspect -f '{{.RestartCount}}' r)" 0
    coracle restart -t 0 r
    eventually eval '[ "$(coracle exec r grep -c up /times)" = 3 ]'
    coracle stop -t 1 r
    eventually eval '! coracle container exists r'
}

@test "restart: who is attached to a --rm container hears of its first end, and the container stays" {
    only_coracle
    coracle run --rm --name r $BB sh -c 'trap "exit 7" TERM; echo up; while :; do sleep 0.05; done' >"$FILE_DIR/out" &
    eventually grep -q up "$FILE_DIR/out"
    local attached=$! code=0
    coracle restart r
    wait "$attached" || code=$?
    is "$code" 7
    state_is r running
    coracle stop -t 1 r
    eventually eval '! coracle container exists r'
}

@test "run -d --rmi: the image goes with the container, unless another uses it" {
    only_coracle
    coracle tag $BB localhost/gone:1
    coracle run -d --rmi --name goes localhost/gone:1 sleep 1000
    coracle stop -t 0 goes
    eventually eval '! coracle image exists localhost/gone:1'
    coracle image exists $BB
    # The embedded one comes back whenever it is asked for, so it is the one to lose.
    coracle create --name user coracle/hello
    coracle run -d --rmi --name goes coracle/hello
    eventually eval '! coracle container exists goes'
    has "$(coracle images --format '{{.Repository}}')" coracle/hello
    coracle rm user
    coracle run --rmi coracle/hello
    hasnt "$(coracle images --format '{{.Repository}}')" coracle/hello
}

@test "restart policies: on-failure stops after its number, always goes on, no by default" {
    coracle run -d --name of --restart on-failure:2 $BB sh -c 'echo try; exit 1'
    eventually eval '[ "$(coracle logs of | grep -c try)" = 3 ]'
    eventually state_is of exited
    is "$(coracle inspect -f '{{.RestartCount}}' of)" 2
    coracle run -d --name al --restart always $BB sh -c 'echo try; sleep 0.2'
    eventually eval '[ "$(coracle logs al | grep -c try)" -ge 3 ]'
    coracle stop -t 1 al
    local n; n=$(coracle logs al | grep -c try)
    sleep 1
    is "$(coracle logs al | grep -c try)" "$n"
    run -125 --separate-stderr coracle run --restart nonsense $BB true
    one_error nonsense
    run -125 --separate-stderr coracle run --rm --restart always $BB true
    matches "$stderr" "^Error: "
}

@test "exit: told while nobody waits, also when started again" {
    coracle run -d --name x $BB sh -c 'test -e /f && exit 2; touch /f; exit 1'
    eventually state_is x exited
    is "$(coracle inspect -f '{{.State.ExitCode}}' x)" 1
    run -0 coracle start x
    eventually state_is x exited
    is "$(coracle inspect -f '{{.State.ExitCode}}' x)" 2
}

@test "the container survives the client, its files survive a stop" {
    coracle run -d --name s $BB sh -c 'echo data >/file; sync; sleep 1000'
    eventually coracle exec s test -e /file
    coracle stop -t 0 s
    coracle start s
    run -0 coracle exec s cat /file
    is "$output" data
}

@test "who is attached holds nothing of the container's root: its monitor takes it apart" {
    local link held=0
    "$CORACLE" --root "$ROOT" run --rm --name h $BB sh -c 'echo up; sleep 1000' >/dev/null 2>&1 3>&- &
    local client=$!
    wait_log h up
    eventually eval "readlink /proc/$client/fd/* | grep -q signalfd" # it waits for the end
    while read -r link; do
        case $link in */rootfs | */t/m) held=1 ;; esac
    done < <(readlink /proc/$client/fd/*)
    coracle rm -f -t 0 h
    wait $client || true
    is $held 0
}

@test "a killed container: recorded, and --rm honoured" {
    local pid
    coracle run -d --rm --name k $BB sleep 1000
    pid=$(coracle inspect -f '{{.State.Pid}}' k)
    kill -9 "$pid" 2>/dev/null || coracle kill k
    eventually eval '! coracle container exists k'
}

@test "a killed monitor: the container is found dead and recorded so" {
    only_coracle
    local pid
    coracle run -d --name k $BB sleep 1000
    coracle run -d --rm --name r $BB sleep 1000
    for pid in $(pgrep -f coracle-monitor -P "$CORACLE_TEST_REAPER"); do kill -9 "$pid"; done
    eventually eval '[ "$(coracle inspect -f "{{.State.Running}}" k)" = false ]'
    [ "$(coracle inspect -f '{{.State.ExitCode}}' k)" != 0 ]
    eventually eval '! coracle container exists r'
    coracle start k
    state_is k running
}

@test "sixteen at once" {
    local i
    seq 16 | xargs -P 16 -I{} $(coracle_words) run --rm $BB sh -c 'echo {}' >"$FILE_DIR/sixteen"
    is "$(sort -n "$FILE_DIR/sixteen" | tr '\n' ' ')" "$(seq 16 | tr '\n' ' ')"
}

@test "the store is clean after all that" {
    store_is_clean
}

@test "cleanup: the directory of a container whose row is gone, as a monitor has it done that missed the last word" {
    only_coracle
    local id lost
    id=$(coracle create --name kept $BB true)
    lost=$(printf '%064d' 7)
    mkdir -p "$ROOT/containers/$lost/upper/file"
    run -0 coracle container cleanup --rm "$lost"
    is "$output" ""
    [ ! -e "$ROOT/containers/$lost" ]
    run -0 coracle container cleanup --rm "$id"
    is "$output" "$id"
    run -125 --separate-stderr coracle container cleanup --rm "$id-"
    one_error "no such container"
}
