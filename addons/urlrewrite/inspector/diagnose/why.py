"""Every cause that the inspector finds: a code, the sentence that a person reads, and what to do about it.

Other code compares codes. A sentence is a clause that may follow "because"; where a rule is concerned that did not act,
it says what about the rule kept it from acting ("its pattern ...").
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Why(StrEnum):
    """A row is the code, its sentence and the advice; the placeholders of both are filled with what is known."""

    template: str
    advice: str

    def __new__(cls, code: str, template: str, advice: str = "") -> Why:
        """Make a code with its sentence and the advice."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.template = template
        member.advice = advice
        return member

    # A rule did not act.
    DISABLED = "disabled", "it has enabled: false", "Remove enabled: false."
    PRECONDITION = (
        "precondition",
        'its precondition "{name}" does not hold{detail}',
        'Name another precondition in the rule, or correct "{name}".',
    )
    CONDITION = (
        "condition",
        "its condition requires {template} to match {pattern}, but it is {value}{reach}",
        "Correct the condition, or remove it.",
    )
    NEGATED_CONDITION = (
        "negated-condition",
        "its condition {template} is {value}, which matches {pattern} and must not (it is negated)",
        "Correct the condition, or remove it.",
    )
    NO_FILE = "no-file", "{value} {verb} {what}", "Correct the condition, or remove it."
    PATTERN = "pattern", "its pattern {pattern} {reach}", "Correct its pattern."
    PATTERN_IN_PLACE = "pattern-in-place", "in {where}, its pattern {pattern} {reach}", "Correct its pattern."
    NEGATED_PATTERN = "negated-pattern", "its pattern {pattern} matches {value}, and must not: it is negated"
    LEFT_AS_IT_IS = "left-as-it-is", "it matches {value}, which it leaves as it is"
    NOTHING_TO_EXAMINE = "nothing-to-examine", "the response has nothing that it examines"
    SLASH_AT_START = (
        "slash-at-start",
        "its pattern {pattern} requires a slash at the beginning, but rules see the path without it: {value}",
        "Change the pattern {pattern} of the rule.",
    )
    COMES_AFTER = (
        "comes-after",
        'it matches, but comes after the rule "{other}", which took the request and ended the walk',
        'Move it before the rule "{other}", or make the pattern of that one narrower.',
    )
    STOPPED_BEFORE = (
        "stopped-before",
        'the rule "{rule}" comes before the rule "{other}", matches too, and has stopProcessing',
        "Remove stopProcessing, or move the rule.",
    )
    OTHER_TAGS = (
        "other-tags",
        'the rule "{rule}" rewrites links only in {tags}, and this is {place}',
        "Add the tag to filterByTags or customTags, or set links: everywhere.",
    )

    # Its pattern would match if one thing that people get wrong often were otherwise.
    LETTER_CASE = (
        "letter-case",
        "the letter case differs, and ignoreCase is false",
        "Remove ignoreCase: false from the match of the rule.",
    )
    WHOLE_URL = (
        "whole-url",
        "its pattern is written for a whole URL, and rules see the path alone (a condition on {{HTTP_HOST}} sees the "
        "host): the pattern is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    QUERY = (
        "query",
        "its pattern is written for the query, too, and rules see the path alone (a condition on {{QUERY_STRING}} "
        "sees the query): the pattern is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    SLASH_AT_END = (
        "slash-at-end",
        "its pattern requires a slash at the end, but the URL has none: the pattern is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    NO_SLASH_AT_END = (
        "no-slash-at-end",
        "its pattern allows no slash at the end, but the URL has one: the pattern is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    MOUNT = (
        "mount",
        "its pattern has the path below which the site is published, and rules see what comes after it: the pattern "
        "is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    AS_SENT = (
        "as-sent",
        "its pattern is written for the URL as it was sent, and rules see it decoded: the pattern is {pattern}",
        "Change the pattern {pattern} of the rule.",
    )
    OTHER_SCHEME = "other-scheme", "its pattern has {after}// where the link has {before}//", "Correct its pattern."
    SLASH_BEHIND = "slash-behind", "its pattern requires a slash after {value}", "Correct its pattern."

    # A rule acted, and made something of the request or the response.
    SENT = "sent", "it sent the request to {value}"
    MAP_KEY = (
        "map-key",
        'the rewrite map "{name}" has no key {key}, so the path becomes {value}',
        'Add the key {key} to the rewrite map "{name}", with the value that the backend wants in this part.',
    )
    QUERY_DROPPED = (
        "query-dropped",
        "it drops the query ?{query}, because appendQueryString is false",
        "Remove appendQueryString: false, or write {{QUERY_STRING}} into the URL.",
    )
    QUERY_TWICE = (
        "query-twice",
        "the query ?{query} appears twice: the URL of the rule has it, and it is appended as well",
        "Set appendQueryString: false.",
    )
    PATH_TWICE = (
        "path-twice",
        "{name} appears twice in {value}",
        "Remove the path from the URL of the rule, or from {{R:n}}.",
    )
    NO_SLASH_BETWEEN = (
        "no-slash-between",
        'there is no slash between "{name}" and {{R:{group}}} ({key}), so that the URL is {value}',
        "Write a slash before {{R:{group}}}.",
    )
    TWO_SLASHES = (
        "two-slashes",
        "two slashes follow one another in {value}: one from the rule's URL, one from {{R:n}}",
        "Remove one of them.",
    )
    GREEDY_GROUP = (
        "greedy-group",
        "its group {{R:{group}}} is greedy and took {key}, which holds a slash, of {value}",
        "Write ([^/]+) for (.*) where one segment is meant.",
    )
    CHANGED_AGAIN = (
        "changed-again",
        'it changed again what the rule "{other}" had made of the URL, which has no stopProcessing: {before} became '
        "{value}",
        'Add stopProcessing: true to the rule "{other}".',
    )
    RESPONDS = "responds", "itself answers {value}{detail}; the request was not forwarded"
    CLOSES = "closes", "closes the connection without a response{detail}"
    REDIRECTS = "redirects", "redirects to {value}{detail}"
    REDIRECTED_HERE = (
        "redirected-here",
        "the browser got here from {path} by a {status} redirect of {by}{when}{detail}",
        "Check where that redirect leads.",
    )
    REDIRECT_REMEMBERED = (
        "redirect-remembered",
        "the browser got here from {path} by a permanent redirect ({status}) of {by}{when}, which it keeps in its "
        "cache: it never asks for {path} again{detail}",
        "Clear the browser's cache. For others who have seen it, let this address lead on for some time. Redirect with "
        "Found or Temporary (302, 307) until it is right for good.",
    )
    ENCODED_TWICE = (
        "encoded-twice",
        "its URL is percent-encoded twice: {value}",
        "Leave out {{UrlEncode:}}: what a pattern took of the URL is encoded again where that is needed.",
    )
    TOOK_SEVERAL = (
        "took-several",
        'the rule "{rule}" took {count} links for one: its pattern is greedy, and matched {value}',
        "Let the pattern end at the quote: write [^\"']* for .* in it.",
    )
    WRITES_BACKEND = (
        "writes-backend",
        'the rule "{rule}" writes the backend\'s name itself: {before} became {after}',
        "Correct the value of the rule.",
    )
    WROTE_FIELD = (
        "wrote-field",
        'the rule "{rule}" {what}',
        "{todo}",
    )

    # A link, a name or a field is as the backend wrote it.
    BODY_PASSED = (
        "body-passed",
        "{detail}",
        "Let the backend respond differently: an inbound rule can remove Range or Accept-Encoding from the request.",
    )
    NO_TRANSFORM = (
        "no-transform",
        "{detail}",
        "Let the backend respond without no-transform, which forbids changing the body.",
    )
    SECTION_REFUSES = (
        "section-refuses",
        "the section {name} does not let it in: {detail}",
        "Change that section, if it should come in.",
    )
    OWN_RESPONSE = "own-response", "the response is this proxy's own, in which no link is mapped{detail}"
    LINKS_MAP_IT_NOW = (
        "links-map-it-now",
        "the setting links: everywhere maps it now, but did not when this exchange went through",
        "Load the page again.",
    )
    SPELLING = (
        "spelling",
        "the setting links: everywhere does not read this spelling",
        "Add an outbound rule for it.",
    )
    SPELLING_LEFT = "spelling-left", "it is written in a way that the link map does not read{where}{rules}"
    TAGS_END = (
        "tags-end",
        "the setting links: tags covers only the attributes that HTML defines as URLs, and this is {place}{rules}",
        "Set links: everywhere.",
    )
    NO_RULE = (
        "no-rule",
        "the site has links: {mode}, and no outbound rule handles {place}",
        "Set links: everywhere, or add an outbound rule for it.",
    )
    LINKS_OFF = "links-off", "the site has links: off, so only rules act{rules}"
    FIELD_LINKS_OFF = "field-links-off", "the site has links: off, so only rules act on headers{rules}"
    BACKENDS_OWN = (
        "backends-own",
        "the backend sent it this way; no rule changed it",
        "Mend it in the backend, or add an outbound rule for the {name} header.",
    )
    COMPARED_FIELD = (
        "compared-field",
        "{name} is compared, hashed or signed as it is, so it is left alone even where it looks like a URL",
    )
    COOKIE_VALUE = (
        "cookie-value",
        "the value of a cookie is the backend's own state: it is mapped only if linksAlso has cookieValues",
    )
    REASON_PHRASE = "reason-phrase", "the reason phrase is mapped only if linksAlso has reasonPhrase"
    REQUEST_BODY = (
        "request-body",
        "bodies of requests are mapped back only if linksAlso has requestBodies{detail}",
        "Add requestBodies to linksAlso{detail}.",
    )
    BASE64 = "base64", "base64 is left alone: what is in it may be signed, or its length declared{rules}"
    ENCODED_NAME = (
        "encoded-name",
        "{spelling} is left alone: what is in it may be signed, or its length declared{rules}",
    )
    MESSAGE = "websocket-message", "messages of WebSockets are mapped only if linksAlso has webSocketMessages"
    BINARY_MESSAGE = "binary-message", "binary messages of WebSockets are left alone: only their own program reads them"
    BARE_NAME_IN_FIELD = (
        "bare-name-in-field",
        "it is a bare name, not a URL, and {name} is not a field that names a host{rules}",
    )
    BARE_NAME = (
        "bare-name",
        "it is a bare name: neither a URL nor the whole of a quoted string in a script{rules}",
    )
    IDENTIFIER = "identifier", "{place} holds an identifier that is compared letter by letter, not an address"
    COMMENT = "comment", "{bare}comments are left as they are{detail}{rules}"
    VISIBLE_TEXT = "visible-text", "{bare}text that a reader sees is not a link{detail}{rules}"
    PLAIN_TEXT = "plain-text", "{bare}in text without a syntax nothing distinguishes a link from prose{detail}{rules}"
    SCRIPT_COMMENT = "script-comment", "comments of scripts are left as they are{rules}"
    NO_LINKS_THERE = "no-links-there", "{place} is not searched for links{rules}"
    PATH_IN_SCRIPT = (
        "path-in-script",
        "nothing distinguishes a path in a script from other text, and rootPaths does not name this one",
    )
    OUTSIDE_MOUNT = (
        "outside-mount",
        "it is outside of {path}, where the site of {value}, which asked for it, is published",
        "{detail}",
    )
    UNREADABLE = "unreadable", "the body cannot be read: {detail}"
    MAIL = "mail", "it is the host of an e-mail address, not a URL"
    OTHER_HOST = (
        "other-host",
        "the name is longer: that is another host than {host}, and no site publishes it",
    )
    OTHER_PORT = (
        "other-port",
        "the port is {port}, and the backend's is {ours}: to browsers that is another origin",
    )
    NOT_PUBLISHED = "not-published", "of this backend only what is below {paths} is published, and this is not"
    CONNECT_ADDRESS = (
        "connect-address",
        "it is the address under connect:, and links are mapped by the name under backend:",
    )
    NO_SITE = (
        "no-site",
        "rules send requests there, but no site is published for it, so nothing says what its links become",
    )

    # A backend failed.
    BACKEND_CONNECT = (
        "backend-connect",
        "no connection to the backend {server} was made ({detail})",
        "Check whether the backend is running, and whether its address (backend:, connect:) is right.",
    )
    BACKEND_TLS = (
        "backend-tls",
        "TLS with the backend {server} failed ({detail})",
        "Check the backend's certificate against tls: of the site or farm (ca, name), and whether it speaks TLS there.",
    )
    BACKEND_TIMEOUT = (
        "backend-timeout",
        "the backend {server} did not respond in time ({detail})",
        "See what the backend does for so long, or raise response: in timeouts.",
    )
    BACKEND_NO_HEAD = (
        "backend-no-head",
        "the backend {server} sent no head of a response that can be read ({detail})",
        "Look into the backend's own log, and check whether its address has the right scheme.",
    )
    BACKEND_H2C = (
        "backend-h2c",
        "the backend {server} speaks HTTP/2 without TLS (h2c), and it was asked by HTTP/1.1 ({detail})",
        "Let it take HTTP/1.1 there, too, or, as gRPC needs HTTP/2, give it TLS and write https:// for it.",
    )
    BACKEND_PROTOCOL = (
        "backend-protocol",
        "the backend {server} was asked by HTTP/1, and what it sent is {name}",
        "Correct the scheme or the port of backend: (or connect:), or let the backend speak HTTP/1 there.",
    )
    BACKEND_STATUS = (
        "backend-status",
        "the backend {server} sent no status from 100 to 599 ({detail})",
        "Mend what makes the first line of the response.",
    )
    BACKEND_UPGRADE = (
        "backend-upgrade",
        "the backend {server} changed to a protocol that nobody asked for ({detail})",
        "Mend the backend: 101 is for requests with that protocol in Upgrade.",
    )
    BACKEND_FIELDS = (
        "backend-fields",
        "the backend {server} sent fields that are not valid ({detail})",
        "Mend the fields of the response: a body has one Content-Length, or chunks, and never both.",
    )
    BACKEND_OVERSIZED = (
        "backend-oversized",
        "the backend {server} sent more than is taken ({detail})",
        "Let the backend send fewer or shorter fields, or raise the option urlrewrite_max_response_head or "
        "urlrewrite_max_field_lines.",
    )
    BACKEND_CUT = (
        "backend-cut",
        "the backend {server} ended its connection within the body ({detail})",
        "Look into the backend's own log: it failed in the middle of the response.",
    )
    BACKEND_RESET = (
        "backend-reset",
        "the backend {server} reset its connection within the body ({detail})",
        "Look into the backend's own log: it failed in the middle of the response.",
    )
    BACKEND_STALLED = (
        "backend-stalled",
        "the backend {server} stopped in the middle of the body ({detail})",
        "See what the backend waits for, or raise idle: in timeouts.",
    )
    WEBSOCKET_LOST = (
        "websocket-lost",
        "the backend {server} ended its connection without closing the WebSocket",
        "Look into the backend's own log: it failed, or something between closes connections that are silent.",
    )

    # A backend refused a request by a status that says why.
    COOKIES_TOO_LONG = (
        "cookies-too-long",
        "it carries {size} bytes of cookies, which may be more than it takes",
        "Delete the cookies of this host in the browser and try again. Let the application set fewer, or give them "
        "narrower Paths; or let the backend take larger headers.",
    )
    FIELDS_TOO_LARGE = (
        "fields-too-large",
        "the headers of the request are too large for it: {size} bytes, {cookies} of them cookies",
        "Delete the cookies of this host in the browser and try again. Let the application set fewer, or let the "
        "backend take larger headers.",
    )
    METHOD_REFUSED = (
        "method-refused",
        "it does not accept {method}{allowed}",
        "A redirect makes GET of POST unless it is a 307 or 308; a rule may have led to another address.",
    )
    URL_TOO_LONG = (
        "url-too-long",
        "its URL is too long for it: {size} bytes",
        "Send less in the query, or let the backend take longer URLs.",
    )
    BODY_TOO_LARGE = (
        "body-too-large",
        "the body of the request is too large for it{size}",
        "Let the backend take larger bodies.",
    )
    MISDIRECTED = (
        "misdirected",
        "it does not serve that name over that connection (421)",
        "Compare the Host that the backend gets (preserveHostHeader) with the name in TLS (tls: name).",
    )
    UPGRADE_WANTED = (
        "upgrade-wanted",
        "it wants another protocol: {wanted}",
        "Check whether the backend is to be spoken to by TLS, HTTP/2 or WebSocket.",
    )
    TOO_MANY_REQUESTS = (
        "too-many-requests",
        "it has had too many requests{when}",
        "Behind a proxy all clients may count as one: let the backend count by X-Forwarded-For.",
    )
    TYPE_REFUSED = (
        "type-refused",
        "it does not take the type {type}",
        "See whether a rule changes or removes Content-Type or Content-Encoding of the request.",
    )
    NOTHING_ACCEPTABLE = (
        "nothing-acceptable",
        "it has nothing that the client accepts: Accept is {accept}",
        "See whether a rule changes Accept, Accept-Encoding or Accept-Language of the request.",
    )

    # A backend says in a short page of an error why it refused a request.
    HOST_REFUSED = (
        "host-refused",
        "it does not accept the Host header {host}{by}",
        "{todo}",
    )
    FIELD_CHANGED = (
        "field-changed",
        'the rule "{rule}" {what} the {name} header, which the backend needs',
        "Let the rule leave {name} as the browser sent it, or switch the rule off.",
    )
    TLS_WANTED = (
        "tls-wanted",
        "it speaks TLS at this port, and was asked without TLS",
        "Write https:// in backend:.",
    )

    # Something was tried, and made a difference.
    TRIED_OTHERWISE = (
        "tried-otherwise",
        "with {becomes} in place of {was}, the backend is asked for {url}, which it has ({status})",
        "Write {becomes} in place of {was}. Tried on what was recorded.",
    )
    TRIED_WITHOUT = (
        "tried-without",
        "without {was}, the backend is asked for {url}, which it has ({status})",
        "Remove or correct {was}. Tried on what was recorded.",
    )
    TRIED_ON_CIRCLE = (
        "tried-on-circle",
        "with {becomes} in place of {was}, they end at {url}",
        "Write {becomes} in place of {was}. Tried on what was recorded: the redirects end then.",
    )
    NO_SUCH_GROUP = (
        "no-such-group",
        "{was} in its URL is empty, because {name} has no such group; with {becomes}, it leads to {url}",
        "Write {becomes} in place of {was}, if that is what the backend has.",
    )
    NEVER_ALL = (
        "never-all",
        "its conditions require {template} to match both {held} and {failed} ({was}), and nothing can match both; with "
        "{becomes}, the backend is asked for {url}",
        "Set logicalGrouping: {becomes}: the rule then acts if one of the conditions holds.",
    )
    TOLD_BY_RULE = (
        "told-by-rule",
        'the rule "{rule}" tells the backend {name}: {value} (without the rule: {before})',
        "Correct the rule, or switch it off: the backend redirects to where, by {name}, it is not asked.",
    )

    NAME_TOLD = (
        "name-told",
        'the rule "{rule}" tells the backend {name}: {value}, from which it makes its links',
        "Correct the value of the rule, or switch it off.",
    )

    # The backend was asked again with one thing changed, and answered otherwise.
    ASKED_WITHOUT_FIELD = (
        "asked-without-field",
        "the backend fails on the field {was}: asked without it, it answers {status}",
        "Mend the backend, or let the field not be sent: an inbound rule with the server variable {variable} set to an "
        "empty value.",
    )
    ASKED_WITHOUT_OURS = (
        "asked-without-ours",
        "the backend fails on the fields that this proxy adds ({was}): asked without them, it answers {status}",
        "Mend the backend, or let them not be sent: an inbound rule that sets their server variables to empty values.",
    )
    ASKED_AS_INNER_HOST = (
        "asked-as-inner-host",
        "the backend does not know the Host {was}: asked as {becomes}, it answers {status}",
        "Let it be asked by its own name: without preserveHostHeader, and without a rule that sets HTTP_HOST.",
    )
    ASKED_AS_PUBLIC_HOST = (
        "asked-as-public-host",
        "the backend does not know the Host {was}: asked as {becomes}, it answers {status}",
        "Set preserveHostHeader: true.",
    )
    ASKED_OTHER_SCHEME = (
        "asked-other-scheme",
        "the backend goes by what it is told of the scheme: told {becomes} in place of {was}, it answers {status}",
        "Publish the site by that scheme, or set the server variable HTTP_X_FORWARDED_PROTO by an inbound rule.",
    )
    ASKED_WITHOUT_COOKIES = (
        "asked-without-cookies",
        "the backend fails on the cookies ({was}): asked without them, it answers {status}",
        "Delete them in the browser, and see which one comes back.",
    )
    ASKED_WITHOUT_COOKIE = (
        "asked-without-cookie",
        "the backend fails on the cookie {was}: asked without it, it answers {status}",
        "Delete it in the browser; if it comes back, see what sets it.",
    )
    ASKED_FEWER_COOKIES = (
        "asked-fewer-cookies",
        "{was} of cookies are too many for the backend: asked with {becomes} of them, it answers {status}",
        "Let fewer or shorter cookies be set, or let the backend take longer fields.",
    )
    ASKED_OTHER_ORIGIN = (
        "asked-other-origin",
        "the backend refuses the Origin {was}: asked with {becomes}, it answers {status}",
        "Let the backend allow that origin, or set the server variable HTTP_ORIGIN by an inbound rule.",
    )
    ASKED_OTHER_TLS = (
        "asked-other-tls",
        "the backend speaks {becomes} at this port, and not {was}: asked so, it answers {status}",
        "Write {becomes}:// in backend:.",
    )
    ASKED_OTHER_VERSION = (
        "asked-other-version",
        "the backend speaks {becomes} at this port: asked by it, it answers {status}, and by {was} it does not",
        "Let the backend speak {was} there.",
    )
    ASKED_OTHER_URL = (
        "asked-other-url",
        'with {becomes} in place of {was} in the rule "{rule}", the backend is asked for {url} and answers {status}',
        "Write {becomes} in place of {was}. The backend was asked, and answers so.",
    )


def sentence(why: Why, values: Mapping[str, object]) -> str:
    """Return the sentence of a cause. Sentences are made nowhere else."""
    return why.template.format_map(values)
