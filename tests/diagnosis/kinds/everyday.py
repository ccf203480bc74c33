"""What people ask about in forums: paths twice, names in odd places, refusals by rules and sections, caches, frames."""

from __future__ import annotations

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page, redirect, typed
from diagnosis.planting import Planted, fault, named, planted
from diagnosis.visitor import Visitor


@fault
def a_context_path_twice(at: Place) -> Planted:
    """The application writes the path into its links that a rule adds."""
    rules = at.rules("rules:\n  - {name: into the app, match: .*, action: {type: Rewrite, url: '/web/{R:0}'}}\n")
    backend = at.backend(below="/web")
    cause = named("wrong-target wrong-link backend-404", "path-twice tried-otherwise tried-without", "into the app")
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="wrong-target backend-404 wrong-link")


@fault
def a_root_that_is_not_the_mount(at: Place) -> Planted:
    """Links from the root, links: off, and a site below a path."""
    rules = at.rules(links="off", mount="/tool")
    cause = named("outside-mount wrong-link", "", "")
    user = lambda who: who.load(at.url("tool/"))  # noqa: E731
    return planted(rules, at.backend(), user, cause, symptom="outside-mount wrong-link leak own-response")


@fault
def a_preflight_that_a_rule_answers(at: Place) -> Planted:
    """Who is not logged in gets 401, and a preflight never is."""
    other = at.public.replace("https://", "https://api-")
    rules = at.rules("""rules:
  - name: members only
    match: .*
    conditions: [{input: '{HTTP_HOST}', pattern: ^api-}, {input: '{HTTP_AUTHORIZATION}', pattern: '^$'}]
    action: {type: CustomResponse, statusCode: 401}
""").replace(f"public: {at.public}", f"public: [{at.public}, {other}]")

    def visit(who: Visitor) -> None:
        asks = {"Origin": at.public, "Access_Control_Request_Method": "PUT", "Sec_Fetch_Site": "cross-site"}
        asks["Access_Control_Request_Headers"] = "authorization"
        who.script(who.load(at.url()), f"{other}/{at.app.api}", "OPTIONS", **asks)

    cause = named("cors answered-by-rule", "", "members only")
    return planted(rules, at.backend(), visit, cause, symptom="cors answered-by-rule")


@fault
def a_password_that_a_rule_takes_away(at: Place) -> Planted:
    """The browser sends Authorization, and the backend never gets it."""

    def inside(request: Request) -> Answer | None:
        if request.field("authorization"):
            return None
        return page("<h1>401</h1>", 401, WWW_Authenticate='Basic realm="inside"')

    rules = at.rules("""rules:
  - name: no credentials inside
    match: .*
    serverVariables: {HTTP_AUTHORIZATION: ''}
    action: None
""")

    def visit(who: Visitor) -> None:
        who.load(at.url())
        who.load(at.url(), fields=(("Authorization", "Basic YTpi"),))

    cause = named("refused", "field-changed", "no credentials inside")
    return planted(rules, at.backend(first=inside), visit, cause, symptom="refused")


@fault
def a_return_address_with_the_inner_name(at: Place) -> Planted:
    def moved(request: Request) -> Answer:
        back = at.inner.replace(":", "%3A").replace("/", "%2F")
        return redirect(f"https://login.example.edu/?next={back}%2F{at.app.home}")

    rules = at.rules("reverseRewriteHostInResponseHeaders: false\n", links="off")
    cause = named("leak redirect", "", "")
    user = lambda who: who.load(at.url("go"))  # noqa: E731
    return planted(rules, at.backend({"/go": moved}), user, cause, symptom="leak redirect", unseen=True)


@fault
def a_refresh_that_names_the_backend(at: Place) -> Planted:
    body = f'<meta http-equiv="refresh" content="2; url={at.inner}/{at.app.home}">'
    rules = at.rules(
        f"""outboundRules:
  - name: own links
    match: {{filterByTags: [A, Form, Img, Link, Script], pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}/{{R:1}}'}}
""",
        links="off",
    )
    user = lambda who: who.load(at.url())  # noqa: E731
    cause = named("leak", "no-rule other-tags links-off", None)
    return planted(rules, at.backend({"/": page(body)}), user, cause, symptom="leak", unseen=True)


@fault
def links_in_data(at: Place) -> Planted:
    """links: tags, and an API whose data has links."""
    data = f'{{"_links": {{"next": {{"href": "{at.inner}/{at.app.api}?page=2"}}}}}}'
    backend = at.backend({f"/{at.app.api}": typed("application/hal+json", data)})

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url()), f"/{at.app.api}")

    return planted(at.rules(links="tags"), backend, visit, named("leak", "tags-end", ""), symptom="leak", unseen=True)


