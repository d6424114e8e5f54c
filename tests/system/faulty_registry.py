#!/usr/bin/env python3
"""A registry in front of a directory of blobs that misbehaves on demand. Standard library only.

    faulty_registry.py BACKEND_PORT [MODE…]      prints its own port; forwards to 127.0.0.1:BACKEND_PORT

Modes, each for GET of blobs unless said: reset=N (close after N bytes, each time), once-reset=N (the first time for each
blob), 429 (the first time for each path, with Retry-After: 1), 503 (likewise), flip (a byte is wrong), short (ends
early, and says so), long (more bytes than the manifest says), redirect=PORT (to localhost:PORT), no-range (Range is
ignored), manifest-flip, ask (for a password, and take any),
token (of a token server here, at /token, that wants me:secret; each token is good for three requests). Requests go to stderr, one a line: METHOD PATH RANGE AUTHORIZATION.
"""

import base64
import http.client
import http.server
import socket
import struct
import sys
import threading

BACKEND = int(sys.argv[1])
MODES = dict((m.split("=") + [""])[:2] for m in sys.argv[2:])
SEEN = set()
TOKENS = []  # how many requests each is still good for
LOCK = threading.Lock()


def first_time(key):
    with LOCK:
        new = key not in SEEN
        SEEN.add(key)
        return new


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reset(self):
        """RST rather than FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def refuse(self, code):
        self.send_response(code)
        self.send_header("Content-Length", "0")
        if code == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()

    def ask_backend(self, headers):
        connection = http.client.HTTPConnection("127.0.0.1", BACKEND)
        length = int(self.headers.get("Content-Length") or 0)
        connection.request(self.command, self.path, self.rfile.read(length) if length else None, headers)
        response = connection.getresponse()
        return response, response.read()

    def token_answer(self):
        """True when the request was answered here."""
        if self.path.startswith("/token"):
            if self.headers.get("Authorization") != "Basic " + base64.b64encode(b"me:secret").decode():
                self.refuse(401)
                return True
            with LOCK:
                TOKENS.append(3)
                text = b'{"token": "t%d"}' % (len(TOKENS) - 1)
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return True
        number = (self.headers.get("Authorization") or "").removeprefix("Bearer t")
        with LOCK:
            good = number.isdigit() and int(number) < len(TOKENS) and TOKENS[int(number)] > 0
            if good:
                TOKENS[int(number)] -= 1
        if not good:
            self.send_response(401)
            realm = f"http://{self.headers.get('Host')}/token"
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="test",scope="repository:x:pull"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        return not good

    def fault(self, data):
        """The body as it goes out, and how many bytes of it."""
        if "flip" in MODES and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if "short" in MODES:
            data = data[: len(data) // 2]
        if "long" in MODES:
            data += b"more"
        return data

    def forward(self):
        line = " ".join([self.command, self.path, self.headers.get("Range", "-"), self.headers.get("Authorization", "-")])
        print(line, file=sys.stderr, flush=True)
        if "token" in MODES and self.token_answer():
            return None
        if "ask" in MODES and not self.headers.get("Authorization"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        is_blob = self.command == "GET" and "/blobs/" in self.path
        for code in (429, 503):
            if str(code) in MODES and first_time((code, self.path)):
                return self.refuse(code)
        if is_blob and "redirect" in MODES:
            self.send_response(307)
            self.send_header("Location", f"http://localhost:{MODES['redirect']}{self.path}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        keep = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        if "no-range" in MODES:
            keep.pop("Range", None)
        response, data = self.ask_backend(keep)
        if is_blob and response.status in (200, 206):
            data = self.fault(data)
        if "manifest-flip" in MODES and "/manifests/" in self.path:
            data = data[:-2] + b" " + data[-2:]
        limit = None
        if is_blob and "reset" in MODES:
            limit = int(MODES["reset"])
        if is_blob and "once-reset" in MODES and first_time(self.path):
            limit = int(MODES["once-reset"])
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value.replace(f"127.0.0.1:{BACKEND}", self.headers.get("Host", "")))
        size = response.getheader("Content-Length") if self.command == "HEAD" else len(data)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if limit is None else data[:limit])
        if limit is not None and limit < len(data):
            self.reset()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = forward


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
