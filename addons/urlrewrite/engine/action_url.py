"""The URL of an action: what a rule that acts makes of its template.

A Rewrite gets a path and a query, and perhaps another host; a Redirect gets a Location. A rule that was written in a
directory has its relative URLs from there. What the client wrote stays as it was, escapes included, but in mode iis.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from urlrewrite.engine.compiled import CompiledInboundRule
from urlrewrite.engine.scope import Scope
from urlrewrite.engine.template import BackReference, Literal, Variable
from urlrewrite.engine.url_path import CookedPath, encode_again, encode_url, split_target
from urlrewrite.engine.variables import PATH_VARIABLES, normal_name
from urlrewrite.model import ActionType
from urlrewrite.model.origin import Origin, origin_of
from urlrewrite.patterns.pattern import Captures
from urlrewrite.trace.reasons import Reason, Values, sentence

_ABSOLUTE = re.compile(r"(https?|wss?)://([^/?#]*)([^#]*)", re.IGNORECASE | re.DOTALL)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class TargetError(Exception):
    """Raised for a rule that names a target to which the proxy will not, or cannot, forward.

    `values` are those of the sentence of the `reason`.
    """

    def __init__(self, reason: Reason, **values: Unpack[Values]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.values = values

    def __str__(self) -> str:
        return sentence(self.reason, self.values)


@dataclass(frozen=True, slots=True)
class ActingRule:
    """A rule whose pattern and conditions hold.

    `original_url_encoding` is `useOriginalURLEncoding`; `offset` is where its input begins in the path.
    """

    compiled: CompiledInboundRule
    scope: Scope
    original_url_encoding: bool
    captures: Captures | None
    offset: int

    def url_as_sent(self) -> str:
        """Return the action's URL; the path, or a part of it, stands there as the client wrote it, escapes included."""
        scope, captures = self.scope, self.captures
        template, path = self.compiled.url, scope.variables.url.path
        parts = template.parts(scope.resolve, scope.call)
        for index, node in enumerate(template.nodes):
            if isinstance(node, Variable):
                name = normal_name(node.name)
                if name in PATH_VARIABLES and name not in scope.variables.assigned:
                    parts[index] = path.raw
            elif (
                isinstance(node, BackReference) and node.kind == "R" and captures and node.number < len(captures.spans)
            ):
                start, end = captures.spans[node.number]
                parts[index] = path.raw_slice(start + self.offset, end + self.offset) if start >= 0 else ""
        return self._encoded(parts, encode_url)

    def url_as_iis(self) -> str:
        """Return the URL of a Rewrite as IIS sends it: parts of the path come decoded, and the whole is encoded."""
        encode = encode_again if self.original_url_encoding else encode_url
        return self._encoded(self.compiled.url.parts(self.scope.resolve, self.scope.call), encode)

    def _encoded(self, parts: list[str], encode: Callable[[str], str]) -> str:
        """Return the URL of these parts. A `#` of a request belongs to its path: it begins no fragment of a Rewrite."""
        nodes = self.compiled.url.nodes
        hashes = [not isinstance(node, Literal) and "#" in part for node, part in zip(nodes, parts, strict=True)]
        if self.compiled.rule.action.type is not ActionType.REWRITE or not any(hashes):
            return encode("".join(parts))
        url = ""
        for part, has_hash in zip(parts, hashes, strict=True):
            encoded = (encode_url if "?" in url else encode)(part)
            url += encoded.replace("#", "%23") if has_hash else encoded
        return url


@dataclass(frozen=True, slots=True)
class RewrittenUrl:
    """What the URL of a Rewrite comes to; `origin` is None where it names no host."""

    origin: Origin | None
    path: str
    query: str | None
    fragment: str

    def __str__(self) -> str:
        return f"{self.origin or ''}{self.path}" + ("" if self.query is None else f"?{self.query}")


def rewritten_url(acting: ActingRule, text: str) -> RewrittenUrl:
    """Return what the expanded URL of an action comes to.

    Raises:
        TargetError: it is absolute, and names no host.
    """
    compiled, url = acting.compiled, acting.scope.variables.url
    rest, _, fragment = text.partition("#")
    origin = None
    if absolute := _ABSOLUTE.match(text):
        scheme, authority, rest = absolute.groups()
        origin = origin_of(scheme, authority)
        if origin is None:
            raise TargetError(Reason.NO_HOST, rule=compiled.rule.name, url=text)
    elif not rest.startswith("/"):
        rest = _in_directory(compiled, url.path, rest)
    path, query = split_target(rest)
    if compiled.rule.action.append_query_string and url.query:
        query = f"{query}&{url.query}" if query else url.query
    return RewrittenUrl(origin, path, query, fragment)


def redirect_location(acting: ActingRule) -> str:
    """Return the absolute Location: relative URLs begin in the rule's directory, by the name that the client used."""
    compiled, scope = acting.compiled, acting.scope
    request, query = scope.variables.request, scope.variables.url.query
    location = encode_url(scope.expand(compiled.url)) if scope.iis else acting.url_as_sent()
    if compiled.rule.action.append_query_string and query:
        base, mark, fragment = location.partition("#")
        location = f"{base}{'&' if '?' in base else '?'}{query}{mark}{fragment}"
    if location.startswith("//"):
        return f"{request.scheme}:{location}"
    if _SCHEME.match(location):
        return location
    if not location.startswith("/"):
        location = _in_directory(compiled, scope.variables.url.path, location)
    return f"{request.scheme}://{request.host}{location}"


def _in_directory(compiled: CompiledInboundRule, path: CookedPath, relative: str) -> str:
    """Return a URL relative to the rule's directory as a path from the root.

    `{R:1}` of `(.*)` must give what the client requested: an empty one is the directory itself, which ends in a slash
    only if the client wrote one.
    """
    asked_without_slash = compiled.directory and len(path.text) == len(compiled.directory)
    if asked_without_slash and relative[:1] in ("", "?", "#"):
        return compiled.base.removesuffix("/") + relative
    return compiled.base + relative
