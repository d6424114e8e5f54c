"""The environments: each takes something away that containers of an ordinary user are made of.

A cell is a name, what is denied in words, and how: a shell script that runs as root in a mount namespace of its own
(`root`), options of deny (`deny`), words before the program (`prefix`), variables (`env`, None unsets). In scripts $HOME_DIR
is the user's home, $DATA the data directory, $USER_NAME the user. `outer` makes a user namespace around it all, in which every
id exists, so that limits of namespaces can be set for it alone. `user`: "range" or "single", with or without subordinate
ids. `accept`: an expression for outcomes that differ in their details from run to run, and what is documented of them.
"""

import os

MOUNT_API = "fsopen,fsconfig,fsmount,fspick,move_mount,open_tree,mount_setattr"
NEW_CALLS = ("clone3,openat2,pidfd_open,pidfd_getfd,close_range,faccessat2,epoll_pwait2," + MOUNT_API +
             ",landlock_create_ruleset,landlock_add_rule,landlock_restrict_self,process_madvise,process_mrelease,"
             "quotactl_fd,memfd_secret,futex_waitv,io_uring_setup")
# What the default profiles of docker and podman refuse to processes without CAP_SYS_ADMIN.
DOCKER = "mount,umount2,pivot_root,setns," + MOUNT_API + ",keyctl,add_key"

# As the default profiles cover /proc: a new one must not show more (mount_too_revealing() in the kernel).
MASK_PROC = """
for f in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do [ ! -e $f ] || mount --bind /dev/null $f; done
for d in /proc/acpi /proc/scsi /proc/bus /proc/fs; do [ ! -d $d ] || mount -t tmpfs -o ro,size=0k none $d; done
for d in /proc/sys /proc/irq; do [ ! -d $d ] || { mount --bind $d $d && mount -o remount,bind,ro $d; }; done
"""
# The nodes that every container has, and no more.
BARE_DEV = """
mkdir -p $CELL/dev
mount -t tmpfs -o mode=755 none $CELL/dev
for n in null zero full random urandom tty %s; do
    [ ! -e /dev/$n ] || { mkdir -p "$(dirname $CELL/dev/$n)"; touch $CELL/dev/$n; mount --bind /dev/$n $CELL/dev/$n; }
done
mkdir $CELL/dev/shm $CELL/dev/pts
mount -t tmpfs -o mode=1777 none $CELL/dev/shm
mount --bind /dev/pts $CELL/dev/pts
ln -s /proc/self/fd $CELL/dev/fd
ln -s pts/ptmx $CELL/dev/ptmx
mount --rbind $CELL/dev /dev
"""
ON_OVERLAY = """
mkdir -p $CELL/lower/home $CELL/up $CELL/wk
mount -t tmpfs none $CELL/up
mkdir $CELL/up/u $CELL/up/w
chown $USER_NAME: $CELL/up/u $CELL/lower/home
mount -t overlay -o lowerdir=$CELL/lower/home,upperdir=$CELL/up/u,workdir=$CELL/up/w none $HOME_DIR
"""
# The home directory is on a server; see netlike.c.
NETLIKE = """
mkdir $CELL/export
chown $USER_NAME: $CELL/export
$TOOLS/netlike %s $CELL/export $HOME_DIR
"""


class Cell:
    def __init__(self, name, denied, root="", deny=(), prefix=(), env=None, outer="", user="range", accept=None):
        self.name, self.denied, self.root, self.deny, self.prefix = name, denied, root, list(deny), list(prefix)
        self.env, self.outer, self.user, self.accept = env or {}, outer, user, accept


def limits(name):
    return f"echo 0 >/proc/sys/user/max_{name}_namespaces"


