"""Django's admin with a table of documents, which thinks that it is at http://privateserver:8080.

python django_admin.py FOLDER PORT
"""

import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])
APPS = "admin auth contenttypes messages sessions staticfiles".split()

settings.configure(
    ALLOWED_HOSTS=["privateserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "library.sqlite")}},
    DEBUG=True,  # it serves the static files
    INSTALLED_APPS=[*(f"django.contrib.{app}" for app in APPS), "library"],
    MEDIA_ROOT=str(FOLDER / "media"),
    MEDIA_URL="/media/",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    MIGRATION_MODULES={"library": None},
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    STATIC_URL="/static/",
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

from django.conf.urls.static import static  # noqa: E402 (Django wants its settings first)
from django.contrib import admin  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.generic import RedirectView  # noqa: E402

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    *static("/media/", document_root=settings.MEDIA_ROOT),
]


def main() -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    get_user_model().objects.create_superuser("alice", password="secret")
    call_command("runserver", f"127.0.0.1:{PORT}", use_reloader=False, skip_checks=True)


if __name__ == "__main__":
    main()
