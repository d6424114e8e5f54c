#!/usr/bin/env bats
# Images without a registry: load, save, import, tag, rmi, history, tree, inspect, names, platforms.
load suite

setup_file() { start_root; }
teardown_file() { end_root; }
teardown() {
    clean
    testing_podman || { coracle rmi -fa >/dev/null; [ -z "$(ls -A "$ROOT/layers" 2>/dev/null)" ] || fail "layers left"; }
}
# podman's storage is shared with other files here: these tests are about coracle.
setup() { only_coracle; }

load_() { coracle load -q -i "$IMAGES/$1"; }
config_digest() { coracle image inspect -f '{{.Id}}' "$1"; }
bb_id() { tar -xOf "$IMAGES/bb.tar" manifest.json | jq -r '.[0].Config' | cut -d. -f1; }

@test "load: docker-archive, oci-archive, oci directory, dir:" {
    run -0 --separate-stderr coracle load -i "$IMAGES/bb.tar"
    is "$output" "Loaded image: localhost/bb:latest"
    is "$(config_digest $BB)" "$(bb_id)"
    coracle rmi $BB
    run -0 coracle load -i "$IMAGES/bb.oci.tar"
    has "$output" localhost/bb
    run -0 coracle run --rm $BB echo oci-archive
    is "$output" oci-archive
    coracle rmi -f $BB
    run -0 coracle load -i "$IMAGES/bb.oci"
    run -0 coracle run --rm $BB echo oci
    is "$output" oci
    coracle rmi -f $BB
    run -0 --separate-stderr coracle load -i "$IMAGES/bb.dir"
    # dir: has no name inside
    run -0 coracle run --rm "$(coracle images -q | head -n1)" echo dir
    is "$output" dir
}

@test "load: from stdin, and compressed archives" {
    run -0 --separate-stderr bash -c "$(coracle_words) load <$IMAGES/bb.tar"
    is "$output" "Loaded image: localhost/bb:latest"
    local suffix
    for suffix in gz bz2 xz zst; do
        coracle rmi -f $BB
        run -0 coracle load -q -i "$IMAGES/bb.tar.$suffix"
        run -0 coracle run --rm $BB echo "$suffix"
        is "$output" "$suffix"
    done
    run -0 bash -c "$(coracle_words) load -q <$IMAGES/bb.tar.gz"
}

@test "load: layers in zstd" {
    load_ bb-zstd.oci
    run -0 coracle run --rm localhost/bb-zstd echo zstd
    is "$output" zstd
}

@test "load: several images in one archive" {
    run -0 coracle load -i "$IMAGES/several.tar"
    run -0 coracle images --format '{{.Repository}}:{{.Tag}}' --sort repository
    has "$output" localhost/one:1
    has "$output" localhost/one:2
    has "$output" localhost/two:latest
    has "$output" "<none>:<none>"
    run -0 coracle run --rm localhost/one:2
    is "$output" one
    run -0 coracle run --rm localhost/two
    is "$output" two
}

@test "load: the same image twice is one image" {
    load_ bb.tar
    load_ bb.tar
    run -0 coracle images -q
    is "${#lines[@]}" 1
}

@test "load: this machine's platform of an index, --platform for another" {
    load_ platforms.oci
    run -0 coracle run --rm localhost/platforms
    case $(uname -m) in x86_64) is "$output" amd64 ;; aarch64) is "$output" arm64 ;; esac
    run -0 coracle image inspect -f '{{.Architecture}}' localhost/platforms
    case $(uname -m) in x86_64) is "$output" amd64 ;; esac
}

