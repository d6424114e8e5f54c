#!/usr/bin/env bats
# push and manifest push to files: formats, compressions, lists; skopeo and podman read what was written. No registry is asked.

load suite

setup_file() {
    need skopeo podman
    start_root bb
    export LAYOUT=$IMAGES/platforms.oci
}

teardown_file() { end_root; }

setup() { cd "$BATS_TEST_TMPDIR"; }

teardown() {
    coracle rmi -af >/dev/null
    coracle load -q -i "$IMAGES/bb.tar" >/dev/null
    clean
}

OCI=application/vnd.oci.image.manifest.v1+json
OCI_INDEX=application/vnd.oci.image.index.v1+json
DOCKER=application/vnd.docker.distribution.manifest.v2+json
raw() { skopeo inspect --raw "$1"; }
sum() { sha256sum | sed 's/ .*//;s/^/sha256:/'; }
# All of it, every platform, every digest right.
skopeo_takes() { skopeo copy -q --insecure-policy --multi-arch all "$1" "dir:$(mktemp -d "$BATS_TEST_TMPDIR/copy.XXX")"; }

@test "push to files: another format, another compression, the digest" {
    local id
    id=$(coracle image inspect -f '{{.Id}}' bb)
    run -0 coracle push -q --format oci --digestfile d bb dir:oci
    is "$(jq -r .mediaType oci/manifest.json)" $OCI
    is "$(cat d)" "$(sum <oci/manifest.json)"
    run -0 coracle push -q --format v2s2 --digestfile d bb dir:docker
    is "$(jq -r .mediaType docker/manifest.json)" $DOCKER
    is "$(cat d)" "$(sum <docker/manifest.json)"
    is "$(cat docker/version)" "Directory Transport Version: 1.1"
    # In a layout OCI's documents are the rule, and what is asked for the exception.
    run -0 coracle push -q bb oci:layout:one
    run -0 coracle push -q --format v2s2 bb oci:layout:two
    is "$(jq -r '[.manifests[].mediaType] | join(" ")' layout/index.json)" "$OCI $DOCKER"
    # Once more without a name: one entry, however often.
    coracle push -q bb oci:layout && coracle push -q bb oci:layout
    is "$(jq '.manifests | length' layout/index.json)" 3
    run -0 coracle push -q --compression-format zstd --compression-level 19 --digestfile d bb oci-archive:z.tar:z
    is "$(raw oci-archive:z.tar:z | jq -r '.layers[0].mediaType')" application/vnd.oci.image.layer.v1.tar+zstd
    is "$(cat d)" "$(raw oci-archive:z.tar:z | sum)"
    for from in dir:oci dir:docker oci:layout:one oci-archive:z.tar:z; do
        skopeo_takes "$from"
        is "$(raw "$from" | jq -r .config.digest)" "sha256:$id" "$from"
    done
    coracle rmi -af >/dev/null
    is "$(coracle pull -q oci-archive:z.tar:z)" "$id"
    is "$(podman pull -q dir:docker)" "$id"
    podman rmi -f "$id" >/dev/null
}

@test "push to files: what cannot be, and that nothing is left of it" {
    run -125 --separate-stderr coracle push -q --sign-by somebody@test bb dir:x
    one_error "dir:x"
    run -125 --separate-stderr coracle push -q --format v2s2 --compression-format zstd bb dir:x
    one_error "format v2s2 has no zstd layers"
    run -125 --separate-stderr coracle push -q --format oci bb docker-archive:x
    one_error "--format has no meaning for docker-archive:"
    run -125 --separate-stderr coracle push -q --compress bb oci:x
    one_error "--compress can be set only when destination type is"
    run -125 --separate-stderr coracle push -q none oci-archive:x
    one_error "image not known"
    [ ! -e x ]
    mkdir full && touch full/x
    run -125 --separate-stderr coracle push -q bb oci:full
    one_error "full is not empty"
    is "$(ls full)" x
    # A layer that is damaged in the store is noticed where it is read, and takes the archive with it.
    local blob
    blob=$(coracle push -q bb dir:d && jq -r '.layers[0].digest[7:]' d/manifest.json)
    printf x | dd of="$ROOT/blobs/sha256/$blob" conv=notrunc bs=1 seek=600 status=none
    run -125 --separate-stderr coracle push -q --compression-format zstd bb oci-archive:bad.tar
    one_error "digest"
    [ ! -e bad.tar ]
    is "$(ls -A | grep -c tmp || true)" 0
}

