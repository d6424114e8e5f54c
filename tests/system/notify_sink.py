#!/usr/bin/env python3
"""notify_sink.py SOCKET FILE: a service manager's end of sd_notify(3).

Every datagram becomes a line of FILE, its lines joined with blanks. The socket is there when FILE is."""
import socket
import sys

sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sink.bind(sys.argv[1])
with open(sys.argv[2], "w", encoding="utf-8") as out:
    while True:
        message = sink.recv(65536).decode(errors="replace")
        print(" ".join(message.split("\n")).strip(), file=out, flush=True)
