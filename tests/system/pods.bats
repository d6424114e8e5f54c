#!/usr/bin/env bats
# Pods: what they share, in which order they start and stop, what is left of them.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() {
    coracle pod rm -fa -t 0 >/dev/null
    is "$(coracle pod ps -q)" "" "pods left"
    clean
}

pod_state() { coracle pod inspect -f '{{.State}}' "$1"; }
pod_state_is() { [ "$(pod_state "$1")" = "$2" ]; }
infra_of() { coracle pod inspect -f '{{.InfraContainerID}}' "$1"; }
# What a port of this host's loopback says; nothing when nobody listens.
ask() { # PORT
    timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && head -n 1 <&3' - "$1" 2>/dev/null
}
sleeper() { # POD NAME [FLAG...]
    coracle create --pod "$1" --name "$2" --init "${@:3}" $BB sleep 1000 >/dev/null
}

@test "pods: containers share network, IPC and host name, and nothing else" {
    coracle pod create --name p >/dev/null
    sleeper p a
    sleeper p b
    coracle pod start p >/dev/null
    is "$(pod_state p)" Running
    is "$(coracle exec a hostname)" p
    is "$(coracle exec b cat /etc/hostname)" p
    local ns
    for ns in net ipc uts; do
        is "$(coracle exec a readlink /proc/self/ns/$ns)" "$(coracle exec b readlink /proc/self/ns/$ns)" "$ns"
    done
    for ns in pid mnt; do
        [ "$(coracle exec a readlink /proc/self/ns/$ns)" != "$(coracle exec b readlink /proc/self/ns/$ns)" ] || fail "$ns is shared"
    done
    # localhost, and /dev/shm
    coracle exec -d a nc -l -p 7777 -e echo hello-from-a
    eventually eval '[ "$(coracle exec b nc 127.0.0.1 7777 </dev/null)" = hello-from-a ] || { coracle exec -d a nc -l -p 7777 -e echo hello-from-a; false; }'
    coracle exec a sh -c 'echo shared >/dev/shm/x'
    is "$(coracle exec b cat /dev/shm/x)" shared
    # one hosts file, with the names of both
    run -0 coracle exec a cat /etc/hosts
    has "$output" $'127.0.0.1\ta'
    has "$output" $'127.0.0.1\tb'
    is "$(coracle exec b cat /etc/hosts)" "$output"
}

@test "pods: --share decides, also +pid and none" {
    coracle pod create --name q --share +pid >/dev/null
    sleeper q c
    coracle pod start q >/dev/null
    run -0 coracle exec c ps
    has "$output" "/coracle-pause"
    coracle pod create --name r --share none >/dev/null
    is "$(coracle pod inspect -f '{{.NumContainers}}' r)" 0
    coracle pod create --name s --share uts --hostname other >/dev/null
    is "$(coracle run --rm --pod s $BB hostname)" other
    # one that says so has its own
    is "$(coracle run --rm --pod s --uts private --hostname mine $BB hostname)" mine
    is "$(coracle run --rm --pod s --uts host $BB hostname)" "$(uname -n)"
}

@test "pods: ports and names belong to the pod" {
    coracle pod create --name p -p 127.0.0.1::8080 --add-host db:192.0.2.7 --dns 192.0.2.53 >/dev/null
    local port
    coracle run -d --pod p --name web $BB sh -c 'while :; do nc -l -p 8080 -e echo served; done' >/dev/null
    port=$(host_port web 8080)
    eventually eval '[ "$(ask '"$port"')" = served ]'
    is "$(coracle inspect -f '{{len .HostConfig.PortBindings}} {{len .NetworkSettings.Ports}}' web)" "0 1"
    run -0 coracle ps --format '{{.Ports}}' --filter name=web
    is "$output" "127.0.0.1:$port->8080/tcp"
    has "$(coracle exec web cat /etc/hosts)" $'192.0.2.7\tdb'
    has "$(coracle exec web cat /etc/resolv.conf)" "nameserver 192.0.2.53"
    coracle pod stop -t 0 p >/dev/null
    is "$(ask "$port")" ""
    coracle pod start p >/dev/null
    eventually eval '[ "$(ask '"$port"')" = served ]'
}

@test "pods: a named network is the pod's, and its containers are found there" {
    coracle network create podnet >/dev/null
    coracle pod create --name p --network podnet --network-alias thepod >/dev/null
    coracle run -d --pod p --name srv $BB sh -c 'while :; do nc -l -p 80 -e echo named; done' >/dev/null
    eventually eval '[ "$(coracle run --rm --network podnet $BB nc thepod 80 </dev/null)" = named ]'
    is "$(coracle pod inspect -f '{{.InfraConfig.Networks}}' p)" "[podnet]"
    coracle network rm -f -t 0 podnet >/dev/null # the pod goes with it
    is "$(coracle pod ps -q)" ""
}

