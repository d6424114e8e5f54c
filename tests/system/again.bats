#!/usr/bin/env bats
# Containers before their start (init), made of others (clone) or of what an image says (runlabel); what takes space; a
# damaged store; where remote services are.
load suite

setup_file() {
    start_root bb app
    only_coracle
}
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() { clean; }

@test "again: init makes a container without running its command, start runs it" {
    coracle create --name i --network none $BB sh -c 'echo ran; exit 3'
    is "$(coracle init i)" i
    is "$(coracle inspect -f '{{.State.Status}} {{.State.Running}} {{.State.StartedAt}}' i)" "initialized false 0001-01-01 00:00:00 +0000 UTC"
    [ "$(coracle inspect -f '{{.State.Pid}}' i)" -gt 0 ]
    is "$(coracle ps -a --format '{{.Status}}')" Initialized
    is "$(coracle ps -q)" ""
    is "$(coracle ps -aq --filter status=initialized | wc -l)" 1
    is "$(coracle logs i)" ""
    run -3 coracle start -a i
    is "$output" ran
    is "$(coracle inspect -f '{{.State.Status}} {{.State.ExitCode}}' i)" "exited 3"
    # again, detached
    coracle init i >/dev/null
    is "$(coracle start i)" i
    is "$(coracle wait i)" 3
    is "$(coracle logs i)" $'ran\nran'
}

@test "again: a command that ends at once after its init keeps its exit code" {
    local i
    coracle create --name q --network none $BB sh -c 'exit 3'
    for i in $(seq 12); do
        coracle init q >/dev/null
        run -3 coracle start -a q
        is "$(coracle inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' q)" "exited 3 "
        coracle init q >/dev/null
        coracle start q >/dev/null
        is "$(coracle wait q)" 3
    done
}

@test "again: what cannot be done with an initialized container says so, what can be done is done" {
    coracle create --name i --network none $BB sleep 100
    coracle init i
    local verb
    run --separate-stderr -125 coracle init i
    one_error "has already been created in runtime"
    run --separate-stderr -255 coracle exec i true
    one_error "can only create exec sessions on running containers"
    run --separate-stderr -125 coracle pause i
    one_error '"initialized" is not running'
    for verb in attach top; do
        run --separate-stderr -125 coracle $verb i
        one_error "running containers"
    done
    coracle stop -t 60 i # at once: nobody is there to act on a signal
    state_is i exited
    coracle init i
    run --separate-stderr -125 coracle kill i
    one_error "is in state initialized"
    is "$(coracle rm i)" i # without --force
    run --separate-stderr -125 coracle init nosuch
    one_error 'no container with name or id "nosuch" found'
    run --separate-stderr -125 coracle init
    one_error "you must provide at least one name or id"
}

@test "again: a container that cannot be made stays created" {
    coracle create --name bad --network none $BB /nosuch/command
    run --separate-stderr -127 coracle init bad
    one_error "/nosuch/command"
    eventually state_is bad created
}

@test "again: init --all passes over what runs; a time-out begins with the start" {
    coracle run -d --name up --network none $BB sleep 100
    coracle create --name i --network none --timeout 1 $BB sleep 100
    is "$(coracle init --all)" "$(coracle ps -aq --no-trunc --filter name=^i$)"
    coracle start i
    is "$(coracle wait i)" 255
}

@test "again: an initialized container with --rm goes when it has run" {
    coracle create --rm --name i --network none $BB echo gone
    coracle init i
    is "$(coracle start -a i)" gone
    eventually eval '! coracle container exists i'
}

@test "again: clone makes the same container with another id" {
    coracle create --name one --network none -e A=b --label l=1 -w /tmp --hostname h -v named:/v $BB sh -c 'echo $A $PWD $(hostname)'
    matches "$(coracle container clone one)" '^[0-9a-f]{64}$'
    coracle container clone one
    coracle container clone one-clone
    is "$(coracle ps -a --format '{{.Names}}' --sort names | xargs)" "one one-clone one-clone1 one-clone2"
    is "$(coracle start -a one-clone1)" "b /tmp h"
    is "$(coracle inspect -f '{{.Config.Labels.l}} {{(index .Mounts 0).Name}}' one-clone1)" "1 named"
    # a name in two ways, other limits, another image
    coracle container clone --name x --cpus 0.5 --memory 64m one other
    is "$(coracle inspect -f '{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}' other)" "500000000 67108864"
    coracle container clone one third $APP
    is "$(coracle inspect -f '{{.ImageName}}' third)" "$APP"
    coracle container clone --run one ran >/dev/null
    is "$(coracle wait ran)" 0
    is "$(coracle logs ran)" "b /tmp h"
}

