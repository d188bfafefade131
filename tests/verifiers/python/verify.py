"""PyJWT with its own cache, with an injected clock.

Reads lines of JSON {"now": milliseconds, "tokens": [...]} and answers each with the failures, by
verifier.
"""

import datetime
import json
import os
import sys
import time

now = 0.0


class Clock(datetime.datetime):
    """The library reads the time from this class."""

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(now, tz)


time.monotonic = time.time = lambda: now

import jwt  # noqa: E402  (after the clock that it uses)
import jwt.api_jwt  # noqa: E402

jwt.api_jwt.datetime = Clock

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]


def client(name, **options):
    return jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json?rs={name}", **options)


# Fetches keys after five minutes and for an unknown kid; and one that keeps the keys for a day.
VERIFIERS = {"pyjwt": client("pyjwt"), "pyjwt-day": client("pyjwt-day", lifespan=86_400)}


def verify(keys, token):
    jwt.decode(
        token, keys.get_signing_key_from_jwt(token), algorithms=["ES256", "RS256"],
        issuer=ISSUER, audience=AUDIENCE, options={"require": ["iss", "aud", "exp", "sub"]},
    )


for line in sys.stdin:
    asked = json.loads(line)
    now = asked["now"] / 1000
    failures = {name: [] for name in VERIFIERS}
    for name, keys in VERIFIERS.items():
        for token in asked["tokens"]:
            try:
                verify(keys, token)
            except Exception as error:  # every exception of a library counts as a refusal
                failures[name].append(f"{type(error).__name__}: {error}")
    print(json.dumps(failures), flush=True)