@test "pods: start begins with the infra container, stop ends with it; states are what the containers are in" {
    coracle pod create --name p >/dev/null
    is "$(pod_state p)" Created
    sleeper p a
    sleeper p b --requires a
    coracle start b >/dev/null # what it needs comes up first
    state_is a running
    state_is "$(infra_of p)" running
    is "$(pod_state p)" Running
    coracle stop -t 0 b >/dev/null
    is "$(pod_state p)" Degraded
    coracle pod stop p >/dev/null
    is "$(pod_state p)" Exited
    local infra
    infra=$(infra_of p)
    run -0 coracle inspect -f '{{.State.ExitCode}}' "$infra"
    is "$output" 0
    [ "$(date -d "$(coracle inspect "$infra" | jq -r '.[0].State.FinishedAt')" +%s%N)" -ge "$(date -d "$(coracle inspect a | jq -r '.[0].State.FinishedAt')" +%s%N)" ]
    coracle start a >/dev/null
    is "$(pod_state p)" Degraded
    coracle pod restart p >/dev/null
    is "$(pod_state p)" Running
    coracle pod pause p >/dev/null
    is "$(pod_state p)" Paused
    coracle pod unpause p >/dev/null
    is "$(pod_state p)" Running
    coracle pod kill p >/dev/null
    eventually pod_state_is p Exited
}

@test "pods: containers stop side by side" {
    coracle pod create --name p >/dev/null
    local i begin end
    for i in 1 2 3 4 5 6; do # without an init they don't hear SIGTERM
        coracle create --pod p --stop-timeout 3 $BB sleep 1000 >/dev/null
    done
    coracle pod start p >/dev/null
    begin=$(date +%s)
    coracle pod stop p >/dev/null
    end=$(date +%s)
    [ $((end - begin)) -lt 15 ] || fail "stopping took $((end - begin)) seconds"
}

@test "pods: init containers run to their end, in order, before the others" {
    coracle volume create v >/dev/null
    coracle pod create --name p >/dev/null
    coracle create --pod p --init-ctr once --name i1 -v v:/v $BB sh -c 'echo one >>/v/log' >/dev/null
    coracle create --pod p --init-ctr always --name i2 -v v:/v $BB sh -c 'sleep 0.3; echo two >>/v/log' >/dev/null
    coracle create --pod p --name m -v v:/v $BB sh -c 'echo main >>/v/log' >/dev/null
    coracle pod start p >/dev/null
    run -0 coracle wait m
    is "$(coracle run --rm -v v:/v $BB cat /v/log)" $'one\ntwo\nmain'
    run -1 coracle container exists i1
    coracle pod stop p >/dev/null
    coracle pod start p >/dev/null
    coracle wait m >/dev/null
    is "$(coracle run --rm -v v:/v $BB cat /v/log)" $'one\ntwo\nmain\ntwo\nmain'
    coracle pod stop p >/dev/null
    coracle create --pod p --init-ctr always --name bad $BB sh -c 'exit 4' >/dev/null
    run -125 --separate-stderr coracle pod start p
    one_error "exited with code 4"
    coracle pod rm -f -t 0 p >/dev/null
    coracle volume rm v >/dev/null
}

@test "pods: --exit-policy stop ends the pod with its last container, attached or not" {
    coracle pod create --name p --exit-policy stop >/dev/null
    is "$(coracle run --rm --pod p $BB echo done)" done
    is "$(pod_state p)" Exited
    coracle run -d --name x --pod p $BB sleep 0.2 >/dev/null
    eventually pod_state_is p Exited
    coracle run -d --rm --pod p $BB sleep 0.2 >/dev/null
    eventually eval '[ "$(coracle pod inspect -f "{{.NumContainers}} {{.State}}" p)" = "2 Exited" ]'
    # without it the pod stays
    coracle pod create --name q >/dev/null
    coracle run --rm --pod q $BB true
    is "$(pod_state q)" Running
}

@test "pods: logs of several containers are followed side by side" {
    coracle pod create --name p >/dev/null
    coracle run -d --pod p --name l1 $BB sh -c 'echo first; sleep 0.5; echo end' >/dev/null
    coracle run -d --pod p --name l2 $BB sh -c 'echo second; sleep 0.5; echo end' >/dev/null
    run -0 coracle pod logs -f -n p
    is "$(sort <<<"$output")" $'l1 end\nl1 first\nl2 end\nl2 second'
}

