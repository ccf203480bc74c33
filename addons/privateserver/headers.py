"""Header fields that name the backend: redirects, Refresh, Link, policies, CORS, validators and digests."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError

from privateserver.api import dumped
from privateserver.catalogue import AUTHORITY, JSON, ORIGIN, Group, Page, Reply, Serve
from privateserver.markup import document, framed, links

ARRIVED = f"{ORIGIN}/arrived"


def redirect(location: str) -> Serve:
    """Return a handler that redirects to ``location`` with the page's status."""

    def serve(page: Page, request: HTTPServerRequest) -> Reply:
        note = f'<!doctype html>\n<title>Moved</title>\n<p>Moved <a href="{ARRIVED}">there</a>.</p>\n'
        return Reply(body=note.encode(), headers=(("Location", location),))

    return serve


def goto(page: Page, request: HTTPServerRequest) -> Reply:
    """Redirect to ``url`` of the query, as login pages do: decoded until it is a URL, on any web server."""
    url = b"".join(request.query_arguments.get("url", [])).decode(errors="replace")
    for _ in range(3):
        if url.startswith("/") or urlsplit(url).scheme in ("http", "https"):
            if any(ord(c) <= 32 or ord(c) == 127 for c in url):
                break
            return Reply(status=302, headers=(("Location", url),))
        url = unquote(url)
    raise HTTPError(400, reason="url must be a URL or a path")


