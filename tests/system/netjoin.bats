#!/usr/bin/env bats
# Named networks at work: containers on them, their names, ports, and what happens when processes are killed. What is
# defined and listed is in networks.bats. All traffic stays in the containers and between this host's own addresses.

load suite

setup_file() { start_root bb debian; }
teardown_file() { end_root; }
teardown() {
    coracle rm -fa -t 0 >/dev/null
    coracle network prune -f >/dev/null
    clean
}

# A container that says its name to whoever connects to port 80.
speaker() { # NAME FLAGS...
    local name=$1
    shift
    coracle run -d --name "$name" "$@" $BB nc -ll -p 80 -e echo "i am $name" >/dev/null
}

hears_once() { [ "$(coracle exec "$1" timeout 10 nc -w 10 "$2" 80 </dev/null 2>/dev/null)" = "i am $3" ]; }

# Who has just started may not listen yet.
hears() { # CONTAINER ADDRESS WHAT
    eventually hears_once "$@"
}

# The addresses that a name has for a container.
lookup() { # CONTAINER NAME [SERVER]
    coracle exec "$1" nslookup "$2" "${@:3}" 2>/dev/null | sed -n '/^Name/,$s/^Address: //p' | sort
}

lookup_is() { [ "$(lookup "$1" "$2")" = "$3" ]; }

ip_of() { # CONTAINER NETWORK
    coracle inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"
}

# The network's processes: both halves.
hubs() { pgrep -u "$(id -u)" -f -- "coracle-slirp --hub 3 $(coracle network inspect -f '{{.ID}}' "$1")"; }
no_hubs() { ! hubs "$1"; }

get() { curl -fsS -g --max-time 20 "$@"; }

@test "netjoin: containers find each other by name, alias and id, and have an interface" {
    local id ip ip6
    coracle network create --ipv6 n >/dev/null
    speaker a --network n --network-alias db --network-alias web.example
    speaker b --network n --network-alias db
    id=$(coracle inspect -f '{{.Id}}' a)
    ip=$(ip_of a n)
    ip6=$(coracle inspect -f '{{.NetworkSettings.Networks.n.GlobalIPv6Address}}' a)
    run -0 coracle exec a ip addr show eth0
    has "$output" "inet $ip/24"
    has "$output" "inet6 $ip6/64"
    has "$output" "mtu 65520"
    has "$output" "$(coracle inspect -f '{{.NetworkSettings.Networks.n.MacAddress}}' a)"
    for name in a A a.dns.podman "${id:0:12}" web.example; do
        is "$(lookup b "$name")" "$(printf '%s\n' "$ip" "$ip6" | sort)" "$name"
        hears b "$name" a
    done
    hears a b b
    hears a a a
    is "$(lookup b db | wc -l)" 4
    run -0 coracle exec b nslookup "$ip"
    has "$output" "a.dns.podman"
    run coracle exec b nslookup nobody.dns.podman
    has "$output" NXDOMAIN
    # What has ended has no name; the alias is the other's alone.
    coracle rm -f -t 0 a >/dev/null
    eventually lookup_is b a ""
    is "$(lookup b db | wc -l)" 2
}

@test "netjoin: names by TCP, and by the gateway's IPv6 address" {
    coracle network create --ipv6 n >/dev/null
    speaker a --network n
    local server query
    # A question for "a", type A: by TCP its length comes first. The answer ends with the address.
    query='\0\23\22\64\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1'
    for server in $(coracle network inspect -f '{{range .Subnets}}{{.Gateway}} {{end}}' n); do
        is "$(lookup a a "$server" | head -n1)" "$(ip_of a n)" "$server"
        run -0 coracle exec a sh -c "{ printf '$query'; sleep 1; } | timeout 10 nc -w 5 $server 53 | tail -c 4 | hexdump -e '3/1 \"%d.\" 1/1 \"%d\"'"
        is "$output" "$(ip_of a n)" "$server by TCP"
    done
}

@test "netjoin: networks know nothing of each other" {
    coracle network create n1 >/dev/null
    coracle network create n2 >/dev/null
    speaker a --network n1
    speaker b --network n2
    speaker c
    run coracle exec a nslookup b
    hasnt "$output" "$(ip_of b n2)"
    # Neither by address, nor by a name under which the other's would be known, nor through the other's gateway.
    for to in "$(ip_of b n2)" "$(coracle network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' n2)"; do
        run coracle exec a timeout 3 nc -w 2 "$to" 80
        hasnt "$output" "i am"
    done
    run coracle exec c timeout 3 nc -w 2 "$(ip_of a n1)" 80
    hasnt "$output" "i am"
    hears a a a
    hears b b b
}

