#!/usr/bin/env bats
# run --hpc: the command in place of the process that a job's launcher has started.
load suite

setup_file() {
    need python3
    only_coracle
    start_root bb
    unset SLURM_JOB_ID SLURM_STEP_ID SLURM_JOBID SLURM_STEPID PMIX_NAMESPACE FLUX_JOB_ID PBS_JOBID PMI_JOBID LSB_JOBID
}

teardown_file() { end_root; }

teardown() { clean; }

# Nothing of any step: no process, and no mount of ours in any namespace that we see.
no_step_left() {
    eventually eval '! pgrep -f "$ROOT/steps/"'
    eventually eval '! grep -sqF "$ROOT/steps/" /proc/[0-9]*/mounts'
}

@test "hpc: the user's own id, host's network, processes, home, working directory, environment, exit codes" {
    local d
    d=$(scratch)
    cd "$d"
    is "$(coracle run --hpc "$BB" sh -c 'id -u; id -g; pwd')" "$(id -u; id -g; pwd)"
    is "$(FOO=bar SLURM_PROCID=3 coracle run --hpc "$BB" sh -c 'echo $FOO $SLURM_PROCID')" "bar 3"
    is "$(coracle run --hpc -e FOO=x "$BB" sh -c 'echo $FOO')" x
    local ns='for n in net pid ipc; do readlink /proc/self/ns/$n; done'
    is "$(coracle run --hpc "$BB" sh -c "$ns")" "$(sh -c "$ns")"
    coracle run --hpc "$BB" sh -c 'echo data >out; echo lost >/opt-file; cat /opt-file'
    is "$(cat out)" data
    is "$(stat -c %u out)" "$(id -u)"
    has "$(coracle run --hpc "$BB" cat /etc/passwd)" ":x:$(id -u):"
    run -7 coracle run --hpc "$BB" sh -c 'exit 7'
    run -127 --separate-stderr coracle run --hpc "$BB" no-such-command
    one_error "no-such-command"
    run -126 --separate-stderr coracle run --hpc "$BB" /etc/passwd
    run -126 --separate-stderr coracle run --hpc -w /nowhere "$BB" true
    one_error "workdir"
    is "$(coracle run --hpc -w /tmp --entrypoint pwd "$BB")" /tmp
    is "$(coracle run --hpc --entrypoint '' "$BB" echo words)" words
    is "$(coracle run --hpc -v "$d:/given" "$BB" cat /given/out)" data
    run ! coracle run --hpc --read-only "$BB" touch /opt-file
    no_step_left
}

@test "hpc: no rights are left, and what would need a monitor or a namespace is refused" {
    local text
    text=$(coracle run --hpc "$BB" cat /proc/self/status)
    has "$text" $'CapEff:\t0000000000000000'
    has "$text" $'NoNewPrivs:\t1'
    for flags in "-d" "-p 80:80" "--memory 1g" "--name x" "--network none" "--pid private" "--userns nomap" "--privileged"; do
        # shellcheck disable=SC2086
        run -125 --separate-stderr coracle run --hpc $flags "$BB" true
        one_error "hpc"
    done
    run -125 --separate-stderr coracle run --step 1 "$BB" true
    one_error "--step belongs to --hpc"
    is "$(coracle ps -aq)" ""
}

@test "hpc: the command is the process that was started: its number, its descriptors" {
    is "$(sh -c "echo \$\$; exec $(coracle_words) run --hpc $BB sh -c 'echo \$\$'" | uniq | wc -l)" 1
    is "$(PMI_FD=9 coracle run --hpc "$BB" sh -c 'cat <&9' 9< <(echo from-the-launcher))" from-the-launcher
}

