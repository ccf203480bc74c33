"""One fuzzed exchange, and what must hold of it whatever comes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from counting import TooManySteps, counted_steps
from fuzz.mutations import FIELDS, TYPES, B, coded, mutated, mutated_text
from rules_of import ask, rules_of
from urlrewrite.content.changes import Links
from urlrewrite.content.kinds import Kind
from urlrewrite.content.links.link_map import LinkMap, Pair
from urlrewrite.content.mapping import content_rewriter, rewrite_content
from urlrewrite.exchange.rules_in_force import RulesInForce
from urlrewrite.model.origin import Origin

MAX_STEPS = 3_000_000
"""Lines of Python that one exchange of at most 64 kB (before decoding) may take."""

RULES = """
links: everywhere
preConditions:
  html: [{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}]
outboundRules:
  - name: location
    match: {serverVariable: RESPONSE_Location, pattern: '^http://privateserver:8080/(.*)'}
    action: {type: Rewrite, value: '/moved/{R:1}'}
  - name: cookie
    match: {serverVariable: RESPONSE_Set_Cookie, pattern: '^(.*)$'}
    action: {type: Rewrite, value: '{R:1}; Secure'}
  - name: tags
    preCondition: html
    match: {filterByTags: 'A, Form, Img, Link', pattern: '^http(s)?://privateserver:8080/(.*)'}
    action: {type: Rewrite, value: 'https://www.example.com/{R:2}'}
  - name: body
    preCondition: html
    match: {pattern: 'href=(.*?)http://privateserver'}
    action: {type: Rewrite, value: 'href={R:1}https://www.example.com'}
"""
LINK_MAP = LinkMap([Pair(Origin("http", "privateserver", 8080), Origin("https", "www.example.com", 443))])
LINKS_ONLY = "links: everywhere"
ALL_PLACES = "linksAlso: [comments, cookieValues, plainText, queries, reasonPhrase, requestBodies, visibleText]"
NOTHING = "links: off"


class ViolationError(AssertionError):
    """What must hold did not."""


def rule_sets() -> list[RulesInForce]:
    """Rules of every kind, links only, links in all places, and nothing at all."""
    return [rules_of(RULES), rules_of(LINKS_ONLY), rules_of(ALL_PLACES), rules_of(NOTHING)]


def exchange(rules: list[RulesInForce], made: list[bytes], rng: random.Random) -> None:
    """Sends one damaged response through one of the rule sets.

    Raises:
        ViolationError: it took too many steps, or bytes changed that nothing could have asked to change.
    """
    page = mutated(made, rng)
    body, coding = coded(page, rng)
    content_type = rng.choice(TYPES)
    lines = [("Content-Type", content_type)] if content_type else []
    lines += coding + [(name, mutated_text(value, rng)) for name, value in rng.sample(FIELDS, rng.randrange(6))]
    number = rng.randrange(len(rules))
    method = rng.choice(["GET"] * 8 + ["HEAD", "POST"])
    status = rng.choice([200] * 12 + [201, 206, 302, 304, 404, 500])
    with _bounded():
        result = ask(rules[number], "https://www.example.com/x", method=method, answer=(status, lines, body))
    if number == len(rules) - 1 and result.body is not None and result.body != body:
        raise ViolationError("a body was changed that no rule and no link concerns")
    if (
        number == 1
        and B[7:].split(b":")[0] not in page.translate(None, b"\t\r\n").lower()
        and result.body not in (None, body, b"")
        and not coding
    ):
        raise ViolationError("a body was changed that does not name the backend")


def chunks(made: list[bytes], rng: random.Random) -> None:
    """Rewrites one damaged body of any kind whole and in chunks.

    Raises:
        ViolationError: the results differ, or it took too many steps.
    """
    page = mutated(made, rng)
    kind = rng.choice([kind for kind in Kind if kind is not Kind.BINARY])
    more = rng.random() < 0.3
    links = Links(LINK_MAP, rng.random() < 0.8, lambda *change: None, visible_text=more, comments=more, plain_text=more)
    rewriter = content_rewriter(kind, links=links)
    if rewriter is None:
        return
    size = rng.choice((1, 3, 17, 100, 1000, 5000))
    page = page[: size * 400]
    with _bounded():
        whole = rewrite_content(page, kind, links=links)
        pieces = [rewriter.feed(page[start : start + size]) for start in range(0, len(page), size)]
        pieces.append(rewriter.finish())
    if b"".join(pieces) != whole:
        raise ViolationError(f"{kind} in pieces of {size} bytes is not what it is as a whole")


@contextmanager
def _bounded() -> Iterator[None]:
    try:
        with counted_steps(MAX_STEPS):
            yield
    except TooManySteps as error:
        raise ViolationError(str(error)) from error
