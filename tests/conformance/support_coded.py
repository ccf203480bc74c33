"""What ASP.NET's AddRewrite, AddRedirect, AddRedirectToHttps, ...ToWww and ...ToNonWww do, as rules of IIS."""

from __future__ import annotations

import re
from collections.abc import Callable

from conformance.support import Case
from urlrewrite.model import Action, ActionType, Condition, Conditions, InboundRule, Match, RedirectType

REDIRECT_TYPES = {item.status: item for item in RedirectType}


def _rewrite(asked: Case) -> InboundRule:
    url = re.sub(r"\$(\d)", r"{R:\1}", asked["replacement"])
    return InboundRule(
        "rewrite",
        Match(asked["regex"]),
        action=Action(ActionType.REWRITE, url),
        stop_processing=asked["skipRemainingRules"],
    )


def _redirect(asked: Case) -> InboundRule:
    url = re.sub(r"\$(\d)", r"{R:\1}", asked["replacement"])
    return InboundRule("redirect", Match(asked["regex"]), action=_redirection(url, asked["status"]))


def _redirect_to_https(asked: Case) -> InboundRule:
    port = f":{asked['sslPort']}" if asked.get("sslPort", 0) > 0 else ""
    return InboundRule(
        "to https",
        Match("(.*)"),
        Conditions((Condition("{HTTPS}", "^off$"),)),
        action=_redirection(f"https://{{SERVER_NAME}}{port}/{{R:1}}", asked.get("status", 301)),
    )


def _redirect_to_www(asked: Case) -> InboundRule:
    names = "|".join(map(re.escape, asked.get("domains", ()))) or r"(?!www\.|localhost(?::|$)).+"
    return _to_other_host(f"^({names})(:\\d+)?$" if "domains" in asked else f"^({names})$", "www.{C:1}", asked)


def _redirect_to_non_www(asked: Case) -> InboundRule:
    return _to_other_host(r"^www\.(.+)$", "{C:1}", asked)


def _to_other_host(pattern: str, host: str, asked: Case) -> InboundRule:
    """A redirect to `host` by the scheme that the client used: the last group of the conditions."""
    port, scheme = ("{C:2}", "{C:3}") if "domains" in asked else ("", "{C:2}")
    conditions = (Condition("{HTTP_HOST}", pattern), Condition("{CACHE_URL}", "^(.+?)://"))
    status = asked.get("status", 308 if asked.get("permanent") else 307)
    return InboundRule(
        "to another host",
        Match("(.*)"),
        Conditions(conditions, track_all_captures=True),
        action=_redirection(f"{scheme}://{host}{port}/{{R:1}}", status),
    )


def _redirection(url: str, status: int) -> Action:
    return Action(ActionType.REDIRECT, url, redirect_type=REDIRECT_TYPES[status])


RULES: dict[str, Callable[[Case], InboundRule]] = {
    "rewrite": _rewrite,
    "redirect": _redirect,
    "redirectToHttps": _redirect_to_https,
    "redirectToWww": _redirect_to_www,
    "redirectToNonWww": _redirect_to_non_www,
}