# Two ranks: one has a buffer, the other reads it with process_vm_readv(2).
ranks() { # DIRECTORY ARGUMENTS-OF-RUN...
    local d=$1
    shift
    cat >"$d/cma.py" <<'PY'
import ctypes, os, sys, time
os.chdir(os.path.dirname(os.path.abspath(__file__)))
libc = ctypes.CDLL(None, use_errno=True)
class iov(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
def wait_for(name):
    for _ in range(1200):
        if os.path.exists(name):
            return
        time.sleep(0.05)
    sys.exit("nobody made " + name)
if sys.argv[1] == "0":
    buf = ctypes.create_string_buffer(b"memory of 0")
    with open("address.tmp", "w") as f:
        f.write("%d %d" % (os.getpid(), ctypes.addressof(buf)))
    os.rename("address.tmp", "address")
    wait_for("done")
else:
    try:
        wait_for("address")
        pid, address = map(int, open("address").read().split())
        got = ctypes.create_string_buffer(11)
        n = libc.process_vm_readv(pid, ctypes.byref(iov(ctypes.addressof(got), 11)), 1, ctypes.byref(iov(address, 11)), 1, 0)
        print(got.raw.decode() if n == 11 else os.strerror(ctypes.get_errno()))
        print(*[os.readlink("/proc/%s/ns/%s" % (p, ns)) == os.readlink("/proc/self/ns/" + ns) for p in (pid,) for ns in ("user", "mnt")])
    finally:
        open("done", "w").close()
PY
    coracle run --hpc "$@" -v /usr:/usr -v /lib:/lib -v /lib64:/lib64 "$BB" /usr/bin/python3 "$d/cma.py" 0 &
    coracle run --hpc "$@" -v /usr:/usr -v /lib:/lib -v /lib64:/lib64 "$BB" /usr/bin/python3 "$d/cma.py" 1
    wait $!
}

@test "hpc: ranks of one step share user and mount namespace, and read each other's memory" {
    local d
    d=$(scratch)
    is "$(cd "$d" && ranks "$d" --step one)" $'memory of 0\nTrue True'
    d=$(scratch)
    export SLURM_JOB_ID=17 SLURM_STEP_ID=0
    is "$(cd "$d" && ranks "$d")" $'memory of 0\nTrue True'
    no_step_left
}

@test "hpc: many ranks start at once, and nothing is left when they have ended" {
    local i d pids=()
    d=$(scratch)
    export SLURM_JOB_ID=18 SLURM_STEP_ID=0
    for i in 1 2 3 4 5 6 7 8; do
        coracle run --hpc "$BB" sh -c "echo $i" >"$d/$i" &
        pids+=($!)
    done
    wait "${pids[@]}" # not for bats' own
    is "$(cat "$d"/? | tr '\n' ' ')" "1 2 3 4 5 6 7 8 "
    no_step_left
}

@test "hpc: SIGKILL to the process group leaves no process, mount or lock, and the next step starts" {
    local d i pid
    [ -w /dev/fuse ] || skip "no /dev/fuse here"
    need mksquashfs
    d=$(scratch)
    coracle image pack "$BB" "$d/bb.packed"
    export SLURM_JOB_ID=19 SLURM_STEP_ID=0
    for i in 1 2 3; do
        setsid -f sh -c "$(coracle_words) run --hpc packed:$d/bb.packed sh -c 'echo \$\$ >$d/a; sleep 1000' &
            $(coracle_words) run --hpc packed:$d/bb.packed sh -c 'echo \$\$ >$d/b; exec sleep 1000'" >/dev/null 2>&1
        # The third is killed early, but not before it is there: who is started later would stay.
        eventually eval 'pgrep -f "run --hpc packed:$d" -u "$(id -u)" >/dev/null'
        [ "$i" = 3 ] && sleep 0.05 || eventually test -s "$d/a" -a -s "$d/b"
        pid=$(pgrep -f "run --hpc packed:$d|sleep 1000" -u "$(id -u)" | head -n1)
        [ -z "$pid" ] || kill -KILL -- "-$(ps -o pgid= "$pid" | tr -d ' ')"
        eventually eval '! pgrep -f "hpc packed:$d"'
        no_step_left
        rm -f "$d/a" "$d/b"
        is "$(coracle run --hpc "packed:$d/bb.packed" echo next)" next
    done
    no_step_left
    # A step that is over leaves a directory at most, until the next one.
    is "$(find "$ROOT/steps" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

@test "hpc: CDI devices: variables, mounts, hooks once for a step; what it cannot have is refused" {
    local d
    d=$(scratch)
    mkdir "$d/cdi" "$d/lib"
    echo library >"$d/lib/x"
    printf '#!/bin/sh\nroot=$(sed "s/.*\\"path\\":\\"\\([^\\"]*\\).*/\\1/" config.json)\ncat >"$root/state"; echo "$1 $A" >>"%s/ran"\n' "$d" >"$d/hook"
    chmod 755 "$d/hook"
    cat >"$d/cdi/gpu.json" <<EOF
{"cdiVersion": "0.6.0", "kind": "vendor.com/gpu",
 "devices": [
  {"name": "0", "containerEdits": {
    "env": ["GPU=zero"], "deviceNodes": [{"path": "/dev/null"}],
    "mounts": [{"hostPath": "$d/lib", "containerPath": "/opt/vendor", "options": ["ro", "bind"]}],
    "hooks": [{"hookName": "createContainer", "path": "$d/hook", "args": ["hook", "update"], "env": ["A=b"]}]}},
  {"name": "late", "containerEdits": {"hooks": [{"hookName": "poststop", "path": "$d/hook"}]}},
  {"name": "broken", "containerEdits": {"hooks": [{"hookName": "createContainer", "path": "/bin/false"}]}}]}
EOF
    gpu() { coracle --cdi-spec-dir "$d/cdi" run --hpc --step gpu --device vendor.com/gpu="$1" "${@:2}"; }
    is "$(gpu 0 "$BB" sh -c 'echo $GPU; cat /opt/vendor/x; grep -c creating /state; (echo no >/opt/vendor/y) 2>/dev/null || echo read-only')" \
        $'zero\nlibrary\n1\nread-only'
    is "$(sort -u "$d/ran")" "update b"
    is "$(gpu 0 -e GPU=mine "$BB" sh -c 'echo $GPU')" mine
    run -125 --separate-stderr coracle --cdi-spec-dir "$d/cdi" run --hpc --device vendor.com/gpu=1 "$BB" true
    one_error "unresolvable CDI devices vendor.com/gpu=1"
    run -125 --separate-stderr coracle --cdi-spec-dir "$d/cdi" run --hpc --device vendor.com/gpu=late "$BB" true
    one_error "--hpc runs no hooks of the stage poststop"
    run -125 --separate-stderr coracle --cdi-spec-dir "$d/cdi" run --hpc --device vendor.com/gpu=broken "$BB" true
    one_error "hook /bin/false: exit code 1"
    is "$(coracle run --hpc "$BB" sh -c 'echo "<$GPU>"; test -e /opt/vendor || echo nothing')" $'<>\nnothing'
    no_step_left
}
