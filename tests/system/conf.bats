#!/usr/bin/env bats
# containers.conf: the same files, read by coracle and by podman.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() {
    CONTAINERS_CONF=$FILE_DIR/containers.conf
    export CONTAINERS_CONF
}
teardown() {
    unset CONTAINERS_CONF
    clean
}

conf() { cat >"$CONTAINERS_CONF"; }

# both ARGS...: what a container prints is the same under both.
both() {
    local each
    for each in coracle podman; do
        $each run --rm --name conf "$@" >"$FILE_DIR/$each.out" 2>"$FILE_DIR/$each.err" || fail "$each run $*: $(cat "$FILE_DIR/$each.err")"
    done
    run diff "$FILE_DIR/podman.out" "$FILE_DIR/coracle.out"
    is "$output" ""
}

@test "conf: the container's environment, limits, capabilities, time zone, resolver" {
    only_coracle
    conf <<'END'
[containers]
env = ["FROM_CONF=yes", "PATH=/nowhere:/bin", "OVER=conf"]
default_ulimits = ["nofile=500:600", "core=0:0"]
default_capabilities = ["CHOWN", "NET_RAW", "SETUID"]
tz = "UTC"
umask = "0077"
dns_servers = ["192.0.2.53"]
dns_searches = ["example.com"]
dns_options = ["ndots:3"]
shm_size = "1m"
END
    both --network none -e OVER=flag $BB sh -c 'echo $FROM_CONF $OVER; ulimit -n; ulimit -c; grep CapBnd /proc/self/status; umask'
    has "$(cat "$FILE_DIR/coracle.out")" "yes flag"
    run -0 coracle run --rm $BB cat /etc/resolv.conf
    is "$output" $'search example.com\nnameserver 192.0.2.53\noptions ndots:3'
    # What the command line says stands.
    run -0 coracle run --rm --network none --ulimit nofile=100:100 --cap-add SYS_CHROOT --cap-drop CHOWN --umask 0002 --shm-size 2m $BB \
        sh -c 'ulimit -n; grep CapBnd /proc/self/status | tr -d "\t"; umask; df -k /dev/shm | tail -n1 | tr -s " " | cut -d" " -f2'
    is "$output" $'100\nCapBnd:0000000000042080\n0002\n2048'
    run -0 coracle run --rm --dns 192.0.2.1 $BB grep nameserver /etc/resolv.conf
    is "$output" "nameserver 192.0.2.1"
}

@test "conf: volumes and mounts, but what the command line mounts somewhere stays there" {
    mkdir -p "$FILE_DIR/conf" "$FILE_DIR/flag"
    echo conf >"$FILE_DIR/conf/where"
    echo flag >"$FILE_DIR/flag/where"
    conf <<END
[containers]
volumes = ["$FILE_DIR/conf:/one:ro", "$FILE_DIR/conf:/two"]
mounts = ["type=tmpfs,destination=/three,tmpfs-size=1m"]
END
    run -0 coracle run --rm --network none -v "$FILE_DIR/flag:/two" $BB sh -c 'cat /one/where /two/where; touch /one/x 2>/dev/null || echo ro; stat -f -c %T /three'
    is "$output" $'conf\nflag\nro\ntmpfs'
}

@test "conf: the engine's settings" {
    conf <<'END'
[engine]
runtime = "mine"
detach_keys = "ctrl-x"
stop_timeout = 3
pull_policy = "never"
env = ["FOR_THE_ENGINE=1"]
[engine.runtimes]
mine = ["/nonexistent/crun", "/usr/bin/crun"]
[containers]
annotations = ["from=conf", "both=conf"]
init = true
END
    run -0 --separate-stderr coracle create --name c --network none --annotation both=flag $BB true
    run -0 coracle inspect c --format '{{.OCIRuntime}} {{.Config.StopTimeout}} {{.Config.Annotations.from}} {{.Config.Annotations.both}}'
    is "$output" "crun 3 conf flag"
    run -0 --separate-stderr coracle run --rm --network none $BB sh -c 'cat /proc/1/cmdline; echo'
    has "$output" init
    run -125 --separate-stderr coracle create docker.io/library/not-here true
    has "$stderr" "not-here"
    hasnt "$stderr" "Trying to pull"
    run -0 --separate-stderr coracle --runtime runc run --rm --network none $BB echo runc
    is "$output" runc
}

