"""The request's side of a report: site, inbound rules one by one, and what was set on the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from urlrewrite.inspector.text import counted, padded
from urlrewrite.inspector.traces.attempts import refusal_text, servers_told
from urlrewrite.inspector.traces.changes import field_changes, link_changes
from urlrewrite.inspector.traces.comparisons import (
    CONDITIONS,
    INSIDE,
    SCOPES,
    captures,
    comparison,
    conditions,
    labelled,
    lookup,
    mark,
)
from urlrewrite.trace.events import Name
from urlrewrite.trace.reading import Block, Event, Reading, flag, inbound_blocks, name_of, number, other, text, texts
from urlrewrite.trace.text import shown, visible

_REASONS = {"disabled": "enabled: false", "{R:0}": "what the pattern needs is not in the URL"}
_MAX_REASONS = 20


def request_part(reading: Reading) -> list[str]:
    """Return the lines of the request's side."""
    lines: list[str] = []
    set_on_request: list[Event] = []
    after: list[str] = []
    in_body: list[Event] = []
    for block in inbound_blocks(reading.request):
        if block.name:
            lines += rule(block)
            continue
        for event in block.events:
            match name_of(event):
                case Name.SITE_CHOSEN:
                    site, public = shown(text(event, "site")), shown(text(event, "public"))
                    lines.append(labelled("site", f"{site}, published as {public}", "  "))
                case Name.URL_REWRITE_START:
                    scope = SCOPES.get(text(event, "scope"), text(event, "scope"))
                    inside = f", in {shown(text(event, 'location'))}" if text(event, "location") else ""
                    lines += ["", f"  {visible(scope)}{inside}, on {shown(text(event, 'url'))}"]
                case Name.SECTION_PASSED | Name.SECTION_ANSWERED:
                    lines += _section(event)
                case Name.RULES_RULED_OUT:
                    lines += _ruled_out(event)
                case Name.RULE_DISABLED:
                    lines.append(f"  – {visible(text(event, 'rule'))}  (enabled: false)")
                case Name.RULE_OUTSIDE_LOCATION:
                    where = shown(text(event, "location"))
                    lines.append(
                        f"  – {visible(text(event, 'rule'))}  (the URL is no longer in its directory, {where})"
                    )
                case Name.GENERAL_SET_REQUEST_HEADER:
                    set_on_request.append(event)
                case Name.QUERY_MAPPED_BACK | Name.SAML_LEFT:
                    after += _query(event)
                case Name.REQUEST_BODY:
                    links = number(event, "links")
                    count = "" if links is None else f": {counted(links, 'link')} mapped back"
                    what = f"{visible(text(event, 'way'))}, {visible(text(event, 'kind'))}{count}"
                    after.append(labelled("body", what, "  "))
                case Name.REQUEST_BODY_CHANGE:
                    in_body.append(event)
                case Name.REQUEST_QUEUED:
                    ahead, waited = number(event, "ahead") or 0, number(event, "milliseconds") or 0
                    queue = f"{waited:,} ms in the queue of {shown(text(event, 'farm'))}, behind {ahead:,} others"
                    after.append(labelled("waited", queue, "  "))
                case Name.ARR_SERVER_ROUTED | Name.SERVER_FAILED | Name.NO_SERVER | Name.SERVER_STATE:
                    after.append(_server(event))
                case Name.EARLY_HINTS:
                    after.append(_early_hints(event))
                case Name.REQUEST_ROUTED | Name.ANSWERED:
                    after += list(_routed(event))
                case Name.REDIRECT_ACTION:
                    after += _step(event, block)
                case Name.URL_REWRITE_END | Name.WARNING | Name.ERROR:
                    pass
                case _:
                    lines.append(f"  {other(event)}")
    if set_on_request:
        lines += ["", "  Set on the request", *field_changes(set_on_request)]
    return [*lines, *(["", *after] if after else []), *link_changes(in_body, len(in_body))]


def _query(event: Event) -> list[str]:
    """Return what became of a parameter of the query."""
    name = shown(text(event, "name"))
    if name_of(event) == Name.SAML_LEFT:
        names = ", ".join(map(shown, texts(event, "addresses"))) or "nothing that can be read"
        return [labelled("query", f"{name} is deflated and left as it is; it names {names}", "  ")]
    why = visible(text(event, "protocol")) or "linksAlso: queries"
    before, after = shown(text(event, "before")), shown(text(event, "after"))
    title = labelled("query", f"{name} ({why}) mapped back", "  ")
    return [title, labelled("", f"- {before}", "  "), labelled("", f"+ {after}", "  ")]


