#!/usr/bin/env bats
# CDI devices, OCI hooks, mounts.conf: what files of the administrator's and the user's bring into containers.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() {
    only_coracle # podman 4.3 looks in /etc/cdi alone, and has other default hooks
    DIR=$(scratch)
    mkdir "$DIR/cdi" "$DIR/cdi2" "$DIR/hooks" "$DIR/hooks2" "$DIR/home"
}
teardown() { clean; }

bb() { coracle --cdi-spec-dir "$DIR/cdi" --cdi-spec-dir "$DIR/cdi2" run --rm --network none "$@"; }

# A hook program that says how it was called.
hook_program() {
    cat >"$DIR/hook" <<EOF
#!/bin/sh
{ echo "\$1: \$(env | grep -vE '^(PWD|SHLVL|_)=' | sort | tr '\n' ' ')"; cat; } >>"$DIR/out.\$1"
EOF
    chmod +x "$DIR/hook"
}

gpu_json() {
    cat >"$DIR/cdi/gpu.json" <<EOF
{"cdiVersion": "0.6.0", "kind": "vendor.com/gpu",
 "containerEdits": {"env": ["COMMON=1"], "mounts": [{"hostPath": "$DIR/lib", "containerPath": "/opt/lib", "options": ["ro", "nosuid"]}]},
 "devices": [
  {"name": "a", "containerEdits": {"env": ["DEVICE=a", "PATH=/opt/bin"], "additionalGids": [0, 4321],
    "deviceNodes": [{"path": "/dev/gpu0", "hostPath": "/dev/null", "permissions": "rw", "type": "c", "major": 1, "minor": 3}]}},
  {"name": "b", "containerEdits": {"deviceNodes": [{"path": "/dev/zero1", "hostPath": "/dev/zero"}]}}]}
EOF
    mkdir -p "$DIR/lib"
    echo library >"$DIR/lib/file"
}

@test "cdi: variables, nodes, mounts and groups, of JSON" {
    gpu_json
    run -0 bb --device vendor.com/gpu=a --device vendor.com/gpu=b $BB /bin/sh -c \
        'echo $COMMON $DEVICE $PATH; /bin/cat /opt/lib/file; /bin/ls /dev/gpu0 /dev/zero1; echo x >/dev/gpu0; /usr/bin/id -G; /bin/grep -c " /opt/lib " /proc/mounts; echo x >/opt/lib/file || true'
    is "${lines[*]:0:6}" "1 a /opt/bin library /dev/gpu0 /dev/zero1 0 4321 1"
    has "$output" "Read-only file system"
    run -0 bb $BB sh -c 'ls /opt /dev/gpu0 2>/dev/null || echo "<$COMMON>"' # who doesn't ask gets nothing
    is "$output" "<>"
}

@test "cdi: YAML, and hooks" {
    hook_program
    cat >"$DIR/cdi/x.yaml" <<EOF
cdiVersion: "0.5.0"
kind: vendor.com/net
devices:
- name: "1"
  containerEdits:
    env:
    - A=yaml
    additionalGids: [77]
    deviceNodes:
    - path: /dev/one
      hostPath: /dev/null
      major: 1
      minor: 3
      fileMode: 438
    hooks:
    - hookName: createRuntime
      path: $DIR/hook
      args: [hook, cdi]
      timeout: 60
EOF
    run -0 bb --device vendor.com/net=1 -e SECRET=image $BB sh -c 'echo $A; ls /dev/one; id -G'
    is "$output" $'yaml\n/dev/one\n0 77'
    has "$(cat "$DIR/out.cdi")" "cdi: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    hasnt "$(head -n1 "$DIR/out.cdi")" SECRET
    has "$(cat "$DIR/out.cdi")" '"ociVersion"'
}

@test "cdi: the later directory wins, two files of one do not" {
    gpu_json
    sed 's/DEVICE=a/DEVICE=second/' "$DIR/cdi/gpu.json" >"$DIR/cdi2/other.json"
    run -0 bb --device vendor.com/gpu=a $BB /bin/sh -c 'echo $DEVICE'
    is "$output" second
    cp "$DIR/cdi2/other.json" "$DIR/cdi2/again.json"
    run -125 --separate-stderr bb --device vendor.com/gpu=a $BB true
    one_error "vendor.com/gpu=a is in two files of one directory"
}

