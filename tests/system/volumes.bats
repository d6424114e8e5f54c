#!/usr/bin/env bats
# Volumes and mounts: named, anonymous, copied up, owned by other ids, read-only, of other containers, every --mount type.
load suite

setup_file() { start_root bb app; }
teardown_file() { end_root; }
teardown() { clean; }

@test "bind: read and written, ownership seen from both sides" {
    local dir; dir=$(scratch)
    echo host >"$dir/in"
    run -0 coracle run --rm -v "$dir:/w" $BB sh -c 'cat /w/in; echo ct >/w/out; chown 1000:1000 /w/out; stat -c "%u:%g" /w/in /w/out'
    is "$output" $'host\n0:0\n1000:1000'
    is "$(cat "$dir/out")" ct
    [ "$(stat -c %u "$dir/out")" != 1000 ]
    is "$(stat -c %u "$dir/in")" "$(id -u)"
}

@test "bind: :ro, relative, missing, over files, target made" {
    local dir; dir=$(scratch)
    echo x >"$dir/f"
    run -1 coracle run --rm -v "$dir:/w:ro" $BB touch /w/new
    has "$output" "Read-only file system"
    run -0 coracle run --rm -v "$dir/f:/etc/motd" $BB cat /etc/motd
    is "$output" x
    cd "$dir"
    mkdir sub
    run -0 coracle run --rm -v ./sub:/w $BB touch /w/here
    [ -e sub/here ]
    run -0 coracle run --rm -v "$dir:/made/on/the/way" $BB ls /made/on/the/way
    has "$output" f
    run -125 --separate-stderr coracle run --rm -v /no/such/source:/w $BB true
    one_error /no/such/source
    run -125 --separate-stderr coracle run --rm -v "$dir:relative" $BB true
    one_error relative
    run -125 --separate-stderr coracle run --rm -v "$dir:/w:nonsense" $BB true
    one_error nonsense
}

@test "bind: :U gives the files to the container's user" {
    local dir; dir=$(scratch)
    mkdir "$dir/d"
    touch "$dir/d/f"
    run -0 coracle run --rm -u app -v "$dir/d:/w:U" $BB sh -c 'stat -c "%u:%g" /w /w/f; touch /w/new'
    is "$output" $'1000:1000\n1000:1000'
}

@test "bind: a symbolic link in the image can't lead out" {
    local dir; dir=$(scratch)
    # /out in the image points to the host's /tmp; the mount must land inside the container's root.
    mkdir "$dir/rootfs" "$dir/src"
    tar -C "$dir/rootfs" -xf "$IMAGES/bb.rootfs.tar" --exclude=dev/\* 2>/dev/null
    ln -s ../../../../../../../../../tmp "$dir/rootfs/out"
    touch "$dir/src/marker"
    run -0 coracle run --rm -v "$dir/src:/out/below" --rootfs "$dir/rootfs" sh -c 'ls /tmp/below'
    is "$output" marker
    [ ! -e /tmp/below ]
}

@test "named volume: made on first use, kept, shared" {
    coracle run --rm -v data:/d $BB sh -c 'echo kept >/d/f'
    run -0 coracle run --rm -v data:/d $BB cat /d/f
    is "$output" kept
    run -0 coracle volume ls -q
    is "$output" data
    coracle run -d --name a -v data:/d $BB sleep 1000
    run -0 coracle run --rm -v data:/other $BB cat /other/f
    is "$output" kept
    run -2 --separate-stderr coracle volume rm data
    one_error data "being used"
    coracle rm -f -t 0 a
    run -0 coracle volume rm data
    is "$output" data
}

@test "copy-up: content, owners and modes of the image's directory, once" {
    run -0 coracle run --rm --entrypoint sh -v up:/data $APP -c 'cat /data/file; stat -c "%u:%g %a" /data /data/file /data/sub /data/sub/deep; echo changed >/data/file'
    is "$output" $'from the image\n1000:1000 750\n1000:1000 644\n1000:77 755\n1000:77 640'
    run -0 coracle run --rm --entrypoint cat -v up:/data $APP /data/file
    is "$output" changed
    run -0 coracle run --rm -v empty:/data:nocopy --entrypoint ls $APP /data
    is "$output" ""
    # a volume that has something is left as it is
    coracle run --rm -v filled:/x $BB touch /x/mine
    run -0 coracle run --rm --entrypoint ls -v filled:/data $APP /data
    is "$output" mine
}

