#!/usr/bin/env python3
"""A service for trying a gateway: returns its name and the headers about the caller that the gateway set.

Usage: service.py NAME PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, PORT = sys.argv[1], int(sys.argv[2])


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {name: value for name, value in self.headers.items() if name.lower().startswith("signet")}
        body = json.dumps({"service": NAME, "path": self.path, "told": told}, indent=2) + "\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Service).serve_forever()
