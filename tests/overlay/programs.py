"""Cases for tests/overlay/behave: programs that ask much of a file system. Each does the same in a plain directory, and what
is there at the end must be the same. CORACLE_TEST_LONG: longer."""

import hashlib
import os
import shutil
import stat
import subprocess

LONG = bool(os.environ.get("CORACLE_TEST_LONG"))


def listing(top):
    """Every name below `top` with what can be said of it that two runs have in common."""
    found = {}
    for directory, subdirs, files in os.walk(top):
        for name in subdirs + files:
            path = os.path.join(directory, name)
            st = os.lstat(path)
            what = [oct(st.st_mode), st.st_uid, st.st_gid]
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what += [st.st_size, st.st_nlink, hashlib.sha256(f.read()).hexdigest()]
            elif stat.S_ISLNK(st.st_mode):
                what.append(os.readlink(path))
            found[os.path.relpath(path, top)] = what
    return found


def differences(one, other, without=()):
    names = sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n))
    return [(n, one.get(n), other.get(n)) for n in names if not n.startswith(tuple(without))]


def on_both(w, what, without=()):
    """what(DIRECTORY) on the mount and on a copy of its lower layer."""
    subprocess.run(["cp", "-a", w("lower"), w("plain")], check=True)
    w.mount()
    what(w("m"))
    what(w("plain"))
    bad = differences(listing(w("m")), listing(w("plain")), without)
    assert not bad, bad[:5]
    before = listing(w("m"))
    w.again()
    assert not differences(listing(w("m")), before)


def parallel_make(w):
    count = 200 if LONG else 24
    w.put("lower/src/all.h", b"#define BASE 1\n")
    for n in range(count):
        w.put(f"lower/src/f{n}.c", b'#include "all.h"\nint f%d(void) { return BASE + %d; }\n' % (n, n))
    calls = b" + ".join(b"f%d()" % n for n in range(count))
    w.put("lower/src/main.c", b"".join(b"int f%d(void);\n" % n for n in range(count)) +
          b"int main(void) { return (" + calls + b") % 251; }\n")
    w.put("lower/src/Makefile", b"OBJECTS = main.o $(foreach n,$(shell seq 0 %d),f$(n).o)\n"
          b"prog: $(OBJECTS)\n\tar rcs all.a $(OBJECTS)\n\t$(CC) -o $@ $(OBJECTS)\n"
          b"f%%.o: f%%.c all.h\n\t$(CC) -O0 -MMD -c -o $@ $<\n" % (count - 1))

    def build(top):
        src = os.path.join(top, "src")
        for base in (1, 2):
            with open(os.path.join(src, "all.h"), "w", encoding="ascii") as f:
                f.write(f"#define BASE {base}\n")
            for name in os.listdir(src) if base == 2 else []: # make goes by time stamps
                if not name.endswith((".c", ".h")):
                    os.utime(os.path.join(src, name), (1, 1))
            subprocess.run(["make", "-s", "-j4", "CC=gcc"], cwd=src, check=True)
            code = subprocess.run([os.path.join(src, "prog")], check=False).returncode
            assert code == (count * base + count * (count - 1) // 2) % 251, code
        subprocess.run(["make", "-s", "-q"], cwd=src, check=True) # nothing is left to be made
    on_both(w, build, without=["src/all.a"]) # has times in it


def make_package(w, version):
    tree = w(f"package-{version}")
    for name, data in {"usr/share/p/data": b"data" * 9000 * version, "usr/bin/tool": b"#!/bin/sh\nexit %d\n" % version,
                       "etc/p.conf": b"version %d\n" % version, f"usr/share/p/only-{version}": b"x"}.items():
        w.put(os.path.join(f"package-{version}", name), data, 0o755 if "bin" in name else 0o644)
    for n in range(400 if LONG else 60):
        w.put(f"package-{version}/usr/share/p/many/{n % 7}/file{n * version}", b"%d" % n)
    os.link(os.path.join(tree, "usr/share/p/data"), os.path.join(tree, "usr/share/p/linked"))
    os.symlink("data", os.path.join(tree, "usr/share/p/soft"))
    w.put(f"package-{version}/DEBIAN/control", b"Package: p\nVersion: %d\nArchitecture: all\nMaintainer: a <a@b>\n"
          b"Description: a test\n" % version)
    w.put(f"package-{version}/DEBIAN/conffiles", b"/etc/p.conf\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, w(f"p{version}.deb")], check=True,
                   stdout=subprocess.DEVNULL)


def dpkg(top, *arguments):
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin") # it looks for ldconfig
    subprocess.run(["dpkg", f"--root={top}", "--force-confnew", *arguments], check=True, env=env,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def packages(w):
    """Installed in a layer; upgraded, unpacked again, configured and removed above it."""
    for version in (1, 2, 3):
        make_package(w, version)
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log"):
        os.makedirs(w("lower", name))
    w.put("lower/var/lib/dpkg/status")
    dpkg(w("lower"), "--unpack", w("p1.deb"))
    dpkg(w("lower"), "--configure", "p")

    def upgrade(top):
        dpkg(top, "--unpack", w("p2.deb"))
        dpkg(top, "--configure", "p")
        dpkg(top, "--install", w("p3.deb"))
        with open(os.path.join(top, "etc/p.conf"), "rb") as f:
            assert f.read() == b"version 3\n"
        assert not os.path.exists(os.path.join(top, "usr/share/p/only-2"))
        assert os.stat(os.path.join(top, "usr/share/p/linked")).st_nlink == 2
        if LONG:
            dpkg(top, "--purge", "p")
            assert not os.path.exists(os.path.join(top, "usr/share/p"))
    on_both(w, upgrade, without=["var/log", "var/lib/dpkg/lock"])


# With --verify they look at what they read. Those that need rights or a device of their own are left out.
STRESSORS = ["access", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "dup", "fallocate",
             "fcntl", "fiemap", "file-ioctl", "filename", "flock", "fpunch", "fsize", "fstat", "getdent", "hdd", "inode-flags",
             "io", "iomix", "lease", "link", "locka", "lockf", "lockofd", "metamix", "mmap", "msync", "open", "readahead",
             "rename", "seek", "sendfile", "symlink", "sync-file", "touch", "unlink", "utime", "xattr"]
QUICK = ["dentry", "dir", "filename", "link", "rename", "seek", "touch", "utime"]


def stress(w):
    """stress-ng's stressors of file systems; what it refuses in a plain directory isn't asked of us."""
    os.mkdir(w("plain"))
    w.mount()
    known = subprocess.run(["stress-ng", "--stressors"], check=True, capture_output=True, text=True).stdout.split()
    for name in STRESSORS if LONG else QUICK:
        if name not in known:
            continue
        codes = []
        for top in (w("plain"), w("m")):
            argv = ["stress-ng", "--temp-path", top, f"--{name}", "2", f"--{name}-ops", "1000" if LONG else "60",
                    "--timeout", "60" if LONG else "10", "--verify", "--hdd-bytes", "8m", "--quiet"]
            codes.append(subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300))
        assert codes[1].returncode == 0 or codes[0].returncode != 0, (name, codes[1].stdout, codes[1].stderr)
        assert os.listdir(w("m")) == [], name
    w.again()


CASES = {f.__name__: f for f in (parallel_make, packages, stress) if f is not stress or shutil.which("stress-ng")}
