"""PyJWT with every algorithm it knows. Reads lines of JSON {"token", "secret"?}, answers each."""

import base64
import json
import os
import sys

import jwt

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
KEYS = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json?rs=check-pyjwt")


def verify(token, secret):
    if secret:
        key, algorithms = base64.urlsafe_b64decode(secret + "=="), ["HS256"]
    else:
        key = KEYS.get_signing_key_from_jwt(token)
        algorithms = [key.algorithm_name]
    jwt.decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)


for line in sys.stdin:
    asked = json.loads(line)
    try:
        verify(asked["token"], asked.get("secret"))
        said = True
    except Exception as error:  # every exception of a library counts as a refusal
        said = f"{type(error).__name__}: {error}"
    print(json.dumps({"pyjwt": said}), flush=True)