@fault
def an_escaped_address_in_a_script(at: Place) -> Planted:
    escaped = at.inner.replace("/", "\\/")
    body = f'<script>window.settings = {{"api": "{escaped}\\/{at.app.api}"}}</script>'
    user = lambda who: who.load(at.url())  # noqa: E731
    cause = named("leak", "tags-end", "")
    return planted(at.rules(links="tags"), at.backend({"/": page(body)}), user, cause, symptom="leak", unseen=True)


@fault
def pictures_of_several_sizes(at: Place) -> Planted:
    """A rule looks at src, and the pictures have srcset."""
    rules = at.rules(
        f"""outboundRules:
  - name: own links
    match: {{filterByTags: [A, Img, Link, Script], pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}/{{R:1}}'}}
""",
        links="off",
    )
    picture = f"{at.inner}/{at.app.static}/logo.svg"
    backend = at.backend({"/": page(f'<img src="{picture}" srcset="{picture} 1x, {picture}?2 2x">')})
    cause = named("leak", "other-tags tried-otherwise links-off no-rule", None)
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_strict_cookie_after_a_link(at: Place) -> Planted:
    """Who comes by a link in a mail is sent to the login, since the cookie is SameSite=Strict."""
    backend = at.backend(at.login_routes(at.stack.cookie(more="; Secure; SameSite=Strict")))

    def visit(who: Visitor) -> None:
        who.send(who.load(at.url(at.app.login)), user="a", password="b")
        fields = (("Referer", "https://mail.example.edu/"), ("Sec-Fetch-Site", "cross-site"))
        who.load(at.url(at.app.home), fields=fields)

    cause = named("cookie login-loop lost-cookie", "cookie-same-site", "")
    return planted(at.rules(), backend, visit, cause, symptom="cookie login-loop")


@fault
def all_clients_count_as_one(at: Place) -> Planted:
    backend = at.backend(first=lambda request: at.stack.says((429, "Too Many Requests"), request))
    cause = named("refused", "too-many-requests", "")
    return planted(at.rules(), backend, lambda who: who.load(at.url()), cause, symptom="refused")


@fault
def a_verb_that_is_filtered(at: Place) -> Planted:
    rules = at.rules("security: {requestFiltering: {verbs: {allowUnlisted: false, add: {GET: true, POST: true}}}}\n")

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url()), f"/{at.app.api}", "DELETE")

    cause = named("answered-by-section", "section-refuses", "")
    return planted(rules, at.backend(), visit, cause, symptom="answered-by-section")


@fault
def a_sequence_that_is_filtered(at: Place) -> Planted:
    rules = at.rules(f"security: {{requestFiltering: {{denyUrlSequences: ['{at.app.item}']}}}}\n")
    cause = named("answered-by-section", "section-refuses", "")
    return planted(rules, at.backend(), lambda who: who.load(at.url(at.app.item)), cause, symptom="answered-by-section")


@fault
def tls_that_nobody_offers(at: Place) -> Planted:
    """The application sends to https, and the site is published without."""
    plain = "http://" + at.public_host.partition(":")[0]

    def wants_tls(request: Request) -> Answer:
        return redirect(f"https://{at.public_host.partition(':')[0]}/{at.app.home}", 301)

    rules = at.rules(public=plain)
    user = lambda who: who.load(f"{plain}/go")  # noqa: E731
    cause = named("redirect", "", "")
    return planted(rules, at.backend({"/go": wants_tls}), user, cause, symptom="redirect", unseen=True)


@fault
def a_charset_that_a_rule_loses(at: Place) -> Planted:
    rules = at.rules("""outboundRules:
  - name: plain types
    match: {serverVariable: RESPONSE_Content_Type, pattern: '^(text/html);.*'}
    action: {type: Rewrite, value: '{R:1}'}
""")
    user = lambda who: who.load(at.url())  # noqa: E731
    return planted(rules, at.backend(), user, named("charset", "", "plain types"), symptom="charset", unseen=True)


@fault
def ancestors_that_are_inner(at: Place) -> Planted:
    policy = {"Content_Security_Policy": f"frame-ancestors {at.inner}"}
    routes = {"/": page(f"<iframe src=/{at.app.list}></iframe>"), f"/{at.app.list}": page("framed", **policy)}
    user = lambda who: who.load(at.url())  # noqa: E731
    cause = named("frame csp", "frame-ancestors", "")
    return planted(at.rules(links="off"), at.backend(routes), user, cause, symptom="frame csp leak", unseen=True)


@fault
def a_picture_kept_to_its_origin(at: Place) -> Planted:
    other = at.public.replace("https://", "https://img-")
    rules = at.rules().replace(f"public: {at.public}", f"public: [{at.public}, {other}]")
    picture = typed("image/svg+xml", "<svg/>", Cross_Origin_Resource_Policy="same-origin")
    routes = {"/": page(f"<img src={other}/logo.svg>"), "/logo.svg": picture}
    cause = named("isolation", "resource-policy", "")

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        who.seen.pop()
        fields = (("Sec-Fetch-Dest", "image"), ("Referer", start.request.url), ("Sec-Fetch-Mode", "no-cors"))
        who.ask("GET", f"{other}/logo.svg", (*fields, ("Sec-Fetch-Site", "same-site"), ("Accept", "image/*")))

    return planted(rules, at.backend(routes), visit, cause, symptom="isolation", unseen=True)


