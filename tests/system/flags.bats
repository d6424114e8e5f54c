#!/usr/bin/env bats
# Options that have no file of their own, and: none of podman's is unknown.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
teardown() { clean; }

bb() { coracle run --rm --network none "$@"; }

@test "flags: each command and option of podman is known" {
    only_coracle
    LIMIT=170 run -0 "$TESTS/podman-flags.py" "$CORACLE" "$ROOT" podman
    is "$output" ""
}

@test "flags: --passwd, --passwd-entry, --hostuser" {
    run -0 bb --user 1234 $BB tail -n1 /etc/passwd
    is "$output" "1234:*:1234:0:container user:/:/bin/sh"
    run -0 bb --user 1234 --passwd=false $BB sh -c 'grep -c 1234 /etc/passwd || true'
    is "$output" 0
    run -0 bb --user 1234 --passwd-entry 'x$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/ash' $BB tail -n1 /etc/passwd
    is "$output" "x1234:*:1234:0:container user:/:/bin/ash"
    run -0 bb --passwd-entry 'x:$UID' $BB sh -c 'grep -c "^x" /etc/passwd || true'
    is "$output" 0
    run -0 bb --hostuser "$(id -un)" $BB tail -n1 /etc/passwd
    is "$output" "$(id -un):*:$(id -u):$(id -g):$(getent passwd "$(id -u)" | cut -d: -f5):/:/bin/sh"
    run --separate-stderr bb --hostuser nosuchuser $BB true
    one_error "unknown user nosuchuser"
    run -125 --separate-stderr bb --passwd-entry $'a\nb' $BB true
    one_error "one entry is one line"
}

@test "flags: --env-merge puts the image's values into the user's" {
    run -0 bb --env-merge 'PATH=${PATH}:/more' --env-merge 'A=$PATH-${NONE}x' -e A=1 $BB sh -c 'echo $PATH $A'
    is "$output" "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/more /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin-x"
    only_coracle
    run -125 --separate-stderr bb --env-merge NOVALUE $BB true
    one_error "NOVALUE"
}

@test "flags: --personality" {
    [ "$(uname -m)" = x86_64 ] || skip "another machine than x86_64"
    run -0 bb --personality LINUX32 $BB uname -m
    is "$output" i686
    run --separate-stderr bb --personality FOO $BB true
    has "$stderr" "unknown persona specified \`FOO\`"
}

@test "flags: --requires starts first, and must be there" {
    coracle create --name one --network none $BB sleep 1000
    coracle create --name two --requires one --network none $BB true
    run -0 coracle inspect two --format '{{.Dependencies}}'
    is "$output" "[$(coracle inspect one --format '{{.Id}}')]"
    run -0 coracle start -a two
    run -0 coracle inspect one --format '{{.State.Running}}'
    is "$output" true
    run -125 --separate-stderr coracle rm -f -t 0 one
    has "$stderr" "has dependent containers which must be removed before it"
    run -125 --separate-stderr coracle create --requires nosuch $BB true
    one_error '"nosuch" is not a valid container, cannot be used as a dependency'
    coracle rm -t 0 -f two
    coracle rm -t 0 -f one
}

@test "flags: --cgroup-conf is checked, and said where it cannot be applied" {
    only_coracle
    run -0 --separate-stderr bb --cgroup-conf memory.high=100000000 $BB echo runs
    is "$output" runs
    local bad
    for bad in memory.high =1 ../x=1; do
        run -125 --separate-stderr bb --cgroup-conf "$bad" $BB true
        one_error "--cgroup-conf must be formatted KEY=VALUE"
    done
}

@test "flags: container cleanup --rmi" {
    only_coracle
    coracle tag $BB goes:1
    coracle create --name c --network none goes:1 true
    coracle start -a c
    run -0 coracle container cleanup --rm --rmi c
    run -1 coracle image exists goes:1
}

