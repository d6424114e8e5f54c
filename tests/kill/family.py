"""Every process that the tests start, whoever started it in between: we are their subreaper, so all stay our descendants."""

import ctypes
import os
import select
import signal
import time

PR_SET_CHILD_SUBREAPER = 36


class Hang(Exception):
    """Something did not end in time."""


def adopt_orphans():
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def children(pid):
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(c) for t in threads for c in read(f"/proc/{pid}/task/{t}/children").split()]


def descendants(pid=None):
    """Below us, nearest first."""
    found = []
    layer = [pid or os.getpid()]
    while layer:
        layer = [c for p in layer for c in children(p)]
        found += layer
    return found


def program(pid):
    """The name it was started by; crun starts itself again from a descriptor, so not the executable's name."""
    return os.path.basename(read(f"/proc/{pid}/cmdline").split(b"\0")[0]).decode(errors="replace")


def named(name):
    return [p for p in descendants() if program(p) == name]


def describe():
    """What is alive, for a report about something left over."""
    lines = []
    for pid in descendants():
        command = read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
        fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if fields:
            lines.append(f"    {pid} (child of {fields[1].decode()}, {fields[0].decode()}) {command or program(pid)}")
    return "\n".join(lines)


def kill(pid):
    """SIGKILL; False when it was gone already."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)


class Family:
    """Our children, those that we started and those that came to us."""

    def __init__(self):
        self.ended = {}  # pid: exit code, of those that we started and have not asked for yet
        self.ours = set()

    def start(self, argv, stdin="/dev/null", stdout="/dev/null", stderr="/dev/null"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        actions = [(os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, stdout, flags, 0o600),
                   (os.POSIX_SPAWN_OPEN, 2, stderr, flags, 0o600)]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setpgroup=0)
        self.ours.add(pid)
        return pid

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self.ours:
                self.ours.discard(pid)
                self.ended[pid] = os.waitstatus_to_exitcode(status)

    def finished(self, pid):
        self.reap()
        return pid in self.ended

    def wait(self, pid, seconds):
        """Its exit code (negative: the signal)."""
        deadline = time.monotonic() + seconds
        while not self.finished(pid):
            left = deadline - time.monotonic()
            if left <= 0:
                raise Hang(f"process {pid} did not end within {seconds} s:\n{describe()}")
            fd = os.pidfd_open(pid)
            try:
                select.select([fd], [], [], min(left, 0.5))
            finally:
                os.close(fd)
        return self.ended.pop(pid)

    def wait_alone(self, seconds, but=()):
        """Until no descendant is left but those named."""
        deadline = time.monotonic() + seconds
        while True:
            self.reap()
            left = [p for p in descendants() if program(p) not in but]
            if not left:
                return
            if time.monotonic() > deadline:
                raise Hang("processes are left over:\n" + describe())
            time.sleep(0.01)