@test "conf: modules, the override, lists that are appended to" {
    only_coracle
    local home=$FILE_DIR/home/.config/containers
    mkdir -p "$home/containers.conf.modules/sub" "$home/containers.conf.d"
    printf '[containers]\nenv = ["A=home", {append=true}]\n' >"$home/containers.conf"
    printf '[containers]\nenv = ["B=dropin"]\n' >"$home/containers.conf.d/10.conf"
    printf '[containers]\nenv = ["C=module"]\n' >"$home/containers.conf.modules/sub/m"
    printf '[containers]\nenv = ["D=over", "A=over"]\n' >"$FILE_DIR/over.conf"
    unset CONTAINERS_CONF
    local show=(run --rm --network none $BB sh -c 'echo $A $B $C $D')
    run -0 env HOME="$FILE_DIR/home" $(coracle_words) "${show[@]}"
    is "$output" "home dropin"
    run -0 env HOME="$FILE_DIR/home" CONTAINERS_CONF_OVERRIDE="$FILE_DIR/over.conf" $(coracle_words) --module sub/m "${show[@]}"
    is "$output" "over dropin module over"
    run -125 --separate-stderr coracle --module nosuch ps
    one_error 'could not resolve module "nosuch"'
}

@test "conf: mistakes name file and key; what is not honoured yet is said" {
    only_coracle
    conf <<<$'[containers]\ntz = '
    run -125 --separate-stderr coracle ps
    one_error "containers.conf:2: a value"
    conf <<<$'[containers]\nvolumes = "x"'
    run -125 --separate-stderr coracle create $BB
    one_error "containers.conf: [containers] volumes: not a list"
    conf <<<$'[containers]\ndefault_capabilities = ["FLY"]'
    run -125 --separate-stderr coracle create $BB
    one_error '[containers] default_capabilities: "FLY": unknown capability'
    conf <<<$'[containers]\nulimits = 3\nlog_driver = "carrier-pigeon"'
    run -125 --separate-stderr coracle create $BB
    one_error "invalid log driver"
    CONTAINERS_CONF=/nonexistent/c.conf run -125 --separate-stderr coracle ps
    one_error "/nonexistent/c.conf"
    conf <<<$'[engine]\nkube_generate_type = "pod"'
    run -0 --separate-stderr coracle run --rm --network none $BB echo runs
    is "$output" runs
    has "$stderr" "[engine] kube_generate_type is not honoured yet"
}

@test "conf: networks: pools of subnets, the default one, names of interfaces" {
    only_coracle
    conf <<END
[network]
default_subnet_pools = [{"base" = "10.211.4.0/23", "size" = 24}, {"base" = "10.213.0.0/28", "size" = 29}]
default_network = "mine"
[containers]
interface_name = "device"
END
    local i
    for i in mine b c; do coracle network create --interface-name if$i $i; done
    run -0 coracle network inspect -f '{{range .Subnets}}{{.Subnet}}{{end}}' mine b c
    is "$output" $'10.211.4.0/24\n10.211.5.0/24\n10.213.0.0/29'
    coracle network create d >/dev/null
    run -125 --separate-stderr coracle network create e
    one_error "could not find free subnet from subnet pools"
    run -0 coracle run --rm --network bridge $BB ls /sys/class/net
    is "$output" $'ifmine\nlo'
    run -0 coracle run --rm --network b --network c:interface_name=net1 $BB ls /sys/class/net
    is "$output" $'ifb\nlo\nnet1'
    coracle network rm mine b c d >/dev/null
    local text message
    while IFS='|' read -r text message; do
        conf <<<"$text"
        run -125 --separate-stderr coracle network create x
        one_error "$message"
    done <<'END'
network.default_subnet_pools = 3|[network] default_subnet_pools: not a list
network.default_subnet_pools = [{base = "10.211.4.0/23"}]|not a list of {base, size}
network.default_subnet_pools = [{base = "10.211.4.0/23", size = 22}]|"10.211.4.0/23:22" is no IPv4 network with smaller ones in it
network.default_subnet_pools = [{base = "fd00::/64", size = 80}]|default_subnet_pools
containers.interface_name = "eth"|[containers] interface_name: "eth": not device
engine.image_parallel_copies = "x"|[engine] image_parallel_copies: not a number of copies
END
}