@test "flags: limits of single devices" {
    local disk
    disk=$(lsblk -dnpo NAME | head -n1)
    [ -n "$disk" ] || skip "no block device here"
    coracle create --name c --network none --device-read-bps "$disk:1mb" --device-write-iops "$disk:100" --blkio-weight-device "$disk:200" $BB true
    run -0 coracle inspect -f '{{json .HostConfig.BlkioDeviceReadBps}} {{json .HostConfig.BlkioDeviceWriteIOps}}' c
    is "$output" "[{\"Path\":\"$disk\",\"Rate\":1048576}] [{\"Path\":\"$disk\",\"Rate\":100}]"
    only_coracle
    run -0 coracle inspect -f '{{json .HostConfig.BlkioWeightDevice}}' c
    is "$output" "[{\"Path\":\"$disk\",\"Weight\":200}]"
    coracle update --device-read-bps "$disk:2mb" c
    run -0 coracle inspect -f '{{json .HostConfig.BlkioDeviceReadBps}}' c
    is "$output" "[{\"Path\":\"$disk\",\"Rate\":2097152}]"
    run -125 --separate-stderr bb --device-read-bps /dev/nosuch:1mb $BB true
    one_error "could not parse throttle device at /dev/nosuch: no such file or directory"
    run -125 --separate-stderr bb --device-read-bps /dev/null:1mb $BB true
    one_error "not a block device"
}

@test "flags: --device-cgroup-rule is checked, and said to be of no use" {
    run -125 --separate-stderr bb --device-cgroup-rule 'c 1:3' $BB true
    has "$stderr" "invalid device cgroup rule"
    run -0 --separate-stderr bb --device-cgroup-rule 'c 1:3 rwm' $BB echo runs
    is "$output" runs
    only_coracle
    has "$stderr" "--device-cgroup-rule: not applied"
}

@test "flags: --chrootdirs have the files of the root" {
    run -0 bb --chrootdirs /jail,/jail2 --hostname here --add-host a:1.2.3.4 $BB sh -c 'cat /jail/etc/hostname; grep -c 1.2.3.4 /jail/etc/hosts /jail2/etc/hosts'
    is "$output" $'here\n/jail/etc/hosts:1\n/jail2/etc/hosts:1'
}

@test "flags: --hosts-file, --no-hostname, --group-entry" {
    only_coracle # since Podman 5
    local file
    file=$(scratch)/hosts
    echo "9.9.9.9 nine" >"$file"
    run -0 bb --hosts-file "$file" --add-host a:1.2.3.4 --hostname h --name n $BB cat /etc/hosts
    is "$output" $'1.2.3.4\ta\n9.9.9.9 nine\n127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\th n'
    run -0 bb --hosts-file none --hostname h --name n $BB cat /etc/hosts
    is "$output" $'127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\th n'
    coracle create --name c --network none $BB true
    coracle cp "$file" c:/etc/hosts
    coracle commit -q c withhosts
    run -0 bb --hosts-file image --hostname h --name n withhosts cat /etc/hosts
    is "$output" $'9.9.9.9 nine\n127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\th n'
    coracle rm c
    coracle network create one >/dev/null
    coracle network create two >/dev/null
    coracle run -d --name n --network one --hosts-file image withhosts sleep 1000 >/dev/null
    coracle network connect two n # which writes it anew
    has "$(coracle exec n cat /etc/hosts)" "9.9.9.9 nine"
    coracle rm -f -t 0 n >/dev/null
    coracle network rm one two >/dev/null
    coracle rmi withhosts
    run -125 --separate-stderr bb --hosts-file /nosuch $BB true
    one_error "open /nosuch: no such file or directory"
    run -125 --separate-stderr bb --no-hosts --hosts-file none $BB true
    one_error "--no-hosts and --hosts-file cannot be set together"
    run -0 bb --no-hostname --hostname here $BB sh -c 'hostname; cat /etc/hostname 2>/dev/null || true'
    is "$output" here
    run -0 bb --user 5:4321 --group-entry 'mine:x:$GID:$GROUPNAME' $BB tail -n1 /etc/group
    is "$output" "mine:x:4321:4321"
}

