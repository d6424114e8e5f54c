"""What looking costs: a large log from its beginning and from its end; events and stats while nothing happens."""

import os
import statistics
import subprocess
import time

from timing import Failed

LOG_BYTES = 1 << 30
LINE = b"2026-01-01T10:00:00.123456789+00:00 stdout F " + b"0123456789" * 10 + b"\n"
ROUNDS = 5
IDLE_SECONDS = 6  # longer than the interval of stats
TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def write_log(path, size):
    block = LINE * 8192
    with open(path, "wb") as f:
        for _ in range(size // len(block)):
            f.write(block)
        f.write(LINE * 9)
        f.write(LINE.replace(b"0123456789", b"ABCDEFGHIJ", 1))
        return f.tell()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def idle_cost(coracle, *args):
    """CPU seconds that a command takes while it waits, without those of its start."""
    with subprocess.Popen(coracle.command + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, env=coracle.env) as process:
        try:
            time.sleep(3)  # its looks after its start are over then
            before = cpu_seconds(process.pid)
            time.sleep(IDLE_SECONDS)
            if process.poll() is not None:
                raise Failed(f"{' '.join(args)} ended with exit code {process.returncode}")
            return cpu_seconds(process.pid) - before
        finally:
            process.kill()


def bench_life(table, coracle, quick):
    coracle.output("run", "-d", "--name", "bench-log", "--network", "none", coracle.image, "sleep", "100000")
    log = coracle.output("inspect", "-f", "{{.HostConfig.LogConfig.Path}}", "bench-log").strip()
    size = write_log(log, LOG_BYTES // 4 if quick else LOG_BYTES)
    if coracle.output("logs", "--tail", "10", "bench-log").count("\n") != 10:
        raise Failed("logs --tail 10 prints other than ten lines")
    times = [coracle.seconds(coracle.command + ["logs", "bench-log"]) for _ in range(ROUNDS)]
    rate = size / min(times) / 1e6
    table.verdict(f"logs of {size >> 20} MiB", {"coracle": f"{rate:.0f} MB/s"}, "≥ 300 MB/s", rate, 300, True, "MB/s")
    tail = [coracle.seconds(coracle.command + ["logs", "--tail", "10", "bench-log"]) for _ in range(ROUNDS * 2)]
    tail = min(tail) if quick else statistics.median(tail)
    table.verdict("logs --tail 10 of it", {"coracle": f"{tail * 1000:.1f} ms"}, "≤ 20 ms", tail * 1000, 20, unit="ms")
    for what in ("events", "stats"):
        cost = idle_cost(coracle, what)
        table.verdict(f"{what}, idle for {IDLE_SECONDS} s", {"coracle": f"{cost * 1000:.0f} ms CPU"}, "≤ 10 ms CPU",
                      cost * 1000, 10, unit="ms")
    coracle.output("rm", "-f", "-t", "0", "bench-log")
