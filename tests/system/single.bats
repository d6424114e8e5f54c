#!/usr/bin/env bats
# A user without subordinate ids, as on a login node: one id, one notice, no errors.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() { only_coracle; }
teardown() { clean; }

@test "single id: this user has no ranges" {
    run grep "^$(id -un):" /etc/subuid
    is "$output" ""
    # and no newuidmap that could help
    run -1 unshare --user --map-auto true
}

@test "single id: load and run work, with one line of notice at most" {
    run -0 --separate-stderr coracle run --rm $BB sh -c 'id -u; cat /proc/self/uid_map | wc -l'
    is "$output" $'0\n1'
    [ "${#stderr_lines[@]}" -le 1 ] || fail "$stderr"
}

@test "single id: the notice comes once, not with every command" {
    local root=$FILE_DIR/once
    "$CORACLE" --root "$root" load -q -i "$IMAGES/bb.tar" >/dev/null 2>&1
    run -0 --separate-stderr "$CORACLE" --root "$root" run --rm $BB true
    is "$stderr" ""
    run -0 --separate-stderr "$CORACLE" --root "$root" ps
    is "$stderr" ""
}

@test "single id: the notice names what is missing and who can fix it" {
    run -0 --separate-stderr "$CORACLE" --root "$FILE_DIR/new" run --rm coracle/hello
    has "$stderr" "subuid"
}

@test "single id: a shell's work: files, processes, pipes, volumes" {
    run -0 --separate-stderr coracle run --rm $BB sh -c 'echo a >/f; mkdir /d; ls / | grep -c . ; rm /f; seq 10 | wc -l; ps | wc -l'
    is "${lines[1]}" 10
    run -0 --separate-stderr coracle run --rm -v v:/v $BB sh -c 'echo kept >/v/f'
    run -0 --separate-stderr coracle run --rm -v v:/v $BB cat /v/f
    is "$output" kept
}

@test "single id: files of an image show the owners that it says" {
    run -0 --separate-stderr coracle run --rm $BB stat -c '%u:%g' /home/app
    is "$output" 1000:1000
    coracle load -q -i "$IMAGES/tricky.tar" >/dev/null
    run -0 --separate-stderr coracle run --rm localhost/tricky stat -c '%a %u:%g' /suid /sgid /sticky /owned /far
    is "$output" $'4755 0:0\n2775 0:0\n1777 0:0\n644 12345:54321\n644 65534:65534'
}

@test "single id: a Debian image loads and works" {
    coracle load -q -i "$IMAGES/debian.tar" >/dev/null
    run -0 --separate-stderr coracle run --rm $DEBIAN sh -c 'cat /etc/debian_version; perl -e "print 42"; dpkg -s dpkg | grep ^Status; touch /etc/new && rm -r /usr/share/doc && echo changed'
    has "$output" 42
    has "$output" "install ok installed"
    has "$output" changed
}

@test "single id: users that are asked for, by number and by name" {
    run -0 --separate-stderr coracle run --rm -u 1000 $BB id -u
    is "$output" 1000
    run -0 --separate-stderr coracle run --rm -u app:7 $BB sh -c 'id -u; id -g; touch /tmp/f; stat -c %u:%g /tmp/f; chown 0 /tmp/f 2>&1 || true'
    is "$output" $'1000\n7\n1000:7\nchown: /tmp/f: Operation not permitted'
    coracle run -d --name u -u app $BB sleep 1000
    run -0 coracle exec u id -u
    is "$output" 1000
    run -0 coracle exec -u 0 u id -u
    is "$output" 0
    run -0 coracle exec -u 55:66 u sh -c 'id -u; id -g'
    is "$output" $'55\n66'
    run -125 --separate-stderr coracle run --rm -u 2000000000 $BB id
    one_error "2000000000" "one id"
}

@test "single id: ids are set, inherited, given up for good, and come back with setuid programs" {
    coracle load -q -i "$IMAGES/debian.tar" >/dev/null
    coracle run -d --name d $DEBIAN sleep 1000
    run -0 coracle exec d perl -e '$( = $) = "5 5 6 7"; $< = $> = 33; print "$< $> $)\n"; $> = 0; print "$>\n"; print `id`; fork or exec "sleep 0.1; id -u"; wait; print -e "/x" ? "" : "end\n"'
    is "$output" $'33 33 5 5 6 7\n33\nuid=33(www-data) gid=5(tty) groups=5(tty),6(disk),7(lp)\n33\nend'
    # a daemon, whose parents are gone, stays what it was
    run -0 coracle exec d su -s /bin/sh www-data -c '(setsid sh -c "sleep 0.3; id -u >/tmp/who" &) ; true'
    eventually eval '[ "$(coracle exec d cat /tmp/who)" = 33 ]'
    run -0 coracle exec d sh -c 'useradd -m ann && cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id && su ann -c "/tmp/id -un; cd; touch f; stat -c %U f"'
    is "$output" $'root\nann'
    run -0 coracle exec d sh -c 'echo "ann:secret" | chpasswd && su ann -c "printf \"secret\nAnother1pw\nAnother1pw\n\" | passwd 2>&1"'
    has "$output" "password updated successfully"
    run -0 coracle run --rm --security-opt no-new-privileges $DEBIAN sh -c 'cp /usr/bin/id /tmp/id && chmod 4755 /tmp/id && setpriv --reuid 33 --clear-groups /tmp/id -un'
    is "$output" www-data
}