def _section(event: Event) -> list[str]:
    """Return what a section beside `<rewrite>` does with the request, and where it stands."""
    answered = name_of(event) == Name.SECTION_ANSWERED
    title = f"<{visible(text(event, 'section'))}>"
    lines = [f"  {padded(f'{mark(answered)} {title}', 40)} {shown(text(event, 'source'))}"]
    if not answered:
        lines[0] = f"  – {title} lets it through"
        return lines
    status = visible(text(event, "iis_status")) or "the connection is closed"
    return [*lines, labelled("response", f"{status}: {visible(text(event, 'why'))}", INSIDE)]


def _server(event: Event) -> str:
    """Return what became of the request at one server of a farm."""
    server, farm = shown(text(event, "server")), shown(text(event, "farm"))
    match name_of(event):
        case Name.SERVER_FAILED:
            what = f"{server}: {shown(text(event, 'detail'))}, after {number(event, 'milliseconds') or 0:,} ms"
            return labelled("failed", what, "  ")
        case Name.NO_SERVER:
            return labelled("no server", f"of the farm {farm}: {visible(refusal_text(text(event, 'why')))}", "  ")
        case Name.SERVER_STATE:
            told = servers_told([event])[0]
            bound = ", to which the client is bound" if told.bound else ""
            return labelled("not", f"{server} of the farm {farm}{bound}: {shown(told.why)}", "  ")
    return labelled("server", f"{server} of the farm {farm} ({visible(text(event, 'why'))})", "  ")


def _early_hints(event: Event) -> str:
    """Return what a 103 told to load, and whether the client got it."""
    links = ", ".join(map(shown, texts(event, "links"))) or "no links"
    left = "" if flag(event, "forwarded") else f" (not forwarded: {shown(text(event, 'why'))})"
    return labelled("hints", f"103, {links}{left}", "  ")


def _ruled_out(event: Event) -> list[str]:
    """Return rules of a long list that could not match and were not tried one by one."""
    first, last, count = visible(text(event, "first")), visible(text(event, "last")), number(event, "count") or 0
    lines = [f"  ✗ {first}" if count == 1 else f"  ✗ {first} … {last}  ({count:,} rules; explain lists each)"]
    reasons = event.get("reasons")
    for reason, of_them in list(reasons.items())[:_MAX_REASONS] if isinstance(reasons, Mapping) else ():
        why = _REASONS.get(reason) or f"what a condition needs is not in {shown(reason, 40)}"
        lines.append(f"{INSIDE}{visible(of_them)}: {why}")
    return lines


def _routed(event: Event) -> Iterator[str]:
    if name_of(event) == Name.ANSWERED:
        sub_status = number(event, "sub_status")
        status = f"{number(event, 'status')}{f'.{sub_status}' if sub_status else ''}"
        yield labelled("answered", f"{status}; the request was not forwarded", "  ")
        return
    yield labelled("sent to", shown(text(event, "url")), "  ")
    yield labelled("", f"Host: {shown(text(event, 'host'))}", "  ")
    if connect := texts(event, "connect"):
        yield labelled("", f"by dialling {shown(':'.join(connect))}", "  ")


def rule(block: Block) -> list[str]:
    """Return one inbound rule: in full if it acted, else only why it did not."""
    acted = block.end is not None and flag(block.end, "succeeded")
    sign = mark(acted) if block.end else "…"
    source = shown(text(block.start, "source")) if text(block.start, "source") else ""
    lines = [f"  {padded(f'{sign} {visible(block.name)}', 40)} {source}".rstrip()]
    lines += _acted(block) if acted or block.end is None else _missed(block)
    if block.end is None:
        lines.append(f"{INSIDE}was not finished")
    elif acted and flag(block.end, "stop_processing"):
        lines.append(f"{INSIDE}stopProcessing: the rules after it were not tried")
    return lines