@test "netjoin: to the outside, and not from an internal network" {
    only_coracle
    local own port
    own=$(own_address)
    [ -n "$own" ] || skip "no address but loopback"
    coracle network create out >/dev/null
    coracle network create --internal in >/dev/null
    coracle run -d --name server -p 80 --network in $BB nc -ll -p 80 -e echo "i am server" >/dev/null
    port=$(host_port server 80)
    hears server 127.0.0.1 server
    # A published port of this host is as good an outside as any.
    run -0 coracle run --rm --network out $BB timeout 10 nc -w 5 "$own" "$port"
    is "$output" "i am server"
    run -0 coracle run --rm --network out $BB nslookup host.containers.internal
    has "$output" "$own"
    run ! coracle run --rm --network out $BB timeout 10 nc -w 5 "$own" 1
    has "$output" "Connection refused"
    # A megabyte each way, and an end of stream that is one.
    coracle run -d --name back -p 80 --network out $BB nc -ll -p 80 -e cat >/dev/null
    port=$(host_port back 80)
    run -0 coracle run --rm --network out $BB sh -c "for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero | timeout 20 nc -w 10 $own $port | wc -c && exit; sleep 1; done"
    is "$output" 1000000
    run coracle run --rm --network in $BB timeout 5 nc -w 2 "$own" "$port"
    hasnt "$output" "i am"
    run -0 coracle run --rm --network in $BB ip route
    hasnt "$output" default
    # With a route all the same, nobody forwards anything.
    run coracle run --rm --network in --cap-add NET_ADMIN $BB sh -c "ip route add default via ${own%.*}.1 dev eth0 onlink 2>&1
        ip route add default via $(coracle network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' in); timeout 5 nc -w 2 $own $port"
    hasnt "$output" "i am"
    run coracle run --rm --network in $BB nslookup host.containers.internal
    has "$output" NXDOMAIN
    # Among themselves they talk.
    run -0 coracle run --rm --network in $BB timeout 10 nc -w 5 server 80
    is "$output" "i am server"
}

@test "netjoin: published ports; the server sees who asks; ports come and go" {
    only_coracle
    local port more own
    coracle network create n >/dev/null
    coracle run -d --name w -p 80 --network n $BB sh -c 'mkdir -p /w && echo hello >/w/index.html && exec httpd -f -v -p 80 -h /w' >/dev/null
    port=$(host_port w 80)
    eventually get "http://127.0.0.1:$port/"
    is "$(get "http://127.0.0.1:$port/")" hello
    is "$(get "http://[::1]:$port/")" hello
    wait_log w "$(coracle network inspect -f '{{range .Subnets}}{{.Gateway}}{{end}}' n)"
    own=$(own_address)
    if [ -n "$own" ]; then
        is "$(get "http://$own:$port/")" hello
        wait_log w "$own"
    fi
    coracle port --add 80 w
    more=$(coracle port w 80 | sed 's/.*://' | grep -v "^$port$")
    is "$(get "http://127.0.0.1:$more/")" hello
    # Its process is the container's own: killed, it comes back, and the network's has nothing to do with it.
    pkill -KILL -P "$(monitor_of w)" -f -- 'coracle-slirp --engine'
    eventually get "http://127.0.0.1:$port/"
    coracle port --rm "$port:80" w
    run get "http://127.0.0.1:$port/"
    is "$status" 7
    coracle restart -t 0 w >/dev/null
    eventually get "http://127.0.0.1:$more/"
    coracle network disconnect n w
    run get --max-time 2 "http://127.0.0.1:$more/"
    [ "$status" -ne 0 ]
    coracle network connect n w
    eventually get "http://127.0.0.1:$more/"
}

@test "netjoin: several networks: interfaces in order, names of all of them" {
    coracle network create n1 >/dev/null
    coracle network create --internal n2 >/dev/null
    coracle network create n3 >/dev/null
    speaker one --network n1
    speaker two --network n2
    speaker three --network n3
    speaker all --network n2 --network n1 --network n3
    run -0 coracle exec all ip -4 -o addr show
    matches "$output" "2: eth0 .*$(ip_of all n2)/24.*"$'\n'"3: eth1 .*$(ip_of all n1)/24.*"$'\n'"4: eth2 .*$(ip_of all n3)/24"
    run -0 coracle exec all ip route
    is "$(grep -c ^default <<<"$output")" 2
    for name in one two three; do
        hears all $name $name
        hears $name all all
    done
    # The C library goes on to the next resolver where one refuses.
    run -0 coracle run --rm --network n2 --network n1 --network n3 $DEBIAN getent hosts three.dns.podman
    has "$output" "$(ip_of three n3)"
    run -2 coracle run --rm --network n2 --network n1 --network n3 $DEBIAN getent hosts nobody.dns.podman
}

@test "netjoin: connected to and disconnected from networks while running" {
    only_coracle
    coracle network create n1 >/dev/null
    coracle network create n2 >/dev/null
    speaker a --network n1
    speaker b --network n2
    speaker c --network n2
    coracle network connect --alias guest n2 a
    run -0 coracle exec a ip -4 -o addr show eth1
    has "$output" "$(ip_of a n2)/24"
    hears b a a
    hears b guest a
    hears a "$(ip_of b n2)" b
    # The first network goes: the route to the outside is the other's.
    coracle network disconnect n1 a
    run -0 coracle exec a ip route
    matches "$output" '^default via [0-9.]+ dev eth1'
    hasnt "$output" eth0
    eventually no_hubs n1
    coracle network disconnect n2 a
    run coracle exec b nslookup a
    hasnt "$output" "Address: 10.89"
    coracle network connect n2 a
    hears b a a
    coracle rename c d
    hears b d c
    coracle network reload -a >/dev/null
    hears b a a
}

@test "netjoin: a killed network process comes back, and connections survive it" {
    only_coracle
    local each pids
    coracle network create n >/dev/null
    speaker a --network n
    speaker b --network n
    # A connection between two containers, on which a line is said every now and then until it is told to end.
    coracle run -d --name talk --network n $BB nc -l -p 81 -e sh -c 'while [ ! -e /end ]; do echo on; sleep 0.2; done; echo over' >/dev/null
    coracle exec -d a sh -c 'exec nc talk 81 >/log'
    eventually coracle exec a grep -q on /log
    for each in first last both; do
        mapfile -t pids < <(hubs n)
        is "${#pids[@]}" 2 "$each: processes of the network"
        case $each in
            first) kill -KILL "${pids[0]}" ;;
            last) kill -KILL "${pids[1]}" ;;
            both) kill -KILL "${pids[@]}" ;;
        esac
        hears b a a
        eventually lookup_is b a "$(ip_of a n)"
        eventually eval "[ \$(hubs n | grep -vx -e ${pids[0]} -e ${pids[1]} | wc -l) = 2 ]"
    done
    coracle exec talk touch /end
    eventually coracle exec a grep -q over /log
}

