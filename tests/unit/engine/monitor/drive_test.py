#!/usr/bin/env python3
"""Drives the real coracle-monitor with real OCI runtimes, as an ordinary user in a user namespace of its own.

usage: drive_test.py BUILDDIR [unittest arguments]

BUILDDIR holds coracle-monitor; drive-monitor is searched below it. What the host doesn't have (a runtime, user
namespaces) is skipped by name.
"""
import errno
import fcntl
import hashlib
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

BUILD = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
DRIVE = os.path.join(BUILD, "tests/unit/engine/monitor/drive-monitor")
BUSYBOX = shutil.which("busybox") or "/bin/busybox"
APPLETS = """sh true false cat sleep echo stty dd md5sum sha256sum id ps ls touch yes head seq kill setsid nohup rm test wc tr
    printf tail trap mkdir""".split()
ID = "d0d0cafe0000000000000000000000000000000000000000000000000000cafe"
PHASE = {"none": 0, "starting": 1, "running": 2, "stopping": 3, "restarting": 4, "exited": 5}


def wait_for(what, seconds=10.0, step=0.01):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(step)
    raise AssertionError("timed out waiting")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Case(unittest.TestCase):
    runtime = None

    def setUp(self):
        signal.alarm(120)
        self.work = tempfile.mkdtemp(prefix="mon-", dir="/tmp")
        layer = os.path.join(self.work, "layers/base/diff")
        for d in ("bin", "proc", "dev", "tmp"):
            os.makedirs(os.path.join(layer, d))
        shutil.copy(BUSYBOX, os.path.join(layer, "bin/busybox"))
        for a in APPLETS:
            os.symlink("busybox", os.path.join(layer, "bin", a))
        with open(os.path.join(layer, "bin/noexec"), "w") as f:
            f.write("#!/bin/sh\n")

    def tearDown(self):
        peek = self.peek()
        if peek["phase"]:
            self.drive("kill", "9", check=False)
            wait_for(lambda: not self.peek()["phase"])
        wait_for(lambda: not self.processes(), 5)
        self.assertEqual(self.leftovers(), [])
        subprocess.run(["chmod", "-R", "u+rwx", self.work], check=False)
        shutil.rmtree(self.work)

    def leftovers(self):
        """Everything but the container's own directory must be gone: run directories, mounts."""
        left = []
        run = os.path.join(self.work, "run")
        if os.path.isdir(run):
            left = [os.path.join(d, n) for d, dirs, names in os.walk(run) for n in dirs + names]
        left = [p for p in left if os.path.relpath(p, run) not in ("containers", "m")]
        with open("/proc/self/mountinfo") as f:
            left += [line for line in f if self.work in line]
        return left

    def processes(self):
        """Processes that know our directory: monitors by their mounts and the containers' processes."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/mountinfo") as f:
                    if self.work in f.read() and alive(pid):
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def args(self, verb, *args, **options):
        cmd = [DRIVE, self.work, verb]
        if self.runtime and verb == "start":
            cmd += ["--runtime", self.runtime]
        return cmd + [str(a) for a in args]

    def drive(self, verb, *args, check=True, **options):
        options.setdefault("timeout", 60)
        if "stdin" not in options and "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        p = subprocess.run(self.args(verb, *args), capture_output=True, text=True, **options)
        if check:
            self.assertEqual(p.returncode, 0, p.stderr + p.stdout)
        return p

    def popen(self, verb, *args, **options):
        options.setdefault("stdin", subprocess.PIPE)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        p = subprocess.Popen(self.args(verb, *args), **options)
        self.addCleanup(self.reap, p)
        return p

    def reap(self, p):
        if p.poll() is None:
            p.kill()
        p.wait()
        for f in (p.stdin, p.stdout, p.stderr):
            if f:
                f.close()

    def sh(self, script, *options, **kw):
        return self.drive("start", *options, "--", "sh", "-c", script, **kw)

    def peek(self):
        out = self.drive("peek").stdout
        return {k: int(v) for k, v in re.findall(r"(\w+)=(-?\d+)", out)}

    def record(self):
        p = self.drive("record")
        return {k: v for k, v in re.findall(r"(\w+)=(\S+)", p.stdout)}

    def pss(self):
        with open(f"/proc/{self.peek()['monitor']}/smaps_rollup") as f:
            return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))

    def log(self, name="ctr.log"):
        with open(os.path.join(self.work, "containers", ID, name), "rb") as f:
            return f.read()


class Run(Case):
    def test_exit_codes_and_streams(self):
        p = self.sh("echo out; echo err >&2; exit 7", check=False)
        self.assertEqual((p.returncode, p.stdout, p.stderr), (7, "out\n", "err\n"))
        self.assertEqual(self.sh("kill -9 $$", "--pid-host", check=False).returncode, 137)

    def test_quick_ends_are_not_lost(self):
        for i in range(30):
            p = self.sh(f"echo {i}; exit {i}", "--rm", check=False)
            self.assertEqual((p.returncode, p.stdout), (i, f"{i}\n"), p.stderr)

    def test_stdin_is_closed_without_i(self):
        self.assertEqual(self.sh("cat; echo end", input="not for you").stdout, "end\n")

    def test_commands_that_cannot_run(self):
        p = self.drive("start", "--", "nosuch", check=False)
        self.assertEqual(p.returncode, 127)
        self.assertIn("OCI runtime attempted to invoke a command that was not found", p.stderr)
        p = self.drive("start", "--", "/bin/noexec", check=False)
        self.assertEqual(p.returncode, 126)
        self.assertIn("OCI permission denied", p.stderr)
        p = self.drive("start", "--", "/tmp", check=False)
        self.assertEqual(p.returncode, 126)
        self.assertIn(self.peek()["phase"], (0, PHASE["exited"]))

    def test_runtime_is_missing(self):
        p = subprocess.run([DRIVE, self.work, "start", "--runtime", "/nowhere/crun", "--", "true"], capture_output=True, text=True)
        self.assertEqual(p.returncode, 125)
        self.assertIn("/nowhere/crun", p.stderr)

    def test_runtime_that_waits_for_a_dead_process(self):
        path = os.path.join(self.work, "stuck")
        with open(path, "w") as f:
            f.write("#!/bin/sh\ntrue &\nexec sleep 1000\n")
        os.chmod(path, 0o755)
        p = subprocess.run([DRIVE, self.work, "start", "--runtime", path, "--", "true"], capture_output=True, text=True, timeout=60)
        self.assertEqual(p.returncode, 125)
        self.assertIn("lost one of its own processes", p.stderr)

    def test_a_second_start_is_refused(self):
        self.drive("start", "-d", "--", "sleep", "100")
        p = self.drive("start", "--", "true", check=False)
        self.assertEqual(p.returncode, 125)
        self.assertIn("already running", p.stderr)

    def test_hundreds_of_clients_at_once(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        self.drive("start", "-d", "--", "sleep", "100", preexec_fn=limit)
        self.drive("crowd", 600)
        p = self.drive("crowd", 1100, check=False)
        self.assertIn("more than 1024 clients at once of one container", p.stderr)
        self.drive("crowd", 1000)

    def test_clients_wait_for_descriptors(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        self.drive("start", "-d", "--", "sleep", "100", preexec_fn=limit)
        crowd = self.popen("crowd", 120)
        before = self.ticks()
        time.sleep(1)
        self.assertLess(self.ticks() - before, 20)
        crowd.kill()
        crowd.wait()
        self.drive("crowd", 30)

    def ticks(self):
        with open(f"/proc/{self.peek()['monitor']}/stat") as f:
            return sum(int(n) for n in f.read().rsplit(")", 1)[1].split()[11:13])

    def test_again_at_once(self):
        for _ in range(5):
            self.drive("start", "--", "true")

    def test_record_and_log(self):
        self.sh("echo one; printf 'no end'; exit 3", "--no-clean", check=False)
        wait_for(lambda: not self.peek()["phase"])
        self.assertEqual(self.record()["exit"], "3")
        lines = self.log().decode().splitlines()
        self.assertRegex(lines[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\+00:00 stdout F one$")
        self.assertRegex(lines[1], r" stdout P no end$")

    def test_log_rotation(self):
        self.sh("seq 1 2000", "--log-max", "8192")
        old, new = self.log("ctr.log.1"), self.log()
        self.assertLessEqual(len(old), 8192)
        self.assertLessEqual(len(new), 8192)
        numbers = [int(line.split()[-1]) for line in (old + new).decode().splitlines()]
        self.assertEqual(numbers, list(range(numbers[0], 2001)))

    def test_log_driver_journald_is_missing(self):
        if os.path.exists("/run/systemd/journal/socket"):
            self.skipTest("journald is here")
        p = self.drive("start", "--log", "journald", "--", "true", check=False)
        self.assertEqual(p.returncode, 125)
        self.assertIn("journald", p.stderr)

    def test_passthrough(self):
        p = self.sh("cat; echo err >&2", "--log", "passthrough", input="through\n")
        self.assertEqual((p.stdout, p.stderr), ("through\n", "err\n"))
        p = self.drive("start", "--log", "passthrough", "-t", "--", "true", check=False)
        self.assertEqual(p.returncode, 125)
        self.assertIn("terminal", p.stderr)

    def test_preserved_descriptors(self):
        low = os.pipe()
        r, w = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 50) for fd in low)
        for fd in low:
            os.close(fd)
        os.dup2(w, 3)
        p = subprocess.run(self.args("start", "--preserve-fds", "1", "--", "sh", "-c", "echo kept >&3"), close_fds=False,
                           stdin=subprocess.DEVNULL)
        os.close(3)
        os.close(w)
        self.assertEqual(p.returncode, 0)
        with os.fdopen(r) as f:
            self.assertEqual(f.read(), "kept\n")  # and the end: nobody else holds it

    def test_pidfile(self):
        path = os.path.join(self.work, "pid")
        pid = self.drive("start", "-d", "--pidfile", path, "--", "sleep", "100").stdout.strip()
        with open(path) as f:
            self.assertEqual(f.read(), pid)

    def test_timeout(self):
        began = time.monotonic()
        p = self.sh("sleep 100", "--timeout-ms", "300", "--no-clean", check=False)
        self.assertEqual(p.returncode, 255)
        self.assertLess(time.monotonic() - began, 5)
        wait_for(lambda: not self.peek()["phase"])
        self.assertEqual(self.record()["timed_out"], "1")

    def test_exit_command(self):
        mark = os.path.join(self.work, "cleaned")
        self.drive("start", "-d", "--rm", "--exit-command", f"/bin/touch {mark}", "--", "true")
        wait_for(lambda: os.path.exists(mark))
        wait_for(lambda: not self.peek()["phase"])
        self.assertEqual(self.record()["exit"], "0")
        os.unlink(mark)
        self.drive("start", "--exit-command", f"/bin/touch {mark}", "--", "true")
        wait_for(lambda: not self.peek()["phase"])
        self.assertFalse(os.path.exists(mark))  # the client cleaned

    def test_environment_does_not_leak(self):
        self.drive("start", "-d", "--", "sleep", "100", env=dict(os.environ, SECRET="s3cret"))
        with open(f"/proc/{self.peek()['monitor']}/environ", "rb") as f:
            self.assertNotIn(b"s3cret", f.read())


class Streams(Case):
    def pump(self, megabytes, *options):
        """cat(1) in the container: what comes back is what went in, and the end arrives."""
        p = self.popen("start", *options, "-i", "--", "cat")
        block = os.urandom(1 << 20)
        sent, got = hashlib.sha256(), hashlib.sha256()
        pid = os.fork()
        if pid == 0:
            for _ in range(megabytes):
                p.stdin.write(block)
            p.stdin.close()
            os._exit(0)
        for _ in range(megabytes):
            sent.update(block)
        p.stdin.close()
        total = 0
        while True:
            data = os.read(p.stdout.fileno(), 1 << 20)
            if not data:
                break
            got.update(data)
            total += len(data)
        os.waitpid(pid, 0)
        self.assertEqual(p.wait(30), 0, p.stderr.read())
        self.assertEqual(total, megabytes << 20)
        self.assertEqual(got.hexdigest(), sent.hexdigest())

    def test_much_both_ways(self):
        self.pump(int(os.environ.get("DRIVE_MEGABYTES", "200")), "--log", "none")

    def test_much_with_log(self):
        self.pump(16, "--log-max", str(1 << 20))

    def test_half_close(self):
        p = self.drive("start", "-i", "--", "sh", "-c", "cat >/dev/null; echo after the end", input="x" * 100000)
        self.assertEqual(p.stdout, "after the end\n")

    def test_container_closes_stdin(self):
        p = self.popen("start", "-i", "--", "sh", "-c", "exec <&-; sleep 0.3; echo done")
        try:
            for _ in range(64):
                p.stdin.write(b"x" * 65536)
            p.stdin.flush()
        except BrokenPipeError:
            pass
        self.assertEqual(p.stdout.read(), b"done\n")
        self.assertEqual(p.wait(10), 0)

    def test_slow_reader_loses_nothing(self):
        p = self.popen("start", "--log", "none", "--", "sh", "-c", "seq 1 300000; exit 5")
        time.sleep(1)
        if not os.environ.get("DRIVE_SANITIZED"):
            self.assertLess(self.pss(), 4096)
        out = p.stdout.read()
        self.assertEqual(p.wait(10), 5)
        self.assertEqual(out, "".join(f"{i}\n" for i in range(1, 300001)).encode())

    def test_stop_does_not_wait_for_a_slow_reader(self):
        p = self.popen("start", "--log", "none", "--", "yes")
        time.sleep(0.5)
        began = time.monotonic()
        self.drive("stop", "0")
        self.assertLess(time.monotonic() - began, 6)
        self.assertNotEqual(p.wait(10) if p.stdout.read() else None, None)

    def test_a_dead_client_blocks_nobody(self):
        p = self.popen("start", "--", "sh", "-c", "seq 1 200000; sleep 100")
        time.sleep(0.5)
        p.kill()
        wait_for(lambda: self.log().endswith(b" 200000\n"))
        self.assertEqual(self.peek()["phase"], PHASE["running"])

    def test_reader_goes_away(self):
        p = self.popen("start", "--", "sh", "-c", "seq 1 200000; exit 4")
        p.stdout.close()
        self.assertEqual(p.wait(10), 4)

    def test_two_attached_clients(self):
        self.drive("start", "-d", "-i", "--", "sh", "-c", "while read l; do echo got $l; done; exit 9")
        a = self.popen("attach", "-i")
        b = self.popen("attach")
        time.sleep(0.3)
        a.stdin.write(b"one\n")
        a.stdin.flush()
        self.assertEqual(a.stdout.readline(), b"got one\n")
        self.assertEqual(b.stdout.readline(), b"got one\n")
        a.stdin.close()
        self.assertEqual(a.wait(10), 9)
        self.assertEqual(b.wait(10), 9)

    def test_stdin_stays_open_when_a_client_is_killed(self):
        p = self.popen("start", "-i", "--", "sh", "-c", "read a; read b; echo $a$b; exit 6")
        p.stdin.write(b"one\n")
        p.stdin.flush()
        time.sleep(0.3)
        p.kill()
        p.wait()
        q = self.drive("attach", "-i", input="two\n", check=False)
        self.assertEqual((q.returncode, q.stdout), (6, "onetwo\n"))

    def test_background_process_holds_the_pipe(self):
        began = time.monotonic()
        p = self.sh("sleep 100 & echo main; exit 2", "--pid-host", check=False)
        self.assertEqual((p.returncode, p.stdout), (2, "main\n"))
        self.assertLess(time.monotonic() - began, 5)

    def test_background_process_of_exec(self):
        self.drive("start", "-d", "--", "sleep", "100")
        began = time.monotonic()
        p = self.drive("exec", "--", "sh", "-c", "sleep 50 & echo main; exit 2", check=False)
        self.assertEqual((p.returncode, p.stdout), (2, "main\n"))
        self.assertLess(time.monotonic() - began, 5)

    def test_signals_are_proxied(self):
        p = self.popen("start", "--", "sh", "-c", "trap 'echo usr1' USR1; trap 'echo term; exit 8' TERM; echo ready; "
                       "while :; do sleep 0.1; done")
        self.assertEqual(p.stdout.readline(), b"ready\n")
        p.send_signal(signal.SIGUSR1)
        self.assertEqual(p.stdout.readline(), b"usr1\n")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.stdout.readline(), b"term\n")
        self.assertEqual(p.wait(10), 8)

    def test_signal_while_stdin_is_blocked(self):
        p = self.popen("start", "-i", "--", "sh", "-c", "trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done")
        self.assertEqual(p.stdout.readline(), b"ready\n")
        os.set_blocking(p.stdin.fileno(), False)
        try:
            while True:
                os.write(p.stdin.fileno(), b"x" * 65536)
        except BlockingIOError:
            pass
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(10), 8)


class Terminal(Case):
    def spawn(self, verb, *args, rows=24, cols=80):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.slave_before = termios.tcgetattr(slave)
        p = subprocess.Popen(self.args(verb, *args), stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(self.reap, p)
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        self.slave = slave
        self.text = b""
        return p, master

    def expect(self, master, pattern, seconds=10):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([master], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} not in {self.text[-500:]!r}")
            try:
                self.text += os.read(master, 65536)
            except OSError as e:
                if e.errno != errno.EIO:
                    raise
        text, self.text = self.text, b""
        return text

    def send(self, master, text):
        os.write(master, text)

    def assert_restored(self):
        self.assertEqual(termios.tcgetattr(self.slave), self.slave_before)

    def test_size_and_resize(self):
        p, m = self.spawn("start", "-t", "-i", "--", "sh", rows=33, cols=101)
        self.expect(m, rb"[#$] ")
        self.send(m, b"stty size\r")
        self.expect(m, rb"33 101")
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 120, 0, 0))
        time.sleep(0.3)
        self.send(m, b"stty size\r")
        self.expect(m, rb"44 120")
        self.send(m, b"exit 5\r")
        self.assertEqual(p.wait(10), 5)
        self.assert_restored()

    def test_ctrl_c_goes_through_the_terminal(self):
        p, m = self.spawn("start", "-t", "-i", "--", "sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.1; done")
        self.expect(m, rb"ready")
        self.send(m, b"\x03")
        self.expect(m, rb"caught")
        self.assertEqual(p.wait(10), 3)

    def test_detach_and_attach_again(self):
        p, m = self.spawn("start", "-t", "-i", "--", "sh")
        self.expect(m, rb"[#$] ")
        self.send(m, b"x=42\r")
        self.expect(m, rb"x=42")
        self.send(m, b"\x10\x11")
        self.expect(m, rb"detached")
        self.assertEqual(p.wait(10), 0)
        self.assert_restored()
        self.assertEqual(self.peek()["phase"], PHASE["running"])
        p, m = self.spawn("attach", "-i")
        time.sleep(0.2)
        self.send(m, b"echo is $x\r")
        self.expect(m, rb"is 42")
        self.send(m, b"exit\r")
        self.assertEqual(p.wait(10), 0)

    def test_own_detach_keys(self):
        p, m = self.spawn("start", "-t", "-i", "--keys", "ctrl-a,d", "--", "cat")
        self.send(m, b"\x10\x11ok\r")
        self.expect(m, rb"ok")
        self.send(m, b"\x01d")
        self.expect(m, rb"detached")
        self.assertEqual(p.wait(10), 0)

    def test_no_detach_keys(self):
        p, m = self.spawn("start", "-t", "-i", "--keys", "", "--", "cat", "-v")
        time.sleep(0.3)
        self.send(m, b"stty\x16\x11\x10\r")
        self.expect(m, rb"stty")
        self.send(m, b"\x04")
        self.assertEqual(p.wait(10), 0)

    def test_terminal_is_restored_when_killed(self):
        for sig in (signal.SIGTERM, signal.SIGHUP):
            p, m = self.spawn("start", "-t", "-i", "--", "sh")
            self.expect(m, rb"[#$] ")
            self.assertNotEqual(termios.tcgetattr(self.slave), self.slave_before)
            p.send_signal(sig)
            self.assertEqual(p.wait(10), -sig)
            self.assert_restored()
            self.drive("stop", "0")
            wait_for(lambda: not self.peek()["phase"])

    def test_last_output_is_not_lost(self):
        for _ in range(10):
            p, m = self.spawn("start", "-t", "--rm", "--", "sh", "-c", "seq 1 2000; echo the end")
            self.expect(m, rb"1999\r\n2000\r\nthe end\r\n")
            self.assertEqual(p.wait(10), 0)

    def test_exec_with_terminal(self):
        self.drive("start", "-d", "--", "sleep", "100")
        p, m = self.spawn("exec", "-t", "-i", "--", "sh", rows=20, cols=60)
        self.expect(m, rb"[#$] ")
        self.send(m, b"stty size\r")
        self.expect(m, rb"20 60")
        self.send(m, b"\x10\x11")
        session = re.search(rb"detached (\w+)", self.expect(m, rb"detached \w{64}")).group(1).decode()
        self.assertEqual(p.wait(10), 0)
        p, m = self.spawn("attach", "-i", session)
        time.sleep(0.2)
        self.send(m, b"exit 12\r")
        self.assertEqual(p.wait(10), 12)


class Exec(Case):
    def setUp(self):
        super().setUp()
        self.drive("start", "-d", "--", "sleep", "100")

    def test_streams_and_codes(self):
        p = self.drive("exec", "-i", "--", "sh", "-c", "cat; echo err >&2; exit 11", input="in\n", check=False)
        self.assertEqual((p.returncode, p.stdout, p.stderr), (11, "in\n", "err\n"))
        p = self.drive("exec", "--", "nosuch", check=False)
        self.assertEqual(p.returncode, 127, p.stderr)
        p = self.drive("exec", "--", "/bin/noexec", check=False)
        self.assertEqual(p.returncode, 126, p.stderr)

    def test_several_at_a_time(self):
        many = [self.popen("exec", "--", "sh", "-c", f"sleep 0.3; echo {i}; exit {i}") for i in range(12)]
        for i, p in enumerate(many):
            self.assertEqual(p.stdout.read(), f"{i}\n".encode())
            self.assertEqual(p.wait(20), i)

    def test_detached(self):
        session = self.drive("exec", "-d", "--", "sh", "-c", "sleep 0.3; exit 21").stdout.strip()
        self.assertIn(f"exec {session} running=1", self.drive("state").stdout)
        self.assertIn("exit=21", self.drive("wait", session).stdout)
        self.assertIn("running=0", self.drive("state").stdout)
        self.assertIn("exit=21", self.drive("wait", session).stdout)

    def test_quick_ends_are_not_lost(self):
        for i in range(30):
            p = self.drive("exec", "--", "sh", "-c", f"echo {i}; exit {i}", check=False)
            self.assertEqual((p.returncode, p.stdout), (i, f"{i}\n"), p.stderr)

    def test_killed_with_the_container(self):
        p = self.popen("exec", "--", "sleep", "100")
        time.sleep(0.3)
        self.drive("stop", "0")
        self.assertEqual(p.wait(10), 137)

    def test_namespaces(self):
        self.assertEqual(self.drive("namespaces").stdout.strip(), "1")


class Life(Case):
    def test_stop_by_signal(self):
        self.drive("start", "-d", "--", "sh", "-c", "trap 'exit 33' TERM; while :; do sleep 0.05; done")
        time.sleep(0.2)
        out = self.drive("stop", "5000").stdout
        self.assertIn("exit=33 ", out)
        self.assertIn("by_user=1", out)

    def test_stop_by_force(self):
        self.drive("start", "-d", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
        time.sleep(0.2)
        began = time.monotonic()
        self.assertIn("exit=137 ", self.drive("stop", "300").stdout)
        self.assertGreater(time.monotonic() - began, 0.25)

    def test_wait(self):
        self.drive("start", "-d", "--", "sh", "-c", "sleep 0.5; exit 44")
        self.assertIn("exit=44 ", self.drive("wait").stdout)

    def test_restart_on_failure(self):
        self.drive("start", "-d", "--restart", "1", "--restart-max", "2", "--", "sh", "-c", "echo again; exit 1")
        wait_for(lambda: not self.peek()["phase"])
        record = self.record()
        self.assertEqual((record["exit"], record["restarts"]), ("1", "2"))
        self.assertEqual(self.log().count(b"again\n"), 3)

    def test_restart_always_until_stopped(self):
        self.drive("start", "-d", "--restart", "2", "--", "sh", "-c", "sleep 0.05")
        wait_for(lambda: self.peek()["restarts"] >= 2)
        self.drive("stop", "1000")
        wait_for(lambda: not self.peek()["phase"])
        self.assertEqual(self.record()["by_user"], "1")

    def test_restarting_is_never_taken_for_a_first_start(self):
        """Who sees "starting" does not ask for a stop: it would be a container that nobody can stop."""
        self.drive("start", "-d", "--restart", "2", "--", "true")
        seen = set()
        end = time.monotonic() + 2
        while time.monotonic() < end:
            seen.add(self.peek()["phase"])
        self.assertLessEqual(seen, {PHASE["running"], PHASE["restarting"]})
        self.drive("stop", "0")
        wait_for(lambda: not self.peek()["phase"])

    def test_restart_keeps_the_root(self):
        self.drive("start", "-d", "--restart", "1", "--", "sh", "-c", "test -e /tmp/mark && exit 0; touch /tmp/mark; exit 1")
        wait_for(lambda: not self.peek()["phase"])
        record = self.record()
        self.assertEqual((record["exit"], record["restarts"]), ("0", "1"))

    def test_no_restart_after_kill(self):
        self.drive("start", "-d", "--restart", "2", "--", "sleep", "100")
        self.drive("kill", "9")
        wait_for(lambda: not self.peek()["phase"])
        self.assertEqual(self.record()["restarts"], "0")

    def test_monitor_gets_sigterm(self):
        self.drive("start", "-d", "--restart", "2", "--", "sh", "-c", "trap 'exit 33' TERM; while :; do sleep 0.05; done")
        time.sleep(0.2)
        os.kill(self.peek()["monitor"], signal.SIGTERM)
        wait_for(lambda: not self.peek()["phase"])
        record = self.record()
        self.assertEqual((record["exit"], record["by_user"]), ("33", "0"))

    def test_monitor_is_killed(self):
        for extra in ([], ["--pid-host"]):
            self.drive("start", "-d", *extra, "--", "sh", "-c", "sleep 100 & sleep 100")
            peek = self.peek()
            os.kill(peek["monitor"], signal.SIGKILL)
            wait_for(lambda: not alive(peek["monitor"]))
            self.assertEqual(self.peek()["phase"], 0)
            self.drive("clear")  # what the next command does; a session's holder would have killed it before
            wait_for(lambda: not alive(peek["pid"]))
            self.drive("start", "--", "true")

    def test_background_processes_die_with_the_container(self):
        self.sh("setsid sleep 100 </dev/null >/dev/null 2>&1 & sleep 0.1", "--pid-host")
        wait_for(lambda: not self.peek()["phase"])
        wait_for(lambda: not self.processes())

    def test_client_is_killed_while_starting(self):
        for delay in (0.0, 0.001, 0.002, 0.003, 0.005, 0.008):
            p = self.popen("start", "--rm", "--exit-command", "/bin/true", "--", "sleep", "0.2")
            time.sleep(delay)
            p.kill()
            p.wait()
            wait_for(lambda: not self.peek()["phase"])

    def test_kills_in_any_order(self):
        for i in range(40):
            p = self.popen("start", "--", "sh", "-c", "sleep 100 & sleep 100")
            time.sleep(0.001 * (i % 12))
            victims = self.processes()
            for pid in victims if i % 2 else reversed(victims):
                if pid != p.pid:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            if i % 3 == 0:
                p.kill()
            wait_for(lambda: self.settle(p))
            self.assertEqual(self.leftovers(), [])

    def settle(self, p):
        """What the user's next commands do, until nothing is left."""
        phase = self.peek()["phase"]
        if phase == 0:
            self.drive("clear", check=False)
        elif phase == PHASE["running"]:
            self.drive("stop", "0", check=False)
        return p.poll() is not None and not self.processes() and not self.leftovers()

    def test_malformed_messages(self):
        import socket
        self.drive("start", "-d", "--", "sleep", "100")
        path = next(os.path.join(d, "socket") for d, _, n in os.walk(os.path.join(self.work, "run")) if "socket" in n)
        import random
        rnd = random.Random(1)
        for i in range(400):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            kind = rnd.choice([0, 3, 5, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 99, 0xffffffff])
            if kind == 14:  # a valid kill or stop would do what it says
                kind = 8
            body = rnd.randbytes(rnd.choice([0, 1, 3, 4, 8, 16, 84, 85, 200, 60000]))
            if kind in (13, 14) and len(body) in (4, 16):
                body += b"x"
            s.send(struct.pack("I", kind) + body)
            s.settimeout(0.02)
            try:
                s.recv(65536)
            except (TimeoutError, OSError):
                pass
            s.close()
        self.assertEqual(self.peek()["phase"], PHASE["running"])
        self.assertIn("phase=2", self.drive("state").stdout)

    def test_memory(self):
        if "asan" in BUILD or os.environ.get("DRIVE_SANITIZED"):
            self.skipTest("sanitizers")
        self.drive("start", "-d", "--", "sleep", "100")
        self.drive("exec", "--", "true")
        time.sleep(2)
        self.assertLessEqual(self.pss(), 600)


