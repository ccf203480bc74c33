"""What a backend is told, and refuses: its name, the scheme, fields, cookies, origins, methods."""

from __future__ import annotations

from diagnosis.applications import Place
from diagnosis.backend import Answer, Backend, Request, page, redirect
from diagnosis.planting import Planted, fault, named, planted
from diagnosis.visitor import Visitor
from urlrewrite.model.field_lines import field_values

_REFUSED = "refused backend-error backend-404"


@fault
def a_host_that_the_backend_does_not_know(at: Place) -> Planted:
    """preserveHostHeader, and a backend that serves its own name only."""

    def own_name(request: Request) -> Answer | None:
        return None if request.host == at.inner_host else at.stack.says(at.stack.host_refused, request)

    cause = named("refused backend-404", "asked-as-inner-host host-refused", "")
    rules = at.rules("preserveHostHeader: true\n")
    return planted(rules, at.backend(first=own_name), lambda who: who.load(at.url()), cause, symptom=_REFUSED)


@fault
def a_host_that_the_backend_wants(at: Place) -> Planted:
    """A backend that serves the public name only, and is asked by its own."""

    def public_name(request: Request) -> Answer | None:
        return None if request.host == at.public_host else at.stack.says(at.stack.host_refused, request)

    cause = named("refused backend-404", "asked-as-public-host host-refused", "")
    return planted(at.rules(), at.backend(first=public_name), lambda who: who.load(at.url()), cause, symptom=_REFUSED)


@fault
def a_host_that_a_rule_sets(at: Place) -> Planted:
    def own_name(request: Request) -> Answer | None:
        return None if request.host == at.inner_host else at.stack.says(at.stack.host_refused, request)

    rules = at.rules("""allowedServerVariables: [HTTP_HOST]
rules:
  - name: another name
    match: .*
    serverVariables: {HTTP_HOST: intranet.example.com}
    action: None
""")
    cause = named("refused backend-404", "asked-as-inner-host host-refused told-by-rule", None)
    return planted(rules, at.backend(first=own_name), lambda who: who.load(at.url()), cause, symptom=_REFUSED)


@fault
def a_scheme_that_a_rule_hides(at: Place) -> Planted:
    """The backend sends to https for ever, since a rule tells it http."""

    def wants_tls(request: Request) -> Answer | None:
        if request.field("x-forwarded-proto") == "https":
            return None
        host = request.field("x-forwarded-host") or at.public_host
        return redirect(f"https://{host}{request.target}", 301)

    rules = at.rules("""allowedServerVariables: [HTTP_X_FORWARDED_PROTO]
rules:
  - name: tell the scheme
    match: .*
    serverVariables: {HTTP_X_FORWARDED_PROTO: http}
    action: None
""")
    cause = named("redirect-loop", "told-by-rule", "tell the scheme")
    return planted(rules, at.backend(first=wants_tls), lambda who: who.load(at.url()), cause, symptom="redirect-loop")


@fault
def a_field_that_the_backend_cannot_read(at: Place) -> Planted:
    def fails(request: Request) -> Answer | None:
        return at.stack.says(at.stack.failed, request) if request.field("forwarded") else None

    cause = named("backend-error", "asked-without-field asked-without-ours", "")
    return planted(at.rules(), at.backend(first=fails), lambda who: who.load(at.url()), cause, symptom="backend-error")


@fault
def cookies_that_are_too_many(at: Place) -> Planted:
    """An application sets more than its server takes."""

    def bounded(request: Request) -> Answer | None:
        size = sum(map(len, field_values(request.fields, "cookie")))
        text = "<h1>400 Bad Request</h1><p>Request Header Or Cookie Too Large</p>"
        return at.stack.says((400, text), request) if size > 8000 else None

    def sets(number: int) -> Answer:
        return page("ok", Set_Cookie=f"part{number}={'x' * 1500}; Path=/")

    backend = at.backend({f"/step{number}": sets(number) for number in range(7)}, first=bounded)

    def visit(who: Visitor) -> None:
        for number in range(7):
            who.load(at.url(f"step{number}"))
        who.load(at.url())

    cause = named("refused", "asked-fewer-cookies asked-without-cookies fields-too-large cookies-too-large", "")
    return planted(at.rules(), backend, visit, cause, symptom="refused")


@fault
def a_cookie_that_the_backend_cannot_read(at: Place) -> Planted:
    """One of another application on the same name."""

    def fails(request: Request) -> Answer | None:
        return at.stack.says(at.stack.failed, request) if "prefs" in request.cookies else None

    sets = page("set").with_fields(Set_Cookie="prefs=%7Bbroken; Path=/")
    sets = sets._replace(fields=(*sets.fields, ("Set-Cookie", "lang=en; Path=/")))
    backend = at.backend({"/other/": sets}, first=fails)

    def visit(who: Visitor) -> None:
        who.load(at.url("other/"))
        who.load(at.url())

    cause = named("backend-error", "asked-without-cookie asked-without-cookies", "")
    return planted(at.rules(), backend, visit, cause, symptom="backend-error")


