#!/usr/bin/env bats
# doctor, info, version, help, completion, manual pages: what describes the machine and the program.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() { clean; }

verbs() { coracle --help | sed -n '/^Available Commands:/,/^$/p' | awk 'NR > 1 && NF { print $1 }'; }

@test "doctor: every facility with its state, and how to fix what isn't" {
    run coracle doctor
    local what
    for what in "user namespaces" "id ranges" newuidmap overlay FUSE TUN cgroups "OCI runtime" "data directory"; do
        has "$output" "$what"
    done
    matches "$output" '(ok|degraded|missing|failed) '
    [ "$status" -le 1 ]
}

@test "doctor: which libslirp the network has, and when it is an old one" {
    only_coracle
    local version
    version=$("${CORACLE%/*}/coracle-slirp" --version | sed -n 's/^libslirp: //p')
    run coracle doctor
    has "$output" "with libslirp $version"
    if dpkg --compare-versions "$version" lt 4.9.2; then
        has "$output" "before 4.9.2"
    else
        hasnt "$output" "before 4.9.2"
    fi
}

@test "doctor --format json" {
    run coracle doctor --format json
    jq -e 'type == "array" or type == "object"' <<<"$output" >/dev/null
    has "$(jq -c . <<<"$output")" cgroups
}

@test "doctor: works where nothing else does" {
    # no user namespaces to be had: seen from inside a namespace that allows no more
    run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" --root "$1" doctor' "$CORACLE" "$FILE_DIR/none"
    has "$output" "user namespaces"
    hasnt "$output" "ok        user namespaces"
}

@test "what needs no namespaces works without them, the rest says who refused" {
    run -0 unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" --root "$1" --version' "$CORACLE" "$FILE_DIR/none"
    run --separate-stderr unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" --root "$1" run --rm coracle/hello' "$CORACLE" "$FILE_DIR/none"
    [ "$status" = 0 ] || { is "$status" 125; one_error; has "$stderr" namespaces; }
}

@test "info: as yaml, as json, as a template" {
    run -0 coracle info
    has "$output" "host:"
    has "$output" "store:"
    run -0 coracle info --format json
    is "$(jq -r .host.arch <<<"$output")" "$(dpkg --print-architecture)"
    is "$(jq -r .store.graphRoot <<<"$output")" "$ROOT"
    is "$(jq -r '.store.graphDriverName' <<<"$output")" "${STORAGE_DRIVER:-overlay}"
    is "$(jq -r '.host.security.rootless' <<<"$output")" true
    run -0 coracle info --format '{{.Store.GraphDriverName}}'
    is "$output" "${STORAGE_DRIVER:-overlay}"
}

@test "version" {
    run -0 coracle --version
    matches "$output" '^coracle version [0-9]+\.[0-9]+'
    run -0 coracle version --format '{{.Client.Version}}'
    matches "$output" '^[0-9]+\.[0-9]+'
    run -0 coracle version --format json
    jq -e .Client.Version <<<"$output" >/dev/null
}

@test "help: for every command, by --help and by help" {
    local v
    [ "$(verbs | wc -l)" -gt 25 ]
    for v in $(verbs); do
        run -0 coracle "$v" --help
        has "$output" "Usage:"
        [ "$v" = help ] || has "$(coracle help "$v")" "Usage:"
    done
    for v in "volume create" "image inspect" "container prune" "system check"; do
        run -0 coracle $v --help
        has "$output" "coracle $v"
    done
}

@test "help: every flag of run is there, sorted, with what it takes" {
    run -0 coracle run --help
    local f
    for f in --add-host --cap-add --detach --env --network --rm --userns --volume; do
        has "$output" "$f"
    done
    is "$(grep -oE '^ +(-., )?--[a-z0-9-]+' <<<"$output" | grep -oE -- '--[a-z0-9-]+' | LC_ALL=C sort | md5sum)" \
        "$(grep -oE '^ +(-., )?--[a-z0-9-]+' <<<"$output" | grep -oE -- '--[a-z0-9-]+' | md5sum)"
}

@test "completion: bash, zsh and fish take the scripts" {
    run -0 coracle completion bash
    bash -n <<<"$output"
    run -0 coracle completion zsh
    ! command -v zsh >/dev/null || zsh -n <<<"$output"
    run -0 coracle completion fish
    ! command -v fish >/dev/null || fish -n <<<"$output"
    run -125 --separate-stderr coracle completion tcsh
    matches "$stderr" '^Error: '
}

@test "completion: commands, flags and names are completed" {
    coracle create --name completed $BB true
    complete_() { coracle __complete "$@" | cut -f1; }
    has "$(complete_ ru)" run
    has "$(complete_ run --detach-)" --detach-keys
    has "$(complete_ rm comp)" completed
    has "$(complete_ run localhost/)" localhost/bb
    has "$(complete_ volume '')" create
}

@test "manual pages: for every command, without complaints" {
    local page dir; dir=$(scratch)
    run -0 coracle __man "$dir"
    [ "$(ls "$dir" | wc -l)" -gt 30 ]
    for page in "$dir"/*.1; do
        has "$(cat "$page")" .TH
        ! command -v mandoc >/dev/null || mandoc -T lint -W error "$page"
    done
    has "$(cat "$dir"/coracle-run.1)" "userns"
}

@test "alias docker=coracle: what docker's users type" {
    run -0 coracle container run --rm $BB echo a
    is "$output" a
    coracle container create --name c $BB true
    run -0 coracle container ls -a --format '{{.Names}}'
    is "$output" c
    run -0 coracle image ls -q
    [ -n "$output" ]
    coracle container rm c
    run -0 coracle image rm --help
    run -0 coracle volume ls
}

@test "output goes to pipes that close early without noise" {
    run -0 bash -c "set -o pipefail; $(coracle_words) run --help | head -n 1 >/dev/null || [ \$? = 141 ]"
    is "$output" ""
}

@test "XDG directories and CORACLE_ROOT choose the data directory, a wiped XDG_RUNTIME_DIR doesn't matter" {
    local dir; dir=$(scratch)
    run -0 env XDG_DATA_HOME="$dir/data" "$CORACLE" info --format '{{.Store.GraphRoot}}'
    is "$output" "$dir/data/coracle"
    run -0 env XDG_RUNTIME_DIR="$dir/gone" "$CORACLE" --root "$dir/r" run --rm coracle/hello
    for _ in $(seq 80); do
        pgrep -f "coracle-session.*$dir" >/dev/null || break
        sleep 0.1
    done
}

@test "debug messages go to stderr and only on request" {
    run -0 --separate-stderr coracle --log-level debug run --rm $BB echo x
    is "$output" x
    run -0 --separate-stderr coracle run --rm $BB echo x
    is "$stderr" ""
    run -125 --separate-stderr coracle --log-level nonsense ps
    has "$stderr" nonsense
}
