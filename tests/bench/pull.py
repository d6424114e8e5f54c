"""Pull and push beside podman and skopeo, from Debian's docker-registry on loopback.

Every pull goes into a store of its own, and stores are removed at the end alone: ext4 does not use inodes again that were
freed within the last seconds, and looking for others would be measured in place of us. What podman has in its cache of
blob places goes with its HOME.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time

import layouts
from timing import Failed, finish, start

ROUNDS = 5
SAMPLE_SECONDS = 0.01
MEMORY_MIB = 64
AGAIN_MSEC = 50
STAGE = 1.3


class Registry:
    def __init__(self, directory, log):
        self.directory, self.log = directory, log
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{s.getsockname()[1]}"
        config = os.path.join(directory, "registry.yml")
        with open(config, "w") as f:
            f.write("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\n"
                    'http: {addr: "%s"}\n' % (directory, self.host))
        self.server = subprocess.Popen([shutil.which("docker-registry"), "serve", config], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", int(self.host.rpartition(":")[2]))) == 0:
                    return
            time.sleep(0.02)
        raise Failed("docker-registry does not answer")

    def add(self, name, layers, bytes_each):
        """Make an image and put it there; (name, raw bytes, compressed bytes, blob files, layout)."""
        layout = os.path.join(self.directory, name)
        raw, packed = layouts.make_layout(layout, layers, bytes_each)
        full = f"{self.host}/bench/{name}:1"
        run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "oci:" + layout, "docker://" + full],
            self.log, dict(os.environ, REGISTRY_AUTH_FILE=os.path.join(self.directory, "auth.json")))
        return full, raw, packed, layout

    def close(self):
        self.server.kill()
        self.server.wait()


def run(argv, log, env=None):
    """(seconds, seconds of CPU) of the program and its children that it waited for."""
    argv = [shutil.which(argv[0])] + argv[1:]
    before = os.times()
    begin = time.perf_counter()
    finish(start(argv, log, env), argv, log)
    seconds = time.perf_counter() - begin
    after = os.times()
    return seconds, after.children_user + after.children_system - before.children_user - before.children_system


def resident_kib(pid):
    """Of a process and its descendants, each page of a process counted once."""
    total, todo = 0, [pid]
    while todo:
        at = todo.pop()
        try:
            with open(f"/proc/{at}/statm") as f:
                total += int(f.read().split()[1]) * 4
            for task in os.listdir(f"/proc/{at}/task"):
                with open(f"/proc/{at}/task/{task}/children") as f:
                    todo += [int(c) for c in f.read().split()]
        except (OSError, IndexError):
            pass  # gone
    return total


def peak_mib(argv, log, env):
    """Greatest sum of the resident sets while it runs: what processes share is counted for each of them."""
    peak = [0]
    pid = start(argv, log, env)
    done = threading.Event()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident_kib(pid))
            time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        finish(pid, argv, log)
    finally:
        done.set()
        watcher.join()
    return peak[0] / 1024


class Contest:
    """The programs, with a new store for each pull."""

    def __init__(self, directory, program, podman, registry, log):
        self.directory, self.program, self.podman, self.registry, self.log = directory, program, podman, registry, log
        self.count = 0
        self.env = dict(os.environ, HOME=directory, REGISTRY_AUTH_FILE=os.path.join(directory, "auth.json"))
        self.env.pop("XDG_RUNTIME_DIR", None)

    def place(self, name):
        self.count += 1
        return os.path.join(self.directory, f"{name}-{self.count}")

    def coracle(self):
        """A new data directory with its session."""
        env = dict(self.env, CORACLE_ROOT=self.place("root"))
        run([self.program, "images", "-q"], self.log, env)
        return lambda *args: [self.program, *args, "-q", "--tls-verify=false"], env

    def podman_words(self):
        place = self.place("podman")
        env = dict(self.env, HOME=place + "-home")
        os.makedirs(env["HOME"])
        where = ["--root", place, "--runroot", place + "-run"]
        return lambda *args: self.podman + where + [*args, "-q", "--tls-verify=false"], env

    def skopeo(self, image):
        return run(["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", "docker://" + image,
                    "dir:" + self.place("skopeo")], self.log, self.env)

    def pull_and_push(self, image):
        """{what: (seconds, CPU)} of one turn of everybody."""
        times = {}
        words, env = self.coracle()
        times["coracle"] = run(words("pull") + [image], self.log, env)
        times["again"] = run(words("pull") + [image], self.log, env)
        to = f"{self.registry.host}/to{self.count}/x:1"
        times["coracle push"] = run(words("push") + [image, to], self.log, env)
        times["skopeo"] = self.skopeo(image)
        if self.podman:
            words, env = self.podman_words()
            times["podman"] = run(words("pull") + [image], self.log, env)
            to = f"{self.registry.host}/to{self.count}/x:1"
            times["podman push"] = run(words("push") + [image, to], self.log, env)
        return times

    def memory(self, image):
        words, env = self.coracle()
        return peak_mib(words("pull") + [image], self.log, env)


# --- the stages, each alone on one processor

STAGES = """
import hashlib, os, sys, time, zlib
blobs = [open(p, "rb").read() for p in sys.argv[2:]]
what, where = sys.argv[1].partition("=")[::2]
tars = [zlib.decompress(b, 31) for b in blobs] if what != "decompress" else []
begin = time.perf_counter()
if what == "hash":
    for data in blobs + tars: hashlib.sha256(data).digest()
