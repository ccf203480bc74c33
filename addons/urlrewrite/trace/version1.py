"""Conversion of traces of version 1, from flows saved by it, to the shape of version 2.

Version 1 had no codes: this file alone knows what its sentences meant, and nothing else may read a sentence. They are
frozen here as they were; a reader sees them unchanged as `message` and `why`, with the code beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from urlrewrite.trace.events import Name
from urlrewrite.trace.reasons import Reason

_RULE = r'^rule "(?P<rule>.*?)"'

_MESSAGES: tuple[tuple[str, Reason], ...] = (
    (r"^the body is passed as it came\b", Reason.BODY_PASSED),
    (r"^the rest of the body is passed as it comes: ", Reason.REST_PASSED),
    (r"^the body ends here, and the exchange is broken off", Reason.CODING_BROKEN),
    (r"^rules for tags and whole bodies are not applied to an event stream", Reason.NO_RULES_IN_EVENTS),
    (r"^a policy in the page allows inline code by its hash", Reason.INLINE_HASH),
    (rf"{_RULE} sees the body in windows of ", Reason.SEES_WINDOWS),
    (rf"{_RULE} sees the body in the lines ", Reason.SEES_LINES),
    (rf"{_RULE} was given up for this body: that nothing in a body matches ", Reason.NEGATED_STREAM),
    (rf"{_RULE} was given up for this body: ", Reason.RULE_GIVEN_UP),
    (r"^the rules for tags were given up ", Reason.TAG_RULES_GIVEN_UP),
    (rf"{_RULE} was not applied: ", Reason.RULE_NOT_APPLIED),
    (r"^a WebSocket message .* was left alone: its frame goes on ", Reason.FRAME_GOES_ON),
    (r"^a WebSocket message .* was left alone: ", Reason.LENGTH_TOLD),
    (r"^\{.*\} is no server variable and is empty$", Reason.UNKNOWN_VARIABLE),
    (r"^(?>\{.*?:\.\.\.\} decoded ).* once, and there are escapes left in it$", Reason.ESCAPES_LEFT),
    (r'^(?>the provider ".*?" \().*\) cannot be asked here', Reason.PROVIDER_NOT_ASKED),
    (rf"{_RULE} replaced the whole of ", Reason.LOST_TAIL),
    (r"^(IsFile|IsDirectory) is false in global rules", Reason.FILE_IN_GLOBAL_RULES),
    (r"^(IsFile|IsDirectory) is false because the site has no documentRoot", Reason.NO_DOCUMENT_ROOT),
    (r"^no site is published under .* at /", Reason.NO_SITE_BELOW),
    (r"^no site is published under ", Reason.NO_SITE),
    (r"^the connection is for .*, the request for ", Reason.OTHER_CONNECTION),
    (r"^a rule took the URL out of .*, where this site is mounted, to ", Reason.OUT_OF_MOUNT),
    (r"^no rule sent the request anywhere, and the site has no backend", Reason.NO_BACKEND),
    (rf"(?>{_RULE} rewrites to ).*, which names no host$", Reason.NO_HOST),
    (rf"(?>{_RULE} rewrites to ).*, a host that no rule file names", Reason.UNNAMED_HOST),
    (r'^the request is for the server farm ".*", and server farms are not served yet$', Reason.SERVER_FARM),
    (r"^a rule sends the request to .*, and the proxy of Application Request Routing is not enabled", Reason.PROXY_OFF),
    (r'^The server variable ".*" is not allowed to be set\.', Reason.VARIABLE_NOT_ALLOWED),
    (r"^Outbound rewrite rules cannot be applied when the content ", Reason.CONTENT_ENCODED),
    (r"^Cannot add duplicate collection entry of type ", Reason.NAME_TWICE),
    (r"^the proxy failed to rewrite this response$", Reason.PROXY_FAILED),
    (r"^the exchange was broken off: ", Reason.BROKEN_OFF),
    (r"^.* was left alone: ", Reason.VALUE_LEFT),
    (r'^\S+:\d+: (?:\w+: )?+(?:rule "(?P<rule>.*?)": )?+.*\[UR\d+\]$', Reason.FAULTY_RULES),
    (rf"{_RULE}: ", Reason.PATTERN_TIMEOUT),
)
"""The beginnings of messages, the first that fits counts, and their codes."""

_CAUSES: tuple[tuple[str, Reason], ...] = (
    ("a page was sent with its digest", Reason.DIGEST_PROMISED),
    ("Cache-Control: no-transform forbids it", Reason.NO_TRANSFORM),
    ("a part of a body (206) ", Reason.PART_OF_BODY),
    ("the content coding ", Reason.UNKNOWN_CODING),
    ("it is not proper ", Reason.NOT_PROPER_TEXT),
    (" cannot be rewritten as it comes", Reason.CHARSET_NOT_STREAMED),
    (": decodes to more than ", Reason.DECODED_TOO_LARGE),
    (" cannot hold the changed text", Reason.CANNOT_ENCODE),
    (" has no U+", Reason.CANNOT_ENCODE),
)
"""What the messages about passed bodies contain, and the codes of their causes; any other is a damaged coding."""

_PLANS: tuple[tuple[str, Reason], ...] = (
    ("the response is our own", Reason.OWN_RESPONSE),
    ("its messages are for their own protocol only", Reason.OWN_PROTOCOL),
    ("no rule and no link concerns ", Reason.NOT_CONCERNED),
    ("no link is mapped in an event stream", Reason.NO_LINKS_IN_EVENTS),
    ("there is no body", Reason.NO_BODY),
    ("a part of a body (206) ", Reason.PART_OF_BODY),
    ("Cache-Control: no-transform ", Reason.NO_TRANSFORM),
    ("the content coding ", Reason.UNKNOWN_CODING),
    ("a page was sent with its digest", Reason.DIGEST_PROMISED),
    ("X-Accel-Buffering: no ", Reason.UNBUFFERED),
    ("it has ", Reason.LONG_BODY),
    ("more than ", Reason.MORE_CAME),
    ("it comes slowly", Reason.COMES_SLOWLY),
)
"""The beginnings of what version 1 said of a body's way; two more are told by their ends."""