@test "load: whiteouts, opaque directories, hard links, bits, owners, xattrs, long names" {
    load_ tricky.tar
    run -0 coracle run --rm localhost/tricky sh -c '
        ls /d /o; cat /replaced; stat -c "%a %u:%g" /suid /sgid /sticky /owned /far
        stat -c %h /hard/one; [ "$(stat -c %i /hard/one)" = "$(stat -c %i /hard/two)" ] && echo linked
        for l in /abs /up /dangling; do readlink $l; done; for f in /name*; do echo "$f"; done; cat /nnn*/mmm*; stat -c %F /fifo; stat -c %Y /owned'
    is "$output" $'/d:\nkept\n\n/o:\nnew\nfile\n4755 0:0\n2775 0:0\n1777 0:0\n644 12345:54321\n644 65534:65534\n2\nlinked\n/etc/passwd\n../../../../etc/passwd\n/nowhere\n/name with spaces äö\nlong\nfifo\n1704067200'
}

@test "load: 60 layers" {
    load_ layers60.tar
    run -0 coracle run --rm localhost/layers60
    is "$output" 59
    run -0 coracle run --rm localhost/layers60 sh -c 'ls /layers | wc -l; test -e /layers/9 || echo gone'
    is "$output" $'54\ngone'
    run -0 coracle history -q localhost/layers60
    is "${#lines[@]}" 60
}

@test "save: each format comes back with the same image, also through podman and skopeo" {
    load_ app.tar
    local id format file want
    id=$(config_digest $APP)
    want=$(coracle run --rm --entrypoint sh $APP -c 'find / -xdev -type f | sort | xargs md5sum 2>/dev/null | grep -v "/etc/host\|/etc/resolv\|/run/\|/proc/\|/sys/" | md5sum')
    for format in docker-archive oci-archive oci-dir docker-dir; do
        file=$FILE_DIR/saved.$format
        coracle save -q --format $format -o "$file" $APP
        case $format in
            docker-archive | oci-archive) skopeo inspect --raw "$format:$file" >/dev/null ;;
            oci-dir) skopeo inspect --raw "oci:$file" >/dev/null ;;
            docker-dir) skopeo inspect --raw "dir:$file" >/dev/null ;;
        esac
        coracle rmi -fa
        coracle load -q -i "$file"
        local image; image=$(coracle images -q | head -n1)
        is "$(coracle run --rm --entrypoint sh "$image" -c 'find / -xdev -type f | sort | xargs md5sum 2>/dev/null | grep -v "/etc/host\|/etc/resolv\|/run/\|/proc/\|/sys/" | md5sum')" "$want" "$format"
        [ "$format" != docker-archive ] || is "$(config_digest $APP)" "$id"
        coracle rmi -fa
        load_ app.tar
    done
}

@test "save: podman loads what coracle saved, coracle what podman saved; the ids are equal" {
    need podman
    load_ app.tar
    coracle save -q -o "$FILE_DIR/ours.tar" $APP
    podman load -q -i "$FILE_DIR/ours.tar"
    is "$(podman image inspect -f '{{.Id}}' $APP)" "$(config_digest $APP)"
    podman save -q -o "$FILE_DIR/theirs.tar" $APP
    podman save -q --format oci-archive -o "$FILE_DIR/theirs.oci.tar" $APP
    local id; id=$(config_digest $APP)
    coracle rmi -fa
    coracle load -q -i "$FILE_DIR/theirs.tar"
    is "$(config_digest $APP)" "$id"
    coracle rmi -fa
    coracle load -q -i "$FILE_DIR/theirs.oci.tar"
    run -0 coracle run --rm $APP again
    is "$output" "entry: again"
}

@test "save: several images in one archive, to stdout, not to a terminal" {
    load_ several.tar
    run -0 bash -c "$(coracle_words) save -q -m localhost/one:1 localhost/two >$FILE_DIR/two.tar"
    is "$(tar -xOf "$FILE_DIR/two.tar" manifest.json | jq length)" 2
    coracle rmi -fa
    coracle load -q -i "$FILE_DIR/two.tar"
    coracle image exists localhost/one:1
    coracle image exists localhost/two
    run -125 --separate-stderr coracle save -o "$FILE_DIR/x.tar" localhost/nosuch
    one_error localhost/nosuch
    [ ! -e "$FILE_DIR/x.tar" ]
}

