#!/usr/bin/python3
"""The network of a container beside slirp4netns, pasta and raw loopback: part of `tests/bench/run --net`.

Everything happens in a user and network namespace made for it, whose loopback is nobody else's; the "container" is a
second network namespace. Programs take turns, so that a busy machine slows all of them. What one of them cannot do
here is left out and said.
"""

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

MTU = "65520"
GATEWAY = "10.0.2.2"
ECHO_PORT, IPERF_PORT, ACCEPT_PORT = 7001, 7002, 7003
RTT_BYTES = 1024


def start_slirp(program, pid):
    """coracle-slirp and slirp4netns have the same command line. Returns the process and seconds until it was ready."""
    reader, writer = os.pipe()
    begin = time.perf_counter()
    process = subprocess.Popen([program, "-c", "-m", MTU, "-r", str(writer), str(pid), "tap0"], pass_fds=[writer],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writer)
    ready = os.read(reader, 1)
    seconds = time.perf_counter() - begin
    os.close(reader)
    return (process, seconds) if ready else (None, None)


def start_pasta(program, pid):
    # It gives up the right to look at other processes (CAP_SYS_PTRACE) first, so it gets the namespace as a file.
    path = "/mnt/namespace"
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)
    open(path, "x", encoding="ascii").close()
    subprocess.run(["mount", "--bind", f"/proc/{pid}/ns/net", path], check=True)
    process = subprocess.Popen([program, "-f", "-q", "--config-net", "--netns", path, "--netns-only", "-I", "tap0", "-a", "10.0.2.100", "-n", "24", "-g",
                                GATEWAY, "-m", MTU, "-4", "-t", "none", "-u", "none", "-T", "none", "-U", "none"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        route = subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", "route"], capture_output=True, text=True).stdout
        if "default" in route or process.poll() is not None:
            break
        time.sleep(0.05)
    return (process, None) if process.poll() is None and "default" in route else (None, None)


class Interrupted(Exception):
    """Somebody wants this to end: a time limit, or the terminal."""


def interrupt(number, _):
    raise Interrupted(signal.Signals(number).name)


class Network:
    """One program and the namespace that it serves."""

    def __init__(self, name, start, program):
        self.name = name
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "100000"])
        own = os.readlink("/proc/self/ns/net")
        while self.namespace() == own or self.comm() != "sleep":
            time.sleep(0.01)
        self.process, self.ready = start(program, self.holder.pid) if start else (None, None)
        self.target = GATEWAY if start else "127.0.0.1"
        self.works = not start or self.process is not None

    def namespace(self):
        return os.readlink(f"/proc/{self.holder.pid}/ns/net")

    def comm(self):
        with open(f"/proc/{self.holder.pid}/comm") as f:
            return f.read().strip()

    def command(self, argv):
        return ["nsenter", "-t", str(self.holder.pid), "-n"] + argv if self.process else argv

    def inside(self, argv):
        """What a command prints; a second try where it fails, since servers may still be busy with the last."""
        for last in (False, True):
            result = subprocess.run(self.command(argv), capture_output=True, text=True, timeout=120)
            if result.returncode == 0 or last:
                break
            time.sleep(1)
        if result.returncode:
            words = (result.stderr or result.stdout).strip().split("\n")
            raise RuntimeError(f"{self.name}: {' '.join(argv[:3])}: {words[-1]}")
        return result.stdout

    def cpu(self):
        if not self.process:
            return 0.0
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:"))

    def stop(self):
        for process in (self.process, self.holder):
            if process:
                process.kill()
                process.wait()


def throughput(network, seconds, streams, reverse):
    """Gbit/s, and the program's CPU seconds for each GiB."""
    argv = ["iperf3", "-J", "-c", network.target, "-p", str(IPERF_PORT), "-t", str(seconds), "-P", str(streams)]
    for _ in range(5):
        before = network.cpu()
        result = json.loads(network.inside(argv + (["-R"] if reverse else [])))
        total = result["end"].get("sum_received")
        if total:
            return total["bits_per_second"] / 1e9, (network.cpu() - before) / (total["bytes"] / 2**30)
        time.sleep(1)  # its server is still busy with the last test
    raise RuntimeError(f"{network.name}: iperf3: {result.get('error')}")


