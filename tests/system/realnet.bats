#!/usr/bin/env bats
# Networks of containers with the programs that people run in them. All traffic stays on loopback and in namespaces.
# Programs come from tests/system/net-programs; in containers the host's /usr is beside them for their libraries.
load suite

NET=$BASE/net
LIBS=$(echo "$NET"/usr/lib/*-linux-gnu)

setup_file() { start_root bb debian; }
teardown_file() { end_root; }
setup() {
    only_coracle
    need python3 ip
}
teardown() {
    stop_all
    clean
}

# A program of $NET on the host.
net() {
    local program=$1
    shift
    LD_LIBRARY_PATH=$LIBS "$NET/$program" "$@"
}

# In the background, until the test's end.
STARTED=()
background() {
    "$@" 3>&- &
    STARTED+=($!)
}
stop_all() {
    local pid
    for pid in "${STARTED[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    STARTED=()
}

# A container in which the programs of $NET run.
real() { # FLAGS... COMMAND
    coracle run -d -v "$NET:$NET:ro" -v /usr:/usr:ro -e "LD_LIBRARY_PATH=$LIBS" "${@:1:$#-1}" $DEBIAN sh -c "${*: -1}" >/dev/null
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

sanitized() { [ "${SANITIZED:-0}" = 1 ]; }

# coracle-slirp of a container.
slirp_of() { pgrep -P "$(monitor_of "$1")" -x coracle-slirp; }
pss_of() { awk '/^Pss:/ { print $2 }' "/proc/$1/smaps_rollup"; }

@test "real: nginx, published over both families, under wrk" {
    local port
    real --name n -p 80 "mkdir -p /srv && echo nginx >/srv/index.html && head -c 200000 /dev/zero >/srv/large
        cat >/n.conf <<'C'
daemon off; user root; worker_processes 1; error_log stderr; pid /n.pid;
events { worker_connections 512; }
http { access_log off; client_body_temp_path /b; proxy_temp_path /p; fastcgi_temp_path /f; uwsgi_temp_path /u;
    scgi_temp_path /s; server { listen 80; listen [::]:80; root /srv; } }
C
        exec $NET/usr/sbin/nginx -c /n.conf -e stderr"
    port=$(host_port n 80)
    eventually curl -fsS "http://127.0.0.1:$port/"
    is "$(curl -fsS -g -6 --max-time 20 "http://[::1]:$port/")" nginx
    run -0 net usr/bin/wrk -t1 -c50 -d2s --timeout 20s "http://127.0.0.1:$port/"
    matches "$output" '[0-9]+ requests in'
    hasnt "$output" "Socket errors"
    hasnt "$output" "Non-2xx"
    run -0 net usr/bin/wrk -t1 -c10 -d1s --timeout 20s "http://127.0.0.1:$port/large"
    hasnt "$output" "Socket errors"
}

@test "real: iperf3 into and out of a container, both directions, UDP" {
    local port flags
    port=$(free_port)
    real --name i -p 5201 -p 5201/udp --network slirp4netns:allow_host_loopback=true "exec $NET/usr/bin/iperf3 -s"
    # UDP of iperf3 needs one number for both protocols.
    coracle port --add "127.0.0.1:$port:5201/tcp" i
    coracle port --add "127.0.0.1:$port:5201/udp" i
    eventually net usr/bin/iperf3 -c 127.0.0.1 -p "$port" -n 1K
    for flags in "-n 20M" "-n 20M -R" "-n 20M -P 4" "-u -b 20M -t 1 -l 1400"; do
        run -0 net usr/bin/iperf3 -J -c 127.0.0.1 -p "$port" $flags
        [ "$(jq '(.end.sum_received // .end.sum).bytes > 100000' <<<"$output")" = true ] || fail "$flags: $output"
    done
    port=$(free_port)
    LD_LIBRARY_PATH=$LIBS background "$NET/usr/bin/iperf3" -s -B 127.0.0.1 -p "$port"
    eventually coracle exec i "$NET/usr/bin/iperf3" -c 10.0.2.2 -p "$port" -n 1K
    for flags in "-n 20M" "-n 20M -R" "-n 20M -P 4" "-u -b 20M -t 1 -l 1400"; do
        run -0 coracle exec i "$NET/usr/bin/iperf3" -J -c 10.0.2.2 -p "$port" $flags
        [ "$(jq '(.end.sum_received // .end.sum).bytes > 100000' <<<"$output")" = true ] || fail "$flags: $output"
    done
}

@test "real: ssh, and rsync of a gigabyte with checksums" {
    local port dir megabytes=1024
    ! sanitized || megabytes=64
    dir=$(scratch)
    net usr/bin/ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
    chmod 600 "$dir/key"
    mkdir "$dir/to" "$dir/from"
    head -c "${megabytes}M" /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt 2>/dev/null >"$dir/from/data"
    real --name s -p 22 -v "$dir/key.pub:/key.pub:ro" "mkdir -p /run/sshd /to
        echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
        $NET/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /host
        printf '%s\n' 'HostKey /host' 'AuthorizedKeysFile /key.pub' 'StrictModes no' 'PermitRootLogin yes' >/sshd.conf
        exec $NET/usr/sbin/sshd -r -D -e -f /sshd.conf"
    port=$(host_port s 22)
    cat >"$dir/ssh" <<S
#!/bin/sh
exec env LD_LIBRARY_PATH=$LIBS $NET/usr/bin/ssh -F none -i $dir/key -p $port -o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o Ciphers=aes128-gcm@openssh.com "\$@"
S
    chmod 755 "$dir/ssh"
    eventually "$dir/ssh" root@127.0.0.1 true
    is "$("$dir/ssh" root@127.0.0.1 'cat; echo "$SSH_CONNECTION" | cut -d" " -f1,3' <<<hello)" $'hello\n10.0.2.2 10.0.2.100'
    local there="env LD_LIBRARY_PATH=$LIBS $NET/usr/bin/rsync"
    net usr/bin/rsync -W -e "$dir/ssh" --rsync-path "$there" "$dir/from/data" root@127.0.0.1:/to/
    run -0 net usr/bin/rsync -c -n -i -e "$dir/ssh" --rsync-path "$there" "$dir/from/data" root@127.0.0.1:/to/
    is "$output" "" "what differs by checksum"
    is "$(coracle exec s stat -c %s /to/data)" $((megabytes << 20))
}

@test "real: apt-get update and install from a repository on the host's loopback" {
    need dpkg-deb
    local port dir
    dir=$(scratch)
    port=$(free_port)
    cp "$DEBS"/hello_*.deb "$dir/"
    index_packages "$dir"
    background python3 -m http.server --bind 127.0.0.1 --directory "$dir" "$port" >/dev/null 2>&1
    eventually curl -fsS "http://127.0.0.1:$port/Packages"
    LIMIT=120 run -0 coracle run --rm --network slirp4netns:allow_host_loopback=true $DEBIAN sh -ec "
        rm -rf /etc/apt/sources.list /etc/apt/sources.list.d
        echo 'deb [trusted=yes] http://10.0.2.2:$port ./' >/etc/apt/sources.list
        apt-get -q update && apt-get -q install -y hello && hello"
    has "$output" "Hello, world!"
}

@test "real: dnsmasq on loopback; the host's resolv.conf changes while the container runs" {
    local script
    script=$(cat <<'S'
dns() { LD_LIBRARY_PATH=$LIBS "$NET/usr/sbin/dnsmasq" -d -C /dev/null -R -h -u root -g root --bind-interfaces --listen-address=$1 -x "$T/$1" --address=/one.test/$2 2>/dev/null & }
dns 127.0.0.53 192.0.2.1
dns 127.0.0.54 192.0.2.2
run() { "$CORACLE" --root "$T/root" "$@" 2>>$T/errors; }
answers() { run exec c nslookup -type=a one.test | grep -q "Address: $1"; }
run run -d --name c coracle/busybox sleep 1000 >/dev/null
eventually answers 192.0.2.1 && echo first
echo "nameserver 127.0.0.54" >/etc/resolv.conf # in place
eventually answers 192.0.2.2 && echo written
echo "nameserver 127.0.0.53" >/etc/new; mv /etc/new /etc/resolv.conf # a new file, as NetworkManager does
eventually answers 192.0.2.1 && echo replaced
run rm -f -t 0 c >/dev/null
S
)
    run --separate-stderr timeout -k 5 100 env TESTS="$TESTS" CORACLE="$CORACLE" NET="$NET" LIBS="$LIBS" SLIRP=none \
        unshare --user --map-root-user --net --mount --propagation private --pid --fork --mount-proc --kill-child \
        bash -c ". '$TESTS/slirp_scene.bash'; $script"
    is "$output" $'first\nwritten\nreplaced' "stderr: $stderr"
}

@test "real: thousands of connections at once, each with its own words; memory is given back" {
    local port slirp count=10000 each
    ! sanitized || count=2000
    [ "$(ulimit -Hn)" -gt $((2 * count + 1000)) ] || count=$((($(ulimit -Hn) - 1000) / 2))
    real --name m -p 80 -v "$TESTS/many_connections.py:/m.py:ro" "exec python3 /m.py serve 0.0.0.0 80"
    port=$(host_port m 80)
    slirp=$(slirp_of m)
    LIMIT=120 run -0 python3 "$TESTS/many_connections.py" 127.0.0.1 "$port" "$count"
    is "$output" "$count answered"
    eventually eval "[ \$(ls /proc/$slirp/fd | wc -l) -lt 100 ]"
    sanitized || eventually eval "[ \$(pss_of $slirp) -le 3072 ]"
    # And the other way.
    port=$(free_port)
    background python3 "$TESTS/many_connections.py" serve 127.0.0.1 "$port"
    coracle run -d --name o -v /usr:/usr:ro -v "$TESTS/many_connections.py:/m.py:ro" \
        --network slirp4netns:allow_host_loopback=true $DEBIAN sleep 1000 >/dev/null
    LIMIT=120 run -0 coracle exec o python3 /m.py 10.0.2.2 "$port" $((count / 4))
    is "$output" "$((count / 4)) answered"
}
