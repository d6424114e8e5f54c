#!/usr/bin/env bats
# run: namespaces, capabilities, seccomp, devices, mounts that every container has, limits.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() { clean; }

# What of /proc/self/ns is the caller's own.
ns_of() { readlink "/proc/self/ns/$1"; }
ct_ns() { # NAME FLAGS...
    local ns=$1
    shift
    coracle run --rm "$@" $BB readlink "/proc/self/ns/$ns"
}
# Names of the capabilities in a mask of /proc/PID/status.
caps() { sed -n "s/^$1:[[:space:]]*//p" <<<"$output"; }

@test "namespaces: each container has its own" {
    local ns
    for ns in pid ipc uts net mnt cgroup user; do
        [ "$(ct_ns $ns)" != "$(ns_of $ns)" ] || fail "$ns is shared with the host"
    done
    run -0 coracle run --rm $BB sh -c 'echo $$'
    is "$output" 1
}

@test "namespaces: =host shares the caller's" {
    [ ! -d /dev/mqueue ] || is "$(ct_ns ipc --ipc host)" "$(ns_of ipc)"
    is "$(ct_ns uts --uts host)" "$(ns_of uts)"
    is "$(ct_ns net --network host)" "$(ns_of net)"
    is "$(ct_ns pid --pid host)" "$(ns_of pid)"
    run -0 coracle run --rm --uts host $BB hostname
    is "$output" "$(hostname)"
}

@test "namespaces: container:NAME shares another container's" {
    local ns
    coracle run -d --name first --hostname first --ipc shareable $BB sleep 1000
    for ns in pid ipc uts net; do
        run -0 coracle exec first readlink "/proc/self/ns/$ns"
        case $ns in net) is "$(ct_ns net --network container:first)" "$output" ;; *) is "$(ct_ns $ns --$ns container:first)" "$output" $ns ;; esac
    done
    run -125 --separate-stderr coracle run --rm --pid container:nosuch $BB true
    one_error nosuch
}

@test "namespaces: a container that is joined can't be removed before" {
    coracle run -d --name first $BB sleep 1000
    coracle create --name second --network container:first $BB true
    run --separate-stderr coracle rm -f -t 0 first
    [ "$status" != 0 ]
    one_error "dependent containers"
    coracle rm second
    coracle rm -f -t 0 first
}

@test "network: none has loopback alone, host has the host's, ns: joins a path" {
    run -0 coracle run --rm --network none $BB ls /sys/class/net
    is "$output" lo
    run -0 coracle run --rm --network none $BB sh -c 'ip -o addr show lo | grep -c 127.0.0.1'
    is "$output" 1
    run -0 coracle run --rm --network host $BB ls /proc/1/net/dev
    coracle run -d --network none --name joined --pidfile "$FILE_DIR/pid" $BB sleep 1000
    is "$(ct_ns net --network "ns:/proc/$(cat "$FILE_DIR/pid")/ns/net")" "$(coracle exec joined readlink /proc/self/ns/net)"
    run -125 --separate-stderr coracle run --rm --network ns:/no/such/ns $BB true
    has "$stderr" "/no/such/ns"
}

@test "network: loopback works inside, without a network" {
    run -0 coracle run --rm --network none $BB sh -c 'echo over loopback | nc -l -p 8000 & sleep 0.5; nc 127.0.0.1 8000 </dev/null'
    has "$output" "over loopback"
}

@test "userns: default maps the caller to root" {
    run -0 coracle run --rm $BB cat /proc/self/uid_map
    is "$(awk 'NR == 1 { print $1, $2, $3 }' <<<"$output")" "0 $(awk -v u="$(id -u)" 'BEGIN { print u, 1 }')" 2>/dev/null ||
        is "$(awk 'NR == 1 { print $1, $3 }' <<<"$output")" "0 1"
}

@test "userns: keep-id keeps the caller's id and files" {
    local dir; dir=$(scratch)
    run -0 coracle run --rm --userns keep-id $BB sh -c 'id -u; id -g'
    is "$output" "$(id -u)"$'\n'"$(id -g)"
    run -0 coracle run --rm --userns keep-id -v "$dir:/w" $BB sh -c 'touch /w/mine; stat -c %u /w/mine'
    is "$output" "$(id -u)"
    is "$(stat -c %u "$dir/mine")" "$(id -u)"
    run -0 coracle run --rm --userns keep-id $BB whoami
    is "$output" "$(id -un)"
    run -0 coracle run --rm --userns keep-id -u root $BB id -u
    is "$output" 0
}

