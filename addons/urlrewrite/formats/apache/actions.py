"""What a RewriteRule does, as the action of a rule of IIS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from urlrewrite.formats.apache.parts import NotConverted, RewriteRule
from urlrewrite.formats.apache.syntax import Flag
from urlrewrite.formats.apache.templates import Groups, Templates
from urlrewrite.formats.apache.urls import Target, appends_query, escaped, is_relative
from urlrewrite.formats.reports import ProblemId
from urlrewrite.model import Action, ActionType, RedirectType

REDIRECTS = {item.status: item for item in RedirectType}
"""The redirects of IIS, by status code."""

_STATUS_NAMES = {"": 302, "permanent": 301, "temp": 302, "seeother": 303}
_REASONS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 410: "Gone"}


def redirects(status: int) -> bool:
    """Tell whether a status of the flag R or of Redirect is a redirect's; with any other, the request is refused."""
    return 300 <= status <= 399


def status_of(rule: RewriteRule) -> int:
    """Return the status code of the flag R, 302 without the flag.

    Raises:
        NotConverted: it is none.
    """
    value = rule.value(Flag.REDIRECT).lower()
    if value in _STATUS_NAMES:
        return _STATUS_NAMES[value]
    if not (value.isascii() and value.isdigit() and 100 <= int(value[:4]) <= 599):
        raise NotConverted(f"got [R={value}], expected a status code such as 301", rule.line)
    return int(value)


def blocked(status: int) -> Action:
    """Return the action that sends a response with this status and no content."""
    reason = _REASONS.get(status, "Refused by a rewrite rule")
    return Action(ActionType.CUSTOM_RESPONSE, status_code=status, status_reason=reason)


@dataclass(frozen=True, slots=True)
class Actions:
    """Converts the actions of one context. `base` is put before URLs that are relative to its directory."""

    templates: Templates
    document_root: str
    base: str

    def convert(self, rule: RewriteRule, groups: Groups) -> tuple[Action, bool]:
        """Return the action, and whether Apache stops at it without the flag L.

        Raises:
            NotConverted: IIS has no such action.
        """
        status = status_of(rule)
        if rule.has(Flag.FORBIDDEN, Flag.GONE) or not redirects(status):
            return blocked(403 if rule.has(Flag.FORBIDDEN) else 410 if rule.has(Flag.GONE) else status), True
        if rule.substitution is None:
            if rule.has(Flag.REDIRECT, Flag.PROXY):
                raise NotConverted("got - with a flag R or P, expected a URL to go to", rule.line)
            return Action(), False
        target = Target.of(rule.substitution, last_mark=rule.has(Flag.QUERY_LAST), document_root=self.document_root)
        append = appends_query(target, rule.has)
        if rule.has(Flag.PROXY):
            if not target.proxied:
                message = (
                    "got the flag P, expected an absolute URL with http, https, ws or wss; IIS forwards to no other"
                )
                raise NotConverted(message, rule.line)
        elif target.absolute or rule.has(Flag.REDIRECT):
            self._tell_of_implied(rule)
            if status not in REDIRECTS:
                known = ", ".join(map(str, REDIRECTS))
                raise NotConverted(f"got a redirect with status {status}, expected one of {known}", rule.line)
            url = self._url(rule, target, groups, redirect=True)
            return Action(ActionType.REDIRECT, url, append, REDIRECTS[status]), False
        return Action(ActionType.REWRITE, self._url(rule, target, groups, redirect=False), append), rule.has(Flag.PROXY)

    def _tell_of_implied(self, rule: RewriteRule) -> None:
        if not rule.has(Flag.REDIRECT):
            message = (
                "an absolute URL without [R] or [P] is a redirect (302) in Apache, unless the host is the server's "
                "own: write [R,L], or [P] to forward the request"
            )
            self.templates.report.warning(rule.line, ProblemId.APACHE_IMPLIED_REDIRECT, message)

    def _url(self, rule: RewriteRule, target: Target, groups: Groups, *, redirect: bool) -> str:
        """Return the URL; a `%` or `#` in a substitution is the character itself, neither an escape nor a fragment."""
        path, query = target.path, target.query or ()
        if not rule.has(Flag.NO_ESCAPE):
            path = escaped(path, "%#")
            query = escaped(query, "%#" if redirect else "#")
        elif not redirect:
            path, query = escaped(path, "#"), escaped(query, "#")
        if rule.has(Flag.BACKREF_ESCAPE):
            groups = _url_encoded(groups)
        url = self.templates.convert(path, groups, rule.line)
        if self.base and is_relative(target):
            url = self.base + url
        if query:
            url = f"{url}?{self.templates.convert(query, groups, rule.line)}"
        return url or "/"


def _url_encoded(groups: Groups) -> Groups:
    """Return templates that escape every group, as the flag B does."""

    def encoded(of: Callable[[int], str]) -> Callable[[int], str]:
        return lambda number: f"{{UrlEncode:{of(number)}}}" if of(number) else ""

    return Groups(encoded(groups.rule), encoded(groups.condition))