def client(network, what, count):
    return float(network.inside([sys.executable, os.path.abspath(__file__), "--client", what, network.target, str(count)]))


def run_client(what, host, count):
    """Runs in the container's namespace and prints one number."""
    if what == "rtt":
        sock = socket.create_connection((host, ECHO_PORT))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        message, times = b"x" * RTT_BYTES, []
        for _ in range(count):
            begin = time.perf_counter()
            sock.sendall(message)
            got = 0
            while got < RTT_BYTES:
                got += len(sock.recv(RTT_BYTES - got))
            times.append(time.perf_counter() - begin)
        print(statistics.median(times) * 1e6)
    else:
        begin = time.perf_counter()
        for _ in range(count):
            with socket.create_connection((host, ACCEPT_PORT)) as sock:
                sock.recv(1)  # the end: the server has closed, so that the ports that wait are its own
        print(count / (time.perf_counter() - begin))


def serve():
    """Servers on the loopback: echo, and one that accepts and closes."""
    def echo(conn):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := conn.recv(65536):
            conn.sendall(data)

    def accept(listener, handler):
        while True:
            handler(listener.accept()[0])

    for port, handler in ((ECHO_PORT, lambda c: threading.Thread(target=echo, args=(c,), daemon=True).start()),
                          (ACCEPT_PORT, socket.socket.close)):
        listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        threading.Thread(target=accept, args=(listener, handler), daemon=True).start()
    print("ready", flush=True)
    signal.pause()


class Report:
    def __init__(self, names, slack):
        self.names, self.slack, self.misses = names, slack, 0
        self.line("network", *names, "budget", "measured")
        print("-" * 110)

    def line(self, *cells):
        print(" ".join(str(c).ljust(32 if i == 0 else 16) for i, c in enumerate(cells)).rstrip(), flush=True)

    def row(self, what, figures, unit, budget=None, value=None, limit=None, at_least=True):
        cells = [f"{figures[n]:.2f} {unit}" if figures.get(n) is not None else "-" for n in self.names]
        if value is None:
            self.line(what, *cells)
            return
        good = value >= limit / self.slack if at_least else value <= limit * self.slack
        self.misses += not good
        self.line(what, *cells, budget, f"{value:.2f} " + ("ok" if good else "MISSED"))


def median_turns(networks, rounds, measure):
    """{name: median}; a measure may return several numbers."""
    results = {n.name: [] for n in networks}
    for turn in range(rounds):
        for network in networks[turn % len(networks):] + networks[:turn % len(networks)]:
            results[network.name].append(measure(network))
    first = next(iter(results.values()))[0]
    if isinstance(first, tuple):
        return [{n: statistics.median(r[i] for r in rows) for n, rows in results.items()} for i in range(len(first))]
    return {n: statistics.median(rows) for n, rows in results.items()}