@test "userns: who joins one, also by way of another, sees the image's files with their owners" {
    only_coracle
    coracle run -d --name a --userns keep-id --network none $BB sleep 1000 >/dev/null
    coracle run -d --name b --userns container:a --network container:a $BB sleep 1000 >/dev/null
    is "$(coracle exec -u 0 b stat -c %u:%g /bin)" 0:0
    is "$(coracle run --rm -u 0 --userns container:b --network container:b $BB stat -c %u:%g /bin)" 0:0
}

@test "userns: keep-id:uid=,gid=" {
    testing_podman && skip "podman 4.3 doesn't have it"
    run -0 coracle run --rm --userns keep-id:uid=1000,gid=1000 $BB id
    has "$output" "uid=1000(app) gid=1000(app)"
}

@test "userns: host, private, unknown ones" {
    run -0 coracle run --rm --userns host $BB id -u
    is "$output" 0
    run -125 --separate-stderr coracle run --rm --userns nonsense $BB true
    one_error nonsense
}

@test "userns: nomap and auto, which leave the caller's id out" {
    run -0 coracle run --rm --userns nomap $BB sh -c 'cat /proc/self/uid_map; id -u'
    is "${lines[-1]}" 0
    run -0 coracle run --rm --userns auto $BB sh -c 'id -u; awk "{ s += \$3 } END { print s }" /proc/self/uid_map'
    is "${lines[0]}" 0
    [ "${lines[1]}" -ge 1000 ]
}

@test "userns: nomap with files that coracle makes, volumes, and a closed directory in the way" {
    run -0 coracle run --rm --userns nomap --hostname box -v nm:/v --tmpfs /t $BB sh -c 'touch /v/f /t/f /home/x; cat /etc/hostname; stat -c %u /etc /home/app'
    is "$(grep . <<<"$output")" $'box\n0\n1000'
    run -0 coracle run --rm --userns nomap -v nm:/v $BB ls /v
    is "$output" f
    only_coracle
    local dir; dir=$(scratch)
    chmod 700 "$dir"
    "$CORACLE" --root "$dir/root" load -q -i "$IMAGES/bb.tar" >/dev/null
    run -125 --separate-stderr "$CORACLE" --root "$dir/root" run --rm --userns nomap $BB true
    one_error "$dir is closed to others" "chmod o+x"
    run -0 "$CORACLE" --root "$dir/root" run --rm --userns keep-id $BB true
    for _ in $(seq 80); do
        pgrep -f "coracle-session.*$dir" >/dev/null || break
        sleep 0.1
    done
}

@test "userns: --uidmap and --gidmap" {
    run -0 coracle run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 $BB awk '{ print $1, $3 }' /proc/self/uid_map
    is "$output" "0 1000"
}

# Both maps, with spaces as one, in one order.
maps_of() { # PROGRAM FLAGS...
    local program=$1
    shift
    $program run --rm "$@" $BB cat /proc/self/uid_map /proc/self/gid_map | tr -s ' ' | sort
}

@test "userns: maps over the border of own and subordinate ids, as podman's" {
    local flags
    for flags in "--uidmap 0:0:1000 --gidmap 0:0:1000" "--uidmap 0:0:500" "--gidmap 5:0:3 --gidmap 0:3:2" \
        "--uidmap 1:0:1 --uidmap 0:1:1 --uidmap 2:2:100" "--userns auto:size=100,uidmapping=5000:0:1,gidmapping=7:0:1" \
        "--userns auto:uidmapping=0:0:1" "--userns keep-id" "--userns auto"; do
        # shellcheck disable=SC2086
        is "$(maps_of coracle $flags)" "$(maps_of podman $flags)" "$flags"
    done
    run -0 coracle run --rm --userns private --uidmap 0:0:10 --gidmap 0:0:20 $BB cat /proc/self/gid_map
    is "$(tr -s ' ' <<<"$output")" $' 0 0 1\n 1 1 19'
}

@test "userns: ids that aren't there are an error that names one" {
    run -125 --separate-stderr coracle run --rm --uidmap 0:0:70000 $BB true
    one_error "user ids" "no id 65537"
    run -125 --separate-stderr coracle run --rm --userns auto:size=70000 $BB true
    one_error "could not find enough available IDs"
}

@test "capabilities: the default set" {
    run -0 coracle run --rm $BB grep ^Cap /proc/self/status
    is "$(caps CapBnd)" 00000000800405fb
    is "$(caps CapEff)" 00000000800405fb
    is "$(caps CapInh)" 0000000000000000
}

@test "capabilities: none in effect for a user that isn't root" {
    run -0 coracle run --rm -u 1000 $BB grep ^Cap /proc/self/status
    is "$(caps CapEff)" 0000000000000000
    is "$(caps CapPrm)" 0000000000000000
    is "$(caps CapBnd)" 00000000800405fb
}

