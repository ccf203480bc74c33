"""An OpenID provider: Django with django-oauth-toolkit, which knows itself and its client by their inner names only.

python oidc_provider.py FOLDER PORT CLIENT_PORT
"""

import os
import sys
from pathlib import Path

import django
import waitress
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

FOLDER, PORT, CLIENT_PORT = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
CLIENT = f"http://app.internal:{CLIENT_PORT}"
KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
APPS = "admin auth contenttypes messages sessions".split()

settings.configure(
    ALLOWED_HOSTS=["idp.internal"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "provider.sqlite")}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), "oauth2_provider"],
    LOGIN_URL="/admin/login/",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": f"http://idp.internal:{PORT}/o",
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": KEY.decode(),
        "PKCE_REQUIRED": True,
        "SCOPES": {"openid": "Who you are"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402 (Django wants its settings first)
from django.contrib.auth import get_user_model  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls), path("o/", include("oauth2_provider.urls"))]


def main() -> None:
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("alice", password="secret")
    get_application_model().objects.create(
        client_id="client",
        client_secret="client secret",
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        name="the application",
        redirect_uris=f"{CLIENT}/callback",
        post_logout_redirect_uris=f"{CLIENT}/goodbye",
    )
    waitress.serve(get_wsgi_application(), listen=f"127.0.0.1:{PORT}")


# Plain http, without TLS between client and provider.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
if __name__ == "__main__":
    main()
