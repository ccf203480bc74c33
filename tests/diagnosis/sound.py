"""Pages that work, and look as if they did not: what HTTP, WebDAV, browsers and applications do every day."""

from __future__ import annotations

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page, redirect, typed
from diagnosis.planting import Planted, planted, sound
from diagnosis.visitor import Visitor

_DATA = "application/json"


def _script(at: Place, method: str, path: str, answer: Answer, **fields: str) -> Planted:
    """A script of the start page asks for something, and gets this answer."""
    backend = at.backend()
    backend.routes[path] = answer

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url()), path, method, **fields)

    return planted(at.rules(), backend, visit)


def _tool(at: Place, method: str, path: str, answer: Answer, **fields: str) -> Planted:
    """A program that is no browser asks."""
    backend = at.backend()
    backend.routes[path] = answer
    lines = (
        ("User-Agent", "tool/1.0"),
        ("Accept", "*/*"),
        *((name.replace("_", "-"), text) for name, text in fields.items()),
    )
    return planted(at.rules(), backend, lambda who: who.ask(method, at.url(path[1:]), lines))


@sound
def nothing_there_says_rest(at: Place) -> Planted:
    return _script(at, "GET", f"/{at.app.api}/9", typed(_DATA, '{"error": "not found"}', 404))


@sound
def a_conflict_says_rest(at: Place) -> Planted:
    return _script(at, "PUT", f"/{at.app.api}/9", typed(_DATA, '{"error": "somebody was faster"}', 409))


@sound
def what_was_filled_in_is_wrong_says_rest(at: Place) -> Planted:
    return _script(at, "POST", f"/{at.app.api}", typed(_DATA, '{"errors": {"name": ["is missing"]}}', 422))


@sound
def a_script_learns_that_nobody_is_logged_in(at: Place) -> Planted:
    backend = at.backend({"/me": lambda request: at.stack.says(at.stack.signed_out, request)})
    return planted(at.rules(), backend, lambda who: who.script(who.load(at.url()), "/me"))


@sound
def too_many_attempts(at: Place) -> Planted:
    return _script(at, "POST", f"/{at.app.api}", typed(_DATA, '{"retry": 5}', 429, Retry_After="5"))


@sound
def a_password_is_asked_for(at: Place) -> Planted:
    def asks(request: Request) -> Answer:
        if request.field("authorization"):
            return page("<h1>inside</h1>")
        return page("401", 401, WWW_Authenticate='Basic realm="inside"')

    def visit(who: Visitor) -> None:
        who.load(at.url("inside"))
        who.load(at.url("inside"), fields=(("Authorization", "Basic YTpi"),))

    return planted(at.rules(), at.backend({"/inside": asks}), visit)


@sound
def a_handshake_of_windows(at: Place) -> Planted:
    def asks(request: Request) -> Answer:
        token = request.field("authorization")
        if token == "NTLM 3":
            return page("<h1>inside</h1>")
        return page("401", 401, WWW_Authenticate="NTLM 2" if token else "NTLM")

    def visit(who: Visitor) -> None:
        for fields in ((), (("Authorization", "NTLM 1"),), (("Authorization", "NTLM 3"),)):
            who.load(at.url("inside"), fields=fields)

    return planted(at.rules(), at.backend({"/inside": asks}), visit)


@sound
def no_icon(at: Place) -> Planted:
    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        fields = (("Accept", "image/*"), ("Sec-Fetch-Dest", "image"), ("Referer", start.request.url))
        who.ask("GET", at.url("favicon.ico"), fields)
        who.ask("GET", at.url("apple-touch-icon.png"), fields)

    return planted(at.rules(), at.backend(), visit)


@sound
def no_map_of_the_source(at: Place) -> Planted:
    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        fields = (("Accept", "*/*"), ("Sec-Fetch-Dest", "empty"), ("Referer", start.request.url))
        who.ask("GET", at.url(f"{at.app.static}/app.js.map"), fields)

    return planted(at.rules(), at.backend(), visit)


@sound
def nothing_well_known(at: Place) -> Planted:
    path = "/.well-known/appspecific/com.chrome.devtools.json"
    return planted(at.rules(), at.backend(), lambda who: who.script(who.load(at.url()), path))