@test "save: the same image gives the same bytes" {
    load_ bb.tar
    coracle save -q -o "$FILE_DIR/a.tar" $BB
    coracle save -q -o "$FILE_DIR/b.tar" $BB
    cmp "$FILE_DIR/a.tar" "$FILE_DIR/b.tar"
}

@test "import: a root file system with --change and --message" {
    run -0 --separate-stderr coracle import -q -c 'CMD ["echo","from import"]' -c 'ENV A=1 B="two words"' -c 'WORKDIR /tmp' \
        -c 'USER app' -c 'LABEL l=x' -c 'ENTRYPOINT ["/bin/sh","-c"]' -c 'EXPOSE 80' -c 'VOLUME /v' -c 'STOPSIGNAL SIGINT' \
        -m 'by hand' "$IMAGES/bb.rootfs.tar" localhost/imported
    run -0 coracle run --rm localhost/imported 'echo "$A|$B|$(pwd)|$(id -un)"'
    is "$output" "1|two words|/tmp|app"
    run -0 coracle image inspect localhost/imported
    is "$(jq -r '.[0].Config.Labels.l' <<<"$output")" x
    is "$(jq -r '.[0].Config.StopSignal' <<<"$output")" SIGINT
    is "$(jq -c '.[0].Config.Cmd' <<<"$output")" '["echo","from import"]'
    run -0 coracle history --no-trunc localhost/imported
    has "$output" "by hand"
    run -125 --separate-stderr coracle import -c 'NONSENSE x' "$IMAGES/bb.rootfs.tar" localhost/no
    one_error NONSENSE
}

@test "import: from stdin, compressed, without a name" {
    run -0 --separate-stderr bash -c "gzip -1 <$IMAGES/bb.rootfs.tar | $(coracle_words) import -q - localhost/piped"
    run -0 coracle run --rm localhost/piped echo piped
    is "$output" piped
    run -0 --separate-stderr coracle import -q "$IMAGES/bb.rootfs.tar"
    matches "$output" '^(sha256:)?[0-9a-f]{64}$'
}

@test "images: columns, -q, --no-trunc, --digests, -n, --format, filters" {
    load_ bb.tar
    load_ app.tar
    run -0 coracle images
    matches "${lines[0]}" '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$'
    matches "$output" 'localhost/bb +latest +[0-9a-f]{12} +.* ago +2\.1[0-9]* MB'
    run -0 coracle images -q --no-trunc $BB
    is "$output" "sha256:$(config_digest $BB)"
    run -0 coracle images --digests
    has "${lines[0]}" DIGEST
    run -0 coracle images -n $BB
    is "${#lines[@]}" 1
    run -0 coracle images --format '{{.Repository}}|{{.Tag}}|{{.ID}}' $BB
    is "$output" "localhost/bb|latest|$(config_digest $BB | cut -c1-12)"
    run -0 coracle images --format json $BB
    is "$(jq -r '.[0].Names[0]' <<<"$output")" localhost/bb:latest
    run -0 coracle images -q --filter label=tier=2
    is "$(sort -u <<<"$output" | wc -l)" 1
    run -0 coracle images -q --filter reference='localhost/b*'
    is "${#lines[@]}" 1
    run -0 coracle images -q --filter dangling=true
    is "$output" ""
    run -0 coracle images localhost/nosuch
    is "${#lines[@]}" 1
}

@test "tag, untag, rmi: names come and go, the image with the last of them" {
    load_ bb.tar
    coracle tag $BB localhost/other:1 third
    run -0 coracle image inspect -f '{{join .RepoTags " "}}' $BB
    has "$output" localhost/other:1
    has "$output" localhost/third:latest
    coracle untag $BB localhost/third
    run -1 coracle image exists localhost/third
    run -0 coracle rmi localhost/other:1
    has "$output" "Untagged: localhost/other:1"
    run -0 coracle rmi $BB
    has "$output" "Untagged: localhost/bb:latest"
    has "$output" "Deleted: $(bb_id)"
    run -1 --separate-stderr coracle rmi $BB
    one_error localhost/bb
    run -125 --separate-stderr coracle tag localhost/nosuch x
    one_error nosuch
    load_ bb.tar
    run -125 --separate-stderr coracle tag $BB 'Bad Name!'
    matches "$stderr" "^Error: "
}

