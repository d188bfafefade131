"""Authlib against Signet, configured with nothing but the issuer and a client: the library and its
validators check everything. Settings come as JSON in the environment variable SIGNET."""

import json
import os
import re
import html
from urllib.parse import urljoin, urlsplit, parse_qs

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

settings = json.loads(os.environ["SIGNET"])
issuer, login, password = settings["issuer"], settings["login"], settings["password"]
redirect_uri = settings["redirectUri"]

document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
metadata = OpenIDProviderMetadata(document)
for name in document:
    # The library wants https everywhere, which a test on loopback has not.
    check = getattr(metadata, f"validate_{name}", None)
    if check and not str(document[name]).startswith("http://"):
        check()
keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())


def visit(person, url):
    """Fills in Signet's pages until the application gets its answer."""
    answer = person.get(url, allow_redirects=False, timeout=10)
    for _ in range(10):
        if "location" in answer.headers:
            target = urljoin(issuer, answer.headers["location"])
            if not target.startswith(issuer):
                return target
            answer = person.get(target, allow_redirects=False, timeout=10)
            continue
        flow = html.unescape(re.search(r'name="flow" value="([^"]*)"', answer.text)[1])
        if 'action="/login"' in answer.text:
            path, fields = "/login", {"login": login, "password": password}
        else:
            path, fields = "/consent", {"decision": "allow"}
        answer = person.post(
            issuer + path, {"flow": flow, **fields}, allow_redirects=False, timeout=10
        )
    raise AssertionError("no end of pages")


def id_token(tokens, client_id, nonce):
    registry = JWSRegistry(
        algorithms=metadata["id_token_signing_alg_values_supported"], strict_check_header=False
    )
    token = jwt.decode(tokens["id_token"], key=keys, registry=registry)
    params = {
        "client_id": client_id, "access_token": tokens["access_token"],
        "nonce": nonce, "max_age": 300,
    }
    if nonce is None:
        del params["nonce"]
    claims = CodeIDToken(token.claims, token.header, {"iss": {"values": [issuer]}}, params)
    claims.validate(leeway=0)
    return claims


def dance(client, method):
    person = requests.Session()
    session = OAuth2Session(
        client["client_id"], client.get("client_secret"), token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method, redirect_uri=redirect_uri,
        scope="openid profile", code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    )
    verifier, nonce = generate_token(48), generate_token()
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier, max_age=300
    )
    callback = visit(person, url)
    said = parse_qs(urlsplit(callback).query)
    assert said["state"] == [state] and said["iss"] == [issuer], callback
    tokens = session.fetch_token(
        metadata["token_endpoint"], authorization_response=callback, code_verifier=verifier
    )
    claims = id_token(tokens, client["client_id"], nonce)
    info = session.get(metadata["userinfo_endpoint"]).json()
    assert info["sub"] == claims["sub"] and info["preferred_username"] == login, info
    again = session.refresh_token(metadata["token_endpoint"])
    assert again["refresh_token"] != tokens["refresh_token"]
    assert id_token(again, client["client_id"], None)["sub"] == claims["sub"]
    answer = session.revoke_token(
        metadata["revocation_endpoint"], again["refresh_token"], token_type_hint="refresh_token"
    )
    assert answer.status_code == 200, answer.text
    assert session.get(metadata["userinfo_endpoint"]).status_code == 401
    out = visit(
        person,
        f"{metadata['end_session_endpoint']}?id_token_hint={again['id_token']}"
        f"&post_logout_redirect_uri={redirect_uri}",
    )
    assert out == redirect_uri, out


dance(settings["clients"]["spa"], "none")
dance(settings["clients"]["web"], "client_secret_basic")
dance(settings["clients"]["post"], "client_secret_post")