@test "again: clone --destroy removes the original" {
    coracle run -d --name old --network none $BB sleep 100
    run --separate-stderr -125 coracle container clone --destroy old new
    one_error "running or paused containers cannot be removed without force"
    run -1 coracle container exists new
    coracle container clone --destroy --force old new
    is "$(coracle ps -a --format '{{.Names}} {{.State}}')" "new created"
    run --separate-stderr -125 coracle container clone --force new
    one_error "cannot set --force without --destroy"
    run --separate-stderr -125 coracle container clone new new
    one_error 'the container name "new" is already in use'
    run --separate-stderr -125 coracle container clone nosuch
    one_error 'no container with name or id "nosuch"'
    run --separate-stderr -125 coracle container clone a b c d
    one_error "accepts between 1 and 3 arg(s), received 4"
}

@test "again: a clone is on the networks that its original is on, with addresses of its own" {
    coracle network create n1 >/dev/null
    coracle run -d --name first --network n1:alias=db $BB sleep 100
    coracle container clone --run first second >/dev/null
    local a b
    a=$(coracle inspect -f '{{.NetworkSettings.Networks.n1.IPAddress}}' first)
    b=$(coracle inspect -f '{{.NetworkSettings.Networks.n1.IPAddress}}' second)
    matches "$b" '^10\.'
    [ "$a" != "$b" ]
    has "$(coracle inspect -f '{{.NetworkSettings.Networks.n1.Aliases}}' second)" db
    coracle rm -f -t 0 first second
    coracle network rm n1
}

@test "again: runlabel runs what a label says" {
    coracle create --name l --network none $BB true
    coracle commit -q --change 'LABEL RUN="podman run --rm --network none --name NAME -e X=\"two words\" IMAGE echo ran"' \
        --change 'LABEL install="echo IMAGE=IMAGE $NAME $OPT1 end"' l localhost/labelled >/dev/null
    is "$(coracle container runlabel --display --name it run localhost/labelled)" \
        "command: coracle run --rm --network none --name it -e X=two words localhost/labelled:latest echo ran"
    is "$(coracle container runlabel --name it run localhost/labelled 2>/dev/null | tail -n1)" ran
    is "$(OPT1=first coracle container runlabel install localhost/labelled more)" \
        $'command: echo IMAGE=localhost/labelled:latest localhost/labelled:latest first end more\nIMAGE=localhost/labelled:latest localhost/labelled:latest first end more'
    is "$(coracle container runlabel -q install localhost/labelled)" ""
    run --separate-stderr -125 coracle container runlabel nothing localhost/labelled
    one_error "cannot find the value of label: nothing in image: localhost/labelled"
    run --separate-stderr -125 coracle container runlabel run
    one_error "requires at least 2 arg(s), only received 1"
    coracle rmi localhost/labelled >/dev/null
}

@test "again: runlabel --replace removes who has the name; the command's exit code is ours" {
    coracle create --name l --network none $BB true
    coracle commit -q --change 'LABEL run="coracle run --name NAME --network none IMAGE sh -c \"exit 7\""' l localhost/labelled >/dev/null
    coracle rm l
    run -7 coracle container runlabel -n it run localhost/labelled
    run -125 coracle container runlabel -n it run localhost/labelled
    run -7 coracle container runlabel -n it --replace run localhost/labelled
    coracle rm it
    coracle rmi localhost/labelled >/dev/null
}

@test "again: system df -v lists images, containers and volumes" {
    coracle run --name w --network none -v vol:/v $BB sh -c 'head -c 5000 /dev/zero >/v/f; head -c 3000 /dev/zero >/g'
    run --separate-stderr -0 coracle system df -v
    has "$output" "Images space usage:"
    matches "$output" 'localhost/bb +latest +[0-9a-f]{12} .* 1'
    matches "$output" 'CONTAINER ID +IMAGE +COMMAND +LOCAL VOLUMES +SIZE +CREATED +STATUS +NAMES'
    matches "$output" 'exited +w'
    matches "$output" 'vol +1 +5kB'
    is "$(coracle system df -v --format '{{range .Volumes}}{{.VolumeName}} {{.Size}}{{end}}')" "vol 5000"
    is "$(coracle system df -v --format json | jq -c '[.Containers[0].Names, .Volumes[0].Links, (.Images | length > 0)]')" '["w",1,true]'
    # layers that two images have are shared
    coracle tag $BB localhost/bb:too
    coracle system df -v --format '{{range .Images}}{{if eq .Repository "localhost/app"}}{{.SharedSize}} {{.UniqueSize}} {{.Size}}
{{end}}{{end}}' | while read -r shared unique size; do [ -z "$shared" ] || [ $((shared + unique)) = "$size" ]; done
    coracle untag localhost/bb localhost/bb:too
}

