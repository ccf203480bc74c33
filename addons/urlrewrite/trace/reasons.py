"""Why: every reason that a trace gives, as a code that programs compare and a sentence that people read.

A row is the code, its sentence, and what IIS does instead where that is always the same. Sentences are made here and
nowhere else, so that rewording one breaks nothing. Reasons why a field line was changed stand in `fields/reasons.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict


class Values(TypedDict, total=False):
    """The values of the placeholders in sentences."""

    rule: str
    """The rule concerned; it stands in the event, too."""
    name: str
    """The name of a variable, map, provider, farm or site."""
    argument: str
    kind: str
    """What something is: the kind of content, the type of a provider or of a condition."""
    where: str
    """A place in a response, a direction, or a path."""
    rest: str
    url: str
    host: str
    origin: str
    coding: str
    charset: str
    size: int
    threshold: int
    detail: str
    """The message of a library, of the network or of another room."""


class Reason(StrEnum):
    """The codes; `sentence` fills in what is known."""

    template: str
    iis: str

    def __new__(cls, code: str, template: str, iis: str = "") -> Reason:
        """Make a code with its sentence and what IIS does."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.template = template
        member.iis = iis
        return member

    # What becomes of a body, and why (BODY_PLAN, BODY_RELEASED).
    OWN_RESPONSE = "own-response", "the response is our own"
    OWN_PROTOCOL = "own-protocol", "its messages are for their own protocol only"
    NOT_CONCERNED = "not-concerned", "no rule and no link concerns {kind}"
    NO_LINKS_IN_EVENTS = "no-links-in-events", "no link is mapped in an event stream"
    NO_BODY = "no-body", "there is no body"
    PART_OF_BODY = "part-of-body", "a part of a body (206) cannot be rewritten by itself"
    NO_TRANSFORM = "no-transform", "Cache-Control: no-transform forbids it"
    UNKNOWN_CODING = "unknown-coding", "the content coding {coding!r} is unknown"
    MANY_CODINGS = "many-codings", "it has {size} content codings, more than the {threshold} that are undone"
    SENT_PIECE_BY_PIECE = "sent-piece-by-piece", "{kind} is rewritten as it comes"
    UNBUFFERED = "unbuffered", "X-Accel-Buffering: no requests it as it comes"
    LONG_BODY = "long-body", "it has {size} bytes, more than the {threshold} that are held"
    HELD_WHOLE = "held-whole", "{kind} is rewritten whole"
    MORE_CAME = "more-came", "more than {threshold} bytes came"
    COMES_SLOWLY = "comes-slowly", "it comes slowly"

    # Why a client does not get early hints (EARLY_HINTS).
    HINTS_OFF = "hints-off", "early hints are switched off"
    HINTS_NOT_MAPPED = "hints-not-mapped", "the site maps no links, and no rule runs over early hints"
    HINTS_UNKNOWN = "hints-unknown", "clients of this version of HTTP may not know what early hints are"
    NO_NAVIGATION = "no-navigation", "only a browser that loads a page heeds early hints"

    # Bodies that are not rewritten, or not wholly. `detail` of the first is the sentence of a cause.
    BODY_PASSED = "body-passed", "the body is passed as it came: {detail}"
    CORRUPT_CODING = "corrupt-coding", "{detail}"
    DECODED_TOO_LARGE = "decoded-too-large", "{detail}"
    CANNOT_ENCODE = "cannot-encode", "{detail}"
    NOT_PROPER_TEXT = "not-proper-text", "it is not proper {charset}"
    CHARSET_NOT_STREAMED = "charset-not-streamed", "{charset} cannot be rewritten as it comes"
    DIGEST_PROMISED = (
        "digest-promised",
        "a page was sent with its digest in `integrity`, so browsers would refuse a changed file",
    )
    REQUEST_BODY_PASSED = "request-body-passed", "the body of the request is passed as it came: {detail}"
    PART_OF_UPLOAD = "part-of-upload", "a part of a body (Content-Range) cannot be rewritten by itself"
    SIGNED_WITHIN = "signed-within", "it names a public name, and a signature in it covers what it says"
    REST_OF_REQUEST_PASSED = (
        "rest-of-request-passed",
        "the rest of the request's body is passed as it comes: {detail}",
    )
    REQUEST_CODING_BROKEN = (
        "request-coding-broken",
        "the request is broken off, as the coding of its body cannot be continued: {detail}",
    )
    REST_PASSED = "rest-passed", "the rest of the body is passed as it comes: {detail}"
    CODING_BROKEN = (
        "coding-broken",
        "the body ends here, and the exchange is broken off, as its coding cannot be continued: {detail}",
    )
    NO_RULES_IN_EVENTS = "no-rules-in-events", "rules for tags and whole bodies are not applied to an event stream"
    INLINE_HASH = (
        "inline-hash",
        "a policy in the page allows inline code by its hash, and a rule may have changed some",
    )
    SEES_WINDOWS = (
        "sees-windows",
        'rule "{rule}" sees the body in windows of {size} bytes: what extends beyond one is not matched',
    )
    SEES_LINES = (
        "sees-lines",
        'rule "{rule}" sees the body in the lines that come together: what extends beyond one is not matched',
    )
    NEGATED_STREAM = (
        "negated-stream",
        'rule "{rule}" was given up for this body: that a body matches nowhere is only known at its end',
    )
    RULE_GIVEN_UP = "rule-given-up", 'rule "{rule}" was given up for this body: {detail}'
    TAG_RULES_GIVEN_UP = (
        "tag-rules-given-up",
        "the rules for tags were given up for the rest of this body: {detail}",
    )
    RULE_NOT_APPLIED = "rule-not-applied", 'rule "{rule}" was not applied: {detail}'
    VALUE_LEFT = "value-left", "{where} was left alone: {detail}"
    FRAME_GOES_ON = (
        "frame-goes-on",
        "a WebSocket message {where} was left alone: its frame continues in the next message",
    )
    LENGTH_TOLD = (
        "length-told",
        "a WebSocket message {where} was left alone: it states the length of a part of itself ({name})",
    )
    COUNTED_LEFT = (
        "counted-left",
        "the body states the lengths of its parts, which are not what they should be: it is left alone",
    )
    FIELD = "field", "{name}: {detail}"

    # How rules were evaluated.
    UNKNOWN_VARIABLE = "unknown-variable", "{{{name}}} is not a server variable, so it is empty", "does the same"
    ESCAPES_LEFT = (
        "escapes-left",
        "{{{name}:...}} decoded {argument!r} once, and escapes are left in it",
        "answers 500.50 where the registry value UrlDecodeAllowsDoubleEncoding is 0",
    )
    PROVIDER_NOT_ASKED = (
        "provider-not-asked",
        'the provider "{name}" ({kind}) cannot be used here: its value is empty',
        "uses it",
    )
    FIELD_OF_CONNECTION = (
        "field-of-connection",
        "a rule sets {name}, which is left as it is: it belongs to one connection, or says where the message ends",
    )
    FRAGMENT_LEFT_OUT = (
        "fragment-left-out",
        'rule "{rule}" rewrites to {url!r}, of which what follows "#" is left out: no request has a fragment; '
        "write %23 for a # of the path",
    )
    LOST_TAIL = (
        "lost-tail",
        'rule "{rule}" replaced the whole of {where}, though its pattern ended before {rest!r}: add (.*) to the '
        "pattern and a back-reference to the value to keep it",
        "does the same",
    )
    FILE_IN_GLOBAL_RULES = (
        "file-in-global-rules",
        "{kind} is false in global rules, which belong to no site",
        "allows such conditions only in the rules of sites",
    )
    NO_DOCUMENT_ROOT = (
        "no-document-root",
        "{kind} is false because the site has no documentRoot",
        "looks for the file in the site's physical directory",
    )
    INVENTED_ROOT = (
        "invented-root",
        "{{{name}}} is {argument!r}: the site has no documentRoot, so the directory in it is invented",
        "has the site's physical directory in it",
    )
    CHUNKED_LEFT = (
        "chunked-left",
        "the response is chunked, and the outbound rules have rewriteBeforeCache",
        "applies no outbound rule to such a response, as this site does",
    )
    CHUNKED_REWRITTEN = (
        "chunked-rewritten",
        "the response is chunked, and the outbound rules have rewriteBeforeCache",
        "applies none of them; here they are applied",
    )
    PATTERN_TIMEOUT = "pattern-timeout", 'rule "{rule}": {detail}'

    NOT_VERIFIED = (
        "not-verified",
        "the certificate of {origin} is not verified (tls: {{verify: false}}): anybody between here and there could "
        "answer in its place",
    )

    GRPC_OVER_HTTP1 = (
        "grpc-over-http1",
        "a call of gRPC needs HTTP/2, and {origin} is asked by HTTP/1.1: HTTP/2 is spoken to backends over TLS only "
        "(https), and not without it (h2c)",
    )

    # What is not valid HTTP (`exchange/valid_messages.py`).
    BAD_METHOD = "bad-method", "the method is not a token"
    BAD_VERSION = "bad-version", "a request of HTTP/1 says that it is of another version"
    TARGET_FORM = "target-form", "the request target does not begin with a slash"
    TARGET_FRAGMENT = "target-fragment", "the request target has a fragment (#), which no client sends"
    TARGET_BLANK = "target-blank", "the request target has a blank in it"
    TARGET_CONTROL = "target-control", "the request target has a control character in it"
    PATH_CONTROL = "path-control", "the path has an escaped control character in it, such as %0A"
    PATH_OVERLONG = "path-overlong", "the path has a character in overlong UTF-8 in it, such as %C0%AF"
    PATH_DOTS = "path-dots", "the path has a dot segment with a parameter (..;) in it"
    BAD_HOST = "bad-host", "Host is not one host with an optional port"
    BAD_FIELD_NAME = "bad-field-name", "the name of the field {name!r} is not a token"
    FIELD_CONTROL = "field-control", "the value of the field {name!r} has a control character in it"
    REASON_CONTROL = "reason-control", "the reason phrase has a control character in it"
    # What is more than is taken (`hooks/bounds.py`).
    TARGET_TOO_LONG = "target-too-long", "the request target is longer than allowed"
    HEAD_TOO_LONG = "head-too-long", "the fields are longer than allowed"
    TOO_MANY_FIELDS = "too-many-fields", "there are more field lines than allowed"
    TRAILERS_TOO_LONG = "trailers-too-long", "the trailers are longer, or have more lines, than allowed"
    RESPONSE_REFUSED = "response-refused", "the backend's response is not valid HTTP: {detail}"

    # Why a section beside `<rewrite>` gives the response (SECTION_ANSWERED).
    SSL_REQUIRED = "ssl-required", "the site is served over TLS only"
    ADDRESS_DENIED = "address-denied", "the address {host} is in {name}, which is kept out"
    ADDRESS_UNLISTED = "address-unlisted", "the address {host} is not listed, and only those that are may come in"
    HEADER_TOO_LONG = "header-too-long", "the field {name} has {size} bytes, more than the {threshold} that are allowed"
    CONTENT_TOO_LONG = "content-too-long", "the body has {size} bytes, more than the {threshold} that are allowed"
    URL_TOO_LONG = "url-too-long", "the URL has {size} bytes, more than the {threshold} that are allowed"
    QUERY_TOO_LONG = "query-too-long", "the query string has {size} bytes, more than the {threshold} that are allowed"
    VERB_DENIED = "verb-denied", "the method {name} is not allowed"
    HIGH_BIT_CHARACTER = "high-bit-character", "the path has {name!r} in it, and only ASCII is allowed"
    DOUBLE_ESCAPED = "double-escaped", "the path, once decoded, has {name!r} in it, which could be decoded again"
    URL_SEQUENCE_DENIED = "url-sequence-denied", "the URL has {name!r} in it"
    EXTENSION_DENIED = "extension-denied", "the file extension {name!r} is not allowed"
    HIDDEN_SEGMENT = "hidden-segment", "the path has the hidden segment {name!r} in it"
    QUERY_SEQUENCE_DENIED = "query-sequence-denied", "the query string has {name!r} in it"
    FILTERING_RULE = "filtering-rule", "the filtering rule {name!r} finds {argument!r} in {where}"
    HANDLER_REFUSES = "handler-refuses", "what {name!r} fits gets the handler {argument}, which refuses everything"
    SITE_REDIRECTS = "site-redirects", "what no rule responds to is redirected to {url}"
    WILDCARD_REDIRECTS = "wildcard-redirects", "the URL is one of {name!r}, which is redirected to {url}"
    REDIRECTED_FIRST = (
        "redirected-first",
        "a rule redirects the request to TLS, which the site requires (sslFlags), before it is refused",
    )

    # Where an exchange cannot go on.
    NO_SITE = "no-site", "no site is published under {name!r}"
    NO_SITE_BELOW = "no-site-below", "no site is published under {name!r} at {where}"
    OTHER_CONNECTION = "other-connection", "the connection is for {name!r}, the request for {host!r}"
    OUT_OF_MOUNT = (
        "out-of-mount",
        "a rule moved the URL out of {where}, where this site is mounted, to {url}: a URL that begins with a slash "
        "begins at the root of the public name",
    )
    NO_BACKEND = (
        "no-backend",
        "no rule sent the request anywhere, and the site has no backend: IIS would serve a file",
    )
    NO_HOST = "no-host", 'rule "{rule}" rewrites to {url!r}, which names no host'
    UNNAMED_HOST = (
        "unnamed-host",
        'rule "{rule}" rewrites to {origin}, a host that no rule file names; write the host into the rule or into a '
        "rewrite map",
    )
    TOO_MANY_FORWARDS = "too-many-forwards", "the request came with Max-Forwards: 0"
    SERVER_FARM = (
        "server-farm",
        'the request is for the server farm "{name}", which is switched off or has no servers',
    )
    PROXY_OFF = (
        "proxy-off",
        "a rule sends the request to {origin}, and the proxy of Application Request Routing is not enabled "
        '(<proxy enabled="true"/>)',
    )
    VARIABLE_NOT_ALLOWED = (
        "variable-not-allowed",
        'The server variable "{name}" is not allowed to be set. '
        "Add the server variable name to the allowed server variable list.",
    )
    CONTENT_ENCODED = (
        "content-encoded",
        'Outbound rewrite rules cannot be applied when the content of the HTTP response is encoded ("{coding}").',
    )
    FAULTY_RULES = "faulty-rules", "{detail}"
    REFUSED_FILE = "refused-file", "{where} is not as the schema of IIS has it"
    NAME_TWICE = (
        "name-twice",
        "Cannot add duplicate collection entry of type '{kind}' with unique key attribute 'name' set to '{name}'",
    )
    BACKEND_FAILED = "backend-failed", "the backend {origin} failed: {detail}"
    NO_SERVER = "no-server", 'no server of the farm "{name}" can take the request ({detail})'
    PROXY_FAILED = "proxy-failed", "the proxy failed to rewrite this response"
    BROKEN_OFF = "broken-off", "the exchange was broken off: {detail}"


REASONS: dict[str, Reason] = {str(reason): reason for reason in Reason}
"""The reasons by their codes, as a trace has them."""


def sentence(reason: Reason, values: Mapping[str, object]) -> str:
    """Return the sentence of a reason. Sentences are made nowhere else."""
    return reason.template.format_map(values)
