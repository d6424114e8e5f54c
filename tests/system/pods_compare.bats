#!/usr/bin/env bats
# The same sequences of pod commands given to coracle and to podman.
load suite
load compare

setup_file() {
    start_root bb
    command -v podman >/dev/null || skip "podman is not installed"
    podman pod create --name warm >/dev/null # makes podman's pause image
    podman pod rm warm >/dev/null
}
teardown_file() { end_root; }
setup() {
    only_coracle
    MISMATCHES=
}
teardown() {
    local each
    for each in coracle podman; do
        $each pod rm -fa -t 0 >/dev/null 2>&1 || true
        $each rm -fa -t 0 >/dev/null 2>&1 || true
    done
}

# The same for both, with nothing compared.
quietly() {
    local each
    for each in coracle podman; do
        $each "$@" >/dev/null 2>&1 </dev/null || note "$each failed: $*"
    done
}

# Both, through a filter of jq, are equal.
json() { # FILTER ARGS...
    local filter=$1 each d
    shift
    for each in coracle podman; do
        $each "$@" 2>/dev/null </dev/null | jq -S "$filter" 2>&1 | mask | sed -E 's/-infra/-INFRA/g' >"$FILE_DIR/$each.json"
    done
    d=$(diff "$FILE_DIR/podman.json" "$FILE_DIR/coracle.json") || note "JSON (< podman, > coracle) of: $*"$'\n'"$d"
}
POD_JSON='del(.CreateCommand, .CgroupParent, .CgroupPath) | .SharedNamespaces |= ((. // []) | sort) | .Containers |= ((. // []) | sort_by(.Name | if test("infra") then "~" else . end))'
# Lines in any order.
sorted() {
    local each d
    for each in coracle podman; do
        $each "$@" 2>/dev/null </dev/null | mask | sed -E -e 's/[0-9a-f]{12}-infra/INFRA/' -e 's/ID12-infra/INFRA/' | sort >"$FILE_DIR/$each.sorted"
    done
    d=$(diff "$FILE_DIR/podman.sorted" "$FILE_DIR/coracle.sorted") || note "lines (< podman, > coracle) of: $*"$'\n'"$d"
}

@test "compare pod: create, list, start, stop, remove" {
    all pod ps
    all pod create --name p1 -l x=y --hostname hh --add-host a:1.2.3.4
    all pod create --name p1
    quietly create --name c1 --pod p1 --init $BB sleep 1000
    quietly create --name c2 --pod p1 $BB true
    sorted pod ps
    sorted ps -a --pod --format '{{.Image}} {{.Command}} {{.Names}} {{.PodName}} {{.Status}}'
    json "$POD_JSON" pod inspect p1
    all pod start p1
    json '[.[] | [(if .IsInfra then "~infra" else .Names[0] end), .IsInfra, .PodName, (.Pod | length), .State]] | sort' ps -a --pod --format json
    all exec c1 hostname
    all pod exists p1
    all pod exists p9
    all pod stop -t 0 p1
    sorted pod ps --format '{{.Name}} {{.Status}} {{.NumberOfContainers}} {{.Labels}}'
    json "$POD_JSON" pod inspect p1
    all start c1
    sorted pod ps --format '{{.Name}} {{.Status}}'
    all pod stop -t 0 p1
    all pod rm p1
    all ps -a
    all pod ps
    agree
}

@test "compare pod: JSON of listings and of what was asked for" {
    quietly pod create --name p --share pid,net,ipc --network none --shm-size 1m
    json "$POD_JSON" pod inspect p
    json 'map(del(.Cgroup))' pod ps --format json
    quietly pod create --name host --network host --exit-policy stop
    json "$POD_JSON" pod inspect host
    quietly pod create --name dns --dns 192.0.2.1 --dns-search x.y --dns-option ndots:1 --add-host h:192.0.2.2
    json "$POD_JSON" pod inspect dns
    quietly pod create --name noinfra --infra=false
    json "$POD_JSON" pod inspect noinfra
    quietly pod create --name lim --memory 100m --cpus 0.5 --cpuset-cpus 0 --security-opt seccomp=unconfined -v /tmp:/mnt -p 127.0.0.1:18123:80
    json "$POD_JSON" pod inspect lim
    quietly pod create --name users --userns keep-id
    json "$POD_JSON" pod inspect users
    quietly pod create --name none --share none
    json "$POD_JSON" pod inspect none
    json 'map(.Name)' pod ps --format json
    json 'map(.Name)' pod ps --format json --sort name
    json 'map(.Name)' pod ps --format json --filter name=^n
    json 'map(.Name)' pod ps --format json --filter ctr-number=0
    json 'map(.Name)' pod ps --format json --filter status=created
    out pod ps -q
    out pod ps --noheading
    out pod ps --ctr-names --filter name=none
    out pod ps --format '{{.ID}} {{.Name}} {{.InfraID}}' --filter name=noinfra
    out pod inspect -f '{{.Name}} {{.State}} {{.ExitPolicy}} {{.NumContainers}}' host
    out inspect --type pod -f '{{.Name}}' host
    agree
}

