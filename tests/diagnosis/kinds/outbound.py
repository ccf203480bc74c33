"""Outbound rules and link maps that leave names of backends, or break what they touch."""

from __future__ import annotations

import base64
import hashlib

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page, typed
from diagnosis.planting import Planted, fault, named, planted
from diagnosis.visitor import Visitor

LEFT = "leak no-url over-match wrong-link unpublished mixed-content"


def _own_links(at: Place, tags: str, more: str = "") -> str:
    return f"""  - name: own links
    {more}match: {{filterByTags: [{tags}], pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}/{{R:1}}'}}
"""


@fault
def a_tag_that_is_not_examined(at: Place) -> Planted:
    rules = at.rules("outboundRules:\n" + _own_links(at, "A, Img, Link"), links="off")
    backend = at.backend({"/": page(f'<script src="{at.inner}/{at.app.static}/app.js"></script>')})
    cause = named("leak", "other-tags", None)
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_custom_tag_with_another_attribute(at: Place) -> Planted:
    rules = at.rules(
        "customTags:\n  lazy: [img/data-source]\noutboundRules:\n"
        f"""  - name: lazy pictures
    match: {{filterByTags: [CustomTags], customTags: lazy, pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}/{{R:1}}'}}
""",
        links="off",
    )
    backend = at.backend({"/": page(f'<img data-src="{at.inner}/{at.app.static}/logo.svg">')})
    cause = named("leak", "other-tags tried-otherwise no-rule", "lazy pictures")
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_precondition_for_another_type(at: Place) -> Planted:
    rules = at.rules(
        "preConditions:\n  is page: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^application/xhtml}]\noutboundRules:\n"
        + _own_links(at, "A, Img, Link, Script, Form", "preCondition: is page\n    "),
        links="off",
    )
    backend = at.backend({"/": page(f'<a href="{at.inner}/{at.app.list}">all</a>')})
    cause = named("leak", "precondition", None)
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_redirect_that_is_left(at: Place) -> Planted:
    """The rule for Location is written for https, and the backend says http."""
    wrong = at.inner_pattern.replace("http:", "https:")
    rules = at.rules(
        f"""reverseRewriteHostInResponseHeaders: false
outboundRules:
  - name: redirects
    match: {{serverVariable: RESPONSE_Location, pattern: '^{wrong}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}/{{R:1}}'}}
""",
        links="off",
    )

    def moved(request: Request) -> Answer:
        return page("moved", 302, Location=f"{at.inner}/{at.app.home}")

    backend = at.backend({"/go": moved})
    cause = named("redirect", "", "redirects")
    return planted(
        rules, backend, lambda who: who.load(at.url("go")), cause, symptom="redirect leak", besides="leak", unseen=True
    )


@fault
def a_policy_that_names_the_backend(at: Place) -> Planted:
    rules = at.rules("outboundRules:\n" + _own_links(at, "A, Img, Link, Script"), links="off")
    policy = f"default-src 'none'; script-src {at.inner}; img-src {at.inner}; style-src {at.inner}"
    body = f'<script src="{at.inner}/{at.app.static}/app.js"></script>'
    backend = at.backend({"/": page(body, Content_Security_Policy=policy)})
    return planted(
        rules,
        backend,
        lambda who: who.load(at.url()),
        named("csp", "csp-source no-rule", ""),
        symptom="csp leak",
        besides="leak",
        unseen=True,
    )


@fault
def an_inline_script_of_a_rule(at: Place) -> Planted:
    rules = at.rules("""outboundRules:
  - name: banner
    match: {pattern: '</body>'}
    action: {type: Rewrite, value: '<script>show("banner")</script></body>'}
""")
    backend = at.backend({"/": page("<h1>hello</h1>", Content_Security_Policy="script-src 'self'; object-src 'none'")})
    cause = named("csp-inline", "csp-inline-script", "banner")
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="csp-inline", unseen=True)


@fault
def a_rule_that_changes_a_script_with_a_digest(at: Place) -> Planted:
    script = "const colour = 'red'; document.title = colour"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = at.rules("""outboundRules:
  - name: spelling
    match: {pattern: colour}
    action: {type: Rewrite, value: color}
""")
    backend = at.backend(
        {
            "/": page(f'<script src="/{at.app.static}/app.js" integrity="sha256-{digest}"></script>'),
            f"/{at.app.static}/app.js": typed("text/javascript", script),
        }
    )
    cause = named("integrity warning over-match", "", "spelling")
    cause_passed = named("warning integrity over-match", "digest-promised", None)
    user = lambda who: who.load(at.url())  # noqa: E731
    return planted(rules, backend, user, cause, cause_passed, symptom="integrity warning", unseen=True)


