"""Inline code, and data: and blob: addresses, that a page's own Content-Security-Policy forbids.

Where no policy forbade it in the backend's page, a rule put the code there, or the policy: that rule is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.content.html.rewriter import HtmlScanner, Token, TokenKind
from urlrewrite.content.integrity import digests
from urlrewrite.inspector.diagnose.breakage import Breakage, BreakageSeverity, Knowledge, Loss
from urlrewrite.inspector.diagnose.browser_rules import BrowserRule
from urlrewrite.inspector.diagnose.case import Case
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_policies import NAME, PagePolicy, is_the_backends, policies_of
from urlrewrite.inspector.diagnose.page_references import is_html
from urlrewrite.inspector.diagnose.unmapped import field_cause
from urlrewrite.inspector.diff.bodies_decoded import MAX_LENGTH
from urlrewrite.inspector.text import sentences
from urlrewrite.trace.reading import text
from urlrewrite.trace.text import shown

_MAX_CODES = 500
_NO_CODE = frozenset({"application/json", "application/ld+json", "importmap", "speculationrules", "text/template"})
_DATA = re.compile(r"\s*(data|blob):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of what a policy may forbid: the directives that govern it, the first that is there counts."""

    rule: BrowserRule
    directives: tuple[str, ...]
    noun: str
    loss: Loss


_SCRIPT = _Kind(
    BrowserRule.CSP_INLINE_SCRIPT, ("script-src-elem", "script-src", "default-src"), "inline script", Loss.FUNCTION
)
_STYLE = _Kind(BrowserRule.CSP_INLINE_STYLE, ("style-src-elem", "style-src", "default-src"), "inline style", Loss.LOOK)
_HANDLER = _Kind(
    BrowserRule.CSP_HANDLER, ("script-src-attr", "script-src", "default-src"), "inline event handler", Loss.FUNCTION
)
_STYLE_ATTRIBUTE = _Kind(
    BrowserRule.CSP_INLINE_STYLE, ("style-src-attr", "style-src", "default-src"), "style attribute", Loss.LOOK
)
_PICTURE = _Kind(BrowserRule.CSP_SOURCE, ("img-src", "default-src"), "picture", Loss.PART)


@dataclass(frozen=True, slots=True)
class _Code:
    """A piece of inline code, or an address of data: (`scheme`)."""

    kind: _Kind
    code: str
    nonce: str = ""
    scheme: str = ""


def blocked_inline_code(case: Case) -> Iterator[Breakage]:
    """Yield what stands in the page itself and what its policies do not allow."""
    page = case.page
    body = case.body(page)
    if not body or not is_html(page.response, page.response_body):
        return
    policies = list(policies_of(case, page))
    codes = list(_codes(body)) if policies else []
    for policy in policies:
        blocked: dict[_Kind, list[_Code]] = {}
        for each in codes:
            name = policy.directive(*each.kind.directives)
            if name and not _allows(policy.directives[name], each):
                blocked.setdefault(each.kind, []).append(each)
        for kind, same in blocked.items():
            yield _breakage(case, policy, kind, same)


def _codes(body: str) -> Iterator[_Code]:
    """Yield the inline code of a page, in its order."""
    data = body.encode("utf-8", "replace")
    count = 0
    for token in HtmlScanner(kinds={TokenKind.START_TAG, TokenKind.RAW_TEXT}, limit=MAX_LENGTH).feed(data, final=True):
        found: list[_Code] = []
        if token.kind is TokenKind.START_TAG:
            found = list(_of_tag(token))
        elif token.name == b"script" and token.get(b"src") is None and _runs(token):
            found = [_Code(_SCRIPT, _text(data[token.start : token.end]), _value(token, b"nonce"))]
        elif token.name == b"style":
            found = [_Code(_STYLE, _text(data[token.start : token.end]), _value(token, b"nonce"))]
        yield from found
        count += len(found)
        if count > _MAX_CODES:
            return


def _of_tag(tag: Token) -> Iterator[_Code]:
    for each in tag.attributes:
        if each.duplicate or each.value is None:
            continue
        name, value = each.name.lower(), _text(each.value)
        if name.startswith(b"on"):
            yield _Code(_HANDLER, value)
        elif name == b"style" and value.strip():
            yield _Code(_STYLE_ATTRIBUTE, value)
        elif (tag.name, name) == (b"img", b"src") and (found := _DATA.match(value)):
            yield _Code(_PICTURE, value, scheme=found[1].lower())


def _runs(token: Token) -> bool:
    return _value(token, b"type").strip().lower() not in _NO_CODE


def _value(token: Token, name: bytes) -> str:
    return _text(token.get(name) or b"")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _allows(sources: list[str], code: _Code) -> bool:
    """Say whether a source list allows inline code (CSP 3, 6.7.3.3), or an address of data: or blob:."""
    words = [source.lower() for source in sources]
    if code.scheme:
        return f"{code.scheme}:" in words
    nonces = [source for source in sources if source.lower().startswith("'nonce-")]
    hashes = {source.strip("'") for source in sources if source.lower().startswith("'sha")}
    of_element = code.kind in (_SCRIPT, _STYLE)
    if of_element and code.nonce and f"'nonce-{code.nonce}'" in nonces:
        return True
    if (of_element or "'unsafe-hashes'" in words) and hashes & set(digests(code.code.encode()).values()):
        return True
    strict = code.kind in (_SCRIPT, _HANDLER) and "'strict-dynamic'" in words
    return "'unsafe-inline'" in words and not nonces and not hashes and not strict


def _breakage(case: Case, policy: PagePolicy, kind: _Kind, same: list[_Code]) -> Breakage:
    page = case.page
    name = policy.directive(*kind.directives)
    sources = " ".join(policy.directives[name]) or "'none'"
    cause = _writer(case, same) or field_cause(case, page, NAME)
    whose = "the policy in the page" if policy.in_page else NAME
    what = f"an {kind.noun} of this page" if len(same) == 1 else f"{len(same):,} pieces of code ({kind.noun})"
    what = f"a {kind.noun} by {same[0].scheme}:" if same[0].scheme else what
    title = sentences(f"{whose} blocks {what}: {name} is {shown(sources, 120)}", cause.why)
    evidence = (("blocked", same[0].code.strip()), (NAME, policy.value.strip()), kind.rule.evidence)
    original = case.body(page, original=True)
    own = not cause.rule and original is not None and original == case.body(page)
    # A page that its backend sends so was never seen to work: its policy may be meant.
    severity = BreakageSeverity.WARNING if own and is_the_backends(case, page, policy) else BreakageSeverity.ERROR
    return Breakage(
        "csp-inline", kind.loss, title, (page.flow_id,), evidence, cause.rule, cause.source, cause.todo,
        severity=severity, count=len(same), code=kind.rule.code, known=Knowledge.SPECIFICATION,
    )  # fmt: skip


def _writer(case: Case, codes: list[_Code]) -> Cause | None:
    """Return the rule that wrote one of some pieces of code into the page."""
    for event in case.changes(case.page):
        rule, before, after = text(event, "rule"), text(event, "before"), text(event, "after")
        if not rule:
            continue
        for each in codes:
            part = each.code.strip()[:80]
            if part and part in after and part not in before:
                source = case.rule_source(rule, case.page)
                why = f'the rule "{rule}" wrote it into the page'
                todo = "Let the rule write the code into a file of its own, or let a rule add its hash to the policy."
                return Cause(rule, source, why, todo)
    return None
