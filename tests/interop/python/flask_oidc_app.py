"""flask-oidc. It refreshes automatically when the access token has expired; its log-out is local, so the
application redirects to the issuer.
"""

from application import CLIENT_ID, CLIENT_SECRET, ISSUER, end_session, serve
from flask import Flask, redirect, request, session
from flask_oidc import OpenIDConnect

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a test",
    OIDC_CLIENT_SECRETS={
        "web": {
            "issuer": ISSUER,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
    },
)
oidc = OpenIDConnect(app)


@app.get("/sign-in")
def sign_in():
    return redirect("/login")


@app.get("/user")
def user():
    claims = session["oidc_auth_profile"]
    tokens = {"access_token": oidc.get_access_token(), "refresh_token": oidc.get_refresh_token()}
    return {"sub": claims["sub"], "userinfo": claims, **tokens}


@app.get("/refresh")
def refresh():
    # The next request finds the expired token and renews it.
    session["oidc_auth_token"] = {**session["oidc_auth_token"], "expires_at": 0}
    return redirect("/")


@app.get("/sign-out")
def sign_out():
    # The library's log-out removes the tokens and redirects to a page of the application.
    session["leave_to"] = end_session(id_token_hint=session["oidc_auth_token"]["id_token"])
    return redirect("/logout?next=/leave")


@app.get("/leave")
def leave():
    return redirect(session.pop("leave_to"))


@app.get("/")
@app.get("/goodbye")
def page():
    return {"at": request.path}


if __name__ == "__main__":
    serve(app)