@test "cdi: what cannot be is said" {
    gpu_json
    run -125 --separate-stderr bb --device vendor.com/gpu=nosuch $BB true
    one_error "unresolvable CDI devices vendor.com/gpu=nosuch"
    echo '{"cdiVersion": "0.6.0", "kind": "vendor.com/bad", "devices": [{"name": "x", "containerEdits": {"env": ["A"]}}]}' >"$DIR/cdi2/bad.json"
    run -0 bb --device vendor.com/gpu=b $BB true # another file's mistake is nobody's here
    run -125 --separate-stderr bb --device vendor.com/bad=x $BB true
    one_error "unresolvable CDI devices vendor.com/bad=x" "bad.json: a variable that is not NAME=VALUE"
    echo 'kind: &x vendor.com/bad' >"$DIR/cdi2/bad.yaml"
    rm "$DIR/cdi2/bad.json"
    run -125 --separate-stderr bb --device vendor.com/bad=x $BB true
    one_error "bad.yaml:1: anchors and tags are not supported"
    rm "$DIR/cdi2/bad.yaml"
    local edits
    for edits in '"intelRdt": {"closID": "a"}' '"netDevices": [{"hostInterfaceName": "x", "name": "y"}]'; do
        echo '{"cdiVersion": "1.1.0", "kind": "vendor.com/bad", "devices": [{"name": "x", "containerEdits": {'"$edits"'}}]}' >"$DIR/cdi2/bad.json"
        run -125 --separate-stderr bb --device vendor.com/bad=x $BB true
        one_error "needs an administrator's rights"
    done
    echo '{"cdiVersion": "1.0.0", "kind": "vendor.com/bad", "devices": [{"name": "x", "containerEdits": {"deviceNodes": [{"path": "/dev/nosuch"}]}}]}' >"$DIR/cdi2/bad.json"
    run -125 --separate-stderr bb --device vendor.com/bad=x $BB true
    one_error "stat /dev/nosuch: no such file or directory"
    run -125 --separate-stderr bb --device vendor.com/bad $BB true
    one_error "stat vendor.com/bad: no such file or directory"
}

@test "cdi: --gpus are devices of nvidia.com, directories may come from containers.conf" {
    gpu_json
    sed -e 's,vendor.com,nvidia.com,' -e 's/"name": "a"/"name": "all"/' "$DIR/cdi/gpu.json" >"$DIR/cdi2/nvidia.json"
    echo -e "[engine]\ncdi_spec_dirs = [\"$DIR/cdi2\"]" >"$DIR/conf"
    CONTAINERS_CONF_OVERRIDE=$DIR/conf run -0 coracle run --rm --network none --gpus all $BB /bin/sh -c 'echo $DEVICE'
    is "$output" a
    run -125 --separate-stderr bb --gpus 7 $BB true
    one_error "unresolvable CDI devices nvidia.com/gpu=7"
}

# NAME CONDITION: a hook that leaves out.NAME
hook() {
    echo '{"version":"1.0.0","hook":{"path":"'"$DIR"'/hook","args":["hook","'"$1"'"]},"when":{'"$2"'},"stages":["createRuntime"]}' >"$DIR/hooks/$1.json"
}
ran() { (cd "$DIR" && ls out.* 2>/dev/null | sed 's/^out.//' | tr '\n' ' '; rm -f out.*); }
hooked() { coracle --hooks-dir "$DIR/hooks" --hooks-dir "$DIR/hooks2" run --rm --network none "$@"; }

@test "hooks: all conditions" {
    hook_program
    hook always '"always":true'
    hook never '"always":false'
    hook none ''
    hook binds '"hasBindMounts":true'
    hook nobinds '"hasBindMounts":false'
    hook command '"commands":["^/bin/busy","sh$"]'
    hook annotated '"annotations":{"^a\\.b$":"yes|no","c":".*"}'
    hook both '"always":true,"hasBindMounts":true'
    hooked $BB true
    is "$(ran)" "always "
    hooked -v "$DIR:/x" $BB true
    is "$(ran)" "always binds both "
    hooked $BB sh -c true
    is "$(ran)" "always command "
    hooked --annotation a.b=yes $BB true
    is "$(ran)" "always "
    hooked --annotation a.b=yes --annotation xcx=1 $BB true
    is "$(ran)" "always annotated "
    hooked --annotation a.b=maybe --annotation c=1 $BB true
    is "$(ran)" "always "
}

