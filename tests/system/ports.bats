#!/usr/bin/env bats
# Networks of the containers' own and published ports, with real programs. All traffic stays on loopback, in the
# containers, and between this host's own addresses.

load suite

setup_file() { start_root bb debian; }
teardown_file() { end_root; }
teardown() { clean; }

# A server that shows who asks: busybox httpd logs its clients.
web() { # NAME FLAGS...
    local name=$1
    shift
    coracle run -d --name "$name" "$@" $BB sh -c 'mkdir -p /w && echo hello >/w/index.html && exec httpd -f -v -p 80 -h /w' >/dev/null
    eventually coracle exec "$name" wget -qO /dev/null http://127.0.0.1/
}

# The network processes of this file's containers: whoever has the file's session lock open is their parent.
slirps() {
    local pid
    for pid in $(pgrep -x coracle-slirp -u "$(id -u)"); do
        case $(readlink "/proc/$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")/fd/4") in "$ROOT"/*) echo "$pid" ;; esac
    done
}

get() { curl -fsS -g --max-time 20 "$@"; }

@test "ports: the default network has an address, a route and a resolver" {
    run -0 coracle run --rm $BB sh -c 'ip -4 -o addr show; ip route; cat /etc/resolv.conf /etc/hosts'
    has "$output" "10.0.2.100/24"
    has "$output" "default via 10.0.2.2"
    has "$output" "nameserver 10.0.2.3"
    matches "$output" $'\n10\\.0\\.2\\.100\t[0-9a-f]{12} '
    for name in private bridge slirp4netns pasta slirp; do
        run -0 coracle run --rm --network $name $BB ip -4 -o addr show
        has "$output" "10.0.2.100/24"
    done
}

@test "ports: the container and podman's look alike" {
    only_coracle
    local each what='ip -4 -o addr show tap0 | sed "s/ *valid.*//;s/^[0-9]*//"; ip route; grep -c nameserver /etc/resolv.conf; hostname; sed "s/ host.docker.internal//" /etc/hosts | tail -n2 | tr "\t" " "'
    for each in coracle podman; do
        $each run --rm --name same --hostname same --network slirp4netns:mtu=1500,cidr=10.5.0.0/24 $BB sh -c "$what" >"$FILE_DIR/$each.look" 2>&1
    done
    # The host's address for host.containers.internal may be another of its own.
    run diff <(grep -v containers.internal "$FILE_DIR/podman.look") <(grep -v containers.internal "$FILE_DIR/coracle.look")
    is "$output" ""
}

@test "ports: options of slirp4netns, and mistakes in them" {
    run -0 coracle run --rm --network slirp4netns:mtu=1400,cidr=10.9.0.0/24,enable_ipv6=false $BB ip addr show tap0
    has "$output" "mtu 1400"
    has "$output" "10.9.0.100/24"
    hasnt "$output" "fd00::"
    run -0 coracle run --rm --ip 10.0.2.77 --mac-address 92:d0:c6:0a:29:33 $BB ip addr show tap0
    has "$output" "10.0.2.77/24"
    has "$output" "92:d0:c6:0a:29:33"
    local value
    for value in foo=1 mtu=abc cidr=abc port_handler=x enable_ipv6=maybe; do
        run -125 --separate-stderr coracle run --rm --network "slirp4netns:$value" $BB true
        one_error "${value##*=}"
    done
    run -125 --separate-stderr coracle run --rm --network nosuchnetwork $BB true
    one_error "unable to find network with name or ID nosuchnetwork: network not found"
    run -125 --separate-stderr coracle run --rm --ip 10.7.7.7 $BB true
    one_error "10.7.7.7 not in any subnet"
    run -125 --separate-stderr coracle run --rm --network host --ip 10.0.2.7 $BB true
    one_error "can only be used with Bridge mode networking"
}

