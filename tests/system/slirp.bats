# coracle-slirp alone: slirp4netns' command line, as an ordinary user. Networks of containers: network.bats.
load suite

setup_file() {
    start_root
    export SLIRP=${CORACLE%/*}/coracle-slirp
}
teardown_file() { end_root; }

setup() {
    only_coracle
    need unshare nsenter socat ip python3
}

# What stdin says, in a scene of its own (slirp_scene.bash).
scene() {
    local script
    script=$(cat)
    run --separate-stderr timeout -k 5 "${LIMIT:-90}" env TESTS="$TESTS" SLIRP="$SLIRP" \
        unshare --user --map-root-user --net --mount --propagation private --pid --fork --mount-proc --kill-child \
        bash -c ". '$TESTS/slirp_scene.bash'; $script"
    echo "status $status: $output"
    echo "stderr: $stderr"
}

@test "the interface is there: address, route, MTU, lo" {
    scene <<'S'
target
start --mtu=9000
inside ip -o -4 addr show
inside ip route
inside ip link show tap0
S
    [ "$status" -eq 0 ]
    has "$output" "inet 127.0.0.1/8"
    has "$output" "inet 10.0.2.100/24 brd 10.0.2.255"
    has "$output" "default via 10.0.2.2 dev tap0"
    has "$output" "mtu 9000"
}

@test "another network and MAC address; IPv6 beside it" {
    scene <<'S'
target
start --cidr=192.168.77.0/24 --macaddress=02:00:00:00:00:07 --enable-ipv6
inside ip addr show tap0
inside ip -6 route
S
    [ "$status" -eq 0 ]
    has "$output" "inet 192.168.77.100/24"
    has "$output" "02:00:00:00:00:07"
    has "$output" "inet6 fd00::100/64"
    has "$output" "default via fd00::2"
}

@test "TCP and UDP reach the host through the gateway, both families, whole" {
    scene <<'S'
target
start --enable-ipv6
echo_server TCP4 127.0.0.1 7001
echo_server TCP6 '[::1]' 7002
socat UDP4-LISTEN:7003,bind=127.0.0.1,fork EXEC:cat &
head -c 20000000 /dev/urandom >$T/data
sum=$(sha256sum <$T/data)
[ "$(inside socat -t 20 - TCP4:10.0.2.2:7001 <$T/data | sha256sum)" = "$sum" ] && echo tcp4
[ "$(inside socat -t 20 - 'TCP6:[fd00::2]:7002' <$T/data | sha256sum)" = "$sum" ] && echo tcp6
[ "$(echo hello | inside socat -T 5 -t 2 - UDP4:10.0.2.2:7003)" = hello ] && echo udp4
S
    [ "$status" -eq 0 ]
    is "$output" $'tcp4\ntcp6\nudp4'
}

@test "a small MTU carries as much" {
    scene <<'S'
target
start -m 1400
echo_server TCP4 127.0.0.1 7001
head -c 8000000 /dev/urandom >$T/data
[ "$(inside socat -t 20 - TCP4:10.0.2.2:7001 <$T/data | sha256sum)" = "$(sha256sum <$T/data)" ] && echo same
S
    is "$output" same
}

@test "where TCP has to go through libslirp, a tap device or a veth pair does the same" {
    scene <<'S'
target
start --no-tun --no-gateway --enable-ipv6
inside ip -d link show tap0
echo_server TCP4 127.0.0.1 7001
echo_server TCP6 '[::1]' 7002
head -c 8000000 /dev/urandom >$T/data
[ "$(inside socat -t 20 - TCP4:10.0.2.2:7001 <$T/data | sha256sum)" = "$(sha256sum <$T/data)" ] && echo tcp4
[ "$(inside socat -t 20 - 'TCP6:[fd00::2]:7002' <$T/data | sha256sum)" = "$(sha256sum <$T/data)" ] && echo tcp6
if [ -w /dev/net/tun ]; then
    target
    start --no-gateway
    inside ip -d link show tap0
    [ "$(inside socat -t 20 - TCP4:10.0.2.2:7001 <$T/data | sha256sum)" = "$(sha256sum <$T/data)" ] && echo tap4
fi
S
    [ "$status" -eq 0 ]
    has "$output" veth
    has "$output" tcp4
    has "$output" tcp6
    [ ! -w /dev/net/tun ] || has "$output" tap4
}

@test "what a connection finds: refused, unreachable, silent; ends of streams; many at once" {
    scene <<'S'
target
start --enable-ipv6
python3 "$TESTS/outgoing.py" serve >$T/server &
eventually grep -q ready $T/server
inside python3 "$TESTS/outgoing.py" ask 10.0.2.2 192.0.2.1
inside python3 "$TESTS/outgoing.py" ask fd00::2 2001:db8::1
S
    [ "$status" -eq 0 ]
    local each=$'greeted first\nhalf-closed: 2000000 bytes back\nreset arrives\nrefused: ECONNREFUSED\nunreachable: ENETUNREACH\nsame port served and asked\n300 at once'
    is "$output" "$each"$'\n'"$each"
}

@test "servers at ports below 1024 are reached, with and without a packet in between" {
    scene <<'S'
for flags in "" --no-gateway; do
    target
    start --enable-ipv6 $flags
    [ "$flags" ] || { echo_server TCP4 127.0.0.1 80; echo_server TCP6 '[::1]' 443; }
    [ "$(echo hello | inside socat -t 10 - TCP4:10.0.2.2:80)" = hello ] && echo tcp4
    [ "$(echo hello | inside socat -t 10 - 'TCP6:[fd00::2]:443')" = hello ] && echo tcp6
    kill $SLIRP_PID
done
S
    is "$output" $'tcp4\ntcp6\ntcp4\ntcp6'
}

@test "a connection that nobody answers doesn't hold up others, and ends" {
    scene <<'S'
target
ip link add up0 type veth peer name up1; ip link set up1 up; ip link set up0 up
ip addr add 192.0.2.1/24 dev up0
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 nud permanent dev up0 # nobody
start
echo_server TCP4 127.0.0.1 7001
inside timeout 20 socat -u OPEN:/dev/null TCP4:192.0.2.9:80,connect-timeout=2 2>$T/silent &
silent=$!
[ "$(echo hello | inside socat -t 10 - TCP4:10.0.2.2:7001)" = hello ] && echo others
wait $silent || grep -o 'timed out' $T/silent
S
    is "$output" $'others\ntimed out'
}

@test "the host's loopback is closed when it is to be, under all of its names" {
    scene <<'S'
target
start --disable-host-loopback --enable-ipv6
echo_server TCP4 127.0.0.1 7001
echo_server TCP6 '[::1]' 7001
inside socat -u OPEN:/dev/null TCP4:10.0.2.2:7001,connect-timeout=3 2>/dev/null && echo open4
inside socat -u OPEN:/dev/null 'TCP6:[fd00::2]:7001,connect-timeout=3' 2>/dev/null && echo open6
inside sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet'
inside ip route add 127.9.0.0/16 via 10.0.2.2 dev tap0 table 100
inside ip rule add to 127.9.0.0/16 table 100 pref 0
inside ip rule add pref 1 lookup local; inside ip rule del pref 0 lookup local
inside socat -u OPEN:/dev/null TCP4:127.9.0.1:7001,connect-timeout=1 2>/dev/null && echo open127
inside ip -6 route add ::ffff:127.0.0.1/128 via fd00::2 dev tap0 2>/dev/null || true
echo end
S
    [ "$status" -eq 0 ]
    is "$output" end
}

@test "names: forwarded by UDP and TCP, by both addresses; long answers; none" {
    scene <<'S'
target
resolver 127.0.0.53 1
start --enable-ipv6
ask 10.0.2.3 one.test
ask --tcp 10.0.2.3 one.test
ask fd00::3 one.test AAAA
ask --tcp fd00::3 one.test
ask 10.0.2.3 big.test TXT
ask --tcp 10.0.2.3 big.test TXT
ask 10.0.2.3 nx.test
S
    [ "$status" -eq 0 ]
    is "$output" $'0 192.0.2.1\n0 192.0.2.1\n0 2001:db8::1\n0 192.0.2.1\n0 truncated\n0 10\n3'
}

@test "names of the host: the gateway, or where the loopback is closed another address" {
    scene <<'S'
target
start
ask 10.0.2.3 host.containers.internal
ask --tcp 10.0.2.3 Host.Docker.Internal
ask 10.0.2.3 host.docker.internal AAAA
kill $SLIRP_PID; eventually gone $SLIRP_PID
ip link add up0 type veth peer name up1; ip link set up1 up; ip link set up0 up
ip addr add 192.0.2.77/24 dev up0; ip route add default dev up0
start --disable-host-loopback
ask 10.0.2.3 host.containers.internal
S
    is "$output" $'0 10.0.2.2\n0 10.0.2.2\n0\n0 192.0.2.77'
}

@test "names follow the host's resolv.conf: written, replaced, a link" {
    scene <<'S'
target
resolver 127.0.0.53 1
resolver 127.0.0.54 2
resolver 127.0.0.55 3
start
is() { [ "$(ask 10.0.2.3 one.test)" = "0 192.0.2.$1" ]; }
is 1 && echo first
echo "nameserver 127.0.0.54" >/etc/resolv.conf; eventually is 2 && echo written
echo "nameserver 127.0.0.55" >/etc/new; mv /etc/new /etc/resolv.conf; eventually is 3 && echo replaced
mkdir $T/run; echo "nameserver 127.0.0.53" >$T/run/stub.conf
ln -sf $T/run/stub.conf /etc/new; mv -T /etc/new /etc/resolv.conf; eventually is 1 && echo linked
echo "nameserver 127.0.0.54" >$T/run/new; mv $T/run/new $T/run/stub.conf; eventually is 2 && echo target
S
    is "$output" $'first\nwritten\nreplaced\nlinked\ntarget'
}

@test "a resolver that is silent, lies or is not there costs only its own questions" {
    scene <<'S'
target
resolver 127.0.0.53 1
resolver 127.0.0.54 2
start
for i in 1 2 3 4 5 6 7 8 9 10; do ask --timeout 1 10.0.2.3 $i.silent & done >/dev/null
# Connections on which nothing is said, more than are kept, and half of a question.
inside python3 - <<'P' >$T/idle &
import socket, time
idle = [socket.create_connection(("10.0.2.3", 53)) for _ in range(80)]
for s in idle[70:]:
    try: s.sendall(b"\0\x20abc")
    except OSError: pass
print("there", flush=True)
time.sleep(60)
P
eventually grep -q there $T/idle
ask 10.0.2.3 one.test
ask --tcp 10.0.2.3 one.test
ask 10.0.2.3 wrongid.test
ask 10.0.2.3 garbage.test
printf 'nameserver 127.0.0.99\nnameserver 127.0.0.54\n' >/etc/resolv.conf
is() { [ "$(ask 10.0.2.3 one.test)" = "0 192.0.2.2" ]; }
eventually is && echo second
echo "nameserver 127.0.0.99" >/etc/resolv.conf
fails() { [ "$(ask 10.0.2.3 one.test)" = 2 ]; }
eventually fails && echo refused
S
    is "$output" $'0 192.0.2.1\n0 192.0.2.1\n0 192.0.2.1\n0 192.0.2.1\nsecond\nrefused'
}

@test "malformed questions are answered or ignored, and nothing ends" {
    scene <<'S'
target
resolver 127.0.0.53 1
start
inside python3 - <<'P'
import os, random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.0.2.3", 53))
random.seed(1)
for n in range(400):
    s.send(random.randbytes(random.randrange(0, 600)))
s.send(bytes(12)); s.send(b"\0" * 60000); s.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")
P
ask 10.0.2.3 one.test
kill -0 $SLIRP_PID && echo alive
S
    is "$output" $'0 192.0.2.1\nalive'
}

@test "nobody else is served by the resolver's listener" {
    scene <<'S'
target
resolver 127.0.0.53 1
start
ask --tcp 10.0.2.3 one.test
port=$(ss -Hltn | awk '$4 ~ /^127.0.0.1:/ { sub(".*:", "", $4); print $4 }' | head -n1)
python3 - "$port" <<'P'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(20)
try:
    s.sendall(b"\0\x1a\x12\x34\1\0\0\1\0\0\0\0\0\0\3one\4test\0\0\1\0\1")
    print("answered" if s.recv(100) else "closed")
except OSError:
    print("closed")
P
S
    is "$output" $'0 192.0.2.1\nclosed'
}

@test "the API socket adds, lists and removes ports, and refuses nonsense" {
    scene <<'S'
target
start --api-socket $T/api
api() { echo "$1" | socat -t 10 - UNIX-CONNECT:$T/api; echo; }
socat -u OPEN:/dev/null UNIX-CONNECT:$T/api
( sleep 30 | socat - UNIX-CONNECT:$T/api ) & # says nothing, and holds nobody up
inside socat TCP4-LISTEN:80,fork EXEC:cat &
api '{"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": 8080, "guest_addr": "10.0.2.100", "guest_port": 80}}'
api '{"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_addr": "127.0.0.1", "host_port": 8080, "guest_addr": "10.0.2.100", "guest_port": 80}}'
forwarded() { [ "$(echo hello | socat -t 5 - TCP4:127.0.0.1:8080)" = hello ]; }
eventually forwarded && echo forwarded
api '{"execute": "list_hostfwd"}'
api '{"execute": "remove_hostfwd", "arguments": {"id": 7}}'
api '{"execute": "remove_hostfwd", "arguments": {"id": 1}}'
api '{"execute": "list_hostfwd"}'
api 'hello'
api '{"execute": "add_hostfwd", "arguments": {"proto": "icmp"}}'
kill -0 $SLIRP_PID && echo alive
S
    [ "$status" -eq 0 ]
    is "${lines[0]}" '{"return":{"id":1}}'
    matches "${lines[1]}" '^\{"error":\{"desc":".*8080.*in use'
    is "${lines[2]}" forwarded
    is "${lines[3]}" '{"return":{"entries":[{"id":1,"proto":"tcp","host_addr":"127.0.0.1","host_port":8080,"guest_addr":"10.0.2.100","guest_port":80}]}}'
    has "${lines[4]}" '"error"'
    is "${lines[5]}" '{"return":{}}'
    is "${lines[6]}" '{"return":{"entries":[]}}'
    has "${lines[7]}" 'bad request'
    has "${lines[8]}" 'proto'
    is "${lines[9]}" alive
}

@test "it ends with its process, with the exit descriptor, and on SIGTERM" {
    scene <<'S'
target; start; kill $TARGET; eventually gone $SLIRP_PID && echo process
target
mkfifo $T/exit; sleep 1000 >$T/exit & holder=$!
exec 8<$T/exit
start -e 8
kill -0 $SLIRP_PID
kill $holder; eventually gone $SLIRP_PID && echo descriptor
exec 8<&-
start; kill $SLIRP_PID; eventually gone $SLIRP_PID && echo signal
start; kill -9 $SLIRP_PID; start && echo "again after SIGKILL"
S
    is "$output" $'process\ndescriptor\nsignal\nagain after SIGKILL'
}

@test "it keeps no right: capabilities, new privileges, system calls, root" {
    scene <<'S'
target
start
sleep 0.2
eventually grep -q '^Seccomp:.*2$' /proc/$SLIRP_PID/status
grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs):' /proc/$SLIRP_PID/status | tr -d '\t'
S
    local none=0000000000000000
    is "$output" "CapInh:$none"$'\n'"CapPrm:$none"$'\n'"CapEff:$none"$'\n'"CapBnd:$none"$'\n'"CapAmb:$none"$'\n'NoNewPrivs:1
}

@test "bad command lines are errors that say why" {
    local words
    for words in "" "1 2 3" "--mtu=0 1" "--cidr=10.0.2.1/24 1" "--nonsense 1" "--netns-type=path /nowhere" "999999999" \
        "--userns-path=/nowhere 1" "--netns-type=path /etc/passwd"; do
        # shellcheck disable=SC2086
        run --separate-stderr -1 timeout 20 "$SLIRP" $words
        is "${#stderr_lines[@]}" 1 "$words: $stderr"
    done
    run -0 "$SLIRP" --version
    has "$output" "libslirp: "
    run -0 "$SLIRP" --help
    has "$output" "--enable-sandbox"
}

@test "podman uses it in place of slirp4netns" {
    need podman
    # shellcheck disable=SC2317
    teardown() { podman rm -f -i -t 0 "slirp-$$-rootlesskit" "slirp-$$-slirp4netns" >/dev/null 2>&1 || true; }
    [ "$(id -u)" != 0 ] || skip "podman needs it for ordinary users only"
    local dir web
    dir=$(scratch)
    printf '[engine]\nnetwork_cmd_path = "%s"\n' "$SLIRP" >"$dir/containers.conf"
    export CONTAINERS_CONF=$dir/containers.conf
    run -0 podman run --rm "$BB" sh -c 'ip -4 addr show tap0; cat /etc/resolv.conf; ip route'
    has "$output" 10.0.2.100/24
    has "$output" "nameserver 10.0.2.3"
    has "$output" "default via 10.0.2.2"
    local port handler
    for handler in rootlesskit slirp4netns; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        web=$(podman run -d --name "slirp-$$-$handler" --network "slirp4netns:port_handler=$handler,enable_ipv6=true" -p "127.0.0.1:$port:80" "$BB" \
            sh -c 'mkdir /www; echo "inside of '$handler'" >/www/index.html; exec httpd -f -p 80 -h /www')
        eventually sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | socat -t 5 - TCP4:127.0.0.1:$port | grep -q 'inside of $handler'"
        pgrep -u "$(id -u)" -f "^$SLIRP .*--netns-type=path" >/dev/null
        podman rm -f -t 0 "$web" >/dev/null
    done
    eventually sh -c "! pgrep -u $(id -u) -f '^$SLIRP .*--netns-type=path'"
}
