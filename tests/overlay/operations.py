"""One random operation, as data, and carrying it out below a directory: the result can be compared."""

import ctypes
import errno
import fcntl
import mmap
import os
import stat

from layers import NAMES

libc = ctypes.CDLL(None, use_errno=True)
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
MODES = [0o644, 0o600, 0o755, 0o4755, 0o2755, 0o1777, 0o400, 0]


def path(random, base=""):
    """Some name, up to four levels deep; names are few, so that operations meet each other."""
    depth = random.choice([1, 1, 2, 2, 3, 4])
    return os.path.join(base, *(random.choice(NAMES[:-1] if random.random() < 0.97 else NAMES) for _ in range(depth)))


# name, weight, how its arguments are chosen
KINDS = [
    ("create", 8, lambda r: (path(r), r.choice(MODES), r.randint(0, 9000), r.randint(0, 255))),
    ("write", 8, lambda r: (path(r), r.randint(0, 12000), r.randint(1, 6000), r.randint(0, 255))),
    ("append", 3, lambda r: (path(r), r.randint(1, 300))),
    ("truncate", 5, lambda r: (path(r), r.choice([0, 1, 4096, 5000, 20000]))),
    ("read", 4, lambda r: (path(r),)),
    ("unlink", 8, lambda r: (path(r),)),
    ("rmdir", 4, lambda r: (path(r),)),
    ("rmtree", 2, lambda r: (path(r),)),
    ("mkdir", 7, lambda r: (path(r), r.choice([0o755, 0o700, 0o2755]))),
    ("rename", 8, lambda r: (path(r), path(r), r.choice([0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]))),
    ("link", 5, lambda r: (path(r), path(r))),
    ("symlink", 3, lambda r: (r.choice(["a", "../b", "x" * 300]), path(r))),
    ("mkfifo", 1, lambda r: (path(r),)),
    ("whiteout", 1, lambda r: (path(r),)),
    ("chmod", 4, lambda r: (path(r), r.choice(MODES))),
    ("chown", 3, lambda r: (path(r), r.choice([0, 1, 1000]), r.choice([0, 5, 1000]))),
    ("utime", 3, lambda r: (path(r), r.randint(1, 10**18))),
    ("setxattr", 4, lambda r: (path(r), r.choice(["user.one", "user.two", "user.overlay.x"]), r.randbytes(r.randint(0, 40)))),
    ("getxattr", 2, lambda r: (path(r), r.choice(["user.one", "user.color", "user.overlay.opaque", "security.capability"]))),
    ("listxattr", 2, lambda r: (path(r),)),
    ("removexattr", 2, lambda r: (path(r), r.choice(["user.one", "user.color"]))),
    ("stat", 4, lambda r: (path(r),)),
    ("list", 5, lambda r: (path(r) if r.random() < 0.8 else "",)),
    ("mmap", 2, lambda r: (path(r), r.randint(0, 255))),
    ("punch", 2, lambda r: (path(r), r.choice([0, 2]) | 1, r.choice([0, 4096]), 4096)),
    ("seek", 1, lambda r: (path(r), r.choice([os.SEEK_DATA, os.SEEK_HOLE]))),
    ("copyrange", 2, lambda r: (path(r), path(r), r.randint(1, 5000))),
    ("tmpfile", 1, lambda r: (path(r), path(r))),
    ("excl", 2, lambda r: (path(r),)),
    ("flock", 1, lambda r: (path(r),)),
    ("open", 6, lambda r: (r.randint(0, 4), path(r), r.choice([os.O_RDWR, os.O_RDWR, os.O_RDONLY]))),
    ("hread", 5, lambda r: (r.randint(0, 4), r.randint(0, 9000))),
    ("hwrite", 5, lambda r: (r.randint(0, 4), r.randint(0, 9000), r.randint(1, 3000), r.randint(0, 255))),
    ("htrunc", 2, lambda r: (r.randint(0, 4), r.randint(0, 9000))),
    ("hstat", 3, lambda r: (r.randint(0, 4),)),
    ("hchmod", 2, lambda r: (r.randint(0, 4), r.choice(MODES))),
    ("hsync", 1, lambda r: (r.randint(0, 4),)),
    ("hclose", 2, lambda r: (r.randint(0, 4),)),
]
WEIGHTS = [k[1] for k in KINDS]


def choose(random):
    name, _, arguments = random.choices(KINDS, WEIGHTS)[0]
    return (name, *arguments(random))


def facts(st):
    """What must be the same everywhere. Links of directories and sizes of directories are the file system's affair."""
    kind = stat.S_IFMT(st.st_mode)
    return (oct(st.st_mode), st.st_uid, st.st_gid, 0 if stat.S_ISDIR(kind) else st.st_nlink,
            st.st_size if stat.S_ISREG(kind) or stat.S_ISLNK(kind) else 0, st.st_rdev)


