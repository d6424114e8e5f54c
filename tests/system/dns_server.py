#!/usr/bin/python3
"""A resolver for tests, on UDP and TCP, whose answers are in the question.

    dns_server.py ADDRESS TAG

What it is asked for decides what it does: <anything>.silent never gets an answer; wrongid.* one with another id first;
garbage.* one that is no message; big.* ten long TXT records, truncated by UDP; nx.* NXDOMAIN; everything else one
record: 192.0.2.TAG, or 2001:db8::TAG. Prints a line per query, "udp one.test 1".
"""

import socket
import struct
import sys
import threading

ADDRESS, TAG = sys.argv[1], int(sys.argv[2])


def parse(msg):
    name, at = [], 12
    while msg[at]:
        name.append(msg[at + 1:at + 1 + msg[at]].decode("latin-1"))
        at += msg[at] + 1
    qtype = struct.unpack(">H", msg[at + 1:at + 3])[0]
    return ".".join(name).lower(), qtype, msg[12:at + 5]


def record(qtype):
    if qtype == 28:
        return struct.pack(">HHHIH", 0xc00c, 28, 1, 60, 16) + bytes.fromhex("20010db8") + bytes(11) + bytes([TAG])
    return struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + bytes([192, 0, 2, TAG])


def big():
    text = b"".join(bytes([250]) + b"x" * 250 for _ in range(3))
    return b"".join(struct.pack(">HHHIH", 0xc00c, 16, 1, 60, len(text)) + text for _ in range(10))


def answers(msg, how):
    """The messages to send, in order."""
    name, qtype, question = parse(msg)
    print(how, name, qtype, flush=True)
    head = lambda flags, n, ident=msg[:2]: ident + struct.pack(">HHHHH", flags, 1, n, 0, 0) + question
    if name.endswith("silent"):
        return []
    if name.startswith("nx."):
        return [head(0x8183, 0)]
    if name.startswith("big."):
        return [head(0x8380, 0)] if how == "udp" else [head(0x8180, 10) + big()]
    good = head(0x8180, 1) + record(qtype)
    if name.startswith("wrongid."):
        return [head(0x8180, 1, bytes([msg[0] ^ 1, msg[1]])) + record(1), good]
    if name.startswith("garbage."):
        return [b"\x00\x01\x02", msg[:2] + b"\x81\x80\xff\xff" + b"\xff" * 40, good]
    return [good]


def udp(sock):
    while True:
        msg, peer = sock.recvfrom(65536)
        try:
            for out in answers(msg, "udp"):
                sock.sendto(out, peer)
        except (IndexError, struct.error):
            print("udp broken", flush=True)


def tcp_client(conn):
    with conn:
        stream = conn.makefile("rb")
        while True:
            prefix = stream.read(2)
            if len(prefix) < 2:
                return
            for out in answers(stream.read(struct.unpack(">H", prefix)[0]), "tcp"):
                conn.sendall(struct.pack(">H", len(out)) + out)


def main():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((ADDRESS, 53))
    listener = socket.create_server((ADDRESS, 53), backlog=64)
    threading.Thread(target=udp, args=(datagrams,), daemon=True).start()
    print("ready", flush=True)
    while True:
        threading.Thread(target=tcp_client, args=(listener.accept()[0],), daemon=True).start()


main()
