"""Addresses that only those inside can reach, and answers that browsers cannot use."""

from __future__ import annotations

from diagnosis.applications import Place
from diagnosis.backend import Answer, Request, page, redirect, typed
from diagnosis.planting import Planted, fault, named, planted
from diagnosis.visitor import Visitor


@fault
def a_second_inner_host(at: Place) -> Planted:
    css = "@font-face { font-family: icons; src: url(http://assets.corp:8081/icons.woff2) }"
    backend = at.backend({f"/{at.app.static}/site.css": typed("text/css", css)})
    return planted(
        at.rules(),
        backend,
        lambda who: who.load(at.url()),
        named("inner-name", "", ""),
        symptom="inner-name",
        unseen=True,
    )


@fault
def a_redirect_to_the_machine(at: Place) -> Planted:
    """The backend redirects to the name of its machine."""

    def moved(request: Request) -> Answer:
        return redirect(f"http://node-7.internal:{at.inner_host.partition(':')[2]}/{at.app.home}")

    backend = at.backend({"/go": moved})
    cause = named("inner-name redirect", "", "")
    return planted(
        at.rules(), backend, lambda who: who.load(at.url("go")), cause, symptom="inner-name redirect", unseen=True
    )


@fault
def a_redirect_to_the_inner_port(at: Place) -> Planted:
    """The backend knows the public name and puts its own port behind it."""
    port = at.inner_host.partition(":")[2]

    def moved(request: Request) -> Answer:
        host = (request.field("x-forwarded-host") or at.public_host).partition(":")[0]
        return redirect(f"https://{host}:{port}/{at.app.home}")

    backend = at.backend({"/go": moved})
    cause = named("redirect", "", "")
    return planted(at.rules(), backend, lambda who: who.load(at.url("go")), cause, symptom="redirect", unseen=True)


@fault
def parts_of_an_address_in_json(at: Place) -> Planted:
    host, _, port = at.inner_host.partition(":")
    config = f'{{"server": {{"scheme": "http", "host": "{host}", "port": {port}}}, "theme": "dark"}}'
    backend = at.backend({"/config.json": typed("application/json", config)})

    def visit(who: Visitor) -> None:
        who.script(who.load(at.url()), "/config.json")

    return planted(
        at.rules(), backend, visit, named("address-parts", "", ""), symptom="address-parts leak", unseen=True
    )


@fault
def a_base_that_names_the_backend(at: Place) -> Planted:
    body = f'<base href="{at.inner}/"><script src="{at.app.static}/app.js"></script>'
    backend = at.backend({"/": page(body)})
    cause = named("leak", "no-rule links-off", "")
    return planted(at.rules(links="off"), backend, lambda who: who.load(at.url()), cause, symptom="leak", unseen=True)


@fault
def a_type_that_is_guessed_no_more(at: Place) -> Planted:
    """The backend sends a script as text, and forbids to guess."""
    script = typed("text/plain", "document.title = 'started'", X_Content_Type_Options="nosniff")
    backend = at.backend({f"/{at.app.static}/app.js": script})
    cause = named("wrong-type", "nosniff-script", "")
    return planted(at.rules(), backend, lambda who: who.load(at.url()), cause, symptom="wrong-type", unseen=True)


@fault
def not_modified_without_a_question(at: Place) -> Planted:
    """A cache in front of the backend answers 304 to who has nothing."""
    backend = at.backend({f"/{at.app.static}/app.js": Answer(304, (("ETag", '"7"'),))})
    cause = named("not-modified", "not-modified", "")
    return planted(at.rules(), backend, lambda who: who.load(at.url()), cause, symptom="not-modified", unseen=True)


@fault
def a_coding_that_nobody_asked_for(at: Place) -> Planted:
    script = typed("text/javascript", "not in any coding", Content_Encoding="x-snappy")
    backend = at.backend({f"/{at.app.static}/app.js": script})
    return planted(
        at.rules(),
        backend,
        lambda who: who.load(at.url()),
        named("coding", "", ""),
        symptom="coding warning",
        unseen=True,
    )


@fault
def a_socket_that_is_refused(at: Place) -> Planted:
    """The backend lets in the origin by which it is asked, and links: off leaves the public one."""

    def socket(request: Request) -> Answer:
        if request.field("origin") != at.inner:
            return at.stack.says((403, "Forbidden"), request)
        return Answer(101, (("Upgrade", "websocket"), ("Connection", "Upgrade")))

    backend = at.backend({"/socket": socket})

    def visit(who: Visitor) -> None:
        fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": at.public, "Sec-Fetch-Dest": "websocket",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
        who.load(at.url())
        who.ask("GET", at.url("socket"), tuple(fields.items()))

    return planted(at.rules(links="off"), backend, visit, named("websocket", "", ""), symptom="websocket")


@fault
def http_for_ever_in_a_setting(at: Place) -> Planted:
    """The application was set up with http:// and its public name."""
    plain = at.public.replace("https:", "http:")
    backend = at.backend({"/": page(f'<script src="{plain}/{at.app.static}/app.js"></script><h1>hello</h1>')})
    cause = named("mixed-content", "mixed-blocked", "")
    return planted(
        at.rules(links="tags"),
        backend,
        lambda who: who.load(at.url()),
        cause,
        symptom="mixed-content",
        besides="unpublished",
        unseen=True,
    )