@fault
def an_origin_that_is_not_mapped_back(at: Place) -> Planted:
    """A check against forgery compares Origin with the name that it was asked by."""
    here = {f"http://{at.inner_host}", "", f"https://{at.inner_host}"}

    def save(request: Request) -> Answer:
        refused = request.field("origin") not in here
        return at.stack.says(at.stack.forgery_refused, request) if refused else page("<h1>saved</h1>")

    backend = at.backend({"/edit": page(at.form("/save", "title")), "/save": save})
    cause = named("origin", "", "")
    visit = lambda who: who.send(who.load(at.url("edit")), title="x")  # noqa: E731
    return planted(at.rules(links="off"), backend, visit, cause, symptom="refused origin")


@fault
def an_origin_that_is_hidden(at: Place) -> Planted:
    """A rule sends Referrer-Policy: no-referrer, so that forms have Origin: null."""

    def save(request: Request) -> Answer:
        refused = request.field("origin") == "null"
        return at.stack.says(at.stack.forgery_refused, request) if refused else page("<h1>saved</h1>")

    rules = at.rules("""outboundRules:
  - name: hardening
    match: {serverVariable: RESPONSE_Referrer_Policy, pattern: '.*'}
    action: {type: Rewrite, value: no-referrer}
""")
    backend = at.backend({"/edit": page(at.form("/save", "title")), "/save": save})
    cause = named("origin", "origin-null", "hardening")
    visit = lambda who: who.send(who.load(at.url("edit")), title="x")  # noqa: E731
    return planted(rules, backend, visit, cause, symptom="refused origin")


@fault
def a_token_whose_cookie_is_lost(at: Place) -> Planted:
    """The cookie of the token has the inner domain, so the form is refused."""

    def save(request: Request) -> Answer:
        lost = "csrf" not in request.cookies
        return at.stack.says(at.stack.token_missed, request) if lost else page("<h1>saved</h1>")

    cookie = f"csrf=t0k3n; Path=/; Domain={at.inner_name}"
    backend = at.backend({"/edit": page(at.form("/save", "title"), Set_Cookie=cookie), "/save": save})
    cause = named("cookie lost-cookie login-loop", "cookie-domain cookie-suffix", "")
    visit = lambda who: who.send(who.load(at.url("edit")), title="x")  # noqa: E731
    return planted(at.rules(links="off"), backend, visit, cause, symptom="cookie refused", besides="leak")


@fault
def a_backend_that_speaks_tls(at: Place) -> Planted:
    words = {
        "go": "Client sent an HTTP request to an HTTPS server.",
        "java": "<h1>Bad Request</h1><p>This combination of host and port requires TLS.</p>",
    }.get(at.stack.name, "<h1>400 Bad Request</h1><p>The plain HTTP request was sent to HTTPS port</p>")
    usual = at.backend()
    request = Request("GET", at.inner_host, "/", ())
    backend = Backend(usual.routes, usual.missing, usual.common, plain=at.stack.says((400, words), request), tls=True)
    cause = named("refused backend-down", "asked-other-tls tls-wanted", "")
    return planted(at.rules(), backend, lambda who: who.load(at.url()), cause, symptom="refused")


@fault
def an_upload_that_is_too_large(at: Place) -> Planted:
    def upload(request: Request) -> Answer:
        refused = len(request.body) > 1000
        return at.stack.says((413, "<h1>413 Payload Too Large</h1>"), request) if refused else page("<h1>kept</h1>")

    backend = at.backend({"/edit": page(at.form("/upload", "file")), "/upload": upload})
    cause = named("refused", "body-too-large", "")
    visit = lambda who: who.send(who.load(at.url("edit")), file="x" * 5000)  # noqa: E731
    return planted(at.rules(), backend, visit, cause, symptom="refused")


@fault
def a_body_that_names_the_public_host(at: Place) -> Planted:
    """A script sends a URL of the site, and the backend takes its own only."""

    def share(request: Request) -> Answer:
        known = at.inner.encode() in request.body
        refused = (422, '{"error": "the address is not one of this server"}')
        return page("ok") if known else at.stack.says(refused, request)

    backend = at.backend({f"POST /{at.app.api}": share})
    backend.routes.pop(f"/{at.app.api}", None)

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        body = f"address={at.public}/{at.app.item}".encode()
        fields = (("Accept", "*/*"), ("Sec-Fetch-Dest", "empty"), ("Referer", start.request.url), ("Origin", at.public))
        who.ask("POST", at.url(at.app.api), fields, body)

    return planted(
        at.rules(), backend, visit, named("request-body", "request-body", ""), symptom="request-body refused"
    )


@fault
def a_backend_that_is_down(at: Place) -> Planted:
    def nothing(request: Request) -> Answer:
        raise ConnectionRefusedError(111, "Connection refused")

    backend = at.backend(first=nothing)
    return planted(
        at.rules(), backend, lambda who: who.load(at.url()), named("backend-down", "", ""), symptom="backend-down"
    )


@fault
def a_page_that_nobody_waits_for(at: Place) -> Planted:
    backend = at.backend({"/": page("<a href=/slow>report</a>")})
    visit = lambda who: who.gives_up(who.load(at.url()), "/slow", 9.0)  # noqa: E731
    return planted(at.rules(), backend, visit, named("given-up", "", ""), symptom="given-up")
