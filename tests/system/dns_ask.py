#!/usr/bin/python3
"""Ask a resolver one question.

    dns_ask.py [--tcp] [--timeout SECONDS] SERVER NAME [A|AAAA|TXT]

Prints "CODE answer…": addresses, or the number of TXT records; "truncated" if the answer was; "timeout" if none came.
"""

import argparse
import ipaddress
import socket
import struct
import sys

TYPES = {"A": 1, "TXT": 16, "AAAA": 28}


def query(name, qtype):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part)
    return b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0" + struct.pack(">HH", qtype, 1)


def exchange(server, message, tcp, timeout):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    sock.settimeout(timeout)
    sock.connect((server, 53))
    if not tcp:
        sock.send(message)
        return sock.recv(65535)
    sock.sendall(struct.pack(">H", len(message)) + message)
    stream = sock.makefile("rb")
    return stream.read(struct.unpack(">H", stream.read(2))[0])


def answers(reply, question_len):
    at, found, texts = 12 + question_len, [], 0
    for _ in range(struct.unpack(">H", reply[6:8])[0]):
        rtype, _, _, length = struct.unpack(">HHIH", reply[at + 2:at + 12])
        at += 12
        if rtype in (1, 28):
            found.append(str(ipaddress.ip_address(reply[at:at + length])))
        else:
            texts += 1
        at += length
    return found + ([str(texts)] if texts else [])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--timeout", type=float, default=20)
    parser.add_argument("server")
    parser.add_argument("name")
    parser.add_argument("type", nargs="?", default="A")
    args = parser.parse_args()
    message = query(args.name, TYPES[args.type])
    try:
        reply = exchange(args.server, message, args.tcp, args.timeout)
    except socket.timeout:
        print("timeout")
        return 1
    if reply[:2] != message[:2]:
        print("another id")
        return 1
    print(reply[3] & 15, *(["truncated"] if reply[2] & 2 else answers(reply, len(message) - 12)))
    return 0


sys.exit(main())
