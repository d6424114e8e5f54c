#!/usr/bin/env bats
# Manifest lists, indexes, and the formats of push, with Debian's docker-registry on loopback, skopeo and podman as peers.

load suite
load registry

setup_file() {
    need docker-registry skopeo podman
    start_root bb
    start_registry
    use_registry
    skopeo copy -q --insecure-policy --dest-tls-verify=false --multi-arch all "oci:$IMAGES/platforms.oci" "docker://$REG/t/multi:1"
    # Docker's manifest with gzip layers, as podman makes it.
    podman push -q --tls-verify=false --format v2s2 localhost/bb "$REG/t/docker:1"
}

teardown_file() {
    stop_registries
    end_root
}

teardown() {
    coracle rmi -af >/dev/null
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    clean
}

raw() { skopeo inspect --raw --tls-verify=false "docker://$REG/$1"; }
digest_of() { raw "$1" | sha256sum | sed 's/ .*//;s/^/sha256:/'; }
# A member of a document: json '["manifests"][0]["digest"]'
json() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
# All of it can be fetched by somebody else, every platform, every digest right.
skopeo_takes() { skopeo copy -q --insecure-policy --src-tls-verify=false --multi-arch all "docker://$REG/$1" "dir:$(mktemp -d "$BATS_TEST_TMPDIR/copy.XXX")"; }
# A document under a tag, whatever it says: put MEDIA-TYPE NAME:TAG <document
put() {
    curl -sf -X PUT -H "Content-Type: $1" --data-binary @- "http://$REG/v2/${2%:*}/manifests/${2##*:}"
}

@test "create, add, inspect, exists, rm: podman's words and exit codes" {
    run -0 coracle manifest create list
    local id=$output
    matches "$id" '^[0-9a-f]{64}$'
    run -125 --separate-stderr coracle manifest create list
    one_error 'image name "localhost/list:latest" is already associated with image "'"$id"'": that name is already in use'
    run -0 coracle manifest create --amend list
    is "$output" "$id"
    run -0 coracle manifest add list containers-storage:localhost/bb
    is "$output" "$id"
    run -0 coracle manifest inspect list
    is "$(json '["manifests"][0]["platform"]["os"]' <<<"$output")" linux
    run -0 coracle manifest exists list
    run -1 coracle manifest exists nothing
    run -125 --separate-stderr coracle manifest exists bb
    one_error 'localhost/bb:latest: image is not a manifest list'
    run -125 coracle manifest rm bb
    run -1 coracle manifest rm nothing
    run -125 coracle manifest add nothing bb
    run -0 coracle manifest rm list
    is "${lines[0]}" "Untagged: localhost/list:latest"
    is "${lines[1]}" "Deleted: $id"
    store_is_clean
}

@test "the same lists as podman's, to the byte" {
    local c p
    coracle manifest create list >/dev/null
    podman manifest create list >/dev/null
    coracle manifest add --all list "docker://$REG/t/multi:1" >/dev/null
    podman manifest add --tls-verify=false --all list "docker://$REG/t/multi:1" >/dev/null
    is "$(coracle manifest inspect list)" "$(podman manifest inspect list)"
    local digest
    digest=$(coracle manifest inspect list | json '["manifests"][1]["digest"]')
    local args=(--os-version 1 --variant v8 --annotation k=v list "$digest")
    coracle manifest annotate "${args[@]}" >/dev/null
    podman manifest annotate "${args[@]}" >/dev/null
    is "$(coracle manifest inspect list)" "$(podman manifest inspect list)"
    coracle manifest push -q --digestfile "$BATS_TEST_TMPDIR/c" list "$REG/c/list:1"
    podman manifest push -q --tls-verify=false --digestfile "$BATS_TEST_TMPDIR/p" list "$REG/p/list:1"
    c=$(cat "$BATS_TEST_TMPDIR/c") p=$(cat "$BATS_TEST_TMPDIR/p")
    is "$c" "$p" "digest of the list"
    skopeo_takes c/list:1
    # And with both converted to Docker's form, images included.
    coracle manifest push -q --format v2s2 --digestfile "$BATS_TEST_TMPDIR/c" list "$REG/c/list:2"
    podman manifest push -q --tls-verify=false --format v2s2 --digestfile "$BATS_TEST_TMPDIR/p" list "$REG/p/list:2"
    is "$(cat "$BATS_TEST_TMPDIR/c")" "$(cat "$BATS_TEST_TMPDIR/p")" "digest of Docker's list"
    podman manifest rm list >/dev/null
}