@test "ports: a published port over IPv4 and IPv6; the server sees who asks" {
    web w -p 80
    local port own inside
    port=$(host_port w 80)
    own=$(own_address)
    wait_log w 127.0.0.1
    inside=$(coracle logs w 2>&1 | grep -c '127\.0\.0\.1') # web() itself asked from inside
    is "$(get "http://127.0.0.1:$port/")" hello
    is "$(get "http://[::1]:$port/")" hello
    wait_log w 10.0.2.2
    wait_log w fd00::2
    [ -n "$own" ] || skip "no address but loopback"
    is "$(get "http://$own:$port/")" hello
    wait_log w "$own"
    is "$(coracle logs w 2>&1 | grep -c '127\.0\.0\.1')" "$inside"
}

@test "ports: libslirp's forwarding by port_handler=slirp4netns" {
    local port
    coracle create --name probe -p 80 $BB true >/dev/null
    port=$(coracle ps -a --filter name=probe --format '{{.Ports}}' | sed 's/.*0:\(.*\)->.*/\1/')
    coracle rm probe >/dev/null
    web w --network slirp4netns:port_handler=slirp4netns -p "127.0.0.1:$port:80"
    is "$(get "http://127.0.0.1:$port/")" hello
    wait_log w 10.0.2.2
}

@test "ports: lists, ranges, -P; podman says the same" {
    only_coracle
    local base each
    base=$((20000 + RANDOM % 10000))
    for each in coracle podman; do
        $each run -d --name same -p $base:80 -p 127.0.0.1:$((base + 1))-$((base + 3)):90-92 -p $((base + 5)):53/udp $BB sleep 1000 >/dev/null
        {
            $each port same | sort # podman's own order changes from time to time
            $each port same 80
            $each port same 53/udp
            $each port same 81 2>&1 || true
            $each ps --filter name=same --format '{{.Ports}}' | sed 's/, /\n/g' | sort
            $each inspect same --format '{{json .HostConfig.PortBindings}} {{json .NetworkSettings.Ports}}'
            $each inspect same --format '{{.HostConfig.NetworkMode}}'
        } >"$FILE_DIR/$each.ports"
        $each rm -f -t 0 same >/dev/null
    done
    run diff "$FILE_DIR/podman.ports" "$FILE_DIR/coracle.ports"
    is "$output" ""
    coracle run -d --name all -P --expose 7000 --expose 7001/udp $BB sleep 1000 >/dev/null
    run -0 coracle port all
    matches "$output" '7000/tcp -> 0\.0\.0\.0:[0-9]+'
    matches "$output" '7001/udp -> 0\.0\.0\.0:[0-9]+'
}

@test "ports: one that is taken, one that is privileged, two that contradict each other" {
    web w -p 80
    local port
    port=$(host_port w 80)
    run -126 --separate-stderr coracle run --rm -p "$port:81" $BB true
    one_error "listen tcp 0.0.0.0:$port: bind: address already in use" "container w"
    if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 82 ] && [ "$(id -u)" != 0 ]; then
        run -126 --separate-stderr coracle run --rm -p 82:81 $BB true
        one_error "net.ipv4.ip_unprivileged_port_start=82"
    fi
    run -125 --separate-stderr coracle run --rm -p 8090:80 -p 8090:81 $BB true
    one_error "8090"
    is "$(get "http://127.0.0.1:$port/")" hello
}

@test "ports: other networks discard them, as podman does" {
    run -0 --separate-stderr coracle run --rm --network none -p 8091:80 $BB echo ok
    is "$output" ok
    has "$stderr" "Port mappings have been discarded"
}

@test "ports: added to and removed from a running container" {
    only_coracle
    web w
    local port
    coracle port --add 80 w
    port=$(host_port w 80)
    is "$(get "http://127.0.0.1:$port/")" hello
    run -0 coracle ps --format '{{.Ports}}'
    is "$output" "0.0.0.0:$port->80/tcp"
    coracle port --rm "$port:80" w
    run get "http://127.0.0.1:$port/"
    is "$status" 7
    run -0 coracle port w
    is "$output" ""
    run -125 --separate-stderr coracle port --rm "$port:80" w
    one_error "does not publish port"
}