def _acted(block: Block) -> list[str]:
    lines: list[str] = []
    for group in _grouped(block.events):
        event = group[0]
        match name_of(event):
            case Name.PATTERN_MATCH:
                lines += comparison(event, INSIDE, syntax=text(block.start, "pattern_syntax"))
                if query := text(block.start, "query_string"):
                    lines.append(labelled("query", shown(query), INSIDE))
                if not flag(event, "negate"):
                    lines += captures("R", texts(event, "captures"), INSIDE, text(event, "input"))
            case name if name in CONDITIONS:
                lines += conditions(group, INSIDE)
            case _:
                lines += _step(event, block)
    return lines


def _missed(block: Block) -> list[str]:
    syntax = text(block.start, "pattern_syntax")
    found = block.first(Name.PATTERN_MATCH)
    if found is None or not flag(found, "succeeded"):
        return comparison(found, INSIDE, syntax=syntax) if found else []
    asked = (*CONDITIONS, Name.REWRITE_MAP_LOOKUP)
    of_conditions = [event for event in block.events if name_of(event) in asked]
    any_suffices = any(text(event, "logical_grouping") == "MatchAny" for event in of_conditions)
    but = "none of these conditions holds" if any_suffices else "this condition does not hold"
    lines = [labelled("pattern", f"{shown(text(found, 'pattern'))}  matches, but {but}:", INSIDE)]
    return lines + conditions(of_conditions, INSIDE, failed_only=True)


def _grouped(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield events one by one, except that those of one set of conditions, map look-ups among them, come together."""
    group: list[Event] = []
    for event in events:
        name = name_of(event)
        if name == Name.CONDITIONS_EVALUATION_START or group:
            group.append(event)
            if name == Name.CONDITIONS_EVALUATION_END:
                yield group
                group = []
        else:
            yield [event]
    if group:
        yield group


def _step(event: Event, block: Block) -> list[str]:
    """Return one thing that a rule did once it had matched."""
    name, inside = name_of(event), INSIDE
    match name:
        case Name.REWRITE_MAP_LOOKUP:
            return [lookup(event, inside)]
        case Name.SERVER_VARIABLE_SET:
            variable, before = visible(text(event, "name")), text(event, "before")
            lines = [labelled("set", f"- {variable}: {shown(before)}", inside)] if before else []
            return [*lines, labelled("" if lines else "set", f"+ {variable}: {shown(text(event, 'after'))}", inside)]
        case Name.SERVER_VARIABLE_KEPT:
            kept = f"{visible(text(event, 'name'))}: {shown(text(event, 'value'))}"
            return [labelled("kept", f"{kept}  (it has a value, and replace is false)", inside)]
        case Name.REWRITE_ACTION:
            return _url_action("rewrite", event, shown(text(event, "rewrite_url")), block)
        case Name.REDIRECT_ACTION:
            location = f"{number(event, 'status') or ''} {shown(text(event, 'location'))}"
            return _url_action("redirect", event, location.lstrip(), block)
        case Name.CUSTOM_RESPONSE_ACTION:
            sub_status = number(event, "sub_status")
            status = f"{number(event, 'status')}{f'.{sub_status}' if sub_status else ''}"
            reasons = [shown(text(event, key)) for key in ("status_reason", "description") if text(event, key)]
            return [labelled("response", " · ".join([status, *reasons]), inside)]
        case Name.ABORT_REQUEST_ACTION:
            return [labelled("abort", "the connection is closed without a response", inside)]
        case Name.RESPONSE_CACHE_DIRECTIVE:
            return [
                labelled("cache", f"{shown(text(event, 'directive'))}: has no effect here, nothing is cached", inside)
            ]
        case Name.NONE_ACTION:
            return [labelled("action", "None: the URL stays", inside)]
        case Name.WARNING | Name.ERROR:
            return []
    return [inside + other(event)]


def _url_action(label: str, event: Event, url: str, block: Block) -> list[str]:
    query = text(block.start, "query_string")
    appended = "  · query string appended" if flag(event, "append_query_string") and query else ""
    lines = [
        labelled(label, shown(text(event, "substitution")) + appended, INSIDE),
        labelled("", f"→ {url}", INSIDE),
    ]
    if iis_url := text(event, "iis_url"):
        lines.append(labelled("", f"≠ IIS would send {shown(iis_url)}", INSIDE))
    if logged := text(event, "log_rewritten_url"):
        lines.append(labelled("", f"IIS would log {shown(logged)}", INSIDE))
    return lines
