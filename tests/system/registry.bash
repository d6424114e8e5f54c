# A registry for a test file: Debian's docker-registry on a free port of 127.0.0.1, and the configuration that names it.

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for_port() {
    local i
    for i in $(seq 200); do
        if (exec 8<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.05
    done
    return 1
}

insecure() { printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1"; }

# Sets PORT and PLAIN ("127.0.0.1:PORT"), and R, a directory for the registry. With a file as argument: an htpasswd.
start_registry() {
    local port
    port=$(free_port)
    R=$(mktemp -d "$FILE_DIR/registry.XXXX")
    {
        printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\n' "$R"
        [ -z "${1:-}" ] || printf 'auth: {htpasswd: {realm: test, path: %s}}\n' "$1"
        printf 'validation: {manifests: {urls: {allow: ["^http"]}}}\nhttp: {addr: "127.0.0.1:%s"}\n' "$port"
    } >"$R/registry.yml"
    # Its configuration would take what is meant for us from the environment.
    env -u REGISTRY_AUTH_FILE docker-registry serve "$R/registry.yml" >"$R/registry.log" 2>&1 3>&- &
    echo $! >"$R/registry.pid"
    PLAIN=127.0.0.1:$port
    wait_for_port "$port"
}

stop_registries() {
    local pid
    for pid in "$FILE_DIR"/registry.*/*.pid; do
        [ ! -e "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
    done
}

# skopeo, which needs no policy and no TLS here.
skopeo_copy() { skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "$@"; }
