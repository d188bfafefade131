"""django-allauth with its provider `openid_connect`. It stores tokens but refreshes none, and logs out of the
application only: this application implements both with the tokens that the library stored.
"""

from application import CLIENT_ID, CLIENT_SECRET, ISSUER, PROTECTED, discovered, end_session
from django_application import PAGES, configure, run

configure(
    ["allauth", "allauth.account", "allauth.socialaccount"]
    + ["allauth.socialaccount.providers.openid_connect"],
    ["allauth.account.middleware.AccountMiddleware"],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    SOCIALACCOUNT_STORE_TOKENS=True,
    SOCIALACCOUNT_PROVIDERS={
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": PROTECTED,
            "APPS": [
                {
                    "provider_id": "signet",
                    "name": "Signet",
                    "client_id": CLIENT_ID,
                    "secret": CLIENT_SECRET,
                    "settings": {"server_url": ISSUER},
                }
            ]
        }
    },
)

import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.auth import logout
from django.http import HttpResponseRedirect, JsonResponse
from django.urls import include, path


def token_of(request):
    return SocialToken.objects.get(account__user=request.user)


def user(request):
    account, token = SocialAccount.objects.get(user=request.user), token_of(request)
    body = {"sub": account.uid, "userinfo": account.extra_data["userinfo"]}
    return JsonResponse(
        {**body, "access_token": token.token, "refresh_token": token.token_secret}
    )


def refresh(request):
    token = token_of(request)
    fields = {"grant_type": "refresh_token", "refresh_token": token.token_secret}
    client = (CLIENT_ID, CLIENT_SECRET)
    answer = requests.post(discovered()["token_endpoint"], fields, auth=client)
    answer.raise_for_status()
    token.token = answer.json()["access_token"]
    token.token_secret = answer.json()["refresh_token"]
    token.save()
    return HttpResponseRedirect("/")


def sign_out(request):
    """The library stores no ID token, so the user confirms the log-out at the issuer."""
    logout(request)
    return HttpResponseRedirect(end_session(client_id=CLIENT_ID))


urlpatterns = PAGES + [
    path("accounts/", include("allauth.urls")),
    path("sign-in", lambda request: HttpResponseRedirect("/accounts/oidc/signet/login/")),
    path("user", user),
    path("refresh", refresh),
    path("sign-out", sign_out),
]

if __name__ == "__main__":
    run()
