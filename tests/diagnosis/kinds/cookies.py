"""Logins that do not last: cookies that browsers refuse, drop or do not send."""

from __future__ import annotations

from email.utils import formatdate

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page
from diagnosis.planting import Named, Planted, fault, named, planted
from diagnosis.visitor import Visitor

_LOGIN = "login-loop cookie"


def _login(at: Place, rules: str, cookie: str, cause: Named, below: str = "", shown: str = "") -> Planted:
    """Somebody logs in, and is asked to log in again."""
    backend = at.backend(at.login_routes(cookie, below), below=below)

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(f"{shown}{at.app.login}")), user="a", password="b")

    return planted(rules, backend, visit, cause, symptom=_LOGIN, besides="cookie")


def _cause(code: str, rule: str = "") -> Named:
    return named(_LOGIN, code, rule)


@fault
def a_cookie_for_the_inner_domain(at: Place) -> Planted:
    """links: off leaves Domain as it is."""
    cookie = at.stack.cookie(more=f"; Domain={at.inner_name}")
    return _login(at, at.rules(links="off"), cookie, _cause("cookie-domain cookie-suffix"))


@fault
def a_cookie_for_the_inner_path(at: Place) -> Planted:
    """A rule shows /legacy as /app, and the cookie has Path=/legacy."""
    rules = at.rules("""rules:
  - name: pleasant name
    match: ^app/(.*)$
    action: {type: Rewrite, url: '/legacy/{R:1}'}
""")
    cookie = at.stack.cookie(path="/legacy")
    return _login(at, rules, cookie, _cause("cookie-path", "pleasant name"), "/legacy", "app/")


@fault
def a_cookie_that_is_over(at: Place) -> Planted:
    """Its Expires is a local time, written as GMT."""
    ends = formatdate(1796068800 - 7200 + 1800, usegmt=True)  # 20:00 on the day of the visit
    return _login(at, at.rules(), at.stack.cookie(more=f"; Expires={ends}"), _cause("cookie-expired"))


@fault
def a_cookie_without_secure(at: Place) -> Planted:
    """A rule takes Secure away, as for a site without TLS, from a cookie that needs it."""
    rules = at.rules(
        """outboundRules:
  - name: for plain http
    match: {serverVariable: RESPONSE_Set_Cookie, pattern: '^(.*); ?Secure(.*)$'}
    action: {type: Rewrite, value: '{R:1}{R:2}'}
""",
        links="off",
    )
    cookie = at.stack.cookie(more="; Secure; SameSite=None")
    return _login(at, rules, cookie, _cause("cookie-same-site-none", "for plain http"))


@fault
def a_secure_cookie_over_http(at: Place) -> Planted:
    """The public name has no TLS, and the backend marks its cookie as Secure."""
    plain = "http://" + at.public_host.partition(":")[0]
    backend = at.backend(at.login_routes(at.stack.cookie(more="; Secure")))

    def visit(who: Visitor) -> None:
        who.send(who.load(f"{plain}/{at.app.login}"), user="a", password="b")

    rules = at.rules("", links="off", public=plain)
    return planted(rules, backend, visit, _cause("cookie-secure"), symptom=_LOGIN, besides="cookie")


@fault
def a_prefix_that_demands_more(at: Place) -> Planted:
    """A rule gives a __Host- cookie a Path."""
    rules = at.rules("""outboundRules:
  - name: below a path
    match: {serverVariable: RESPONSE_Set_Cookie, pattern: '^(.*); ?Path=/(;.*)?$'}
    action: {type: Rewrite, value: '{R:1}; Path=/tool{R:2}'}
""")
    cookie = f"__Host-{at.stack.session.strip('._')}=a1; Path=/; Secure; HttpOnly"
    return _login(at, rules, cookie, _cause("cookie-prefix cookie-path", "below a path"))


@fault
def a_login_that_comes_back_from_elsewhere(at: Place) -> Planted:
    """A single sign-on posts its answer across sites, for which SameSite=Lax keeps the cookie back."""

    def callback(request: Request) -> Answer:
        if at.stack.session not in request.cookies:
            return at.stack.says((400, "<h1>Correlation failed</h1><p>The login cannot be matched.</p>"), request)
        return page("<h1>welcome</h1>")

    cookie = at.stack.cookie(more="; Secure; SameSite=Lax")
    backend = at.backend({"/sso": page("to the login of your company", Set_Cookie=cookie), "/callback": callback})

    def visit(who: Visitor) -> None:
        who.load(at.url("sso"))
        other = "https://login.example.edu"
        fields = (("Origin", other), ("Referer", f"{other}/"), ("Sec-Fetch-Site", "cross-site"))
        who.load(at.url("callback"), method="POST", body=b"code=1", fields=fields)

    cause = named("cookie login-loop", "cookie-same-site", "")
    return planted(at.rules(), backend, visit, cause, symptom="refused cookie")


@fault
def a_cookie_that_is_too_long(at: Place) -> Planted:
    cookie = at.stack.cookie(value="x" * 4200)
    return _login(at, at.rules(), cookie, _cause("cookie-size"))