class Place:
    """A directory in which operations are carried out, with the files that they hold open."""

    def __init__(self, top):
        self.top = top
        self.handles = {}

    def close(self):
        for fd in self.handles.values():
            os.close(fd)
        self.handles = {}

    def at(self, name):
        return os.path.join(self.top, name)

    def do(self, operation):
        """The result, or the name of the error."""
        try:
            return getattr(self, "do_" + operation[0])(*operation[1:])
        except OSError as error:
            return errno.errorcode.get(error.errno, error.errno)
        except KeyError:
            return "no handle"

    def do_create(self, name, mode, size, byte):
        fd = os.open(self.at(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
        try:
            return os.write(fd, bytes([byte]) * size), facts(os.fstat(fd))
        finally:
            os.close(fd)

    def opened(self, name, flags):
        fd = os.open(self.at(name), flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.fdopen(fd, "r+b" if flags & os.O_RDWR else "rb", buffering=0)
        except OSError:  # a directory
            os.close(fd)
            raise

    def do_write(self, name, at, size, byte):
        fd = os.open(self.at(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.pwrite(fd, bytes([byte]) * size, at), facts(os.fstat(fd))
        finally:
            os.close(fd)

    def do_append(self, name, size):
        fd = os.open(self.at(name), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.write(fd, b"+" * size), facts(os.fstat(fd))
        finally:
            os.close(fd)

    def do_truncate(self, name, size):
        os.truncate(self.at(name), size)
        return facts(os.stat(self.at(name)))

    def do_read(self, name):
        fd = os.open(self.at(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            return os.read(fd, 1 << 24)
        finally:
            os.close(fd)

    def do_unlink(self, name):
        os.unlink(self.at(name))

    def do_rmdir(self, name):
        os.rmdir(self.at(name))

    def do_rmtree(self, name):
        count = 0
        # Through a link that is removed on the way it would depend on the order of names.
        if os.path.realpath(self.at(name)) != os.path.realpath(self.top) + "/" + name:
            return None
        for directory, dirs, files in os.walk(self.at(name), topdown=False):
            for f in files:
                os.unlink(os.path.join(directory, f))
                count += 1
            for d in dirs:
                d = os.path.join(directory, d)
                (os.unlink if os.path.islink(d) else os.rmdir)(d)
                count += 1
        os.rmdir(self.at(name))
        return count

    def do_mkdir(self, name, mode):
        os.mkdir(self.at(name), mode)
        return facts(os.stat(self.at(name)))

    def do_rename(self, old, new, flags):
        if libc.renameat2(-100, self.at(old).encode(), -100, self.at(new).encode(), flags):
            raise OSError(ctypes.get_errno(), "renameat2")

    def do_link(self, old, new):
        os.link(self.at(old), self.at(new), follow_symlinks=False)
        return facts(os.lstat(self.at(new))), facts(os.lstat(self.at(old)))

    def do_symlink(self, target, name):
        os.symlink(target, self.at(name))
        return os.readlink(self.at(name))

    def do_mkfifo(self, name):
        os.mkfifo(self.at(name), 0o600)
        return facts(os.lstat(self.at(name)))

    def do_whiteout(self, name):
        """The one device that an unprivileged user may make, but not in an overlay. (Elsewhere it is not even tried.)"""
        if os.path.lexists(self.at(name)) or not os.path.isdir(os.path.dirname(self.at(name))):
            return None
        if "/plain" not in self.top:
            try:
                os.mknod(self.at(name), stat.S_IFCHR | 0o600, 0)
                return "made"
            except PermissionError:
                pass
        return None

    def do_chmod(self, name, mode):
        os.chmod(self.at(name), mode)
        return facts(os.stat(self.at(name)))

    def do_chown(self, name, uid, gid):
        os.chown(self.at(name), uid, gid, follow_symlinks=False)
        return facts(os.lstat(self.at(name)))

    def do_utime(self, name, when):
        os.utime(self.at(name), ns=(when, when), follow_symlinks=False)
        return os.lstat(self.at(name)).st_mtime_ns

    def do_setxattr(self, name, key, value):
        os.setxattr(self.at(name), key, value)
        return os.getxattr(self.at(name), key)

    def do_getxattr(self, name, key):
        return os.getxattr(self.at(name), key)

    def do_listxattr(self, name):
        return sorted(os.listxattr(self.at(name), follow_symlinks=False))

    def do_removexattr(self, name, key):
        os.removexattr(self.at(name), key)

    def do_stat(self, name):
        return facts(os.lstat(self.at(name)))

    def do_list(self, name):
        found = []
        with os.scandir(self.at(name)) as entries:
            for e in entries:
                found.append((e.name, e.is_dir(follow_symlinks=False), e.is_symlink()))
                if "/coracle" in self.top and e.inode() != os.lstat(e.path).st_ino:
                    return f"{e.name}: listed as inode {e.inode()}, but {os.lstat(e.path).st_ino}"
        return sorted(found)

    def do_mmap(self, name, byte):
        with self.opened(name, os.O_RDWR) as f:
            size = os.fstat(f.fileno()).st_size
            if not size or not stat.S_ISREG(os.fstat(f.fileno()).st_mode):
                return None
            with mmap.mmap(f.fileno(), size) as m:
                m[0] = m[size - 1] = byte
                m.flush()
            return os.pread(f.fileno(), size, 0)

    def do_punch(self, name, mode, at, size):
        fd = os.open(self.at(name), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(size)):
                raise OSError(ctypes.get_errno(), "fallocate")
            return facts(os.fstat(fd))
        finally:
            os.close(fd)

    def is_same(self, one, other):
        """Are both names of one file?"""
        try:
            return os.path.samefile(self.at(one), self.at(other))
        except OSError:
            return False

    def do_seek(self, name, whence):
        fd = os.open(self.at(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            # Where holes are is the file system's affair; that it is asked is what counts. Directories differ everywhere.
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.lseek(fd, 0, whence)
            return None
        finally:
            os.close(fd)

    def do_copyrange(self, source, target, size):
        a = os.open(self.at(source), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            b = os.open(self.at(target), os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if self.is_same(source, target):
                    return None
                return os.copy_file_range(a, b, size, 0, 0)
            finally:
                os.close(b)
        finally:
            os.close(a)

    def do_tmpfile(self, directory, name):
        if not os.path.isdir(self.at(directory)):
            return None
        fd = os.open(self.at(directory), os.O_TMPFILE | os.O_RDWR, 0o640)
        try:
            os.write(fd, b"nameless")
            os.link(f"/proc/self/fd/{fd}", self.at(name), follow_symlinks=True)
            return facts(os.fstat(fd))
        finally:
            os.close(fd)

    def do_excl(self, name):
        fd = os.open(self.at(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            return os.write(fd, b"exclusive"), facts(os.fstat(fd))
        finally:
            os.close(fd)

    def do_flock(self, name):
        with self.opened(name, os.O_RDONLY) as f, self.opened(name, os.O_RDONLY) as g:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return "both"
            except BlockingIOError:
                return "one"

    def do_open(self, slot, name, flags):
        fd = os.open(self.at(name), flags | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return "not a file"
        old = self.handles.pop(slot, -1)
        if old >= 0:
            os.close(old)
        self.handles[slot] = fd
        return facts(os.fstat(fd))

    def do_hread(self, slot, at):
        return os.pread(self.handles[slot], 5000, at)

    def do_hwrite(self, slot, at, size, byte):
        return os.pwrite(self.handles[slot], bytes([byte]) * size, at)

    def do_htrunc(self, slot, size):
        os.ftruncate(self.handles[slot], size)

    def do_hstat(self, slot):
        return facts(os.fstat(self.handles[slot]))

    def do_hchmod(self, slot, mode):
        os.fchmod(self.handles[slot], mode)

    def do_hsync(self, slot):
        os.fsync(self.handles[slot])

    def do_hclose(self, slot):
        os.close(self.handles.pop(slot))


def tree(top, links=True, times=False):
    """Everything below a directory, in an order that can be compared: names, attributes, contents, who is linked to whom."""
    found, inodes = [], {}
    for directory, dirs, files in os.walk(top):
        for name in sorted(dirs + files):
            full = os.path.join(directory, name)
            st = os.lstat(full)
            content = None
            if stat.S_ISREG(st.st_mode):
                with open(full, "rb") as f:
                    content = f.read()
            elif stat.S_ISLNK(st.st_mode):
                content = os.readlink(full)
            what = list(facts(st))
            if not links:
                what[3] = 0
            xattrs = [] if stat.S_ISLNK(st.st_mode) else sorted((k, os.getxattr(full, k)) for k in os.listxattr(full))
            short = os.path.relpath(full, top)
            if links and not stat.S_ISDIR(st.st_mode):
                inodes.setdefault(st.st_ino, []).append(short)
            found.append((short, what, xattrs, st.st_mtime_ns if times and stat.S_ISREG(st.st_mode) else 0, content))
    return sorted(found, key=lambda e: e[0]), sorted(sorted(v) for v in inodes.values() if len(v) > 1)


def difference(got, want):
    """The first difference of two trees, in words; None when there is none."""
    a, b = {e[0]: e[1:] for e in got[0]}, {e[0]: e[1:] for e in want[0]}
    for name in sorted(set(a) | set(b)):
        if a.get(name) != b.get(name):
            def short(e):
                return e if e is None else (*e[:3], e[3][:40] if e[3] else e[3], len(e[3]) if e[3] else 0)
            return f"{name}: {short(a.get(name))}, should be {short(b.get(name))}"
    if got[1] != want[1]:
        return f"hard links: {got[1]}, should be {want[1]}"
    return None
