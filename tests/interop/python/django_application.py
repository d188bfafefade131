"""The minimal Django application that signs users in."""

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from application import serve

CONTRIB = ["contenttypes", "auth", "sessions", "messages"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]


def configure(apps, middleware=(), **more):
    """Settings of a new project and those of the library. Call this before the library is imported."""
    contexts = [f"django.template.context_processors.{name}" for name in ["request"]]
    contexts += ["django.contrib.auth.context_processors.auth"]
    contexts += ["django.contrib.messages.context_processors.messages"]
    settings.configure(
        SECRET_KEY="a test",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF="__main__",
        INSTALLED_APPS=[f"django.contrib.{name}" for name in CONTRIB] + apps,
        MIDDLEWARE=MIDDLEWARE + list(middleware),
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": contexts},
            }
        ],
        LOGIN_REDIRECT_URL="/",
        LOGOUT_REDIRECT_URL="/goodbye",
        LOGGING={"version": 1, "root": {"level": "WARNING", "handlers": ["console"]},
                 "handlers": {"console": {"class": "logging.StreamHandler"}}},
        **more,
    )
    django.setup()


def page(name):
    return lambda request: JsonResponse({"at": name})


PAGES = [path("", page("home")), path("goodbye", page("goodbye"))]


def run():
    call_command("migrate", verbosity=0)
    serve(get_wsgi_application())
