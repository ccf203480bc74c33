"""Inbound rules that send requests to the wrong place, or do not act."""

from __future__ import annotations

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page, typed
from diagnosis.planting import Planted, fault, named, planted
from diagnosis.visitor import Visitor

_LOST = "backend-404 refused near-miss wrong-target"


@fault
def conditions_that_are_alternatives(at: Place) -> Planted:
    """Two alternatives as two conditions, all of which must hold."""
    rules = at.rules(f"""rules:
  - name: two doors
    match: ^(?:old|new)/(.*)$
    conditions:
      - {{input: '{{URL}}', pattern: '^/old/'}}
      - {{input: '{{URL}}', pattern: '^/new/'}}
    action: {{type: Rewrite, url: '{at.app.list}'}}
""")
    cause = named("near-miss wrong-target backend-404 refused", "never-all tried-otherwise", "two doors")
    return planted(rules, at.backend(), lambda who: who.load(at.url("old/x")), cause, symptom=_LOST)


@fault
def a_group_of_the_condition(at: Place) -> Planted:
    """{R:1} is written where {C:1} was meant."""
    rules = at.rules(f"""rules:
  - name: by number
    match: ^show$
    conditions: [{{input: '{{QUERY_STRING}}', pattern: '(?:^|&)no=(\\d+)'}}]
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}', appendQueryString: false}}
""")
    cause = named("wrong-target backend-404", "no-such-group tried-otherwise", "by number")
    go = at.url(f"show?no={at.app.number}")
    return planted(rules, at.backend(), lambda who: who.load(go), cause, symptom="backend-404")


@fault
def a_pattern_in_other_case(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: pleasant
    match: {{url: '^Item-(\\d+)$', ignoreCase: false}}
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}'}}
""")
    cause = named("near-miss backend-404", "letter-case tried-otherwise", "pleasant")
    go = at.url(f"item-{at.app.number}")
    return planted(rules, at.backend(), lambda who: who.load(go), cause, symptom="backend-404")


@fault
def a_pattern_with_a_slash_at_its_beginning(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: pleasant
    match: ^/go/(\\d+)$
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}'}}
""")
    cause = named("near-miss backend-404", "slash-at-start tried-otherwise", "pleasant")
    go = at.url(f"go/{at.app.number}")
    return planted(rules, at.backend(), lambda who: who.load(go), cause, symptom="backend-404")


@fault
def a_rule_that_drops_the_query(at: Place) -> Planted:
    """The backend misses what it needs."""

    def needs_query(request: Request) -> Answer:
        if "q=" not in request.query:
            return at.stack.says((400, '{"error": "q is missing"}'), request)
        return page("<h1>found</h1>")

    rules = at.rules("""rules:
  - name: search
    match: ^find$
    action: {type: Rewrite, url: 'search', appendQueryString: false}
""")
    backend = at.backend({"/search": needs_query})
    cause = named("wrong-target refused", "query-dropped tried-otherwise", "search")
    return planted(rules, backend, lambda who: who.load(at.url("find?q=red")), cause, symptom="refused")


