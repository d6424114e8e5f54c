#!/usr/bin/env bats
# Named networks: what is defined, listed and refused, beside podman, and what containers are on them. What runs in them
# is in netjoin.bats.

load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() {
    coracle rm -fa -t 0 >/dev/null
    coracle network prune -f >/dev/null
    if [ -d "$FILE_DIR/podman" ]; then
        podman rm -fa -t 0 >/dev/null
        rm -rf "$FILE_DIR/podman-networks"
    fi
    clean
}

# podman's networks belong to this file as well. It takes a name that is the start of another network's id for that
# network's: names here begin with letters that no id has.
podman() { timeout --foreground -k 5 "${LIMIT:-60}" "$TESTS/podman-here" --network-config-dir "$FILE_DIR/podman-networks" "$@"; }

# Both say the same and end with the same code: what is a matter of chance taken out.
both() { # ARGS...
    local each
    for each in podman coracle; do
        code=0
        out=$($each "$@" 2>&1) || code=$?
        printf '%s\n%s\n' "$out" "$code" | sed -E 's/[0-9a-f]{64}/ID/g; s/\b[0-9a-f]{12}\b/SHORT/g; s/"20[0-9-]+T[^"]*"/"TIME"/; s/fd[0-9a-f]{2}:[0-9a-f:]+\/64/ULA/' >"$FILE_DIR/both.$each"
    done
    diff "$FILE_DIR/both.podman" "$FILE_DIR/both.coracle" || fail "differs: $*"
}

@test "networks: create, list, remove look as podman's" {
    only_coracle
    local each
    both network create n1
    both network create n1
    both network create --subnet 10.77.0.0/24 --ip-range 10.77.0.0/25 --gateway 10.77.0.9 --label a=b --opt mtu=1400 --opt isolate=true --disable-dns n2
    both network create --subnet 10.78.0.0/24 --subnet fd00:78::/64 n3
    both network create --internal n4
    both network ls
    both network ls -q
    both network ls --no-trunc
    both network ls --noheading
    both network ls --format '{{.Name}} {{.Driver}} {{.Labels}} {{.Options}} {{.NetworkInterface}} {{.Internal}} {{.DNSEnabled}} {{.IPAMOptions}}' --filter name=n
    both network inspect n2 --format '{{.Name}} {{.ID}} {{.Labels}} {{.Options}} {{range .Subnets}}{{.Subnet}} {{.Gateway}} {{.LeaseRange.StartIP}}{{end}} {{.DNSEnabled}}'
    both network inspect n1 n3 --format '{{.Name}} {{len .Subnets}} {{.Labels}}'
    both network exists n1
    both network exists nope
    both network rm n1 n1
    both network rm nope
    both network rm -f nope
    both network rm podman
    for each in podman coracle; do $each network prune -f | sort >"$FILE_DIR/pruned.$each"; done
    diff "$FILE_DIR/pruned.podman" "$FILE_DIR/pruned.coracle"
    both network prune -f --filter foo=1h
}

@test "networks: inspect is podman's document, with the containers that podman 5 adds" {
    only_coracle
    local each
    for each in podman coracle; do
        $each network create --subnet 10.77.0.0/24 --ip-range 10.77.0.0/25 --gateway 10.77.0.9 --label z=1 --label a=b --opt mtu=1400 net7
        $each network inspect net7 | jq '.[0] | .id = "" | .created = "" | del(.containers)' >"$FILE_DIR/doc.$each"
        $each network ls --filter name=net7 --format json | jq '.[] | .id = "" | .created = ""' >>"$FILE_DIR/doc.$each"
        $each network rm net7
    done
    diff "$FILE_DIR/doc.podman" "$FILE_DIR/doc.coracle"
    coracle network create n
    run -0 coracle network inspect n
    is "$(jq -c '.[0] | keys_unsorted' <<<"$output")" '["name","id","driver","network_interface","created","subnets","ipv6_enabled","internal","dns_enabled","ipam_options","containers"]'
    run -0 coracle inspect --type network -f '{{.Name}}' n
    is "$output" n
    run -0 coracle inspect -f '{{.Name}}' n
    is "$output" n
}

