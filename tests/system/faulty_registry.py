#!/usr/bin/env python3
"""A registry in front of another one that misbehaves on demand. Standard library only.

    faulty_registry.py BACKEND_PORT [MODE…]      prints its own port; forwards to 127.0.0.1:BACKEND_PORT

Modes are about GET of blobs unless said:

    reset=N once-reset=N   RST after N bytes of the body, each time; the first time for each blob
    cut=N                  an orderly end after N bytes where more were announced, each time
    short long             half of it, and four bytes too many, with a Content-Length that agrees
    huge                   never ends, and says no length
    flip flip-header       the last byte is wrong; one that no decompressor looks at
    slow=N once-slow=N     after N bytes a byte each fifth of a second
    stall                  no answer at all
    no-range wrong-range 416  Range is ignored; answered from another byte; refused
    redirect=PORT loop     to localhost:PORT; to itself
    429 503                the first time for each path, of every request; 429 with Retry-After: 1
    500 always-429         each time
    manifest-flip manifest-huge   manifests
    no-head                HEAD of manifests is answered 405
    pages=N endless        lists of tags in pages of N; whose last page is the first
    upload-reset=N         RST after N bytes of a body, the first time for each kind of request
    forget                 an upload that broke off is unknown
    max-body=N             413 for larger bodies
    proxy                  be a proxy: requests with whole urls, CONNECT
    ask                    for a password, and take any
    token                  of a token server here, at /token, that wants me:secret; good for three requests each

Requests go to stderr, one a line: METHOD PATH RANGE AUTHORIZATION. What was sent of bodies follows: sent BYTES PATH.
"""

import base64
import http.client
import http.server
import socket
import struct
import sys
import threading
import time
import urllib.parse

BACKEND = int(sys.argv[1])
MODES = dict((m.split("=") + [""])[:2] for m in sys.argv[2:])
SEEN = set()
TOKENS = []  # how many requests each is still good for
LOCK = threading.Lock()
SMALL = 1000


