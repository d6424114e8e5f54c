#!/usr/bin/env bats
# Trust: policy.json, GPG signatures in a lookaside, cosign's attached ones. Images are signed by skopeo (GPG), by openssl
# and Python (cosign's: Debian's skopeo was built without), and by coracle; each other's are accepted.

setup_file() {
    bats_require_minimum_version 1.5.0
    : "${CORACLE:?must name the program}"
    command -v docker-registry >/dev/null || skip "needs docker-registry"
    command -v skopeo >/dev/null || skip "needs skopeo"
    command -v gpg >/dev/null || skip "needs gpg"
    export R=$(mktemp -d "${BATS_FILE_TMPDIR:-/tmp}/trust.XXXXXX")
    export PORT=$(free_port) WEB=$(free_port)
    export REG=127.0.0.1:$PORT HOME=$R CONF=$R/.config/containers
    unset XDG_CONFIG_HOME XDG_DATA_HOME GNUPGHOME
    export CONTAINERS_REGISTRIES_CONF=$R/registries.conf REGISTRY_AUTH_FILE=$R/auth.json
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REG" >"$CONTAINERS_REGISTRIES_CONF"
    echo '{}' >"$REGISTRY_AUTH_FILE"
    mkdir -p "$CONF/registries.d" "$R/keys" "$R/sigs"
    cat >"$R/registry.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $R/data}}
http: {addr: "127.0.0.1:$PORT"}
YML
    # Its own settings come from variables named like podman's.
    env -u REGISTRY_AUTH_FILE docker-registry serve "$R/registry.yml" >"$R/registry.log" 2>&1 3>&- &
    echo $! >"$R/registry.pid"
    (cd "$R/sigs" && exec python3 -m http.server --bind 127.0.0.1 "$WEB" >"$R/web.log" 2>&1 3>&-) &
    echo $! >"$R/web.pid"
    wait_for_server "$PORT"
    wait_for_server "$WEB"
    make_keys
    make_image "$R/image" one
    make_image "$R/other" two
    usual_places
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/plain:1"
    skopeo copy -q --insecure-policy --dest-tls-verify=false --sign-by alice@test "oci:$R/image" "docker://$REG/t/gpg:1"
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/cosign:1"
    export DIGEST=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/t/plain:1")
    "$BATS_TEST_DIRNAME/trust_keys.py" attach "$REG" t/cosign "$DIGEST" "$REG/t/cosign:1" "$R/keys/good.pem" "$R/keys/log.pem"
}

