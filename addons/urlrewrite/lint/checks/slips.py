"""Checks of what a rule brought along from where it was copied.

Backslashes of Markdown, JSON and JavaScript; entities, quotes and blanks of web pages and word processors.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from urlrewrite.engine.template import Literal
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import InboundView, LevelView, OutboundView, PatternView, quoted
from urlrewrite.model import ActionType, PatternSyntax

_DOUBLED = re.compile(r"\\\\(?=[.dwsDWSb/?+*()\[\]{}^$|-])")
_ESCAPED_STAR = re.compile(r"(?<=[.\])])\\\*")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#0*3[49]);")
_QUOTES = re.compile(r"(?<=^\^)[“”„‟″]|^[“”„‟″]|[“”„‟″](?=\$?$)")
_UNSEEN = re.compile("[\u00a0\u00ad\u200b-\u200f\u2060\ufeff]")
_OUTSIDE = re.compile(r"^\s+(?=\^)|(?<=[^\\]\$)\s+$")
_FILES = ("REQUEST_FILENAME", "PATH_TRANSLATED", "SCRIPT_FILENAME", "SCRIPT_TRANSLATED", "APPL_PHYSICAL_PATH")


@check(
    "UR241",
    "A backslash that was doubled or added on the way",
    PatternView,
    means="The pattern has `\\\\.` or `\\\\d`, as JSON and JavaScript write `\\.` and `\\d`, or `.\\*`, as Markdown "
    "writes "
    "`.*`. It looks for a backslash, or for a star, which no URL has.",
    iis="Looks for them, and never matches.",
    here="The same.",
    write="`\\.` for `\\\\.`, `.*` for `.\\*`.",
)
def slip(view: PatternView) -> Iterator[Finding]:
    if view.syntax is not PatternSyntax.ECMASCRIPT or view.pattern is None or _may_have_backslashes(view):
        return
    fixed = _ESCAPED_STAR.sub("*", _DOUBLED.sub(r"\\", view.text))
    if fixed != view.text:
        found = _DOUBLED.search(view.text) or _ESCAPED_STAR.search(view.text)
        assert found
        what = "a backslash" if found[0] == "\\\\" else "a star"
        yield Finding(f"{view.name} looks for {what}, in IIS as here: write {quoted(fixed)}", view.source)


def _may_have_backslashes(view: PatternView) -> bool:
    """Say whether the pattern is for bodies and values, in which URLs may be escaped, or for names of files."""
    if view.condition is None:
        return isinstance(view.owner, OutboundView)
    return view.condition.asks(*_FILES) or isinstance(view.owner, OutboundView)


@check(
    "UR244",
    "A backslash in the URL of an action",
    InboundView,
    means="The URL has a backslash, as Markdown writes `\\_` for `_`, and JSON and JavaScript `\\/` for `/`. There it "
    "is a character like any other.",
    iis="Sends it.",
    here="Sends it, as `%5C`.",
    write="`_` for `\\_`, `/` for `\\/`.",
)
def backslash_in_url(view: InboundView) -> Iterator[Finding]:
    if view.item.action.type not in (ActionType.REWRITE, ActionType.REDIRECT):
        return
    path = "".join(node.text if isinstance(node, Literal) else "x" for node in view.url.nodes).partition("?")[0]
    if "\\" in path:
        fixed = re.sub(r"\\(?=[^\w\s]|_)", "", view.url.source)
        hint = "remove it" if "\\" in fixed or fixed == view.url.source else f"write {quoted(fixed)}"
        yield Finding(f"{quoted(view.url.source)} has a backslash, in IIS as here: {hint}")


@check(
    "UR245",
    "A character that came along with the text",
    LevelView,
    means="A pattern or a URL has what a web page or a word processor put into it: `&amp;amp;` for `&amp;`, a mark of "
    "quotation as printers have it, a character that nobody sees (a blank that does not break, or has no width), or, "
    "in a pattern, a blank in front of `^` or behind `$`.",
    iis="Takes it as it stands: the pattern never matches, the URL is another one.",
    here="The same.",
    write="The text without it; in XML `&amp;` is the character `&`.",
)
def came_along(view: LevelView) -> Iterator[Finding]:
    for pattern in view.patterns:
        if not isinstance(pattern.owner, InboundView) or pattern.syntax is PatternSyntax.EXACT_MATCH:
            continue
        fixed = _without_what_came(pattern.text)
        if pattern.syntax is PatternSyntax.ECMASCRIPT:
            fixed = _OUTSIDE.sub("", fixed)
        if fixed != pattern.text:
            message = f"{pattern.name} has what is no part of it, in IIS as here: write {quoted(fixed)}"
            yield Finding(message, pattern.source, pattern.rule)
    for rule in view.inbound:
        source = rule.url.source
        if rule.item.action.type in (ActionType.REWRITE, ActionType.REDIRECT):
            fixed = _without_what_came(source)
            if fixed != source:
                message = f"{quoted(source)} has what is no part of it, in IIS as here: write {quoted(fixed)}"
                yield Finding(message, rule.source, rule.rule)


def _without_what_came(text: str) -> str:
    plain = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return _UNSEEN.sub("", _QUOTES.sub("", plain))