@test "single id: owners are kept by commit, export, cp and copies of the container" {
    coracle run --name o $BB sh -c 'mkdir /o /o/d && touch /o/f /o/suid && chown 5:6 /o/f && chown 7 /o/suid && chmod 4755 /o/suid && chown 8:9 /o/d && chmod 050 /o/d && mknod /o/null c 1 3'
    local want=$'/o/d 50 8:9\n/o/f 644 5:6\n/o/null 644 0:0\n/o/suid 4755 7:0'
    coracle commit -q o localhost/o >/dev/null
    run -0 coracle run --rm localhost/o stat -c '%n %a %u:%g' /o/d /o/f /o/null /o/suid
    is "$output" "$want"
    run -0 coracle run --rm localhost/o test -c /o/null
    coracle export -o "$FILE_DIR/o.tar" o
    run -0 tar --numeric-owner -tvf "$FILE_DIR/o.tar" o/d o/f o/null o/suid
    matches "$output" 'd---r-x--- 8/9 .* o/d/'
    matches "$output" '-rw-r--r-- 5/6 .* o/f'
    matches "$output" 'crw-r--r-- 0/0 .* o/null'
    matches "$output" '-rwsr-xr-x 7/0 .* o/suid'
    run -0 bash -o pipefail -c "$(coracle_words) cp o:/o - | tar --numeric-owner -tv"
    matches "$output" '5/6 .* o/f'
    coracle run -d --name p $BB sleep 1000
    bash -o pipefail -c "$(coracle_words) cp o:/o - | $(coracle_words) cp --archive=false - p:/"
    run -0 coracle exec p stat -c '%u:%g' /o/f
    is "$output" 5:6
    # only the owner differs
    coracle run --name q $BB chown 77 /etc/passwd
    run -0 coracle diff q
    has "$output" "C /etc/passwd"
    coracle rmi -f localhost/o
}

@test "single id: tar, cp -a and install in a container keep what they should" {
    run -0 --separate-stderr coracle run --rm $DEBIAN sh -c '
        install -D -o 5 -g 6 -m 640 /etc/issue /a/f && install -d -m 2770 -g 6 /a/g && touch /a/g/in && mkdir /a/g/sub
        tar -C / -cf /t.tar a && mkdir /b /c && tar -C /b -xpf /t.tar && cp -a /a /c
        cd /b/a && find . -printf "%m %U:%G %p\n" | sort -k3 && cd /c/a && find . -printf "%m %U:%G %p\n" | sort -k3 | md5sum >/x && cd /a && find . -printf "%m %U:%G %p\n" | sort -k3 | md5sum | cmp - /x && tar --numeric-owner -tvf /t.tar | cut -c 1-14 | LC_ALL=C sort'
    is "$output" $'755 0:0 .\n640 5:6 ./f\n2770 0:6 ./g\n644 0:6 ./g/in\n2755 0:6 ./g/sub\n-rw-r----- 5/6\n-rw-r--r-- 0/6\ndrwxr-sr-x 0/6\ndrwxr-xr-x 0/0\ndrwxrws--- 0/6'
}

@test "single id: apt-get installs a package, with apt's own user" {
    local repo; repo=$(scratch)
    cp "$DEBS"/hello_*.deb "$DEBS"/sudo_*.deb "$repo"
    index_packages "$repo"
    run -0 coracle run --rm -v "$repo:/repo:ro" $DEBIAN sh -c 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo "deb [trusted=yes] file:/repo ./" >/etc/apt/sources.list
        apt-get -q update 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install hello sudo 2>&1 && hello && stat -c "%a %U" /usr/bin/sudo && stat -c %U /var/lib/apt/lists/partial'
    hasnt "$output" "W:"
    hasnt "$output" "E:"
    has "$output" $'Hello, world!\n4755 root\n_apt'
}

