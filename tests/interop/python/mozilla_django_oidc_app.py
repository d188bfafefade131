"""mozilla-django-oidc. It has no discovery: the endpoints are settings. Its default for the signature of ID
tokens is HS256, where Signet has RS256. Scopes (`openid email`) and the look-up of users by their e-mail address
are its defaults. Renewal is its own middleware (`prompt=none`); log-out at the issuer is a function that it calls.
"""

from application import CLIENT_ID, CLIENT_SECRET, discovered, end_session, userinfo
from django_application import PAGES, configure, run

metadata = discovered()
configure(
    ["mozilla_django_oidc"],
    ["mozilla_django_oidc.middleware.SessionRefresh"],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    OIDC_RP_CLIENT_ID=CLIENT_ID,
    OIDC_RP_CLIENT_SECRET=CLIENT_SECRET,
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_OP_AUTHORIZATION_ENDPOINT=metadata["authorization_endpoint"],
    OIDC_OP_TOKEN_ENDPOINT=metadata["token_endpoint"],
    OIDC_OP_USER_ENDPOINT=metadata["userinfo_endpoint"],
    OIDC_OP_JWKS_ENDPOINT=metadata["jwks_uri"],
    OIDC_OP_LOGOUT_URL_METHOD="__main__.log_out_at_issuer",
    OIDC_STORE_ACCESS_TOKEN=True,
    OIDC_STORE_ID_TOKEN=True,
    OIDC_EXEMPT_URLS=["/expire"],
)

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path


def log_out_at_issuer(request):
    return end_session(id_token_hint=request.session["oidc_id_token"])


def user(request):
    token = request.session["oidc_access_token"]
    claims = userinfo(token)
    # The library identifies users by their address.
    sub = claims["sub"] if request.user.email == claims["email"] else ""
    return JsonResponse({"sub": sub, "userinfo": claims, "access_token": token})


def expire(request):
    """Makes the ID token expire for the middleware."""
    request.session["oidc_id_token_expiration"] = 0
    return HttpResponseRedirect("/")


def sign_out(request):
    """The library requires a POST: a page with a button."""
    token = get_token(request)
    return HttpResponse(
        '<form action="/oidc/logout/" method="post">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{token}"></form>'
    )


urlpatterns = PAGES + [
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("sign-in", lambda request: HttpResponseRedirect("/oidc/authenticate/")),
    path("user", user),
    path("refresh", lambda request: HttpResponseRedirect("/expire")),
    path("expire", expire),
    path("sign-out", sign_out),
]

if __name__ == "__main__":
    run()
