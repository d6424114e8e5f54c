#!/usr/bin/env bats
# OCI artifacts, with Debian's docker-registry on loopback; skopeo looks at what arrived there.

load suite
load registry

setup_file() {
    need docker-registry skopeo
    start_root
    start_registry
    use_registry
}

teardown_file() {
    stop_registries
    end_root
}

setup() {
    D=$(scratch)
    cd "$D"
    printf 'hello\n' >a.txt
    printf '{"x": 1}' >b.json
    head -c 3000000 /dev/urandom >c.bin
}

teardown() {
    cd /
    coracle artifact rm -a >/dev/null
    is "$(ls "$ROOT/blobs/sha256")" "" "blobs left"
    clean
}

@test "add, ls, inspect, rm" {
    run -0 coracle artifact add --type application/x-model --annotation color=blue "$REG/a/one" a.txt b.json
    local digest=$output
    matches "$digest" '^[0-9a-f]{64}$'
    run -125 --separate-stderr coracle artifact add "$REG/a/one" a.txt
    one_error "$REG/a/one:latest: artifact already exists"
    run -0 coracle artifact ls
    matches "${lines[0]}" '^REPOSITORY +TAG +DIGEST +CREATED +SIZE$'
    matches "${lines[1]}" "^$REG/a/one +latest +${digest:0:12} .* ago +14B$"
    run -0 coracle artifact ls --noheading --no-trunc --format '{{.Digest}} {{.VirtualSize}}'
    is "$output" "$digest 14"
    run -0 coracle artifact inspect --format '{{.Digest}} {{.Name}} {{.TotalSizeBytes}}' "${digest:0:12}"
    is "$output" "sha256:$digest $REG/a/one:latest 14"
    run -0 coracle artifact inspect "$REG/a/one"
    local text=$output
    is "$(python3 -c 'import json, sys; m = json.load(sys.stdin)["Manifest"]; print(m["artifactType"], m["layers"][1]["mediaType"], m["layers"][1]["annotations"])' <<<"$text")" \
        "application/x-model text/plain; charset=utf-8 {'color': 'blue', 'org.opencontainers.image.title': 'b.json'}"
    run -0 coracle artifact rm "${digest:0:10}"
    is "$output" "Deleted: $digest"
    run -125 --separate-stderr coracle artifact rm "$REG/a/one"
    one_error "artifact does not exist"
    run -0 coracle artifact rm -i "$REG/a/one"
    run -125 coracle artifact rm
    run -125 coracle artifact rm -a x
    store_is_clean
}

@test "add --append, --replace, --file-type; files that are there already" {
    coracle artifact add x:1 a.txt >/dev/null
    run -125 --separate-stderr coracle artifact add --append x:1 a.txt
    one_error "a.txt: file already exists in artifact"
    run -125 coracle artifact add --append --type x/y x:1 b.json
    run -125 coracle artifact add --append y:1 b.json
    run -125 --separate-stderr coracle artifact add --annotation org.opencontainers.image.title=z y:1 a.txt
    one_error "cannot override filename"
    run -125 coracle artifact add y:1 a.txt a.txt
    run -125 coracle artifact add y:1 nothing
    run -0 coracle artifact add --append --file-type text/json x:1 b.json
    run -0 coracle artifact inspect x:1
    has "$output" '"mediaType": "text/json"'
    run -0 coracle artifact add --replace x:1 c.bin
    run -0 coracle artifact inspect --format '{{.TotalSizeBytes}}' x:1
    is "$output" 3000000
    run -125 coracle artifact inspect y:1
}

@test "push and pull: nothing is lost, and nothing fetched twice" {
    coracle artifact add "$REG/a/two:v" a.txt c.bin >/dev/null
    run -0 --separate-stderr coracle artifact push --digestfile digest "$REG/a/two:v"
    has "$stderr" "Writing manifest to image destination"
    is "sha256:$(skopeo inspect --raw --tls-verify=false "docker://$REG/a/two:v" | sha256sum | cut -d' ' -f1)" "$(cat digest)"
    coracle artifact rm -a >/dev/null
    run -0 --separate-stderr coracle artifact pull "$REG/a/two:v"
    is "sha256:$output" "$(cat digest)"
    hasnt "$stderr" skipped
    run -0 --separate-stderr coracle artifact pull "$REG/a/two:v"
    has "$stderr" "skipped: already exists"
    mkdir out
    run -0 coracle artifact extract "$REG/a/two:v" out
    cmp out/c.bin c.bin
    cmp out/a.txt a.txt
    store_is_clean
}