@fault
def a_type_that_a_rule_overwrites(at: Place) -> Planted:
    rules = at.rules("""outboundRules:
  - name: always pages
    match: {serverVariable: RESPONSE_Content_Type, pattern: '^text/(?:css|javascript)'}
    action: {type: Rewrite, value: 'text/html; charset=utf-8'}
""")
    user = lambda who: who.load(at.url())  # noqa: E731
    return planted(
        rules, at.backend(), user, named("wrong-type", "", "always pages"), symptom="wrong-type", unseen=True
    )


@fault
def a_rule_that_breaks_json(at: Place) -> Planted:
    """What is put into JSON has quotes that are not escaped."""
    rules = at.rules("""outboundRules:
  - name: trade mark
    match: {pattern: Contoso}
    action: {type: Rewrite, value: '<b class="tm">Contoso</b>'}
""")
    backend = at.backend({f"/{at.app.api}": typed("application/json", '{"owner": "Contoso Ltd", "count": 3}')})

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url()), f"/{at.app.api}")

    return planted(rules, backend, visit, named("over-match", "", "trade mark"), symptom="over-match", unseen=True)


@fault
def a_slash_that_is_missing(at: Place) -> Planted:
    rules = at.rules(
        f"""outboundRules:
  - name: own links
    match: {{filterByTags: [A, Img, Link, Script], pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{at.public}{{R:1}}'}}
""",
        links="off",
    )
    body = f'<a href="{at.inner}/{at.app.list}">all</a><img src="{at.inner}/{at.app.static}/logo.svg">'
    cause = named("no-url over-match wrong-link", "", "own links")
    backend = at.backend({"/": page(body)})
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom=LEFT, unseen=True)


@fault
def addresses_without_tls(at: Place) -> Planted:
    """A rule writes http:// into pages of https."""
    plain = at.public.replace("https:", "http:")
    rules = at.rules(
        f"""outboundRules:
  - name: own links
    match: {{filterByTags: [A, Img, Link, Script], pattern: '^{at.inner_pattern}/(.*)'}}
    action: {{type: Rewrite, value: '{plain}/{{R:1}}'}}
""",
        links="off",
    )
    body = f'<script src="{at.inner}/{at.app.static}/app.js"></script>'
    cause = named("mixed-content", "mixed-blocked", "own links")
    backend = at.backend({"/": page(body)})
    return planted(
        rules,
        backend,
        lambda who: who.load(at.url()),
        cause,
        symptom="mixed-content",
        besides="unpublished",
        unseen=True,
    )


@fault
def permission_for_the_inner_origin(at: Place) -> Planted:
    """A script of another public name of the same site is refused what the backend allows to its inner one."""
    other = at.public.replace("https://", "https://api-")
    rules = at.rules(links="off").replace(f"public: {at.public}", f"public: [{at.public}, {other}]")
    backend = at.backend({f"/{at.app.api}": typed("application/json", "{}", Access_Control_Allow_Origin=at.inner)})

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        who.script(start, f"{other}/{at.app.api}", Origin=at.public, Sec_Fetch_Site="cross-site")

    return planted(rules, backend, visit, named("cors", "", None), symptom="cors leak", besides="leak", unseen=True)


@fault
def permission_twice(at: Place) -> Planted:
    """A rule adds what the backend says already."""
    other = at.public.replace("https://", "https://api-")
    rules = at.rules(f"""outboundRules:
  - name: let pages in
    match: {{serverVariable: RESPONSE_Access_Control_Allow_Origin, pattern: '(.+)'}}
    action: {{type: Rewrite, value: '{{R:1}}, {at.public}'}}
""").replace(f"public: {at.public}", f"public: [{at.public}, {other}]")
    backend = at.backend({f"/{at.app.api}": typed("application/json", "{}", Access_Control_Allow_Origin=at.public)})

    def visit(who: Visitor) -> None:
        start = who.load(at.url())
        who.script(start, f"{other}/{at.app.api}", Origin=at.public, Sec_Fetch_Site="cross-site")

    return planted(rules, backend, visit, named("cors", "cors-twice", "let pages in"), symptom="cors", unseen=True)


@fault
def a_frame_that_is_forbidden(at: Place) -> Planted:
    rules = at.rules("""outboundRules:
  - name: hardening
    match: {serverVariable: RESPONSE_X_Frame_Options, pattern: '.*'}
    action: {type: Rewrite, value: DENY}
""")
    backend = at.backend({"/": page(f"<iframe src=/{at.app.list}></iframe>")})
    cause = named("frame", "frame-options", "hardening")
    return planted(rules, backend, lambda who: who.load(at.url()), cause, symptom="frame", unseen=True)
