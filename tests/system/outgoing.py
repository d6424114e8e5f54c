"""Both ends of what slirp.bats asks of outgoing connections.

    outgoing.py serve              on 127.0.0.1 and ::1; prints "ready"
    outgoing.py ask GATEWAY FAR    inside; FAR is an address without a route
"""

import errno
import socket
import struct
import sys
import threading

ECHO, GREET, RESET, CLOSED = 7001, 7002, 7003, 7009
WAIT = 60
MANY = 300


def serve():
    def echo(conn):
        while data := conn.recv(65536):
            conn.sendall(data)
        conn.close()

    def greet(conn):
        conn.sendall(b"who are you?")
        conn.recv(100)
        conn.close()

    def reset(conn):
        conn.recv(100)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.close()

    def accept(listener, handler):
        while True:
            threading.Thread(target=handler, args=(listener.accept()[0],), daemon=True).start()

    threads = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for port, handler in ((ECHO, echo), (GREET, greet), (RESET, reset)):
            listener = socket.create_server((address, port), family=family, backlog=1024)
            threads.append(threading.Thread(target=accept, args=(listener, handler)))
    for thread in threads:
        thread.start()
    print("ready", flush=True)


def read_all(sock):
    got = b""
    while data := sock.recv(65536):
        got += data
    return got


def failure(address, port):
    """The name of the errno with which connecting fails."""
    try:
        socket.create_connection((address, port), WAIT).close()
        return "nothing"
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))


def ask(gateway, far):
    with socket.create_connection((gateway, GREET), WAIT) as sock:
        if sock.recv(100) == b"who are you?":
            print("greeted first")
    with socket.create_connection((gateway, ECHO), WAIT) as sock:
        data = bytes(range(250)) * 8000
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got = read_all(sock)
        sender.join()
        print("half-closed:", len(got) if got == data else "wrong", "bytes back")
    with socket.create_connection((gateway, RESET), WAIT) as sock:
        sock.sendall(b"bye")
        try:
            print("ended with", sock.recv(100))
        except ConnectionResetError:
            print("reset arrives")
    print("refused:", failure(gateway, CLOSED))
    print("unreachable:", failure(far, 80))
    # A server here on a port that is connected to over there, without SO_REUSEADDR.
    with socket.create_connection((gateway, ECHO), WAIT) as sock, socket.socket(sock.family) as own:
        own.bind(("::" if sock.family == socket.AF_INET6 else "", ECHO))
        own.listen()
        print("same port served and asked")
    many = [socket.create_connection((gateway, ECHO), WAIT) for _ in range(MANY)]
    for i, sock in enumerate(many):
        sock.sendall(b"%d" % i)
    print(sum(sock.recv(100) == b"%d" % i for i, sock in enumerate(many)), "at once")


if sys.argv[1] == "serve":
    serve()
else:
    ask(*sys.argv[2:])
