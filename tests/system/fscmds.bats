#!/usr/bin/env bats
# What is in a container's file system: diff, commit, export; with each storage driver, beside podman.
load suite

setup_file() {
    need jq
    start_root bb app
}
teardown_file() { end_root; }
teardown() {
    ROOT=$FILE_DIR/root
    podman rm -fa -v -t 0 >/dev/null 2>&1 || true
    clean
}

# Every kind of change there is. Not through a terminal or a file of its own: bb has nothing but sh.
CHANGES='echo x:x:9:9::/:/bin/sh >>/etc/passwd; rm -r /var; mkdir /newd; echo 1 >/newd/f; chown 5:6 /newd/f; chmod 4711 /newd/f; rm /linuxrc
rm -r /home; mkdir /home; echo 2 >/home/x; chmod 700 /mnt; touch /tmp/t; echo 3 >/run/foo; ln /newd/f /newd/g; mkfifo /fifo; ln -s nowhere /sl
mkdir -p /root/deep/er; truncate -s 10M /sparse; echo end >>/sparse'

# What makes two trees equal, as an image's command shows it.
LIST='cd /; for p in etc/passwd newd/f newd/g home home/x mnt tmp/t run/foo fifo sl root/deep/er sparse; do stat -c "%n %F %u:%g %a" $p; done; stat -c "%n %s %h" newd/f newd/g home/x sparse
cat etc/passwd newd/g home/x run/foo; readlink sl; tail -c 4 sparse; [ $(stat -c %b sparse) -lt 1000 ] && echo holes; ls -d var linuxrc home/app 2>&1; true'

changed() { # PROGRAM NAME
    "$1" run --name "$2" --network none -v named:/named -v /anon $BB sh -c "$CHANGES"
}

@test "diff names what was changed, added and deleted, as podman does" {
    changed coracle box
    changed podman box
    is "$(coracle diff box)" "$(podman diff box | sort -k2)"
    is "$(coracle diff --format json box | jq -S 'map_values(sort)')" "$(podman diff --format json box | jq -S 'map_values(sort)')"
    is "$(coracle diff -l)" "$(coracle container diff box)"
    is "$(coracle diff box $BB | grep -v /anon)" "$(coracle diff box | grep -v /anon | sed 's/D .home/C \/home\nD \/home\/app/')" "beside its own image"
    coracle create --name fresh --network none $BB true >/dev/null
    is "$(coracle diff fresh)" ""
    has "$(coracle diff box fresh)" "A /newd/g"
}

@test "diff of a file's content alone; of a running container; of what was made and removed again" {
    coracle run --name one --network none $BB sh -c 'echo x >>/etc/passwd; echo y >/y; rm /y'
    has "$(coracle diff one)" "C /etc/passwd"
    hasnt "$(coracle diff one)" "/y"
    coracle run -d --name up --network none $BB sh -c 'echo 1 >/there; sleep 1000' >/dev/null
    eventually eval "coracle diff up | grep -q 'A /there'"
}

@test "diff, commit, export: wrong use" {
    coracle create --name box --network none $BB true >/dev/null
    local line want
    while IFS='|' read -r line want; do
        run -125 --separate-stderr coracle $line
        one_error "$want"
    done <<END
diff nonesuch|nonesuch not found: layer not known
container diff $BB|not found: container not known
diff --format x box|only supported value for '--format' is 'json'
diff -l box|--latest and containers cannot be used together
commit nonesuch|no container with name or ID "nonesuch" found: no such container
commit -m text box|messages are only compatible with the docker image format (-f docker)
commit -f foo box|unrecognized image format "foo"
commit box BAD|repository name must be lowercase
commit -c CMD box|CMD
export nonesuch|no container with name or ID "nonesuch" found: no such container
export -o a:b box|invalid filename (should not contain ':') "a:b"
export -o /no/such/dir box|creating file "/no/such/dir"
END
    run -125 coracle diff
    has "$output" 'requires a name, id, or the "--latest" flag'
    is "$(coracle images -q --filter dangling=true)" ""
}

@test "commit: the image runs as the container was; owners, modes, links, sparse files, deletions" {
    local driver root=$ROOT
    for driver in overlay fuse-overlay copy; do
        ROOT=$root
        with_driver $driver bb
        changed coracle box
        run -0 --separate-stderr coracle commit box $driver:1
        is "$output" "$(coracle image inspect -f '{{.Id}}' $driver:1)"
        has "$stderr" "Writing manifest to image destination"
        run -0 coracle run --rm --network none $driver:1 sh -c "$LIST"
        echo "$output" >"$FILE_DIR/t.$driver"
        is "$(coracle commit -q -s box sq 2>&1 | wc -c)" 65
        is "$(coracle run --rm --network none sq sh -c "$LIST")" "$output" "squashed, $driver"
        is "$(coracle image inspect -f '{{len .RootFS.Layers}} {{index .Config.Cmd 0}}' sq)" "1 sh"
        # The layer depends on the files alone.
        coracle commit -q box again:1 >/dev/null
        is "$(coracle image inspect -f '{{index .RootFS.Layers 1}}' again:1)" "$(coracle image inspect -f '{{index .RootFS.Layers 1}}' $driver:1)"
        coracle rm -v box >/dev/null
        coracle volume rm named >/dev/null
        coracle rmi $driver:1 sq again:1 >/dev/null
        store_is_clean
    done
    has "$(cat "$FILE_DIR/t.overlay")" "newd/f regular file 5:6 4711"
    has "$(cat "$FILE_DIR/t.overlay")" "sparse 10485764 1"
    has "$(cat "$FILE_DIR/t.overlay")" holes
    has "$(cat "$FILE_DIR/t.overlay")" "ls: var: No such file"
    has "$(cat "$FILE_DIR/t.overlay")" "ls: home/app: No such file"
    is "$(cat "$FILE_DIR/t.fuse-overlay")" "$(cat "$FILE_DIR/t.overlay")"
    is "$(cat "$FILE_DIR/t.copy")" "$(cat "$FILE_DIR/t.overlay")"
}