@test "netjoin: a killed monitor takes its container's place with it, and nobody else's" {
    only_coracle
    local pid
    coracle network create n >/dev/null
    speaker first --network n # its monitor has started the network's process
    pid=$(monitor_of first)
    speaker second --network n
    speaker third --network n
    hears second first first
    kill -KILL "$pid"
    eventually state_is first exited
    eventually lookup_is second first ""
    hears second third third
    is "$(hubs n | wc -l)" 2
    coracle start first >/dev/null
    hears second first first
}

@test "netjoin: eight at once share one process, and the last one takes it along" {
    only_coracle
    local i ids=()
    coracle network create n >/dev/null
    for i in 1 2 3 4 5 6 7 8; do
        speaker "s$i" --network n &
        ids+=($!)
    done
    wait "${ids[@]}"
    is "$(hubs n | wc -l)" 2
    for i in 1 4 8; do
        hears s$i s$((9 - i)) s$((9 - i))
    done
    coracle rm -f -t 0 s1 s2 s3 s4 s5 s6 s7 >/dev/null
    is "$(hubs n | wc -l)" 2
    coracle rm -f -t 0 s8 >/dev/null
    eventually no_hubs n
    # And from the start.
    speaker again --network n
    hears again again again
    coracle stop -t 0 again >/dev/null
    eventually no_hubs n
    coracle rm again >/dev/null
    coracle network rm n >/dev/null
}

