"""Applications that are shown: each has its paths, its inner name and its public one, and a few pages in its stack's
manner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from diagnosis.backend import Answer, Backend, Request, Route, page, redirect, typed
from diagnosis.stacks import Stack

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@dataclass(frozen=True)
class Application:
    """What an application is called, where it stands inside, and its paths, without the first slash."""

    name: str
    public: str
    inner: str
    list: str
    item: str
    number: str
    api: str
    static: str
    login: str
    home: str


APPLICATIONS = (
    Application(
        "shop", "https://www.example.com", "http://privateserver:8080",
        "products", "products/7", "7", "api/cart", "static", "login", "account",
    ),
    Application(
        "tickets", "https://help.example.org", "http://tickets.corp:3000",
        "issues", "issues/4711", "4711", "rest/queue", "assets", "session/new", "dashboard",
    ),
    Application(
        "wiki", "https://wiki.example.net:8443", "http://srv-wiki-01:8090",
        "pages", "pages/12", "12", "rest/recent", "s", "signin", "welcome",
    ),
    Application(
        "reports", "https://reports.example.com", "http://10.20.30.40:5000",
        "list", "list/2026", "2026", "data/totals", "files", "auth/login", "overview",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """An application in a language, as a fault is planted into it."""

    stack: Stack
    app: Application

    @property
    def name(self) -> str:
        return f"{self.app.name} in {self.stack.name}"

    @property
    def public(self) -> str:
        return self.app.public

    @property
    def public_host(self) -> str:
        return self.app.public.partition("://")[2]

    @property
    def inner(self) -> str:
        return self.app.inner

    @property
    def inner_host(self) -> str:
        """With its port."""
        return self.app.inner.partition("://")[2]

    @property
    def inner_name(self) -> str:
        """Without its port."""
        return self.inner_host.partition(":")[0]

    @property
    def inner_pattern(self) -> str:
        """The inner origin as a regular expression."""
        return self.inner.replace(".", r"\.")

    def url(self, path: str = "") -> str:
        """A public URL."""
        return f"{self.public}/{path}"

    def rules(self, more: str = "", links: str = "everywhere", mount: str = "", public: str = "") -> str:
        """A rule file."""
        return f"public: {public or self.public}{mount}\nbackend: {self.inner}\nlinks: {links}\n{more}"

    def backend(
        self,
        routes: dict[str, Route] | None = None,
        first: Callable[[Request], Answer | None] = lambda request: None,
        below: str = "",
    ) -> Backend:
        """A backend with the usual pages, below a path, and others in their place.

        The names of `routes` are whole paths.
        """
        app, static = self.app, f"{below}/{self.app.static}"
        usual: dict[str, Route] = {
            f"{below}/": page(
                f'<link rel=stylesheet href="{static}/site.css"><h1>{app.name}</h1>'
                f'<a href="{below}/{app.list}">{app.list}</a><img src="{static}/logo.svg">'
                f'<script src="{static}/app.js"></script>'
            ),
            f"{below}/{app.list}": page(f'<a href="{below}/{app.item}">number {app.number}</a>'),
            f"{below}/{app.item}": page(f"<h1>number {app.number}</h1>"),
            f"{below}/{app.api}": typed("application/json", '{"count": 3}'),
            f"{static}/site.css": typed("text/css", "h1 { color: green }"),
            f"{static}/app.js": typed("text/javascript", "document.title = 'started'"),
            f"{static}/logo.svg": typed("image/svg+xml", SVG),
            **(routes or {}),
        }
        return Backend(usual, lambda request: self.stack.says(self.stack.missing, request), self.stack.common, first)

    def form(self, action: str, *fields: str, token: str = "t0k3n") -> str:
        """A form that posts, in the stack's manner."""
        inputs = "".join(f"<input name={name}>" for name in fields)
        hidden = f"<input type=hidden name={self.stack.token} value={token}>"
        return f'<form method=post action="{action}">{hidden}{inputs}</form>'

    def login_form(self, action: str) -> str:
        """The form of a login."""
        return "<h1>Sign in</h1>" + self.form(action, "user", "password type=password")

    def login_routes(self, cookie: str, below: str = "") -> dict[str, Route]:
        """A login whose page demands the cookie that it set. Below a path, its addresses are relative."""
        login, after = f"{below}/{self.app.login}", f"{below}/{self.app.home}"
        depth = "../" * self.app.login.count("/")

        def login_page(request: Request) -> Answer:
            if request.method == "POST":
                to = redirect(depth + self.app.home) if below else self.stack.redirects(request, after)
                return to.with_fields(Set_Cookie=cookie)
            return page(self.login_form(self.app.login.rpartition("/")[2] if below else login))

        def home_page(request: Request) -> Answer:
            if cookie.partition("=")[0] not in request.cookies:
                return redirect(self.app.login) if below else self.stack.redirects(request, login)
            return page(f"<h1>{self.app.home}</h1>")

        return {login: login_page, after: home_page}