@sound
def a_request_that_a_script_took_back(at: Place) -> Planted:
    def visit(who: Visitor) -> None:
        who.gives_up(who.load(at.url()), f"/{at.app.api}", 0.2)

    return planted(at.rules(), at.backend(), visit)


@sound
def data_with_padding(at: Place) -> Planted:
    """Under the type of a page, where nothing forbids to guess."""
    kind = "text/javascript" if ("X-Content-Type-Options", "nosniff") in at.stack.common else "text/html; charset=utf-8"
    backend = at.backend(
        {
            "/": page(f'<script src="/{at.app.api}?callback=show"></script>'),
            f"/{at.app.api}": typed(kind, 'show({"count": 3})'),
        }
    )
    return planted(at.rules(), backend, lambda who: who.load(at.url()))


@sound
def a_policy_that_reports(at: Place) -> Planted:
    body = f"<script>start()</script><script src=/{at.app.static}/app.js></script><p onclick=f()>x</p>"
    report = {"Content_Security_Policy_Report_Only": "default-src 'none'; report-uri /csp"}
    return planted(at.rules(), at.backend({"/": page(body, **report)}), lambda who: who.load(at.url()))


@sound
def a_policy_with_a_nonce(at: Place) -> Planted:
    body = f"<script nonce=r4nd>start()</script><script nonce=r4nd src=/{at.app.static}/app.js></script>"
    policy = {"Content_Security_Policy": "script-src 'nonce-r4nd' 'strict-dynamic'; object-src 'none'"}
    return planted(at.rules(), at.backend({"/": page(body, **policy)}), lambda who: who.load(at.url()))


@sound
def a_policy_that_names_the_backend(at: Place) -> Planted:
    """It is mapped, as what it is for."""
    body = f'<script src="{at.inner}/{at.app.static}/app.js"></script>'
    policy = {"Content_Security_Policy": f"script-src {at.inner}"}
    return planted(at.rules(), at.backend({"/": page(body, **policy)}), lambda who: who.load(at.url()))


@sound
def nothing_has_changed(at: Place) -> Planted:
    def known(request: Request) -> Answer:
        fields = (("ETag", '"7"'), ("Vary", "Accept-Encoding, Cookie"))
        if request.field("if-none-match"):
            return Answer(304, fields)
        answer = page("<h1>hello</h1>")
        return answer._replace(fields=(*answer.fields, *fields))

    def visit(who: Visitor) -> None:
        who.load(at.url("known"))
        who.load(at.url("known"), fields=(("If-None-Match", '"7"'),))

    return planted(at.rules(), at.backend({"/known": known}), visit)


@sound
def a_condition_that_does_not_hold(at: Place) -> Planted:
    answer = typed(_DATA, '{"error": "changed meanwhile"}', 412)
    return _script(at, "PUT", f"/{at.app.api}/9", answer, If_Match='"3"')


@sound
def a_part_that_does_not_exist(at: Place) -> Planted:
    return _tool(at, "GET", "/film.mp4", Answer(416, (("Content-Range", "bytes */100"),)), Range="bytes=200-")


@sound
def a_part_of_a_film(at: Place) -> Planted:
    fields = (("Content-Type", "video/mp4"), ("Content-Range", "bytes 0-9/100"), ("Accept-Ranges", "bytes"))
    return _tool(at, "GET", "/film.mp4", Answer(206, fields, b"0123456789"), Range="bytes=0-9")


@sound
def webdav_looks_for_what_is_not_there(at: Place) -> Planted:
    return _tool(at, "PROPFIND", "/files/new.txt", Answer(404), Depth="0")


@sound
def webdav_makes_a_folder_that_is_there(at: Place) -> Planted:
    return _tool(at, "MKCOL", "/files/folder", Answer(405, (("Allow", "OPTIONS, GET, PROPFIND"),)))


@sound
def webdav_finds_a_lock(at: Place) -> Planted:
    return _tool(at, "LOCK", "/files/letter.txt", Answer(423), Timeout="Second-60")


@sound
def webdav_copies_without_a_folder(at: Place) -> Planted:
    return _tool(at, "COPY", "/files/a.txt", Answer(409), Destination=at.url("files/none/a.txt"))


@sound
def a_head_for_nothing(at: Place) -> Planted:
    return _tool(at, "HEAD", "/old", Answer(404))