@test "conf: keyring, host_containers_internal_ip, base_hosts_file, platform_to_oci_runtime" {
    only_coracle
    conf <<END
[containers]
keyring = false
host_containers_internal_ip = "192.0.2.7"
base_hosts_file = "none"
[engine]
platform_to_oci_runtime = { "linux/amd64" = "other" }
[engine.runtimes]
other = ["$(command -v runc || command -v crun)"]
END
    run -0 coracle run --rm $BB grep host.containers /etc/hosts
    is "$output" $'192.0.2.7\thost.containers.internal host.docker.internal'
    run -0 coracle run --rm --hosts-file "$FILE_DIR/containers.conf" $BB grep -c keyring /etc/hosts
    is "$output" 1
    # What only the runtime can do is what it is told.
    printf '#!/bin/sh\necho "$@" >>%s\nexec %s "$@"\n' "$FILE_DIR/told" "$(command -v crun || command -v runc)" >"$FILE_DIR/crun"
    chmod +x "$FILE_DIR/crun"
    run -0 coracle --runtime "$FILE_DIR/crun" run --rm --network none $BB true
    has "$(cat "$FILE_DIR/told")" " --no-new-keyring "
    conf <<<$'[engine]\nno_pivot_root = true'
    run -0 coracle --runtime "$FILE_DIR/crun" run --rm --network none $BB true
    has "$(tail -n1 "$FILE_DIR/told")" " --no-pivot "
    hasnt "$(tail -n1 "$FILE_DIR/told")" " --no-new-keyring "
    conf <<<$'[containers]\nhost_containers_internal_ip = "none"'
    run -1 coracle run --rm $BB grep host.containers /etc/hosts
    conf <<<$'[containers]\nhost_containers_internal_ip = "x"'
    run -125 --separate-stderr coracle run --rm $BB true
    one_error '"x" is neither an IPv4 address nor none'
    case $(uname -m) in x86_64) : ;; *) return 0 ;; esac
    command -v runc >/dev/null || return 0
    conf <<END
[engine]
platform_to_oci_runtime = { "linux/amd64" = "other" }
[engine.runtimes]
other = ["$(command -v runc)"]
END
    coracle create --name c --platform linux/amd64 --network none $BB true
    is "$(coracle inspect -f '{{.OCIRuntime}}' c)" runc
    coracle rm c
    coracle --runtime crun create --name c --platform linux/amd64 --network none $BB true
    is "$(coracle inspect -f '{{.OCIRuntime}}' c)" crun
}

@test "conf: defaults of push, secrets and cp" {
    only_coracle
    conf <<END
[engine]
image_default_format = "v2s2"
[secrets]
driver = "shell"
[secrets.opts]
list = "ls $FILE_DIR/conf-secrets"
lookup = "cat $FILE_DIR/conf-secrets/\$SECRET_ID"
store = "cat >$FILE_DIR/conf-secrets/\$SECRET_ID"
delete = "rm $FILE_DIR/conf-secrets/\$SECRET_ID"
END
    mkdir "$FILE_DIR/conf-secrets"
    echo hidden | coracle secret create s -
    is "$(cat "$FILE_DIR"/conf-secrets/*)" hidden
    is "$(coracle secret inspect -f '{{.Spec.Driver.Name}}' s)" shell
    coracle secret rm s
    is "$(ls "$FILE_DIR/conf-secrets")" ""
    coracle push -q $BB "dir:$FILE_DIR/pushed"
    has "$(cat "$FILE_DIR/pushed/manifest.json")" "application/vnd.docker.distribution.manifest.v2+json"
}
