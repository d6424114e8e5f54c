"""Random layer stacks, on disk as the kernel's overlay (userxattr) writes them, and the tree that they make."""

import os
import shutil
import stat

NAMES = ["a", "b", "c", "d", "e", "f.txt", "long-" + "n" * 200]


class Layers:
    """`count` lower directories below `top`, the topmost first in `dirs`, and `plain`: the merged tree, made by hand."""

    def __init__(self, random, top, count, hard_links, special=True, below=""):
        """`below`: a directory in each of them and in `plain`, to be filled instead."""
        self.random = random
        self.special = special
        self.dirs = []
        self.plain = os.path.join(top, "plain")
        os.makedirs(os.path.join(self.plain, below))
        for number in range(count):
            path = os.path.join(top, f"l{number}")
            os.makedirs(os.path.join(path, below))
            self.dirs.insert(0, path)
            # Names of one file that layers above hide would still be counted as links, by the kernel's overlay as well.
            self.hard_links = hard_links and number == count - 1
            self.fill(path, below, 0)
        self.same_times("")

    def same_times(self, where):
        """What was made later than its twin looks the same: modification times of the topmost layer that has it."""
        for directory, _, _ in os.walk(self.plain, topdown=False):
            os.utime(directory, ns=(10**18, 10**18))
        for layer in self.dirs:
            for directory, _, _ in os.walk(layer, topdown=False):
                os.utime(directory, ns=(10**18, 10**18))

    def fill(self, layer, where, depth):
        for name in self.random.sample(NAMES, self.random.randint(1, 4)):
            self.entry(layer, os.path.join(where, name), depth)

    def entry(self, layer, path, depth):
        kind = self.random.choice(["file", "file", "dir", "dir", "link", "whiteout", "fifo", "hard"])
        real, plain = os.path.join(layer, path), os.path.join(self.plain, path)
        if kind == "dir" and depth < 3:
            self.directory(layer, path, depth)
        elif kind == "whiteout":
            if os.path.lexists(plain):
                os.mknod(real, stat.S_IFCHR | 0o600, os.makedev(0, 0))
                self.remove(plain)
        elif kind == "link":
            self.remove(plain)
            target = self.random.choice(["a", "../b", "/nowhere", "f.txt"])
            os.symlink(target, real)
            os.symlink(target, plain)
        elif kind == "fifo" and self.special:
            self.remove(plain)
            os.mkfifo(real, 0o640)
            os.mkfifo(plain, 0o640)
        else:
            self.file(layer, path, kind == "hard")

    def directory(self, layer, path, depth):
        real, plain = os.path.join(layer, path), os.path.join(self.plain, path)
        mode = self.random.choice([0o755, 0o700, 0o2755])
        opaque = self.random.random() < 0.2
        if opaque or not stat.S_ISDIR(self.mode(plain)):
            self.remove(plain)
            os.mkdir(plain)
        os.mkdir(real)
        os.chmod(real, mode)
        os.chmod(plain, mode)
        if opaque:
            os.setxattr(real, "user.overlay.opaque", b"y")
        self.fill(layer, path, depth + 1)

    def file(self, layer, path, hard):
        real, plain = os.path.join(layer, path), os.path.join(self.plain, path)
        self.remove(plain)
        data = self.random.randbytes(self.random.choice([0, 5, 4096, 10000])) + path.encode()
        if self.random.random() < 0.02:
            data *= 200  # large enough to be copied up without the lock
        mode = self.random.choice([0o644, 0o600, 0o755, 0o4755, 0o444])
        for name in (real, plain):
            with open(name, "wb") as f:
                f.write(data)
            os.chmod(name, mode)
            if path.endswith("e"):
                os.setxattr(name, "user.color", b"blue")
            os.utime(name, ns=(10**18, 10**18))
        if not (hard and self.hard_links):
            return
        other = path + "2"
        if not os.path.lexists(os.path.join(self.plain, other)) and not os.path.lexists(os.path.join(layer, other)):
            os.link(real, os.path.join(layer, other))
            os.link(plain, os.path.join(self.plain, other))

    @staticmethod
    def mode(path):
        try:
            return os.lstat(path).st_mode
        except OSError:
            return 0

    def remove(self, path):
        mode = self.mode(path)
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
        elif mode:
            os.unlink(path)
