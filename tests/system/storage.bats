#!/usr/bin/env bats
# Storage drivers as users see them: chosen for each container, named, configured, and shown.
load suite

setup_file() { start_root bb; }
teardown_file() { end_root; }
setup() {
    only_coracle
    [ -w /dev/fuse ] || skip "/dev/fuse is not accessible"
    unset STORAGE_DRIVER STORAGE_OPTS
    [ "$(driver)" = overlay ] || skip "overlay does not work here"
}
teardown() { clean; }

driver() { coracle info -f '{{.Store.GraphDriverName}}'; }
root_is() { # ARGUMENTS... : what is mounted on / of a container with them
    coracle "$@" --rm $BB awk '$2 == "/" { print $1 }' /proc/mounts
}
# Bytes below the layers, which a copied image would make more.
layer_bytes() { unshare --user --map-root-user --map-auto du -sb "$ROOT/layers" | cut -f1; }

@test "storage: each container gets the driver that it needs, and no image is copied" {
    local before userns
    before=$(layer_bytes)
    is "$(root_is run)" overlay
    for userns in keep-id nomap auto "private --uidmap 0:1:2000"; do
        is "$(root_is run --userns $userns)" coracle-overlay "--userns $userns"
    done
    is "$(layer_bytes)" "$before"
    is "$(root_is run --userns host)" overlay
    run -0 coracle run --rm --userns keep-id -u 0 $BB sh -c 'stat -c %u:%g /bin /home/app; touch /f; chown 5:6 /f; stat -c %u:%g /f'
    is "$output" $'0:0\n1000:1000\n5:6'
    run -0 coracle run --rm --userns auto $BB sh -c 'mkdir /d; stat -c %u:%g /bin /home/app /d /etc'
    is "$output" $'0:0\n1000:1000\n0:0\n0:0'
}

@test "storage: files keep the image's owners on disk, and the container its driver" {
    run -0 coracle create --name k --userns keep-id -u 0 $BB sh -c 'touch /f; chown 7:8 /f; stat -c %u:%g /f; grep -c "^coracle-overlay / " /proc/mounts'
    run -0 coracle start -a k
    is "$output" $'7:8\n1'
    run -0 unshare --user --map-root-user --map-auto stat -c %u:%g "$ROOT/containers/$(coracle inspect -f '{{.Id}}' k)/upper/f"
    is "$output" 7:8
    run -0 coracle start -a k
    run -0 coracle inspect -f '{{.Driver}} {{.GraphDriver.Name}}' k
    is "$output" "fuse-overlay fuse-overlay"
    run -125 --separate-stderr coracle --storage-driver overlay start k
    one_error "made with the storage driver fuse-overlay"
}

@test "storage: what one driver began another one goes on with, unless it is a copy" {
    run -0 coracle run --name a $BB sh -c 'cat /kept 2>/dev/null; echo data >/kept; rm -rf /home; ls -d /home 2>/dev/null || awk "\$2 == \"/\" { print \$1 }" /proc/mounts'
    is "$output" overlay
    run -0 coracle --storage-driver fuse-overlay start -a a
    is "$output" $'data\ncoracle-overlay'
    run -0 coracle inspect -f '{{.Driver}}' a
    is "$output" overlay
    run -0 coracle --storage-driver copy run --name c $BB sh -c 'cat /kept; echo data >/kept; awk "\$2 == \"/\" { print \$3 }" /proc/mounts'
    hasnt "$output" overlay
    run -0 --separate-stderr coracle start -a c
    has "$output" data
    run -125 --separate-stderr coracle --storage-driver overlay start c
    one_error "made with the storage driver copy"
}

@test "storage: --storage-driver is what it says, also for ids of its own" {
    is "$(root_is --storage-driver overlay run --userns auto)" overlay
    is "$(root_is --storage-driver fuse-overlay run)" coracle-overlay
    is "$(STORAGE_DRIVER=fuse-overlay driver)" fuse-overlay
    is "$(coracle --storage-driver vfs info -f '{{.Store.GraphDriverName}}')" copy
    run -125 --separate-stderr coracle --storage-driver nonsense run --rm $BB true
    one_error "storage driver nonsense"
}