@test "networks: filters are podman's" {
    only_coracle
    both network create --label k=v nn1
    both network create nn2
    local f
    for f in name=nn name='^nn1$' label=k=v label=k 'label!=k' driver=bridge driver=foo dangling=true id=zzz until=1h foo=x dangling=xx; do
        both network ls -q --filter "$f"
    done
    both network ls -q --filter name=nn1 --filter name=nn2
    both network ls -q --filter label=k --filter label=other
}

@test "networks: mistakes are told in podman's words" {
    only_coracle
    both network create n
    both network create a/b
    both network create host
    both network create podman
    both network create a b
    both network create -d foo q
    both network create --ipam-driver xx q
    both network create --opt foo=bar q
    for value in x 4095 -1; do
        run -125 --separate-stderr coracle network create --opt "vlan=$value" q
        one_error vlan "$value"
    done
    both network create --subnet abc q
    both network create --subnet 10.89.0.0/33 q
    both network create --subnet 10.77.0.0/24 --gateway 10.78.0.1 q
    both network create --subnet 10.77.0.0/24 --ip-range 10.78.0.0/25 q
    both network create --subnet 10.77.0.0/24 --gateway 10.77.0.1 --gateway 10.77.0.2 q
    both network create --gateway 10.78.0.1 q
    both network create --ip-range 10.78.0.0/25 q
    both network create --subnet "$(coracle network inspect n -f '{{range .Subnets}}{{.Subnet}}{{end}}')" q
    both network inspect nope
    both network rm
    both network exists
    both network connect n
    both network reload
    both network disconnect n nope
    # What no bridge without rights can do is refused by name.
    local flags
    for flags in "-d macvlan" "-d ipvlan" "--ipam-driver dhcp" "--opt vrf"; do
        run -125 --separate-stderr coracle network create $flags q
        one_error "$(sed 's/^-*//; s/.* //' <<<"$flags")"
    done
    run -0 coracle network ls -q
    is "$output" $'n\npodman'
}

@test "networks: subnets overlap neither networks nor the host's interfaces and routes" {
    local a b host
    coracle network create a
    coracle network create b
    a=$(coracle network inspect a -f '{{range .Subnets}}{{.Subnet}}{{end}}')
    b=$(coracle network inspect b -f '{{range .Subnets}}{{.Subnet}}{{end}}')
    [ "$a" != "$b" ] || fail "$a twice"
    host=$(ip -4 -o addr show scope global | awk '{ print $4; exit }')
    [ -n "$host" ] || skip "no address but loopback"
    run -125 --separate-stderr coracle network create --subnet "$host" c
    one_error "already used on the host"
    run -125 --separate-stderr coracle network create --subnet 0.0.0.0/0 c
    run -125 --separate-stderr coracle network create --subnet 127.8.0.0/16 c
    # Many at once: none overlap.
    local i pids=()
    for i in 1 2 3 4 5 6; do
        coracle network create "p$i" >/dev/null 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    run -0 coracle network ls --format json
    is "$(jq '[.[].subnets[].subnet] | length' <<<"$output")" "$(jq '[.[].subnets[].subnet] | unique | length' <<<"$output")"
    is "$(jq length <<<"$output")" 9
}