teardown_file() {
    local pid
    gpgconf --kill all 2>/dev/null || true
    for pid in "$R"/*.pid; do kill "$(cat "$pid")" 2>/dev/null || true; done
    rm -rf "$R"
}

setup() {
    export CORACLE_ROOT=$BATS_TEST_TMPDIR/root CORACLE_SESSION_IDLE=0
    usual_places
    rm -f "$CONF/policy.json"
}

teardown() {
    "$CORACLE" rmi -af >/dev/null 2>&1 || true
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Asked for in HTTP: a connection to a port that nobody has may meet itself.
wait_for_server() {
    local i
    for i in $(seq 200); do
        if curl -s -o /dev/null "http://127.0.0.1:$1/v2/"; then return 0; fi
        sleep 0.1
    done
    return 1
}

make_keys() {
    local who
    mkdir -m 700 "$R/.gnupg"
    for who in alice bob; do
        gpg --batch --quiet --passphrase '' --quick-gen-key "$who <$who@test>" ed25519 sign never 2>/dev/null
        gpg --batch --quiet --armor --export "$who@test" >"$R/keys/$who.asc"
    done
    gpg --batch --quiet --passphrase 'long words' --quick-gen-key "carol <carol@test>" ed25519 sign never 2>/dev/null
    gpg --batch --quiet --export carol@test >"$R/keys/carol.gpg"
    for who in good evil log; do
        "$BATS_TEST_DIRNAME/trust_keys.py" key "$R/keys/$who" secret
    done
    echo secret >"$R/keys/pass"
    echo wrong >"$R/keys/badpass"
    echo 'long words' >"$R/keys/carolpass"
}

# An OCI layout of one small layer.
make_image() {
    python3 - "$1" "$2" <<'PY'
import gzip, hashlib, io, json, os, sys, tarfile
out, word = sys.argv[1:]
os.makedirs(out + "/blobs/sha256")
def put(data):
    digest = hashlib.sha256(data).hexdigest()
    open(f"{out}/blobs/sha256/{digest}", "wb").write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}
raw = io.BytesIO()
with tarfile.open(fileobj=raw, mode="w") as tar:
    info = tarfile.TarInfo("file")
    info.size = len(word)
    tar.addfile(info, io.BytesIO(word.encode()))
arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"} | put(gzip.compress(raw.getvalue(), mtime=0))
config = put(json.dumps({"os": "linux", "architecture": arch, "config": {}, "rootfs": {"type": "layers",
    "diff_ids": ["sha256:" + hashlib.sha256(raw.getvalue()).hexdigest()]}}).encode())
manifest = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json"} | config, "layers": [layer]}).encode())
json.dump({"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json"} | manifest]}, open(out + "/index.json", "w"))
open(out + "/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
PY
}

# registries.d as most tests want it.
usual_places() {
    rm -f "$CONF/registries.d"/*
    places "lookaside: file://$R/sigs" "use-sigstore-attachments: true"
}
places() { # LINE… of the registry's section
    { printf 'docker:\n  %s:\n' "$REG"; printf '    %s\n' "$@"; } >"$CONF/registries.d/here.yaml"
}
policy() { # REQUIREMENT… : the default; docker's for the registry
    local IFS=,
    printf '{"default":[{"type":"reject"}],"transports":{"docker":{"%s":[%s]}}}' "$REG" "$*" >"$CONF/policy.json"
}
signed_by() { # KEYFILE [IDENTITY]
    printf '{"type":"signedBy","keyType":"GPGKeys","keyPath":"%s"%s}' "$R/keys/$1" "${2:+,\"signedIdentity\":$2}"
}
sigstore() { # KEYFILE [MORE]
    printf '{"type":"sigstoreSigned","keyPath":"%s"%s}' "$R/keys/$1" "${2:+,$2}"
}
lookaside() { echo "$R/sigs/$1@sha256=${DIGEST#sha256:}"; }
accepted() {
    run -0 "$CORACLE" pull -q "$REG/$1"
    run -0 "$CORACLE" rmi -f "$REG/$1"
}
# Refused with this in the one line, and nothing left.
refused() { # IMAGE PART…
    local image=$1 part
    shift
    run -125 --separate-stderr "$CORACLE" pull -q "$REG/$image"
    for part in "$@"; do
        [[ $stderr == *"$part"* ]] || { echo "missing: $part"; echo "in: $stderr"; return 1; }
    done
    [ "${#stderr_lines[@]}" = 1 ] || { echo "$stderr"; return 1; }
    [ -z "$("$CORACLE" images -aq)" ]
    [ -z "$(ls -A "$CORACLE_ROOT/staging" 2>/dev/null)" ]
    [ -z "$(ls -A "$CORACLE_ROOT/partial" 2>/dev/null)" ]
}

@test "GPG: signed by skopeo is accepted, by tag and by digest; unsigned and by another key is refused" {
    policy "$(signed_by alice.asc)"
    accepted t/gpg:1
    accepted "t/gpg@$DIGEST"
    refused t/plain:1 "Source image rejected: A signature was required, but no signature exists" "$R/sigs/t/plain"
    policy "$(signed_by bob.asc)"
    refused t/gpg:1 "Source image rejected: Signature by key" "does not trust this key"
    policy "$(signed_by alice.asc)" "$(signed_by bob.asc)"
    refused t/gpg:1 "does not trust this key"
}

@test "GPG: keyPaths and keyData" {
    policy '{"type":"signedBy","keyType":"GPGKeys","keyPaths":["'"$R/keys/bob.asc"'","'"$R/keys/alice.asc"'"]}'
    accepted t/gpg:1
    policy '{"type":"signedBy","keyType":"GPGKeys","keyData":"'"$(gpg --export alice@test | base64 -w0)"'"}'
    accepted t/gpg:1
    policy "$(signed_by missing.asc)"
    refused t/gpg:1 "open $R/keys/missing.asc: no such file or directory"
    policy "$(signed_by good.pub)"
    refused t/gpg:1 "No public keys imported"
}

@test "the user's own keyring does not make a key trusted" {
    # alice is in it; the policy names bob.
    policy "$(signed_by bob.asc)"
    gpg --list-keys alice@test >/dev/null
    refused t/gpg:1 "does not trust this key"
}

@test "a changed signature, a changed manifest, somebody else's signature" {
    policy "$(signed_by alice.asc)"
    mkdir -p "$(lookaside t/bad)"
    python3 - "$(lookaside t/gpg)/signature-1" "$(lookaside t/bad)/signature-1" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[-3] ^= 1
open(sys.argv[2], "wb").write(data)
PY
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/bad:1"
    refused t/bad:1 "Source image rejected: Invalid GPG signature"
    # A signature for the other manifest under this one's name.
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/other" "docker://$REG/t/gpg:changed"
    refused t/gpg:changed "A signature was required, but no signature exists"
    local other
    other=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/t/gpg:changed")
    mkdir -p "$R/sigs/t/gpg@sha256=${other#sha256:}"
    cp "$(lookaside t/gpg)/signature-1" "$R/sigs/t/gpg@sha256=${other#sha256:}/"
    refused t/gpg:changed "Signature for digest $DIGEST does not match $other"
    # Another image's signature, with the right digest.
    cp "$(lookaside t/gpg)/signature-1" "$(lookaside t/bad)/signature-1"
    refused t/bad:1 "Signature for identity $REG/t/gpg:1 is not accepted"
    # No OpenPGP at all, and one that is no signature.
    echo garbage >"$(lookaside t/bad)/signature-1"
    refused t/bad:1 "Invalid GPG signature"
    echo '{}' | gpg --batch --store >"$(lookaside t/bad)/signature-1"
    refused t/bad:1 "Invalid GPG signature"
    echo '{"critical":{}}' | gpg --batch -u alice@test -s >"$(lookaside t/bad)/signature-1"
    refused t/bad:1 "Invalid signature: payload has no member \"optional\""
    # One good one is enough.
    cp "$(lookaside t/gpg)/signature-1" "$R/good-signature"
    echo garbage >"$(lookaside t/gpg)/signature-1"
    cp "$R/good-signature" "$(lookaside t/gpg)/signature-2"
    accepted t/gpg:1
    mv "$(lookaside t/gpg)/signature-2" "$(lookaside t/gpg)/signature-1"
}

@test "GPG: a signing subkey of a trusted key is fine; expired and revoked keys are not" {
    local payload='{"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":"'$DIGEST'"},"identity":{"docker-reference":"'$REG'/t/keys:1"}},"optional":{}}'
    local sign=(gpg --batch --quiet --yes --passphrase "" --pinentry-mode loopback -o "$(lookaside t/keys)/signature-1")
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/keys:1"
    mkdir -p "$(lookaside t/keys)"
    gpg --batch --quiet --passphrase '' --quick-gen-key 'dora <dora@test>' ed25519 cert never 2>/dev/null
    local fingerprint=$(gpg --list-keys --with-colons dora@test | awk -F: '$1 == "fpr" { print $10; exit }')
    gpg --batch --quiet --passphrase '' --quick-add-key "$fingerprint" ed25519 sign never
    gpg --export dora@test >"$R/keys/dora.gpg"
    "${sign[@]}" -u dora@test -s <<<"$payload"
    policy "$(signed_by dora.gpg)"
    accepted t/keys:1
    # Good when it was made, but its key has expired since.
    gpg --batch --quiet --faked-system-time 20200101T000000 --passphrase '' --quick-gen-key 'old <old@test>' ed25519 sign 1y 2>/dev/null
    gpg --export old@test >"$R/keys/old.gpg"
    "${sign[@]}" --faked-system-time 20200201T000000 -u old@test -s <<<"$payload"
    policy "$(signed_by old.gpg)"
    refused t/keys:1 "Invalid GPG signature" "expired"
    # A signature with an end.
    gpg --batch --quiet --faked-system-time 20200101T000000 --passphrase '' --quick-gen-key 'eve <eve@test>' ed25519 sign never 2>/dev/null
    gpg --export eve@test >"$R/keys/eve.gpg"
    "${sign[@]}" --faked-system-time 20200201T000000 --default-sig-expire 1d -u eve@test -s <<<"$payload"
    policy "$(signed_by eve.gpg)"
    refused t/keys:1 "Invalid GPG signature" "expired"
    # Revoked.
    "${sign[@]}" -u dora@test -s <<<"$payload"
    sed 's/^:---/---/' "$R/.gnupg/openpgp-revocs.d/$fingerprint.rev" | gpg --batch --quiet --import 2>/dev/null
    gpg --export dora@test >"$R/keys/dora.gpg"
    policy "$(signed_by dora.gpg)"
    refused t/keys:1 "Invalid GPG signature" "revoked"
}

@test "identities: which names in a signature will do" {
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/gpg:2"
    policy "$(signed_by alice.asc)"
    refused t/gpg:2 "Signature for identity $REG/t/gpg:1 is not accepted"
    policy "$(signed_by alice.asc '{"type":"matchRepository"}')"
    accepted t/gpg:2
    policy "$(signed_by alice.asc '{"type":"matchExact"}')"
    accepted t/gpg:1
    refused "t/gpg@$DIGEST" "is not accepted"
    policy "$(signed_by alice.asc '{"type":"exactReference","dockerReference":"'"$REG"'/t/gpg:1"}')"
    accepted t/gpg:2
    policy "$(signed_by alice.asc '{"type":"exactRepository","dockerRepository":"vendor.test/app"}')"
    refused t/gpg:1 "is not accepted"
    # What the vendor signs under its own name is mirrored here.
    policy "$(signed_by alice.asc '{"type":"remapIdentity","prefix":"'"$REG"'/mirror","signedPrefix":"'"$REG"'/t"}')"
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/mirror/gpg:1"
    mkdir -p "$(lookaside mirror/gpg)" && cp "$(lookaside t/gpg)/signature-1" "$(lookaside mirror/gpg)/"
    accepted mirror/gpg:1
}

@test "scopes, and a policy that rejects" {
    printf '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"%s":[{"type":"reject"}],"%s/t/gpg":[{"type":"insecureAcceptAnything"}]}}}' \
        "$REG" "$REG" >"$CONF/policy.json"
    accepted t/gpg:1
    refused t/plain:1 "Source image rejected: Running image docker://$REG/t/plain:1 is rejected by policy."
    # --signature-policy takes the place of the file.
    echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$R/accept.json"
    run -0 "$CORACLE" pull -q --signature-policy "$R/accept.json" "$REG/t/plain:1"
    run -125 "$CORACLE" pull -q --signature-policy "$R/none.json" "$REG/t/plain:1"
    [[ $output == *"open $R/none.json: no such file or directory"* ]]
}

@test "a policy that is malformed or cannot be evaluated refuses, and says where" {
    local text
    echo '{"default":[' >"$CONF/policy.json"
    refused t/gpg:1 "invalid policy in \"$CONF/policy.json\"" "invalid JSON at line 2"
    echo '{"default":[{"type":"insecureAcceptAnything","typo":1}]}' >"$CONF/policy.json"
    refused t/gpg:1 "invalid policy in \"$CONF/policy.json\": default: [0]: Unknown key \"typo\""
    policy '{"type":"sigstoreSigned","fulcio":{"caPath":"/ca","oidcIssuer":"https://i","subjectEmail":"a@b"},"rekorPublicKeyPath":"/r"}'
    refused t/gpg:1 "Fulcio" "not built yet"
    policy '{"type":"signedBy","keyType":"X509Certificates","keyPath":"/k"}'
    refused t/gpg:1 "keyType X509Certificates is not implemented"
}

@test "lookaside over http; a server that is not there; malformed registries.d" {
    policy "$(signed_by alice.asc)"
    places "lookaside: http://127.0.0.1:$WEB"
    accepted t/gpg:1
    refused t/plain:1 "no signature exists (looked in http://127.0.0.1:$WEB/t/plain)"
    places "lookaside: http://127.0.0.1:1"
    run -125 "$CORACLE" pull -q --retry 0 "$REG/t/gpg:1"
    [[ $output == *"reading signature http://127.0.0.1:1/t/gpg@sha256="* ]]
    places "lookaside: ftp://127.0.0.1/"
    refused t/gpg:1 "unsupported scheme"
    printf 'docker:\n  a: {lookaside: [}\n' >"$CONF/registries.d/here.yaml"
    refused t/gpg:1 "$CONF/registries.d/here.yaml:2"
    printf 'docker:\n  %s:\n    use-sigstore-attachments: perhaps\n' "$REG" >"$CONF/registries.d/here.yaml"
    refused t/gpg:1 "use-sigstore-attachments is neither true nor false"
    usual_places
    cp "$CONF/registries.d/here.yaml" "$CONF/registries.d/more.yaml"
    refused t/gpg:1 "\"$REG\" is defined both in $CONF/registries.d/here.yaml and in $CONF/registries.d/more.yaml"
    rm "$CONF/registries.d/more.yaml"
    places "sigstore: file://$R/sigs" # the old name
    accepted t/gpg:1
}

@test "cosign: attached signatures, right and wrong key, unsigned, changed, other name" {
    policy "$(sigstore good.pub)"
    accepted t/cosign:1
    refused t/plain:1 "Source image rejected: A signature was required, but no signature exists"
    policy "$(sigstore evil.pub)"
    refused t/cosign:1 "cryptographic signature verification failed"
    policy "$(sigstore good.pub '"signedIdentity":{"type":"exactRepository","dockerRepository":"a.test/b"}')"
    refused t/cosign:1 "Signature for identity $REG/t/cosign:1 is not accepted"
    policy "$(sigstore alice.asc)"
    refused t/cosign:1 "there is no PEM block PUBLIC KEY"
    # cosign itself signs the repository alone.
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/repo:1"
    "$BATS_TEST_DIRNAME/trust_keys.py" attach "$REG" t/repo "$DIGEST" "$REG/t/repo" "$R/keys/good.pem"
    policy "$(sigstore good.pub)"
    refused t/repo:1 "Signature for identity $REG/t/repo is not accepted"
    policy "$(sigstore good.pub '"signedIdentity":{"type":"matchRepository"}')"
    accepted t/repo:1
    # For another manifest.
    local other=sha256:$(printf x | sha256sum | cut -c1-64)
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/other" "docker://$REG/t/repo:2"
    "$BATS_TEST_DIRNAME/trust_keys.py" attach "$REG" t/cosign "$other" "$REG/t/cosign:1" "$R/keys/good.pem"
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REG/v2/t/cosign/manifests/${other/:/-}.sig" >"$R/m"
    local there=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REG/t/repo:2")
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/other" "docker://$REG/t/cosign:2"
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$R/m" "http://$REG/v2/t/cosign/manifests/${there/:/-}.sig"
    refused t/cosign:2 "Signature for digest $other does not match $there"
    # Attachments are not even looked at where registries.d does not say so.
    places "lookaside: file://$R/sigs"
    refused t/cosign:1 "use-sigstore-attachments is not enabled"
}

@test "cosign: Ed25519 and RSA keys; keyData; the promise of a Rekor log" {
    local kind
    for kind in ED25519 RSA; do
        "$BATS_TEST_DIRNAME/trust_keys.py" key "$R/keys/$kind" secret $kind
        skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$R/image" "docker://$REG/t/${kind,,}:1"
        "$BATS_TEST_DIRNAME/trust_keys.py" attach "$REG" "t/${kind,,}" "$DIGEST" "$REG/t/${kind,,}:1" "$R/keys/$kind.pem"
        policy "$(sigstore $kind.pub)"
        accepted "t/${kind,,}:1"
    done
    policy '{"type":"sigstoreSigned","keyData":"'"$(base64 -w0 "$R/keys/good.pub")"'"}'
    accepted t/cosign:1
    policy "$(sigstore good.pub '"rekorPublicKeyPath":"'"$R/keys/log.pub"'"')"
    accepted t/cosign:1
    policy "$(sigstore good.pub '"rekorPublicKeyPath":"'"$R/keys/evil.pub"'"')"
    refused t/cosign:1 "Rekor: the log's promise is not signed by the log's key"
    policy "$(sigstore RSA.pub '"rekorPublicKeyPath":"'"$R/keys/log.pub"'"')"
    refused t/rsa:1 "missing dev.sigstore.cosign/bundle annotation"
}

@test "push --sign-by: skopeo accepts it; a second signature joins the first; --remove-signatures replaces" {
    "$CORACLE" pull -q "$REG/t/plain:1"
    run -0 --separate-stderr "$CORACLE" push --sign-by bob@test "$REG/t/plain:1" "$REG/t/mine:1"
    [[ $stderr == *"Writing manifest to image destination"*"Signing manifest using simple signing"*"Storing signatures"* ]]
    [ "$(ls "$(lookaside t/mine)")" = signature-1 ]
    policy "$(signed_by bob.asc)"
    run -0 skopeo --policy "$CONF/policy.json" copy -q --src-tls-verify=false "docker://$REG/t/mine:1" "dir:$BATS_TEST_TMPDIR/copy"
    "$CORACLE" rmi -f "$REG/t/plain:1"
    accepted t/mine:1
    rm "$CONF/policy.json"
    "$CORACLE" pull -q "$REG/t/plain:1"
    # gpg's passphrase from a file, and a wrong one, which sends nothing.
    run -125 "$CORACLE" push -q --sign-by carol@test --sign-passphrase-file "$R/keys/badpass" "$REG/t/plain:1" "$REG/t/none:1"
    [[ $output == *"creating signature: signing with GPG"* ]]
    run ! skopeo inspect --tls-verify=false "docker://$REG/t/none:1"
    "$CORACLE" push -q --sign-by carol@test --sign-passphrase-file "$R/keys/carolpass" "$REG/t/plain:1" "$REG/t/mine:1"
    [ "$(ls "$(lookaside t/mine)" | wc -l)" = 2 ]
    policy "$(signed_by bob.asc)" "$(signed_by carol.gpg)"
    "$CORACLE" rmi -f "$REG/t/plain:1"
    accepted t/mine:1
    rm "$CONF/policy.json"
    "$CORACLE" pull -q "$REG/t/plain:1"
    "$CORACLE" push -q --remove-signatures --sign-by bob@test "$REG/t/plain:1" "$REG/t/mine:1"
    [ "$(ls "$(lookaside t/mine)")" = signature-1 ]
    run -125 "$CORACLE" push -q --sign-by nobody@test "$REG/t/plain:1" "$REG/t/none:1"
    [[ $output == *"no secret key for 'nobody@test'"* ]]
    # Nowhere to put it: said before anything is sent; staging is where it goes.
    places "lookaside: http://127.0.0.1:$WEB"
    run -125 "$CORACLE" push -q --sign-by bob@test "$REG/t/plain:1" "$REG/t/none:1"
    [[ $output == *"Configure a lookaside-staging"* ]]
    run ! skopeo inspect --tls-verify=false "docker://$REG/t/none:1"
    places "lookaside: http://127.0.0.1:$WEB" "lookaside-staging: file://$R/staging"
    run -0 "$CORACLE" push -q --sign-by bob@test "$REG/t/plain:1" "$REG/t/staged:1"
    [ -s "$R/staging/t/staged@sha256=${DIGEST#sha256:}/signature-1" ]
}

@test "push --sign-by-sigstore-private-key: openssl verifies it, and so do we" {
    local line
    "$CORACLE" pull -q "$REG/t/plain:1"
    run -125 "$CORACLE" push -q --sign-by-sigstore-private-key "$R/keys/good.key" --sign-passphrase-file "$R/keys/badpass" "$REG/t/plain:1" "$REG/t/none:1"
    [[ $output == *"the passphrase of the sigstore private key is wrong"* ]]
    run ! skopeo inspect --tls-verify=false "docker://$REG/t/none:1"
    run -0 "$CORACLE" push --sign-by-sigstore-private-key "$R/keys/good.key" --sign-passphrase-file "$R/keys/pass" "$REG/t/plain:1" "$REG/t/star:1"
    [[ $output == *"Signing manifest using a sigstore signature"* ]]
    line=$("$BATS_TEST_DIRNAME/trust_keys.py" payload "$REG" t/star "$DIGEST")
    base64 -d <<<"${line% *}" >"$BATS_TEST_TMPDIR/signature"
    base64 -d <<<"${line#* }" >"$BATS_TEST_TMPDIR/payload"
    openssl dgst -sha256 -verify "$R/keys/good.pub" -signature "$BATS_TEST_TMPDIR/signature" "$BATS_TEST_TMPDIR/payload"
    [[ $(cat "$BATS_TEST_TMPDIR/payload") == *"\"docker-reference\":\"$REG/t/star:1\""*"\"docker-manifest-digest\":\"$DIGEST\""* ]]
    # A second one joins, with parameters in a file; both are needed then.
    printf 'privateKeyFile: "%s"\nprivateKeyPassphraseFile: %s\n' "$R/keys/evil.key" "$R/keys/pass" >"$R/params.yaml"
    "$CORACLE" push -q --sign-by-sigstore "$R/params.yaml" "$REG/t/plain:1" "$REG/t/star:1"
    [ "$("$BATS_TEST_DIRNAME/trust_keys.py" payload "$REG" t/star "$DIGEST" | wc -l)" = 2 ]
    policy "$(sigstore good.pub)" "$(sigstore evil.pub)"
    "$CORACLE" rmi -f "$REG/t/plain:1"
    accepted t/star:1
    policy "$(sigstore log.pub)"
    refused t/star:1 "None of the signatures were accepted, reasons: "
    rm "$CONF/policy.json"
    # Tags of signatures are not images.
    run -0 "$CORACLE" pull -q -a "$REG/t/star"
    [ "${#lines[@]}" = 1 ]
    printf 'privateKeyFile: x\nfulcio: {}\n' >"$R/params.yaml"
    run -125 "$CORACLE" push -q --sign-by-sigstore "$R/params.yaml" "$REG/t/star:1"
    [[ $output == *"Fulcio"*"not built yet"* ]]
    run -125 "$CORACLE" push -q --sign-by-sigstore-private-key "$R/keys/good.pem" --sign-passphrase-file "$R/keys/pass" "$REG/t/star:1"
    [[ $output == *"not an encrypted sigstore private key"* ]]
    places "lookaside: file://$R/sigs"
    run -125 "$CORACLE" push -q --sign-by-sigstore-private-key "$R/keys/good.key" --sign-passphrase-file "$R/keys/pass" "$REG/t/star:1"
    [[ $output == *"use-sigstore-attachments is not enabled"* ]]
}

@test "image sign: for what is in a registry; podman's messages" {
    run -0 "$CORACLE" image sign --sign-by bob@test "docker://$REG/t/plain:1"
    policy "$(signed_by bob.asc)"
    accepted t/plain:1
    rm -r "$(lookaside t/plain)"
    run -0 "$CORACLE" image sign --sign-by bob@test -d "$BATS_TEST_TMPDIR/own" "docker://$REG/t/plain:1"
    [ -s "$BATS_TEST_TMPDIR/own/t/plain@sha256=${DIGEST#sha256:}/signature-1" ]
    run -125 "$CORACLE" image sign "docker://$REG/t/plain:1"
    [ "$output" = "Error: please provide an identity" ]
    run -125 "$CORACLE" image sign --sign-by bob@test plain
    [[ $output == *'Invalid image name "plain", expected colon-separated transport:reference'* ]]
    run -125 "$CORACLE" image sign --all --sign-by bob@test "docker://$REG/t/plain:1"
    [[ $output == *"is not a multi-architecture image (manifest type application/vnd.oci.image.manifest.v1+json)"* ]]
    # No session was needed for that one.
    run ! pgrep -f "coracle-session.*$CORACLE_ROOT"
}

@test "of a list the manifest of the chosen image is what is verified" {
    local arch list
    arch=$(sed -n 's/.*"architecture": "\([^"]*\)".*/\1/p' "$R"/image/blobs/sha256/* | head -n 1)
    list='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$DIGEST'","size":'$(wc -c <"$R/image/blobs/sha256/${DIGEST#sha256:}")',"platform":{"os":"linux","architecture":"'$arch'"}}]}'
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "$list" "http://$REG/v2/t/plain/manifests/list"
    # The list alone, then its images: as with podman, the first does not help.
    "$CORACLE" image sign --sign-by bob@test -d "$R/sigs" "docker://$REG/t/plain:list"
    policy "$(signed_by bob.asc)"
    refused t/plain:list "no signature exists"
    "$CORACLE" image sign --all --sign-by bob@test "docker://$REG/t/plain:list"
    accepted t/plain:list
    run -0 skopeo --policy "$CONF/policy.json" copy -q --src-tls-verify=false "docker://$REG/t/plain:list" "dir:$BATS_TEST_TMPDIR/copy"
    rm -r "$R"/sigs/t/plain@*
}

@test "load, pull of files and import follow the policy; dir: has signatures of its own" {
    local d=$BATS_TEST_TMPDIR/d
    skopeo copy -q --insecure-policy "oci:$R/image" "docker-archive:$BATS_TEST_TMPDIR/a.tar:localhost/a:1"
    policy "$(signed_by alice.asc)"
    run -125 "$CORACLE" load -i "$BATS_TEST_TMPDIR/a.tar"
    [[ $output == *"Source image rejected: Running image docker-archive:$BATS_TEST_TMPDIR/a.tar is rejected by policy."* ]]
    run -125 "$CORACLE" import "$BATS_TEST_TMPDIR/a.tar"
    [[ $output == *"Running image tarball:- is rejected by policy."* ]]
    [ -z "$("$CORACLE" images -aq)" ]
    echo '{"default":[{"type":"reject"}],"transports":{"docker-archive":{"":[{"type":"insecureAcceptAnything"}]},"oci":{"'"$R"'":[{"type":"insecureAcceptAnything"}]}}}' >"$CONF/policy.json"
    run -0 "$CORACLE" load -i "$BATS_TEST_TMPDIR/a.tar"
    run -0 "$CORACLE" pull -q "oci:$R/image"
    echo '{"default":[{"type":"reject"}],"transports":{"dir":{"'"$BATS_TEST_TMPDIR"'":['"$(signed_by alice.asc)"']}}}' >"$CONF/policy.json"
    skopeo copy -q --insecure-policy --sign-by alice@test --sign-identity a.test/b:1 "oci:$R/image" "dir:$d"
    run -125 "$CORACLE" pull -q "dir:$d"
    [[ $output == *"no known Docker reference identity"* ]]
    echo '{"default":[{"type":"reject"}],"transports":{"dir":{"'"$BATS_TEST_TMPDIR"'":['"$(signed_by alice.asc '{"type":"exactReference","dockerReference":"a.test/b:1"}')"']}}}' >"$CONF/policy.json"
    run -0 "$CORACLE" pull -q "dir:$d"
    rm "$d/signature-1"
    run -125 "$CORACLE" pull -q "dir:$d"
    [[ $output == *"A signature was required, but no signature exists"* ]]
}

@test "run of an image that is here asks nobody; its pull does" {
    "$CORACLE" pull -q "$REG/t/plain:1"
    echo 'no policy at all' >"$CONF/policy.json"
    run -0 "$CORACLE" create --name c "$REG/t/plain:1" true
    "$CORACLE" rm c
    policy "$(signed_by alice.asc)"
    run -125 "$CORACLE" create "$REG/t/cosign:1" true
    [[ $output == *"Source image rejected: A signature was required"* ]]
}

@test "image trust show and set, as podman prints" {
    cat >"$BATS_TEST_TMPDIR/p.json" <<JSON
{"default":[{"type":"reject"}],"transports":{"docker":{"docker.io/library":[{"type":"insecureAcceptAnything"}],
 "registry.test":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"$R/keys/alice.asc"}],
 "s.test/x":[{"type":"sigstoreSigned","keyPath":"$R/keys/good.pub"}],"":[{"type":"reject"}]},
 "docker-daemon":{"":[{"type":"insecureAcceptAnything"}]}}}