def refresh(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a page without a proof of its own: the one it leads to has it."""
    body = b"<!doctype html>\n<title>Moving</title>\n<p>In a second the page of arrival comes by itself.</p>\n"
    return Reply(body=body, headers=(("Refresh", f"1; url={ARRIVED}?from=refresh"),))


def digests(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a page whose body is covered by all the digest fields there are (RFC 1864, 3230 and 9530)."""
    reply = framed("digest.html")
    assert not isinstance(reply, type)
    body = reply(page, request).body
    sha = b64encode(hashlib.sha256(body).digest()).decode()
    md5 = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    fields = (
        ("Content-MD5", md5),
        ("Digest", f"SHA-256={sha}"),
        ("Content-Digest", f"sha-256=:{sha}:"),
        ("Repr-Digest", f"sha-256=:{sha}:"),
    )
    return Reply(body=body, headers=fields)


def cors(page: Page, request: HTTPServerRequest) -> Reply:
    """Return data for scripts of this origin only, with credentials."""
    fields = (
        ("Access-Control-Allow-Origin", ORIGIN),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET, POST"),
        ("Access-Control-Allow-Headers", "Content-Type, X-Demo"),
        ("Vary", "Origin"),
    )
    if request.method == "OPTIONS":
        return Reply(status=204, headers=fields)
    return Reply(body=dumped({"url": f"{ORIGIN}/cors/data", "method": request.method}), headers=fields)


def nothing(page: Page, request: HTTPServerRequest) -> Reply:
    """Return a response without a body, but with a field that names the backend."""
    return Reply(headers=(("Content-Location", ARRIVED),))


POLICY = (
    f"default-src 'none'; script-src {ORIGIN}; style-src {ORIGIN}; img-src {ORIGIN}/static/ {ORIGIN}/favicon.ico; "
    f"frame-src {ORIGIN}; connect-src {ORIGIN} ws://{AUTHORITY}; base-uri {ORIGIN}; form-action {ORIGIN}; "
    f"frame-ancestors {ORIGIN}; report-uri {ORIGIN}/echo"
)


def _redirect(path: str, status: int, title: str, location: str, problem: str) -> Page:
    return Page(
        path=f"/redirect/{path}",
        title=title,
        kind="redirect",
        status=status,
        final=200,
        problem=problem,
        expect="The browser arrives under the public name.",
        serve=redirect(location),
    )


_ABSOLUTE = "Location is an absolute URL."

REDIRECTS = Group(
    "Redirects",
    (
        _redirect("301", 301, "Moved Permanently", ARRIVED, _ABSOLUTE),
        _redirect("302", 302, "Found", ARRIVED, _ABSOLUTE),
        _redirect("303", 303, "See Other", ARRIVED, _ABSOLUTE),
        _redirect("307", 307, "Temporary Redirect", ARRIVED, _ABSOLUTE),
        _redirect("308", 308, "Permanent Redirect", ARRIVED, _ABSOLUTE),
        _redirect("no-scheme", 302, "Location without a scheme", f"//{AUTHORITY}/arrived", "Location begins with //."),
        _redirect("root", 302, "Location from the root", "/arrived", "Location is a path."),
        _redirect(
            "relative", 302, "Location relative to the page", "../arrived?a=b#c", "Location begins with two dots."
        ),
        _redirect(
            "upper-case",
            302,
            "Location in upper case",
            f"{ORIGIN.upper()}/arrived",
            "Scheme and host are written in capitals.",
        ),
        _redirect("chain", 302, "Several redirects", f"{ORIGIN}/redirect/chain-2", "The target redirects in its turn."),
        _redirect("chain-2", 307, "The second of several", f"{ORIGIN}/redirect/no-scheme", "So does this one."),
        _redirect(
            "nested",
            302,
            "Location with a URL in its query",
            f"{ORIGIN}/goto?url=http%3A%2F%2F{AUTHORITY.replace(':', '%3A')}%2Farrived",
            "The target names the next target, percent-encoded.",
        ),
        Page(
            path="/goto",
            title="A return address",
            problem="Redirects to the URL in its query, as login pages do.",
            expect="Wherever the query leads; without a query, 400.",
            serve=goto,
            kind="error",
            status=400,
        ),
        Page(
            path="/refresh",
            title="Refresh",
            problem="A Refresh field leads to an absolute URL after a second.",
            expect="The browser arrives under the public name.",
            serve=refresh,
        ),
    ),
)

HEADERS = Group(
    "Header fields",
    (
        Page(
            path="/headers/link",
            title="Link",
            problem="A Link field announces a style sheet and names the next page.",
            expect="The sheet is loaded ahead from the public name; the paragraph is green.",
            serve=framed(
                "link-header.html",
                (
                    "Link",
                    f"<{ORIGIN}/static/preloaded.css>; rel=preload; as=style, "
                    f'<{ORIGIN}/html/base>; rel="next"; title="a, b", <//{AUTHORITY}/>; rel=start',
                ),
            ),
        ),
        Page(
            path="/headers/csp",
            title="Content-Security-Policy",
            problem="The policy allows pictures, scripts, styles, frames and connections of the backend only.",
            expect="The policy names the public origin, so that nothing is blocked.",
            serve=framed("policy.html", ("Content-Security-Policy", POLICY)),
        ),
        Page(
            path="/headers/cors",
            title="Access-Control-Allow-Origin",
            problem="A script posts with credentials; the backend accepts its own origin only.",
            expect="The backend sees its own origin, the browser the public one.",
            serve=framed("cors.html"),
        ),
        Page(
            path="/cors/data",
            title="The data for it",
            problem="Posts from any other origin are refused with 403.",
            expect="Access-Control-Allow-Origin names the public origin.",
            serve=cors,
            kind="resource",
            content_type=JSON,
            methods=("GET", "POST", "OPTIONS"),
        ),
        Page(
            path="/headers/content-location",
            title="Content-Location",
            problem="The field gives the address of the response.",
            expect="The address is public.",
            serve=framed("content-location.html", ("Content-Location", f"{ORIGIN}/headers/content-location")),
        ),
        Page(
            path="/headers/etag",
            title="ETag and If-None-Match",
            problem="The response carries a strong entity tag of the unmapped bytes, and the same again gives 304.",
            expect="Sent with the tag it got, a browser gets 304.",
            serve=framed("validated.html", ("ETag", '"demo-1"')),
        ),
        Page(
            path="/headers/digest",
            title="Content-MD5, Digest, Content-Digest, Repr-Digest",
            problem="The response carries digests of the unmapped bytes.",
            expect="The digests fit the bytes that arrive, or are gone.",
            serve=digests,
        ),
        Page(
            path="/headers/no-content",
            title="No Content",
            problem="204 has no body, only fields.",
            expect="204 without a body, Content-Location is public.",
            serve=nothing,
            kind="resource",
            status=204,
        ),
    ),
)


def refusal(page: Page, request: HTTPServerRequest) -> Reply:
    """Return an error page with links."""
    return Reply(body=document(page, links()).encode())


def _error(status: int, title: str) -> Page:
    return Page(
        path=f"/error/{status}",
        title=f"{status} {title}",
        kind="error",
        status=status,
        problem="An error page with absolute links.",
        expect="The same status, with links to the public name.",
        serve=refusal,
    )


ERRORS = Group(
    "Errors",
    (_error(403, "Forbidden"), _error(404, "Not Found"), _error(500, "Internal Server Error")),
)
