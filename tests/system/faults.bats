#!/usr/bin/env bats
# What goes wrong between a registry and us: each fault is overcome, or has a message of its own and leaves nothing.
load suite
load registry

# Three layers, the second of a megabyte that does not compress; and one of twelve.
setup_file() {
    need docker-registry skopeo python3 openssl
    start_root
    export HOME=$FILE_DIR/home REGISTRY_AUTH_FILE=$FILE_DIR/auth.json CONTAINERS_REGISTRIES_CONF=$FILE_DIR/registries.conf
    mkdir -p "$HOME"
    echo '{}' >"$REGISTRY_AUTH_FILE"
    start_registry
    export PLAIN R BACKEND=${PLAIN#*:}
    python3 "$TESTS/registry_image.py" "$FILE_DIR/img" 100 1000000 5000
    python3 "$TESTS/registry_image.py" "$FILE_DIR/big" 12000000
    skopeo_copy "oci:$FILE_DIR/img" "docker://$PLAIN/t/img:1"
    skopeo_copy "oci:$FILE_DIR/big" "docker://$PLAIN/t/big:1"
    make_certificates
    second_registry tls 127.0.0.1 ", tls: {certificate: $FILE_DIR/server.crt, key: $FILE_DIR/server.key}"
    export SECURE=$SECOND_PORT SIX=
    if python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null; then
        second_registry six "[::1]"
        SIX="[::1]:$SECOND_PORT"
    fi
    export SIX
}

# Another way to the same content: NAME ADDRESS [MORE OF ITS CONFIGURATION]; sets SECOND_PORT.
second_registry() {
    local d=$FILE_DIR/registry.$1
    mkdir -p "$d"
    SECOND_PORT=$(free_port)
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: "%s:%s"%s}\n' \
        "$R" "$2" "$SECOND_PORT" "${3:-}" >"$d/registry.yml"
    env -u REGISTRY_AUTH_FILE docker-registry serve "$d/registry.yml" >"$d/registry.log" 2>&1 3>&- &
    echo $! >"$d/registry.pid"
    [[ $2 == *:* ]] || wait_for_port "$SECOND_PORT"
}

# For localhost and registry.test, of an authority that is in $FILE_DIR/certs alone.
make_certificates() (
    mkdir -p "$FILE_DIR/certs"
    cd "$FILE_DIR"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out certs/ca.crt 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr 2>/dev/null
    openssl x509 -req -in server.csr -CA certs/ca.crt -CAkey ca.key -CAserial serial -CAcreateserial -days 2 -out server.crt \
        -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test") 2>/dev/null
)

teardown_file() {
    stop_registries
    end_root
}

setup() {
    unset XDG_RUNTIME_DIR
    insecure "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    PIDS=()
}

teardown() {
    local pid
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    coracle rmi -fa >/dev/null
    rm -rf "$ROOT/partial"
    clean
    store_is_clean
}

