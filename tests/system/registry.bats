#!/usr/bin/env bats
# Registries: pull, push, login, and what goes wrong on the way. Debian's docker-registry on loopback, plain, with TLS and
# a private authority, with a password; and a faulty one in front of it.

load registry

setup_file() {
    bats_require_minimum_version 1.5.0
    : "${CORACLE:?must name the program}"
    command -v docker-registry >/dev/null || skip "needs docker-registry"
    command -v skopeo >/dev/null || skip "needs skopeo"
    export R=$(mktemp -d "${BATS_FILE_TMPDIR:-/tmp}/registry.XXXXXX")
    export PLAIN=$(free_port) SECURE=$(free_port)
    # The user's password is "secret"; made by htpasswd -B.
    python3 - "$R/htpasswd" <<'PY'
import crypt, sys
open(sys.argv[1], "w").write("me:" + crypt.crypt("secret", "$2b$05$abcdefghijklmnopqrstuu") + "\n")
PY
    make_certificates
    cat >"$R/plain.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $R/data}}
http: {addr: "127.0.0.1:$PLAIN"}
YML
    cat >"$R/secure.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $R/data}}
auth: {htpasswd: {realm: test, path: $R/htpasswd}}
http: {addr: "127.0.0.1:$SECURE", tls: {certificate: $R/server.crt, key: $R/server.key}}
YML
    docker-registry serve "$R/plain.yml" >"$R/plain.log" 2>&1 3>&- &
    echo $! >"$R/plain.pid"
    docker-registry serve "$R/secure.yml" >"$R/secure.log" 2>&1 3>&- &
    echo $! >"$R/secure.pid"
    export CONTAINERS_REGISTRIES_CONF=$R/registries.conf REGISTRY_AUTH_FILE=$R/auth.json HOME=$R
    insecure "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    echo '{}' >"$REGISTRY_AUTH_FILE"
    wait_for_port "$PLAIN" && wait_for_port "$SECURE"
    make_layout "$R/image" 100 1000000 5000
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://127.0.0.1:$PLAIN/t/img:1"
    export DIGEST=$(skopeo inspect --tls-verify=false "docker://127.0.0.1:$PLAIN/t/img:1" | sed -n 's/ *"Digest": "\(.*\)",/\1/p')
}