CELLS = [
    Cell("plain", "nothing"),
    # --- user namespaces
    Cell("no-userns-sysctl", "user namespaces, by user.max_user_namespaces=0", outer=limits("user")),
    Cell("no-userns-seccomp", "user namespaces, by a seccomp filter (EPERM)", deny=["--no-userns", "EPERM"]),
    Cell("no-userns-enosys", "user namespaces, by a seccomp filter (ENOSYS)", deny=["--no-userns", "ENOSYS"]),
    Cell("apparmor", "user namespaces, as AppArmor does on Ubuntu 24.04 (a sysctl of that name, and EPERM)",
         root="mount -t tmpfs none /proc/sys/kernel; echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
         deny=["--no-userns", "EPERM"]),
    Cell("chroot", "user namespaces: the process runs in a chroot",
         root="mkdir $CELL/chroot; mount --rbind / $CELL/chroot", prefix=["chroot"]),
    Cell("docker", "mounts and namespaces, as in a container of docker with its defaults",
         root=MASK_PROC + BARE_DEV % "", deny=["--refuse", DOCKER + ":EPERM", "--no-userns", "EPERM"]),
    Cell("no-mount-seccomp", "mount(2) and the new mount API, by a seccomp filter", deny=["--refuse", DOCKER + ":EPERM"]),
    Cell("landlock", "changes of mounts: the process is in a Landlock domain", deny=["--landlock"]),
    Cell("no-mntns", "mount namespaces, by a sysctl", outer=limits("mnt")),
    Cell("no-pidns", "pid namespaces, by a sysctl", outer=limits("pid")),
    Cell("no-netns", "network namespaces, by a sysctl", outer=limits("net")),
    Cell("no-ipcns", "IPC namespaces, by a sysctl", outer=limits("ipc")),
    Cell("no-utsns", "UTS namespaces, by a sysctl", outer=limits("uts")),
    Cell("no-cgroupns", "cgroup namespaces, by a sysctl", outer=limits("cgroup")),
    # --- ids
    Cell("no-subids", "subordinate ids", user="single"),
    Cell("no-newuidmap", "newuidmap and newgidmap",
         root="for f in newuidmap newgidmap; do mount --bind /dev/null $(command -v $f); done"),
    Cell("no-new-privs", "setuid programs, by no_new_privs", deny=["--no-new-privs"]),
    Cell("one-id-map", "ids: a user namespace with one", prefix=["unshare", "-Ur"]),
    # --- file systems
    Cell("masked-proc", "a new /proc: parts of the outer one are covered", root=MASK_PROC),
    Cell("read-only-sys", "changes in /sys", root="mount -o remount,bind,ro /sys"),
    Cell("masked-sys", "a new /sys: parts of the outer one are covered",
         root="mount -t tmpfs -o ro,size=0k none /sys/firmware; mount -t tmpfs -o ro,size=0k none /sys/kernel"),
    Cell("no-sys", "/sys", root="umount -l /sys"),
    Cell("no-fuse", "/dev/fuse", root=BARE_DEV % "net/tun"),
    Cell("no-tun", "/dev/net/tun", root=BARE_DEV % "fuse"),
    Cell("bare-dev", "all devices but the usual ones", root=BARE_DEV % ""),
    Cell("on-overlay", "kernel overlay: the data directory is on one", root=ON_OVERLAY),
    Cell("on-overlay-no-fuse", "kernel overlay and FUSE", root=ON_OVERLAY + BARE_DEV % ""),
    Cell("no-mount-api", "the mount API of Linux 5.2, by a filter (EPERM)", deny=["--refuse", MOUNT_API + ":EPERM"]),
    Cell("no-xattrs", "extended attributes: the data directory is on ramfs",
         root="mount -t ramfs none $HOME_DIR; chown $USER_NAME: $HOME_DIR; chmod 700 $HOME_DIR"),
    Cell("no-xattrs-no-fuse", "extended attributes and FUSE",
         root="mount -t ramfs none $HOME_DIR; chown $USER_NAME: $HOME_DIR; chmod 700 $HOME_DIR\n" + BARE_DEV % ""),
    Cell("home-no-xattrs", "extended attributes, other owners and devices in the home directory, as on NFS with all_squash",
         root=NETLIKE % ""),
    Cell("home-no-locks", "the same, and locks: there is no lock daemon", root=NETLIKE % "--no-locks"),
    Cell("noexec-home", "programs on the home directory: noexec",
         root="mount -t tmpfs -o noexec,nosuid,nodev none $HOME_DIR; chown $USER_NAME: $HOME_DIR"),
    Cell("noexec-copy", "programs on the home directory, kernel overlay and FUSE",
         root="mount -t ramfs -o noexec,nosuid,nodev none $HOME_DIR; chown $USER_NAME: $HOME_DIR\n" + BARE_DEV % ""),
    Cell("read-only-home", "writing to the home directory",
         root="mount --bind $HOME_DIR $HOME_DIR; mount -o remount,bind,ro $HOME_DIR"),
    Cell("full-home", "room: the home directory has 512 KiB",
         root="mount -t tmpfs -o size=512k none $HOME_DIR; chown $USER_NAME: $HOME_DIR"),
    Cell("full-tmp", "room in /tmp", root="mount -t tmpfs -o size=4k,mode=1777 none /tmp; head -c 4096 /dev/zero >/tmp/full"),
    Cell("read-only-tmp", "writing to /tmp and /run",
         root="for d in /tmp /run; do mount -t tmpfs -o ro none $d; done"),
    Cell("no-run-user", "/run/user and XDG_RUNTIME_DIR", root="mount -t tmpfs none /run", env={"XDG_RUNTIME_DIR": None}),
    Cell("no-proc", "/proc", root="umount -l /proc"),
    # --- system calls
    Cell("new-calls-eperm", "all newer system calls, by an old filter (EPERM)", deny=["--refuse", NEW_CALLS + ":EPERM"]),
    Cell("new-calls-enosys", "all newer system calls, by a filter (ENOSYS)", deny=["--refuse", NEW_CALLS + ":ENOSYS"]),
    Cell("no-openat2", "openat2(2), by a filter (EPERM)", deny=["--refuse", "openat2:EPERM"]),
    Cell("no-pidfd", "pidfd_open(2), by a filter (EPERM)", deny=["--refuse", "pidfd_open,pidfd_getfd,pidfd_send_signal:EPERM"]),
    Cell("no-seccomp", "filters of containers: seccomp(2) is refused", deny=["--refuse", "seccomp:EPERM"]),
    # --- limits
    Cell("few-files", "descriptors: RLIMIT_NOFILE is 64", deny=["--limit", "nofile:64"]),
    Cell("few-processes", "processes: RLIMIT_NPROC is 6", prefix=["prlimit", "--nproc=6"],
         accept=(r"refused: .*(RLIMIT_NPROC|could not be started)", "refused: … (this user may have 6 processes, RLIMIT_NPROC, and a cgroup's pids.max may "
                                             "allow fewer; more: ulimit -u)")),
    Cell("small-files", "files of more than 64 KiB: RLIMIT_FSIZE", deny=["--limit", "fsize:65536"]),
    # --- cgroups
    Cell("no-cgroups", "control groups: none mounted", root="umount -l /sys/fs/cgroup 2>/dev/null; mount -t tmpfs -o ro none /sys/fs/cgroup"),
    Cell("cgroup-v2", "delegation: cgroup v2 alone, not given to the user", root="mount -t cgroup2 none /sys/fs/cgroup"),
    Cell("cgroup-v2-delegated", "nothing: cgroup v2, delegated",
         root="mount -t cgroup2 none /sys/fs/cgroup; d=/sys/fs/cgroup/$CELL_ID; mkdir $d; "
              "chown $USER_NAME: $d $d/cgroup.procs $d/cgroup.subtree_control; echo $$ >$d/cgroup.procs"),
    # --- the environment
    Cell("no-environment", "HOME, USER, PATH and everything else in the environment",
         env={"HOME": None, "USER": None, "LOGNAME": None, "PATH": None, "XDG_RUNTIME_DIR": None}),
]


def by_name(name):
    return next(c for c in CELLS if c.name == name)


def environment(cell, home, variables):
    env = {"HOME": home, "USER": variables["USER_NAME"], "LOGNAME": variables["USER_NAME"], "LANG": "C.UTF-8",
           "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    for name in ("CORACLE", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    env["CORACLE_SESSION_IDLE"] = "1"
    for name, value in cell.env.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env
