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
    coracle kill i
    eventually state_is i exited
    coracle init i
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
