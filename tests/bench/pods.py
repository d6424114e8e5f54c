"""What a pod costs: starting one of twenty containers, a container more in it, and the memory of what keeps it."""

import os
import statistics

from timing import Failed

MEMBERS = 20
PORTS = 20
PAUSE = ["sleep", "100000"]


def make_pod(engine):
    engine.output("pod", "create", "--name", "bench-pod")
    for number in range(MEMBERS):
        engine.output("create", "--pod", "bench-pod", "--name", f"bench-member-{number}", engine.image, *PAUSE)


def pod_start(engine):
    took = engine.seconds(engine.command + ["pod", "start", "bench-pod"])
    engine.output("pod", "stop", "-t", "0", "bench-pod")
    return took


def plain_start(engine):
    took = engine.seconds(engine.command + ["start", "bench-plain"])
    engine.output("stop", "-t", "0", "bench-plain")
    return took


def remove_pod(engine):
    engine.output("pod", "rm", "-f", "-t", "0", "bench-pod")


def millis(value):
    return f"{value * 1000:.1f} ms"


def bench_start(table, coracle, podman, rounds, figure):
    """Turn by turn. Podman, which takes seconds for it, once."""
    make_pod(coracle)
    coracle.output("create", "--name", "bench-plain", "--network", "none", coracle.image, *PAUSE)
    whole, one = [], []
    for _ in range(rounds):
        whole.append(pod_start(coracle))
        one += [plain_start(coracle) for _ in range(3)]
    coracle.output("rm", "bench-plain")
    remove_pod(coracle)
    shown = {"coracle": millis(figure(whole))}
    if podman:
        make_pod(podman)
        shown["podman"] = millis(pod_start(podman))
        remove_pod(podman)
    table.verdict(f"pod start, {MEMBERS} containers", shown, f"≤ 1.2 × {MEMBERS} × start",
                  figure(whole) / (MEMBERS * figure(one)), 1.2)


def bench_run(table, coracle, rounds, figure):
    """In a pod that runs, beside alone."""
    coracle.output("pod", "create", "--name", "bench-pod")
    coracle.output("pod", "start", "bench-pod")
    times = {"plain": [], "pod": []}
    member = coracle.command + ["run", "--rm", "--pod", "bench-pod", coracle.image, "true"]
    for _ in range(rounds * 3):
        times["plain"].append(coracle.seconds(coracle.run_argv()))
        times["pod"].append(coracle.seconds(member))
    remove_pod(coracle)
    pod, plain = figure(times["pod"]), figure(times["plain"])
    table.verdict("run --rm --pod", {"coracle": millis(pod)}, "≤ 1.3 × run --rm", pod / plain, 1.3)


def stat_of(pid):
    """Parent and session."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[1]), int(fields[3])
    except OSError:
        return 0, 0  # gone


def family(monitor):
    """The monitor, what it has started, and their helpers, which stay in its session."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(monitor) in (int(entry), *stat_of(entry)):
            found.append(int(entry))
    return found


def bench_memory(table, coracle, monitors, pss_kib, wait):
    ports = [word for number in range(PORTS) for word in ("-p", f"127.0.0.1::{9000 + number}")]
    coracle.output("pod", "create", "--name", "bench-pod", *ports)
    coracle.output("pod", "start", "bench-pod")
    wait()
    found = monitors(coracle.env["CORACLE_ROOT"])
    members = [pid for monitor in found for pid in family(monitor)]
    if len(members) < 4:
        raise Failed(f"expected a pod's processes, found {members}")
    kib = sum(pss_kib(pid) for pid in members)
    remove_pod(coracle)
    table.verdict(f"memory of a pod, {PORTS} ports", {"coracle": f"{kib} KiB"}, "≤ 1536 KiB PSS", kib, 1536, unit="KiB")


def bench_pods(table, coracle, podman, quick, monitors, pss_kib, wait):
    figure = min if quick else statistics.median
    rounds = 3 if quick else 9
    bench_start(table, coracle, None if quick else podman, rounds, figure)
    bench_run(table, coracle, rounds, figure)
    bench_memory(table, coracle, monitors, pss_kib, wait)
