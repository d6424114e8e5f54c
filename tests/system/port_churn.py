"""Connections that begin and end in every way, to servers that come and go.

    port_churn.py serve PORT                        in a container: TCP as the client's first byte says (below), UDP echo
    port_churn.py storm HOST PORT COUNT [STOP]      COUNT connections, and more until the file STOP exists; whatever fails
                                                    does, but all must end. Prints how many were served; STOP.served is
                                                    how many by now.
    port_churn.py row HOST PORT COUNT               one after the other, each with its answer
    port_churn.py flows HOST PORT COUNT             UDP, each from a port of its own. Prints how many were answered.
"""

import asyncio
import os
import resource
import socket
import struct
import sys

AT_ONCE = 100
WAIT = 60  # for what must end, on a slow machine
LOT = 300_000
RESET = struct.pack("ii", 1, 0)


def reset(writer):
    """Close without a farewell."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


# --- the server

async def serve_one(reader, writer):
    try:
        kind = await reader.readexactly(1)
        if kind == b"e":  # echo, until the client's end of stream, which comes back
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        elif kind == b"l":  # a lot, to a reader who takes his time
            writer.write(b"l" * LOT)
            await writer.drain()
        elif kind == b"h":  # our end comes first, and what the client says then is still read
            writer.write(b"h")
            writer.write_eof()
            await reader.read()
        elif kind == b"r":
            reset(writer)
        writer.close()
        await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError):
        writer.transport.abort()


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def serve(port):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", port))
    server = await asyncio.start_server(serve_one, "0.0.0.0", port, backlog=4096)
    await server.serve_forever()


# --- clients: True for what went as it should

async def everything(reader):
    parts = []
    while data := await reader.read(65536):
        parts.append(data)
    return b"".join(parts)


async def echo(reader, writer):
    text = os.urandom(16) * 4000
    writer.write(b"e" + text)
    writer.write_eof()
    return await everything(reader) == text


async def lot(reader, writer):
    writer.write(b"l")
    got = 0
    while data := await reader.read(20000):
        got += len(data)
        await asyncio.sleep(0.005)
    return got == LOT


async def half(reader, writer):
    writer.write(b"h")
    ended = await everything(reader) == b"h"
    writer.write(b"x" * 1000)
    writer.write_eof()
    return ended


async def is_reset(reader, writer):
    writer.write(b"r")
    try:
        await everything(reader)
    except ConnectionResetError:
        return True
    return False


async def resets(_, writer):
    writer.write(b"l")
    await asyncio.sleep(0.01)
    reset(writer)
    return True


KINDS = (echo, lot, half, is_reset, resets)


async def one(number, host, port):
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        await asyncio.sleep(0.02)  # nobody is there just now
        return False
    try:
        return await KINDS[number % len(KINDS)](reader, writer)
    except OSError:
        return False
    finally:
        writer.transport.abort()


async def storm(host, port, count, stop):
    good, number = 0, 0

    async def work():
        nonlocal good, number
        while number < count or (stop and not os.path.exists(stop)):
            number += 1
            served = await asyncio.wait_for(one(number, host, port), WAIT)
            good += served  # not in one: others count while we wait
            if stop:
                with open(stop + ".served", "w", encoding="ascii") as f:
                    f.write(str(good))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    print(good)


async def flows(host, port, count):
    async def ask(number):
        loop, answer = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

        class Client(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                if not answer.done():
                    answer.set_result(data)

            def error_received(self, exc):
                pass

        transport, _ = await loop.create_datagram_endpoint(Client, remote_addr=(host, port))
        try:
            for _ in range(20):  # datagrams may be lost
                transport.sendto(b"%d" % number)
                done, _ = await asyncio.wait([answer], timeout=1)
                if done:
                    return answer.result() == b"%d" % number
            return False
        finally:
            transport.close()

    limit = asyncio.Semaphore(AT_ONCE)

    async def limited(number):
        async with limit:
            return await ask(number)

    print(sum(await asyncio.gather(*(limited(i) for i in range(count)))))


def row(host, port, count):
    for number in range(count):
        text = b"%d" % number
        with socket.create_connection((host, port), WAIT) as s:
            s.sendall(b"e" + text)
            s.shutdown(socket.SHUT_WR)
            got = b""
            while data := s.recv(100):
                got += data
        if got != text:
            sys.exit(f"connection {number}: {got}")
    print(count)


def main(verb, *words):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if verb == "serve":
        asyncio.run(serve(int(words[0])))
    elif verb == "row":
        row(words[0], int(words[1]), int(words[2]))
    elif verb == "flows":
        asyncio.run(flows(words[0], int(words[1]), int(words[2])))
    else:
        asyncio.run(storm(words[0], int(words[1]), int(words[2]), words[3] if len(words) > 3 else None))


main(*sys.argv[1:])