config_of() { # PROGRAM IMAGE
    "$1" image inspect "$2" | jq -S '.[0] | {Config: (.Config | .Env |= map(select(test("^(container|TERM|HOSTNAME|HOME)=") | not)) | .Env |= sort), Author, Comment: (if (.ManifestType | test("docker")) then .Comment else "" end),
        ManifestType, Architecture, Os, history: [.History[] | {created_by, comment, author}]}'
}

@test "commit: settings, formats and history as podman writes them" {
    local each
    for each in coracle podman; do
        $each run --name box --network none -v named:/named -v /anon --label l=1 -e FOO=bar -w /tmp -u 0 $BB sh -c 'echo 1 >/1'
        $each commit -q box plain >/dev/null
        $each commit -q -f docker -m text -a me -c CMD=ls -c 'ENV A=b' -c 'LABEL x=y' -c 'EXPOSE 80' -c 'WORKDIR /root' box dock >/dev/null
        $each commit -q --include-volumes -c 'ENTRYPOINT ["sh"]' box vols >/dev/null
    done
    for each in plain dock vols; do
        is "$(config_of coracle $each)" "$(config_of podman $each)" "$each"
    done
    podman rmi -f plain dock vols >/dev/null
    is "$(coracle commit -q --iidfile "$FILE_DIR/t.iid" box)" "$(cat "$FILE_DIR/t.iid")"
    coracle rmi -f plain dock vols "$(cat "$FILE_DIR/t.iid")" >/dev/null
}

@test "commit: podman runs what was saved, coracle what went through a registry's form" {
    changed coracle box
    coracle commit -q -f docker box dock:1 >/dev/null
    local want d
    d=$(scratch)
    want=$(coracle run --rm --network none dock:1 sh -c "$LIST")
    coracle save -q -o "$d/a.tar" dock:1
    podman load -q -i "$d/a.tar" >/dev/null
    is "$(podman run --rm --network none dock:1 sh -c "$LIST")" "$(grep -v holes <<<"$want")"
    podman rmi dock:1 >/dev/null
    coracle rm -fa -v -t 0 >/dev/null
    coracle rmi dock:1 >/dev/null
    coracle load -q -i "$d/a.tar" >/dev/null
    is "$(coracle run --rm --network none dock:1 sh -c "$LIST")" "$want"
    coracle rmi dock:1 >/dev/null
}

@test "commit of a running container; of one that never ran; of one with --rootfs" {
    coracle run -d --name up --network none $BB sh -c 'echo 1 >/there; sleep 1000' >/dev/null
    eventually eval "coracle diff up | grep -q there"
    coracle commit -q up live >/dev/null
    is "$(coracle run --rm --network none live cat /there)" 1
    coracle create --name fresh --network none $BB echo hello >/dev/null
    coracle commit -q fresh same >/dev/null
    is "$(coracle run --rm --network none same)" hello
    local d
    d=$(scratch)
    mkdir "$d/r"
    coracle create --name rooted --network none --rootfs "$d/r" x >/dev/null
    run -125 --separate-stderr coracle commit rooted
    one_error "exploded rootfs"
    coracle rmi live same >/dev/null
}

@test "export: all files, without what is mounted; to a file, a pipe; import makes an image of it" {
    changed coracle box
    local d driver root=$ROOT
    d=$(scratch)
    coracle run --rm --network none -v named:/named $BB touch /named/inside
    coracle export box >"$d/a.tar"
    coracle export -o "$d/b.tar" box
    cmp "$d/a.tar" "$d/b.tar"
    has "$(tar tvf "$d/a.tar")" " newd/g link to newd/f"
    hasnt "$(tar tf "$d/a.tar")" "named/inside"
    coracle import "$d/a.tar" imported >/dev/null 2>&1
    coracle commit -q box committed >/dev/null
    is "$(coracle run --rm --network none imported sh -c "$LIST")" "$(coracle run --rm --network none committed sh -c "$LIST")"
    coracle rmi imported committed >/dev/null
    for driver in fuse-overlay copy; do
        ROOT=$root
        with_driver $driver bb
        changed coracle box
        is "$(coracle export box | tar tf - | grep -vE '^(etc/(hosts|hostname|resolv.conf|mtab)|run/.containerenv)$' | sort)" \
            "$(tar tf "$d/a.tar" | grep -vE '^(etc/(hosts|hostname|resolv.conf|mtab)|run/.containerenv)$' | sort)" "$driver"
        coracle rm -v box >/dev/null
        coracle volume rm named >/dev/null
    done
    ROOT=$root
    need script
    run script -qec "'$CORACLE' --root '$ROOT' export box" /dev/null
    has "$output" "refusing to export to terminal"
}
