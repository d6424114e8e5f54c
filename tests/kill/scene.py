"""A data directory of its own, an image to load, a container that stays: where the rounds take place."""

import gzip
import hashlib
import io
import json
import os
import tarfile
import time

import family

IMAGE = "coracle/busybox"
LOADED = "localhost/kill:load"
LONG = "kill-long"
PATIENCE = 30  # seconds in which any command must have ended
HELPERS = ("coracle-session",)


class Broken(Exception):
    """A promise was not kept."""


def write_archive(path, base_layer):
    """A docker-archive: the busybox layer and one with many files; returns what those files hold together."""
    layer = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for i in range(400):
            data = hashlib.sha256(str(i).encode()).hexdigest().encode() * (1 + i % 150)
            info = tarfile.TarInfo(f"files/{i:04}")
            info.size = len(data)
            total += len(data)
            tar.addfile(info, io.BytesIO(data))
    layers = [base_layer, layer.getvalue()]
    names = [f"{i}.tar" for i in range(len(layers))]
    diff_ids = ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers]
    config = json.dumps({"architecture": machine(), "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
                         "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [LOADED], "Layers": names}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in list(zip(names, layers)) + [(config_name, config), ("manifest.json", manifest)]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return total


def machine():
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


class Scene:
    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.root = os.path.join(directory, "root")
        self.out, self.err = os.path.join(directory, "stdout"), os.path.join(directory, "stderr")
        self.family = family.Family()
        self.archive = os.path.join(directory, "load.tar")
        os.environ["CORACLE_ROOT"] = self.root
        os.environ["CORACLE_SESSION_IDLE"] = "2"

    def start(self, *args, stdin=None):
        return self.family.start([self.program, *args], stdin or "/dev/null", self.out, self.err)

    def call(self, *args):
        """Undisturbed; the exit code."""
        return self.family.wait(self.start(*args), PATIENCE)

    def said(self):
        out, err = (family.read(f).decode(errors="replace") for f in (self.out, self.err))
        return out, err

    def run(self, *args):
        """Undisturbed, and it must work; what it printed."""
        code = self.call(*args)
        out, err = self.said()
        if code:
            raise Broken(f"coracle {' '.join(args)}: exit code {code}: {err.strip()}")
        return out

    def set_up(self):
        base = os.path.join(self.directory, "base.tar")
        self.run("run", "--rm", "--network", "none", IMAGE, "true")
        self.run("save", "-o", base, IMAGE)
        with tarfile.open(base) as tar:
            layers = json.load(tar.extractfile("manifest.json"))[0]["Layers"]
            base_layer = tar.extractfile(layers[0]).read()
        if base_layer.startswith(b"\x1f\x8b"):  # layers may be compressed; diff ids are those of plain ones
            base_layer = gzip.decompress(base_layer)
        self.archive_bytes = write_archive(self.archive, base_layer)
        self.mounts = self.session_mounts()

    # --- questions

    def exists(self, name):
        code = self.call("container", "exists", name)
        if code not in (0, 1):
            raise Broken(f"container exists {name}: exit code {code}: {self.said()[1].strip()}")
        return code == 0

    def running(self, name):
        return name in self.run("ps", "--format", "{{.Names}}").split()

    def need_long(self):
        if not self.running(LONG):
            self.remove(LONG)
            self.run("run", "-d", "--name", LONG, "--network", "none", IMAGE, "sleep", "100000")

    def remove(self, name):
        if self.exists(name):
            self.run("rm", "-f", "-t", "0", name)
            if self.exists(name):
                raise Broken(f"{name} still exists after rm -f")

    def wait_gone(self, name):
        deadline = time.monotonic() + 10
        while self.exists(name):
            if time.monotonic() > deadline:
                raise Broken(f"{name} was started with --rm, has ended or lost its monitor, and is still there: " +
                             self.run("ps", "-a"))
            time.sleep(0.02)

    # --- what must be left over: nothing

    def next_command(self):
        """Whatever died: a container runs now."""
        if self.run("run", "--rm", "--network", "none", IMAGE, "echo", "fine") != "fine\n":
            raise Broken("the next command printed something else than it should")
        if self.said()[1]:
            raise Broken("the next command complained: " + self.said()[1].strip())

    def check_store(self):
        code = self.call("system", "check")
        out, err = self.said()
        if code:
            raise Broken(f"system check: exit code {code}:\n{out}{err}")

    def check_round(self):
        """Soon after a look at the containers nobody lives without a monitor, and volumes went with their containers."""
        self.run("ps", "-a")
        deadline = time.monotonic() + 5
        while True:
            self.family.reap()
            lost = [p for p in family.children(os.getpid()) if not family.program(p).startswith("coracle")]
            volumes = self.run("volume", "ls", "-q").split()
            if not lost and not volumes:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        tree = family.describe()
        for pid in lost:
            family.kill(pid)
        for name in volumes:
            self.call("volume", "rm", name)
        raise Broken(f"processes without a monitor: {lost}; volumes without a container: {volumes}; alive:\n{tree}")

    def holder(self):
        """The session's holder; some command must have run a moment ago."""
        found = family.named("coracle-session")
        if len(found) != 1:
            raise Broken(f"{len(found)} session holders instead of one:\n{family.describe()}")
        return found[0]

    def session_mounts(self):
        """Mount points below our directory, as the session sees them."""
        lines = family.read(f"/proc/{self.holder()}/mountinfo").decode().split("\n")
        points = [line.split()[4] for line in lines if line]
        return sorted(p for p in points if p.startswith(self.directory))

    def session_files(self):
        """Names in the transient directory's containers/, seen through the holder."""
        inside = f"/proc/{self.holder()}/root{self.root}/run"
        found = []
        for boot in os.listdir(inside):
            containers = os.path.join(inside, boot, "t", "containers")
            if os.path.isdir(containers):
                found += os.listdir(containers)
        return found

    def check_empty(self):
        """Everything removed: what is still there?"""
        self.run("rm", "-f", "-a", "-t", "0")
        self.run("load", "-i", self.archive)  # what killed loads left is swept by the next one
        self.run("rmi", LOADED)
        self.check_store()
        for what in (["ps", "-a", "-q"], ["volume", "ls", "-q"]):
            left = self.run(*what)
            if left:
                raise Broken(f"{' '.join(what)} still lists:\n{left}")
        self.family.wait_alone(10, but=HELPERS)
        self.run("ps")  # so that there is a holder
        for what, left in (("mounts", [m for m in self.session_mounts() if m not in self.mounts]),
                           ("transient directories", self.session_files()),
                           ("container directories", self.listing("containers")), ("staging", self.listing("staging"))):
            if left:
                raise Broken(f"left over: {what}: {' '.join(left)}")

    def listing(self, folder):
        try:
            return os.listdir(os.path.join(self.root, folder))
        except FileNotFoundError:
            return []

    def check_alone(self):
        """And the holder leaves too, when nobody wants it any more."""
        self.family.wait_alone(20)
