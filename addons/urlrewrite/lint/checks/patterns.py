"""Checks of patterns: texts of another syntax, texts that can never match, dots and pluses, runaway patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from urlrewrite.engine.variables import HOST_VARIABLES
from urlrewrite.lint import backtracking
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import begins_with, flat, is_only, needs
from urlrewrite.lint.views import InboundView, LevelView, OutboundView, PatternView, heading, quoted
from urlrewrite.model import PatternSyntax
from urlrewrite.patterns.tree import Chars

_GLOB = re.compile(r"\^?[\w/.\-]*/\*(?:\.?[\w/.\-]+\$?)?")
_EXPRESSION = re.compile(r"\A\^|(?<!\\)\$\Z|\\[.dwsDWS/]|\([^()*+]*+[*+][^()]*+\)|\[\^?(?!\])[^\]\[]*+\[?\]")
_QUERY = re.compile(r"(?:[\w/]|\\\.)\\?\?(?=[\w\-]+=)")
_SCHEME = re.compile(r"\^?\(?(?:https?|https\?|http\(s\)\?|http\[s\]\?):(?:\\?/){2}")
_PUBLIC_NAME = re.compile(r"\^?www\\?\.[a-z0-9\-]+\\?\.(?:com|net|org|info|de|eu|io|co)\b", re.IGNORECASE)
_HOST_VARIABLES = (*HOST_VARIABLES, "ORIGINAL_HOST", "HTTP_X_ORIGINAL_HOST", "HTTP_X_FORWARDED_HOST")
_DOT = re.compile(r"(?<=[A-Za-z0-9\])])(?<!\\)\.(?=[A-Za-z0-9(\[])")
_AUTHORITY = re.compile(r":(?:\\?/){2}(?P<host>(?:\\.|[^/(\\$|\s])*)")
_SUFFIX = re.compile(r"(?<=[a-z])\+(?=(?:xml|json)\b)")


@check(
    "UR133",
    "A wildcard in a regular expression",
    PatternView,
    means="A pattern of the syntax ECMAScript looks like a file mask: in a regular expression `/*` is any number of "
    "slashes, not anything after a slash.",
    iis="Treats it as a regular expression. `myapp/*` matches `myapp`, `myapp///` and `xmyappx`; a mask that begins "
    "with `*` is not a valid expression, and every request of the site gets 500.50.",
    here="The same; a pattern that begins with `*` is refused when it is loaded (UR110).",
    write="`patternSyntax: Wildcard` with the mask, or `.*` for `*` and `\\.` for `.`: `^myapp/(.*)`.",
)
def wildcard_as_expression(view: PatternView) -> Iterator[Finding]:
    if view.syntax is PatternSyntax.ECMASCRIPT and _GLOB.fullmatch(view.text):
        fixed = re.sub(r"(?<!\\)\.", r"\\.", view.text).replace("*", "(.*)")
        fixed = fixed if fixed.startswith("^") else "^" + fixed
        yield Finding(
            f"{view.name} is a regular expression, in IIS as here, where '/*' is any number of slashes and not any "
            f"text: write {quoted(fixed)}, or set patternSyntax to Wildcard",
            view.source,
        )


@check(
    "UR134",
    "A regular expression in a Wildcard or ExactMatch pattern",
    PatternView,
    means="The rule's patternSyntax is Wildcard or ExactMatch, which holds for its conditions as well, but the pattern "
    "is written as a regular expression.",
    iis="Takes `^`, `$`, `\\.`, `(` and so on as they stand, and the pattern matches nothing.",
    here="The same.",
    write="Leave patternSyntax out, or write the pattern without these characters: `off` for `^off$`.",
)
def expression_as_text(view: PatternView) -> Iterator[Finding]:
    if view.syntax is PatternSyntax.ECMASCRIPT or (found := _EXPRESSION.search(view.text)) is None:
        return
    if _is_body(view):
        return
    yield Finding(
        f"{view.name} is taken as {view.syntax}, in IIS as here, so that {quoted(found[0])} stands for itself and "
        "the pattern hardly matches anything: leave patternSyntax out, or write the pattern as plain text",
        view.source,
    )


def _is_body(view: PatternView) -> bool:
    """Say whether the pattern is for a body, where such characters do occur."""
    owner = view.owner
    return view.condition is None and isinstance(owner, OutboundView) and not (owner.variable or owner.tags)


@check(
    "UR135",
    "A leading slash that can never match",
    InboundView,
    means="The pattern of an inbound rule begins with a slash. What it is compared with is the path without its first "
    "slash, so it never matches (or with `negate` always).",
    iis="Never runs the rule. Only conditions on `{URL}`, `{PATH_INFO}` and `{REQUEST_URI}` see the slash.",
    here="The same.",
    write="The pattern without the slash: `^api/(.*)` for `^/api/(.*)`. `^/?api/(.*)` matches both ways.",
)
def leading_slash(view: InboundView) -> Iterator[Finding]:
    if view.pattern is None or not begins_with(view.pattern, "/"):
        return
    fixed = re.sub(r"\\?/", "", view.item.match.url, count=1)
    result = "always matches" if view.item.match.negate else "never matches"
    yield Finding(
        f"the pattern {quoted(view.item.match.url)} {result}: in IIS, and here, the path that it is compared with has "
        f"no leading slash; write {quoted(fixed)}"
    )


@check(
    "UR136",
    "A query, a scheme or a host in the pattern of a path",
    InboundView,
    means="The pattern of an inbound rule looks for a query string, a scheme, a host or a fragment. It is compared "
    "with the path alone.",
    iis="Never runs the rule.",
    here="The same.",
    write="A condition: on `{QUERY_STRING}` (without the `?`), on `{HTTP_HOST}`, on `{HTTPS}` with `^on$` or `^off$`. "
    "What it captures is `{C:1}`. A fragment (`#...`) is never sent by a browser.",
)
def more_than_a_path(view: InboundView) -> Iterator[Finding]:
    text, pattern = view.item.match.url, view.pattern
    if pattern is None or view.item.match.negate:
        return
    parts = flat(pattern.tree)
    part = ""
    if any(isinstance(node, Chars) and is_only(node.ranges, "?") for node in parts) or _QUERY.search(text):
        part = "a query string, so it never matches: test it in a condition on {QUERY_STRING}"
    elif any(isinstance(node, Chars) and is_only(node.ranges, "#") for node in parts):
        part = "a fragment, which browsers never send"
    elif _SCHEME.match(text) or needs(pattern, "://"):
        part = "a scheme and a host: test them in conditions on {HTTPS} and {HTTP_HOST}"
    elif host := _named_host(view):
        part = f"the host {host}: test it in a condition on {{HTTP_HOST}}"
    if part:
        yield Finding(
            f"the pattern {quoted(text)} is compared with the path alone, in IIS as here, and looks for {part}"
        )


def _named_host(view: InboundView) -> str:
    """Return a host that stands at the beginning of the pattern, "" if there is none."""
    text = view.item.match.url.lower().removeprefix("^").replace("\\", "")
    public = [origin.host for origin in (view.context.site.public if view.context.site else ())]
    for host in public:
        if "." in host and (text == host or text.startswith((host + "/", host + "$", host + "("))):
            return host
    found = _PUBLIC_NAME.match(view.item.match.url)
    return found[0].lstrip("^").replace("\\", "") if found else ""


@check(
    "UR137",
    "A dot of a host name that is not escaped",
    PatternView,
    means="In a pattern for a host, or for a URL, a dot of the name stands without a backslash: it matches any "
    "character. The wizards of IIS Manager write such patterns.",
    iis="`^www.example.com$` matches `www-example.com` as well, a name that somebody else can register.",
    here="The same.",
    write="`\\.` for each such dot: `^www\\.example\\.com$`.",
)
def open_dots(view: PatternView) -> Iterator[Finding]:
    if view.syntax is not PatternSyntax.ECMASCRIPT:
        return
    if view.condition and view.condition.asks(*_HOST_VARIABLES):
        fixed = _DOT.sub(lambda _: r"\.", view.text)
    else:
        fixed = _AUTHORITY.sub(lambda found: _DOT.sub(lambda _: r"\.", found[0]), view.text)
    if fixed != view.text:
        yield Finding(
            f"in {view.name} a dot of the host name matches any character, in IIS as here: write {quoted(fixed)}",
            view.source,
        )


@check(
    "UR138",
    "A plus in a media type that is not escaped",
    PatternView,
    means="In a regular expression the plus of `image/svg+xml` repeats the letter before it, so that the pattern "
    "matches `image/svggxml` and not the media type.",
    iis="Never finds the media type.",
    here="The same.",
    write="`\\+`: `application/xhtml\\+xml`.",
)
def plus_in_media_type(view: PatternView) -> Iterator[Finding]:
    if view.syntax is PatternSyntax.ECMASCRIPT and "/" in view.text and _SUFFIX.search(view.text):
        fixed = _SUFFIX.sub(r"\\+", view.text)
        yield Finding(
            f"in {view.name} the '+' repeats the letter before it, in IIS as here, so that the media type is not "
            f"found: write {quoted(fixed)}",
            view.source,
        )


@check(
    "UR139",
    "A pattern that can take forever",
    LevelView,
    means="A loop in the pattern can take the same text in many ways, as in `(a+)+` or `(\\s|.)*`. Where the rest does "
    "not match, all of them are tried, and each further character multiplies them.",
    iis="A worker process runs at 100 % until the match is done, which may be never; a client can cause it.",
    here="The pattern is given up after `urlrewrite_pattern_deadline` (for bodies `urlrewrite_body_deadline`), and the "
    "request gets 500, or the body is left alone; the trace says so.",
    write="Let each part of the loop begin with a character that the others do not take: `[^/]+(/[^/]+)*` for "
    "`([^/]+/?)*`, `[\\s\\S]*` for `(\\s|.)*`.",
)
def takes_for_ever(level: LevelView) -> Iterator[Finding]:
    budget = backtracking.Budget()
    for view in level.patterns:
        if view.pattern is None or view.pattern.linear or view.syntax is not PatternSyntax.ECMASCRIPT:
            continue
        if found := backtracking.bad_text(view.pattern.tree, budget):
            start, piece, end = found
            text = quoted(start) + ", " if start else ""
            text += f"{backtracking.PIECES} times {quoted(piece)}" + (f" and {quoted(end)}" if end else "")
            yield Finding(
                f"{heading(view)}{view.name} can take forever, for example on {text}: IIS would hang, here the "
                "request fails after the deadline; let each part of the repeated group begin with a character that no "
                "other part takes",
                view.source,
                view.rule,
            )