@test "anonymous volumes: of the image and of -v, gone with --rm" {
    coracle run --rm -v /anon $BB touch /anon/f
    coracle run --rm $APP
    run -0 coracle volume ls -q
    is "$output" ""
    coracle run --name keeps -v /anon $APP
    run -0 coracle volume ls -q
    is "${#lines[@]}" 2
    matches "${lines[0]}" '^[0-9a-f]{64}$'
    coracle rm -v keeps
    run -0 coracle volume ls -q
    is "$output" ""
}

@test "volumes of other owners: root in the container and an app user share one" {
    coracle run --rm -v shared:/s $BB sh -c 'mkdir /s/app; chown 1000:1000 /s/app; chmod 700 /s/app; mkdir -m 700 /s/root'
    run -0 coracle run --rm -u app -v shared:/s $BB sh -c 'touch /s/app/f && echo wrote; ls /s/root 2>&1 | grep -c denied'
    is "$output" $'wrote\n1'
}

@test "--volumes-from, with :ro" {
    coracle create --name from -v vf:/one -v /two $BB true
    run -0 coracle run --rm --volumes-from from $BB sh -c 'touch /one/f /two/f && echo ok'
    is "$output" ok
    run -0 coracle run --rm -v vf:/x $BB ls /x
    is "$output" f
    run -1 coracle run --rm --volumes-from from:ro $BB touch /one/g
    run -125 --separate-stderr coracle run --rm --volumes-from nosuch $BB true
    one_error nosuch
}

@test "--mount: bind, volume, tmpfs, ramfs, devpts, image" {
    local dir; dir=$(scratch)
    touch "$dir/f"
    run -0 coracle run --rm --mount "type=bind,source=$dir,target=/w" $BB ls /w
    is "$output" f
    run -1 coracle run --rm --mount "type=bind,src=$dir,dst=/w,readonly" $BB touch /w/g
    run -1 coracle run --rm --mount "type=bind,src=$dir,dst=/w,ro=true" $BB touch /w/g
    run -0 coracle run --rm --mount type=volume,source=mv,destination=/w $BB touch /w/g
    coracle volume exists mv
    run -0 coracle run --rm --mount type=tmpfs,destination=/w,tmpfs-size=2m,tmpfs-mode=1770 $BB sh -c 'grep " /w " /proc/mounts; stat -c %a /w'
    has "$output" "size=2048k"
    has "$output" 1770
    run -0 coracle run --rm --mount type=devpts,destination=/w $BB sh -c 'grep " /w " /proc/mounts'
    has "$output" devpts
    run -0 coracle run --rm --mount type=image,source=$APP,destination=/w $BB cat /w/data/file
    is "$output" "from the image"
    run -1 coracle run --rm --mount type=image,source=$APP,destination=/w $BB touch /w/new
    run -0 coracle run --rm --mount type=image,source=$APP,destination=/w,rw=true $BB touch /w/new
    run -125 --separate-stderr coracle run --rm --mount type=nonsense,target=/w $BB true
    one_error nonsense
    run -125 --separate-stderr coracle run --rm --mount type=bind,source=/tmp $BB true
    matches "$stderr" "^Error: "
    run -125 --separate-stderr coracle run --rm --mount type=bind,source=/tmp,target=/w,nonsense=1 $BB true
    one_error nonsense
}

@test "--mount type=ramfs" {
    testing_podman && skip "podman 4.3 doesn't have it"
    run -0 coracle run --rm --mount type=ramfs,destination=/w $BB sh -c 'grep " /w " /proc/mounts'
    has "$output" ramfs
}

@test "--mount type=glob: each path that matches" {
    local dir
    dir=$(scratch)
    mkdir "$dir/sub"
    echo one >"$dir/lib1"; echo two >"$dir/lib2"; echo dot >"$dir/.lib"; echo deep >"$dir/sub/f"
    run -0 --separate-stderr coracle run --rm --mount "type=glob,src=$dir/lib*,dst=/x" $BB sh -c 'ls -A /x; cat /x/*; echo new >/x/lib1'
    is "$output" $'lib1\nlib2\none\ntwo'
    is "$(cat "$dir/lib1")" new
    run -0 --separate-stderr coracle run --rm --mount "type=glob,src=$dir/*,ro" $BB sh -c "cd $dir; cat .lib sub/f; echo x >lib1 || echo refused"
    is "$output" $'dot\ndeep\nrefused'
    cd "$dir"
    run -0 --separate-stderr coracle create --name g --mount 'type=glob,src=lib?,target=/x' --mount 'type=glob,src=s*,target=/x' $BB true
    run -0 coracle inspect -f '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{end}}' g
    is "$output" "bind $dir/lib1 /x/lib1 bind $dir/lib2 /x/lib2 bind $dir/sub /x/sub "
    run -125 --separate-stderr coracle run --rm --mount 'type=glob,src=/nosuch*,dst=/x' $BB true
    one_error 'no file paths matching glob "/nosuch*"'
    run -125 --separate-stderr coracle run --rm --mount 'type=glob,src=lib*,dst=/x' -v "$dir/sub:/x/lib2" $BB true
    one_error '/x/lib2: duplicate mount destination'
}