@test "pods: --pod new:NAME makes one, with the container's network" {
    coracle run -d --pod new:made --name n1 --hostname given -p 127.0.0.1::99 $BB sleep 100 >/dev/null
    is "$(coracle pod inspect -f '{{.Hostname}} {{.NumContainers}}' made)" "given 2"
    is "$(coracle exec n1 hostname)" given
    has "$(coracle port n1)" "99/tcp -> 127.0.0.1:"
    run -125 --separate-stderr coracle create --pod new: $BB true
    one_error "new pod name must be at least one character"
}

@test "pods: a user namespace, mounts, devices and limits of the pod are its containers'" {
    local dir
    dir=$(scratch)
    echo inside >"$dir/f"
    coracle pod create --name p --userns keep-id -v "$dir:/mnt:ro" --device /dev/null:/dev/xnull --shm-size 1m \
        --security-opt seccomp=unconfined --share +pid >/dev/null
    is "$(coracle run --rm --pod p $BB id -u)" "$(id -u)"
    is "$(coracle run --rm --pod p $BB cat /mnt/f)" inside
    coracle run -d --pod p --name s $BB sleep 1000 >/dev/null
    is "$(coracle exec s id -u)" "$(id -u)"
    has "$(coracle exec s env)" "HOSTNAME=p"
    run -0 coracle run --rm --pod p $BB sh -c 'test -c /dev/xnull && df -k /dev/shm | tail -n 1; grep Seccomp: /proc/self/status; ps'
    has "$output" "1024"
    has "$output" $'Seccomp:\t0'
    has "$output" "/coracle-pause"
    is "$(coracle pod inspect -f '{{.InfraConfig.UserNS}} {{len .Mounts}} {{.CPUQuota}} {{.SecurityOpts}} {{.Labels}}' p)" "private 1 0 [seccomp=unconfined] map[]"
}

@test "pods: with an image and a command the infra container is like any other" {
    coracle pod create --name p --infra-image $BB --infra-command '["sleep","1000"]' --infra-name theinfra >/dev/null
    sleeper p a
    coracle pod start p >/dev/null
    is "$(pod_state p)" Running
    is "$(coracle inspect -f '{{.ImageName}} {{.Path}} {{.IsInfra}}' theinfra)" "localhost/bb:latest sleep true"
    coracle pod stop -t 0 p >/dev/null
    coracle pod create --name bare --infra=false >/dev/null
    sleeper bare lonely
    coracle pod start bare >/dev/null
    is "$(pod_state bare)" Running
    is "$(coracle pod inspect -f '{{.NumContainers}} {{.CreateInfra}}' bare)" "1 false"
    coracle pod rm -f -t 0 bare >/dev/null
    run -1 coracle container exists lonely
}

@test "pods: clone copies the pod with its containers" {
    coracle pod create --name p --hostname orig -l a=b --share +pid >/dev/null
    sleeper p a
    sleeper p b --requires a -v data:/d
    run -0 coracle pod clone --label c=d --start p copy
    is "$(pod_state copy)" Running
    is "$(pod_state p)" Created
    is "$(coracle ps --filter pod=copy --format '{{.Names}}' | grep -v infra | sort | xargs)" "a-clone b-clone"
    is "$(coracle exec a-clone hostname)" orig
    is "$(coracle inspect -f '{{len .Dependencies}}' b-clone)" 2
    coracle pod inspect copy | jq -e '.Labels == {"a":"b","c":"d"} and .SharedNamespaces == ["ipc","net","uts","pid"]' >/dev/null
    coracle pod clone --destroy p moved >/dev/null
    run -1 coracle pod exists p
    run -0 coracle pod exists moved
}

@test "pods: removal leaves nothing, whoever was killed before" {
    local victim pid port i
    for victim in infra monitor network container; do
        coracle pod create --name k -p 127.0.0.1::80 >/dev/null
        for i in 1 2 3; do sleeper k k$i; done
        coracle pod start k >/dev/null
        port=$(host_port k1 80)
        case $victim in
            infra) pid=$(coracle inspect -f '{{.State.Pid}}' "$(infra_of k)") ;;
            monitor) pid=$(monitor_of "$(infra_of k)") ;;
            network) pid=$(pgrep -P "$(monitor_of "$(infra_of k)")" -x coracle-slirp | head -n 1) ;;
            container) pid=$(coracle inspect -f '{{.State.Pid}}' k2) ;;
        esac
        [ -n "$pid" ]
        unshare --user --map-root-user --map-auto kill -9 "$pid" 2>/dev/null || kill -9 "$pid"
        coracle pod rm -f -t 0 k >/dev/null
        is "$(coracle pod ps -q)" "" "$victim"
        nothing_left
        is "$(ask "$port")" ""
    done
    store_is_clean
}