@test "flags: --subuidname" {
    local me
    me=$(id -un)
    run -125 --separate-stderr bb --subuidname nosuch $BB true
    one_error 'no subuid ranges found for user "nosuch" in /etc/subuid'
    only_coracle
    grep -q "^$me:" /etc/subuid || skip "no subordinate ids of one's own"
    run -0 bb --subuidname "$me" $BB cat /proc/self/uid_map
    is "$(awk '{ print $1, $2, $3 }' <<<"$output")" "0 1 $(awk -F: -v me="$me" '$1 == me { print $3; exit }' /etc/subuid)"
    run -125 --separate-stderr bb --subuidname "$me" --uidmap 0:0:1 $BB true
    one_error "cannot be combined"
    run -125 --separate-stderr bb --subuidname "$me" --userns keep-id $BB true
    one_error "are mutually exclusive"
    local other
    other=$(awk -F: -v me="$me" '$1 != me { print $1; exit }' /etc/subuid)
    [ -n "$other" ] || skip "nobody else has subordinate ids"
    run -125 --separate-stderr bb --subuidname "$other" $BB true
    one_error "is not among those that this user's containers can have"
}

@test "flags: --seccomp-policy image" {
    run -125 --separate-stderr bb --seccomp-policy image $BB true
    one_error "no seccomp policy defined by image"
    run -0 bb --seccomp-policy image --security-opt seccomp:unconfined $BB true
    run -125 --separate-stderr bb --seccomp-policy foo $BB true
    one_error 'invalid seccomp policy "foo": valid policies are ["default" "image"]'
    only_coracle
    coracle create --name c --network none $BB true
    coracle commit -q --change 'LABEL io.containers.seccomp.profile="{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77}]}"' c noisy
    coracle rm c
    run -1 bb --seccomp-policy image noisy mkdir /x
    has "$output" "File descriptor in bad state" # EBADFD, 77
    run -0 bb noisy mkdir /x
    coracle rmi noisy
}

@test "flags: --rdt-class says what is missing" {
    only_coracle
    [ ! -e /sys/fs/resctrl/schemata ] || skip "this machine has such classes"
    run -125 --separate-stderr bb --rdt-class gold $BB true
    one_error "--rdt-class gold: no resctrl file system at /sys/fs/resctrl"
}

@test "flags: --preserve-fd passes single descriptors" {
    only_coracle # since Podman 5
    local dir
    dir=$(scratch)
    echo five >"$dir/five"
    echo eight >"$dir/eight"
    run -0 bb --preserve-fd 5,8 $BB sh -c 'cat <&5 <&8 /proc/self/fd/5; cat <&8; cat <&4' 3>&- 4>&- 5<"$dir/five" 6>&- 7>&- 8<"$dir/eight"
    is "$output" $'five\neight'
    coracle run -d --name c --network none $BB sleep 1000
    run -0 coracle exec --preserve-fd 5 c sh -c 'cat <&5' 5<"$dir/five"
    is "$output" five
    run -125 --separate-stderr bb --preserve-fd 63 $BB true
    one_error "file descriptor 63 is not available - the preserve-fd option requires that file descriptors must be passed"
    run -125 --separate-stderr bb --preserve-fd 2 $BB true
    one_error 'is not the number of a descriptor from 3 on'
    run -125 --separate-stderr bb --preserve-fds 1 --preserve-fd 3 $BB true 3</dev/null
    one_error "cannot specify both --preserve-fds and --preserve-fd"
}

@test "flags: --shm-size-systemd" {
    only_coracle
    run -0 bb --systemd always --shm-size-systemd 3m $BB df -m /run /run/lock /tmp /var/log/journal
    is "$(awk 'NR > 1 { print $2 }' <<<"$output" | sort -u)" 3
}