def measure_all(networks, quick):
    report = Report([n.name for n in networks], 2.0 if quick else 1.0)
    rounds, seconds = (3, 1) if quick else (5, 2)
    ours, peer = "coracle", "slirp4netns"

    def ratio(figures):
        return figures[ours] / figures[peer] if figures.get(peer) else None

    slirp = next(n for n in networks if n.name == ours)
    time.sleep(2)
    report.row("PSS, idle", {ours: slirp.pss()}, "KiB", "≤ 700 KiB", slirp.pss(), 700, False)
    report.row("ready", {n.name: n.ready * 1e3 for n in networks if n.ready}, "ms")
    for streams in (1, 8):
        speed, cpu = median_turns(networks, rounds, lambda n, s=streams: throughput(n, seconds, s, False))
        report.row(f"container to host, {streams} stream(s)", speed, "Gbit/s", "≥ 1.5 × s4n", ratio(speed), 1.5)
        report.row("  CPU for each GiB", {k: v for k, v in cpu.items() if v}, "s")
    for streams in (1, 8):
        speed, cpu = median_turns(networks, rounds, lambda n, s=streams: throughput(n, seconds, s, True))
        report.row(f"host to container, {streams} stream(s)", speed, "Gbit/s", "≥ 1.5 × s4n", ratio(speed), 1.5)
        report.row("  CPU for each GiB", {k: v for k, v in cpu.items() if v}, "s")
    connects = median_turns(networks, rounds, lambda n: client(n, "connect", 500 if quick else 2000))
    report.row("connects per second", connects, "", "≥ 1.2 × s4n", ratio(connects), 1.2)
    rtt = median_turns(networks, rounds, lambda n: client(n, "rtt", 1000 if quick else 5000))
    report.row("1 KiB there and back, p50", rtt, "µs", "≤ 40 µs", rtt[ours], 40, False)
    time.sleep(3)
    report.row("PSS, after load", {ours: slirp.pss()}, "KiB", "≤ 3 MiB", slirp.pss(), 3072, False)
    return report.misses


def inside(quick):
    # The first process of a process namespace: what it doesn't handle would reach its children alone, which would leave
    # it without servers.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupt)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # pasta wants a way out to copy from; nothing ever goes there.
    for words in ("link add up0 type veth peer name up1", "link set up1 up", "link set up0 up",
                  "addr add 192.0.2.77/24 dev up0", "route add default via 192.0.2.1 dev up0"):
        subprocess.run(["ip"] + words.split(), check=True)
    servers = [subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve"], stdout=subprocess.PIPE),
               subprocess.Popen(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(IPERF_PORT)], stdout=subprocess.DEVNULL)]
    servers[0].stdout.readline()
    programs = [("coracle", start_slirp, os.environ["CORACLE_SLIRP"]),
                ("slirp4netns", start_slirp, shutil.which("slirp4netns")), ("pasta", start_pasta, shutil.which("pasta"))]
    networks, missing = [], []
    try:
        for name, start, program in programs:
            network = Network(name, start, program) if program else None
            if network and network.works:
                networks.append(network)
            else:
                missing.append(name)
        networks.append(Network("loopback", None, None))
        if missing and missing[0] == "coracle":
            print("net: coracle-slirp does not start", file=sys.stderr)
            return 1
        misses = measure_all(networks, quick)
        for name in missing:
            print(f"not compared with {name}: it is not installed or does not start here")
        return misses
    except RuntimeError as error:
        print(f"net: {error}", file=sys.stderr)
        return 1
    except Interrupted as signal_name:
        print(f"net: ended by {signal_name} before the table was complete", file=sys.stderr)
        return 1
    finally:
        for network in networks:
            network.stop()
        for server in servers:
            server.kill()


def run(coracle, quick):
    """Budgets missed. `coracle`: path of the program, beside which coracle-slirp is."""
    if not shutil.which("iperf3"):
        print("net: iperf3 is not installed", file=sys.stderr)
        return 1
    slirp = os.path.join(os.path.dirname(coracle), "coracle-slirp")
    env = dict(os.environ, CORACLE_SLIRP=slirp, TMPDIR=tempfile.gettempdir())
    process = subprocess.Popen(["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc",
                                "--kill-child", sys.executable, os.path.abspath(__file__), "--inside",
                                "quick" if quick else "long"], env=env)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return process.wait()
    except (Interrupted, KeyboardInterrupt):
        print("net: ended before the table was complete", file=sys.stderr)
        return 1
    finally:
        process.kill()  # unshare waits for its child whatever it is told; --kill-child takes that along
        process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--client":
        run_client(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "--serve":
        serve()
    else:
        sys.exit(min(inside(sys.argv[2] == "quick"), 1))
