"""social-auth-app-django with the backend `OpenIdConnectAuth`. The library refreshes; the application logs
out at the issuer, with the ID token that the library stored.
"""

from application import CLIENT_ID, CLIENT_SECRET, ISSUER, end_session, userinfo
from django_application import PAGES, configure, run

configure(
    ["social_django"],
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=ISSUER,
    SOCIAL_AUTH_OIDC_KEY=CLIENT_ID,
    SOCIAL_AUTH_OIDC_SECRET=CLIENT_SECRET,
)

from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.urls import include, path
from social_django.utils import load_strategy


def stored(request):
    return request.user.social_auth.get(provider="oidc")


def user(request):
    social = stored(request)
    token = social.access_token
    body = {"sub": social.uid, "userinfo": userinfo(token), "access_token": token}
    return JsonResponse({**body, "refresh_token": social.extra_data["refresh_token"]})


def sign_in(request):
    """The library requires a POST: a page with a button."""
    token = get_token(request)
    return HttpResponse(
        '<form action="/login/oidc/" method="post">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{token}"></form>'
    )


def refresh(request):
    stored(request).refresh_token(load_strategy(request))
    return HttpResponseRedirect("/")


def sign_out(request):
    url = end_session(id_token_hint=stored(request).extra_data["id_token"])
    logout(request)
    return HttpResponseRedirect(url)


urlpatterns = PAGES + [
    path("", include("social_django.urls", namespace="social")),
    path("sign-in", sign_in),
    path("user", user),
    path("refresh", refresh),
    path("sign-out", sign_out),
]

if __name__ == "__main__":
    run()
