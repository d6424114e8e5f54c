#!/usr/bin/env bats
# An engine inside a container: coracle in coracle, in podman, in bubblewrap; three levels deep.
load suite

setup_file() {
    only_coracle
    start_root bb
    # The program under test, and what it runs (crun and its libraries), from the host.
    INSIDE="-v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v $(dirname "$CORACLE"):/b:ro"
    export INSIDE
}

teardown_file() { end_root; }

teardown() { clean; }

# A shell script in a container of the program under test.
outer() { # OPTION... -- SCRIPT
    local options=()
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    # shellcheck disable=SC2086
    LIMIT=150 coracle run --rm "${options[@]}" $INSIDE "$BB" sh -c "$2" 2>"$FILE_DIR/stderr" || { cat "$FILE_DIR/stderr"; return 1; }
}

@test "coracle in coracle, with the outer one's default options: run, exec, logs, load, its own ids" {
    local text
    text=$(outer -- '
        /b/coracle run --rm --network none coracle/busybox echo first
        /b/coracle run -d --name c coracle/busybox sh -c "echo logged; sleep 1000" >/dev/null
        /b/coracle exec c id -u
        /b/coracle stop -t0 c >/dev/null && /b/coracle logs c
        /b/coracle save coracle/busybox | /b/coracle load -q >/dev/null && /b/coracle run --rm coracle/busybox cat /proc/self/uid_map | wc -l
        /b/coracle rm c; /b/coracle ps -aq')
    is "$text" $'first\n0\nlogged\n2\nc'
    # No file says which ids there are: the map does.
    is "$(outer -- '/b/coracle run --rm --network none coracle/busybox cat /proc/self/uid_map' | awk '{ n += $3 } END { print n }')" \
        "$(coracle run --rm --network none "$BB" cat /proc/self/uid_map | awk '{ n += $3 } END { print n }')"
}

# The same in a container of podman, with its default options and these.
in_podman() { # OPTION... -- COMMAND...
    local options=()
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    # shellcheck disable=SC2086
    LIMIT=150 podman run --rm "${options[@]}" $INSIDE "$BB" "$@"
}

@test "coracle as the first process of a container, whose mounts nobody else has then" {
    # shellcheck disable=SC2086
    has "$(LIMIT=150 coracle run --rm $INSIDE "$BB" /b/coracle run coracle/hello 2>/dev/null)" "Hello from a coracle!"
    has "$(in_podman -- /b/coracle run coracle/hello 2>/dev/null)" "Hello from a coracle!"
}

@test "in podman, with its default options: run, network, ports, exec, commit; what is missing is said once" {
    local text
    text=$(in_podman -- sh -c '
        /b/coracle run --rm coracle/busybox hostname 2>/tmp/said; hostname
        grep -c "^UTS namespaces cannot be had here, so containers have the name of this host (a seccomp filter" /tmp/said
        /b/coracle run -d --name c -p 8080:80 coracle/busybox sh -c "echo page >/index.html; exec httpd -f -p 80 -h /" >/dev/null
        /b/coracle exec c cat /index.html
        for i in 1 2 3 4 5 6 7 8 9; do wget -qO- http://127.0.0.1:8080/ && break; sleep 1; done
        /b/coracle commit -q c new >/dev/null; /b/coracle rm -ft0 c
        /b/coracle run --rm --network none new cat /index.html
        /b/coracle run --rm --hostname other coracle/busybox hostname; echo "exit $?"
        /b/coracle run --rm --uts private coracle/busybox hostname; echo "exit $?"' 2>"$FILE_DIR/stderr") || { cat "$FILE_DIR/stderr"; false; }
    is "$(sed '1,2d' <<<"$text")" $'1\npage\npage\nc\npage\nexit 125\nexit 125'
    is "$(sed -n 1p <<<"$text")" "$(sed -n 2p <<<"$text")" "the name"
    has "$(<"$FILE_DIR/stderr")" "Error: UTS namespaces cannot be had here (a seccomp filter on this process refuses it"
    has "$(<"$FILE_DIR/stderr")" "to do without: no --hostname"
    has "$(<"$FILE_DIR/stderr")" "to do without: --uts host"
}

@test "in podman: as an ordinary user, without new privileges; refusals have their reasons" {
    is "$(in_podman --user 1000 --security-opt no-new-privileges -- sh -c \
        'CORACLE_HOME=/tmp/h /b/coracle run --rm --network none coracle/busybox id -u 2>/dev/null')" 0
    has "$(in_podman --cap-drop all -- sh -c '/b/coracle run --rm coracle/hello 2>&1; echo "exit $?"')" "--cap-add SETFCAP"
    has "$(in_podman --read-only --read-only-tmpfs=false -- sh -c '/b/coracle run --rm coracle/hello 2>&1')" "mounted read-only"
}

# Docker's profile, as far as it is another than podman's: no new namespaces and mounts without CAP_SYS_ADMIN.
docker_profile() {
    jq '("bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
         perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare" | split("\\s+"; null)) as $admin
        | ["pivot_root", "keyctl", "add_key", "request_key", "userfaultfd"] as $never
        | .defaultErrno = "EPERM" | .defaultErrnoRet = 1
        | .syscalls |= map(.names -= ($admin + $never) | select(.names | length > 0)) + [
            {names: $admin, action: "SCMP_ACT_ALLOW", includes: {caps: ["CAP_SYS_ADMIN"]}},
            {names: ["clone"], action: "SCMP_ACT_ALLOW", args: [{index: 0, value: 2114060288, op: "SCMP_CMP_MASKED_EQ"}],
             excludes: {caps: ["CAP_SYS_ADMIN"]}},
            {names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38, excludes: {caps: ["CAP_SYS_ADMIN"]}}]' /usr/share/containers/seccomp.json
}

@test "in a container with Docker's default profile: the documented refusal; what needs no namespace works" {
    need jq
    local said
    docker_profile >"$FILE_DIR/docker.json"
    said=$(in_podman --security-opt "seccomp=$FILE_DIR/docker.json" -- sh -c '/b/coracle run --rm coracle/hello; echo "exit $?"
        /b/coracle version | head -n1; /b/coracle doctor >/dev/null; echo "doctor $?"' 2>&1)
    has "$said" "Error: start the session: create a user namespace (a seccomp filter on this process refuses it; in a container, its engine set that filter (docker, podman: --security-opt seccomp=unconfined)): Operation not permitted"
    has "$said" "exit 125"
    has "$said" "doctor 7"
    has "$said" "Client:"
    # What the message says, does: mounts and namespaces are allowed then.
    has "$(in_podman --security-opt seccomp=unconfined -- /b/coracle run --rm --hostname x coracle/busybox hostname 2>/dev/null)" x
}

@test "--nestable: a network inside, FUSE instead of copies, a fresh /proc" {
    [ -w /dev/fuse ] && [ -w /dev/net/tun ] || skip "no /dev/fuse or /dev/net/tun here"
    is "$(outer --nestable -- '/b/coracle info -f "{{.Store.GraphDriverName}}"')" fuse-overlay
    has "$(outer --nestable -- '/b/coracle run --rm coracle/busybox ip -4 addr show')" "inet 10.0.2."
    is "$(outer --nestable -- '/b/coracle run --rm coracle/busybox sh -c "echo \$\$; test -e /proc/2/stat && grep -c . /proc/2/stat"' | head -n1)" 1
    has "$(outer --nestable -- 'mount')" "proc on /proc"
    hasnt "$(outer --nestable -- 'mount')" "on /proc/"
    # Without: one more way in is not there, and ends with what there is.
    has "$(outer -- 'ls /dev')" null
    hasnt "$(outer -- 'ls /dev')" fuse
}

@test "three levels deep" {
    [ -w /dev/fuse ] || skip "no /dev/fuse here"
    is "$(outer --nestable -- "/b/coracle run --rm --nestable $(echo "$INSIDE" | sed 's|-v [^ ]*:/b:ro|-v /b:/b:ro|') coracle/busybox \
        sh -c '/b/coracle run --rm --network none coracle/busybox echo third; echo \$?'")" $'third\n0'
}

@test "in bubblewrap: a user namespace with one id" {
    need bwrap
    local d
    d=$(scratch)
    is "$(LIMIT=120 timeout 120 bwrap --unshare-user --bind / / --dev-bind /dev /dev --proc /proc \
        "$CORACLE" --root "$d/r" run --rm --network none coracle/busybox sh -c 'echo in; id -u' 2>/dev/null)" $'in\n0'
    # There is no /dev/fuse there.
    is "$(LIMIT=120 STORAGE_DRIVER= timeout 120 bwrap --unshare-user --unshare-pid --bind / / --dev /dev --proc /proc --die-with-parent \
        "$CORACLE" --root "$d/r2" run --rm --network none coracle/busybox echo in 2>/dev/null)" in
}