@test "networks: what a container is on, before it runs" {
    only_coracle
    local each
    for each in podman coracle; do
        $each network create --subnet 10.71.0.0/24 na >/dev/null
        $each network create --subnet 10.72.0.0/24 nb >/dev/null
        {
            $each create --name c1 --network na --network nb:ip=10.72.0.9 --network-alias zz $BB true
            $each create --name c2 --network na:alias=x,alias=y,mac=02:00:00:00:00:01 $BB true
            $each inspect c1 --format '{{json .NetworkSettings.Networks}} {{.HostConfig.NetworkMode}}'
            $each inspect c2 --format '{{json .NetworkSettings.Networks}} {{.HostConfig.NetworkMode}}'
            $each ps -a --format '{{.Names}} {{.Networks}}' | sort | sed 's/nb,na$/na,nb/'
            $each ps -a --filter network=nb --format '{{.Names}}'
            $each ps -a --filter network=nope --format '{{.Names}}'
            $each ps -a --filter name=c1 --format json | jq -c '.[0].Networks | sort'
            $each network rm na || echo "$?"
            $each network prune -f
            $each network connect --alias f nb c2
            $each inspect c2 --format '{{json .NetworkSettings.Networks}}'
            $each network disconnect na c2
            $each ps -a --filter network=na --format '{{.Names}}'
            $each network rm -f -t 0 na
            $each ps -a --format '{{.Names}}'
            $each network rm nb || echo "$?"
            $each rm -fa -t 0 >/dev/null
            $each network rm nb
        } 2>&1 | sed -E 's/[0-9a-f]{64}/ID/g; s/\b[0-9a-f]{12}\b/SHORT/g' >"$FILE_DIR/places.$each"
    done
    run diff "$FILE_DIR/places.podman" "$FILE_DIR/places.coracle"
    is "$output" ""
}

@test "networks: options of run and create that contradict each other" {
    only_coracle
    both network create --subnet 10.71.0.0/24 na
    both network create --subnet 10.72.0.0/24 nb
    both create --network na --network host $BB true
    both create --network host --network na $BB true
    both create --network na --network none $BB true
    both create --network none --network na $BB true
    both create --network na --network slirp4netns $BB true
    both create --network na,host $BB true
    both create --network na:foo=bar $BB true
    both create --network na:ip=xx $BB true
    both create --network na:mac=xx $BB true
    both create --network na:alias= $BB true
    both create --network na,nb --ip 10.71.0.9 $BB true
    both create --network na --ip abc $BB true
    both create --network na --mac-address abc $BB true
    both create --network host --network-alias foo $BB true
    both create --network nope $BB true
    both create --network na --network container:foo $BB true
    # Podman says these when the container starts.
    run -125 --separate-stderr coracle create --network na --ip 10.7.1.19 $BB true
    one_error "requested static ip 10.7.1.19 not in any subnet on network na"
    run -125 --separate-stderr coracle create --network na --ip6 fd00::3 $BB true
    one_error "requested static ip fd00::3 not in any subnet on network na"
    run -125 --separate-stderr coracle create --network na:ip=10.71.0.1 $BB true
    one_error "gateway"
    run -125 --separate-stderr coracle create --network na:ip=10.71.0.255 $BB true
    run -125 --separate-stderr coracle create --network na:ip=10.71.0.4,ip=10.71.0.5 $BB true
    run -0 coracle ps -aq
    is "$output" ""
    both network rm na nb
}

@test "networks: containers of other modes are not connected" {
    only_coracle
    both network create --subnet 10.71.0.0/24 na
    both create --name s1 --network slirp4netns $BB true
    both network connect na s1
    both network disconnect na s1
    both rm s1
    both create --name s2 --network na $BB true
    both network connect na nope
    both network connect nope s2
    both network reload s2
    both rm s2
    both network rm na
    run -0 coracle create --name s3 --network none $BB true
    coracle network create x
    run -125 --separate-stderr coracle network connect x s3
    one_error "is not supported: invalid network mode"
    run -125 --separate-stderr coracle network connect podman s3
    run -125 --separate-stderr coracle network disconnect podman s3
}

@test "networks: resolvers of a network are changed by update" {
    coracle network create --dns 192.0.2.53 --dns 192.0.2.54 n
    run -0 coracle network update --dns-drop 192.0.2.53 --dns-add 2001:db8::53 n
    run -0 coracle network inspect n
    is "$(jq -c '.[0].network_dns_servers' <<<"$output")" '["192.0.2.54","2001:db8::53"]'
    run -125 --separate-stderr coracle network update --dns-add nonsense n
    one_error nonsense
    coracle network create --disable-dns quiet
    run -125 --separate-stderr coracle network update --dns-add 192.0.2.1 quiet
    run -125 --separate-stderr coracle network create --disable-dns --dns 192.0.2.1 other
    run -125 --separate-stderr coracle network update podman --dns-add 192.0.2.1
    one_error podman
}

