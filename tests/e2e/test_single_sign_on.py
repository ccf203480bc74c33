"""A login by OpenID Connect that leads from one published site to another: the example of the guide, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from e2e.support.browser import Visitor
from e2e.support.needs import PROJECT, app_program
from e2e.support.proxy import Proxy, running_proxy
from e2e.support.service import Service, free_ports, running

pytestmark = [pytest.mark.e2e, pytest.mark.apps, pytest.mark.browser]

GUIDE = PROJECT / "rules" / "guides" / "single-sign-on.md"
PROGRAMS = PROJECT / "tests" / "e2e" / "apps"


class Inner(NamedTuple):
    """The inner ports of the application and of the provider."""

    app: int
    idp: int


@pytest.fixture(scope="module")
def inner(require: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inner]:
    require("oidc", "chromium")
    folder = tmp_path_factory.mktemp("oidc")
    app, idp = free_ports(2)
    python = app_program("oidc", "python")
    commands = [
        ("idp", [str(PROGRAMS / "oidc_provider.py"), str(folder), str(idp), str(app)], idp),
        ("app", [str(PROGRAMS / "oidc_client.py"), str(app), str(idp)], app),
    ]
    with ExitStack() as stack:
        for name, arguments, port in commands:
            service = stack.enter_context(running(Service([python, *arguments], folder / f"{name}.log")))
            service.await_ports(port)
        yield Inner(app, idp)


def rules(inner: Inner, changed: dict[str, str]) -> str:
    """The rule file of the guide, at addresses that this machine has, and with other settings."""
    (text,) = re.findall(r"```yaml\n(sites:.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    replaced = {
        "https://www.example.com": "https://localhost:HTTPS_PORT",
        "https://login.example.com": "https://127.0.0.1:HTTPS_PORT",
        "backend: http://app.internal:8080": f"backend: http://app.internal:{inner.app}",
        "backend: http://idp.internal:9400": f"backend: http://idp.internal:{inner.idp}",
        **changed,
    }
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    sites = yaml.safe_load(text)["sites"]
    for site, port in zip(sites, inner, strict=True):
        site["connect"] = f"127.0.0.1:{port}"
    return yaml.safe_dump({"sites": sites})


def log_in(visitor: Visitor, app: str) -> None:
    page = visitor.page
    page.goto(f"{app}/")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()


def names(proxy: Proxy) -> tuple[str, str]:
    return f"https://localhost:{proxy.https_port}", f"https://127.0.0.1:{proxy.https_port}"


def test_log_in_and_out(inner: Inner, visit: Callable[..., Visitor], tmp_path: Path) -> None:
    with running_proxy(rules(inner, {}), tmp_path) as proxy:
        app, idp = names(proxy)
        visitor = visit([app, idp], proxy.ca)
        log_in(visitor, app)
        page = visitor.page
        # The consent is a form that has the address to return to in a hidden field.
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url(f"{app}/")
        # What is signed is as it was: nobody compares it with a public name.
        assert page.inner_text("#who") == f"user 1 of http://idp.internal:{inner.idp}/o"
        page.get_by_role("link", name="Log out").click()
        page.get_by_role("button", name="Logout").click()
        page.wait_for_url(f"{app}/")
        assert page.inner_text("#who") == "nobody"
        # The browser has seen public names only, and asked nobody else: see `visiting`.
        asked = next(urlsplit(url) for url in visitor.requests if url.startswith(f"{idp}/o/authorize/?"))
        assert parse_qs(asked.query)["redirect_uri"] == [f"{app}/callback"]


REFUSED = [
    # what of the guide is left out, and where the login ends then
    ("linksAlso: [requestBodies]", "linksAlso: []", "Authorize"),
    ("linksAlso: [requestBodies]", "mapReturnAddresses: false", "Log in"),
]


@pytest.mark.parametrize(("setting", "without", "last"), REFUSED)
def test_each_setting_of_the_guide_is_needed(
    inner: Inner, visit: Callable[..., Visitor], tmp_path: Path, setting: str, without: str, last: str
) -> None:
    with running_proxy(rules(inner, {setting: without}), tmp_path) as proxy:
        app, idp = names(proxy)
        visitor = visit([app, idp], proxy.ca)
        log_in(visitor, app)
        page = visitor.page
        if last == "Authorize":
            page.get_by_role("button", name="Authorize").click()
        page.get_by_text("redirect_uri").or_(page.get_by_text("Mismatching")).first.wait_for()
        assert page.url.startswith(f"{idp}/o/authorize/")
