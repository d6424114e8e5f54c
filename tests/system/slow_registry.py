#!/usr/bin/env python3
"""A registry in front of another one that lets blobs through slowly. Standard library only.

    slow_registry.py BACKEND_PORT BYTES_PER_SECOND       prints its own port

Requests go to stderr, one a line: METHOD PATH RANGE.
"""

import http.client
import http.server
import socket
import sys
import time

BACKEND, RATE = int(sys.argv[1]), int(sys.argv[2])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pieces(self, size):
        """As many bytes as the clock allows, twenty times a second."""
        begin, done = time.monotonic(), 0
        while done < size:
            time.sleep(0.05)
            allowed = min(size, int((time.monotonic() - begin) * RATE))
            if allowed > done:
                yield done, allowed
            done = allowed

    def forward(self):
        print(self.command, self.path, self.headers.get("Range", "-"), file=sys.stderr, flush=True)
        length = int(self.headers.get("Content-Length") or 0)
        slow = length > 100000
        body = b""
        if slow:
            for done, to in self.pieces(length):
                body += self.rfile.read(to - done)
        elif length:
            body = self.rfile.read(length)
        connection = http.client.HTTPConnection("127.0.0.1", BACKEND)
        keep = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, keep)
        response = connection.getresponse()
        data = response.read()
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value.replace(f"127.0.0.1:{BACKEND}", self.headers.get("Host", "")))
        self.send_header("Content-Length", response.getheader("Content-Length") or str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if "/blobs/" in self.path and self.command == "GET" and len(data) > 100000:
            for done, to in self.pieces(len(data)):
                self.wfile.write(data[done:to])
        else:
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = forward


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # So that the kernel does not take an upload at once.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        super().server_bind()

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
