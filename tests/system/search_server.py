#!/usr/bin/env python3
"""The search half of Docker's version 1 registry, for tests. Standard library only.

    search_server.py        prints its port; answers /v1/search?q=…&n=… and nothing else (404)

Requests go to stderr, one a line. A query "hostile" is answered with megabytes, "broken" with what is no JSON.
"""

import http.server
import json
import sys
import urllib.parse

IMAGES = [
    {"name": "debian", "description": "Debian is a Linux distribution that's composed entirely of free software.",
     "star_count": 4000, "is_official": True, "is_automated": False},
    {"name": "someone/debian-tools", "description": "tools\nfor debian \u001b[31m", "star_count": 12, "is_official": False,
     "is_automated": True},
    {"name": "other/debian", "description": "", "star_count": 0, "is_official": False, "is_automated": False},
]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        print(self.path, file=sys.stderr, flush=True)
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        term = query.get("q", [""])[0]
        body = None
        if url.path == "/v1/search" and term == "hostile":
            body = b"[" * (24 << 20)
        elif url.path == "/v1/search" and term == "broken":
            body = b"<html>"
        elif url.path == "/v1/search":
            found = [i for i in IMAGES if term in i["name"]][: int(query.get("n", ["25"])[0])]
            body = json.dumps({"num_results": len(found), "query": term, "results": found}).encode()
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