@test "networks: names complete" {
    coracle network create harbour
    coracle create --name boat --network harbour $BB true
    run -0 coracle __complete network rm ha
    has "$output" harbour
    run -0 coracle __complete network connect harbour bo
    has "$output" boat
    run -0 coracle __complete run --network ha
    has "$output" harbour
}

# --- what runs

# A container that waits until it is removed.
idle() { # NAME FLAGS...
    local name=$1
    shift
    coracle run -d --name "$name" "$@" $BB sleep 600 >/dev/null
}

# The address that a container looks a name up as; fails when it finds none.
lookup() { # CONTAINER NAME
    coracle exec "$1" ping -c1 -W1 "$2" 2>/dev/null | sed -n 's/^PING [^(]*(\([^)]*\)).*/\1/p' | grep .
}

address() { # CONTAINER NETWORK
    coracle inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"
}

@test "networks: /etc/hosts and resolv.conf in a container, beside podman" {
    only_coracle
    local each
    for each in podman coracle; do
        $each network create --subnet 10.71.0.0/24 na >/dev/null
        $each network create --subnet 10.72.0.0/24 --subnet fd00:72::/64 nb >/dev/null
        {
            $each run --rm --name h1 --network na:ip=10.71.0.7 --network nb:ip=10.72.0.7,ip6=fd00:72::7 --hostname hh $BB sh -c 'tail -n3 /etc/hosts; ip -4 -o addr show; ip -6 addr show scope global; cat /etc/resolv.conf'
            $each run --rm --network na --dns-search foo.bar $BB cat /etc/resolv.conf
        } 2>/dev/null | tr '\t' ' ' | sed -E "s/mtu .*//; s/ host.docker.internal//; s/(dns.podman) dns.podman/\\1/; s/^[0-9]+: //; s/@if[0-9]+//; s/eth[0-9]/ethN/g; s/ flags 02//; s/ +valid.*//; /valid_lft/d; /^nameserver $(awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf)\$/d; /containers.internal/d" |
            sort >"$FILE_DIR/files.$each"
    done
    run diff "$FILE_DIR/files.podman" "$FILE_DIR/files.coracle"
    is "$output" ""
}