teardown_file() {
    local pid
    for pid in "$R"/*.pid; do
        # Only what still is ours by its arguments: numbers are used again, soon where many tests run.
        if grep -qF "$R/" "/proc/$(cat "$pid")/cmdline" 2>/dev/null; then kill "$(cat "$pid")" 2>/dev/null || true; fi
    done
    rm -rf "$R"
}

setup() {
    export CORACLE_ROOT=$BATS_TEST_TMPDIR/root CORACLE_SESSION_IDLE=0
    insecure "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    echo '{}' >"$REGISTRY_AUTH_FILE"
}

teardown() {
    end_faulty
    "$CORACLE" rmi -af >/dev/null 2>&1 || true
    # A killed probe of overlay leaves a directory without permissions.
    chmod -R u+rwX "$CORACLE_ROOT"/.probe-* 2>/dev/null || true
}

# Once, and then its number is nobody's.
end_faulty() {
    [ -n "${FAULTY_PID:-}" ] || return 0
    kill "$FAULTY_PID" 2>/dev/null || true
    wait "$FAULTY_PID" 2>/dev/null || true
    FAULTY_PID=
}

insecure() { printf '[[registry]]\nlocation = "127.0.0.1:%s"\ninsecure = true\n' "$@"; }

make_certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout "$R/ca.key" -out "$R/ca.crt" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$R/server.key" -out "$R/server.csr" 2>/dev/null
    openssl x509 -req -in "$R/server.csr" -CA "$R/ca.crt" -CAkey "$R/ca.key" -CAcreateserial -days 2 -out "$R/server.crt" \
        -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") 2>/dev/null
    mkdir -p "$R/certs" && cp "$R/ca.crt" "$R/certs/"
}

# A faulty registry in front of the plain one; sets PORT, its requests are in $BATS_TEST_TMPDIR/requests.
faulty() {
    rm -f "$BATS_TEST_TMPDIR/port"
    "$BATS_TEST_DIRNAME/faulty_registry.py" "$PLAIN" "$@" >"$BATS_TEST_TMPDIR/port" 2>"$BATS_TEST_TMPDIR/requests" 3>&- &
    FAULTY_PID=$!
    until [ -s "$BATS_TEST_TMPDIR/port" ]; do sleep 0.05; done
    PORT=$(cat "$BATS_TEST_TMPDIR/port")
    insecure "$PORT" >>"$CONTAINERS_REGISTRIES_CONF"
}
blob_requests() { grep -c 'GET .*/blobs/' "$BATS_TEST_TMPDIR/requests"; }
nothing_left() {
    [ -z "$("$CORACLE" images -aq)" ]
    run -0 "$CORACLE" system check
    [ -z "$(ls -A "$CORACLE_ROOT/staging" 2>/dev/null)" ]
}

@test "pull prints the id on stdout and podman's lines on stderr; digests are skopeo's" {
    run -0 --separate-stderr "$CORACLE" pull "127.0.0.1:$PLAIN/t/img:1"
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    [[ ${stderr_lines[0]} == "Trying to pull 127.0.0.1:$PLAIN/t/img:1..." ]]
    [[ $stderr == *"Copying blob sha256:"*"Copying config sha256:$output"*"Writing manifest to image destination"* ]]
    run -0 "$CORACLE" images --digests --no-trunc --format '{{.Digest}}'
    [ "$output" = "$DIGEST" ]
}

@test "-q is quiet; a second pull fetches no blob" {
    faulty
    run -0 --separate-stderr "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    [ -z "$stderr" ]
    [ "$(blob_requests)" = 4 ]
    run -0 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    [ "$(blob_requests)" = 4 ]
}

@test "pull by digest, and all tags" {
    run -0 "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img@$DIGEST"
    skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "docker://127.0.0.1:$PLAIN/t/img:1" "docker://127.0.0.1:$PLAIN/t/many:a"
    skopeo copy -q --insecure-policy --src-tls-verify=false --dest-tls-verify=false "docker://127.0.0.1:$PLAIN/t/img:1" "docker://127.0.0.1:$PLAIN/t/many:b"
    run -0 "$CORACLE" pull -q -a "127.0.0.1:$PLAIN/t/many"
    "$CORACLE" image exists "127.0.0.1:$PLAIN/t/many:a"
    "$CORACLE" image exists "127.0.0.1:$PLAIN/t/many:b"
}

@test "push of what was pulled has the same digest" {
    "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1"
    run -0 "$CORACLE" push -q --digestfile "$BATS_TEST_TMPDIR/d" "127.0.0.1:$PLAIN/t/img:1" "docker://127.0.0.1:$PLAIN/fresh/img:2"
    [ "$(cat "$BATS_TEST_TMPDIR/d")" = "$DIGEST" ]
    skopeo inspect --tls-verify=false "docker://127.0.0.1:$PLAIN/fresh/img:2" | grep -F "$DIGEST"
    run -0 skopeo copy -q --insecure-policy --src-tls-verify=false "docker://127.0.0.1:$PLAIN/fresh/img:2" "dir:$BATS_TEST_TMPDIR/copy"
}

@test "no plain http unless the registry is marked insecure" {
    : >"$CONTAINERS_REGISTRIES_CONF"
    run -125 "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1"
    run -0 "$CORACLE" pull -q --tls-verify=false "127.0.0.1:$PLAIN/t/img:1"
}

@test "TLS: a private authority is needed, from --cert-dir or certs.d; the password too" {
    run -125 "$CORACLE" pull -q --creds me:secret "127.0.0.1:$SECURE/t/img:1"
    [[ $output == *certificate* ]]
    run -125 "$CORACLE" pull -q --cert-dir "$R/certs" "127.0.0.1:$SECURE/t/img:1"
    [[ $output == *unauthorized* ]]
    run -125 "$CORACLE" pull -q --cert-dir "$R/certs" --creds me:wrong "127.0.0.1:$SECURE/t/img:1"
    [[ $output == *unauthorized* ]]
    nothing_left
    run -0 "$CORACLE" pull -q --cert-dir "$R/certs" --creds me:secret "127.0.0.1:$SECURE/t/img:1"
    mkdir -p "$R/.config/containers/certs.d/127.0.0.1:$SECURE"
    cp "$R/ca.crt" "$R/.config/containers/certs.d/127.0.0.1:$SECURE/"
    run -0 "$CORACLE" push -q --creds me:secret "127.0.0.1:$SECURE/t/img:1" "127.0.0.1:$SECURE/t/tls:1"
    rm -r "$R/.config/containers/certs.d"
}

@test "login, --get-login, pull with it, logout; skopeo reads the same file" {
    run -125 "$CORACLE" login --cert-dir "$R/certs" -u me -p wrong "127.0.0.1:$SECURE"
    [[ $output == *"invalid username/password"* ]]
    run -0 "$CORACLE" login --cert-dir "$R/certs" -u me --password-stdin "127.0.0.1:$SECURE" <<<secret
    [ "$output" = "Login Succeeded!" ]
    [ "$("$CORACLE" login --get-login "127.0.0.1:$SECURE")" = me ]
    [ "$(stat -c %a "$REGISTRY_AUTH_FILE")" = 600 ]
    run -0 "$CORACLE" pull -q --cert-dir "$R/certs" "127.0.0.1:$SECURE/t/img:1"
    run -0 skopeo inspect --authfile "$REGISTRY_AUTH_FILE" --cert-dir "$R/certs" "docker://127.0.0.1:$SECURE/t/img:1"
    run -0 "$CORACLE" logout "127.0.0.1:$SECURE"
    run -125 "$CORACLE" login --get-login "127.0.0.1:$SECURE"
    run -125 "$CORACLE" logout "127.0.0.1:$SECURE"
}

@test "a connection that is reset goes on where it was" {
    faulty reset=300000
    run -0 "$CORACLE" pull -q --retry-delay 10ms "127.0.0.1:$PORT/t/img:1"
    # A megabyte, at most 300,000 bytes at a time (a reset may take some of them along).
    [ "$(grep -cE 'GET .*/blobs/.* bytes=[0-9]+-' "$BATS_TEST_TMPDIR/requests")" -ge 3 ]
    run -0 "$CORACLE" system check
}

@test "a pull that broke off goes on in the next command" {
    faulty reset=300000
    run -125 "$CORACLE" pull -q --retry 0 "127.0.0.1:$PORT/t/img:1"
    [ -n "$(ls "$CORACLE_ROOT/partial")" ]
    nothing_left
    end_faulty
    faulty
    run -0 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    grep -E 'GET .*/blobs/.* bytes=[0-9]+-' "$BATS_TEST_TMPDIR/requests"
    [ -z "$(ls "$CORACLE_ROOT/partial")" ]
}

@test "a damaged partial blob is noticed, and fetched from its start" {
    faulty reset=300000
    run -125 "$CORACLE" pull -q --retry 0 "127.0.0.1:$PORT/t/img:1"
    end_faulty
    for f in "$CORACLE_ROOT"/partial/*; do printf 'xxxxxxxxxxxxxxxxxxxx' | dd of="$f" conv=notrunc bs=1 seek=5000 status=none; done
    faulty
    run -0 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    run -0 "$CORACLE" system check
}

@test "429 and 503 are tried again; a registry that ignores Range works" {
    faulty 429
    run -0 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    "$CORACLE" rmi -af >/dev/null
    end_faulty
    faulty 503 once-reset=200000 no-range
    run -0 "$CORACLE" pull -q --retry-delay 10ms "127.0.0.1:$PORT/t/img:1"
}

@test "a wrong byte, too few and too many bytes are refused and leave nothing" {
    local mode
    for mode in flip short long; do
        faulty $mode
        run -125 "$CORACLE" pull -q --retry 1 --retry-delay 1ms "127.0.0.1:$PORT/t/img:1"
        end_faulty
        nothing_left
    done
}

@test "a manifest that is not what its digest says is refused" {
    faulty manifest-flip
    run -125 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img@$DIGEST"
    [[ $output == *digest* ]]
    nothing_left
}

@test "credentials do not follow a redirect to another host" {
    local second=$BATS_TEST_TMPDIR/second
    "$BATS_TEST_DIRNAME/faulty_registry.py" "$PLAIN" >"$second.port" 2>"$second" 3>&- &
    local other=$!
    until [ -s "$second.port" ]; do sleep 0.05; done
    faulty ask "redirect=$(cat "$second.port")"
    run -0 "$CORACLE" pull -q --creds me:secret "127.0.0.1:$PORT/t/img:1"
    kill "$other"
    grep -q '/blobs/' "$second"
    grep -q 'Basic' "$BATS_TEST_TMPDIR/requests"
    ! grep -q 'Basic' "$second"
}

@test "tokens: fetched with the password, again when they expire, refused without" {
    faulty token
    run -0 "$CORACLE" pull -q --creds me:secret "127.0.0.1:$PORT/t/img:1"
    grep -E 'GET /token\?service=test&scope=repository%3At%2Fimg%3Apull&account=me' "$BATS_TEST_TMPDIR/requests"
    [ "$(grep -c 'GET /token' "$BATS_TEST_TMPDIR/requests")" -ge 2 ]
    "$CORACLE" rmi -af >/dev/null
    run -125 "$CORACLE" pull -q --creds me:wrong "127.0.0.1:$PORT/t/img:1"
    [[ $output == *unauthorized* ]]
    run -125 "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    [[ $output == *unauthorized* ]]
    run -0 "$CORACLE" login --tls-verify=false -u me -p secret "127.0.0.1:$PORT"
}

@test "mirrors first, then the registry; blocked is refused" {
    cat >"$CONTAINERS_REGISTRIES_CONF" <<TOML
[[registry]]
prefix = "example.test/lib"
location = "127.0.0.1:$PLAIN/t"
insecure = true
[[registry.mirror]]
location = "127.0.0.1:1/none"
insecure = true
[[registry]]
prefix = "bad.test"
location = "bad.test"
blocked = true
TOML
    run -0 "$CORACLE" pull -q --retry 0 example.test/lib/img:1
    "$CORACLE" image exists example.test/lib/img:1
    run -125 "$CORACLE" pull bad.test/x
    [[ $output == *blocked* ]]
}

@test "short names: aliases, one registry to search, several are an error that lists them" {
    { echo "unqualified-search-registries = [\"127.0.0.1:$PLAIN\"]"; insecure "$PLAIN"; echo '[aliases]'; echo "'mine' = '127.0.0.1:$PLAIN/t/img'"; } >"$CONTAINERS_REGISTRIES_CONF"
    run -0 "$CORACLE" pull -q mine:1
    run -0 "$CORACLE" pull -q t/img:1
    echo 'unqualified-search-registries = ["a.test", "b.test"]' >"$CONTAINERS_REGISTRIES_CONF"
    run -125 "$CORACLE" pull -q thing
    [[ $output == *"a.test/thing, b.test/thing"* ]]
    echo 'unqualified-search-registries = [' >"$CONTAINERS_REGISTRIES_CONF"
    run -125 "$CORACLE" pull -q thing
    [[ $output == *"registries.conf:"* ]]
}

@test "policies: never, missing, newer" {
    run -125 "$CORACLE" pull --policy never "127.0.0.1:$PLAIN/t/img:1"
    run -0 "$CORACLE" pull -q --policy missing "127.0.0.1:$PLAIN/t/img:1"
    faulty
    "$CORACLE" tag "127.0.0.1:$PLAIN/t/img:1" "127.0.0.1:$PORT/t/img:1"
    run -0 "$CORACLE" pull -q --policy missing "127.0.0.1:$PORT/t/img:1"
    [ ! -s "$BATS_TEST_TMPDIR/requests" ]
    end_faulty
    run -0 "$CORACLE" pull -q --retry 0 --policy newer "127.0.0.1:$PORT/t/img:1"
}

@test "create pulls what is missing, and not with --pull=never" {
    run -125 "$CORACLE" create --pull=never "127.0.0.1:$PLAIN/t/img:1" /x
    run -0 --separate-stderr "$CORACLE" create --name pulled "127.0.0.1:$PLAIN/t/img:1" /x
    [[ $stderr == *"Trying to pull"* ]]
    "$CORACLE" rm pulled
}

@test "two pulls at once share the work" {
    faulty
    "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1" 3>&- &
    "$CORACLE" pull -q "127.0.0.1:$PORT/t/img:1"
    wait $!
    [ "$(blob_requests)" = 4 ]
}

@test "killed again and again, the pull completes in the end" {
    local i
    for i in 05 10 15 20 30 40; do
        "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1" >/dev/null 2>&1 3>&- &
        sleep "0.$i"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        "$CORACLE" rmi -af >/dev/null 2>&1 || true
    done
    run -0 "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1"
    run -0 "$CORACLE" system check
}

@test "policy.json: reject rejects, and a policy that cannot be evaluated refuses" {
    mkdir -p "$R/.config/containers"
    echo '{"default": [{"type": "reject"}]}' >"$R/.config/containers/policy.json"
    run -125 "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1"
    [[ $output == *"rejected by policy"* ]]
    echo '{"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]}' >"$R/.config/containers/policy.json"
    run -125 "$CORACLE" pull -q "127.0.0.1:$PLAIN/t/img:1"
    [[ $output == *"A signature was required, but no signature exists"* ]] # more in trust.bats
    rm "$R/.config/containers/policy.json"
}

@test "what is not built says so" {
    run -125 "$CORACLE" pull --decryption-key k "127.0.0.1:$PLAIN/t/img:1"
    [[ $output == *"not built yet"* ]]
}