@test "rmi: an image in use stays, -f takes its containers too" {
    load_ bb.tar
    coracle create --name user $BB true
    run -2 --separate-stderr coracle rmi $BB
    has "$stderr" "in use"
    coracle image exists $BB
    coracle run --rm $BB true
    run -0 coracle rmi -f $BB
    run -1 coracle container exists user
}

@test "rmi: by id and by a prefix of it, -a" {
    load_ bb.tar
    load_ app.tar
    run -0 coracle rmi "$(bb_id | cut -c1-8)"
    run -0 coracle rmi -a
    run -0 coracle images -q
    is "$output" ""
}

@test "image prune" {
    load_ several.tar
    run -0 coracle image prune -f
    run -0 coracle images
    hasnt "$output" "<none>"
    has "$output" localhost/one
    run -0 coracle image prune -af
    run -0 coracle images -q
    is "$output" ""
}

@test "image exists, inspect, history, tree" {
    load_ app.tar
    run -0 coracle image exists $APP
    run -1 coracle image exists localhost/nosuch
    run -0 coracle image inspect $APP
    local want
    for want in '.[0].Config.User == "app"' '.[0].Config.Entrypoint == ["/entry"]' '.[0].Config.Volumes["/data"] == {}' \
        '.[0].Config.ExposedPorts["8080/tcp"] == {}' '.[0].Os == "linux"' '(.[0].RootFS.Layers | length) == 2' \
        '.[0].Labels.tier == "2"' '(.[0].RepoTags | length) == 2' '.[0].Size > 1000000' '(.[0].History | length) == 2'; do
        jq -e "$want" <<<"$output" >/dev/null || fail "not so: $want" "$(jq . <<<"$output")"
    done
    run -125 --separate-stderr coracle image inspect localhost/nosuch
    has "$stderr" localhost/nosuch
    run -0 coracle history $APP
    matches "${lines[0]}" '^ID +CREATED +CREATED BY +SIZE +COMMENT$'
    has "$output" "layer 1"
    run -0 coracle image tree $APP
    has "$output" "Image ID"
    has "$output" "localhost/app:1"
    has "$output" "layer" || has "$output" "ID:"
}

@test "names: short ones, tags, digests, ids" {
    load_ bb.tar
    local id; id=$(bb_id)
    run -0 coracle run --rm bb echo short
    is "$output" short
    run -0 coracle run --rm bb:latest echo tag
    run -0 coracle run --rm "${id:0:12}" echo id
    is "$output" id
    run -0 coracle run --rm "sha256:$id" echo full
    is "$output" full
    local digest; digest=$(coracle image inspect -f '{{.Digest}}' $BB)
    run -0 coracle run --rm "localhost/bb@$digest" echo digest
    is "$output" digest
    coracle tag $BB docker.io/library/hub:1
    run -0 coracle run --rm hub:1 echo library
    is "$output" library
    run -125 --separate-stderr coracle run --rm 'localhost/UPPER' true
    one_error localhost/UPPER
    run -125 --separate-stderr coracle run --rm "localhost/bb@sha256:1234" true
    matches "$stderr" "^Error: "
}

@test "an image that is wanted and isn't there names itself" {
    run -125 --separate-stderr coracle run --rm --pull never localhost/nosuch true
    one_error localhost/nosuch
    run -125 --separate-stderr coracle run --rm localhost/nosuch true
    has "$stderr" localhost/nosuch
}

@test "the store is clean after all that" {
    store_is_clean
}