@test "--mount: subpath of a volume" {
    testing_podman && skip "podman 4.3 doesn't have it"
    coracle run --rm -v sp:/w $BB sh -c 'mkdir /w/sub; touch /w/sub/inside; ln -s ../../../../.. /w/out'
    run -0 --separate-stderr coracle run --rm --mount type=volume,source=sp,target=/w,subpath=sub $BB ls /w
    is "$output" inside
    run --separate-stderr coracle run --rm --mount type=volume,source=sp,target=/w,subpath=out $BB ls /w
    [ "$status" != 0 ] || is "$output" $'out\nsub' # the volume is the root of its links
    run --separate-stderr coracle run --rm --mount type=volume,source=sp,target=/w,subpath=nosuch $BB true
    [ "$status" != 0 ]
    has "$stderr" nosuch
}

@test "-v dir:/target:O leaves the directory alone" {
    local dir; dir=$(scratch)
    touch "$dir/f"
    run -0 coracle run --rm -v "$dir:/w:O" $BB sh -c 'touch /w/new; ls /w'
    is "$output" $'f\nnew'
    is "$(ls "$dir")" f
}

@test "mounts below mounts, in whatever order they were given" {
    local dir; dir=$(scratch)
    mkdir "$dir/a" "$dir/b"
    touch "$dir/a/fa" "$dir/b/fb"
    mkdir "$dir/a/in"
    run -0 coracle run --rm -v "$dir/b:/m/in" -v "$dir/a:/m" $BB sh -c 'ls /m /m/in'
    has "$output" fa
    has "$output" fb
}

@test "volume create, ls, inspect, exists, rm, prune" {
    run -0 coracle volume create --label role=db v1
    is "$output" v1
    run -0 coracle volume create
    matches "$output" '^[0-9a-f]{64}$'
    run -125 --separate-stderr coracle volume create v1
    one_error v1 "already exists"
    run -0 coracle volume ls
    matches "${lines[0]}" '^DRIVER +VOLUME NAME$'
    run -0 coracle volume ls -q --filter label=role=db
    is "$output" v1
    run -0 coracle volume ls --format '{{.Name}} {{.Driver}}' --filter name=v1
    is "$output" "v1 local"
    run -0 coracle volume inspect v1
    is "$(jq -r '.[0].Labels.role' <<<"$output")" db
    [ -n "$(jq -r '.[0].Mountpoint' <<<"$output")" ]
    run -0 coracle volume exists v1
    run -1 coracle volume exists nosuch
    run -1 --separate-stderr coracle volume rm nosuch
    one_error nosuch
    run -0 coracle volume rm -f nosuch
    coracle create --name u -v v1:/v $BB true
    run -0 coracle volume prune -f
    run -0 coracle volume ls -q
    is "$output" v1
    run -125 --separate-stderr coracle volume create 'bad/name'
    one_error
}

@test "volume: driver options that aren't built say so" {
    run --separate-stderr coracle volume create --driver nosuchdriver v
    [ "$status" != 0 ]
    has "$stderr" nosuchdriver
}

@test "volume: o=uid,gid give the directory to somebody, and copying can be left out" {
    run -0 coracle volume create -o o=uid=1000,gid=1001 owned
    run -0 coracle run --rm -v owned:/v $BB stat -c %u:%g /v
    is "$output" 1000:1001
    run -0 coracle volume create -o o=nocopy bare
    run -0 coracle run --rm -v bare:/etc $BB sh -c 'ls /etc | grep -c passwd || true'
    is "$output" 0
    run -0 coracle volume inspect -f '{{.Options.o}}' owned
    is "$output" uid=1000,gid=1001
}