@test "pods: what belongs to a pod is not removed apart from it" {
    coracle pod create --name p >/dev/null
    sleeper p a
    local infra
    infra=$(infra_of p)
    run -125 --separate-stderr coracle rm -f "$infra"
    one_error "is the infra container of pod" "cannot be removed without removing the pod"
    coracle container prune -f >/dev/null
    run -0 coracle container exists "$infra"
    coracle pod start p >/dev/null
    run -125 --separate-stderr coracle pod rm p
    one_error "cannot be removed without force"
    run -0 coracle container exists "$infra"
    coracle rm -fa -t 0 >/dev/null # all of them: the pod, too
    is "$(coracle pod ps -q)" ""
}

@test "pods: in a user namespace of the pod a container may have a network of its own" {
    coracle pod create --name p --userns keep-id >/dev/null
    coracle run -d --pod p --name own --network private -p 127.0.0.1::8080 $BB sh -c 'while :; do nc -l -p 8080 -e echo mine; done' >/dev/null
    is "$(coracle exec own id -u)" "$(id -u)"
    is "$(coracle exec own readlink /proc/self/ns/user)" "$(coracle run --rm --pod p $BB readlink /proc/self/ns/user)"
    [ "$(coracle exec own readlink /proc/self/ns/net)" != "$(coracle run --rm --pod p $BB readlink /proc/self/ns/net)" ]
    local port
    port=$(host_port own 8080)
    eventually eval '[ "$(ask '"$port"')" = mine ]'
    kill -9 $(pgrep -P "$(monitor_of own)" -x coracle-slirp) # its successor finds the namespace again
    eventually eval '[ "$(ask '"$port"')" = mine ]'
    coracle network create usernet >/dev/null
    has "$(coracle run --rm --pod p --network usernet $BB ip addr show)" "inet 10."
    coracle network rm usernet >/dev/null
    # likewise without a pod
    coracle run -d --name other --userns auto $BB sleep 1000 >/dev/null
    has "$(coracle run --rm --userns container:other $BB ip addr show)" "inet 10.0.2.100"
}

# Of all processes of the pod: monitor, maker of sockets, network, watcher of resolv.conf, coracle-pause.
pod_pss_kib() { # MONITOR
    local pid
    for pid in $(pgrep -s "$1"); do
        unshare --user --map-root-user --map-auto cat "/proc/$pid/smaps_rollup" 2>/dev/null || cat "/proc/$pid/smaps_rollup" 2>/dev/null || true
    done | awk '/^Pss:/ { n += $2 } END { print n + 0 }'
}

@test "pods: the host's network, processes and host name are its containers' where they are the pod's" {
    coracle pod create --name p --network host --uts host --pid host --share +pid >/dev/null
    run -0 coracle run --rm --pod p $BB sh -c 'hostname; for ns in net uts pid; do readlink /proc/self/ns/$ns; done'
    is "$output" "$(uname -n)"$'\n'"$(readlink /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/pid)"
}

@test "pods: a restart policy of the pod is its containers', unless they have one" {
    coracle pod create --name p --restart on-failure:2 >/dev/null
    coracle create --pod p --name a $BB true >/dev/null
    coracle create --pod p --name b --restart no $BB true >/dev/null
    is "$(coracle inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' a)" "on-failure 2"
    [ "$(coracle inspect -f '{{.HostConfig.RestartPolicy.Name}}' b)" != on-failure ]
}

@test "pods: one monitor, one network process and one process more, whatever the containers publish" {
    [ "$SANITIZED" != 1 ] || skip "memory of sanitized programs says nothing"
    local monitor children
    coracle pod create --name p $(for i in $(seq 20); do echo "-p 127.0.0.1::$((9000 + i))"; done) >/dev/null
    coracle pod start p >/dev/null
    monitor=$(monitor_of "$(infra_of p)")
    children=$(pgrep -P "$monitor" | wc -l)
    [ "$children" -le 3 ] || fail "$children children: $(ps --ppid "$monitor")"
    # Memory is given back when all has been quiet for a while.
    eventually eval '[ "$(pod_pss_kib '"$monitor"')" -le 1536 ]' || fail "$(pod_pss_kib "$monitor") KiB"
}
