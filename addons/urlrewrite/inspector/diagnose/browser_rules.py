"""What browsers refuse by specification: one row for each rule that the diagnosis knows.

A finding that a browser's own rule explains has the code of the row, and shows its words. Each row is tried in
Chromium, by a page that it blocks and one that it does not.
"""

from __future__ import annotations

from enum import Enum


class BrowserRule(Enum):
    """A row is its code, where it is specified, and what it says."""

    # Cookies that are refused.
    COOKIE_SIZE = "cookie-size", "RFC 6265bis, 5.6", "name and value of a cookie have 4,096 bytes together at most"
    COOKIE_EMPTY = "cookie-empty", "RFC 6265bis, 5.6", "a cookie needs a name or a value"
    COOKIE_DOMAIN = "cookie-domain", "RFC 6265bis, 5.7", "Domain is the host of the request or a domain above it"
    COOKIE_SUFFIX = "cookie-suffix", "RFC 6265bis, 5.7", "no cookie is for all the names below a public suffix"
    COOKIE_SECURE = "cookie-secure", "RFC 6265bis, 5.7", "Secure cookies are taken over https only"
    COOKIE_PREFIX = "cookie-prefix", "RFC 6265bis, 5.7", "the prefix __Host- or __Secure- of a name requires attributes"
    COOKIE_SAME_SITE_NONE = "cookie-same-site-none", "RFC 6265bis, 5.7", "SameSite=None needs Secure"
    COOKIE_PARTITIONED = "cookie-partitioned", "CHIPS, 3.1", "Partitioned needs Secure"
    COOKIE_CROSS_SITE = (
        "cookie-cross-site",
        "RFC 6265bis, 5.7",
        "what a page of another site loads may set SameSite=None cookies only",
    )
    # Cookies that are not sent.
    COOKIE_EXPIRED = "cookie-expired", "RFC 6265bis, 5.7", "a cookie whose Expires or Max-Age is over is dropped"
    COOKIE_PATH = "cookie-path", "RFC 6265bis, 5.8", "a cookie is sent to its Path and below it"
    COOKIE_SAME_SITE = (
        "cookie-same-site",
        "RFC 6265bis, 5.8.3",
        "a page of another site gets no SameSite cookies sent with its frames and forms",
    )
    COOKIE_NUMBER = (
        "cookie-number",
        "RFC 6265bis, 5.7",
        "old cookies make room for new ones (Chromium: 180 for a domain)",
    )
    # What scripts may read from another origin.
    CORS_MISSING = "cors-missing", "Fetch, 4.10", "a script may not read another origin's response without permission"
    CORS_TWICE = "cors-twice", "Fetch, 4.10", "there is one Access-Control-Allow-Origin, with one origin"
    CORS_OTHER = "cors-other", "Fetch, 4.10", "Access-Control-Allow-Origin is the origin of the page, letter by letter"
    CORS_WILDCARD = "cors-wildcard", "Fetch, 4.10", "with credentials, * is no permission"
    CORS_CREDENTIALS = "cors-credentials", "Fetch, 4.10", "credentials need Access-Control-Allow-Credentials: true"
    CORS_PREFLIGHT_STATUS = (
        "cors-preflight-status",
        "Fetch, 4.8",
        "the answer to a preflight has a status of 200 to 299",
    )
    CORS_PREFLIGHT_METHOD = (
        "cors-preflight-method",
        "Fetch, 4.8",
        "the method of the request is among Access-Control-Allow-Methods",
    )
    CORS_PREFLIGHT_FIELD = (
        "cors-preflight-field",
        "Fetch, 4.8",
        "the fields of the request are among Access-Control-Allow-Headers",
    )
    # Policies of the page.
    CSP_SOURCE = "csp-source", "CSP 3, 6.7", "what a directive does not list is not loaded"
    CSP_INLINE_SCRIPT = (
        "csp-inline-script",
        "CSP 3, 6.7.3.3",
        "inline scripts need 'unsafe-inline', their nonce or their hash",
    )
    CSP_INLINE_STYLE = (
        "csp-inline-style",
        "CSP 3, 6.7.3.3",
        "inline styles need 'unsafe-inline', their nonce or their hash",
    )
    CSP_HANDLER = (
        "csp-handler",
        "CSP 3, 6.7.3.3",
        "event handlers in attributes need 'unsafe-inline' or 'unsafe-hashes'",
    )
    FRAME_ANCESTORS = "frame-ancestors", "CSP 3, 6.4.2", "a page is framed by those whom its frame-ancestors lists"
    FRAME_OPTIONS = (
        "frame-options",
        "HTML, 7.8",
        "X-Frame-Options forbids frames: DENY all, SAMEORIGIN those of other origins",
    )
    # Mixed content.
    MIXED_BLOCKED = "mixed-blocked", "Mixed Content, 4", "an https page loads nothing active by http"
    MIXED_SOCKET = "mixed-socket", "Mixed Content, 4", "an https page opens no WebSocket by ws"
    # Types.
    NOSNIFF_SCRIPT = "nosniff-script", "Fetch, 3.6", "with nosniff, scripts have a JavaScript type"
    NOSNIFF_STYLE = "nosniff-style", "Fetch, 3.6", "with nosniff, style sheets are text/css"
    SCRIPT_TYPE = "script-type", "Fetch, 2.9", "pictures, media and CSV are no scripts"
    SCRIPT_IS_PAGE = "script-is-page", "ECMAScript, 12", "HTML is not JavaScript"
    MODULE_TYPE = "module-type", "HTML, 8.1.4", "modules and workers have a JavaScript type"
    STYLE_TYPE = "style-type", "HTML, 4.6.7", "style sheets of a page with a doctype are text/css"
    DOCUMENT_TYPE = "document-type", "MIME Sniffing, 7", "a page that comes as text/plain is shown as text"
    # Resources of other origins.
    RESOURCE_POLICY = (
        "resource-policy",
        "Fetch, 3.7",
        "Cross-Origin-Resource-Policy keeps a resource from pages of other origins or sites",
    )
    EMBEDDER_POLICY = (
        "embedder-policy",
        "HTML, 7.1.4",
        "with require-corp, a page gets from other origins what has a Cross-Origin-Resource-Policy",
    )
    # Integrity.
    INTEGRITY = "integrity", "SRI, 3.3", "a file with integrity has one of the digests"
    INTEGRITY_CORS = (
        "integrity-cors",
        "SRI, 3.3",
        "a file of another origin with integrity is asked for with crossorigin",
    )
    # Origins of requests.
    ORIGIN_NULL = "origin-null", "Fetch, 3.2", "with Referrer-Policy: no-referrer, forms are sent with Origin: null"
    # Service workers.
    WORKER_REDIRECT = "worker-redirect", "Service Workers, Update", "the script of a service worker is not redirected"
    WORKER_SCOPE = (
        "worker-scope",
        "Service Workers, Register",
        "a service worker governs what is below its own path, unless Service-Worker-Allowed says otherwise",
    )
    WORKER_TYPE = "worker-type", "Service Workers, Update", "the script of a service worker has a JavaScript type"
    # Caches.
    REDIRECT_CACHED = "redirect-remembered", "RFC 9110, 15.4.2", "a permanent redirect is followed again without asking"
    VARY = (
        "vary",
        "RFC 9111, 4.1",
        "what is kept is used for every request for its URL that has the same values in the fields of Vary",
    )
    NOT_MODIFIED = "not-modified", "RFC 9110, 15.4.5", "304 answers a request with a condition only"

    def __init__(self, code: str, specified: str, says: str) -> None:
        self.code = code
        self.specified = specified
        self.says = says

    @property
    def evidence(self) -> tuple[str, str]:
        """What a finding shows of it."""
        return "rule of browsers", f"{self.says} ({self.specified})"
