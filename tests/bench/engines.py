"""What is compared: coracle, podman, and OCI runtimes alone with the bundle that coracle made."""

import json
import os
import shutil
import subprocess

from timing import Agent, Failed, seconds, seconds_parallel

IMAGE = "coracle/busybox"
PAUSE = ["sleep", "100000"]


def output(argv, env=None):
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Engine:
    """coracle or podman: the same command line."""

    def __init__(self, name, command, image, log, env=None):
        self.name, self.command, self.image, self.log, self.env = name, command, image, log, env

    def run_argv(self):
        return self.command + ["run", "--rm", "--network", "none", self.image, "true"]

    def exec_argv(self):
        return self.command + ["exec", "bench-pause", "true"]

    def start_pause(self):
        self.output("run", "-d", "--name", "bench-pause", "--network", "none", self.image, *PAUSE)

    def stop_pause(self):
        self.output("rm", "-f", "-t", "0", "bench-pause")

    def output(self, *args):
        return output(self.command + list(args), self.env)

    def seconds(self, argv):
        return seconds(argv, self.log, self.env)

    def seconds_parallel(self, argvs):
        return seconds_parallel(argvs, self.log, self.env)


class Runtime:
    """crun or runc, driven as coracle-monitor drives it, in namespaces like the session's."""

    def __init__(self, name, path, flags, directory, agent):
        self.name, self.agent = name, agent
        self.directory = directory
        self.command = [path] + flags + ["--root", os.path.join(directory, "state-" + name)]
        self.count = 0
        self.write_bundle("bundle-pause", PAUSE)

    def write_bundle(self, name, args):
        source = os.path.join(self.directory, "bundle", "config.json")
        target = os.path.join(self.directory, name)
        os.makedirs(target, exist_ok=True)
        with open(source) as f:
            config = json.load(f)
        config["process"]["args"] = args
        with open(os.path.join(target, "config.json"), "w") as f:
            json.dump(config, f)

    def run_argv(self):
        self.count += 1
        return self.command + ["run", "--bundle", os.path.join(self.directory, "bundle"), f"bench-{self.count}"]

    def exec_argv(self):
        return self.command + ["exec", "bench-pause", "true"]

    def start_pause(self):
        self.agent.seconds(self.command + ["run", "--detach", "--bundle", os.path.join(self.directory, "bundle-pause"),
                                           "bench-pause"])

    def stop_pause(self):
        self.agent.seconds(self.command + ["delete", "--force", "bench-pause"])

    def seconds(self, argv):
        return self.agent.seconds(argv)

    def seconds_parallel(self, argvs):
        return self.agent.seconds_parallel(argvs)


# The runtime that coracle is given once, to see what it asks of a runtime: flags and bundle.
CAPTURE = """#!/bin/sh
printf '%s\\n' "$@" >>'{out}/argv'
previous=
for argument in "$@"; do
    case $previous in --bundle | -b) bundle=$argument ;; esac
    case $argument in --bundle=*) bundle=${{argument#--bundle=}} ;; esac
    previous=$argument
done
if [ -f "${{bundle:-/nonexistent}}/config.json" ]; then
    echo "$bundle" >'{out}/where'
    for file in "$bundle"/*; do [ -f "$file" ] && cp "$file" '{out}/'; done
fi
exec '{runtime}' "$@"
"""


def capture_bundle(coracle, directory, runtime):
    """coracle's own config.json, with the files it mounts, made to work in <directory>/bundle. Returns crun's flags."""
    bundle = os.path.join(directory, "bundle")
    os.makedirs(bundle)
    wrapper = os.path.join(directory, "capture-runtime")
    with open(wrapper, "w") as f:
        f.write(CAPTURE.format(out=bundle, runtime=runtime))
    os.chmod(wrapper, 0o755)
    output(coracle.command + ["--runtime", wrapper, "run", "--rm", "--network", "none", IMAGE, "true"], coracle.env)
    with open(os.path.join(bundle, "where")) as f:
        private = f.read().strip()
    with open(os.path.join(bundle, "config.json")) as f:
        config = json.load(f)
    for mount in config.get("mounts", []):
        source = mount.get("source", "")
        if source.startswith(private + "/"):
            mount["source"] = os.path.join(bundle, os.path.relpath(source, private))
    config["root"]["path"] = os.path.join(directory, "rootfs")
    config["process"]["terminal"] = False
    with open(os.path.join(bundle, "config.json"), "w") as f:
        json.dump(config, f)
    with open(os.path.join(bundle, "argv")) as f:
        return global_flags(f.read().split("\n"))


def global_flags(argv):
    """What stands before the verb, without what names places."""
    flags = []
    skip = False
    for arg in argv:
        if skip:
            skip = False
        elif arg in ("create", "run", "exec"):
            break
        elif arg in ("--root", "--log", "--log-format"):
            skip = True
        elif not arg.startswith(("--root=", "--log=", "--log-format=")):
            flags.append(arg)
    return flags


def open_coracle(program, directory, log):
    env = dict(os.environ, CORACLE_ROOT=os.path.join(directory, "coracle"))
    engine = Engine("coracle", [program], IMAGE, log, env)
    output(engine.run_argv(), env)  # starts the session, unpacks the image
    return engine


def open_podman(archive, directory, log, wrapper):
    """podman with a storage of its own, by whichever way it works on this host; None and why when it doesn't."""
    places = ["--root", os.path.join(directory, "podman"), "--runroot", os.path.join(directory, "podman-run")]
    ways = [[wrapper]] if os.access(wrapper, os.X_OK) else []
    podman = shutil.which("podman")
    if podman:
        ways += [[podman, "--runtime", "crun"], [podman, "--runtime", "runc"]]
    why = "not installed"
    for way in ways:
        try:
            loaded = output(way + places + ["load", "-i", archive]).strip().split("\n")[-1]
            engine = Engine("podman", way + places, loaded.split(": ", 1)[1].strip(), log)
            output(engine.run_argv())
            return engine, None
        except (Failed, OSError, IndexError) as error:
            why = str(error).split("\n")[-1]
    return None, why


def open_runtimes(coracle, archive, directory, log):
    """{name: Runtime} of those that are installed, their common agent, and notes about those that don't work."""
    agent = Agent(log)
    notes = []
    found = {}
    crun = shutil.which("crun") or shutil.which("runc")
    flags = capture_bundle(coracle, directory, crun)
    agent.ask(do="unpack", archive=archive, target=os.path.join(directory, "rootfs"))
    for name in ("crun", "runc"):
        path = shutil.which(name)
        if not path:
            notes.append(f"{name}: not installed")
            continue
        runtime = Runtime(name, path, flags if path == crun else [], directory, agent)
        try:
            runtime.seconds(runtime.run_argv())
            found[name] = runtime
        except Failed as error:
            notes.append(f"{name}: {error}")
    return found, agent, notes