JSON
    mkdir "$BATS_TEST_TMPDIR/d"
    printf 'default-docker:\n  lookaside: https://default.test/sig\ndocker:\n  registry.test:\n    lookaside: https://reg.test/sigs\n' >"$BATS_TEST_TMPDIR/d/a.yaml"
    local flags=(--policypath "$BATS_TEST_TMPDIR/p.json" --registrypath "$BATS_TEST_TMPDIR/d") format
    mkdir "$BATS_TEST_TMPDIR/bin" && ln -s "$(command -v gpg)" "$BATS_TEST_TMPDIR/bin/gpg2" # podman's name for it
    if command -v podman >/dev/null; then
        for format in "" --json --raw -n; do
            run -0 "$CORACLE" image trust show "${flags[@]}" $format
            [ "$output" = "$(PATH=$BATS_TEST_TMPDIR/bin:$PATH STORAGE_DRIVER= podman image trust show "${flags[@]}" $format 2>/dev/null)" ]
        done
    fi
    run -0 "$CORACLE" image trust show "${flags[@]}"
    [[ $output == *"registry.test      signed          alice@test  https://reg.test/sigs"* ]]
    run -0 "$CORACLE" image trust set --policypath "$BATS_TEST_TMPDIR/q.json" -t reject default
    run -0 "$CORACLE" image trust set --policypath "$BATS_TEST_TMPDIR/q.json" -t signedBy -f "$R/keys/alice.asc" "$REG/t"
    run -0 "$CORACLE" image trust set --policypath "$BATS_TEST_TMPDIR/q.json" -t accept quay.test
    run -0 "$CORACLE" image trust show -n --policypath "$BATS_TEST_TMPDIR/q.json"
    [ "${#lines[@]}" = 3 ]
    run -0 "$CORACLE" pull -q --signature-policy "$BATS_TEST_TMPDIR/q.json" "$REG/t/gpg:1"
    run -125 "$CORACLE" pull -q --signature-policy "$BATS_TEST_TMPDIR/q.json" "$REG/t/plain:1"
    run -125 "$CORACLE" image trust set --policypath "$BATS_TEST_TMPDIR/q.json" -t bla x.test
    [ "$output" = "Error: invalid choice: bla (choose from 'accept', 'reject', 'signedBy', 'sigstoreSigned')" ]
    run -125 "$CORACLE" image trust set --policypath "$BATS_TEST_TMPDIR/q.json" -t signedBy x.test
    [ "$output" = "Error: at least one public key must be defined for type 'signedBy'" ]
    # Without a file of one's own, one is made from the system's.
    run -0 "$CORACLE" image trust set -t reject evil.test
    run -0 "$CORACLE" image trust show --raw
    [[ $output == *'"evil.test"'* ]]
}