_CHUNKED = "the response is chunked, and the outbound rules have rewriteBeforeCache"
_FIELDS_SET = (Name.GENERAL_SET_REQUEST_HEADER, Name.GENERAL_SET_RESPONSE_HEADER)
_WITH_MESSAGE = (Name.WARNING, Name.ERROR, Name.IIS_DIFFERS)


def upgraded(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trace of version 1 as version 2 would have made it; what is not understood stays as it is."""
    events = trace.get("events")
    if not isinstance(events, list | tuple):
        return {**trace, "version": 2}
    told = [_event(event) if isinstance(event, Mapping) else event for event in events]
    return {**trace, "version": 2, "events": told}


def _event(event: Mapping[str, Any]) -> Mapping[str, Any]:
    name = event.get("event")
    if name in _WITH_MESSAGE:
        return _problem(dict(event))
    if name in (Name.BODY_PLAN, Name.BODY_RELEASED):
        return {**event, "reason": _plan(str(event.get("why", "")))}
    if name in _FIELDS_SET:
        return {**event, "why": str(event["why"]).split("; "), "reasons": []} if event.get("why") else event
    if name == Name.CUSTOM_RESPONSE_ACTION and "reason" in event:
        return {"status_reason" if key == "reason" else key: value for key, value in event.items()}
    return event


def _problem(event: dict[str, Any]) -> dict[str, Any]:
    message, iis_status = str(event.get("message", "")), event.pop("code", None)
    if iis_status is not None:
        event["iis_status"] = iis_status
        if event.get("iis") == iis_status:
            del event["iis"]
    if event.get("iis") == "":
        del event["iis"]
    if message == _CHUNKED:
        applied = str(event.get("iis", "")).startswith("applies none")
        return {**event, "reason": str(Reason.CHUNKED_REWRITTEN if applied else Reason.CHUNKED_LEFT)}
    if "field" in event:
        return {**event, "reason": str(Reason.FIELD)}
    for pattern, reason in _MESSAGES:
        if found := re.search(pattern, message, re.DOTALL):
            event["reason"] = str(reason)
            if rule := found.groupdict().get("rule"):
                event["rule"] = rule
            if reason is Reason.BODY_PASSED:
                causes = (cause for part, cause in _CAUSES if part in message)
                event["cause"] = str(next(causes, Reason.CORRUPT_CODING))
            break
    return event


def _plan(why: str) -> str:
    for start, reason in _PLANS:
        if why.startswith(start):
            return str(reason)
    if why.endswith(" is rewritten whole"):
        return str(Reason.HELD_WHOLE)
    return str(Reason.SENT_PIECE_BY_PIECE) if why.endswith(" is rewritten as it comes") else ""
