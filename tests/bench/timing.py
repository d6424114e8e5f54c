"""How long a program takes, from before its start to its end.

As `timing.py --agent` the same is done on request inside namespaces like those of a coracle session, so that a bare OCI
runtime starts where coracle's starts: one JSON request a line on stdin, one answer a line on stdout.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time

OPEN_NULL = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]


class Failed(Exception):
    """A measured program failed; the text is what it said."""


def start(argv, log, env=None):
    actions = OPEN_NULL + [(os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)]
    return os.posix_spawn(argv[0], argv, os.environ if env is None else env, file_actions=actions)


def finish(pid, argv, log):
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        with open(log, errors="replace") as f:
            said = f.read().strip().split("\n")[-1]
        raise Failed(f"{' '.join(argv)}: exit code {code}: {said}")


def seconds(argv, log, env=None):
    """One run alone."""
    begin = time.perf_counter_ns()
    finish(start(argv, log, env), argv, log)
    return (time.perf_counter_ns() - begin) / 1e9


def seconds_parallel(argvs, log, env=None):
    """All at once; from the first start to the last end."""
    begin = time.perf_counter_ns()
    pids = [(start(argv, log, env), argv) for argv in argvs]
    for pid, argv in pids:
        finish(pid, argv, log)
    return (time.perf_counter_ns() - begin) / 1e9


# --- the agent

def use_cgroup2():
    """crun refuses version 1 hosts: what coracle-monitor does about that, once for all runs here."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return
    subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=False, stderr=subprocess.DEVNULL)


def unpack_image(archive, target):
    """The root file system of the one image in a `save`d archive; here we may set owners."""
    os.makedirs(target)
    with tarfile.open(archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json"))[0]
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(layer)) as inner:
                inner.extractall(target, numeric_owner=True)


def answer(request):
    what = request["do"]
    if what == "time":
        return seconds(request["argv"], request["log"])
    if what == "parallel":
        return seconds_parallel(request["argvs"], request["log"])
    if what == "unpack":
        return unpack_image(request["archive"], request["target"])
    if what == "remove":
        return shutil.rmtree(request["path"], ignore_errors=True)
    raise Failed("unknown request " + what)


def serve():
    use_cgroup2()
    for line in sys.stdin:
        try:
            reply = {"ok": answer(json.loads(line))}
        except (Failed, OSError, tarfile.TarError) as error:
            reply = {"failed": str(error)}
        print(json.dumps(reply), flush=True)


class Agent:
    """The other end: same calls as above, done in the namespaces."""

    def __init__(self, log):
        self.log = log
        inside = ["/usr/bin/python3", os.path.abspath(__file__), "--agent"]
        for maps in (["--map-root-user", "--map-auto"], ["--map-root-user"]):  # the second where there are no ranges
            self.child = subprocess.Popen(["unshare", "--user", *maps, "--mount", "--cgroup", "--", *inside],
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                self.ask(do="time", argv=["/bin/true"], log=log)
                return
            except (Failed, OSError):
                self.child.kill()
                self.child.wait()
        raise Failed("no user namespace for the bare runtimes")

    def ask(self, **request):
        self.child.stdin.write(json.dumps(request) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            raise Failed("the agent in the namespaces is gone")
        reply = json.loads(line)
        if "failed" in reply:
            raise Failed(reply["failed"])
        return reply["ok"]

    def seconds(self, argv):
        return self.ask(do="time", argv=argv, log=self.log)

    def seconds_parallel(self, argvs):
        return self.ask(do="parallel", argvs=argvs, log=self.log)

    def close(self):
        self.child.stdin.close()
        self.child.wait()


if __name__ == "__main__" and sys.argv[1:] == ["--agent"]:
    serve()
