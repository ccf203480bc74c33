"""The rules step by step: the URL after each inbound rule, fields and body after each outbound one.

URLs are read from the trace, which has them all. Of the response a trace has only single changes, so its steps are the
stages that evaluating the first k rules again gives (see `stages.py`). Where that is impossible, because the rules have
been changed since, the steps are put together from the causes of the single spans, each span at the last of its causes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from urlrewrite.inspector.diff.causes import ChangeCause
from urlrewrite.inspector.diff.differences import FOLLOWS_BODY, Differences, FieldChange, field_changes
from urlrewrite.inspector.diff.spans import Span, applied, spans_between
from urlrewrite.model.field_lines import FieldLines
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Reading, flag, name_of, text

_UNKNOWN = ChangeCause("other changes, whose cause the trace does not name", is_rule=False)

_WHAT: dict[str, tuple[str, str]] = {
    Name.REWRITE_ACTION: ("rewrites to", "rewrite_url"),
    Name.REDIRECT_ACTION: ("redirects to", "location"),
    Name.CUSTOM_RESPONSE_ACTION: ("responds with", "status"),
}


@dataclass(frozen=True, slots=True)
class UrlStep:
    """The URL, path and query, before and after one inbound rule; `acted` says whether it applied, `what`
    what it did.
    """

    rule: str
    before: str
    after: str
    acted: bool
    what: str = ""


@dataclass(frozen=True, slots=True)
class ResponseStep:
    """What one cause changed in the response: changes of fields, and the spans from the body `before` it to the next
    one.

    `before` is None where the body is not text.
    """

    cause: ChangeCause
    fields: tuple[FieldChange, ...]
    before: str | None
    spans: tuple[Span, ...]


def url_steps(reading: Reading) -> Iterator[UrlStep]:
    """Yield the inbound rules in the trace, in the order in which they were tried."""
    url = what = ""
    for event in reading.request:
        match name_of(event):
            case Name.URL_REWRITE_START:
                url = text(event, "url") or url
            case Name.RULE_EVALUATION_START:
                what = ""
            case Name.RULE_EVALUATION_END:
                after = text(event, "url") or url
                yield UrlStep(text(event, "rule"), url, after, flag(event, "succeeded"), what)
                url, what = after, ""
            case name if name in _WHAT:
                does, key = _WHAT[name]
                what = f"{does} {text(event, key)}"
            case Name.ABORT_REQUEST_ACTION:
                what = "closes the connection"


def response_steps(found: Differences, before: FieldLines) -> Iterator[ResponseStep]:
    """Yield the changes of the response whose fields were `before`, in the order in which they happened."""
    if not found.stages:
        yield from _by_causes(found)
        return
    body, fields = found.original.text, before
    for number, stage in enumerate(found.stages, 1):
        # Fields that follow from the body are made true once, at the end.
        after = stage.fields if number == len(found.stages) else _framed(stage.fields, before)
        changes = tuple(field_changes(fields, after, found.fields_told))
        spans = [] if body is None or stage.text is None else spans_between(body, stage.text, found.known)
        yield ResponseStep(stage.cause, changes, body, tuple(spans))
        body, fields = body if stage.text is None else stage.text, after


def _framed(fields: FieldLines, original: FieldLines) -> FieldLines:
    """Return the fields with those that follow from the body as in the original."""
    own = tuple(line for line in fields if line[0].lower() not in FOLLOWS_BODY)
    return own + tuple(line for line in original if line[0].lower() in FOLLOWS_BODY)


def _by_causes(found: Differences) -> Iterator[ResponseStep]:
    causes = dict.fromkeys([_last(change.by) for change in found.fields] + [_last(span.by) for span in found.spans])
    # What every response gets comes last, as it happens last.
    ordered = sorted(causes, key=lambda cause: not cause.is_rule)
    body, left = found.original.text, list(found.spans)
    for cause in ordered:
        fields = tuple(change for change in found.fields if _last(change.by) == cause)
        here: list[Span] = []
        later: list[Span] = []
        shift = 0
        for span in left:
            if _last(span.by) == cause:
                here.append(span)
                shift += len(span.after) - len(span.before)
            else:
                later.append(span.moved(shift))
        yield ResponseStep(cause, fields, body, tuple(here))
        body = None if body is None else applied(body, here)
        left = later


def _last(causes: tuple[ChangeCause, ...]) -> ChangeCause:
    return causes[-1] if causes else _UNKNOWN
