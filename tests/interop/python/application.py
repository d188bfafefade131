"""Common parts of the applications: their address, the issuer's metadata, and a server that prints a line
when it listens.
"""

import os
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests

# The issuer and the application are on loopback; libraries have to be told to allow plain http.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
# Whether the library is configured to send a challenge, if by default it sends none.
PROTECTED = "PROTECTED" in os.environ
PORT = int(os.environ["PORT"])
HOME = f"http://localhost:{PORT}"
GOODBYE = f"{HOME}/goodbye"


def discovered():
    """For libraries without discovery, and for the log-out of libraries without one."""
    return requests.get(f"{ISSUER}/.well-known/openid-configuration").json()


def end_session(**hints):
    """The log-out request of an application whose library sends none (OpenID Connect RP-Initiated Logout):
    with an ID token, or with the client's id only if the library keeps no ID token.
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
