"""Many connections to an echo server, all open at once; each sends its number and gets it back.

    many_connections.py HOST PORT COUNT
    many_connections.py serve ADDRESS PORT    such a server
"""

import asyncio
import resource
import sys

WAIT = 100
AT_ONCE = 64  # being opened; more would only fill backlogs


async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def ask(host, port, count):
    opening = asyncio.Semaphore(AT_ONCE)

    async def connect():
        async with opening:
            return await asyncio.open_connection(host, port)

    pairs = await asyncio.gather(*(connect() for _ in range(count)))
    for i, (_, writer) in enumerate(pairs):
        writer.write(b"%d\n" % i)
    answers = await asyncio.gather(*(reader.readline() for reader, _ in pairs))
    print(sum(line == b"%d\n" % i for i, line in enumerate(answers)), "answered")
    for _, writer in pairs:
        writer.close()


async def main(words):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if words[0] == "serve":
        server = await asyncio.start_server(echo, words[1], int(words[2]), backlog=4096)
        await server.serve_forever()
    await asyncio.wait_for(ask(words[0], int(words[1]), int(words[2])), WAIT)


asyncio.run(main(sys.argv[1:]))
