"""Authlib in a small Flask application, with its Flask integration: a log-in with PKCE and a checked ID
token, userinfo, refresh, revocation, log-out; for a client without a secret and both ways to send one.

Usage: python authlib_client.py SCENARIO_JSON
"""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

# The issuer is on loopback; Authlib has to be told to allow plain http.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.discovery import OpenIDProviderMetadata
from flask import Flask, request

from person import Person

with open(sys.argv[1], encoding="utf-8") as file:
    scenario = json.load(file)
ISSUER, CALLBACK, SUB = scenario["issuer"], scenario["callback"], scenario["sub"]
METHODS = {
    "public": "none",
    "basic": "client_secret_basic",
    "post": "client_secret_post",
}


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def application(name):
    """An application that logs users in and shows the tokens."""
    app = Flask(name)
    app.secret_key = os.urandom(32)
    kwargs = {
        "scope": "openid profile roles",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": METHODS[name],
        "revocation_endpoint_auth_method": METHODS[name],
    }
    oauth = OAuth(app)
    oauth.register(
        name="signet",
        server_metadata_url=f"{ISSUER}/.well-known/openid-configuration",
        client_id=scenario["clients"][name]["client_id"],
        client_secret=scenario["clients"][name]["client_secret"],
        client_kwargs=kwargs,
    )

    @app.get("/login")
    def login():
        return oauth.signet.authorize_redirect(CALLBACK, **request.args)

    @app.get("/callback")
    def callback():
        try:
            token = oauth.signet.authorize_access_token()
        except OAuthError as refused:
            return {"error": refused.error}, 403
        return {"token": token, "about": oauth.signet.userinfo()}

    @app.get("/logout")
    def logout():
        return oauth.signet.logout_redirect(
            post_logout_redirect_uri=scenario["goodbye"],
            id_token_hint=request.args["id_token"],
        )

    @app.get("/goodbye")
    def goodbye():
        return oauth.signet.validate_logout_response()

    metadata = oauth.signet.load_server_metadata()
    # Every rule of the library for the document, except the one about https.
    spelt = json.dumps(metadata).replace('"http://', '"https://')
    OpenIDProviderMetadata(json.loads(spelt)).validate()
    session = OAuth2Session(
        scenario["clients"][name]["client_id"],
        scenario["clients"][name]["client_secret"],
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method=METHODS[name],
        revocation_endpoint_auth_method=METHODS[name],
    )
    return app.test_client(), session, metadata


def log_in(browser, person, decision="allow", **params):
    """The application's response at the end of the flow."""
    start = browser.get("/login", query_string=params)
    arrived = urlsplit(person.authorize(start.headers["location"], decision))
    issuer = parse_qs(arrived.query)["iss"]
    expect(issuer == [ISSUER], f"the answer comes from {issuer}")
    return browser.get(f"{arrived.path}?{arrived.query}")


def refused(call, what, error):
    try:
        call()
    except OAuthError as answer:
        expect(answer.error == error, f"{what}: {answer}")
    else:
        raise AssertionError(f"{what} was accepted")


def whole_way(name):
    browser, session, metadata = application(name)
    person = Person(ISSUER, scenario["login"], scenario["password"])
    denied = log_in(browser, person, "deny")
    expect(denied.get_json() == {"error": "access_denied"}, f"a denied request: {denied.text}")
    silent = log_in(browser, person, prompt="none")
    expect(silent.get_json() == {"error": "consent_required"}, f"a silent request: {silent.text}")
    answer = log_in(browser, person, max_age="60")
    expect(answer.status_code == 200, answer.text)
    token, about = answer.get_json()["token"], answer.get_json()["about"]
    claims = token["userinfo"]
    expect(claims["sub"] == about["sub"] == SUB, f"sub: {claims} {about}")
    expect(about["preferred_username"] == scenario["login"], f"userinfo: {about}")
    expect(token["token_type"] == "Bearer", f"token_type: {token['token_type']}")

    def revoke_and_refuse(kind, refresh_token):
        gone = session.revoke_token(
            metadata["revocation_endpoint"], token=refresh_token, token_type_hint=kind
        )
        expect(gone.status_code == 200, f"revocation: {gone.status_code} {gone.text}")
        refused(
            lambda: session.refresh_token(refresh_token=refresh_token),
            "a revoked refresh token",
            "invalid_grant",
        )

    session.token = token
    fresh = dict(session.refresh_token(scope="openid"))
    expect(fresh["refresh_token"] != token["refresh_token"], "the refresh token did not change")
    expect(fresh["scope"] == "openid", f"the narrowed scope is {fresh['scope']}")
    live = session.get(metadata["userinfo_endpoint"])
    expect(live.status_code == 200 and live.json() == {"sub": SUB}, f"userinfo: {live.text}")
    revoke_and_refuse("refresh_token", fresh["refresh_token"])
    gone = session.get(metadata["userinfo_endpoint"])
    expect(gone.status_code == 401, f"userinfo of an ended session: {gone.status_code}")

    again = log_in(browser, person).get_json()["token"]
    out = browser.get("/logout", query_string={"id_token": again["id_token"]})
    arrived = urlsplit(person.authorize(out.headers["location"]))
    expect(browser.get(f"{arrived.path}?{arrived.query}").status_code == 200, "a wrong good-bye")
    refused(
        lambda: session.refresh_token(refresh_token=again["refresh_token"]),
        "a session after its log-out",
        "invalid_grant",
    )
    before = len(person.seen)
    expect(log_in(browser, person).status_code == 200, "no second log-in")
    expect(person.seen[before] == "login", "the browser is still logged in")


for client in METHODS:
    try:
        whole_way(client)
    except Exception as error:
        raise SystemExit(f"{client}: {type(error).__name__}: {error}") from error