@test "capabilities: --cap-add, --cap-drop, all, unknown" {
    run -0 coracle run --rm --cap-drop all $BB grep ^Cap /proc/self/status
    is "$(caps CapBnd)" 0000000000000000
    run -0 coracle run --rm --cap-drop all --cap-add net_bind_service --cap-add CAP_CHOWN $BB grep ^Cap /proc/self/status
    is "$(caps CapEff)" 0000000000000401
    run -0 coracle run --rm --cap-drop chown $BB grep ^Cap /proc/self/status
    is "$(caps CapEff)" 00000000800405fa
    run -0 coracle run --rm --cap-add sys_admin $BB sh -c 'mount -t tmpfs t /mnt && echo mounted'
    is "$output" mounted
    run -125 --separate-stderr coracle run --rm --cap-add nosuchcap $BB true
    one_error nosuchcap
    run -1 coracle run --rm $BB mount -t tmpfs t /mnt
}

@test "seccomp: on by default, off and replaced on request" {
    local dir; dir=$(scratch)
    run -0 coracle run --rm $BB grep ^Seccomp: /proc/self/status
    matches "$output" 'Seccomp:[[:space:]]*2'
    run -0 coracle run --rm --security-opt seccomp=unconfined $BB grep ^Seccomp: /proc/self/status
    matches "$output" 'Seccomp:[[:space:]]*0'
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' >"$dir/p.json"
    run -1 coracle run --rm --security-opt "seccomp=$dir/p.json" $BB mkdir /x
    has "$output" "not supported"
    run -125 --separate-stderr coracle run --rm --security-opt seccomp=/no/such/file $BB true
    one_error /no/such/file
}

@test "seccomp: what the default refuses" {
    run coracle run --rm $BB unshare -m true
    [ "$status" != 0 ]
    run coracle run --rm $BB mount --bind /tmp /mnt
    [ "$status" != 0 ]
    run coracle run --rm $BB dmesg
    [ "$status" != 0 ]
}

@test "security-opt: no-new-privileges" {
    run -0 coracle run --rm $BB grep NoNewPrivs /proc/self/status
    matches "$output" '[[:space:]]0$'
    run -0 coracle run --rm --security-opt no-new-privileges $BB grep NoNewPrivs /proc/self/status
    matches "$output" '[[:space:]]1$'
    run -125 --separate-stderr coracle run --rm --security-opt nonsense $BB true
    one_error nonsense
}

@test "security-opt: masked and read-only paths, mask, unmask" {
    run -0 coracle run --rm $BB sh -c 'cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | wc -w'
    is "$output" $'0\n0'
    run -1 coracle run --rm $BB sh -c 'echo 1 >/proc/sys/kernel/domainname'
    run -0 coracle run --rm --security-opt mask=/etc/passwd $BB cat /etc/passwd
    is "$output" ""
    run -0 coracle run --rm --security-opt unmask=ALL $BB sh -c 'grep -c /proc/kcore /proc/mounts || true'
    is "$output" 0
    run -0 coracle run --rm --security-opt label=disable $BB true
    run -0 coracle run --rm --security-opt proc-opts=hidepid=2 $BB grep '^proc /proc' /proc/mounts
    matches "$output" 'hidepid=(2|invisible)'
}

@test "privileged: all capabilities, no masks, no seccomp" {
    run -0 coracle run --rm --privileged $BB sh -c 'grep -E "^(CapEff|Seccomp):" /proc/self/status; mount -t tmpfs t /mnt && echo mounted'
    matches "$output" 'Seccomp:[[:space:]]*0'
    hasnt "$output" 00000000800405fb
    has "$output" mounted
}

@test "devices: the usual ones, and --device" {
    run -0 coracle run --rm $BB sh -c 'for d in null zero full random urandom tty; do test -c /dev/$d || echo "no $d"; done; ls -l /dev/fd /dev/stdin | wc -l; echo x >/dev/null; head -c 3 /dev/zero | wc -c'
    is "$output" $'2\n3'
    [ -c /dev/fuse ] || skip "no /dev/fuse"
    run -0 coracle run --rm --device /dev/fuse $BB test -c /dev/fuse
    run -1 coracle run --rm $BB test -e /dev/fuse
    run -0 coracle run --rm --device /dev/fuse:/dev/other $BB test -c /dev/other
    run --separate-stderr coracle run --rm --device /dev/nosuch $BB true
    [ "$status" = 125 ] || [ "$status" = 126 ]
    has "$stderr" /dev/nosuch
}

@test "mounts that are always there" {
    run -0 coracle run --rm $BB awk '{ print $2, $3 }' /proc/mounts
    local m
    matches "$output" '(^|
)/ (overlay|fuse.coracle-overlay)
'
    for m in "/proc proc" "/dev tmpfs" "/dev/pts devpts" "/dev/mqueue mqueue" "/sys sysfs"; do
        has "$output" "$m"
    done
    has "$output" "/dev/shm"
    has "$output" "/etc/hosts"
    has "$output" "/etc/resolv.conf"
    has "$output" "/etc/hostname"
    run -0 coracle run --rm $BB test -e /run/.containerenv
}