# A faulty registry in front of the plain one. Sets F ("127.0.0.1:PORT") and LOG, its requests.
faulty() {
    LOG=$BATS_TEST_TMPDIR/log.${#PIDS[@]}
    "$TESTS/faulty_registry.py" "$BACKEND" "$@" >"$LOG.port" 2>"$LOG" 3>&- &
    PIDS+=($!)
    eventually test -s "$LOG.port"
    F=127.0.0.1:$(cat "$LOG.port")
    insecure "$F" >>"$CONTAINERS_REGISTRIES_CONF"
}

# Bytes of blobs that went out.
sent() { awk '/^sent / { n += $2 } END { print n + 0 }' "$LOG"; }
blob_bytes() { du -bc "$FILE_DIR/$1"/blobs/sha256/* | awk '{ n = $1 } END { print n }'; }

# The fault MODE… (before --) makes a pull of what stands behind -- fail with these words; nothing is left.
refused() {
    local modes=()
    while [ "$1" != -- ]; do modes+=("$1"); shift; done
    shift
    faulty "${modes[@]}"
    run -125 --separate-stderr coracle pull -q --retry "${RETRY:-1}" --retry-delay 1ms "$F/t/img${REF:-:1}"
    one_error "$@" || fail "with ${modes[*]}: $stderr"
    is "$(coracle images -aq)" "" "images after ${modes[*]}"
    store_is_clean
    nothing_left
}

completes() {
    faulty "$@"
    run -0 coracle pull -q --retry-delay 10ms "$F/t/img:1"
    store_is_clean
    coracle rmi -fa >/dev/null
}

@test "answers that are too slow, too short, too long, endless" {
    export CORACLE_REGISTRY_STALL=1
    RETRY=0
    refused slow=1000 -- "too slow"
    refused stall -- "too slow"
    RETRY=1
    refused short -- "were announced"
    refused cut=2000 -- "closed with"
    refused reset=2000 -- "reset"
    refused long -- "more bytes than"
    refused huge -- "more bytes than"
    [ "$(sent)" -lt $(($(blob_bytes img) + 30000000)) ] # what sockets and pipes hold on the way
}

@test "answers that are wrong" {
    refused flip -- "the gzip checksum does not match"
    refused flip-header -- "digest of the archive is sha256:" "was expected"
    REF=@$(skopeo inspect --tls-verify=false "docker://$PLAIN/t/img:1" | jq -r .Digest)
    refused manifest-flip -- "its content has the digest"
    unset REF
    refused manifest-huge -- "more bytes than"
    refused once-reset=300000 wrong-range -- "sends from byte 0"
    refused loop -- "redirects"
}

@test "registries that cannot, will not, or are not there" {
    refused 500 -- "unexpected HTTP status 500"
    refused always-429 -- "toomanyrequests"
    run -125 --separate-stderr coracle pull -q --retry 0 "registry.invalid/t/img:1"
    one_error "could not resolve host" "registry.invalid"
    run -125 --separate-stderr coracle pull -q --retry 0 "127.0.0.1:1/t/img:1"
    one_error "connect"
    run -125 --separate-stderr coracle pull -q "$PLAIN/t/none:1"
    one_error "manifest unknown"
    nothing_left
}

@test "faults that pass are overcome, without asking twice for a byte" {
    export CORACLE_REGISTRY_STALL=1
    local mode
    for mode in "once-reset=300000" "once-slow=300000" "once-reset=700000 416" "429" "503" "cut=400000"; do
        # shellcheck disable=SC2086
        completes $mode
        case $mode in
            *416) ;; # there all of it comes again
            # What was under way when the connection broke is lost.
            *) [ "$(sent)" -le $(($(blob_bytes img) + 1000000)) ] || fail "$mode: $(sent) bytes" ;;
        esac
    done
    completes once-reset=200000 no-range
    completes no-head
}

@test "a pull that broke off goes on within the layer, also after a kill" {
    faulty cut=500000
    run -125 coracle pull -q --retry 0 "$F/t/img:1"
    is "$(stat -c %s "$ROOT"/partial/* | sort -n | tail -n 1)" 500000
    nothing_left
    faulty
    run -0 coracle pull -q "$F/t/img:1"
    grep -q 'bytes=500000-' "$LOG"
    [ "$(sent)" -lt $(($(blob_bytes img) - 450000)) ]
    coracle rmi -fa >/dev/null
    # Killed while a slow registry still sends.
    faulty slow=600000
    "$CORACLE" --root "$ROOT" pull -q "$F/t/img:1" 3>&- &
    eventually eval "[ \$(stat -c %s '$ROOT'/partial/* 2>/dev/null | sort -n | tail -n 1) -ge 600000 ]"
    kill -KILL $!
    wait $! || true
    faulty
    run -0 coracle pull -q "$F/t/img:1"
    grep -qE 'bytes=6[0-9]{5}-' "$LOG"
}

@test "an artifact's pull that broke off goes on within the blob, also after a kill" {
    local file=$BATS_TEST_TMPDIR/file digest
    head -c 2000000 /dev/urandom >"$file"
    digest=$(sha256sum "$file")
    coracle artifact add "$PLAIN/a/file:1" "$file" >/dev/null
    coracle artifact push -q "$PLAIN/a/file:1"
    coracle artifact rm "$PLAIN/a/file:1" >/dev/null
    faulty cut=500000
    run -125 coracle artifact pull -q --retry 0 "$F/a/file:1"
    is "$(stat -c %s "$ROOT"/partial/*)" 500000
    nothing_left
    faulty slow=600000
    "$CORACLE" --root "$ROOT" artifact pull -q "$F/a/file:1" 3>&- &
    eventually eval "[ \$(stat -c %s '$ROOT'/partial/* 2>/dev/null | sort -n | tail -n 1) -ge 700000 ]"
    kill -KILL $!
    wait $! || true
    grep -q 'bytes=500000-' "$LOG"
    # What is kept is wrong: noticed, and fetched from its start.
    printf xxxx | dd of="$(ls "$ROOT"/partial/*)" conv=notrunc bs=1 seek=1000 status=none
    faulty
    run -0 coracle artifact pull -q "$F/a/file:1"
    grep -qE 'bytes=[0-9]+-' "$LOG"
    is "$(ls "$ROOT/partial")" ""
    coracle artifact extract "$F/a/file:1" "$file.out"
    is "$(sha256sum <"$file.out")" "${digest%% *}  -"
    coracle artifact rm "$F/a/file:1" >/dev/null
}

@test "two pulls of the same at once share the work" {
    faulty
    "$CORACLE" --root "$ROOT" pull -q "$F/t/img:1" >"$BATS_TEST_TMPDIR/first" 3>&- &
    run -0 coracle pull -q "$F/t/img:1"
    wait $!
    is "$(cat "$BATS_TEST_TMPDIR/first")" "$output"
    # The config is asked for by each who has not seen the other one's image; the layers once.
    [ "$(sent)" -le $(($(blob_bytes img) + 2000)) ]
}

@test "uploads: what broke off goes on; a registry that forgets; one that wants parts" {
    local mode digest patches
    digest=$(skopeo inspect --tls-verify=false "docker://$PLAIN/t/big:1" | jq -r .Digest)
    run -0 coracle pull -q "$PLAIN/t/big:1"
    coracle untag "$PLAIN/t/big:1"
    for mode in "upload-reset=5000000" "upload-reset=5000000 forget" "max-body=9000000"; do
        # shellcheck disable=SC2086
        faulty $mode
        run -0 coracle push -q --retry-delay 10ms --digestfile "$BATS_TEST_TMPDIR/digest" "$(coracle images -q)" "$F/up${#PIDS[@]}/x:1"
        is "$(cat "$BATS_TEST_TMPDIR/digest")" "$digest"
        skopeo inspect --tls-verify=false "docker://$PLAIN/up${#PIDS[@]}/x:1" | grep -qF "$digest"
        patches=$(grep -c '^PATCH' "$LOG")
        [ "$patches" -ge 2 ] || fail "$mode: $(cat "$LOG")"
    done
}

@test "tokens that expire while layers are on their way up" {
    run -0 coracle pull -q "$PLAIN/t/img:1"
    run -0 coracle pull -q "$PLAIN/t/big:1"
    faulty token
    run -0 coracle push -q --creds me:secret "$PLAIN/t/img:1" "$F/expires/x:1"
    run -0 coracle push -q --creds me:secret "$PLAIN/t/big:1" "$F/expires/y:1"
    [ "$(grep -c 'GET /token' "$LOG")" -ge 4 ]
    skopeo_copy "docker://$PLAIN/expires/y:1" "dir:$BATS_TEST_TMPDIR/copy"
}

@test "a blob that the registry has elsewhere is mounted, not sent" {
    faulty
    run -0 coracle pull -q "$F/t/img:1"
    run -0 coracle push -q "$F/t/img:1" "$F/mounted/x:1"
    is "$(grep -cE '^POST .*[?&]mount=sha256:[0-9a-f]*&from=t/img ' "$LOG")" 4
    ! grep -qE '^(PATCH|PUT) .*/blobs/' "$LOG"
    skopeo_copy "docker://$PLAIN/mounted/x:1" "dir:$BATS_TEST_TMPDIR/copy"
}

@test "foreign layers come from where they are kept, without credentials, and are not pushed" {
    faulty
    local elsewhere=$F elsewhere_log=$LOG layer
    python3 "$TESTS/registry_image.py" "$FILE_DIR/foreign" 2000 3000 "foreign=http://$elsewhere/v2/t/kept/blobs/"
    layer=$(jq -r '.layers[1].digest' "$FILE_DIR/foreign/blobs/sha256/$(jq -r '.manifests[0].digest' "$FILE_DIR/foreign/index.json" | cut -d: -f2)")
    # The layer itself is in another repository; the manifest's own has all but that.
    python3 "$TESTS/registry_image.py" "$FILE_DIR/kept" 2000 3000
    skopeo_copy "oci:$FILE_DIR/kept" "docker://$PLAIN/t/kept:1"
    skopeo_copy "oci:$FILE_DIR/foreign" "docker://$PLAIN/t/foreign:1"
    faulty ask
    run -0 coracle pull -q --creds me:secret "$F/t/foreign:1"
    grep -qE "^GET /v2/t/kept/blobs/$layer - -\$" "$elsewhere_log"
    ! grep -q "/blobs/$layer" "$LOG"
    run -0 coracle push -q --creds me:secret "$F/t/foreign:1" "$F/t/foreign2:1"
    ! grep -q "/blobs/$layer" "$LOG"
    # Where nobody has it any more, the registry is asked.
    kill "${PIDS[0]}"
    coracle rmi -fa >/dev/null
    run coracle pull -q --retry 0 --creds me:secret "$F/t/foreign:1"
    grep -q "^GET .*/blobs/$layer - Basic" "$LOG"
}

@test "proxies of the environment" {
    faulty proxy
    printf '[[registry]]\nlocation = "registry.test"\ninsecure = true\n' >>"$CONTAINERS_REGISTRIES_CONF"
    http_proxy=http://$F run -0 coracle pull -q registry.test/t/img:1
    grep -q '^PROXY http://registry.test/v2/t/img/manifests/1' "$LOG"
    coracle rmi -fa >/dev/null
    HTTP_PROXY=http://$F NO_PROXY=other.test run -0 coracle pull -q registry.test/t/img:1
    http_proxy=http://$F no_proxy=registry.test run -125 coracle pull -q registry.test/t/none:1
    has "${output,,}" "could not resolve"
    https_proxy=http://$F run -0 coracle pull -q --cert-dir "$FILE_DIR/certs" "registry.test:$SECURE/t/big:1"
    grep -q "^CONNECT registry.test:$SECURE" "$LOG"
}

@test "HTTP/2 where it is offered; an authority that is not known" {
    run -125 --separate-stderr coracle pull -q "127.0.0.1:$SECURE/t/img:1"
    one_error certificate
    nothing_left
    run -0 coracle --log-level debug pull -q --cert-dir "$FILE_DIR/certs" "127.0.0.1:$SECURE/t/big:1"
    has "$output" "HTTP/2 200"
    run -0 coracle push -q --cert-dir "$FILE_DIR/certs" "127.0.0.1:$SECURE/t/big:1" "127.0.0.1:$SECURE/h2/big:1"
    # Confined how? Said, where something is missing.
    run -0 coracle --log-level debug pull -q --cert-dir "$FILE_DIR/certs" "127.0.0.1:$SECURE/t/img:1"
    if [[ $output == *"without Landlock"* ]]; then
        coracle doctor | grep -q 'landlock'
    fi
}

@test "IPv6" {
    [ -n "$SIX" ] || skip "no ::1 here"
    insecure "$SIX" >>"$CONTAINERS_REGISTRIES_CONF"
    eventually coracle pull -q --retry 0 "$SIX/t/img:1"
    run -0 coracle push -q "$SIX/t/img:1" "$SIX/six/img:2"
    coracle image exists "$SIX/t/img:1"
}

@test "tokens that expire in the middle of a list; lists in pages, and without end" {
    local i
    for i in 1 2 3 4 5 6 7; do skopeo_copy "docker://$PLAIN/t/img:1" "docker://$PLAIN/t/tags:v$i"; done
    faulty token pages=1
    run -0 coracle pull -q -a --creds me:secret "$F/t/tags"
    is "${#lines[@]}" 7
    [ "$(grep -c 'GET /token' "$LOG")" -ge 3 ]
    coracle rmi -fa >/dev/null
    faulty endless
    run -125 --separate-stderr coracle pull -q -a "$F/t/tags"
    one_error "circles"
    faulty token
    run -125 --separate-stderr coracle pull -q --creds me:wrong "$F/t/img:1"
    one_error unauthorized
    nothing_left
}

@test "a full disk: one message, nothing half-made, and it works when there is room" {
    unshare -Urm --map-auto true 2>/dev/null || skip "no user namespaces with ids"
    cat >"$FILE_DIR/full" <<SCRIPT
mkdir -p $FILE_DIR/small
mount -t tmpfs -o size=8m small $FILE_DIR/small
c="$CORACLE --root $FILE_DIR/small/root"
# Several times: wherever in the transfer it is, the message is about the disk.
for i in 1 2 3 4; do \$c pull -q $PLAIN/t/big:1 2>>$FILE_DIR/err; done
\$c pull -q $PLAIN/t/big:1 2>>$FILE_DIR/err
echo "code \$?"
\$c images -q | wc -l
ls -A $FILE_DIR/small/root/layers $FILE_DIR/small/root/staging $FILE_DIR/small/root/blobs/sha256 | grep -c '^[0-9a-z]\{8,\}\$'
mount -o remount,size=100m $FILE_DIR/small
\$c system check >/dev/null; echo "check \$?"
\$c pull -q $PLAIN/t/big:1 >/dev/null; echo "again \$?"
CORACLE_SESSION_IDLE=0 \$c ps >/dev/null
sleep 2
SCRIPT
    run unshare -Urm --map-auto bash "$FILE_DIR/full"
    is "$output" $'code 125\n0\n0\ncheck 0\nagain 0' "$(cat "$FILE_DIR/err")"
    is "$(wc -l <"$FILE_DIR/err")" 5 "$(cat "$FILE_DIR/err")"
    is "$(grep -c "^Error: .*No space left" "$FILE_DIR/err")" 5 "$(cat "$FILE_DIR/err")"
}
