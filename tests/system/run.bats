#!/usr/bin/env bats
# run: exit codes, names, environment, users, working directory, files that coracle makes in the container.
load suite

setup_file() { start_root bb app; }
teardown_file() { end_root; }
teardown() { clean; }

@test "run: exit code of the program" {
    run -0 coracle run --rm $BB true
    is "$output" ""
    run -1 coracle run --rm $BB false
    run -42 coracle run --rm $BB sh -c 'exit 42'
    run -255 coracle run --rm $BB sh -c 'exit 255'
}

@test "run: nothing but the program's output, on either stream" {
    run -0 --separate-stderr coracle run --rm $BB sh -c 'echo out; echo err >&2'
    is "$output" out
    is "$stderr" err
}

@test "run: 125 when coracle itself fails" {
    run -125 --separate-stderr coracle run --rm --nosuchflag $BB true
    has "$stderr" "unknown flag: --nosuchflag"
    run -125 --separate-stderr coracle run --rm --pull never localhost/nosuchimage true
    one_error nosuchimage
}

@test "run: 127 when the command isn't found, 126 when it can't be run" {
    run -127 --separate-stderr coracle run --rm $BB nosuchcommand
    one_error nosuchcommand
    run -127 --separate-stderr coracle run --rm $BB /no/such/path
    one_error /no/such/path
    run -126 --separate-stderr coracle run --rm $BB /etc
    one_error "permission denied"
    run -126 --separate-stderr coracle run --rm $BB /etc/passwd
    one_error "permission denied"
}

@test "run: 128 + signal when the program is killed by one" {
    run -137 coracle run --rm --init $BB sh -c 'kill -9 $$'
    coracle run -d --name killed $BB sh -c 'trap : USR1; while :; do sleep 0.1; done'
    coracle kill killed
    run -0 coracle wait killed
    is "$output" 137
    coracle run -d --name termed --init $BB sleep 1000
    coracle stop -t 5 termed
    run -0 coracle inspect -f '{{.State.ExitCode}}' termed
    is "$output" 143
}

@test "run: --rm leaves nothing, also when the program or coracle fails" {
    coracle run --rm $BB true
    run coracle run --rm $BB false
    run -127 coracle run --rm $BB nosuchcommand
    run -0 coracle ps -aq
    is "$output" ""
}

@test "run: without --rm the container stays, exited" {
    run -3 coracle run --name stays $BB sh -c 'exit 3'
    run -0 coracle inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.Name}}' stays
    is "$output" "exited 3 stays"
}

@test "run: --name in use" {
    coracle create --name dup $BB true
    run -125 --separate-stderr coracle run --name dup $BB true
    one_error dup "already in use"
    run -0 coracle ps -aq
    is "${#lines[@]}" 1
}

@test "run: --replace takes the name over" {
    coracle run -d --name again $BB sleep 1000
    coracle run --replace --name again $BB true
    run -0 coracle ps -aq --filter name=again
    is "${#lines[@]}" 1
}

@test "run: --name with characters that names don't have" {
    run -125 --separate-stderr coracle run --name 'a/b' $BB true
    one_error "must match"
}

@test "run: -d prints the id and returns at once" {
    run -0 --separate-stderr coracle run -d $BB sleep 1000
    matches "$output" '^[0-9a-f]{64}$'
    is "$stderr" ""
    state_is "$output" running
}

@test "run: --cidfile and --pidfile" {
    local dir; dir=$(scratch)
    run -0 coracle run -d --cidfile "$dir/cid" --pidfile "$dir/pid" $BB sleep 1000
    is "$(cat "$dir/cid")" "$output"
    has "$(tr '\0' ' ' <"/proc/$(cat "$dir/pid")/cmdline")" "sleep 1000"
    run -125 --separate-stderr coracle run --cidfile "$dir/cid" $BB true
    one_error cid
    run -125 --separate-stderr coracle run --rm --cidfile "$dir/no/such" $BB true
    one_error "$dir/no/such"
    run --separate-stderr coracle run --rm --pidfile "$dir/no/such" $BB true
    [ "$status" != 0 ]
    one_error "$dir/no"
}

