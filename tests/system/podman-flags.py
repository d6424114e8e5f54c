#!/usr/bin/env python3
"""podman-flags.py CORACLE ROOT PODMAN: prints each command line option that podman's --help lists and coracle does not know.

A command that coracle lacks must say that it is not built yet; an option that it lacks must be known too, and say what
is missing."""
import re
import subprocess
import sys


def listing(program, path):
    """Commands and options of one page of help."""
    text = subprocess.run([*program, *path, "--help"], capture_output=True, text=True, check=False).stdout
    commands, options, section = [], [], ""
    for line in text.splitlines():
        if heading := re.match(r"([A-Z][A-Za-z ]+):\s*$", line):
            section = heading[1]
        elif "Commands" in section and (m := re.match(r"  ([a-z][a-z-]*)\s", line)):
            commands.append(m[1])
        elif "Options" in section and (m := re.match(r"\s+(?:-(\w), )?--([a-z0-9][\w.-]*)", line)):
            options.append((m[2], m[1]))
    return commands, options


def said(program, words):
    """What a command line that cannot work prints."""
    run = subprocess.run([*program, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60)
    return run.stdout + run.stderr


def compare(coracle, podman, path):
    """Everything below one command of podman's."""
    commands, options = listing(podman, path)
    if path and "not built yet" in said(coracle, [*path, "--help"]):
        return
    known = dict(listing(coracle, path)[1])
    where = " ".join(path) or "(global)"
    for name, letter in options:
        if name in known:
            if letter and known[name] != letter:
                print(f"{where}: -{letter} is not --{name}")
        elif "unknown flag" in said(coracle, [*path, f"--{name}=x"] if path else [f"--{name}=x", "version"]):
            print(f"{where}: --{name} is unknown")
    for command in commands:
        if command != "help" and len(path) < 2:
            compare(coracle, podman, [*path, command])
    if path and not options and not commands and "unrecognized" in said(coracle, [*path, "--help"]):
        print(f"{where} is unrecognized")


if __name__ == "__main__":
    compare([sys.argv[1], "--root", sys.argv[2]], [sys.argv[3], "--log-level=error"], [])
