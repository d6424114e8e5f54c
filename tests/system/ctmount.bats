#!/usr/bin/env bats
# Containers' root file systems as directories: mount, unmount; volumes as archives: volume export, import, mount.
load suite

setup_file() {
    need jq
    start_root bb app
}
teardown_file() { end_root; }
teardown() {
    ROOT=$FILE_DIR/root
    coracle unmount -fa >/dev/null
    clean
}

# Commands in the session; "$C" is coracle there.
inside() { coracle unshare sh -c "C='$CORACLE'; $1"; }

@test "mount shows a stopped container's files, which it then runs with; unmount counts" {
    local driver
    for driver in overlay fuse-overlay; do
        with_driver $driver app
        coracle create --name box --network none --entrypoint cat $APP /made >/dev/null
        run -0 inside 'p=$($C mount box) && [ -e $p/etc/passwd ] && echo hello >$p/made && $C start -a box && $C mount box && $C unmount box && [ -e $p/made ] && $C umount box && ! [ -e $p/made ] && $C container unmount box'
        is "${lines[0]} ${lines[2]} ${lines[3]} ${lines[4]}" "hello box box box"
        # What was written there lasts.
        is "$(coracle start -a box)" hello
        has "$(coracle diff box)" "A /made"
        coracle rm box >/dev/null
    done
}

@test "mount shows a running container's files, while it runs and after" {
    local driver
    for driver in overlay fuse-overlay; do
        with_driver $driver app
        coracle run -d --name box -u 0 --network none --entrypoint sh $APP -c 'trap "exit 0" TERM; echo 1 >/live; while :; do sleep 0.1; done' >/dev/null
        eventually eval "coracle diff box | grep -q /live"
        run -0 inside 'cd /; p=$($C mount box) && cat $p/live && echo 2 >$p/live && $C exec box cat /live && $C stop -t 5 box && $C start box && $C exec box cat /live && $C mount'
        is "${lines[0]} ${lines[1]} ${lines[4]}" "1 2 1"
        coracle rm -f -t 0 box >/dev/null
        is "$(inside '$C mount')" ""
    done
}

@test "mount lists, in columns and as JSON; --all, --latest, --no-trunc; removal unmounts; wrong use" {
    coracle create --name one --network none $BB true >/dev/null
    coracle create --name two --network none $BB true >/dev/null
    local id
    id=$(coracle inspect -f '{{.Id}}' one)
    run -0 inside '$C mount one >/dev/null; $C mount; $C mount --no-trunc; $C mount --format json'
    matches "${lines[0]}" "^${id:0:12}  /.*/root$"
    matches "${lines[1]}" "^$id  /.*/root$"
    is "$(printf '%s\n' "${lines[@]:2}" | jq -r '.[0].id + .[0].Names[0]')" "${id}one"
    is "$(inside '$C mount -a | wc -l')" 2
    is "$(inside '$C mount -l')" "$(inside '$C mount two')"
    run -125 --separate-stderr inside 'cd $($C mount two) && $C unmount -f one >/dev/null && for i in 1 2 3 4 5; do $C unmount two; done'
    has "$stderr" "somebody works in it"
    coracle rm two >/dev/null
    is "$(inside '$C mount')" ""
    run -125 --separate-stderr coracle mount one
    is "$stderr" 'Error: cannot run command "coracle mount" in rootless mode, must execute `coracle unshare` first'
    run -125 --separate-stderr inside '$C mount --format foo'
    one_error 'unknown --format argument: "foo"'
    run -125 --separate-stderr inside '$C mount none'
    one_error 'no container with name or ID "none" found: no such container'
    run -125 --separate-stderr coracle unmount none
    one_error 'no container with name or ID "none" found: no such container'
    run -125 --separate-stderr coracle unmount
    one_error "you must provide at least one name or id"
    run -125 --separate-stderr inside '$C mount -a one'
    one_error "no arguments are needed with --all"
}

@test "volume export and import: owners, links, what is there; compressed; wrong use" {
    local d line want
    d=$(scratch)
    coracle run --rm --network none -v vol:/v $BB sh -c 'echo 1 >/v/f; chown 5:6 /v/f; ln /v/f /v/g; ln -s f /v/l; chmod 1777 /v; echo keep >/v/.wh.name'
    coracle volume export vol >"$d/a.tar"
    coracle volume export -o "$d/b.tar" vol
    cmp "$d/a.tar" "$d/b.tar"
    gzip -k "$d/a.tar"
    coracle volume create new >/dev/null
    is "$(coracle volume import new "$d/a.tar.gz")" ""
    coracle volume import new - <"$d/b.tar"
    coracle volume export new | cmp - "$d/a.tar"
    is "$(coracle run --rm --network none -v new:/etc $BB sh -c 'stat -c "%u %a %n" /etc /etc/f; ls -A /etc' | xargs)" "0 1777 /etc 5 644 /etc/f .wh.name f g hostname hosts l resolv.conf"
    echo garbage >"$d/garbage"
    while IFS='|' read -r line want; do
        run -125 --separate-stderr coracle volume $line </dev/null
        one_error "$want"
    done <<END
export none|no such volume none
import none $d/a.tar|no such volume none
import vol $d/none.tar|open $d/none.tar: no such file or directory
import vol $d/garbage|not a valid tar archive
import vol -|unexpected EOF
export -o /no/such/dir vol|creating file "/no/such/dir"
mount vol|must execute \`coracle unshare\` first
unmount none|no volume with name "none" found: no such volume
END
    run -125 coracle volume import vol
    has "$output" "accepts 2 arg(s), received 1"
    run -125 coracle volume reload x
    has "$output" "takes no arguments"
    is "$(coracle volume reload)$(coracle volume unmount vol)" vol
    is "$(inside 'cat $($C volume mount vol)/f')" 1
    coracle volume rm vol new >/dev/null
}

@test "volume export and import: a directory of the host" {
    local d
    d=$(scratch)
    mkdir "$d/dir"
    echo 1 >"$d/dir/f"
    coracle volume create --opt type=none --opt o=bind --opt device="$d/dir" bound >/dev/null
    coracle volume export bound >"$d/a.tar"
    is "$(tar xOf "$d/a.tar" ./f 2>/dev/null || tar xOf "$d/a.tar" f)" 1
    mv "$d/dir/f" "$d/dir/g"
    coracle volume import bound "$d/a.tar"
    is "$(cat "$d/dir/f" "$d/dir/g" | xargs)" "1 1"
    is "$(coracle run --rm --network none -v bound:/v $BB ls /v | xargs)" "f g"
    coracle volume rm bound >/dev/null
    is "$(ls "$d/dir" | xargs)" "f g"
}