@test "run: environment of the image, -e, --env-file, --env-host, --unsetenv" {
    local dir; dir=$(scratch)
    printf '# comment\nFILE_A=from file\nFILE_B=two\n\nHOSTVAR\nLAST=file\n' >"$dir/env"
    export HOSTVAR="from host" OTHERVAR=other
    run -0 coracle run --rm --entrypoint env -e A=1 -e HOSTVAR -e LAST=flag --env-file "$dir/env" $APP
    has "$output" "FROM_IMAGE=yes"
    has "$output" "EMPTY="
    has "$output" "A=1"
    has "$output" "FILE_A=from file"
    has "$output" "HOSTVAR=from host"
    has "$output" "LAST=flag"
    hasnt "$output" "OTHERVAR"
    run -0 coracle run --rm --env-host $BB env
    has "$output" "OTHERVAR=other"
    run -0 coracle run --rm --entrypoint env --unsetenv FROM_IMAGE $APP
    hasnt "$output" FROM_IMAGE
    run -0 coracle run --rm --entrypoint /usr/bin/env --unsetenv-all -e ONLY=1 $APP
    has "$output" ONLY=1
    hasnt "$output" FROM_IMAGE
}

@test "run: environment that is always there" {
    run -0 coracle run --rm --name envs --hostname box $BB env
    has "$output" "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    has "$output" "HOSTNAME=box"
    has "$output" "HOME=/root"
    # podman says container=podman and scripts look for the variable alone
    matches "$output" "container=(podman|coracle|oci)"
    has "$output" "TERM=xterm"
}

@test "run: proxies of the host are passed on, --http-proxy=false keeps them out" {
    export http_proxy=http://proxy.example:3128
    run -0 coracle run --rm $BB sh -c 'echo $http_proxy'
    is "$output" http://proxy.example:3128
    run -0 coracle run --rm --http-proxy=false $BB sh -c 'echo $http_proxy'
    is "$output" ""
}

@test "run: workdir" {
    run -0 coracle run --rm $APP exec pwd
    is "${lines[1]}" /srv
    run -0 coracle run --rm -w /tmp $BB pwd
    is "$output" /tmp
    run -126 --separate-stderr coracle run --rm -w /no/such/dir $BB pwd
    one_error /no/such/dir
    run -126 coracle run --rm -w /etc/passwd $BB pwd
}

@test "run: user by name, number, group, and unknown ones" {
    run -0 coracle run --rm -u app $BB id
    is "$output" "uid=1000(app) gid=1000(app) groups=77(extra),1000(app)"
    run -0 coracle run --rm -u 1000 $BB id
    has "$output" "uid=1000(app) gid=1000(app)"
    run -0 coracle run --rm -u app:more $BB id
    is "$output" "uid=1000(app) gid=78(more) groups=78(more)"
    run -0 coracle run --rm -u 4321:8765 $BB sh -c 'id -u; id -g'
    is "$output" $'4321\n8765'
    run -0 coracle run --rm -u 4321 $BB sh -c 'id -u; id -g'
    is "$output" $'4321\n0'
    run --separate-stderr coracle run --rm -u nosuchuser $BB id
    [ "$status" = 125 ] || [ "$status" = 126 ]
    one_error nosuchuser
}

@test "run: --group-add" {
    run -0 coracle run --rm --group-add more --group-add 5555 $BB id -G
    has " $output " " 78 "
    has " $output " " 5555 "
}

@test "run: USER, ENTRYPOINT, CMD, WORKDIR of the image" {
    run -0 coracle run --rm $APP
    is "$output" "entry: default arguments"
    run -0 coracle run --rm $APP other words
    is "$output" "entry: other words"
    run -0 coracle run --rm --entrypoint id $APP -un
    is "$output" app
    run -0 coracle run --rm --entrypoint '["/bin/echo", "a b"]' $APP c
    is "$output" "a b c"
    run -0 coracle run --rm --entrypoint '' $APP echo plain
    is "$output" plain
}

@test "run: HOME and /etc/passwd for users that the image doesn't know" {
    run -0 coracle run --rm -u app $BB sh -c 'echo $HOME'
    is "$output" /home/app
    run -0 coracle run --rm -u 4321 $BB sh -c 'echo $HOME; grep -c ^4321: /etc/passwd'
    is "$output" $'/\n1'
}