@test "storage: images that were loaded with one driver serve containers of the others" {
    local dir d
    dir=$(scratch)
    printf 'gone' >"$dir/one"
    run -0 "$CORACLE" --root "$dir/root" --storage-driver copy load -q -i "$IMAGES/tricky.tar"
    has "$output" "Loaded image: "
    local image=${output#Loaded image: }
    for d in copy overlay fuse-overlay; do
        run -0 "$CORACLE" --root "$dir/root" --storage-driver $d run --rm "$image" sh -c 'find / -xdev -path "/proc" -prune -o -path /dev -prune -o -path /sys -prune -o -path /run -prune -o -print | grep -v "^/etc/\(hosts\|hostname\|resolv.conf\)$" | sort | cksum; find / -xdev -name ".wh.*"'
        [ -n "${first:-}" ] || local first=$output
        is "$output" "$first" "$d"
    done
}

@test "storage: options are honoured or refused by name" {
    run -0 coracle --storage-opt overlay.mountopt=nodev,volatile --runtime runc run --rm $BB awk '$2 == "/" { print $4 }' /proc/mounts
    has "$output" nodev
    has "$output" volatile
    is "$(root_is --storage-opt overlay.mountopt=static_nlink run)" coracle-overlay
    run -126 coracle --storage-opt overlay.mountopt=noexec --runtime runc run --rm $BB true
    run -125 --separate-stderr coracle --storage-opt overlay.colour=blue info
    one_error "overlay: unknown option overlay.colour"
    run -125 --separate-stderr coracle --storage-opt overlay.mountopt=lowerdir=/etc run --rm $BB true
    one_error 'unknown mount option "lowerdir=/etc"'
    run -125 --separate-stderr coracle --storage-driver copy --storage-opt overlay.mount_program=/bin/true run --rm $BB true
    one_error "overlay.mount_program"
    STORAGE_OPTS=overlay.imagestore=/x run -125 --separate-stderr coracle run --rm $BB true
    one_error "STORAGE_OPTS" "overlay.imagestore"
}

@test "storage: --storage-opt size and inodes limit what a container writes" {
    run -0 coracle run --rm --storage-opt size=5M $BB sh -c 'df -k / | awk "END { print \$2 }"; dd if=/dev/zero of=/f bs=1M count=20 2>&1 | grep -o "No space left.*"; [ $(stat -c %s /f) -gt 4500000 ] && [ $(stat -c %s /f) -le 5242880 ] && echo as much as said'
    is "$output" $'5120\nNo space left on device\nas much as said'
    run -0 --separate-stderr coracle run --rm --explain --network none --storage-opt size=5M $BB true
    has "$stderr" "overlay: fuse-overlay (coracle-overlay) (rung 2 of 3)"
    run -1 coracle run --rm --storage-opt overlay.inodes=20 $BB sh -c 'for i in $(seq 30); do : >/tmp/$i || exit 1; done'
    has "$output" "No space left on device"
}

@test "storage: limits stay with the container, whatever starts it or looks into it" {
    local conf=$BATS_TEST_TMPDIR/storage.conf
    run -0 coracle --storage-opt overlay.size=3M create --name l $BB sh -c 'dd if=/dev/zero of=/f bs=1M count=2 conv=notrunc 2>/dev/null; dd if=/dev/zero of=/g bs=1M count=2 2>&1 | grep -c "No space"; df -k / | awk "END { print \$2 }"'
    run -0 coracle start -a l
    is "$output" $'1\n3072'
    run -0 coracle start -a l
    is "$output" $'1\n3072' "the second time"
    run -0 coracle container clone --name l2 l
    run -0 coracle start -a l2
    is "$output" $'1\n3072' "a clone"
    head -c 3M /dev/zero >"$BATS_TEST_TMPDIR/large"
    run -125 --separate-stderr coracle cp "$BATS_TEST_TMPDIR/large" l:/h
    one_error "No space left on device"
    run -125 --separate-stderr coracle --storage-driver overlay start l
    one_error "made with the storage driver fuse-overlay"
    printf '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nsize = "4M"\n' >"$conf"
    run -0 env CONTAINERS_STORAGE_CONF="$conf" $(coracle_words) run --rm $BB sh -c 'df -k / | awk "END { print \$2 }"'
    is "$output" 4096
}

@test "storage: limits that cannot be kept are refused by name" {
    local driver
    for driver in overlay copy; do
        run -125 --separate-stderr coracle --storage-driver $driver --storage-opt size=1G run --rm $BB true
        one_error "storage options size and inodes" "$driver cannot limit"
    done
    run -125 --separate-stderr coracle --storage-opt size=1G --storage-opt overlay.mount_program=/bin/true run --rm $BB true
    one_error "only coracle-overlay has them"
    run -125 --separate-stderr coracle --storage-opt size=lots run --rm $BB true
    one_error "storage option size" "lots"
}

@test "storage: mount_program is used, and ends with its container" {
    need fuse-overlayfs
    local program
    program=$(command -v fuse-overlayfs)
    is "$(root_is --storage-opt "overlay.mount_program=$program" run)" fuse-overlayfs
    run -0 coracle --storage-opt "overlay.mount_program=$program" run --rm --userns keep-id $BB sh -c 'stat -c %u /bin; id -u'
    is "$output" $'0\n'"$(id -u)"
    run -0 coracle --storage-opt "overlay.mount_program=$program" run -d --name f $BB sleep 1000
    run -0 coracle rm -f -t 0 f
    run -0 coracle --storage-opt "overlay.mount_program=$program" info -f '{{json .Store.GraphOptions}}'
    has "$output" "\"Executable\":\"$program\""
    run -125 --separate-stderr coracle --storage-opt overlay.mount_program=/nowhere run --rm $BB true
    one_error "/nowhere"
}

@test "storage: storage.conf is read where podman reads it" {
    local dir
    dir=$(scratch)
    mkdir "$dir/containers"
    printf '[storage]\ndriver = "vfs"\n' >"$dir/containers/storage.conf"
    is "$(XDG_CONFIG_HOME=$dir driver)" copy
    is "$(XDG_CONFIG_HOME=$dir STORAGE_DRIVER=overlay driver)" overlay
    printf '[storage]\ndriver = "overlay"\n[storage.options.overlay]\nmountopt = "nodev,metacopy=on"\n' >"$dir/own.conf"
    is "$(CONTAINERS_STORAGE_CONF=$dir/own.conf driver)" overlay
    run -0 env CONTAINERS_STORAGE_CONF="$dir/own.conf" $(coracle_words) --runtime runc run --rm $BB awk '$2 == "/" { print $4 }' /proc/mounts
    has "$output" nodev
    run -0 env CONTAINERS_STORAGE_CONF="$dir/own.conf" $(coracle_words) info -f '{{.Store.ConfigFile}} {{json .Store.GraphOptions}}'
    is "$output" "$dir/own.conf {\"overlay.mountopt\":\"nodev,metacopy=on\"}"
    printf '[storage]\ndriver = overlay\n' >"$dir/own.conf"
    run -125 --separate-stderr env CONTAINERS_STORAGE_CONF="$dir/own.conf" $(coracle_words) run --rm $BB true
    one_error "$dir/own.conf:2"
}