@fault
def a_rule_that_comes_too_late(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: everything else
    match: ^go/.*
    action: {{type: Rewrite, url: 'archive/{{R:0}}'}}
    stopProcessing: true
  - name: numbers
    match: ^go/(\\d+)$
    action: {{type: Rewrite, url: '{at.app.list}/{{R:1}}'}}
""")
    cause = named("shadowed wrong-target", "comes-after tried-without tried-otherwise", None)
    go = at.url(f"go/{at.app.number}")
    return planted(rules, at.backend(), lambda who: who.load(go), cause, symptom="backend-404 wrong-target")


@fault
def a_form_that_is_redirected(at: Place) -> Planted:
    """A rule redirects what is posted, and GET comes of it."""

    def takes_post(request: Request) -> Answer:
        return (
            page("<h1>saved</h1>") if request.method == "POST" else at.stack.says((405, "Method Not Allowed"), request)
        )

    rules = at.rules("""rules:
  - name: canonical
    match: ^(.*[^/])/save$
    action: {type: Redirect, url: '/{R:1}/saved', redirectType: Found}
""")
    backend = at.backend({"/edit": page(at.form("/edit/save", "title")), "/edit/saved": takes_post})
    cause = named("redirected refused", "redirected-here post-became-get", "canonical")
    return planted(rules, backend, lambda who: who.send(who.load(at.url("edit")), title="x"), cause, symptom="refused")


@fault
def pages_for_all_that_is_missing(at: Place) -> Planted:
    """The one page of an application is given for its script, too."""
    rules = at.rules(f"""rules:
  - name: one page
    match: ^(?!{at.app.api}).*
    conditions: [{{input: '{{URL}}', pattern: '\\.(?:css|svg|map)$', negate: true}}]
    action: {{type: Rewrite, url: '{at.app.list}'}}
""")
    cause = named("wrong-type", "", "one page")
    backend = at.backend({f"/{at.app.list}": page(f'<script src="/{at.app.static}/app.js"></script>')})
    return planted(rules, backend, lambda who: who.load(at.url("deep/link")), cause, symptom="wrong-type", unseen=True)


@fault
def pictures_that_are_not_lent(at: Place) -> Planted:
    """Protection against hot links, that does not know the public name."""
    rules = at.rules(f"""rules:
  - name: no hot links
    match: \\.svg$
    conditions: [{{input: '{{HTTP_REFERER}}', pattern: '^{at.inner_pattern}/', negate: true}}]
    action: {{type: CustomResponse, statusCode: 403}}
""")
    cause = named("answered-by-rule", "", "no hot links")
    return planted(rules, at.backend(), lambda who: who.load(at.url()), cause, symptom="answered-by-rule")


@fault
def a_key_that_the_map_has_not(at: Place) -> Planted:
    rules = at.rules(f"""rewriteMaps:
  tenants: {{north: '{at.app.list}'}}
rules:
  - name: by tenant
    match: ^t/(\\w+)$
    action: {{type: Rewrite, url: '/{{tenants:{{R:1}}}}/x'}}
""")
    cause = named("wrong-target backend-404", "map-key tried-otherwise", "by tenant")
    return planted(rules, at.backend(), lambda who: who.load(at.url("t/south")), cause, symptom="backend-404")


@fault
def redirects_to_and_fro(at: Place) -> Planted:
    """A rule takes the slash away that the backend sends to."""

    def with_slash(request: Request) -> Answer:
        return at.stack.redirects(request, f"/{at.app.home}/", 301)

    rules = at.rules("""rules:
  - name: no slash at the end
    match: ^(.+)/$
    action: {type: Redirect, url: '/{R:1}', redirectType: Permanent}
""")
    backend = at.backend({f"/{at.app.home}": with_slash, f"/{at.app.home}/": page("<h1>home</h1>")})
    cause = named("redirect-loop", "", "no slash at the end")
    return planted(rules, backend, lambda who: who.load(at.url(at.app.home)), cause, symptom="redirect-loop")


@fault
def a_permanent_redirect_of_old_rules(at: Place) -> Planted:
    """The browser follows what it was told before the rules were mended."""
    old = at.rules("""rules:
  - name: moved
    match: ^catalog$
    action: {type: Redirect, url: '/gone-wrong', redirectType: Permanent}
""")
    mended = at.rules(
        f"rules:\n  - name: moved\n    match: ^catalog$\n    action: {{type: Rewrite, url: '{at.app.list}'}}\n"
    )
    backend = at.backend({"/": page("<a href=/catalog>catalog</a>")})

    def visit(who: Visitor) -> None:
        who.click(who.load(at.url()), "catalog")

    def again(who: Visitor) -> None:
        start = who.load(at.url())
        who.load(at.url("gone-wrong"), fields=(("Referer", start.request.url),))

    cause = named("redirected", "redirect-remembered", "moved")
    return planted(old, backend, visit, cause, symptom="backend-404 redirected", reload=mended, again=again)


@fault
def a_script_below_the_mount(at: Place) -> Planted:
    """A script asks for a path of the root, and the site is published below one."""
    rules = at.rules(mount="/tool")
    backend = at.backend({"/": page(f"<script>fetch('/{at.app.api}')</script>")})
    cause = named("outside-mount", "outside-mount", "")

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url("tool/")), f"/{at.app.api}")

    return planted(rules, backend, visit, cause, symptom="outside-mount own-response")


@fault
def a_service_worker_that_is_redirected(at: Place) -> Planted:
    rules = at.rules(f"""rules:
  - name: scripts are elsewhere
    match: ^([^/]+\\.js)$
    action: {{type: Redirect, url: '/{at.app.static}/{{R:1}}', redirectType: Found}}
""")
    body = "self.addEventListener('fetch', () => {})"
    backend = at.backend({f"/{at.app.static}/worker.js": typed("text/javascript", body, Service_Worker_Allowed="/")})

    def visit(who: Visitor) -> None:
        page = who.load(at.url())
        fields = {"Service-Worker": "script", "Sec-Fetch-Dest": "serviceworker", "Referer": page.request.url}
        who.ask("GET", at.url("worker.js"), (("Accept", "*/*"), *fields.items()))

    cause = named("service-worker", "worker-redirect", "scripts are elsewhere")
    return planted(rules, backend, visit, cause, symptom="service-worker", unseen=True)