@test "again: system check --repair removes damaged images, --force their containers" {
    local other=$FILE_DIR/alt-broken own=$ROOT
    ROOT=$other
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    coracle create --name uses --network none $BB true
    run -0 coracle system check
    # the whole of its layer is lost
    local dir
    for dir in "$ROOT"/layers/*/diff; do mv "$dir" "$dir.lost"; done
    run -1 coracle system check --quick
    has "$output" "is missing"
    run -1 coracle system check --repair
    has "$output" "has containers"
    coracle container exists uses
    run -0 coracle system check --force --max 1h
    has "$output" "Deleted image"
    run -1 coracle container exists uses
    run -1 coracle image exists $BB
    run -0 coracle system check
    ROOT=$own
    run --separate-stderr -125 coracle system check --max nonsense
    has "$stderr" 'invalid argument "nonsense" for "-m, --max" flag'
}

@test "again: system connection keeps destinations as Podman does" {
    export XDG_CONFIG_HOME=$(scratch)
    local file=$XDG_CONFIG_HOME/containers/podman-connections.json
    is "$(coracle system connection ls | xargs)" "Name URI Identity Default ReadWrite"
    coracle system connection add --identity /k one ssh://u@h:99/run/p.sock
    coracle system connection add two tcp://localhost:8080
    coracle system connection add three root@h
    is "$(coracle system connection ls -q | xargs)" "one three two"
    is "$(coracle system connection ls --format '{{.Name}} {{.URI}} {{.Identity}} {{.Default}}' | head -n1)" "one ssh://u@h:99/run/p.sock /k true"
    is "$(jq -r .Connection.Connections.three.URI "$file")" ssh://root@h:22/run/podman/podman.sock
    is "$(jq -r .Connection.Default "$file")" one
    coracle system connection default two
    coracle system connection rename two zwei
    is "$(jq -r .Connection.Default "$file")" zwei
    coracle system connection rm one
    coracle system connection rm nosuch
    is "$(coracle system connection ls --format json | jq -c 'map([.Name, .Default])')" '[["three",false],["zwei",true]]'
    local verb
    for verb in "default nosuch" "rename nosuch x"; do
        run --separate-stderr -125 coracle system connection $verb
        one_error '"nosuch" destination is not defined'
    done
    run --separate-stderr -125 coracle system connection add bad tcp://nowhere
    one_error "tcp scheme requires a port"
    run --separate-stderr -125 coracle system connection add bad tcp://h:99999
    one_error "is not a valid destination"
    run --separate-stderr -125 coracle system connection add --identity /k bad unix:///x
    one_error "--identity option not supported for unix scheme"
    run --separate-stderr -125 coracle system connection rm
    one_error "accepts 1 arg(s), received 0"
    coracle system connection rm --all
    is "$(coracle system connection ls -q)" ""
    echo '{"Connection": 3' >"$file"
    run --separate-stderr -125 coracle system connection ls
    one_error "$file"
}

@test "again: what needs the REST API says so" {
    run --separate-stderr -125 coracle system service
    one_error "the REST API is not built yet"
    run --separate-stderr -125 coracle --url unix:///run/x ps
    one_error "not built yet"
    run --separate-stderr -125 coracle --connection x ps
    one_error "not built yet"
}

@test "again: wait for a state is told of it, whatever the interval" {
    coracle create --name w --network none $BB sh -c 'while [ ! -e /go ]; do sleep 0.1; done; exit 4'
    coracle wait --interval 1h --condition running w >"$FILE_DIR/waited" &
    local pid=$!
    coracle start w
    wait $pid
    is "$(cat "$FILE_DIR/waited")" -1
    coracle wait --interval 1h --condition exited --condition paused w >"$FILE_DIR/waited" &
    pid=$!
    coracle exec w touch /go
    wait $pid
    # a container that goes away meanwhile
    run -125 bash -c "$(coracle_words) wait --interval 1h --condition paused w & $(coracle_words) rm -f -t 0 w; wait \$!"
    has "$output" "no such container"
    run --separate-stderr -125 coracle wait --condition nonsense nosuch
    one_error "nosuch"
}

@test "again: logs finds the last lines from the end, whatever is in the file" {
    coracle create --name l --network none $BB true
    local log head=2026-01-02T03:04:05.000000006+00:00
    log=$(coracle inspect -f '{{.HostConfig.LogConfig.Path}}' l)
    {
        for i in $(seq 1000); do echo "$head stdout F line $i"; done
        echo "this is no line of a log"
        echo "$head stdout P one "
        echo "$head stdout P long "
        echo "$head stdout F line"
        head -c 2000000 /dev/zero | tr '\0' x # longer than any record
        echo
        echo "$head stdout F $(head -c 100000 /dev/zero | tr '\0' y)"
        echo "$head stdout F last"
        printf '%s stdout F torn' "$head"
    } >"$log"
    is "$(coracle logs --tail 1 l)" last
    is "$(coracle logs --tail 2 l | tail -n1)" last
    is "$(coracle logs --tail 2 l | wc -c)" 100006
    is "$(coracle logs --tail 3 l | head -n1)" "one long line"
    is "$(coracle logs --tail 4 l | head -n1)" "line 1000"
    is "$(coracle logs --tail 1003 l | head -n1)" "line 1"
    is "$(coracle logs --tail 5000 l | wc -l)" 1003
    is "$(coracle logs --tail 0 l)" ""
    is "$(coracle logs l | wc -l)" 1003
    is "$(TZ=UTC coracle logs -t --tail 1 l)" "2026-01-02T03:04:05.000000006Z last"
    is "$(TZ=Asia/Kathmandu coracle logs -t --tail 1 l)" "2026-01-02T08:49:05.000000006+05:45 last"
    is "$(TZ=America/Anchorage coracle logs -t --tail 1 l)" "2026-01-01T18:04:05.000000006-09:00 last"
    is "$(coracle logs --until 2026-01-02T03:04:05Z l)" ""
}

@test "again: exec, mount and connections are events, also of what is gone" {
    coracle network create n2 >/dev/null
    coracle network create n3 >/dev/null
    coracle run -d --name e --label who=me --network n2 $BB sleep 1000
    coracle exec e true
    run -3 coracle exec e sh -c 'exit 3'
    coracle network connect n3 e
    coracle network disconnect n3 e
    coracle unshare sh -c "$(coracle_words) mount e && $(coracle_words) umount e" >/dev/null
    coracle rename e f
    local id
    id=$(coracle inspect -f '{{.Id}}' f)
    coracle rm -f -t 0 f
    coracle network rm n2 n3
    is "$(coracle events --since 5m --stream=false --filter type=container --format '{{.ID}} {{.Status}}' | sed -n "s/^$id //p" | xargs)" \
        "create init start exec exec_died exec exec_died mount unmount rename stop died cleanup remove"
    is "$(coracle events --since 5m --stream=false --filter event=exec_died --format json | jq -c "select(.ID == \"$id\") | [.ContainerExitCode, .Image, .Attributes.who]" | tail -n1)" \
        "[3,\"$BB:latest\",\"me\"]"
    is "$(coracle events --since 5m --stream=false --filter network=n3 --format '{{.Type}} {{.Status}} {{.Name}}' | xargs)" \
        "network create n3 network connect n3 network disconnect n3 network remove n3"
    coracle unshare sh -c "$(coracle_words) image mount $BB && $(coracle_words) image umount $BB" >/dev/null
    is "$(coracle events --since 5m --stream=false --filter type=image --format '{{.Status}}' | grep mount | xargs)" "mount unmount"
    has "$(coracle events --since 5m --stream=false --filter event=connect)" "network connect $id (container=$id, name=n3)"
    is "$(coracle events --since 5m --stream=false --filter event=connect --format json | jq -c '[.Name, .network, .ID]')" "[\"e\",\"n3\",\"$id\"]"
}

@test "again: checkpoint and restore say what is missing, and what was asked wrongly" {
    coracle run -d --name c --network none $BB sleep 1000
    coracle create --name d --network none $BB true
    run --separate-stderr -125 coracle container checkpoint c
    matches "$stderr" '^Error: checkpoint container [0-9a-f]{64}: .*CRIU'
    run --separate-stderr -125 env PATH=/nonexistent $(coracle_words) --runtime /usr/sbin/runc container checkpoint c
    one_error "checkpoint container"
    run --separate-stderr -125 coracle container checkpoint d
    one_error '"created" is not running, cannot checkpoint'
    run --separate-stderr -125 coracle container checkpoint --ignore-rootfs c
    one_error "--ignore-rootfs can only be used with --export"
    run --separate-stderr -125 coracle container checkpoint --compress lz4 c
    one_error 'selected compression algorithm ("lz4") not supported'
    run --separate-stderr -125 coracle container checkpoint -P --with-previous c
    one_error "--with-previous can not be used with --pre-checkpoint"
    run --separate-stderr -125 coracle container restore c
    one_error "cannot restore"
    run --separate-stderr -125 coracle container restore d
    one_error "a complete checkpoint for this container cannot be found"
    run --separate-stderr -125 coracle container restore --import /x d
    one_error "cannot use --import with positional arguments"
    run --separate-stderr -125 coracle container restore --name x
    one_error "--name can only be used with image or --import"
    is "$(coracle container restore --all)" ""
}
