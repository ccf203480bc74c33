"""Pages that work and look as if they did not: no error is claimed of any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from inspector.test_broken import EVERYWHERE, OFF, exchange, resource
from urlrewrite.inspector.broken import find_breakages
from urlrewrite.inspector.diagnose.page_loads import page_loads
from urlrewrite.inspector.recorded_exchange import RecordedExchange

type Seen = list[RecordedExchange]

U = "https://www.example.com"
HTML = ("Content-Type", "text/html")
DOCUMENT = ("Sec-Fetch-Dest", "document")
JS = ("Content-Type", "text/javascript")


def left(seen: RecordedExchange, *, answered: bool) -> RecordedExchange:
    """An exchange whose client has gone."""
    trace = {**seen.trace, "broken_off": "Client disconnected."}
    return replace(seen, trace=trace, failed="Client disconnected.", response=seen.response if answered else None)


def cookies_in_several_lines() -> Seen:
    login = exchange(
        EVERYWHERE, f"{U}/login", status=302, fields=[("Location", "/auth/users"), ("Set-Cookie", "s=1; Path=/")]
    )
    asked = [DOCUMENT, ("Cookie", "csrf=1"), ("Cookie", "s=1")]
    page = exchange(EVERYWHERE, f"{U}/auth/users", at=1.1, asked=asked, fields=[HTML, ("Set-Cookie", "csrf=2; Path=/")])
    return [replace(login, request=replace(login.request, method="POST")), page]


def a_cookie_for_another_path() -> Seen:
    fields = [("Location", "/login/done"), ("Set-Cookie", "s=1; Path=/"), ("Set-Cookie", "refresh=1; Path=/token")]
    login = exchange(EVERYWHERE, f"{U}/login", status=302, fields=fields)
    page = exchange(EVERYWHERE, f"{U}/login/done", at=1.1, asked=[DOCUMENT, ("Cookie", "s=1")], fields=[HTML])
    return [login, page]


def a_cookie_that_is_deleted() -> Seen:
    line = "s=gone; Path=/; Expires=Tue, 14 Nov 2023 21:00:00 GMT"
    fields = [HTML, ("Set-Cookie", line), ("Date", "Tue, 14 Nov 2023 22:00:00 GMT")]
    return [exchange(EVERYWHERE, asked=[DOCUMENT, ("Cookie", "s=1")], fields=fields)]


def a_redirect_to_itself_with_a_cookie() -> Seen:
    first = exchange(EVERYWHERE, f"{U}/start", status=302, fields=[("Set-Cookie", "seen=1"), ("Location", "/start")])
    return [first, exchange(EVERYWHERE, f"{U}/start", at=1.1, asked=[DOCUMENT, ("Cookie", "seen=1")])]


def jsonp() -> Seen:
    page = exchange(EVERYWHERE, body="<script src=/data?callback=f></script>")
    return [page, resource(EVERYWHERE, f"{U}/data?callback=f", "script", fields=[HTML], body="f({})")]


def a_policy_that_only_reports() -> Seen:
    policy = ("Content-Security-Policy-Report-Only", "default-src 'none'")
    return [exchange(EVERYWHERE, fields=[HTML, policy], body="<script src=/a.js></script><p onclick=f()>")]


def linked_data_and_strings_in_scripts() -> Seen:
    body = '<script type="application/ld+json">{"@id": "http://www.example.com/#site"}</script>'
    policy = ("Content-Security-Policy", "connect-src 'none'")
    return [
        exchange(OFF, fields=[HTML, policy], body=f'{body}<script nonce=n>x = "https://www.example.com/y"</script>')
    ]


def a_link_to_another_application() -> Seen:
    return [exchange(EVERYWHERE, body=f"<a href={U}:9090/>metrics</a><iframe src={U}:9090/graph></iframe>")]


def pictures_by_http_that_are_asked_for_by_https() -> Seen:
    return [exchange(OFF, body="<img src=http://www.example.com/a.png>")]


def requests_that_were_not_waited_for() -> Seen:
    page = exchange(EVERYWHERE)
    socket = resource(EVERYWHERE, f"{U}/socket", "websocket", asked=[("Upgrade", "websocket")])
    return [
        page,
        left(resource(EVERYWHERE, f"{U}/slow", "empty"), answered=False),
        left(
            resource(EVERYWHERE, f"{U}/events", "empty", fields=[("Content-Type", "text/event-stream")]), answered=True
        ),
        left(socket, answered=False),
    ]


def a_form_that_a_user_filled_in_wrongly() -> Seen:
    """With a URL of the site in it, under an origin that was mapped back by nobody."""
    sent = exchange(OFF, f"{U}/form", asked=[DOCUMENT, ("Origin", U)], status=400, body="<p>The name is missing.</p>")
    request = replace(sent.request, method="POST")
    return [replace(sent, request=request, upload=b"site=https%3A%2F%2Fwww.example.com%2F")]


def conditional_requests() -> Seen:
    page = exchange(EVERYWHERE, asked=[DOCUMENT, ("If-None-Match", '"1"')], status=304, fields=[])
    style = resource(EVERYWHERE, f"{U}/a.css", "style", asked=[("If-Modified-Since", "x")], status=304, fields=[])
    return [page, style]


def permission_for_nobody_who_asked() -> Seen:
    fields = [("Content-Type", "application/json"), ("Access-Control-Allow-Origin", "http://privateserver:8080")]
    return [exchange(OFF), resource(OFF, f"{U}/data", "empty", fields=fields)]


def a_policy_of_the_backend_for_its_own_page() -> Seen:
    policy = ("Content-Security-Policy", "script-src 'self'")
    return [exchange(EVERYWHERE, fields=[HTML, policy], body="<script>analytics()</script>")]


def a_policy_of_the_backend_for_its_own_files() -> Seen:
    policy = ("Content-Security-Policy", "script-src https://cdn.example")
    return [exchange(EVERYWHERE, fields=[HTML, policy], body="<script src=/a.js></script>")]


def a_picture_that_another_site_shows() -> Seen:
    asked = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")]
    picture = resource(EVERYWHERE, f"{U}/a.png", "image", asked=asked, fields=[("Set-Cookie", "visit=1")])
    return [exchange(EVERYWHERE), picture]


def a_form_of_a_page_that_hides_where_it_is() -> Seen:
    start = exchange(EVERYWHERE, f"{U}/form", fields=[HTML, ("Referrer-Policy", "no-referrer")])
    asked, body = [DOCUMENT, ("Origin", "null")], "<p>The name is missing.<form><input name=csrf_token>"
    sent = exchange(EVERYWHERE, f"{U}/form", at=1.1, asked=asked, status=422, body=body)
    return [start, replace(sent, request=replace(sent.request, method="POST"))]


SOUND: list[Callable[[], Seen]] = [
    cookies_in_several_lines,
    a_cookie_for_another_path,
    a_cookie_that_is_deleted,
    a_redirect_to_itself_with_a_cookie,
    jsonp,
    a_policy_that_only_reports,
    linked_data_and_strings_in_scripts,
    a_link_to_another_application,
    pictures_by_http_that_are_asked_for_by_https,
    requests_that_were_not_waited_for,
    a_form_that_a_user_filled_in_wrongly,
    conditional_requests,
    permission_for_nobody_who_asked,
    a_policy_of_the_backend_for_its_own_page,
    a_policy_of_the_backend_for_its_own_files,
    a_picture_that_another_site_shows,
    a_form_of_a_page_that_hides_where_it_is,
]


@pytest.mark.parametrize("page", SOUND)
def test_no_error_is_claimed(page: Callable[[], Seen]) -> None:
    seen = page()
    rules = OFF if page.__name__.startswith(("linked", "pictures", "a_form_that", "permission")) else EVERYWHERE
    for load in page_loads(seen):
        earlier = tuple(each for each in reversed(seen) if each.began < load.first.began)
        told = find_breakages(load, rules, earlier)
        assert [each.title for each in told if each.severity == "error"] == []