@test "mounts: none of the host's directories can be seen" {
    run -0 coracle run --rm $BB sh -c 'ls -d /home/* /var/tmp/* 2>/dev/null; ls /'
    hasnt "$output" coracle-test
    run -0 coracle run --rm $BB sh -c 'cat /proc/1/mountinfo | wc -l'
    [ "$output" -lt 40 ]
}

@test "--shm-size" {
    run -0 coracle run --rm $BB sh -c 'df -k /dev/shm | awk "NR == 2 { print \$2 }"'
    is "$output" 64000 || is "$output" 65536
    run -0 coracle run --rm --shm-size 10m $BB sh -c 'df -k /dev/shm | awk "NR == 2 { print \$2 }"'
    is "$output" 10240
    run -125 --separate-stderr coracle run --rm --shm-size huge $BB true
    one_error "invalid size"
}

@test "--ulimit" {
    run -0 coracle run --rm --ulimit nofile=123:456 --ulimit core=0 $BB sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
    is "$output" $'123\n456\n0'
    run -125 --separate-stderr coracle run --rm --ulimit nonsense=1 $BB true
    one_error nonsense
    run -0 coracle run --rm --ulimit host $BB sh -c 'ulimit -n'
    [ "$output" -ge "$(ulimit -n)" ]
}

@test "--sysctl" {
    run -0 coracle run --rm --network none --sysctl net.ipv4.ip_unprivileged_port_start=80 $BB cat /proc/sys/net/ipv4/ip_unprivileged_port_start
    is "$output" 80
    run -0 coracle run --rm --sysctl kernel.shm_rmid_forced=1 $BB cat /proc/sys/kernel/shm_rmid_forced
    is "$output" 1
    run --separate-stderr coracle run --rm --sysctl kernel.panic=1 $BB true
    [ "$status" = 125 ] || [ "$status" = 126 ]
    has "$stderr" kernel.panic
}

@test "cgroup limits: applied where the host delegates, a clear notice where not" {
    run -0 --separate-stderr coracle run --rm -m 100m --pids-limit 50 $BB echo ran
    is "$output" ran
    if grep -qs memory /sys/fs/cgroup/cgroup.subtree_control && [ -w "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)" ]; then
        is "$stderr" ""
    elif ! testing_podman; then
        # a line for each, with what an administrator would do
        is "${#stderr_lines[@]}" 2
        # Where only part of it is delegated the controller is named; else what is in the way, and who does what.
        matches "${stderr_lines[0]}" '^--memory: not applied, since (.*controller "memory"|this host|this cgroup|no cgroup).*; '
        matches "${stderr_lines[1]}" '^--pids-limit: not applied, since .*; '
    fi
    run -125 --separate-stderr coracle run --rm -m nonsense $BB true
    one_error "invalid size"
}

@test "cgroups: --cgroups=disabled, --cgroupns" {
    run -0 coracle run --rm --cgroupns host $BB readlink /proc/self/ns/cgroup
    [ -n "$output" ]
    run -0 coracle run --rm --cgroupns private $BB cat /proc/self/cgroup
    [ -n "$output" ]
    run -125 --separate-stderr coracle run --rm --cgroupns nonsense $BB true
    one_error nonsense
}

@test "supplementary groups of the caller don't leak" {
    run -0 coracle run --rm $BB id -G
    is "$output" "0" || is "$output" "0 0"
}

@test "--group-add keep-groups" {
    run -0 coracle run --rm --group-add keep-groups $BB true
    run -125 --separate-stderr coracle run --rm --group-add keep-groups --group-add 5 $BB true
    one_error keep-groups
}

@test "oci runtimes: crun, runc, a path, one that isn't there" {
    only_coracle
    need crun runc
    run -0 coracle --runtime crun run --rm $BB echo crun
    is "$output" crun
    run -0 coracle --runtime runc run --rm $BB echo runc
    is "$output" runc
    run -0 coracle --runtime /usr/bin/crun run --rm $BB echo path
    is "$output" path
    run -125 --separate-stderr coracle --runtime nosuchruntime run --rm $BB true
    one_error nosuchruntime
}

@test "runc: exit codes, exec, stop, terminal as with crun" {
    only_coracle
    need runc
    run -7 coracle --runtime runc run --rm $BB sh -c 'exit 7'
    run -127 coracle --runtime runc run --rm $BB nosuchcommand
    coracle --runtime runc run -d --name r $BB sleep 1000
    run -0 coracle exec r echo inside
    is "$output" inside
    coracle stop -t 1 r
    state_is r exited
}
