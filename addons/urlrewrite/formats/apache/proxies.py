"""`ProxyPass` and what goes with it: sites with a backend.

(Apache HTTP Server 2.4 documentation, "mod_proxy", "mod_proxy_html", "mod_substitute".) A path that is forwarded is a
site below that path. What Apache needs several directives for, so that links, redirects and cookies of the backend come
back with the public name, is `links: everywhere` here; each of them is looked at, whether it says more than that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from urlrewrite.formats.addresses import parse_path, parse_place
from urlrewrite.formats.apache.balancers import SCHEME, Balancers, name_in
from urlrewrite.formats.apache.parts import Directive, ScopeKind
from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.wording import shown
from urlrewrite.model import (
    Condition,
    LinkMode,
    OutboundAction,
    OutboundActionType,
    OutboundMatch,
    OutboundRule,
    PreCondition,
)
from urlrewrite.model.farms import Timeouts
from urlrewrite.model.origin import Origin
from urlrewrite.patterns.spelling import ecmascript_literal

NAMES = frozenset(
    """ProxyHTMLEnable ProxyHTMLURLMap ProxyPass ProxyPassMatch ProxyPassReverse ProxyPassReverseCookieDomain
    ProxyPassReverseCookiePath ProxyPreserveHost ProxyTimeout Substitute""".split()
)
HTML = PreCondition("is HTML", (Condition("{RESPONSE_CONTENT_TYPE}", "^text/html"),))

_WEBSOCKET = re.compile(r"ws(s?)://", re.IGNORECASE)
_IGNORED = frozenset("nocanon nocover upgrade interpolate".split())
_NOT_PLAIN = re.compile(r"[\\$.*+?()\[\]{}|^]")


@dataclass(frozen=True, slots=True)
class Passed:
    """A path that is forwarded; `backend` is None where it is not (`ProxyPass /path !`)."""

    path: str
    backend: Origin | None
    backend_path: str
    line: int
    seconds: float | None = None


@dataclass(slots=True)
class Forwarding:
    """What one server or virtual host forwards, and how."""

    passed: list[Passed] = field(default_factory=list)
    keeps_host: bool | None = None
    links: LinkMode = LinkMode.OFF
    names: list[Origin] = field(default_factory=list)
    """Other names of the backends."""
    timeouts: Timeouts | None = None
    rules: list[OutboundRule] = field(default_factory=list)


def forwarding_of(
    directives: Sequence[Directive], public: Sequence[Origin], balancers: Balancers, report: Report
) -> Forwarding:
    """Return what the directives of a server or virtual host that has these `public` names say of forwarding."""
    return _Reader(public, balancers, report).read(directives)


class _Reader:
    def __init__(self, public: Sequence[Origin], balancers: Balancers, report: Report) -> None:
        self._public = public
        self._balancers = balancers
        self._report = report
        self._found = Forwarding()
        self._reversed = set[tuple[str, str]]()
        """Paths of backends, and the paths in public for which ProxyPassReverse has them."""

    def read(self, directives: Sequence[Directive]) -> Forwarding:
        found = self._found
        for item in directives:
            match item.name:
                case "ProxyPass":
                    self._pass(item)
                case "ProxyPreserveHost":
                    found.keeps_host = [word.lower() for word in item.words] == ["on"]
                case "ProxyTimeout" if item.words and item.words[0].isdigit():
                    seconds = float(item.words[0])
                    found.timeouts = Timeouts(response=seconds, idle=seconds)
        given = [passed.seconds for passed in found.passed if passed.seconds is not None]
        if given and found.timeouts is None:
            found.timeouts = Timeouts(response=given[0], idle=given[0])
        for item in sorted(directives, key=lambda item: item.name == "ProxyPassReverseCookiePath"):
            self._mapping(item)
        return found

    def _pass(self, item: Directive) -> None:
        path, words = place_of(item)
        if path is None or not words:
            self._left_out(item, "a path and a URL are expected, or a URL in <Location>")
            return
        url, options = words[0], words[1:]
        try:
            path = parse_path(path)
            if url == "!":
                self._add(Passed(path, None, "", item.line))
                message = f"got {shown(item.text)}: nothing is forwarded there, and what Apache serves is not here"
                self._report.warning(item.line, ProblemId.APACHE_NEAREST, message)
                return
            backend, backend_path = self._backend(url)
        except ValueError as error:
            message = f"ProxyPass: {error}; only http, https, ws, wss and balancers are forwarded to here"
            self._report.error(item.line, ProblemId.APACHE_NOT_CONVERTED, message)
            return
        said = dict(option.partition("=")[::2] for option in options)
        known = {"timeout"} & said.keys()
        if others := [option for option in said if option not in known and option.lower() not in _IGNORED]:
            message = f"ProxyPass: the options {', '.join(others)} are not converted: see timeouts and connections"
            self._report.warning(item.line, ProblemId.APACHE_LEFT_OUT, message)
        seconds = float(said["timeout"]) if said.get("timeout", "").isdigit() else None
        self._add(Passed(path, backend, backend_path, item.line, seconds))

    def _backend(self, url: str) -> tuple[Origin, str]:
        """Parse the URL of a backend, or of a balancer. Raises ValueError with "got X, expected Y"."""
        if not url.lower().startswith(SCHEME):
            return parse_place(_WEBSOCKET.sub(r"http\1://", url))
        name = name_in(url)
        origin = self._balancers.origins.get(name.lower())
        if origin is None:
            raise ValueError(f"got {shown(url)}, expected a balancer that has members in this file")
        return origin, parse_path(url[len(SCHEME) + len(name) :])

    def _add(self, passed: Passed) -> None:
        """Take a path, unless one that comes before it takes all of its requests."""
        for earlier in self._found.passed:
            if passed.path == earlier.path or passed.path.startswith(f"{earlier.path}/"):
                if passed.backend != earlier.backend or passed.path == earlier.path:
                    message = (
                        f"ProxyPass {passed.path or '/'} comes after that of {earlier.path or '/'} in line "
                        f"{earlier.line}, which takes its requests: Apache goes by the first one that fits"
                    )
                    self._report.warning(passed.line, ProblemId.APACHE_NO_EFFECT, message)
                return
        self._found.passed.append(passed)

    def _mapping(self, item: Directive) -> None:
        """Look at a directive that maps names of the backend back, whether links: everywhere does the same."""
        match item.name:
            case "ProxyPassReverse":
                self._everywhere()
                path, words = place_of(item)
                if words and not self._names_backend(words[0]):
                    self._add_name(item, words[0])
                if path and words:
                    self._reversed.add((_path_of(words[0]), path.rstrip("/") or "/"))
            case "ProxyHTMLEnable":
                if [word.lower() for word in item.words[:1]] == ["on"]:
                    self._everywhere()
            case "ProxyHTMLURLMap":
                self._everywhere()
                if item.words and not item.words[0].startswith("/") and not self._names_backend(item.words[0]):
                    self._add_name(item, item.words[0])
            case "ProxyPassReverseCookieDomain":
                self._everywhere()
                hosts = {passed.backend.host for passed in self._found.passed if passed.backend}
                if item.words and item.words[0].lstrip(".").lower() not in hosts:
                    self._add_name(item, f"http://{item.words[0].lstrip('.')}")
            case "ProxyPassReverseCookiePath":
                self._everywhere()
                pairs = {((passed.backend_path or "/"), (passed.path or "/")) for passed in self._found.passed}
                words = tuple(word.rstrip("/") or "/" for word in item.words[:2])
                if words not in pairs | self._reversed:
                    self._left_out(item, "Paths of cookies follow those of ProxyPass, or of the rule that forwards")
            case "Substitute":
                self._substitute(item)

    def _everywhere(self) -> None:
        self._found.links = LinkMode.EVERYWHERE

    def _names_backend(self, url: str) -> bool:
        """Say whether a URL, or its beginning, names a backend."""
        try:
            origin, _ = self._backend(url)
        except ValueError:
            return False
        return any(passed.backend == origin for passed in self._found.passed)

    def _add_name(self, item: Directive, url: str) -> None:
        """Take another name of a backend."""
        try:
            origin, _ = parse_place(url)
        except ValueError:
            self._left_out(item, "no name of a backend is in it: write an outbound rule")
            return
        if origin not in self._found.names:
            self._found.names.append(origin)

    def _substitute(self, item: Directive) -> None:
        """Convert `Substitute "s|pattern|text|flags"`, unless it maps a backend to the public name."""
        text = item.words[0] if item.words else ""
        parts = text[2:].split(text[1]) if len(text) > 3 and text[0] == "s" else []
        if len(parts) != 3:
            self._left_out(item, "s/pattern/text/flags is expected, in quotes")
            return
        pattern, value, flags = parts
        if self._is_backend(pattern, value):
            self._everywhere()
            return
        plain = "n" in flags.lower() or not _NOT_PLAIN.search(pattern)
        if not plain or "$" in value or "\\" in value or "{" in value:
            self._left_out(item, "only a plain text is converted: write an outbound rule for the body")
            return
        self._found.rules.append(
            OutboundRule(
                f"Imported Substitute {len(self._found.rules) + 1}",
                OutboundMatch(ecmascript_literal(pattern), ignore_case="i" in flags.lower()),
                HTML.name,
                action=OutboundAction(OutboundActionType.REWRITE, value),
                source=self._report.source(item.line),
            )
        )

    def _is_backend(self, pattern: str, value: str) -> bool:
        """Say whether a text names a backend, and what it is replaced by the public name or the path of it."""
        plain = pattern.replace("\\.", ".").replace("\\/", "/")
        named = _without_scheme(plain)
        for passed in self._found.passed:
            if passed.backend and named == f"{passed.backend.authority}{passed.backend_path}":
                names = {"", *(origin.authority for origin in self._public)}
                if _without_scheme(value) in {f"{name}{passed.path}" for name in names}:
                    return True
        return False

    def _left_out(self, item: Directive, why: str) -> None:
        message = f"got {shown(item.text)}, which is not converted: {why}"
        self._report.warning(item.line, ProblemId.APACHE_LEFT_OUT, message)


def _without_scheme(text: str) -> str:
    return re.sub(r"^(?:https?:)?//", "", text.lower()).rstrip("/")


def _path_of(url: str) -> str:
    """Return the path of a URL without the slash at its end, "/" for none."""
    return "/" + url.partition("://")[2].partition("/")[2].rstrip("/")


def place_of(item: Directive) -> tuple[str | None, Sequence[str]]:
    """Return the path that a directive is for, its own or that of its `<Location>`, and the words after it."""
    located = [scope for scope in item.scopes if scope.kind is ScopeKind.LOCATION]
    if located:
        return located[-1].arguments[0], item.words
    return (item.words[0], item.words[1:]) if item.words else (None, ())