@test "run: hostname, in the container and in /etc/hosts" {
    run -0 coracle run --rm --hostname box.example $BB sh -c 'hostname; cat /etc/hostname; echo; grep -c box.example /etc/hosts'
    is "$(echo "$output" | grep .)" $'box.example\nbox.example\n1'
    run -0 coracle run --rm $BB hostname
    matches "$output" '^[0-9a-f]{12}$'
}

@test "run: --add-host, --no-hosts" {
    run -0 coracle run --rm --add-host web:192.0.2.7 --add-host two:192.0.2.8 $BB cat /etc/hosts
    matches "$output" $'192.0.2.7[ \t]+web'
    matches "$output" $'192.0.2.8[ \t]+two'
    matches "$output" $'127.0.0.1[ \t]+localhost'
    run -1 coracle run --rm --no-hosts $BB test -e /etc/hosts
    run -125 --separate-stderr coracle run --rm --add-host broken $BB true
    one_error broken
}

@test "run: --dns, --dns-search, --dns-option" {
    run -0 coracle run --rm --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 $BB cat /etc/resolv.conf
    has "$output" "nameserver 192.0.2.53"
    has "$output" "search example.org"
    has "$output" "options ndots:3"
    run -125 --separate-stderr coracle run --rm --dns notanaddress $BB true
    one_error notanaddress
}

@test "run: labels, --label-file, annotations" {
    local dir; dir=$(scratch)
    printf 'from=file\n' >"$dir/labels"
    coracle create --name lab --label a=1 -l b --label-file "$dir/labels" --annotation note=x $APP
    run -0 coracle inspect -f '{{index .Config.Labels "a"}}|{{index .Config.Labels "b"}}|{{.Config.Labels.from}}|{{.Config.Labels.tier}}|{{.Config.Annotations.note}}' lab
    is "$output" "1||file|2|x"
}

@test "run: --read-only keeps the root read-only, with tmpfs where programs need it" {
    run -1 coracle run --rm --read-only $BB touch /file
    has "$output" "Read-only file system"
    run -0 coracle run --rm --read-only $BB sh -c 'touch /tmp/a /run/a /var/tmp/a /dev/shm/a'
    run -1 coracle run --rm --read-only --read-only-tmpfs=false $BB touch /tmp/a
}

@test "run: --tmpfs with options" {
    run -0 coracle run --rm --tmpfs /scratch:size=1m,mode=1700 $BB sh -c 'grep " /scratch " /proc/mounts; stat -c %a /scratch; dd if=/dev/zero of=/scratch/f bs=1k count=2000 2>&1 | grep -c "No space"'
    has "$output" "size=1024k"
    has "$output" $'\n1700\n1'
}

@test "run: --init is process 1 and reaps" {
    run -0 coracle run --rm --init $BB sh -c 'echo $$; (sleep 0.1 &) ; sleep 0.5; ps | grep -c "[Z] " || true'
    hasnt "${lines[0]}" " "
    [ "${lines[0]}" != 1 ]
    is "${lines[1]}" 0
    run -7 coracle run --rm --init $BB sh -c 'exit 7'
}

@test "run: --umask, --tz" {
    run -0 coracle run --rm --umask 0027 $BB sh -c umask
    is "$output" 0027
    run -0 coracle run --rm $BB sh -c umask
    is "$output" 0022
    run -0 coracle run --rm --tz Asia/Tokyo $BB sh -c 'date +%z'
    is "$output" +0900
    run -125 --separate-stderr coracle run --rm --tz No/Where $BB date
    one_error No/Where
}

@test "run: --timeout ends the container" {
    local before=$SECONDS
    run coracle run --rm --timeout 1 $BB sleep 100
    [ "$status" != 0 ]
    [ $((SECONDS - before)) -lt 20 ]
}