elif what == "decompress":
    for data in blobs: zlib.decompress(data, 31)
print(time.perf_counter() - begin)
"""


def stage(what, blobs):
    done = subprocess.run(["/usr/bin/python3", "-c", STAGES, what, *blobs], capture_output=True, text=True, check=True)
    return float(done.stdout)


def write_stage(directory, blobs, log):
    """tar, from plain archives, one after the other, and what the blobs themselves are."""
    target, plain = os.path.join(directory, "written"), os.path.join(directory, "plain")
    os.makedirs(plain)
    for number, blob in enumerate(blobs):
        with open(os.path.join(plain, f"{number}.tar"), "wb") as f:
            subprocess.run(["gzip", "-dc", blob], stdout=f, check=True)
    begin = time.perf_counter()
    for number, blob in enumerate(blobs):
        where = os.path.join(target, str(number))
        os.makedirs(where)
        run(["tar", "-xf", os.path.join(plain, f"{number}.tar"), "-C", where], log)
        shutil.copy(blob, where + ".gz")
    run(["sync", "-f", target], log)
    return time.perf_counter() - begin


def transfer_stage(registry, image, blobs, log):
    repository = image.split("/", 1)[1].rpartition(":")[0]
    urls = [f"http://{registry.host}/v2/{repository}/blobs/sha256:{os.path.basename(b)}" for b in blobs]
    if not shutil.which("curl"):
        return None
    return run(["curl", "-sS", "-Z", "--parallel-max", "6", *[w for u in urls for w in ("-o", "/dev/null", u)]], log)[0]


def stages(registry, image, layout, directory, log):
    with open(os.path.join(layout, "index.json")) as f:
        manifest = json.load(f)["manifests"][0]["digest"].partition(":")[2]
    with open(os.path.join(layout, "blobs/sha256", manifest)) as f:
        blobs = [os.path.join(layout, "blobs/sha256", d["digest"].partition(":")[2]) for d in json.load(f)["layers"]]
    found = {"transfer": transfer_stage(registry, image, blobs, log), "decompression": stage("decompress", blobs),
             "hashing": stage("hash", blobs), "writing": write_stage(directory, blobs, log)}
    return {name: seconds for name, seconds in found.items() if seconds is not None}


# --- the table

def seconds_text(turn):
    return f"{turn[0] * 1000:.0f} ms"


def median(turns, name):
    if name not in turns[0]:
        return None
    return tuple(statistics.median(t[name][i] for t in turns) for i in (0, 1))


def bench_image(table, contest, what, image, limit):
    turns = [contest.pull_and_push(image) for _ in range(ROUNDS)]
    ours, theirs, skopeo = (median(turns, n) for n in ("coracle", "podman", "skopeo"))
    shown = {"coracle": seconds_text(ours)}
    print(f"{what}: coracle {ours[0]:.2f} s ({ours[1]:.2f} s of CPU), skopeo to dir: {skopeo[0]:.2f} s ({skopeo[1]:.2f} s)" +
          (f", podman {theirs[0]:.2f} s ({theirs[1]:.2f} s)" if theirs else ""), flush=True)
    if theirs:
        ratio = statistics.median(t["podman"][0] / t["coracle"][0] for t in turns)
        table.verdict("pull, " + what, shown | {"podman": seconds_text(theirs)}, f"≥ {limit} × podman", ratio, limit, True)
    again = median(turns, "again")
    table.verdict("pull again", {"coracle": seconds_text(again)}, f"≤ {AGAIN_MSEC} ms", again[0] * 1000, AGAIN_MSEC, unit="ms")
    if theirs:
        ratio = statistics.median(t["podman push"][0] / t["coracle push"][0] for t in turns)
        table.verdict("push", {"coracle": seconds_text(median(turns, "coracle push")),
                               "podman": seconds_text(median(turns, "podman push"))}, "≥ 2 × podman", ratio, 2, True)
    return ours[0]


def bench_fresh_push(table, contest, directory, image, log):
    """To a registry that has nothing of it."""
    os.makedirs(os.path.join(directory, "empty"))
    other = Registry(os.path.join(directory, "empty"), log)
    try:
        words, env = contest.coracle()
        run(words("pull") + [image], log, env)
        ours = run(words("push") + [image, f"{other.host}/a/x:1"], log, env)[0]
        if not contest.podman:
            return
        words, env = contest.podman_words()
        run(words("pull") + [image], log, env)
        other.close()
        shutil.rmtree(os.path.join(directory, "empty/registry"))
        other = Registry(os.path.join(directory, "empty"), log)
        theirs = run(words("push") + [image, f"{other.host}/a/x:1"], log, env)[0]
        table.verdict("push to an empty registry", {"coracle": f"{ours * 1000:.0f} ms", "podman": f"{theirs * 1000:.0f} ms"},
                      "≥ 2 × podman", theirs / ours, 2, True)
    finally:
        other.close()


def bench_pull(table, directory, program, podman, log):
    """`podman`: the words that start it, or None."""
    for name in ("docker-registry", "skopeo"):
        if not shutil.which(name):
            raise Failed(name + " is not installed")
    with open(os.path.join(directory, "auth.json"), "w") as f:
        f.write("{}")
    os.environ.pop("XDG_RUNTIME_DIR", None)
    registry = Registry(directory, log)
    try:
        contest = Contest(directory, program, podman, registry, log)
        large, raw, packed, layout = registry.add("twelve", 12, 48 << 20)
        small, small_raw, small_packed, _ = registry.add("sixty", 60, 1 << 20)
        ours = bench_image(table, contest, f"12 layers, {raw >> 20} MiB ({packed >> 20} packed)", large, 3.5)
        bench_image(table, contest, f"60 layers, {small_raw >> 20} MiB ({small_packed >> 20})", small, 6)
        bench_fresh_push(table, contest, directory, large, log)
        table.verdict("memory of a pull, all processes", {}, f"≤ {MEMORY_MIB} MiB RSS", contest.memory(large), MEMORY_MIB,
                      unit="MiB")
        alone = stages(registry, large, layout, directory, log)
        print("stages alone: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in alone.items()), flush=True)
        name, longest = max(alone.items(), key=lambda s: s[1])
        table.verdict("pull beside its longest stage", {}, f"≤ {STAGE} × {name}", ours / longest, STAGE)
    finally:
        registry.close()
