"""What backends of different languages say: error pages, refusals, cookies and redirects, each in its own words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from diagnosis.backend import Answer, Request, page, redirect, typed
from urlrewrite.model.field_lines import FieldLines


@dataclass(frozen=True)
class Stack:
    """A language with its server and its framework.

    In the texts `{path}`, `{host}` and `{origin}` are those of the request. A text that begins with `{"` is JSON, one
    without a tag is plain text, and an empty one has no type.
    """

    name: str
    common: FieldLines
    session: str
    token: str
    """The field of a form that carries the token against forgery."""

    missing: tuple[int, str]
    failed: tuple[int, str]
    host_refused: tuple[int, str]
    forgery_refused: tuple[int, str]
    """What comes of a form whose Origin is not liked."""

    token_missed: tuple[int, str]
    """What comes of a form whose token has no cookie."""

    signed_out: tuple[int, str]
    """What a script gets that is not logged in."""

    absolute: bool
    """Whether redirects name the host by which it was asked."""

    def says(self, told: tuple[int, str], request: Request) -> Answer:
        """An error in its own words."""
        status, text = told
        origin = request.field("origin") or "null"
        for name, value in (("path", request.path), ("host", request.host), ("origin", origin)):
            text = text.replace(f"<{name}>", escape(value))
        if not text:
            return Answer(status)
        if text.startswith("{"):
            kind = "application/problem+json" if '"type"' in text else "application/json"
            return typed(kind, text, status)
        return page(text, status) if "<" in text else typed("text/plain; charset=utf-8", text, status)

    def redirects(self, request: Request, path: str, status: int = 302) -> Answer:
        """A redirect to a path of its own, as this framework makes it."""
        here = f"{'https' if request.tls else 'http'}://{request.host}" if self.absolute else ""
        return redirect(f"{here}{path}", status)

    def cookie(self, value: str = "a1b2c3d4", path: str = "/", more: str = "") -> str:
        """The line that sets its session."""
        return f"{self.session}={value}; Path={path}; HttpOnly{more}"


STACKS = (
    Stack(
        "php",
        (("Server", "Apache/2.4.62 (Debian)"), ("X-Powered-By", "PHP/8.2.24")),
        "PHPSESSID",
        "_token",
        (404, "<h1>Not Found</h1><p>The requested URL was not found on this server.</p><hr><address>Apache/2.4.62 "
         "(Debian) Server at <host> Port 80</address>"),
        (500, "<br><b>Fatal error</b>:  Uncaught TypeError: trim(): Argument #1 ($string) must be of type string, null "
         "given in /var/www/html/lib/request.php:81"),
        (400, "<h2>Access through untrusted domain</h2><p>Please contact your administrator. If you are an "
         "administrator, edit the \"trusted_domains\" setting in config/config.php.</p>"),
        (419, "<div>419</div><div>Page Expired</div>"),
        (419, "<div>419</div><div>Page Expired</div>"),
        (401, '{"message": "Unauthenticated."}'),
        absolute=True,
    ),
    Stack(
        "java",
        (("Server", "Apache-Coyote/1.1"),),
        "JSESSIONID",
        "_csrf",
        (404, "<h1>HTTP Status 404 – Not Found</h1><hr><p><b>Type</b> Status "
         "Report</p><p><b>Description</b> The origin "
         "server did not find a current representation for the target resource.</p><h3>Apache Tomcat/10.1.30</h3>"),
        (500, '{"timestamp": "2026-11-30T21:14:08.117+00:00", "status": 500, "error": "Internal Server Error", '
         '"path": "<path>"}'),
        (400, "<h1>HTTP Status 400 – Bad Request</h1><p><b>Message</b> The request was rejected because the domain "
         "<host> is untrusted.</p>"),
        (403, "<h1>HTTP Status 403 – Forbidden</h1><p><b>Message</b> Invalid CSRF Token &#39;null&#39; was "
         "found on the "
         "request parameter &#39;_csrf&#39; or header &#39;X-CSRF-TOKEN&#39;.</p>"),
        (403, "<h1>HTTP Status 403 – Forbidden</h1><p><b>Message</b> Could not verify the provided CSRF token because "
         "no token was found to compare.</p>"),
        (401, '{"status": 401, "error": "Unauthorized", "path": "<path>"}'),
        absolute=True,
    ),
    Stack(
        "python",
        (("Server", "gunicorn"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin")),
        "sessionid",
        "csrfmiddlewaretoken",
        (404, "<h1>Not Found</h1><p>The requested resource was not found on this server.</p>"),
        (500, "<h1>Server Error (500)</h1>"),
        (400, "<h1>Bad Request (400)</h1>"),
        (403, "<h1>Forbidden <span>(403)</span></h1><p>CSRF verification failed. Request "
         "aborted.</p><p>Reason given for "
         "failure: Origin checking failed - <origin> does not match any trusted origins.</p>"),
        (403, "<h1>Forbidden <span>(403)</span></h1><p>CSRF verification failed. Request "
         "aborted.</p><p>Reason given for "
            "failure: CSRF cookie not set.</p>"),
        (403, '{"detail": "Authentication credentials were not provided."}'),
        absolute=False,
    ),
    Stack(
        "node",
        (("X-Powered-By", "Express"),),
        "connect.sid",
        "_csrf",
        (404, "<pre>Cannot GET <path></pre>"),
        (500, "<pre>TypeError: Cannot read properties of undefined (reading &#39;split&#39;)<br> &nbsp; &nbsp;at "
         "/app/node_modules/express/lib/request.js:283:17</pre>"),
        (403, 'Blocked request. This host ("<host>") is not allowed. To allow this host, add it to '
         "`server.allowedHosts`."),
        (403, "<pre>ForbiddenError: invalid csrf token<br> &nbsp; &nbsp;at csrf "
         "(/app/node_modules/csurf/index.js)</pre>"),
        (403, "<pre>ForbiddenError: invalid csrf token<br> &nbsp; &nbsp;at csrf "
         "(/app/node_modules/csurf/index.js)</pre>"),
        (401, '{"error": "unauthorized"}'),
        absolute=False,
    ),
    Stack(
        "dotnet",
        (("Server", "Kestrel"),),
        ".AspNetCore.Cookies",
        "__RequestVerificationToken",
        (404, ""),
        (500, '{"type": "https://tools.ietf.org/html/rfc9110#section-15.6.1", "title": "An error occurred while '
         'processing your request.", "status": 500}'),
        (400, "<h2>Bad Request - Invalid Hostname</h2><hr><p>HTTP Error 400. The request hostname is invalid.</p>"),
        (400, ""),
        (400, ""),
        (401, '{"type": "https://tools.ietf.org/html/rfc9110#section-15.5.2", "title": "Unauthorized", "status": 401}'),
        absolute=True,
    ),
    Stack(
        "ruby",
        (("Server", "Puma"), ("X-Frame-Options", "SAMEORIGIN"), ("X-Content-Type-Options", "nosniff")),
        "_app_session",
        "authenticity_token",
        (404, "<h1>The page you were looking for doesn't exist.</h1><p>You may have mistyped the address or "
         "the page may "
         "have moved.</p>"),
        (500, "<h1>We're sorry, but something went wrong.</h1>"),
        (403, "<h1>Blocked hosts: <host></h1><p>To allow requests to these hosts, make sure they are valid hostnames, "
         "then add them to the environment configuration.</p>"),
        (422, "<h1>The change you wanted was rejected.</h1><p>Maybe you tried to change something you "
         "didn't have access "
         "to.</p>"),
        (422, "<h1>The change you wanted was rejected.</h1>"),
        (401, '{"error": "You need to sign in or sign up before continuing."}'),
        absolute=True,
    ),
    Stack(
        "go",
        (),
        "session",
        "gorilla.csrf.Token",
        (404, "404 page not found"),
        (500, "Internal Server Error"),
        (421, "421 Misdirected Request"),
        (403, "Forbidden - origin invalid"),
        (403, "Forbidden - CSRF token invalid"),
        (401, "Unauthorized"),
        absolute=False,
    ),
)  # fmt: skip
