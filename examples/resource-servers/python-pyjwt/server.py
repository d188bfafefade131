"""A resource server with PyJWT: answers with the caller's `sub` and `scope` if the token is good.

Trusts one issuer's URL and one audience; everything else comes from the issuer itself.
"""

import json
import os
import re
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER = os.environ.get("ISSUER", "http://localhost:8484")
AUDIENCE = os.environ.get("AUDIENCE", "https://api.example.com")

with urllib.request.urlopen(f"{ISSUER}/.well-known/openid-configuration", timeout=5) as response:
    DISCOVERY = json.load(response)
# OpenID Connect Discovery 1.0 section 4.3: a document that names another issuer is not ours.
if DISCOVERY["issuer"] != ISSUER:
    raise SystemExit(f"{ISSUER} calls itself {DISCOVERY['issuer']}")


class Keys(jwt.PyJWKClient):
    """The issuer's keys, kept for 5 minutes; an unknown kid asks again, at most every 30 seconds.

    That pause follows only a success, and the library lets everybody wait while it asks: without
    another one, made-up kids would block real users for as long as the issuer is out of order.
    """

    next_try = 0.0

    def fetch_data(self):
        if time.monotonic() < self.next_try:
            raise jwt.PyJWKClientError("the issuer failed a moment ago")
        self.next_try = time.monotonic() + 5
        keys = super().fetch_data()
        self.next_try = 0.0
        return keys


KEYS = Keys(DISCOVERY["jwks_uri"], timeout=2, cooldown_duration=30)


def verify(token):
    """The claims of a good access token (RFC 9068 section 4); raises for anything else."""
    # Not checked by the library: the kind of token.
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return jwt.decode(
        token, KEYS.get_signing_key_from_jwt(token), algorithms=["ES256", "RS256"],
        issuer=ISSUER, audience=AUDIENCE, leeway=5,
        options={"require": ["iss", "aud", "exp", "sub"]},
    )


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = re.match(r"Bearer +(\S.*)", self.headers.get("Authorization", ""), re.IGNORECASE)
        try:
            claims = verify(sent[1].strip())
        except Exception:  # Whatever went wrong, nothing was proved.
            # RFC 6750 section 3.1: who sent no token is told what to send, not that it is wrong.
            self.answer(401, "WWW-Authenticate", 'Bearer error="invalid_token"' if sent else "Bearer")
        else:
            body = json.dumps({"sub": claims["sub"], "scope": claims.get("scope", "")})
            self.answer(200, "Content-Type", "application/json", body)

    def answer(self, status, header, value, body=""):
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Quiet; the library's default writes a line for each request."""


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Orders)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