@test "an image is no artifact, an artifact no image; a damaged one is refused" {
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$IMAGES/platforms.oci" --multi-arch all "docker://$REG/i/multi:1"
    run -125 --separate-stderr coracle artifact pull -q "$REG/i/multi:1"
    one_error "no artifact"
    coracle artifact add "$REG/a/three" c.bin >/dev/null
    coracle artifact push -q "$REG/a/three"
    coracle artifact rm -a >/dev/null
    run -125 --separate-stderr coracle pull -q "$REG/a/three"
    one_error "not a container image but an artifact"
    local hex blob
    hex=$(sha256sum <c.bin | cut -d' ' -f1)
    blob=$R/data/docker/registry/v2/blobs/sha256/${hex:0:2}/$hex/data
    printf 'x' | dd of="$blob" conv=notrunc bs=1 seek=1000 status=none
    run -125 --separate-stderr coracle artifact pull -q "$REG/a/three"
    one_error "digest"
    run -125 coracle artifact inspect "$REG/a/three"
    store_is_clean
}

@test "extract: to a file, one by title or digest, never elsewhere" {
    coracle artifact add x:1 a.txt >/dev/null
    run -0 coracle artifact extract x:1 new
    cmp new a.txt
    coracle artifact add --append x:1 b.json >/dev/null
    run -125 --separate-stderr coracle artifact extract x:1 new
    one_error "several blobs"
    run -0 coracle artifact extract --title b.json x:1 new
    cmp new b.json
    run -125 --separate-stderr coracle artifact extract --title nothing x:1 new
    one_error 'no blob with the title "nothing"'
    mkdir out
    local digest
    digest=sha256:$(sha256sum <a.txt | cut -d' ' -f1)
    run -0 coracle artifact extract --digest "$digest" x:1 out
    cmp "out/${digest/:/-}" a.txt
    run -125 coracle artifact extract --digest "$digest" --title a.txt x:1 out
    is "$(ls out)" "${digest/:/-}"
}

@test "run --mount type=artifact" {
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    coracle artifact add m:1 a.txt b.json >/dev/null
    local digest
    digest=sha256:$(sha256sum <a.txt | cut -d' ' -f1)
    artifact_run() { coracle run --rm --network none --mount "type=artifact,src=m:1,$1" "${@:2}"; }
    run -0 --separate-stderr artifact_run dst=/data $BB sh -c 'ls /data; cat /data/*; echo x >/data/a.txt || echo refused'
    is "$output" $'a.txt\nb.json\nhello\n{"x": 1}refused'
    run -0 artifact_run "dst=/data,digest=$digest" -u 1000 $BB sh -c 'ls /data; cat /data/a.txt'
    is "$output" $'a.txt\nhello'
    run -0 artifact_run dst=/data,title=b.json,name=model $BB cat /data/model
    is "$output" '{"x": 1}'
    run -0 artifact_run dst=/data,name=model $BB ls /data
    is "$output" $'model-0\nmodel-1'
    run -0 artifact_run dst=/etc/passwd,title=a.txt $BB cat /etc/passwd # a file is there: in its place
    is "$output" hello
    run -0 artifact_run dst=/data --userns nomap $BB cat /data/a.txt
    is "$output" hello
    run -125 --separate-stderr artifact_run dst=/etc/passwd $BB true
    one_error "is an existing file; name one by title or digest"
    run -125 --separate-stderr artifact_run dst=/data,title=none $BB true
    one_error 'no blob with the title "none"'
    run -125 --separate-stderr coracle run --rm --mount type=artifact,src=none:1,dst=/x $BB true
    one_error "none:1: artifact does not exist"
    coracle create --name c --network none --mount type=artifact,src=m:1,dst=/data $BB cat /data/a.txt >/dev/null
    run -0 coracle start -a c
    is "$output" hello
    coracle artifact rm m:1 >/dev/null
    run -125 --separate-stderr coracle start -a c
    one_error "artifact does not exist"
    coracle rm c >/dev/null
    coracle rmi -af >/dev/null
}

@test "removing images leaves artifacts alone, and the reverse" {
    coracle artifact add x:1 a.txt >/dev/null
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    coracle tag bb x:1 # a name of its own
    coracle artifact rm x:1 >/dev/null
    run -0 coracle image exists x:1
    coracle artifact add x:1 a.txt >/dev/null
    coracle rmi -af >/dev/null
    run -0 coracle artifact inspect x:1
    store_is_clean
}