@test "networks: --dns is for the network's resolver to ask, and for the container where there is none" {
    only_coracle
    local server
    coracle network create n >/dev/null
    coracle network create --disable-dns plain >/dev/null
    server=$(coracle network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' n)
    run -0 coracle run --rm --network n --dns 192.0.2.1 $BB cat /etc/resolv.conf
    has "$output" "nameserver $server"
    hasnt "$output" 192.0.2.1
    run -0 coracle run --rm --network plain --dns 192.0.2.1 $BB cat /etc/resolv.conf
    is "$(grep nameserver <<<"$output")" "nameserver 192.0.2.1"
}

@test "networks: routes, and IPv6 subnets of any size" {
    only_coracle
    local mistake
    coracle network create --subnet 10.33.0.0/24 --subnet fd33::/112 --route 10.44.0.0/16,10.33.0.9 --route fd44::/32,fd33::9,7 n
    run -0 coracle network inspect n -f '{{range .Routes}}{{.Destination}} {{.Gateway}} {{.Metric}} {{end}}'
    matches "$output" '^10.44.0.0/16 10.33.0.9 .*fd44::/32 fd33::9 7 $'
    run -0 coracle run --rm --network n $BB sh -c 'ip -4 route; ip -6 route; ip -6 -o addr show eth0; nslookup host.containers.internal fd33::1'
    matches "$output" '10.44.0.0/16 via 10.33.0.9 dev eth0  metric 100'
    matches "$output" 'fd44::/32 via fd33::9 dev eth0  metric 7'
    has "$output" "fd33::2/112"
    has "$output" "fd33::/112 dev eth0"
    has "$output" "Name:"
    for mistake in x 10.1.1.1/24,10.33.0.1 10.1.1.0/24,x 10.1.1.0/24,10.89.0.1,x 10.1.1.0/24,10.1.2.3; do
        run -125 --separate-stderr coracle network create --route $mistake q
        one_error route
    done
    run -0 coracle network ls -q
    is "$output" $'n\npodman'
}

@test "networks: --ipam-driver none is a wire, and nothing else" {
    only_coracle
    coracle network create --ipam-driver none n
    run -0 coracle network inspect n -f '{{.IPAMOptions.driver}} {{len .Subnets}} {{.DNSEnabled}}'
    is "$output" "none 0 false"
    coracle run -d --name a --network n --cap-add NET_ADMIN $BB sh -c 'ip addr add 10.9.9.1/24 dev eth0 && exec nc -ll -p 80 -e echo hi' >/dev/null
    run -0 coracle run --rm --network n --cap-add NET_ADMIN $BB sh -c 'ip -o addr show eth0; ip route
        ip addr add 10.9.9.2/24 dev eth0
        for i in 1 2 3 4 5 6 7 8 9; do timeout 10 nc -w 5 10.9.9.1 80 && exit; sleep 1; done'
    is "$(sed 's/nc: .*refused.*//' <<<"$output" | xargs)" hi
    run -125 --separate-stderr coracle run --rm --network n --ip 10.9.9.3 $BB true
    one_error "10.9.9.3 not in any subnet"
    run -125 --separate-stderr coracle network create --ipam-driver none --subnet 10.1.2.0/24 q
    one_error "none ipam driver is set but subnets are given"
    coracle network rm -f -t 0 n
}

@test "networks: names and files follow connect, disconnect and rename" {
    coracle network create a
    coracle network create b
    idle one --network a:alias=first
    idle two --network b
    idle both --network a --network b
    # Who is on both finds whom either resolver knows; others find their neighbours alone.
    is "$(lookup both one)" "$(address one a)"
    is "$(lookup both first)" "$(address one a)"
    is "$(lookup both two)" "$(address two b)"
    is "$(lookup one both)" "$(address both a)"
    is "$(lookup two both)" "$(address both b)"
    run ! lookup one two
    run ! lookup two one

    coracle network connect --alias guest b one
    is "$(lookup one two)" "$(address two b)"
    is "$(lookup two guest)" "$(address one b)"
    run -0 coracle exec one cat /etc/resolv.conf /etc/hosts
    has "$output" "nameserver $(coracle network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' b)"
    has "$output" "$(address one b)"

    local old; old=$(address one a)
    coracle network disconnect a one
    run ! lookup both first
    is "$(lookup one two)" "$(address two b)"
    run -0 coracle exec one cat /etc/hosts
    hasnt "$output" "$old"
    run -125 --separate-stderr coracle network disconnect a one
    one_error "not connected"

    coracle rename one uno
    is "$(lookup two uno)" "$(address uno b)"
    run ! lookup two one
    coracle network disconnect b uno
    run -0 coracle exec uno ip -4 -o addr show
    hasnt "$output" eth
    run -0 coracle ps -a --format '{{.Networks}}' --filter name=uno
    is "$output" ""
}

@test "networks: an address belongs to one running container" {
    coracle network create --subnet 10.71.0.0/24 --ip-range 10.71.0.100-10.71.0.103 a
    idle one --network a:ip=10.71.0.77
    is "$(address one a)" 10.71.0.77
    run -126 --separate-stderr coracle run --rm --network a:ip=10.71.0.77 $BB true
    one_error "requested ip address 10.71.0.77 is already allocated to container ID $(coracle inspect -f '{{.Id}}' one)"
    coracle create --name other --network a:ip=10.71.0.77 $BB sleep 600 >/dev/null
    run -125 --separate-stderr coracle start other
    one_error "already allocated"
    coracle stop -t 0 one >/dev/null
    is "$(address one a)" ""
    coracle start other >/dev/null
    is "$(address other a)" 10.71.0.77
    coracle rm -f -t 0 other >/dev/null
    # Killed without a word: the address is free at once.
    coracle start one >/dev/null
    kill -9 "$(monitor_of one)"
    eventually state_is one exited
    run -0 coracle run --rm --network a:ip=10.71.0.77 $BB true
    # Started at once: four addresses for four containers, none for a fifth.
    local i pids=()
    for i in 1 2 3 4; do
        idle "c$i" --network a 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
    is "$(for i in 1 2 3 4; do address "c$i" a; done | sort | tr '\n' ' ')" "10.71.0.100 10.71.0.101 10.71.0.102 10.71.0.103 "
    run -126 --separate-stderr coracle run --rm --network a $BB true
    one_error "failed to find free IP in range"
    run -0 coracle network inspect a
    is "$(jq '.[0].containers | length' <<<"$output")" 4
    is "$(jq -r '[.[0].containers[].interfaces.eth0.subnets[0].ipnet] | sort | join(" ")' <<<"$output")" "10.71.0.100/24 10.71.0.101/24 10.71.0.102/24 10.71.0.103/24"
    coracle rm -f -t 0 c2 >/dev/null
    run -0 coracle run --rm --network a $BB true
}

@test "networks: an address or a port that is taken is told as podman tells it, with its exit code" {
    only_coracle
    need python3
    local each port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    said() { # COMMAND...: its exit code and words, without what differs by chance or by whose process has the port
        local code=0 out
        out=$("$@" 2>&1 >/dev/null) || code=$?
        sed -E "s/[0-9a-f]{64}/ID/g; s/rootlessport //; s/ \(published by .*//; s/$/ ($code)/; s|^|${*:2}: |" <<<"$out"
    }
    for each in podman coracle; do
        $each network create --subnet 10.71.0.0/24 na >/dev/null
        $each run -d --name one --network na:ip=10.71.0.77 -p "127.0.0.1:$port:80" $BB sleep 600 >/dev/null 3>&-
        {
            said $each create --name two --network na:ip=10.71.0.77 $BB true
            said $each start two
            said $each start --attach two
            said $each run --network na:ip=10.71.0.77 --rm $BB true
            said $each run --network na:ip=10.71.0.77 -d $BB true
            said $each create --name three -p "127.0.0.1:$port:80" $BB true
            said $each start three
            said $each start --attach three
            said $each run --rm -p "127.0.0.1:$port:80" $BB true
            $each ps --format '{{.Names}}'
        } >"$FILE_DIR/taken.$each" 3>&-
        $each rm -fa -t 0 >/dev/null
        $each network rm na >/dev/null
    done
    run diff "$FILE_DIR/taken.podman" "$FILE_DIR/taken.coracle"
    is "$output" ""
    [ "$(grep -c "in use\|already allocated" "$FILE_DIR/taken.coracle")" -ge 7 ] || fail "$(cat "$FILE_DIR/taken.coracle")"
}

@test "networks: a container comes back on its networks after stop, start and restart" {
    coracle network create a
    coracle network create b
    idle one --network a --network b --restart always
    local before; before="$(address one a) $(address one b)"
    idle other --network a --network b
    coracle restart -t 0 one >/dev/null
    is "$(address one a) $(address one b)" "$before"
    coracle stop -t 0 one >/dev/null
    coracle network disconnect a one
    coracle start one >/dev/null
    is "$(lookup other one)" "$(address one b)"
    run -0 coracle exec one ip -4 -o addr show
    matches "$output" 'eth1 .*'"$(address one b)"
    hasnt "$output" eth0
    coracle network rm -f -t 0 a
    run -0 coracle ps -a --format '{{.Names}}'
    is "$output" one
}

@test "networks: resolvers of a running network change by update, and back to the host's" {
    coracle network create --dns 192.0.2.53 n
    idle one --network n
    run -0 coracle network update --dns-add 192.0.2.54 n
    run -0 coracle network update --dns-drop 192.0.2.53,192.0.2.54 n
    run -0 coracle network reload one
    is "$(lookup one one)" "$(address one n)"
}
