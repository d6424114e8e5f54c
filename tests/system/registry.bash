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

# The file's programs have a home of their own, in which that registry alone is configured; REG is its name.
use_registry() {
    export R REG=$PLAIN HOME=$R CONTAINERS_REGISTRIES_CONF=$R/registries.conf REGISTRY_AUTH_FILE=$R/auth.json
    insecure "$REG" >"$CONTAINERS_REGISTRIES_CONF"
    echo '{}' >"$REGISTRY_AUTH_FILE"
}

# An OCI layout, $1, whose layers have a file of that many bytes each, which don't compress.
make_layout() {
    python3 - "$@" <<'PY'
import gzip, hashlib, io, json, os, random, sys, tarfile
out = sys.argv[1]
os.makedirs(out + "/blobs/sha256")
def put(data):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{out}/blobs/sha256/{digest}", "wb").write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}
layers, diffs = [], []
for number, size in enumerate(map(int, sys.argv[2:])):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        info = tarfile.TarInfo(f"file-{number}")
        info.size = size
        tar.addfile(info, io.BytesIO(random.Random(number).randbytes(size)))
    diffs.append("sha256:" + hashlib.sha256(raw.getvalue()).hexdigest())
    layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"} | put(gzip.compress(raw.getvalue(), mtime=0)))
arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
config = put(json.dumps({"os": "linux", "architecture": arch, "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode())
manifest = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json"} | config, "layers": layers}).encode())
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json"} | manifest]}, open(out + "/index.json", "w"))
open(out + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
PY
}
