"""requests-oauthlib in Flask: OAuth 2.0 only, so the ID token is kept for the log-out only, which the
application implements. The library refreshes.
"""

from application import (
    CLIENT_ID,
    CLIENT_SECRET,
    PROTECTED,
    REDIRECT_URI,
    discovered,
    end_session,
    serve,
)
from flask import Flask, redirect, request, session
from requests_oauthlib import OAuth2Session

SCOPE = ["openid", "profile"]
metadata = discovered()
app = Flask(__name__)
app.secret_key = "a test"
# By state: the library keeps the verifier in its session.
started = {}


def library(**more):
    return OAuth2Session(CLIENT_ID, scope=SCOPE, redirect_uri=REDIRECT_URI, **more)


@app.get("/sign-in")
def sign_in():
    flow = library(pkce="S256" if PROTECTED else None)
    url, session["state"] = flow.authorization_url(metadata["authorization_endpoint"])
    started[session["state"]] = flow
    return redirect(url)


@app.get("/callback")
def callback():
    session["token"] = started.pop(session["state"]).fetch_token(
        metadata["token_endpoint"],
        client_secret=CLIENT_SECRET,
        authorization_response=request.url,
    )
    return redirect("/")


@app.get("/user")
def user():
    token = session["token"]
    claims = library(token=token).get(metadata["userinfo_endpoint"]).json()
    kept = {name: token[name] for name in ["access_token", "refresh_token"]}
    return {"sub": claims["sub"], "userinfo": claims, **kept}


@app.get("/refresh")
def refresh():
    session["token"] = library(token=session["token"]).refresh_token(
        metadata["token_endpoint"], client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    return redirect("/")


@app.get("/sign-out")
def sign_out():
    token = session.pop("token")
    return redirect(end_session(id_token_hint=token["id_token"]))


@app.get("/")
@app.get("/goodbye")
def page():
    return {"at": request.path}


if __name__ == "__main__":
    serve(app)
