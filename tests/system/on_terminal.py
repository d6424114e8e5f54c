#!/usr/bin/env python3
"""Run a command on a terminal of its own and tell what was on the screen. Standard library only.

    on_terminal.py [--size COLUMNSxROWS] [--when TEXT=ACTION]… -- COMMAND…

ACTION, done once when TEXT has come: "size:COLUMNSxROWS", or "keys:…" with \\xNN escapes. The first line of the output is
"code N" (or "signal N"), then "widest N", the longest line that was written since the last change of size, then the
screen as it was at the end, lines that have scrolled up included, without blanks at their ends. With $RAW set the bytes
that came go to that file.

The terminal knows what coracle uses: carriage return, newline, cursor up, erase below; it wraps at its width, and wraps
anew when that changes, as most terminals do.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 120


class Screen:
    """Logical lines, each wrapped at the width."""

    def __init__(self, columns):
        self.columns = columns
        self.lines = [""]
        self.row = 0  # of the cursor, in rows of the whole, counted from the top
        self.column = 0
        self.widest = 0

    def rows(self):
        """(line, offset) of each row."""
        result = []
        for number, line in enumerate(self.lines):
            for offset in range(0, max(1, len(line)), self.columns):
                result.append((number, offset))
        return result

    def resize(self, columns):
        line, offset = self.rows()[min(self.row, len(self.rows()) - 1)]
        at = offset + self.column
        self.columns = columns
        self.row = next(i for i, (l, o) in enumerate(self.rows()) if l == line and (at < o + columns or o + columns >= len(self.lines[l])))
        self.column = at % columns
        self.widest = 0

    def put(self, text):
        for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+|.", text):
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self.row += 1
                if self.row >= len(self.rows()):
                    self.lines.append("")
            elif token.startswith("\x1b[") and token.endswith("A"):
                self.row = max(0, self.row - int(token[2:-1] or 1))
            elif token == "\x1b[J":
                line, offset = self.rows()[self.row]
                self.lines[line] = self.lines[line][: offset + self.column]
                del self.lines[line + 1 :]
            elif not token.startswith("\x1b"):
                line, offset = self.rows()[self.row]
                at = offset + self.column
                old = self.lines[line].ljust(at)
                self.lines[line] = old[:at] + token + old[at + len(token) :]
                self.column += len(token)
                self.widest = max(self.widest, self.column)
                while self.column > self.columns:
                    self.column -= self.columns
                    self.row += 1


def set_size(fd, size):
    columns, rows = (int(n) for n in size.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return columns


def main():
    args = sys.argv[1:]
    size, actions = "100x30", []
    while args and args[0] != "--":
        if args[0] == "--size":
            size = args[1]
        else:
            text, action = args[1].split("=", 1)
            actions.append((text, action))
        args = args[2:]
    command = args[1:]
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.2)  # until the size is set
        os.environ["TERM"] = "xterm"
        for number in (signal.SIGINT, signal.SIGQUIT):  # ignored where the tests run in the background
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    screen = Screen(set_size(fd, size))
    raw, end = b"", time.monotonic() + LIMIT
    while True:
        if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(pid, signal.SIGKILL)
            print("took too long")
            break
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        raw += data
        screen.put(data.decode("utf-8", "replace"))
        while actions and actions[0][0].encode() in raw:
            action = actions.pop(0)[1]
            kind, value = action.split(":", 1)
            raw_before, raw = raw, b""
            if os.environ.get("RAW"):
                open(os.environ["RAW"], "ab").write(raw_before)
            if kind == "size":
                screen.resize(set_size(fd, value))
            else:
                os.write(fd, value.encode().decode("unicode_escape").encode("latin1"))
    status = os.waitpid(pid, 0)[1]
    if os.environ.get("RAW"):
        open(os.environ["RAW"], "ab").write(raw)
    print(f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"code {os.WEXITSTATUS(status)}")
    print(f"widest {screen.widest}")
    print("\n".join(line.rstrip() for line in screen.lines).rstrip("\n"))


main()
