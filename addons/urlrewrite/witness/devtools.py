"""What a browser says over the DevTools protocol of a page that it loads, read into statements.

Messages are those of one browser, each with `method` and `params`. What is read of them is in `_READERS`, a row for
each method. Requests that were broken off are left out: a page may do that as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from urlrewrite.witness.statements import Statement, Subject, number_of, text_of
from urlrewrite.witness.watched import ROOT

QUIET = 1.5
"""Seconds without requests after which a page that was loaded is at rest."""

MAX_STATEMENTS = 500

_ENDLESS = frozenset({"EventSource", "WebSocket"})
_TAGS = {
    "Document": "iframe",
    "Fetch": "fetch",
    "Font": "font",
    "Frame": "iframe",
    "Image": "img",
    "Media": "video",
    "Script": "script",
    "Stylesheet": "link",
    "XHR": "xmlhttprequest",
}
"""Types of resources, of requests and of issues, to what asks for them, in the words of the probe."""

_OF_CODE = {"kInlineViolation": "inline", "kEvalViolation": "eval", "kWasmEvalViolation": "wasm-eval"}
"""Kinds of violations of a policy that block no address, to what a report has in its place (CSP 3, 5.3)."""

_TOLD_ELSEWHERE = ("Content Security Policy", "Mixed Content:")
"""What is in texts of the console about policies and mixed content, which requests and issues tell of in codes."""

_ISOLATING = ("coep-", "corp-", "coop-")
_NO_ICON = "/favicon.ico"


class Listening:
    """What was heard so far of one page load. `frame` is the id of the frame that shows the page.

    `trace_field` is the named field of the page's response, `status` its status and `url` its address, of the last one
    where the page sent the browser on; all are empty or 0 before. `crashed` says that the page took its tab along.
    """

    def __init__(self, frame: str, trace_field_name: str) -> None:
        self.trace_field = ""
        self.status = 0
        self.url = ""
        self.loaded = False
        self.crashed = False
        self.statements: dict[Statement, None] = {}
        self._frame = frame
        self._name = trace_field_name.lower()
        self._under_way: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._documents: dict[str, str] = {}
        self._sockets: dict[str, str] = {}
        self._last = 0.0

    @property
    def under_way(self) -> list[str]:
        """The addresses of requests that have not ended."""
        return [*self._under_way.values()]

    def is_at_rest(self, now: float) -> bool:
        """Say whether the page was loaded, and asks for nothing any more; `now` is in seconds."""
        return self.crashed or (self.loaded and not self._under_way and now - self._last >= QUIET)

    def take(self, message: Mapping[str, Any], now: float) -> None:
        """Take a message that came at a time in seconds; any that is not of a known form says nothing."""
        method, values = message.get("method"), message.get("params")
        if not isinstance(method, str) or not isinstance(values, Mapping) or method not in _READERS:
            return
        self._last = now
        for statement in _READERS[method](self, values):
            if len(self.statements) < MAX_STATEMENTS:
                self.statements.setdefault(statement)

    def requested(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Note a request."""
        number, url = str(values.get("requestId")), text_of(_part(values, "request").get("url"))
        self._urls[number] = url
        if text_of(values.get("type")) not in _ENDLESS:
            self._under_way[number] = url
        if values.get("type") == "Document":
            self._documents[str(values.get("frameId"))] = number
        if self._is_page(values):
            self.loaded = False
        yield from ()

    def responded(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Note the page's own response, and tell of one with an error status."""
        response = _part(values, "response")
        url, status = text_of(response.get("url")), number_of(response.get("status"))
        if text_of(values.get("type")) in _ENDLESS:
            self._under_way.pop(str(values.get("requestId")), None)
        if self._is_page(values):
            fields = _part(response, "headers")
            named = (value for name, value in fields.items() if name.lower() == self._name)
            self.url, self.status, self.trace_field = url, status, text_of(next(named, ""))
        elif status >= 400 and not _is_left_out(url):
            yield Statement(Subject.RESOURCE, url=url, tag=_tag(values), status=status)

    def finished(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Note the end of a request."""
        self._under_way.pop(str(values.get("requestId")), None)
        yield from ()

    def failed(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Tell of a request that failed, and why."""
        number = str(values.get("requestId"))
        self._under_way.pop(number, None)
        url, reason, error = self._urls.get(number, ""), values.get("blockedReason"), text_of(values.get("errorText"))
        refusal = text_of(_part(values, "corsErrorStatus").get("corsError"))
        blocked, tag = text_of(reason), _tag(values)
        if values.get("canceled") or not url or _is_left_out(url):
            return
        if refusal:
            yield Statement(Subject.CORS, url=url, tag=tag, text=refusal)
        elif blocked == "mixed-content":
            yield from self.mixed(url, tag)
        elif blocked.startswith(_ISOLATING):
            yield Statement(Subject.ISOLATION, url=url, tag=tag, text=blocked)
        elif error == "net::ERR_BLOCKED_BY_RESPONSE" and tag == "iframe":
            yield Statement(Subject.FRAME, url=url, tag=tag)
        elif error and blocked != "csp":
            # What a policy blocks is told by an issue of its own.
            yield Statement(Subject.NETWORK, url=url, tag=tag, text=error.removeprefix("net::"))

    def mixed(self, url: str, tag: str) -> Iterator[Statement]:
        """Tell of an http address that an https page does not get, once: as a failed request, as an issue, or as both.

        Of what the browser looked for ahead of the parser there is an issue only.
        """
        if not any(told.subject == Subject.MIXED and told.url == url for told in self.statements):
            yield Statement(Subject.MIXED, url=url, tag=tag)

    def set_cookies(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Tell of cookies of a response that the browser does not take."""
        url = self._urls.get(str(values.get("requestId")), "")
        for each in _parts(values, "blockedCookies"):
            reasons, line = each.get("blockedReasons"), text_of(each.get("cookieLine"))
            name = line.partition(";")[0].partition("=")[0].strip()
            if isinstance(reasons, list) and reasons:
                yield Statement(Subject.COOKIE_REFUSED, url=url, tag=name, text=text_of(reasons[0]))

    def opened_socket(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Note the address of a WebSocket."""
        self._sockets[str(values.get("requestId"))] = text_of(values.get("url"))
        yield from ()

    def lost_socket(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Tell of a WebSocket that failed."""
        if url := self._sockets.get(str(values.get("requestId"))):
            yield Statement(Subject.SOCKET, url=url)

    def has_loaded(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Note that a page was loaded: of its document's request the browser does not always say that it ended."""
        if values.get("name") == "load":
            frame = str(values.get("frameId"))
            self._under_way.pop(self._documents.get(frame, ""), None)
            self.loaded = self.loaded or frame == self._frame
        yield from ()

    def has_crashed(self, values: Mapping[str, Any]) -> Iterator[Statement]:
        """Tell that the page was too much for its tab."""
        del values
        self.crashed = True
        yield Statement(Subject.ERROR, text="the page made its tab crash")

    def _is_page(self, values: Mapping[str, Any]) -> bool:
        return values.get("type") == "Document" and values.get("frameId") == self._frame


def _exception(listening: Listening, values: Mapping[str, Any]) -> Iterator[Statement]:
    """Tell of an error that no script caught."""
    del listening
    details = _part(values, "exceptionDetails")
    thrown = _part(details, "exception")
    said = text_of(thrown.get("description")) or text_of(thrown.get("value"))
    first, what = said.partition("\n")[0], text_of(details.get("text"))
    if what.endswith("(in promise)"):
        yield Statement(Subject.REJECTION, text=first)
        return
    line = number_of(details.get("lineNumber")) + 1
    yield Statement(Subject.ERROR, text=f"{what} {first}".strip(), url=text_of(details.get("url")), line=line)


def _console(listening: Listening, values: Mapping[str, Any]) -> Iterator[Statement]:
    """Tell of what a script wrote to the console as an error."""
    del listening
    if values.get("type") not in ("error", "assert"):
        return
    texts = (text_of(each.get("description")) or text_of(each.get("value")) for each in _parts(values, "args"))
    frame = next(_parts(_part(values, "stackTrace"), "callFrames"), {})
    said = text_of(" ".join(each.partition("\n")[0] for each in texts if each))
    source, line = text_of(frame.get("url")), number_of(frame.get("lineNumber")) + 1
    yield Statement(Subject.CONSOLE, text=said, source=source, line=line)


def _log(listening: Listening, values: Mapping[str, Any]) -> Iterator[Statement]:
    """Tell of what the browser itself wrote to the console for safety's sake, and tells nowhere else."""
    del listening
    entry = _part(values, "entry")
    said = text_of(entry.get("text"))
    if (
        entry.get("source") == "security"
        and entry.get("level") == "error"
        and not any(words in said for words in _TOLD_ELSEWHERE)
    ):
        yield Statement(Subject.CONSOLE, text=said, source=text_of(entry.get("url")))


def _issue(listening: Listening, values: Mapping[str, Any]) -> Iterator[Statement]:
    """Tell of a policy that blocked something, of mixed content, and of cookies that are not sent."""
    issue = _part(values, "issue")
    details = _part(issue, "details")
    if issue.get("code") == "ContentSecurityPolicyIssue":
        found = _part(details, "contentSecurityPolicyIssueDetails")
        place = _part(found, "sourceCodeLocation")
        url = text_of(found.get("blockedURL")) or _OF_CODE.get(text_of(found.get("contentSecurityPolicyViolationType")))
        if url and not found.get("isReportOnly"):
            yield Statement(
                Subject.POLICY,
                url=url,
                directive=text_of(found.get("violatedDirective")),
                source=text_of(place.get("url")),
                line=number_of(place.get("lineNumber")) + 1,
            )
    elif issue.get("code") == "MixedContentIssue":
        found = _part(details, "mixedContentIssueDetails")
        url = text_of(found.get("insecureURL"))
        if url and found.get("resolutionStatus") == "MixedContentBlocked":
            yield from listening.mixed(url, _TAGS.get(text_of(found.get("resourceType")), ""))
    elif issue.get("code") == "CookieIssue":
        found = _part(details, "cookieIssueDetails")
        reasons = found.get("cookieExclusionReasons")
        if found.get("operation") == "ReadCookie" and isinstance(reasons, list) and reasons:
            name, url = text_of(_part(found, "cookie").get("name")), text_of(_part(found, "request").get("url"))
            why = text_of(reasons[0]).removeprefix("Exclude")
            yield Statement(Subject.COOKIE_WITHHELD, url=url, tag=name, text=why)


_READERS: Mapping[str, Callable[[Listening, Mapping[str, Any]], Iterator[Statement]]] = {
    "Audits.issueAdded": _issue,
    "Inspector.targetCrashed": Listening.has_crashed,
    "Log.entryAdded": _log,
    "Network.loadingFailed": Listening.failed,
    "Network.loadingFinished": Listening.finished,
    "Network.requestWillBeSent": Listening.requested,
    "Network.responseReceived": Listening.responded,
    "Network.responseReceivedExtraInfo": Listening.set_cookies,
    "Network.webSocketCreated": Listening.opened_socket,
    "Network.webSocketFrameError": Listening.lost_socket,
    "Page.lifecycleEvent": Listening.has_loaded,
    "Runtime.consoleAPICalled": _console,
    "Runtime.exceptionThrown": _exception,
}


def _is_left_out(url: str) -> bool:
    """Say whether nobody misses it: the icon that browsers ask for by themselves, and the probe's own reports."""
    return url.endswith(_NO_ICON) or ROOT in url


def _tag(values: Mapping[str, Any]) -> str:
    return _TAGS.get(str(values.get("type")), "")


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _parts(values: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = values.get(name)
    yield from (each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else ()
