"""An MCP server with FastMCP and PyJWT that accepts access tokens of Signet."""

import base64
import json
import logging
import os
import re
import threading
import time
import urllib.parse
import urllib.request

import jwt
import uvicorn
from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken, TokenVerifier
from fastmcp.server.dependencies import get_access_token
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

ISSUER = "http://localhost:8484"
AUDIENCE = "https://api.example.com"
SCOPE = "orders:read"
TYPE = "at+jwt"
ALGORITHMS = ["ES256", "RS256"]

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


# ---- The API.

class RequireToken:
    """Refuses every request without a valid token, before FastMCP sees it.

    FastMCP's own verifiers take one algorithm, ignore `typ` and a missing `exp`, and return 500 if keys are missing.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            try:
                await run_in_threadpool(authenticate, Headers(scope=scope).getlist("authorization"))
            except Refused as refused:
                return await Response(status_code=refused.status, headers=refused.headers)(scope, receive, send)
        await self.app(scope, receive, send)


class CallerOfTools(TokenVerifier):
    """Passes the caller of a request to FastMCP."""

    async def verify_token(self, token):
        claims = await run_in_threadpool(authenticate, [f"Bearer {token}"])
        scopes = str(claims.get("scope", "")).split()
        return AccessToken(token=token, client_id=claims["client_id"], scopes=scopes, claims=claims)


mcp = FastMCP("Orders", auth=CallerOfTools())


@mcp.tool
def who_am_i() -> str:
    """Returns the caller."""
    return get_access_token().claims["sub"]


@mcp.custom_route("/orders", methods=["GET", "POST"])
async def orders(request):
    """A plain route beside the tools, which RequireToken protects as well."""
    claims = request.user.access_token.claims
    return JSONResponse({"sub": claims["sub"], "scope": claims.get("scope", "")})


if __name__ == "__main__":
    KEYS.fetch()
    port = int(os.environ.get("PORT", "3000"))
    uvicorn.run(RequireToken(mcp.http_app(path="/mcp")), host="127.0.0.1", port=port)