@test "netjoin: restarts keep the address; user namespaces of their own" {
    local mode ip
    coracle network create n >/dev/null
    speaker a --network n
    ip=$(ip_of a n)
    coracle restart -t 0 a >/dev/null
    is "$(ip_of a n)" "$ip"
    hears a a a
    for mode in keep-id auto; do
        run -0 coracle run --rm --userns $mode --cap-add NET_ADMIN --user 0 --network n $BB sh -c 'ip link set eth0 mtu 1400 && timeout 10 nc -w 5 a 80'
        is "$output" "i am a" "$mode"
    done
    run -0 coracle run --rm --network container:a $BB ip -4 -o addr show eth0
    has "$output" "$ip"
}

@test "netjoin: options of a network: MTU, no names, interface name" {
    coracle network create --opt mtu=1400 --disable-dns --subnet 10.66.7.0/24 --gateway 10.66.7.77 plain >/dev/null
    run -0 coracle run --rm --network plain:ip=10.66.7.9,mac=02:00:00:00:12:34,interface_name=net7 $BB sh -c 'ip addr show net7; ip route'
    has "$output" "mtu 1400"
    has "$output" "10.66.7.9/24"
    has "$output" "02:00:00:00:12:34"
    has "$output" "default via 10.66.7.77"
    # A question to the gateway of a network without names gets no answer.
    run coracle run --rm --network plain $BB timeout 5 nslookup localhost 10.66.7.77
    [ "$status" -ne 0 ]
}

@test "netjoin: what its processes may do, and what they take" {
    only_coracle
    local pid
    coracle network create n >/dev/null
    speaker a --network n
    hears a a a
    is "$(hubs n | wc -l)" 2
    # One has CAP_NET_ADMIN and nothing else, the other has nothing; both are filtered and gain nothing.
    run -0 bash -c "for p in $(hubs n | paste -sd' '); do awk '/^CapEff|^CapPrm/ { print \$2 }' /proc/\$p/status; done | sort | uniq -c | awk '{ print \$1, \$2 }'"
    is "$output" $'2 0000000000000000\n2 0000000000001000'
    for pid in $(hubs n); do
        run -0 awk '/^NoNewPrivs|^Seccomp:/ { print $1 $2 }' "/proc/$pid/status"
        is "$output" $'NoNewPrivs:1\nSeccomp:2'
        # What only the start needed is given back once all is quiet.
        [ "${SANITIZED:-0}" = 1 ] || eventually eval "[ \$(awk '/^Pss:/ { print \$2 }' /proc/$pid/smaps_rollup) -le 700 ]"
    done
}

@test "netjoin: a network's VLAN is the only one that its bridge carries" {
    need python3
    local net
    # What comes: the frames' tags (VLAN 0: none), from a sender that has sent each of them.
    cat >"$FILE_DIR/tags.py" <<'P'
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(263, 8, 1)  # SOL_PACKET, PACKET_AUXDATA: the kernel takes tags off
s.bind(("eth0", 0))
if sys.argv[1] == "send":
    for tag in (5, 9, 0):
        s.send(b"\xff" * 6 + s.getsockname()[4] + (struct.pack("!HH", 0x8100, tag) if tag else b"") + b"\x88\xb5tag%d" % tag + bytes(60))
else:
    print("listening", flush=True)
    s.settimeout(60)
    while True:
        data = s.recv(2000)
        if b"\x88\xb5tag" in data:
            tag = data.split(b"\x88\xb5tag")[1][:1].decode()
            print("tag", tag, flush=True)
            if tag == "0":
                break
P
    for net in plain "tagged --opt vlan=5"; do
        coracle network create $net >/dev/null
        net=${net%% *}
        # Kernels without such bridges are not made to pretend.
        run coracle run --rm --network "$net" $BB true
        [ "$net" = plain ] || [[ $output != *"no bridges with VLANs"* ]] || skip "$output"
        is "$status" 0 "$output"
        coracle run -d --name "$net" --network "$net" --cap-add NET_RAW -v /usr:/usr:ro -v "$FILE_DIR/tags.py:/t.py:ro" $DEBIAN python3 /t.py listen >/dev/null
        wait_log "$net" listening
        coracle run --rm --network "$net" --cap-add NET_RAW -v /usr:/usr:ro -v "$FILE_DIR/tags.py:/t.py:ro" $DEBIAN python3 /t.py send
        wait_log "$net" "tag 0"
    done
    is "$(coracle logs plain | grep -v listening | xargs)" "tag 5 tag 9 tag 0"
    hasnt "$(coracle logs tagged)" "tag 9"
}