@test "ports: restart keeps them; a killed coracle-slirp comes back with them" {
    only_coracle
    web w -p 80
    local port pid i
    port=$(host_port w 80)
    coracle restart -t 0 w >/dev/null
    eventually get "http://127.0.0.1:$port/"
    is "$(host_port w 80)" "$port"
    for pid in $(slirps); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    eventually get "http://127.0.0.1:$port/"
    run -0 coracle exec w ip -4 -o addr show tap0
    has "$output" 10.0.2.100
    coracle rm -f -t 0 w >/dev/null
    run get "http://127.0.0.1:$port/"
    is "$status" 7
}

@test "ports: one that cannot be published again is told in the log" {
    only_coracle
    need python3
    local port pid monitor
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    web w --network slirp4netns:port_handler=slirp4netns -p "127.0.0.1:$port:80"
    pid=$(slirps)
    monitor=$(monitor_of w)
    kill -STOP "$monitor"
    kill -KILL "$pid"
    eventually eval "! python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", $port))' 2>/dev/null"
    python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print("mine", flush=True); time.sleep(100)' "$port" >"$FILE_DIR/taken" 3>&- &
    eventually grep -q mine "$FILE_DIR/taken"
    kill -CONT "$monitor"
    wait_log w "a published port does not work: forward host port $port"
    kill $!
}

@test "ports: half-close, a stalled reader, a reset" {
    coracle run -d --name s -p 80 -p 81 $BB sh -c 'nc -ll -p 80 -e cat & exec nc -ll -p 81 -e yes' >/dev/null
    local port stall sum
    port=$(host_port s 80)
    stall=$(host_port s 81)
    eventually eval "echo hello | timeout 5 socat -t5 - TCP:127.0.0.1:$port | grep -q hello"
    # One that never reads what it is sent: nobody else has to wait.
    exec 7<>"/dev/tcp/127.0.0.1/$stall"
    head -c 30000000 /dev/urandom >"$FILE_DIR/data"
    sum=$(sha256sum <"$FILE_DIR/data")
    # The end of input travels to cat, whose end travels back.
    is "$(timeout 60 socat -t60 - TCP:127.0.0.1:"$port" <"$FILE_DIR/data" | sha256sum)" "$sum"
    head -c 1000 <&7 | grep -q y
    exec 7>&-
    rm -f "$FILE_DIR/data"
}

@test "ports: UDP in both families" {
    coracle run -d --name u -p 53/udp $DEBIAN perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(LocalPort => 53, Proto => "udp") or die;
        while (defined(my $from = $s->recv(my $d, 65536))) { print $s->peerhost, "\n"; $s->send($d, 0, $from) }' >/dev/null
    local port own
    port=$(host_port u 53/udp)
    ask() { printf 'ping\n' | timeout 5 socat -T2 - "$1" | grep -q ping; }
    eventually ask "UDP:127.0.0.1:$port"
    own=$(own_address)
    [ -z "$own" ] || eventually ask "UDP:$own:$port"
}

@test "ports: a thousand in a range" {
    only_coracle
    local base=$((30000 + RANDOM % 1000))
    coracle run -d --name r -p 127.0.0.1:$base-$((base + 999)):1000-1999 $BB sh -c 'exec nc -ll -p 1999 -e echo last' >/dev/null
    eventually eval "timeout 5 socat -u TCP:127.0.0.1:$((base + 999)) - | grep -q last"
    run -0 coracle ps --format '{{.Ports}}'
    is "$output" "127.0.0.1:$base-$((base + 999))->1000-1999/tcp"
}

@test "ports: user namespaces of their own have the network too" {
    local mode
    for mode in keep-id auto; do
        run -0 coracle run --rm --userns $mode --cap-add NET_ADMIN --user 0 $BB sh -c 'ip -4 -o addr show tap0 && ip link set tap0 mtu 1400 && echo owned'
        has "$output" 10.0.2.100
        has "$output" owned
    done
}

@test "ports: --network container: shares it" {
    web w -p 80
    run -0 coracle run --rm --network container:w $BB sh -c 'ip -4 -o addr show tap0; wget -qO- http://127.0.0.1/'
    has "$output" 10.0.2.100
    has "$output" hello
}
