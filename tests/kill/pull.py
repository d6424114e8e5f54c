"""SIGKILL at random points of a pull: the next pull must complete and fetch only what is missing.

A registry of Debian's runs on loopback, behind tests/system/faulty_registry.py, which counts the bytes that it sends and
adds no fault. What is missing is told by the files in <root>/partial: whatever of a layer had come is not fetched again.
"""

import collections
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time

import account
import family
from scene import PATIENCE, Broken

VICTIMS = {"client": 5, "coracle-registry": 4, "coracle-layer": 5, "coracle-session": 2}
LAYERS = [3000, 400000, 2500000, 20000, 1200000, 700000, 900, 1800000]
SYSTEM = os.path.join(account.TOP, "tests/system")
CHECK_EVERY = 20
PATH_ENV = "CONTAINERS_REGISTRIES_CONF"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Broken(what + " did not come up")
        time.sleep(0.02)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Registry:
    """docker-registry with one image, and the counting front."""

    def __init__(self, fam, directory):
        self.fam, self.pids = fam, []
        self.log = os.path.join(directory, "requests")
        layout, port_file = os.path.join(directory, "layout"), os.path.join(directory, "port")
        config, conf = os.path.join(directory, "registry.yml"), os.path.join(directory, "registries.conf")
        back = free_port()
        with open(config, "w") as f:
            f.write("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\n"
                    'http: {addr: "127.0.0.1:%d"}\n' % (directory, back))
        self.start(shutil.which("docker-registry"), "serve", config)
        wait_for("docker-registry", lambda: answers(back))
        self.tool([sys.executable, os.path.join(SYSTEM, "registry_image.py"), layout, *map(str, LAYERS)])
        nobody = os.path.join(directory, "auth.json")
        with open(nobody, "w") as f:
            f.write("{}")
        self.tool([shutil.which("skopeo"), "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", "--authfile", nobody,
                   "oci:" + layout, f"docker://127.0.0.1:{back}/t/img:1"])
        self.start(sys.executable, os.path.join(SYSTEM, "faulty_registry.py"), str(back), stdout=port_file, stderr=self.log)
        wait_for("the counting front", lambda: family.read(port_file).endswith(b"\n"))
        host = "127.0.0.1:" + family.read(port_file).decode().strip()
        with open(conf, "w") as f:
            f.write(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n')
        os.environ[PATH_ENV] = conf
        self.image = host + "/t/img:1"
        with open(os.path.join(layout, "index.json")) as f:
            manifest = json.load(f)["manifests"][0]["digest"]
        with open(os.path.join(layout, "blobs/sha256", manifest.partition(":")[2])) as f:
            manifest = json.load(f)
        self.layers = {d["digest"].partition(":")[2]: d["size"] for d in manifest["layers"]}

    def start(self, *argv, stdout="/dev/null", stderr="/dev/null"):
        self.pids.append(self.fam.start(list(argv), stdout=stdout, stderr=stderr))

    def tool(self, argv):
        """Waited for by subprocess itself: nobody reaps meanwhile."""
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Broken(f"{argv[0]}: {done.stderr.strip()}")

    def sent(self):
        """Bytes of each layer so far. The front writes a line when it is done with an answer."""
        counts = collections.Counter()
        for line in family.read(self.log).decode().split("\n"):
            words = line.split()
            if words[:1] == ["sent"]:
                digest = words[2].rpartition(":")[2]
                if digest in self.layers:
                    counts[digest] += int(words[1])
        return counts

    def stop(self):
        for pid in self.pids:
            family.kill(pid)


class PullKiller:
    def __init__(self, scene, registry, rng):
        self.scene, self.registry, self.rng = scene, registry, rng
        self.hits = collections.Counter()
        self.saved = 0
        self.usual = 0.0

    def pull(self):
        return self.scene.start("pull", "-q", self.registry.image)

    def learn(self):
        for _ in range(3):  # the first one has a session to start
            begin = time.monotonic()
            self.scene.run("pull", "-q", self.registry.image)
            self.usual = time.monotonic() - begin
            self.scene.run("rmi", "-f", "-a")

    def partial(self):
        """Bytes of each layer that are here."""
        found = {}
        for digest in self.registry.layers:
            try:
                found[digest] = os.stat(os.path.join(self.scene.root, "partial", digest)).st_size
            except FileNotFoundError:
                found[digest] = 0
        return found

    def strike(self, client, victim, delay):
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline and not self.scene.family.finished(client):
            time.sleep(0.0005)
        while True:
            pids = [client] if victim == "client" else family.named(victim)
            if pids and family.kill(self.rng.choice(pids)):
                self.hits[victim] += 1
                return
            if self.scene.family.finished(client):
                self.hits["nobody: it was over"] += 1
                return

    def settled(self):
        """What has been sent, once the answers of killed clients have ended."""
        before = None
        while before != (before := self.registry.sent()):
            time.sleep(0.03)
        return before

    def quiet(self):
        """Helpers of a killed client die with it, but not in the same instant."""
        deadline = time.monotonic() + 10
        while family.named("coracle-layer") or family.named("coracle-registry"):
            self.scene.family.reap()
            if time.monotonic() > deadline:
                raise Broken("helpers outlive the client:\n" + family.describe())
            time.sleep(0.005)

    def round(self, number):
        victim, delay = self.rng.choices(list(VICTIMS), weights=list(VICTIMS.values()))[0], self.rng.random() * self.usual * 1.2
        what = f"round {number}: {victim} killed after {delay * 1000:.1f} ms"
        try:
            client = self.pull()
            self.strike(client, victim, delay)
            code = self.scene.family.wait(client, PATIENCE)
            said = self.scene.said()[1].strip()
            self.quiet()
            try:
                self.second_pull(code)
            except Broken as error:
                raise Broken(f"{error}\n    (the disturbed pull ended with {code} and said: {said})") from None
            if number % CHECK_EVERY == 0:
                self.scene.check_store()
            self.scene.run("rmi", "-f", "-a")
            left = [f"{d}/{n}" for d in ("layers", "blobs/sha256", "staging") for n in self.scene.listing(d)]
            if left:
                raise Broken("left over after rmi: " + " ".join(left))
            return True
        except (Broken, family.Hang) as error:
            print(f"{what}: {error}", flush=True)
            self.scene.call("rmi", "-f", "-a")
            return False

    def second_pull(self, code):
        sent, have = self.settled(), self.partial()
        present = self.scene.call("image", "exists", self.registry.image) == 0
        if code == 0 and not present:
            raise Broken("the disturbed pull says that it worked, but the image is not there")
        self.scene.run("pull", "-q", self.registry.image)
        self.scene.run("image", "inspect", self.registry.image)
        fetched = self.settled()
        for digest, size in self.registry.layers.items():
            missing = 0 if present else size - have[digest]
            self.saved += size - missing
            if fetched[digest] - sent[digest] != missing:
                raise Broken(f"of layer {digest[:12]} {missing} of {size} bytes were missing, "
                             f"{fetched[digest] - sent[digest]} came")


def play(scene, options):
    """Counts of passed and failed."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        raise Broken("needs docker-registry and skopeo")
    registry = Registry(scene.family, scene.directory)
    killer = PullKiller(scene, registry, random.Random(options.seed))
    results = collections.Counter()
    try:
        killer.learn()
        end = time.monotonic() + options.seconds
        number = 0
        while (number < options.rounds if options.rounds else time.monotonic() < end) and results[False] < 20:
            number += 1
            results[killer.round(number)] += 1
        scene.check_store()
    finally:
        registry.stop()
    print(f"{number} rounds; killed: " + ", ".join(f"{name} {n}" for name, n in sorted(killer.hits.items())) +
          f"; {killer.saved >> 20} MiB were not fetched again")
    return results[True], results[False]
