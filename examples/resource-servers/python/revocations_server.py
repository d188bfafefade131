"""An API with http.server and PyJWT that accepts access tokens of Signet and refuses revoked ones."""

import base64
import json
import logging
import os
import random
import re
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER = "http://localhost:8484"
AUDIENCE = "https://api.example.com"
SCOPE = "orders:read"
TYPE = "at+jwt"
ALGORITHMS = ["ES256", "RS256"]
# While the feed is not recent: "closed" answers 503, "open" accepts tokens that may have been revoked. Choose one.
WHEN_STALE = ""

# ---- Verification: the same in every Python snippet.

# Seconds. Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
KEEP = 300
PAUSE = 30
ENCODED_AUDIENCE = urllib.parse.quote(AUDIENCE, safe="")
KEYS_URL = f"{ISSUER}/.well-known/jwks.json?rs={ENCODED_AUDIENCE}"
METADATA = f'resource_metadata="{ISSUER}/v1/resource-metadata?audience={ENCODED_AUDIENCE}"'
# Servers have different limits for headers.
MAX_TOKEN = 16 * 1024
CLAIMS = ["iss", "aud", "exp", "iat", "jti", "sub", "client_id"]


class Refused(Exception):
    """The response to a refused request (RFC 6750 section 3)."""

    def __init__(self, status, headers):
        super().__init__(f"refused with {status}")
        self.status, self.headers = status, headers


def challenge(status, error=""):
    return Refused(status, {"WWW-Authenticate": f"Bearer {error}{METADATA}"})


def invalid_token():
    return challenge(401, 'error="invalid_token", ')


def unavailable():
    return Refused(503, {"Retry-After": "30"})


class Keys:
    """The issuer's keys. Valid ones are kept if a fetch fails."""

    def __init__(self):
        self.lock = threading.Lock()
        self.known, self.stale_at, self.next_fetch = {}, 0.0, 0.0

    def get(self, kid):
        if not self.known or time.monotonic() >= self.stale_at or kid not in self.known:
            self.fetch()
        if not self.known:
            raise unavailable()
        return self.known[kid]

    def fetch(self):
        """Fetches the keys, with a pause between attempts; concurrent callers wait for the same fetch."""
        with self.lock:
            if time.monotonic() < self.next_fetch:
                return
            self.next_fetch = time.monotonic() + PAUSE
            try:
                with urllib.request.urlopen(KEYS_URL, timeout=2) as response:
                    known = {key.key_id: key for key in jwt.PyJWKSet.from_dict(json.load(response)).keys}
            except Exception as error:
                logging.warning("The keys of %s cannot be fetched: %s", ISSUER, error)
            else:
                self.known, self.stale_at = known, time.monotonic() + KEEP


KEYS = Keys()


def bearer_token(values):
    """The token of a request. A token has one spelling: base64url that is not canonical is refused."""
    if not any(re.match(r"bearer\b", value, re.IGNORECASE) for value in values):
        raise challenge(401)
    found = re.fullmatch(r"bearer +([\w-]+\.[\w-]+\.[\w-]+)", values[0], re.IGNORECASE | re.ASCII)
    if len(values) != 1 or not found or len(found[1]) > MAX_TOKEN:
        raise invalid_token()
    if not all(map(is_canonical, found[1].split("."))):
        raise invalid_token()
    return found[1]


def is_canonical(part):
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).rstrip(b"=") == part.encode()


def authenticate(authorization, check=lambda header, claims: None):
    """The claims of a request's access token, from the values of its Authorization headers; raises Refused.

    `check` may refuse a token by its header and claims.
    """
    token = bearer_token(authorization)
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(
            token, KEYS.get(header["kid"]), algorithms=ALGORITHMS, issuer=ISSUER, audience=AUDIENCE,
            leeway=5, options={"require": CLAIMS},
        )
        # Not checked by the library: the type, and that times are numbers.
        if header["typ"] != TYPE or not all(isinstance(claims[name], (int, float)) for name in ("exp", "iat")):
            raise invalid_token()
        # Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
        if "cnf" in claims:
            raise invalid_token()
        check(header, claims)
    except Refused:
        raise
    except Exception:  # Every failure means that the token is not verified.
        raise invalid_token() from None
    granted = str(claims.get("scope", "")).split(" ")
    if not all(scope in granted for scope in SCOPE.split(" ") if scope):
        raise challenge(403, f'error="insufficient_scope", scope="{SCOPE}", ')
    return claims


# ---- Revocations: sessions, tokens and keys that ended before their tokens expire. Independent of the API below.

FEED_URL = f"{ISSUER}/.well-known/revocations"
FEED_ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]
FEED_LIMIT = 16 * 1024 * 1024


