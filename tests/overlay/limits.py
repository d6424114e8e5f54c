"""Cases for tests/overlay/behave: size= and inodes=, and whether what is counted as it goes is what is there."""

import ctypes
import errno
import os
import random
import stat
import time

MIB = 1 << 20
libc = ctypes.CDLL(None, use_errno=True)


def fails(number, function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        assert error.errno == number, f"{errno.errorcode[error.errno]}, should be {errno.errorcode[number]}"
        return
    raise AssertionError(f"no error, should be {errno.errorcode[number]}")


def allocate(fd, mode, at, size):
    if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(size)) < 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def used(w):
    vfs = os.statvfs(w("m"))
    return (vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize, vfs.f_files - vfs.f_ffree


def there(w):
    """What is in the upper directory: each inode once, no whiteouts."""
    found = {}
    for directory, subdirs, files in os.walk(w("upper")):
        for name in subdirs + files:
            st = os.lstat(os.path.join(directory, name))
            if not stat.S_ISCHR(st.st_mode) or st.st_rdev:
                found[st.st_ino] = st.st_blocks * 512
    return sum(found.values()), len(found)


def settled(w):
    """What is counted, once the kernel has let go of what was removed: it says so when it finds time."""
    end = time.monotonic() + 60
    while used(w)[1] != there(w)[1] and time.monotonic() < end:
        os.listdir(w("m"))
    return used(w)


def fill(fd, size):
    """Write until there is no more room; how much there was."""
    done = 0
    while done < size:
        try:
            n = os.write(fd, bytes(min(MIB, size - done)))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            break
        assert n > 0
        done += n
    return done


def limits(w):
    w.put("lower/big", b"b" * 8 * MIB)
    w.mount(",size=10M,inodes=10")
    vfs = os.statvfs(w("m"))
    assert vfs.f_blocks * vfs.f_frsize == 10 * MIB and vfs.f_files == 10
    fd = os.open(w("m/full"), os.O_RDWR | os.O_CREAT)
    assert 9.9 * MIB < fill(fd, 20 * MIB) <= 10 * MIB
    assert os.statvfs(w("m")).f_bavail * vfs.f_frsize < MIB // 8
    # What is there may be overwritten; a lower file is left whole.
    assert os.pwrite(fd, b"x" * MIB, 0) == MIB
    big = os.open(w("m/big"), os.O_WRONLY | os.O_APPEND)
    fails(errno.ENOSPC, os.write, big, b"more")
    os.close(big)
    assert w.read("m/big") == b"b" * 8 * MIB and not os.path.exists(w("upper/big"))
    os.truncate(w("m/big"), 0) # needs no room
    os.truncate(w("m/full"), MIB)
    assert used(w)[0] < 1.2 * MIB
    # Freed when nobody has it open any more.
    os.unlink(w("m/full"))
    assert used(w)[0] >= MIB
    os.close(fd)
    assert settled(w)[0] < MIB // 8
    # Allocated first, written later.
    fd = os.open(w("m/allocated"), os.O_RDWR | os.O_CREAT)
    fails(errno.ENOSPC, allocate, fd, 0, 0, 11 * MIB)
    allocate(fd, 0, 0, 9 * MIB + MIB // 2)
    other = os.open(w("m/other"), os.O_RDWR | os.O_CREAT)
    assert fill(other, 2 * MIB) < MIB
    assert fill(fd, 9 * MIB) == 9 * MIB
    os.close(other)
    os.unlink(w("m/other"))
    os.close(fd)
    settled(w)
    names = []
    while len(names) < 20:
        try:
            os.mkdir(w("m", f"d{len(names)}")) if len(names) % 2 else os.mknod(w("m", f"d{len(names)}"))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            break
        names.append(f"d{len(names)}")
    assert 5 <= len(names) <= 8, names
    fails(errno.ENOSPC, os.symlink, "x", w("m/link"))
    os.link(w("m/allocated"), w("m/second")) # no file more
    os.unlink(w("m/allocated")) # nor one less
    assert used(w)[1] == 10
    w.again(",size=10M,inodes=10")
    assert used(w)[1] == 10 and used(w)[0] > 9 * MIB
    os.unlink(w("m/second"))
    w.again(",size=10M,inodes=10")
    assert used(w)[0] < MIB


def random_step(w, rng, top, names):
    name = os.path.join(top, rng.choice(names))
    size = rng.randrange(1, 300000)
    step = rng.randrange(9)
    if step == 0:
        with open(name, rng.choice(["wb", "ab"])) as f:
            f.write(bytes(size))
    elif step == 1:
        os.truncate(name, rng.randrange(0, 600000))
    elif step == 2:
        os.unlink(name)
    elif step == 3:
        os.rename(name, os.path.join(top, rng.choice(names)))
    elif step == 4:
        os.link(name, os.path.join(top, rng.choice(names)))
    elif step == 5:
        os.mkdir(name)
    elif step == 6:
        os.rmdir(name)
    elif step == 7:
        os.symlink("x" * rng.randrange(1, 200), name)
    else:
        fd = os.open(name, os.O_RDWR)
        try:
            allocate(fd, rng.choice([0, 1, 3]), rng.randrange(0, 300000), size)
        finally:
            os.close(fd)


def limits_are_counted_as_it_goes(w):
    """After thousands of operations the sum is what counting gives."""
    for n in range(30):
        w.put(f"lower/d{n % 3}/l{n}", bytes(n * 5000))
    seed = int(os.environ.get("SEED", "0")) or random.randrange(1, 1 << 30)
    rng = random.Random(seed)
    names = [f"d{n % 3}/l{n}" for n in range(30)] + [f"n{n}" for n in range(20)] + [f"d{n % 3}/n{n}" for n in range(20)]
    w.mount(",size=6M,inodes=60")
    full = 0
    for _ in range(4000):
        try:
            random_step(w, rng, w("m"), names)
        except OSError as error:
            full += error.errno == errno.ENOSPC
    before = settled(w)
    w.again(",size=6M,inodes=60")
    after = used(w)
    assert before[1] == after[1] == there(w)[1], f"seed {seed}: {before[1]} files, {after[1]} are there"
    assert abs(before[0] - after[0]) <= 65536, f"seed {seed}: {before[0]} bytes, {after[0]} are there"
    assert after[0] <= 6 * MIB + 65536 and full > 20, f"seed {seed}: {after}, {full} times full"


CASES = {f.__name__: f for f in (limits, limits_are_counted_as_it_goes)}
