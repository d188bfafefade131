"""What every application here has: where it is, what the issuer says of itself, and a server that says
when it listens.
"""

import os
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests

# The issuer and the application are on loopback; libraries want to be told that plain http is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
# Whether the library is told to send a challenge, where its default is none.
PROTECTED = "PROTECTED" in os.environ
PORT = int(os.environ["PORT"])
HOME = f"http://localhost:{PORT}"
GOODBYE = f"{HOME}/goodbye"


def discovered():
    """For libraries without discovery, and for the log-out of those that have none."""
    return requests.get(f"{ISSUER}/.well-known/openid-configuration").json()


def end_session(**hints):
    """The log-out request of an application whose library makes none (OpenID Connect RP-Initiated Logout):
    with an ID token, or with the client's id alone where the library keeps no ID token.
    """
    query = urlencode({**hints, "post_logout_redirect_uri": GOODBYE})
    return f"{discovered()['end_session_endpoint']}?{query}"


def userinfo(access_token):
    """For libraries that leave userinfo to the application."""
    headers = {"Authorization": f"Bearer {access_token}"}
    response = requests.get(discovered()["userinfo_endpoint"], headers=headers)
    response.raise_for_status()
    return response.json()


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def serve(application):
    server = make_server("localhost", PORT, application, handler_class=Quiet)
    print("ready", flush=True)
    server.serve_forever()