@test "single id: what answers for ids can be told not to" {
    run -0 --separate-stderr coracle run --rm --security-opt ids=pretend $BB sh -c 'chown 5 /etc/passwd && stat -c %u /etc/passwd && id -u'
    is "$output" $'0\n0'
    run ! coracle run --rm --security-opt ids=off $BB chown 5 /etc/passwd
    has "$output" "Invalid argument"
    run -125 coracle run --rm --security-opt ids=yes $BB true
    has "$output" "ids=yes"
    run -0 --separate-stderr coracle run --rm --privileged $BB sh -c 'chown 5 /etc/passwd && stat -c %u /etc/passwd'
    is "$output" 5
}

@test "single id: with runc as well" {
    need runc
    run -0 --separate-stderr coracle run --rm --runtime runc $BB sh -c 'chown 5:6 /etc/passwd && stat -c %u:%g /etc/passwd; id -u'
    is "$output" $'5:6\n0'
}

@test "single id: drivers fuse-overlay and copy show and keep owners, too" {
    local d
    for d in fuse-overlay copy; do
        with_driver $d bb 2>/dev/null
        run -0 --separate-stderr coracle --storage-driver $d run --name k $BB sh -c 'stat -c %u /home/app; chown 5:6 /etc/passwd; mkdir -m 0500 /closed; stat -c "%a %u:%g" /etc/passwd /closed'
        is "$output" $'1000\n644 5:6\n500 0:0' $d
        coracle --storage-driver $d commit -q k localhost/k >/dev/null 2>&1
        run -0 --separate-stderr coracle --storage-driver $d run --rm localhost/k stat -c '%a %u:%g' /etc/passwd /closed
        is "$output" $'644 5:6\n500 0:0' $d
        coracle rm k >/dev/null
        ROOT=$FILE_DIR/root
    done
}

@test "single id: volumes and secrets belong to whom they are given to" {
    run -0 --separate-stderr coracle run --rm -u 1000 -v nv:/data $BB sh -c 'stat -c %u:%g /data; touch /data/f; stat -c %u /data/f'
    is "$output" $'1000:1000\n1000'
    run -0 --separate-stderr coracle run --rm -v filled:/home $BB stat -c '%a %u:%g' /home/app
    is "$output" '750 1000:1000'
    run -0 --separate-stderr coracle run --rm -u 7:8 -v filled:/home:U $BB stat -c '%a %u:%g' /home /home/app
    is "$output" $'755 7:8\n750 7:8'
    coracle volume create -o o=uid=7,gid=8 given >/dev/null
    run -0 --separate-stderr coracle run --rm -v given:/d $BB stat -c %u:%g /d
    is "$output" 7:8
    echo x | coracle secret create s - >/dev/null
    run -0 --separate-stderr coracle run --rm -u 1000 --secret s,uid=1000,mode=0400 $BB cat /run/secrets/s
    is "$output" x
    coracle secret rm s >/dev/null
}