@test "compare pod: a member tells what it shares" {
    quietly pod create --name p -p 127.0.0.1:18124:80
    quietly create --pod p --name m $BB true
    json '.[0] | [(.Pod | length), (.HostConfig.NetworkMode | test("^container:")), (.HostConfig.IpcMode | test("^container:")), (.HostConfig.UTSMode | test("^container:")), .HostConfig.PidMode, .NetworkSettings.Ports, .HostConfig.PortBindings, .Config.Hostname, (.Dependencies | length), .IsInfra]' inspect m
    out ps -a --filter pod=p --format '{{.Ports}}' --filter name=m
    out ps -a --filter pod=nosuch -q
    agree
}

@test "compare pod: what cannot be is refused alike" {
    quietly create --name taken $BB true
    all pod create --name taken
    quietly pod create --name p
    all create --name p $BB true
    all pod create p
    all pod create --name q q2
    all pod create --share foo --name r
    all pod create --share net,foo --name r
    all pod create --infra=false --share net --name w
    all pod create --infra=false -p 80:80 --name w
    all pod create --infra=false --network host --name w
    all pod create --exit-policy bad --name w
    all pod create --name 'bad name'
    all create --pod nosuch $BB true
    all run --rm --pod nosuch $BB true
    all create --pod p -p 80:80 $BB true
    all create --pod p --hostname foo $BB true
    all create --pod p --userns keep-id $BB true
    all create --pod p --add-host a:1.1.1.1 $BB true
    all create --pod p --init-ctr foo $BB true
    all create --init-ctr once $BB true
    all create --pod new: $BB true
    all create --pid pod $BB true
    all pod create --name x --share +cgroup
    all pod create --name x --network none -p 80:80
    all pod create --name x --network host -p 80:80
    all pod create --name x --network ns:/proc/self/ns/net
    all pod create --name x --network container:taken
    all create --device /dev/nosuch $BB true
    all pod ps -q --format json
    all pod ps --format '{{.Nosuch}}'
    all pod logs taken
    all kill p
    all exec p true
    all pod create --name cmd --infra-command /nosuch
    code pod start cmd
    quietly pod rm -f cmd
    quietly pod create --name bare --infra=false
    all create --pod bare --pid pod $BB true
    quietly pod start p
    all create --pod p --init-ctr once $BB true
    all pod stop -t 0 p
    agree
}

@test "compare pod: names that are missing, flags that exclude each other" {
    local verb
    for verb in start stop rm kill pause unpause restart; do
        all pod $verb
        all pod $verb nosuch
        all pod $verb --all --latest
        all pod $verb --all x
        all pod $verb --latest x
        all pod $verb --latest
        all pod $verb --all
    done
    all pod rm -i nosuch
    all pod rm -f nosuch
    all pod stop -i nosuch
    all pod kill -s FOO nosuch
    all pod inspect
    all pod inspect nosuch
    all inspect --type pod nosuch
    all pod top nosuch
    all pod logs nosuch
    all pod logs
    all pod exists nosuch
    all pod ps --filter status=bad
    all pod ps --filter foo=bad
    all pod ps --sort bad
    all pod clone nosuch
    all pod prune -f
    agree
}

@test "compare pod: logs, top, prune" {
    quietly pod create --name p --share +pid
    quietly run -d --pod p --name say $BB sh -c 'echo one; echo two >&2; sleep 0.5'
    quietly run -d --pod p --name idle $BB sleep 1000
    quietly wait say
    sorted pod logs p
    sorted pod logs -n p
    all pod logs -c say p
    all pod logs -c nosuch p
    sorted pod logs --tail 1 p
    quietly pod create --name old
    quietly pod start old
    quietly pod stop -t 0 old
    all pod prune -f
    sorted pod ps --format '{{.Name}} {{.Status}}'
    agree
}

@test "compare pod: id files" {
    local dir=$FILE_DIR each
    for each in coracle podman; do $each pod create --pod-id-file "$dir/$each.id" --name f >/dev/null; done
    for each in coracle podman; do $each create --pod-id-file "$dir/$each.id" --name inf $BB true >/dev/null || note "$each: --pod-id-file"; done
    sorted pod ps --format '{{.Name}} {{.NumberOfContainers}}'
    for each in coracle podman; do
        run -125 --separate-stderr $each pod create --pod-id-file "$dir/$each.id"
        has "$stderr" "pod id file exists. Ensure another pod is not using it or delete"
        run -0 $each pod start --pod-id-file "$dir/$each.id"
        run -0 $each pod stop -t 0 --pod-id-file "$dir/$each.id"
        run -0 $each pod rm --pod-id-file "$dir/$each.id"
        rm "$dir/$each.id"
    done
    agree
}
