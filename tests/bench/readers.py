"""Run inside of a container by packed.py: READERS processes at once read every file below a directory, each beginning elsewhere.

    readers.py READERS ROUNDS PACKED-DIRECTORY PLAIN-DIRECTORY PACKED-FILE

Prints the shortest time of each, warm (everything is in the kernel's memory) and cold (nothing is), in turns, as JSON.
"""

import json
import os
import sys
import time


def files_below(top):
    paths = (os.path.join(d, name) for d, _, names in os.walk(top) for name in names)
    return sorted(p for p in paths if os.path.isfile(p) and not os.path.islink(p))


def forget(paths):
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def read_all(paths):
    buf, total = bytearray(1 << 18), 0
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        while n := os.readv(fd, [buf]):
            total += n
        os.close(fd)
    return total


def seconds(paths, readers):
    size = sum(os.stat(p).st_size for p in paths)
    begin, children = time.monotonic(), []
    for i in range(readers):
        pid = os.fork()
        if pid == 0:
            at = len(paths) * i // readers
            os._exit(0 if read_all(paths[at:] + paths[:at]) == size else 1)
        children.append(pid)
    if any([os.waitpid(pid, 0)[1] for pid in children]):
        sys.exit("a reader did not get what is there")
    return time.monotonic() - begin


def main():
    readers, rounds = int(sys.argv[1]), int(sys.argv[2])
    places = {"packed": files_below(sys.argv[3]), "plain": files_below(sys.argv[4])}
    best = {}
    for _ in range(rounds):
        for name, paths in places.items():
            forget(paths + ([sys.argv[5]] if name == "packed" else []))
            for state in ("cold", "warm"):
                key = name + " " + state
                best[key] = min(best.get(key, 1e9), seconds(paths, readers))
    print(json.dumps(best))


main()