@sound
def a_head_with_a_coding(at: Place) -> Planted:
    """Its length and coding are those of a body that is not sent."""
    fields = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"), ("Content-Length", "512"))
    return _tool(at, "HEAD", "/page", Answer(200, fields), Accept_Encoding="gzip")


@sound
def options_that_are_not_known(at: Place) -> Planted:
    return _tool(at, "OPTIONS", "/", Answer(405, (("Allow", "GET, HEAD"),)))


@sound
def a_preflight_and_its_request(at: Place) -> Planted:
    other = at.public.replace("https://", "https://api-")
    rules = at.rules().replace(f"public: {at.public}", f"public: [{at.public}, {other}]")
    allowed = {"Access_Control_Allow_Origin": at.public, "Access_Control_Allow_Methods": "PUT"}

    def data(request: Request) -> Answer:
        return Answer(204).with_fields(**allowed) if request.method == "OPTIONS" else typed(_DATA, "{}", **allowed)

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        asks = {"Origin": at.public, "Access_Control_Request_Method": "PUT", "Sec_Fetch_Site": "cross-site"}
        who.script(start, f"{other}/{at.app.api}", "OPTIONS", **asks)
        who.script(start, f"{other}/{at.app.api}", "PUT", Sec_Fetch_Site="cross-site")

    return planted(rules, at.backend({f"/{at.app.api}": data}), visit)


@sound
def a_login_that_lasts(at: Place) -> Planted:
    backend = at.backend(at.login_routes(at.stack.cookie(more="; SameSite=Lax")))

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(at.app.login)), user="a", password="b")

    return planted(at.rules(), backend, visit)


@sound
def a_password_that_is_wrong(at: Place) -> Planted:
    """The form comes again, with a new session."""

    def login(request: Request) -> Answer:
        again = page(
            "<p>Wrong password.</p>" + at.login_form(f"/{at.app.login}"), 401 if request.method == "POST" else 200
        )
        return again.with_fields(Set_Cookie=at.stack.cookie())

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(at.app.login)), user="a", password="wrong")

    return planted(at.rules(), at.backend({f"/{at.app.login}": login}), visit)


@sound
def a_form_that_comes_back(at: Place) -> Planted:
    again = page(f"<p>The title is missing.</p>{at.form('/save', 'title')}", 422)
    backend = at.backend({"/edit": page(at.form("/save", "title")), "/save": again})
    return planted(at.rules(), backend, lambda who: who.send(who.load(at.url("edit"))))


@sound
def a_logout(at: Place) -> Planted:
    """Its cookie is deleted."""
    over = at.stack.cookie(value="", more="; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")

    def logout(request: Request) -> Answer:
        return at.stack.redirects(request, "/").with_fields(Set_Cookie=over)

    backend = at.backend({**at.login_routes(at.stack.cookie()), "/logout": logout})

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(at.app.login)), user="a", password="b")
        who.load(at.url("logout"))

    return planted(at.rules(), backend, visit)


@sound
def a_logout_that_ends_a_new_session(at: Place) -> Planted:
    """Each response renews the cookie, and this one deletes it in a second line: the last line is what is left."""
    over = at.stack.cookie(value="", more="; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0")

    def logout(request: Request) -> Answer:
        renewed = at.stack.redirects(request, f"/{at.app.login}").with_fields(Set_Cookie=at.stack.cookie())
        return renewed.with_fields(Set_Cookie=over)

    backend = at.backend({**at.login_routes(at.stack.cookie()), "/logout": logout})

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(at.app.login)), user="a", password="b")
        who.load(at.url("logout"))

    return planted(at.rules(), backend, visit)


@sound
def a_redirect_to_itself_once(at: Place) -> Planted:
    def start(request: Request) -> Answer:
        return page("<h1>hello</h1>") if "seen" in request.cookies else redirect("/start", Set_Cookie="seen=1; Path=/")

    return planted(at.rules(), at.backend({"/start": start}), lambda who: who.load(at.url("start")))


@sound
def a_way_to_log_in_over_several_redirects(at: Place) -> Planted:
    hops: dict[str, Answer] = {"/a": redirect("/b"), "/b": redirect("/a?again=1", 303)}

    def first(request: Request) -> Answer:
        return page("<h1>there</h1>") if request.query else hops["/a"]

    return planted(at.rules(), at.backend({**hops, "/a": first}), lambda who: who.load(at.url("a")))