class Revocations:
    """The revocation feed, fetched in a separate thread."""

    def __init__(self, when_stale):
        if when_stale not in ("open", "closed"):
            raise SystemExit("WHEN_STALE: choose 'open' or 'closed'")
        self.when_stale = when_stale
        # The listed entries, each with the time in seconds after which it may be removed.
        self.sid, self.jti, self.cuts = {}, {}, {}
        # Withdrawn keys, which are never trusted again.
        self.kids = set()
        self.fresh_until, self.poll, self.failures, self.next_warning = 0, 10, 0, 0.0

    def check(self, header, claims):
        """Raises Refused for a revoked token, and while the feed is not recent and the setting is `closed`."""
        parts = claims["jti"].split(".")
        # The `jti` of an exchanged token begins with that of the original token and a point.
        parents = [".".join(parts[: end + 1]) for end in range(len(parts))]
        if (
            header["kid"] in self.kids
            or claims.get("sid") in self.sid
            or any(jti in self.jti for jti in parents)
            or any(self.is_cut(cut, claims) for cut in list(self.cuts.values()))
        ):
            raise challenge(401, 'error="invalid_token", error_description="revoked", ')
        if time.time() <= self.fresh_until + 5:
            return
        if self.when_stale == "closed":
            raise unavailable()
        if time.monotonic() >= self.next_warning:
            self.next_warning = time.monotonic() + 60
            logging.warning("The feed of revocations is not recent: tokens are accepted without it.")

    @staticmethod
    def is_cut(cut, claims):
        def matches(name):
            value = claims.get(name)
            return cut[name] in (value if isinstance(value, list) else [value])

        return claims["iat"] <= cut["iat"] and all(matches(name) for name in cut if name not in ("iat", "until"))

    def start(self):
        """Fetches the feed once, and then periodically in the background."""
        self.read()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        while True:
            # Sooner after a failure, then with growing pauses.
            seconds = min(2**self.failures, 60) if self.failures else self.poll
            time.sleep(seconds * random.uniform(0.8, 1.2))
            self.read()

    def read(self):
        try:
            self.unite(self.fetch())
            self.failures = 0
        except Exception as error:
            self.failures = min(self.failures + 1, 6)
            logging.warning("The feed of revocations cannot be read: %s", error or type(error).__name__)

    def fetch(self):
        with urllib.request.urlopen(FEED_URL, timeout=10) as response:
            text = response.read(FEED_LIMIT + 1)
        if len(text) > FEED_LIMIT:
            raise ValueError("it is too long")
        header = jwt.get_unverified_header(text)
        if header["typ"] != "revocations+jwt" or header["kid"] in self.kids:
            raise ValueError("it is no feed, or signed with a withdrawn key")
        # Whether a feed is recent is decided above: an older one still lists revocations.
        options = {"require": ["iss", "iat", "exp"], "verify_exp": False, "verify_iat": False, "verify_aud": False}
        options["verify_jti"] = False  # In the feed, `jti` is a list of tokens.
        feed = jwt.decode(text, KEYS.get(header["kid"]), algorithms=FEED_ALGORITHMS, issuer=ISSUER, options=options)
        if feed["iat"] > time.time() + 60:
            raise ValueError("it is from the future")
        return feed

    def unite(self, feed):
        """Adds the entries of a feed and removes expired ones by the own clock, so that an older copy removes none.

        Requests read the dictionaries concurrently, so each is replaced as a whole.
        """
        now = time.time()
        for known, listed in (("sid", feed["sid"]), ("jti", feed["jti"])):
            ids = {**listed, **getattr(self, known)}
            longest = {id: max(until, listed.get(id, until)) for id, until in ids.items()}
            setattr(self, known, {id: until for id, until in longest.items() if until >= now})
        cuts = {**self.cuts, **{json.dumps(cut, sort_keys=True): cut for cut in feed["cut"]}}
        self.cuts = {text: cut for text, cut in cuts.items() if cut["until"] >= now}
        self.kids = self.kids | set(feed["kid"])
        self.fresh_until = max(self.fresh_until, feed["exp"])
        self.poll = min(max(feed["poll"], 1), 60)


# ---- The API.

REVOCATIONS = Revocations(WHEN_STALE)


class Orders(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            claims = authenticate(self.headers.get_all("Authorization", []), REVOCATIONS.check)
        except Refused as refused:
            return self.answer(refused.status, refused.headers)
        body = json.dumps({"sub": claims["sub"], "scope": claims.get("scope", "")})
        self.answer(200, {"Content-Type": "application/json"}, body.encode())

    do_POST = do_GET

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Logs nothing; by default the library writes a line for each request."""


KEYS.fetch()
REVOCATIONS.start()
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3000"))), Orders)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