@test "hooks: a clean environment, order by name, later directories before earlier ones" {
    hook_program
    hook 02-b '"always":true'
    hook 01-A '"always":true'
    sed 's/02-b/second/' "$DIR/hooks/02-b.json" >"$DIR/hooks2/02-b.json"
    SECRET=user hooked -e SECRET=image -e LD_PRELOAD=/x $BB true
    is "$(ran)" "01-A second "
    cat >"$DIR/hook" <<EOF
#!/bin/sh
echo "\$1 \$(env | grep -vE '^(PWD|SHLVL|_)=' | sort | tr '\n' ' ')" >>"$DIR/order"
EOF
    sed -i 's/"hook","01-A"\]/"hook","01-A"],"env":["MINE=1"]/' "$DIR/hooks/01-A.json"
    SECRET=user hooked -e SECRET=image $BB true
    is "$(sed 's/ $//' "$DIR/order")" $'01-A MINE=1\nsecond PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

@test "hooks: each stage that runtimes have" {
    hook_program
    local stage
    for stage in prestart createRuntime createContainer poststart poststop; do
        echo '{"version":"1.0.0","hook":{"path":"'"$DIR"'/hook","args":["hook","'$stage'"]},"when":{"always":true},"stages":["'$stage'"]}' >"$DIR/hooks/$stage.json"
    done
    hooked -v "$DIR:$DIR" $BB true
    eventually test -e "$DIR/out.poststop"
    is "$(ran)" "createContainer createRuntime poststart poststop prestart "
}

@test "hooks: precreate rewrites what the runtime is told" {
    echo '{"version":"1.0.0","hook":{"path":"'"$DIR"'/hook","args":["hook","one"],"env":["MINE=1"]},"when":{"always":true},"stages":["precreate","poststop"]}' \
        >"$DIR/hooks/1.json"
    echo '{"version":"1.0.0","hook":{"path":"'"$DIR"'/hook","args":["hook","two"]},"when":{"always":true},"stages":["precreate"]}' >"$DIR/hooks/2.json"
    cat >"$DIR/hook" <<EOF
#!/usr/bin/python3
import json, os, sys
config = json.load(sys.stdin)
if "process" in config:
    config["process"]["env"].append("HOOK_%s=%s" % (sys.argv[1], os.environ.get("MINE", "none")))
    json.dump(config, sys.stdout)
EOF
    chmod 755 "$DIR/hook"
    MINE=user run -0 --separate-stderr hooked $BB sh -c 'env | grep ^HOOK_ | sort'
    is "$output" $'HOOK_one=1\nHOOK_two=none'
    local body message
    while IFS='|' read -r body message; do
        printf '#!/bin/sh\n%s\n' "$body" >"$DIR/hook"
        run -125 --separate-stderr hooked $BB true
        one_error "$message"
    done <<'EOF'
cat; exit 3|exit status 3
echo '{'|its answer
echo '{}'|its answer is no OCI configuration
:|its answer
EOF
    printf '#!/bin/sh\nexec sleep 1000\n' >"$DIR/hook"
    sed -i 's/"args"/"timeout":1,"args"/' "$DIR/hooks/1.json"
    run -125 --separate-stderr hooked $BB true
    one_error 'executing precreate hook'
}

@test "hooks: mistakes are named" {
    hook_program
    local text
    while IFS='|' read -r text message; do
        echo "$text" >"$DIR/hooks/h.json"
        run -125 --separate-stderr hooked $BB true
        one_error "$message"
    done <<EOF
{"version":"0.9","when":{"always":true}}|unrecognized hook version: "0.9"
{"version":"1.0.0","hook":{"path":"x"},"when":{"always":true},"stages":["poststop"]}|the path of its program must be absolute
{"version":"1.0.0","hook":{"path":"/x"},"when":{"always":true},"stages":["later"]}|unknown stage
{"version":"1.0.0","hook":{"path":"/nosuch/x"},"when":{"always":true},"stages":["precreate"]}|executing precreate hook "/nosuch/x"
{"version":"1.0.0","hook":{"path":"/x"},"when":{"always":true}}|no stages
{"version":"1.0.0","hook":{"path":"/x"},"when":{"commands":["("]},"stages":["poststop"]}|invalid regular expression
{|h.json
EOF
}

@test "mounts.conf: copies of files and directories" {
    mkdir -p "$DIR/home/containers" "$DIR/sub/deep"
    echo one >"$DIR/sub/deep/one"
    echo two >"$DIR/two"
    echo -e "# subscriptions\n$DIR/sub:/run/secrets\n\n  $DIR/two:/etc/two  \n/nosuch/place:/x" >"$DIR/home/containers/mounts.conf"
    XDG_CONFIG_HOME=$DIR/home run -0 --separate-stderr coracle run --rm --network none $BB \
        sh -c 'cat /run/secrets/deep/one /etc/two; echo changed >/etc/two; cat /etc/two; ls /x 2>/dev/null || echo none'
    is "$output" $'one\ntwo\nchanged\nnone'
    has "$stderr" "Path \\\"/nosuch/place\\\" from"
    is "$(cat "$DIR/two")" two
    XDG_CONFIG_HOME=$DIR/home run -0 --separate-stderr coracle run --rm --network none -v "$DIR/sub:/etc/two" $BB ls /etc/two # a user's mount stays
    is "$output" deep
    echo "no colon" >"$DIR/home/containers/mounts.conf"
    XDG_CONFIG_HOME=$DIR/home run -125 --separate-stderr coracle run --rm --network none $BB true
    one_error '"no colon" is not /SOURCE:/DESTINATION'
}
