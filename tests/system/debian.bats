#!/usr/bin/env bats
# A real Debian image: packages, users, setuid programs, big files, many files, many layers; beside podman where it counts.
load suite

setup_file() { start_root debian layers60 app; }
teardown_file() { end_root; }
teardown() { clean; }

# The same command in both; their output and exit code are the same.
same() {
    local ours theirs our_code=0 their_code=0
    ours=$(coracle run --rm --network none "$@" 2>&1) || our_code=$?
    is_podman_here || { is "$our_code" 0 "$ours"; return; }
    theirs=$(podman run --rm --network none "$@" 2>&1) || their_code=$?
    theirs=$(grep -v 'is not a shared mount' <<<"$theirs") || true # its first command in a namespace says so
    is "$our_code" "$their_code" "exit code of: $* ($ours)"
    is "$ours" "$theirs" "output of: $*"
}
is_podman_here() { command -v podman >/dev/null; }

@test "debian: the system says what it is, its tools run" {
    same $DEBIAN sh -c '. /etc/os-release; echo $ID $VERSION_CODENAME; cat /etc/debian_version'
    same $DEBIAN apt-get --version
    same $DEBIAN perl -e 'print 6 * 7, " $^V\n"'
    same $DEBIAN sh -c 'locale; LC_ALL=C.UTF-8 locale charmap'
    same $DEBIAN sh -c 'dpkg -l | tail -n +6 | wc -l; dpkg --audit; echo $?'
    same $DEBIAN bash -c 'echo ${BASH_VERSION%%(*}; getent passwd root daemon nobody; getent group shadow'
    same $DEBIAN sh -c 'cd /tmp; tar -cf x.tar /etc 2>/dev/null; tar -tf x.tar | wc -l | awk "{ print (\$1 > 100) }"; mount | wc -l | awk "{ print (\$1 > 5) }"'
}

@test "debian: files have the same owners, modes and links as under podman" {
    same $DEBIAN sh -c 'find / -xdev -not -path "/proc*" -not -path "/sys*" -not -path "/dev*" -not -path "/run*" -not -path "/etc/hosts" -not -path "/etc/resolv.conf" -not -path /etc/hostname -printf "%p %M %U:%G %l %n\n" | sed "s/^\(\/[^ ]*\) \(d[^ ]*\) \([0-9:]*\)  [0-9]*$/\1 \2 \3/" | LC_ALL=C sort | grep -vE "^/(|etc|etc/mtab) " | md5sum'
}

@test "debian: dpkg -i of real packages, and they work" {
    coracle run -d --name d -v "$DEBS:/debs:ro" $DEBIAN sleep 1000
    run -0 coracle exec d sh -c 'dpkg -i /debs/hello_*.deb /debs/less_*.deb /debs/sudo_*.deb /debs/libcap2-bin_*.deb /debs/libunistring2_*.deb /debs/libidn2-0_*.deb /debs/iputils-ping_*.deb 2>&1'
    hasnt "$output" "dpkg: error"
    run -0 coracle exec d hello
    is "$output" "Hello, world!"
    run -0 coracle exec d sh -c 'dpkg -s sudo | grep ^Status; dpkg --audit; stat -c "%a %U" /usr/bin/sudo'
    is "$output" $'Status: install ok installed\n4755 root'
    # file capabilities, set by the package's own script
    run -0 coracle exec d getcap /usr/bin/ping
    has "$output" cap_net_raw
    run -0 coracle exec d sh -c 'dpkg -r hello 2>&1 && test ! -e /usr/bin/hello && dpkg -V sudo'
}

@test "debian: useradd, passwd, su, sudo: setuid programs change users" {
    coracle run -d --name d -v "$DEBS:/debs:ro" $DEBIAN sleep 1000
    run -0 coracle exec d sh -c 'useradd -m -s /bin/bash ann && groupadd -g 4444 team && usermod -aG team ann && id ann'
    has "$output" "4444(team)"
    run -0 coracle exec d su - ann -c 'id -un; pwd; touch mine; stat -c "%U %G" mine'
    is "$output" $'ann\n/home/ann\nann ann'
    run -0 coracle exec -u ann d sh -c 'id -un; test -w /etc || echo "no write"'
    is "$output" $'ann\nno write'
    run -0 coracle exec d sh -c 'echo "ann:secret" | chpasswd && passwd -S ann'
    has "$output" "ann P"
    # passwd itself is setuid root: a user changes her own password
    run -0 coracle exec -u ann d sh -c 'printf "secret\nAnother1pw\nAnother1pw\n" | passwd 2>&1'
    has "$output" "password updated successfully"
    # a user becomes another with a password, through setuid su
    run -0 coracle exec -u ann d sh -c 'useradd x 2>&1; id -u'
    has "$output" "Permission denied"
    coracle exec d sh -c 'dpkg -i /debs/sudo_*.deb >/dev/null 2>&1; echo "ann ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/ann'
    run -0 coracle exec -u ann d sudo id -u
    has "$output" 0
    run -0 coracle exec d sh -c 'chown ann:team /srv && stat -c "%U:%G" /srv && userdel -r ann'
    has "$output" "ann:team"
}