@test "a list is an image among images: listed, tagged, run, removed" {
    coracle manifest create list containers-storage:localhost/bb >/dev/null
    run -0 coracle images --format '{{.Repository}}:{{.Tag}}'
    has "$output" localhost/list:latest
    run -0 coracle image exists list
    coracle tag list other
    run -0 coracle run --rm list echo hi
    is "$output" hi
    is "$(coracle inspect -f '{{.Id}}' list)" "$(coracle inspect -f '{{.Id}}' bb)"
    run -0 coracle rmi list
    is "$output" "Untagged: localhost/list:latest"
    run -0 coracle rmi bb # the list is no reason to keep it
    run -125 --separate-stderr coracle run --rm other true
    one_error "not here"
    run -125 --separate-stderr coracle manifest push -q other "$REG/c/gone:1"
    one_error "image not known"
    coracle manifest rm other >/dev/null
    store_is_clean
}

@test "images that are only in a registry: chosen, pushed to another place without being pulled" {
    coracle manifest create list >/dev/null
    coracle manifest add --arch arm64 list "docker://$REG/t/multi:1" >/dev/null
    run -0 coracle manifest inspect list
    is "$(json '["manifests"][0]["platform"]["architecture"]' <<<"$output")" arm64
    is "$(json '["manifests"][0]["digest"]' <<<"$output")" "$(raw t/multi:1 | json '["manifests"][1]["digest"]')"
    coracle manifest push -q list "$REG/c/far:1"
    skopeo_takes c/far:1
    is "$(coracle images -q | wc -l)" 2 # bb and the list
}

@test "manifest inspect of what is in a registry; of one image too" {
    run -0 coracle manifest inspect "$REG/t/multi:1"
    is "$(json '["manifests"][1]["platform"]["architecture"]' <<<"$output")" arm64
    run -0 --separate-stderr coracle manifest inspect "$REG/t/docker:1"
    is "$(json '["config"]["mediaType"]' <<<"$output")" application/vnd.docker.container.image.v1+json
    has "$stderr" "not a manifest list but a single image"
    run -125 coracle manifest inspect "$REG/t/nothing:1"
}

@test "manifest inspect of what is in a registry needs no user namespace" {
    local none='echo 0 >/proc/sys/user/max_user_namespaces; exec "$0" --root "$1" manifest inspect "$2"'
    unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces' 2>/dev/null || skip "no user namespace to take them away in"
    run -0 --separate-stderr unshare -Ur sh -c "$none" "$CORACLE" "$FILE_DIR/none" "$REG/t/multi:1"
    is "$output" "$(coracle manifest inspect "$REG/t/multi:1")"
    is "$stderr" ""
    run -0 --separate-stderr unshare -Ur sh -c "$none" "$CORACLE" "$FILE_DIR/none" "$REG/t/docker:1"
    has "$stderr" "not a manifest list but a single image"
    # What only a store can have is not asked for elsewhere.
    run -125 --separate-stderr unshare -Ur sh -c "$none" "$CORACLE" "$FILE_DIR/none" localhost/list
    has "$stderr" "user namespace"
    run -125 --separate-stderr unshare -Ur sh -c "$none" "$CORACLE" "$FILE_DIR/none" "$REG/t/nothing:1"
    one_error "loading manifest \"docker://$REG/t/nothing:1\""
}

@test "manifest push: --all=false, --rm, --add-compression" {
    coracle manifest create list "$REG/t/multi:1" >/dev/null
    run -0 coracle manifest push -q --add-compression zstd list "$REG/c/both:1"
    run -0 raw c/both:1
    is "$(json '["manifests"][1]["annotations"]' <<<"$output")" "{'io.github.containers.compression.zstd': 'true'}"
    skopeo_takes c/both:1
    # The images are there now: the list alone will do.
    run -0 coracle manifest push -q --all=false --rm list "$REG/c/both:alone"
    run -1 coracle manifest exists list
    is "$(raw c/both:alone | json '["manifests"].__len__()')" 1
}