@test "manifest push to files, and manifest add from them" {
    local t
    run -0 coracle manifest create list
    run -0 coracle manifest add --all list "oci:$LAYOUT"
    is "$(coracle manifest inspect list | jq -r '[.manifests[].platform.architecture] | sort | join(" ")')" \
        "$(jq -r .manifests[0].digest[7:] "$LAYOUT/index.json" | xargs -I{} jq -r '[.manifests[].platform.architecture] | sort | join(" ")' "$LAYOUT/blobs/sha256/{}")"
    run -0 --separate-stderr coracle manifest push --all list dir:d
    is "${stderr_lines[0]}" "Getting image list signatures"
    is "${stderr_lines[-1]}" "Storing list signatures"
    is "$(ls d | grep -c '^[0-9a-f]*\.manifest\.json$')" "$(jq '.manifests | length' d/manifest.json)"
    run -0 coracle manifest push -q --all --digestfile digest list oci-archive:a.tar:x
    is "$(cat digest)" "$(raw oci-archive:a.tar:x | sum)"
    run -0 coracle manifest push -q --all list oci:o:x
    run -0 coracle push -q bb oci:o:single
    is "$(jq -r '[.manifests[] | .mediaType] | join(" ")' o/index.json)" "$OCI_INDEX $OCI"
    for t in dir:d oci-archive:a.tar:x oci:o:x; do skopeo_takes "$t"; done
    # The digests of the images are those that they had where they came from.
    is "$(raw dir:d | jq -r '[.manifests[].digest] | sort | join(" ")')" \
        "$(jq -r .manifests[0].digest[7:] "$LAYOUT/index.json" | xargs -I{} jq -r '[.manifests[].digest] | sort | join(" ")' "$LAYOUT/blobs/sha256/{}")"
    # Further instances, in another compression.
    run -0 coracle manifest push -q --all --add-compression zstd list oci:more:x
    is "$(raw oci:more:x | jq '.manifests | length')" $((2 * $(raw dir:d | jq '.manifests | length')))
    skopeo_takes oci:more:x
    run -125 --separate-stderr coracle manifest push -q --all list docker-archive:x.tar
    one_error "docker-archive: holds images of Docker's format alone"
    [ ! -e x.tar ]
}

@test "manifest add from files: one of several, and no names come along" {
    coracle push -q bb oci:o:one
    coracle push -q --format v2s2 bb oci:o:two
    coracle push -q bb docker-archive:d.tar:in/there:1
    coracle rmi -af >/dev/null
    coracle manifest create list >/dev/null
    run -125 --separate-stderr coracle manifest add list oci:o
    one_error "there are 2 images in it: name one of them behind a colon"
    run -0 coracle manifest add --arch arm64 --variant v8 list oci:o:two
    is "$(coracle manifest inspect list | jq -r '.manifests[0] | .platform.architecture, .digest')" "arm64
$(jq -r '.manifests[1].digest' o/index.json)"
    run -0 coracle manifest create other docker-archive:d.tar
    is "$(coracle images --noheading --format '{{.Repository}}' | sort -u)" "<none>
localhost/list
localhost/other"
    run -125 --separate-stderr coracle manifest add list oci:o:none
    one_error 'no descriptor found for reference "none"'
    run -125 --separate-stderr coracle manifest add list docker-daemon:bb
    one_error "does not talk to a Docker daemon"
}