@test "debian: no-new-privileges makes setuid programs ordinary" {
    run -0 coracle run --rm $DEBIAN sh -c 'useradd a; cp /usr/bin/id /tmp/id; chmod 4755 /tmp/id; su a -c "/tmp/id -u"'
    local plain=$output
    run -0 coracle run --rm -u 1234 --security-opt no-new-privileges $DEBIAN sh -c 'grep NoNewPrivs /proc/self/status'
    has "$output" 1
    has "$plain" 0
}

@test "debian: what packages' scripts do: device nodes, chown, hard links, xattrs, capabilities" {
    same $DEBIAN sh -c 'cd /tmp; touch a; ln a b; stat -c %h a; chown 12345:23456 a; stat -c "%u:%g" b; chmod 6755 a; stat -c %a a; mkfifo f; stat -c %F f; mknod c c 1 3 2>&1 | wc -l; ln -s nowhere l; readlink l; mkdir d; chmod 1777 d; stat -c %a d; truncate -s 10G sparse; stat -c "%s" sparse; touch -d @1000000000 t; stat -c %Y t'
}

@test "debian: a 1 GB file is written, read, copied and removed" {
    local LIMIT=170
    # 1 GB of different bytes, cheaply: a megabyte of noise, a thousand times with its number before it
    run -0 coracle run --rm $DEBIAN sh -c '
        head -c 1000000 /dev/urandom >/tmp/noise
        i=0; while [ $i -lt 1000 ]; do echo $i; cat /tmp/noise; i=$((i + 1)); done | tee /big | sha256sum
        sha256sum </big; stat -c "%s" /big; rm /big; test ! -e /big && echo gone'
    is "${lines[0]}" "${lines[1]}"
    [ "${lines[2]}" -gt 1000000000 ]
    is "${lines[3]}" gone
}

@test "debian: 100,000 small files are made, listed, read and removed" {
    local LIMIT=170
    run -0 coracle run --rm $DEBIAN perl -e '
        for my $d (0..99) { mkdir "/t$d"; for my $f (0..999) { open(my $h, ">", "/t$d/f$f") or die $!; print $h "$d $f\n"; } }
        my $n = 0; for my $d (0..99) { opendir(my $h, "/t$d") or die; $n += grep { /^f/ } readdir $h; } print "$n\n";
        open(my $h, "<", "/t57/f123") or die; print scalar <$h>;
        system("rm", "-rf", glob("/t[0-9]*")) == 0 or die; print -e "/t5" ? "left\n" : "gone\n";'
    is "$output" $'100000\n57 123\ngone'
}

@test "debian: 100,000 files in one directory" {
    local LIMIT=170
    run -0 coracle run --rm $DEBIAN perl -e 'mkdir "/m"; for (1..100000) { open(my $h, ">", "/m/$_") or die $!; } opendir(my $h, "/m"); print scalar(grep { !/^\./ } readdir $h), "\n"'
    is "$output" 100000
}

@test "debian: files of the image are changed, renamed, replaced and removed" {
    same $DEBIAN sh -c 'echo x >>/etc/motd; mv /etc/motd /etc/motd2; cat /etc/motd2 | tail -n1; rm /etc/issue; test -e /etc/issue || echo removed; mv /usr/share/doc/apt /tmp/apt && ls /tmp/apt | wc -l; rm -rf /usr/share/doc; mkdir /usr/share/doc; ls /usr/share/doc | wc -l; ln -f /etc/passwd /etc/passwd.link; stat -c %h /etc/passwd'
}

@test "60 layers: the topmost wins, whiteouts count, all of it as under podman" {
    # podman mounts layers of a shared store by long names: so many don't fit.
    export PODMAN_ALONE=1
    ! is_podman_here || podman load -q -i "$IMAGES/layers60.tar"
    same localhost/layers60 cat /latest
    same localhost/layers60 sh -c 'ls /layers | sort -n | tr "\n" " "'
    coracle run -d --name l localhost/layers60 sleep 1000
    run -0 coracle exec l sh -c 'echo changed >/layers/30; cat /layers/30 /layers/31'
    is "$output" $'changed\n31'
}

@test "an image whose USER isn't root: its files, its volume" {
    same $APP
    same --entrypoint sh $APP -c 'id; touch /data/mine /srv/mine; ls -ln /data | awk "{ print \$1, \$3, \$4, \$9 }"; touch /etc/x 2>&1; cat /data/sub/deep'
}

@test "two containers of one image don't see each other's files" {
    coracle run -d --name a $DEBIAN sh -c 'echo a >/mark; sleep 1000'
    coracle run -d --name b $DEBIAN sleep 1000
    eventually coracle exec a test -e /mark
    run -1 coracle exec b test -e /mark
}

@test "a container of the whole Debian uses no space but its own" {
    only_coracle
    coracle run --name small $DEBIAN true
    local kib; kib=$(unshare --user --map-root-user --map-auto du -sk "$ROOT/containers" | cut -f1)
    [ "$kib" -lt 2000 ] || fail "$kib KiB"
}