@test "artifacts in a list" {
    printf 'notes\n' >"$BATS_TEST_TMPDIR/notes.txt"
    coracle manifest create list containers-storage:localhost/bb >/dev/null
    run -125 --separate-stderr coracle manifest add --artifact-type x/y list bb
    one_error "--artifact-type requires --artifact"
    run -0 coracle manifest add --artifact --artifact-type application/x-notes --artifact-subject bb list "$BATS_TEST_TMPDIR/notes.txt"
    run -0 coracle manifest push -q list "$REG/c/notes:1"
    local digest
    digest=$(raw c/notes:1 | json '["manifests"][1]["digest"]')
    run -0 raw "c/notes@$digest"
    is "$(json '["artifactType"]' <<<"$output")" application/x-notes
    is "$(json '["layers"][0]["annotations"]["org.opencontainers.image.title"]' <<<"$output")" notes.txt
    is "$(json '["subject"]["size"]' <<<"$output")" "$(coracle manifest inspect list | json '["manifests"][0]["size"]')"
    is "$(curl -sf "http://$REG/v2/c/notes/blobs/$(json '["layers"][0]["digest"]' <<<"$output")")" notes
    store_is_clean
}

@test "pull from an index: platforms, and what there is when none fits" {
    run -0 coracle pull -q "$REG/t/multi:1"
    local id=$output
    run -0 coracle pull -q --platform linux/arm64 "$REG/t/multi:1"
    [ "$output" != "$id" ]
    is "$(coracle inspect -f '{{.Architecture}}' "$output")" arm64
    run -125 --separate-stderr coracle pull -q --arch s390x "$REG/t/multi:1"
    one_error "no image for linux/s390x; there is: linux/amd64, linux/arm64"
}

@test "pulled by digest, of the index or of the manifest: the name stays" {
    local index manifest
    index=$(digest_of t/multi:1) manifest=$(raw t/multi:1 | json '["manifests"][0]["digest"]')
    run -0 coracle pull -q "$REG/t/multi@$index"
    run -0 coracle images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}'
    has "$output" "$REG/t/multi <none> $index"
    run -0 coracle inspect -f '{{.RepoTags}} {{.RepoDigests}}' "$REG/t/multi@$index"
    is "$output" "[] [$(printf '%s\n' "$REG/t/multi@$index" "$REG/t/multi@$manifest" | sort | paste -sd ' ')]"
    run -0 coracle pull -q "$REG/t/multi@$manifest"
    run -0 coracle pull -q "$REG/t/multi:1"
    run -0 coracle images --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}'
    has "$output" "$REG/t/multi:1 $index"
    hasnt "$output" "<none>"
    run -0 coracle rmi "$REG/t/multi@$index"
    is "$output" "Untagged: $REG/t/multi@$index"
    run -0 coracle rmi "$REG/t/multi:1" "$REG/t/multi@$manifest"
    has "$output" "Deleted: "
}