@test "volume: type=none,device=DIR,o=bind is a directory of the host" {
    local dir; dir=$(scratch)
    mkdir "$dir/d"
    echo host >"$dir/d/f"
    run -0 coracle volume create -o type=none -o "device=$dir/d" -o o=bind hosted
    run -0 coracle run --rm -v hosted:/v $BB sh -c 'cat /v/f; echo ct >/v/g'
    is "$output" host
    is "$(cat "$dir/d/g")" ct
    run -0 coracle run --rm -v hosted:/v --mount "type=volume,src=hosted,dst=/w,ro=true" $BB sh -c 'cat /w/g; touch /w/x 2>/dev/null || echo read-only'
    is "$output" $'ct\nread-only'
    run -0 coracle volume create -o "device=$dir/d" -o o=bind,ro locked
    run -0 coracle run --rm -v locked:/v $BB sh -c 'cat /v/f; touch /v/x 2>/dev/null || echo read-only'
    is "$output" $'host\nread-only'
    run -0 coracle volume rm hosted
    is "$(cat "$dir/d/f")" host
    run -0 coracle volume create -o "device=$dir/nowhere" -o o=bind gone
    run -125 --separate-stderr coracle run --rm -v gone:/v $BB true
    one_error "mounting volume gone" "$dir/nowhere"
}

@test "volume: type=tmpfs is in memory, limited, shared while it is used, and empty afterwards" {
    run -0 coracle volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=1000,mode=750,noexec mem
    run -0 coracle run -d --name first -v mem:/v $BB sh -c 'echo shared >/v/f; sleep 1000'
    eventually coracle exec first test -s /v/f
    run -0 coracle run --rm -v mem:/v $BB sh -c 'cat /v/f; stat -c %u:%a /v; awk "\$2 == \"/v\" { print \$3, \$4 }" /proc/mounts; head -c 2000000 /dev/zero >/v/big 2>/dev/null || echo full'
    is "${lines[0]}" shared
    is "${lines[1]}" 1000:750
    matches "${lines[2]}" '^tmpfs rw,.*noexec.*size=1024k'
    is "${lines[3]}" full
    run -0 coracle rm -f -t 0 first
    run -0 coracle run --rm -v mem:/v $BB ls /v
    is "$output" ""
    run -0 coracle run --rm --mount type=volume,dst=/x,volume-opt=type=tmpfs,volume-opt=o=size=2m $BB awk '$2 == "/x" { print $3 }' /proc/mounts
    is "$output" tmpfs
    run -0 coracle volume rm mem
}

@test "volume: options that cannot be honoured name themselves" {
    local o
    for o in type=nfs type=ext4 o=size=10m o=colour=blue colour=blue o=ro; do
        run -125 --separate-stderr coracle volume create -o "$o" v
        one_error "$o"
    done
    run -0 coracle volume ls -q
    is "$output" ""
}

@test "overlay volume: with upperdir and workdir of the user's own what is written stays" {
    local dir; dir=$(scratch)
    mkdir "$dir/low" "$dir/up" "$dir/work"
    echo low >"$dir/low/f"
    local v="$dir/low:/v:O,upperdir=$dir/up,workdir=$dir/work"
    run -0 coracle run --rm -v "$v" $BB sh -c 'cat /v/f; echo changed >/v/f; echo new >/v/g'
    is "$output" low
    is "$(cat "$dir/low/f") $(cat "$dir/up/f") $(cat "$dir/up/g")" "low changed new"
    run -0 coracle run --rm -v "$v" $BB cat /v/f /v/g
    is "$output" $'changed\nnew'
    run -125 --separate-stderr coracle run --rm -v "$dir/low:/v:O,upperdir=$dir/no,workdir=$dir/work" $BB true
    one_error "$dir/no"
    run -125 --separate-stderr coracle run --rm -v "$dir/low:/v:O,upperdir=$dir/up" $BB true
    one_error "must set both"
}

@test "volumes survive a restart of the session" {
    only_coracle
    coracle run --rm -v s:/s $BB sh -c 'echo still >/s/f'
    for _ in $(seq 80); do
        [ -n "$(holder_pid)" ] || break
        sleep 0.1
    done
    is "$(holder_pid)" ""
    run -0 coracle run --rm -v s:/s $BB cat /s/f
    is "$output" still
}

@test "the store is clean after all that" {
    store_is_clean
}