@test "run: --stop-signal and --stop-timeout" {
    coracle run -d --name usr --stop-signal USR1 $BB sh -c 'trap "exit 9" USR1; trap "" TERM; echo up; while :; do sleep 0.05; done'
    wait_log usr up
    coracle stop usr
    run -0 coracle inspect -f '{{.State.ExitCode}}' usr
    is "$output" 9
    coracle run -d --name deaf --stop-timeout 1 $BB sh -c 'trap "" TERM; echo up; while :; do sleep 0.05; done'
    wait_log deaf up
    local before=$SECONDS
    coracle stop deaf
    [ $((SECONDS - before)) -le 8 ]
    run -0 coracle inspect -f '{{.State.ExitCode}}' deaf
    is "$output" 137
}

@test "run: signals are passed on to the program" {
    run -5 timeout -s USR1 --preserve-status 2 $(coracle_words) run --rm $BB sh -c 'trap "echo got; exit 5" USR1; while :; do sleep 0.05; done'
    has "$output" got
}

@test "run: --preserve-fds" {
    local dir; dir=$(scratch)
    echo "through a descriptor" >"$dir/f"
    # bats itself uses descriptor 3
    run -0 bash -c "exec 3<$dir/f; $(coracle_words) run --rm --preserve-fds 1 $BB cat /proc/self/fd/3"
    is "$output" "through a descriptor"
    run bash -c "exec 3<$dir/f; $(coracle_words) run --rm $BB cat /proc/self/fd/3"
    [ "$status" != 0 ]
}

@test "run: no other descriptors of the caller reach the container" {
    run -0 bash -c "exec 7</etc/hostname 9</; $(coracle_words) run --rm $BB sh -c 'ls /proc/self/fd | wc -l'"
    is "$output" 4 # 0 1 2 and the directory itself
}

@test "run: --rootfs, and :O leaves the directory alone" {
    local dir; dir=$(scratch)
    mkdir "$dir/rootfs"
    tar -C "$dir/rootfs" -xf "$IMAGES/bb.rootfs.tar" --exclude=dev/\* 2>/dev/null
    run -0 coracle run --rm --rootfs "$dir/rootfs" sh -c 'echo made >/made; cat /etc/passwd | head -n1'
    is "$output" "root:x:0:0:root:/root:/bin/sh"
    is "$(cat "$dir/rootfs/made")" made
    run -0 coracle run --rm --rootfs "$dir/rootfs:O" sh -c 'echo over >/over; cat /over'
    is "$output" over
    [ ! -e "$dir/rootfs/over" ]
    run -125 --separate-stderr coracle run --rm --rootfs /no/such/dir true
    one_error /no/such/dir
}

@test "run: --systemd takes true, false, always" {
    run -0 coracle run --rm --systemd=false $BB true
    run -125 --separate-stderr coracle run --rm --systemd=maybe $BB true
    one_error --systemd
}

@test "run: --image-volume" {
    run -0 coracle run --rm --entrypoint sh --image-volume ignore $APP -c 'grep -c " /data " /proc/mounts || true'
    is "$output" 0
    run -0 coracle run --rm --entrypoint sh --image-volume tmpfs $APP -c 'grep " /data " /proc/mounts'
    has "$output" tmpfs
}

@test "run: --platform of another machine" {
    run -125 --separate-stderr coracle run --rm --pull never --platform linux/s390x $BB true
    matches "$stderr" "^Error: "
}

@test "run: hooks run with the state on stdin" {
    local dir; dir=$(scratch)
    mkdir "$dir/hooks"
    cat >"$dir/hook" <<HOOK
#!/bin/sh
cat >$dir/state
HOOK
    chmod 755 "$dir/hook"
    echo '{"version":"1.0.0","hook":{"path":"'"$dir"'/hook"},"when":{"always":true},"stages":["prestart"]}' >"$dir/hooks/h.json"
    coracle --hooks-dir "$dir/hooks" run --rm $BB true
    run -0 jq -r .ociVersion "$dir/state"
    matches "$output" '^1\.'
}

@test "run: flags of features that are not built say so by name" {
    only_coracle
    local flags flag
    for flags in "--decryption-key k"; do
        flag=${flags%% *}
        run -125 --separate-stderr coracle run --rm $flags $BB true
        one_error "not built yet"
        has "$stderr" "${flag#--}"
    done
}