def with_runtime(base, name, path):
    return type(base.__name__ + "_" + name, (base,), {"runtime": path})


if os.path.exists("/usr/sbin/runc") or shutil.which("runc"):
    RUNC = shutil.which("runc") or "/usr/sbin/runc"
    for base in (Run, Streams, Terminal, Exec):
        cls = with_runtime(base, "runc", RUNC)
        globals()[cls.__name__] = cls
# Not tests themselves when the usual runtime is missing.
if not shutil.which("crun"):
    del Run, Streams, Terminal, Exec, Life


def enter():
    """Into a user and mount namespace, where unified cgroups can be mounted."""
    if os.environ.get("DRIVE_INSIDE"):
        return
    os.environ["DRIVE_INSIDE"] = "1"
    os.environ.setdefault("CORACLE_LIBEXECDIR", BUILD)
    os.environ.pop("XDG_RUNTIME_DIR", None)
    base = ["unshare", "-U", "-m", "--propagation", "slave", "--map-root-user"]
    for extra in (["--map-auto"], []):
        if subprocess.run(base + extra + ["true"], capture_output=True).returncode == 0:
            os.execvp("unshare", base + extra + [sys.executable] + sys.argv)
    print("user namespaces are refused here: skipped")
    sys.exit(77)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    enter()
    del sys.argv[1]
    unittest.main(verbosity=2)