@sound
def links_to_other_applications(at: Place) -> Planted:
    host = at.public_host.partition(":")[0]
    body = f"<a href=https://{host}:9443/grafana/>figures</a><a href=mailto:a@{at.inner_name}>mail</a>"
    return planted(at.rules(), at.backend({"/": page(body)}), lambda who: who.load(at.url()))


@sound
def a_page_about_its_own_address(at: Place) -> Planted:
    """Words that a reader sees, and examples, are no links."""
    body = f"<p>The server is {at.inner_host}.</p><pre>curl {at.inner}/{at.app.api}</pre><!-- {at.inner} -->"
    return planted(at.rules(), at.backend({"/": page(body)}), lambda who: who.load(at.url()))


@sound
def another_port_of_the_machine_in_words(at: Place) -> Planted:
    backend = at.backend({"/about": typed("text/plain", f"database: {at.inner_name}:5432\n")})
    return planted(at.rules(), backend, lambda who: who.load(at.url("about")))


@sound
def insecure_requests_are_upgraded(at: Place) -> Planted:
    plain = at.public.replace("https:", "http:")
    body = f"<script src={plain}/{at.app.static}/app.js></script>"
    policy = {"Content_Security_Policy": "upgrade-insecure-requests"}
    return planted(at.rules(links="tags"), at.backend({"/": page(body, **policy)}), lambda who: who.load(at.url()))


@sound
def pictures_from_anywhere(at: Place) -> Planted:
    body = "<img src=https://cdn.example.edu/a.png><img src=data:image/png;base64,AAAA><img src=blob:x>"
    return planted(at.rules(), at.backend({"/": page(body)}), lambda who: who.load(at.url()))


@sound
def a_page_that_is_for_others(at: Place) -> Planted:
    """The application refuses a person, in words of its own."""
    backend = at.backend({"/admin": page("<h1>Not for you</h1><p>Ask an administrator for the role.</p>", 403)})

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        fields = (("Accept", "*/*"), ("Sec-Fetch-Dest", "empty"), ("Referer", start.request.url))
        who.ask("GET", at.url("admin"), fields)

    return planted(at.rules(), backend, visit)


@sound
def a_rule_that_forbids(at: Place) -> Planted:
    """What somebody tries who looks for holes is refused on purpose, and no page asked for it."""
    backend = at.backend()
    lines = (("User-Agent", "scanner"), ("Accept", "application/json"))
    return planted(at.rules(), backend, lambda who: who.ask("GET", at.url("wp-login.php"), lines))


@sound
def a_prefetch_that_is_refused(at: Place) -> Planted:
    backend = at.backend({"/next": at.stack.says((503, "later"), Request("GET", "h", "/next", ()))})

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        fields = (
            ("Accept", "*/*"),
            ("Sec-Purpose", "prefetch"),
            ("Sec-Fetch-Dest", "empty"),
            ("Referer", start.request.url),
        )
        who.ask("GET", at.url("next"), fields)

    return planted(at.rules(), backend, visit)


@sound
def a_picture_that_another_site_shows(at: Place) -> Planted:
    def visit(who: Visitor) -> None:
        fields = (("Accept", "image/*"), ("Referer", "https://blog.example.edu/"), ("Sec-Fetch-Dest", "image"),
                  ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"))  # fmt: skip
        who.ask("GET", at.url(f"{at.app.static}/logo.svg"), fields)

    visit_first = at.stack.cookie(more="; SameSite=Lax")
    backend = at.backend({f"/{at.app.static}/logo.svg": typed("image/svg+xml", "<svg/>", Set_Cookie=visit_first)})
    return planted(at.rules(), backend, visit)


@sound
def below_a_path(at: Place) -> Planted:
    """All that the page names is mapped below the path where the site is published."""
    return planted(at.rules(mount="/tool"), at.backend(), lambda who: who.load(at.url("tool/")))


@sound
def by_a_rule_below_a_path(at: Place) -> Planted:
    rules = at.rules("""rules:
  - name: shown below
    match: ^shown/(.*)$
    action: {type: Rewrite, url: '/real/{R:1}'}
""")
    backend = at.backend(below="/real")
    return planted(rules, backend, lambda who: who.load(at.url("shown/")))
