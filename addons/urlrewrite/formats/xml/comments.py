"""Comments: whose they are, and those that say something to us.

    <!-- urlrewrite: silence UR131 UR140 -->   findings that are not to be reported
    <!-- urlrewrite: redirectType=308 -->      what IIS has no name for

stand before a rule or in it (the first of them also before a section beside `<rewrite>`, or in it), and

    <!-- urlrewrite: relative to the location -->

before a `<location>` whose rules have their URLs relative to it, and not to the application as IIS has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.formats.xml.nodes import Comment, Element
from urlrewrite.model import RedirectType

_DIRECTIVE = re.compile(r"urlrewrite:\s*(.*)", re.IGNORECASE | re.DOTALL)
_SILENCE = re.compile(r"silence((?:[\s,]+UR\d{3})+)", re.IGNORECASE)
_REDIRECT_TYPE = re.compile(r"redirectType\s*=\s*[\"']?(?:308|PermanentRedirect)[\"']?", re.IGNORECASE)

LOCATION_DIRECTIVE = "urlrewrite: relative to the location"
RELATIVE_TO_LOCATION = re.compile(re.escape(LOCATION_DIRECTIVE), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What the comments of a rule say."""

    comment: str = ""
    silenced: tuple[str, ...] = ()
    redirect_type: RedirectType | None = None


def joined(comments: Iterable[Comment]) -> str:
    """Join the texts of comments, each on lines of its own."""
    return "\n".join(comment.text for comment in comments if comment.text)


def plain_comment(comments: Iterable[Comment], report: Report) -> str:
    """Join the comments of an entry other than a rule; report directives, which have no meaning there."""
    kept = []
    for comment in comments:
        if _DIRECTIVE.match(comment.text):
            message = f"got the directive {shown(comment.text)}, expected it before a rule or in one"
            report.warning(comment.line, ProblemId.BAD_DIRECTIVE, message)
        else:
            kept.append(comment)
    return joined(kept)


def silenced_by(*elements: Element) -> frozenset[str]:
    """Return the ids that comments before elements, or at their ends, silence; other directives are for rules."""
    comments = (comment for element in elements for comment in (*element.comments, *element.trailing))
    found = (_SILENCE.fullmatch(directive[1]) for comment in comments if (directive := _DIRECTIVE.match(comment.text)))
    return frozenset(id for each in found if each for id in each[1].upper().replace(",", " ").split())


def remarks_of(rule: Element, report: Report) -> Remarks:
    """Read the comments before a rule and in it, except those that belong to a condition or a variable."""
    kept: list[Comment] = []
    silenced: dict[str, None] = {}
    redirect_type = None
    for comment in _comments_of(rule):
        directive = _DIRECTIVE.match(comment.text)
        if directive is None:
            kept.append(comment)
        elif found := _SILENCE.fullmatch(directive[1]):
            silenced.update(dict.fromkeys(found[1].upper().replace(",", " ").split()))
        elif _REDIRECT_TYPE.fullmatch(directive[1]):
            redirect_type = RedirectType.PERMANENT_REDIRECT
        else:
            message = f"got the directive {shown(comment.text)}, expected silence UR... or redirectType=308"
            report.warning(comment.line, ProblemId.BAD_DIRECTIVE, message)
    return Remarks(joined(kept), tuple(silenced), redirect_type)


def _comments_of(rule: Element) -> Iterator[Comment]:
    yield from rule.comments
    for child in rule.children:
        yield from child.comments
        yield from child.trailing
    yield from rule.trailing