@fault
def a_socket_with_the_inner_name(at: Place) -> Planted:
    script = f'new WebSocket("ws://{at.inner_host}/live")'
    backend = at.backend({f"/{at.app.static}/app.js": typed("text/javascript", script)})
    cause = named("leak", "tags-end", "")
    return planted(at.rules(links="tags"), backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_name_that_begins_like_another(at: Place) -> Planted:
    """A rule without an end replaces the beginning of a longer name."""
    rules = at.rules(
        f"""outboundRules:
  - name: our name
    match: {{pattern: 'http://{at.inner_name}'}}
    action: {{type: Rewrite, value: 'https://{at.public_host}'}}
""",
        links="off",
    )
    body = f"<a href=http://{at.inner_name}-archive.example.edu/x>archive</a>"
    user = lambda who: who.load(at.url())  # noqa: E731
    cause = named("over-match wrong-link no-url", "", "our name")
    return planted(rules, at.backend({"/": page(body)}), user, cause, symptom="over-match wrong-link", unseen=True)


@fault
def a_path_that_is_encoded_twice(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: pleasant
    match: ^show/(.*)$
    action: {{type: Rewrite, url: '/{at.app.list}/{{UrlEncode:{{UrlEncode:{{R:1}}}}}}'}}
""")
    backend = at.backend({f"/{at.app.list}/red & blue": page("found")})
    cause = named("wrong-target", "encoded-twice tried-otherwise", "pleasant")
    user = lambda who: who.load(at.url("show/red%20%26%20blue"))  # noqa: E731
    return planted(rules, backend, user, cause, symptom="wrong-target backend-404")


@fault
def a_rule_that_is_switched_off(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: pleasant
    enabled: false
    match: ^go/(\\d+)$
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}'}}
""")
    cause = named("near-miss backend-404", "disabled tried-otherwise", "pleasant")
    user = lambda who: who.load(at.url(f"go/{at.app.number}"))  # noqa: E731
    return planted(rules, at.backend(), user, cause, symptom="near-miss backend-404")


@fault
def a_condition_on_the_wrong_name(at: Place) -> Planted:
    """The condition has the inner name, and browsers ask by the public one."""
    rules = at.rules(f"""rules:
  - name: pleasant
    match: ^go/(\\d+)$
    conditions: [{{input: '{{HTTP_HOST}}', pattern: '^{at.inner_name}'}}]
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}'}}
""")
    cause = named("near-miss backend-404", "condition tried-otherwise tried-without", "pleasant")
    user = lambda who: who.load(at.url(f"go/{at.app.number}"))  # noqa: E731
    return planted(rules, at.backend(), user, cause, symptom="near-miss backend-404")


@fault
def robots_and_everybody_else(at: Place) -> Planted:
    rules = at.rules("""rules:
  - name: no robots
    match: .*
    conditions: [{input: '{HTTP_ACCEPT}', pattern: 'html|bot'}]
    action: {type: CustomResponse, statusCode: 403}
""")
    cause = named("answered-by-rule", "", "no robots")
    return planted(rules, at.backend(), lambda who: who.load(at.url()), cause, symptom="answered-by-rule")


@fault
def a_language_that_stays(at: Place) -> Planted:
    """A rule chooses by a cookie, and browsers keep the first page."""
    rules = at.rules(f"""rules:
  - name: german
    match: ^$
    conditions: [{{input: '{{HTTP_COOKIE}}', pattern: lang=de}}]
    action: {{type: Rewrite, url: '/{at.app.list}'}}
""")
    backend = at.backend({"/": page("hello", Cache_Control="public, max-age=3600")})
    cause = named("kept-for-others", "vary", "german")
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="kept-for-others", unseen=True)


@fault
def an_application_that_asks_for_its_old_name(at: Place) -> Planted:
    """A rule tells the backend a public name of old, and it writes that into what its pages load."""

    def start(request: Request) -> Answer:
        host = request.field("x-forwarded-host") or request.host
        return page(f"<script src=https://{host}/{at.app.static}/app.js></script>")

    rules = at.rules("""rules:
  - name: old name
    match: .*
    serverVariables: {HTTP_X_FORWARDED_HOST: old-intranet.corp}
    action: None
""")
    cause = named("inner-name wrong-link leak", "name-told", "old name")
    user = lambda who: who.load(at.url())  # noqa: E731
    return planted(rules, at.backend({"/": start}), user, cause, symptom="inner-name leak", unseen=True)