def log(line):
    print(line, file=sys.stderr, flush=True)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def first_time(key):
    with LOCK:
        new = key not in SEEN
        SEEN.add(key)
        return new


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reset(self):
        """RST rather than FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def drain(self):
        """What is not read would be taken for the next request."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def refuse(self, code):
        if code != 413:
            self.drain()
        self.send_response(code)
        self.send_header("Content-Length", "0")
        if code == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()

    def ask_backend(self, headers):
        connection = http.client.HTTPConnection("127.0.0.1", BACKEND)
        length = int(self.headers.get("Content-Length") or 0)
        path = self.path
        if "/tags/list" in path and "pages" in MODES:
            path = path.replace("n=1000", "n=" + MODES["pages"])
        connection.request(self.command, path, self.rfile.read(length) if length else None, headers)
        response = connection.getresponse()
        return response, response.read()

    def do_CONNECT(self):
        log(f"CONNECT {self.path} - -")
        if "proxy" not in MODES:
            return self.refuse(405)
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as there:
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            back = threading.Thread(target=pump, args=(there, self.connection))
            back.start()
            pump(self.connection, there)
            back.join()
        self.close_connection = True
        return None

    def upload_fault(self):
        """True when the request was answered, or not answered, here."""
        length = int(self.headers.get("Content-Length") or 0)
        if "max-body" in MODES and length > int(MODES["max-body"]):
            self.refuse(413)
            self.close_connection = True
            return True
        if "forget" in MODES and self.command == "GET" and "/uploads/" in self.path:
            self.refuse(404)
            return True
        at = int(MODES.get("upload-reset") or 0)
        if at and length > at and first_time((self.command, "upload")):
            data = self.rfile.read(at)
            keep = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
            if self.command == "PATCH":  # what came has come
                connection = http.client.HTTPConnection("127.0.0.1", BACKEND)
                connection.request("PATCH", self.path, data, keep)
                connection.getresponse().read()
            self.reset()
            return True
        return False

    def send_slowly(self, data):
        sent = 0
        try:
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                self.wfile.flush()
                sent += 1
                time.sleep(0.2)
        except OSError:
            self.close_connection = True
        return sent

    def send_for_ever(self):
        """Until nobody reads it any more; how much that was."""
        sent = 0
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes(16384))
                sent += 16384
        except OSError:
            return sent

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
            self.drain()
            self.send_response(401)
            realm = f"http://{self.headers.get('Host')}/token"
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="test",scope="repository:x:pull"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        return not good

    def fault(self, data):
        """The body as it goes out. Small ones (configs) are spared, so that it is a layer that is hit."""
        if len(data) < SMALL:
            return data
        if "flip" in MODES and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if "flip-header" in MODES:  # gzip's time
            data = data[:4] + bytes([data[4] ^ 1]) + data[5:]
        if "short" in MODES:
            data = data[: len(data) // 2]
        if "long" in MODES:
            data += b"more"
        return data

    def forward(self):
        if "proxy" in MODES and self.path.startswith("http://"):
            log("PROXY " + self.path)
            self.path = urllib.parse.urlsplit(self.path)._replace(scheme="", netloc="").geturl()
        log(" ".join([self.command, self.path, self.headers.get("Range", "-"), self.headers.get("Authorization", "-")]))
        if "token" in MODES and self.token_answer():
            return None
        if "ask" in MODES and not self.headers.get("Authorization"):
            self.drain()
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        is_blob = self.command == "GET" and "/blobs/" in self.path and "/uploads/" not in self.path
        is_manifest = "/manifests/" in self.path
        for code in (429, 503):
            if str(code) in MODES and first_time((code, self.path)):
                return self.refuse(code)
        if is_blob:
            for mode, code in (("500", 500), ("always-429", 429)):
                if mode in MODES:
                    return self.refuse(code)
            if "416" in MODES and self.headers.get("Range"):
                return self.refuse(416)
            if "stall" in MODES:
                time.sleep(120)
                return None
        if "no-head" in MODES and self.command == "HEAD" and is_manifest:
            return self.refuse(405)
        if self.upload_fault():
            return None
        if is_blob and ("redirect" in MODES or "loop" in MODES):
            self.send_response(307)
            where = f"http://localhost:{MODES['redirect']}{self.path}" if "redirect" in MODES else self.path
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        return self.pass_on(is_blob, is_manifest)

    def pass_on(self, is_blob, is_manifest):
        """What the backend answers, with faults in it."""
        keep = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        if "no-range" in MODES:
            keep.pop("Range", None)
        response, data = self.ask_backend(keep)
        good = response.status in (200, 206)
        extra = {}
        if is_blob and good:
            data = self.fault(data)
        if "manifest-flip" in MODES and is_manifest and good:
            data = data[:-2] + b" " + data[-2:]
        if "manifest-huge" in MODES and is_manifest:
            data += b" " * (8 << 20)
        if "wrong-range" in MODES and response.status == 206:
            extra["Content-Range"] = "bytes 0-1/2"
        if "endless" in MODES and "/tags/list" in self.path:
            extra["Link"] = f'<{self.path}>; rel="next"'
        self.send_response(response.status)
        for key, value in response.getheaders():
            if key not in extra and key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value.replace(f"127.0.0.1:{BACKEND}", self.headers.get("Host", "")))
        for key, value in extra.items():
            self.send_header(key, value)
        if is_blob and "huge" in MODES and len(data) >= SMALL:
            self.end_headers()
            return log(f"sent {self.send_for_ever()} {self.path}")
        size = response.getheader("Content-Length") if self.command == "HEAD" else len(data)
        if response.status != 204:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        return None if self.command == "HEAD" else self.send_body(data, is_blob)

    def send_body(self, data, is_blob):
        limits = [MODES[m] for m in ("reset", "cut") if is_blob and m in MODES]
        if is_blob and "once-reset" in MODES and first_time(self.path):
            limits.append(MODES["once-reset"])
        slow = MODES.get("slow") if is_blob else None
        if is_blob and "once-slow" in MODES and first_time(self.path):
            slow = MODES["once-slow"]
        if slow is not None:
            self.wfile.write(data[: int(slow)])
            sent = min(int(slow), len(data))
            return log(f"sent {sent + self.send_slowly(data[sent:])} {self.path}")
        limit = int(limits[0]) if limits else len(data)
        sent = 0
        try:
            for at in range(0, min(limit, len(data)), 65536):
                sent += self.wfile.write(data[at : min(at + 65536, limit)])
        except OSError:
            self.close_connection = True
        if is_blob:
            log(f"sent {sent} {self.path}")
        if limit < len(data):
            if "cut" in MODES:
                self.close_connection = True
            else:
                self.reset()
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = forward


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