@test "ambiguous and unknown documents, schema 1, and endless nesting are refused" {
    local oci=application/vnd.oci.image name text digest
    coracle push -q --format oci bb "$REG/evil/base:1"
    text=$(raw evil/base:1)
    # The registry verifies what it takes; so these come from one that does not.
    mkdir -p "$BATS_TEST_TMPDIR/v2/evil/manifests"
    cat >"$BATS_TEST_TMPDIR/server.py" <<'PY'
import http.server, json, os, sys
root = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = root + self.path.split("?")[0]
        found = os.path.isfile(path)
        body = open(path, "rb").read() if found else b"{}"
        self.send_response(200 if found or self.path == "/v2/" else 404)
        self.send_header("Content-Type", open(path + ".type").read() if found and os.path.exists(path + ".type") else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
    python3 "$BATS_TEST_TMPDIR/server.py" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/port" 3>&- &
    local server=$!
    eventually test -s "$BATS_TEST_TMPDIR/port"
    local host=127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port") dir=$BATS_TEST_TMPDIR/v2/evil/manifests
    give() { printf '%s' "$3" >"$dir/$1"; printf '%s' "$2" >"$dir/$1.type"; }
    give both $oci.manifest.v1+json "${text%\}},\"manifests\":[]}"
    give type $oci.index.v1+json "$text"
    give own $oci.manifest.v1+json "${text/manifest.v1/index.v1}"
    give schema1 application/vnd.docker.distribution.manifest.v1+prettyjws '{"schemaVersion":1,"fsLayers":[],"history":[]}'
    give html text/html '<html>'
    text='{"schemaVersion":2,"manifests":[]}'
    for name in 0 1 2 3 4 5 6; do
        digest=sha256:$(printf '%s' "$text" | sha256sum | cut -d' ' -f1)
        give "$digest" $oci.index.v1+json "$text"
        text="{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"$oci.index.v1+json\",\"digest\":\"$digest\",\"size\":${#text},\"platform\":{\"os\":\"linux\",\"architecture\":\"$(coracle version -f '{{.Client.OsArch}}' | cut -d/ -f2)\"}}]}"
    done
    give nested $oci.index.v1+json "$text"
    local -A why=([both]="as an image and as an index" [type]="its content is something else" [own]="its content is something else"
        [schema1]="schema 1" [html]="invalid" [nested]="nested deeper")
    for name in "${!why[@]}"; do
        run -125 --separate-stderr coracle pull -q --tls-verify=false "$host/evil:$name"
        one_error "${why[$name]}"
    done
    kill $server
    store_is_clean
}

@test "pull --all-tags: every page of the list" {
    local i
    for i in $(seq -w 12); do echo "$i"; done >"$BATS_TEST_TMPDIR/tags"
    mkdir -p "$BATS_TEST_TMPDIR/x"
    # A registry that gives five at a time, in front of the real one.
    cat >"$BATS_TEST_TMPDIR/pages.py" <<'PY'
import http.server, json, sys, urllib.parse, urllib.request
real, tags = sys.argv[1], open(sys.argv[2]).read().split()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if not url.path.endswith("/tags/list"):
            path = self.path
            for tag in tags:
                path = path.replace("/manifests/" + tag, "/manifests/1")
            request = urllib.request.Request("http://" + real + path, headers={k: v for k, v in self.headers.items() if k != "Host"}, method=self.command)
            with urllib.request.urlopen(request) as answer:
                self.send_response(answer.status)
                for k, v in answer.headers.items(): self.send_header(k, v)
                self.end_headers()
                self.wfile.write(answer.read())
            return
        last = urllib.parse.parse_qs(url.query).get("last", [""])[0]
        rest = [t for t in tags if t > last]
        body = json.dumps({"name": "t/multi", "tags": rest[:5]}).encode()
        self.send_response(200)
        if rest[5:]: self.send_header("Link", f'<{url.path}?n=5&last={rest[4]}>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
    python3 "$BATS_TEST_TMPDIR/pages.py" "$REG" "$BATS_TEST_TMPDIR/tags" >"$BATS_TEST_TMPDIR/port" 2>/dev/null 3>&- &
    local server=$!
    eventually test -s "$BATS_TEST_TMPDIR/port"
    local host=127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
    run -0 coracle pull -q -a --tls-verify=false "$host/t/multi"
    kill $server
    is "$(coracle images --format '{{.Tag}}' "$host/t/multi" | sort | paste -sd ' ')" "$(paste -sd ' ' "$BATS_TEST_TMPDIR/tags")"
    run -125 coracle pull -q -a "$REG/t/multi:1"
}

@test "push --format: Docker's and OCI's, there and back; the id stays" {
    local id
    coracle pull -q "$REG/t/docker:1"
    id=$(coracle inspect -f '{{.Id}}' "$REG/t/docker:1")
    run -0 coracle push -q --format oci "$REG/t/docker:1" "$REG/c/oci:1"
    is "$(raw c/oci:1 | json '["mediaType"]')" application/vnd.oci.image.manifest.v1+json
    is "$(raw c/oci:1 | json '["config"]["digest"]')" "sha256:$id"
    skopeo_takes c/oci:1
    coracle rmi -a >/dev/null
    coracle pull -q "$REG/c/oci:1"
    run -0 coracle push -q --format v2s2 --digestfile "$BATS_TEST_TMPDIR/d" "$REG/c/oci:1" "$REG/c/docker:1"
    is "$(cat "$BATS_TEST_TMPDIR/d")" "$(digest_of t/docker:1)" "Docker's manifest, after a detour through OCI's"
    run -125 --separate-stderr coracle push -q --format v2s1 "$REG/c/oci:1" "$REG/c/no:1"
    one_error "v2s1"
    run -125 --separate-stderr coracle push -q --format wrong "$REG/c/oci:1" "$REG/c/no:1"
    one_error 'unknown format "wrong"'
}

@test "push --compression-format and --compression-level" {
    local type=application/vnd.oci.image.layer.v1.tar
    coracle push -q --format oci --compression-format zstd bb "$REG/c/z:1"
    is "$(raw c/z:1 | json '["layers"][0]["mediaType"]')" $type+zstd
    coracle push -q --format oci --compression-format zstd --compression-level 19 bb "$REG/c/z:19"
    [ "$(raw c/z:19 | json '["layers"][0]["size"]')" -lt "$(raw c/z:1 | json '["layers"][0]["size"]')" ]
    skopeo_takes c/z:19
    # The same once more is the same: compression has no times or names in it.
    coracle push -q --format oci --compression-format zstd bb "$REG/c/z:2"
    is "$(digest_of c/z:2)" "$(digest_of c/z:1)"
    coracle rmi bb >/dev/null
    coracle pull -q "$REG/c/z:1"
    run -0 coracle run --rm "$REG/c/z:1" echo zstd
    is "$output" zstd
    # As it came, unless told otherwise; Docker's format has no zstd.
    coracle push -q --digestfile "$BATS_TEST_TMPDIR/d" "$REG/c/z:1" "$REG/c/same:1"
    is "$(cat "$BATS_TEST_TMPDIR/d")" "$(digest_of c/z:1)"
    coracle push -q --format v2s2 "$REG/c/z:1" "$REG/c/d:1"
    is "$(raw c/d:1 | json '["layers"][0]["mediaType"]')" application/vnd.docker.image.rootfs.diff.tar.gzip
    # What is there in another compression may stay so.
    coracle push -q --compression-format gzip --force-compression=false "$REG/c/z:1" "$REG/c/z:kept"
    is "$(digest_of c/z:kept)" "$(digest_of c/z:1)"
    coracle push -q --compression-format gzip "$REG/c/z:1" "$REG/c/z:gzip"
    is "$(raw c/z:gzip | json '["layers"][0]["mediaType"]')" $type+gzip
    local args
    for args in "--compression-format zstd:chunked" "--compression-format lzma" "--compression-format gzip --compression-level 10" \
        "--compression-level 3" "--format v2s2 --compression-format zstd"; do
        run -125 coracle push -q $args "$REG/c/z:1" "$REG/c/no:1"
    done
    store_is_clean
}

@test "what was loaded without a manifest is compressed on its way; what was pulled goes as it came" {
    coracle push -q bb "$REG/c/loaded:1"
    is "$(raw c/loaded:1 | json '["layers"][0]["mediaType"]')" application/vnd.docker.image.rootfs.diff.tar.gzip
    local name digest
    skopeo copy -q --insecure-policy --dest-tls-verify=false --dest-decompress "oci:$IMAGES/bb.oci" "dir:$BATS_TEST_TMPDIR/plain"
    skopeo copy -q --insecure-policy --dest-tls-verify=false --preserve-digests "dir:$BATS_TEST_TMPDIR/plain" "docker://$REG/t/plain:1" ||
        skip "this skopeo compresses what is plain"
    for name in t/docker:1 t/plain:1; do
        coracle rmi -af >/dev/null
        coracle pull -q "$REG/$name"
        coracle push -q --digestfile "$BATS_TEST_TMPDIR/d" "$REG/$name" "$REG/c/again:1"
        is "$(cat "$BATS_TEST_TMPDIR/d")" "$(digest_of "$name")" "$name"
    done
}

@test "an image that came by several manifests: Digest is the first, as in podman, and every one is known" {
    coracle push -q --format oci --compression-format zstd bb "$REG/d/zstd:1"
    coracle push -q --format oci bb "$REG/d/gzip:1"
    # A tag that moves, from one manifest to the other and to a list with it.
    skopeo_copy "docker://$REG/d/gzip:1" "docker://$REG/d/m:1"
    local gzip zstd engine line
    gzip=$(digest_of d/gzip:1) zstd=$(digest_of d/zstd:1)
    coracle rmi -af >/dev/null
    for engine in coracle podman; do
        $engine pull -q --tls-verify=false "$REG/d/m:1" >/dev/null
        is "$($engine image inspect -f '{{.Digest}}' "$REG/d/m:1")" "$gzip" "$engine"
    done
    skopeo_copy --preserve-digests "docker://$REG/d/zstd:1" "docker://$REG/d/m:1"
    for engine in coracle podman; do
        $engine pull -q --tls-verify=false "$REG/d/m:1" >/dev/null
        $engine pull -q --tls-verify=false "$REG/d/m@$gzip" >/dev/null
    done
    line='{{.Digest}} {{.RepoTags}} {{.RepoDigests}}'
    is "$(coracle image inspect -f "$line" "$REG/d/m:1")" "$(podman image inspect -f "$line" "$REG/d/m:1")"
    has "$(coracle image inspect -f "$line" "$REG/d/m:1")" "$gzip [$REG/d/m:1] "
    line='{{.Repository}} {{.Tag}} {{.Digest}}'
    is "$(coracle images --digests --format "$line" "$REG/d/m")" "$(podman images --digests --format "$line" "$REG/d/m")"
    is "$(coracle image inspect -f '{{.Id}}' "$REG/d/m@$zstd")" "$(coracle image inspect -f '{{.Id}}' "$REG/d/m@$gzip")"
    coracle push -q --digestfile "$BATS_TEST_TMPDIR/d" "$REG/d/m:1" "$REG/d/out:1"
    is "$(cat "$BATS_TEST_TMPDIR/d")" "$gzip" "what came last"
    is "$(coracle rmi "$REG/d/m:1" | sed 's/Deleted: .*/Deleted/')" "$(podman rmi "$REG/d/m:1" | sed 's/Deleted: .*/Deleted/')"
    store_is_clean
}

@test "an image in another wrapping replaces its manifest, and is pushed so" {
    coracle push -q --format oci --compression-format zstd bb "$REG/c/w:zstd"
    coracle push -q --format oci bb "$REG/c/w:gzip"
    local tag
    for tag in zstd gzip zstd; do
        coracle pull -q "$REG/c/w:$tag"
        coracle push -q --digestfile "$BATS_TEST_TMPDIR/d" "$REG/c/w:$tag" "$REG/c/w2:$tag"
        is "$(cat "$BATS_TEST_TMPDIR/d")" "$(digest_of "c/w:$tag")"
        store_is_clean
    done
    is "$(coracle images -q | sort -u | wc -l)" 1
}

@test "two changes of a list at once: both are in it" {
    local i pids=()
    coracle manifest create list >/dev/null
    for i in 1 2 3 4; do
        printf '%s' "$i" >"$BATS_TEST_TMPDIR/f$i"
        coracle manifest add --artifact list "$BATS_TEST_TMPDIR/f$i" >/dev/null 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    is "$(coracle manifest inspect list | json '["manifests"].__len__()')" 4
    store_is_clean
}

@test "a list in an archive is its image for this machine" {
    local id
    id=$(coracle inspect -f '{{.Id}}' bb)
    coracle manifest create list containers-storage:localhost/bb >/dev/null
    coracle save -q --format oci-archive -o "$BATS_TEST_TMPDIR/l.tar" list
    coracle push -q --compress bb "dir:$BATS_TEST_TMPDIR/d"
    has "$(cat "$BATS_TEST_TMPDIR/d/manifest.json")" tar.gzip
    coracle rmi -af >/dev/null
    run -0 coracle pull -q "oci-archive:$BATS_TEST_TMPDIR/l.tar"
    is "$output" "$id"
    coracle rmi -af >/dev/null
    run -0 coracle pull -q "dir:$BATS_TEST_TMPDIR/d"
    is "$output" "$id"
    store_is_clean
}