@test "single id: a container in a container, where the outer one answers for both" {
    run -0 --separate-stderr coracle run --rm --security-opt unmask=ALL --network none -v /usr:/usr:ro -v "${CORACLE%/*}:${CORACLE%/*}" -v "$IMAGES:/img:ro" $DEBIAN sh -ec "
        c() { '$CORACLE' --root /inner \"\$@\" 2>/dev/null; }
        c load -q -i /img/bb.tar >/dev/null
        c run --rm --network none -u app $BB sh -c 'id -u; stat -c %u:%g /home/app; touch /tmp/f; stat -c %u /tmp/f'
        c run --name o --network none $BB chown 7:8 /etc/passwd
        c export o | tar --numeric-owner -tv etc/passwd | cut -c 1-14"
    is "$output" $'1000\n1000:1000\n1000\n-rw-r--r-- 7/8'
}

@test "single id: one map in a namespace around us, and no new privileges" {
    local root=$FILE_DIR/around around
    export CORACLE IMAGES BB root
    for around in "unshare -Ur" "setpriv --no-new-privs"; do
        run -0 --separate-stderr $around bash -ec '
            "$CORACLE" --root "$root" load -q -i "$IMAGES/bb.tar" >/dev/null
            "$CORACLE" --root "$root" run --rm -u app $BB sh -c "id -u; stat -c %u /home/app; touch /tmp/f; stat -c %u /tmp/f"
            "$CORACLE" --root "$root" run --rm $BB sh -c "chown 5:6 /etc/passwd && stat -c %u:%g /etc/passwd; id -u"
            "$CORACLE" --root "$root" run --name c $BB sh -c "mkdir /o && chown 5 /o"
            "$CORACLE" --root "$root" export c | tar --numeric-owner -tv o/ | cut -c 1-14'
        is "$output" $'1000\n1000\n1000\n5:6\n0\ndrwxr-xr-x 5/0' "$around"
        TRIES=300 eventually eval '[ -z "$(pgrep -u "$(id -u)" -f "coracle-session.*$root")" ]'
        rm -rf "$root" # by hand: no directory of an image is in the way
        [ ! -e "$root" ]
    done
}

@test "single id: its user deletes the data directory without help" {
    local root=$FILE_DIR/delete
    "$CORACLE" --root "$root" load -q -i "$IMAGES/debian.tar" >/dev/null 2>&1
    "$CORACLE" --root "$root" run --name c $DEBIAN sh -c 'mkdir -p /d/e/f && touch /d/e/f/g && chmod 0 /d/e/f && chmod 0555 /d/e && mkdir -m 0 /none && stat -c %a /d/e/f /d/e /none' >"$FILE_DIR/modes"
    is "$(cat "$FILE_DIR/modes")" $'0\n555\n0'
    TRIES=300 eventually eval '[ -z "$(pgrep -u "$(id -u)" -f "coracle-session.*$root")" ]'
    run -0 rm -rf "$root"
    [ ! -e "$root" ]
}

@test "single id: keep-id is that one id" {
    run -0 --separate-stderr coracle run --rm --userns keep-id $BB id -u
    is "$output" "$(id -u)"
}

@test "single id: exec, stop, logs, rm as ever" {
    coracle run -d --name s $BB sh -c 'echo up; trap "exit 4" TERM; while :; do sleep 0.05; done'
    wait_log s up
    run -0 --separate-stderr coracle exec s echo in
    is "$output" in
    coracle stop s
    is "$(coracle inspect -f '{{.State.ExitCode}}' s)" 4
}

@test "single id: bind mounts show the user's files as root's" {
    local dir; dir=$(scratch)
    touch "$dir/mine"
    run -0 --separate-stderr coracle run --rm -v "$dir:/w" $BB sh -c 'stat -c %u /w/mine; touch /w/new'
    is "$output" 0
    is "$(stat -c %u "$dir/new")" "$(id -u)"
}

@test "single id: doctor says so" {
    run coracle doctor
    has "$output" "id ranges"
    has "$output" "to fix"
}

@test "single id: the store is clean after all that" {
    store_is_clean
}

@test "single id: a network, and a published port" {
    local port
    coracle run -d --name w -p 80 $BB sh -c 'echo hello >/index.html; exec httpd -f -p 80 -h /' >/dev/null
    port=$(coracle port w 80 | sed 's/.*://')
    eventually curl -fsS "http://127.0.0.1:$port/"
    is "$(curl -fsS -g "http://[::1]:$port/")" hello
    run -0 coracle exec w ip -4 -o addr show tap0
    has "$output" 10.0.2.100
}

# The container has gone on by some rounds.
goes_on() { # DIRECTORY
    local from
    from=$(cat "$1/count" 2>/dev/null || echo 0)
    TRIES=600 eventually eval "[ \"\$(cat '$1/count')\" -gt $((from + 2)) ]"
}

@test "single id: a killed coracle-ids has a successor, and the container never notices" {
    local d i pid
    d=$(scratch)
    coracle run -d --name c -v "$d:/d" $BB sh -c 'n=0; cd /d
        while [ ! -e stop ]; do
            touch /f; chown 12:34 /f || echo chown >>wrong
            [ "$(stat -c %u:%g /f)" = 12:34 ] || echo stat >>wrong
            [ "$(su app -c "id -u; id -g" | tr "\n" " ")" = "1000 1000 " ] || echo su >>wrong
            n=$((n + 1)); echo $n >count.new; mv count.new count
        done; echo done >>wrong' >/dev/null
    # This one is somebody for all of its life.
    coracle exec -d --user 77:88 c sh -c 'cd /d; until [ -e ask ]; do sleep 0.2; done; echo $(id -u; id -g) >who.new; mv who.new who' >/dev/null
    for i in 1 2 3 4 5 6; do
        goes_on "$d"
        eventually pgrep -P "$(monitor_of c)" -x coracle-ids
        pid=$(pgrep -P "$(monitor_of c)" -x coracle-ids)
        is "$(wc -w <<<"$pid")" 1 "processes"
        kill -KILL "$pid"
    done
    goes_on "$d"
    is "$(coracle exec --user 78:88 c id -u)" 78
    touch "$d/ask"
    eventually test -e "$d/who"
    is "$(cat "$d/who")" "77 88"
    touch "$d/stop"
    eventually grep -q done "$d/wrong"
    is "$(cat "$d/wrong")" done
    coracle rm -ft0 c >/dev/null
}
