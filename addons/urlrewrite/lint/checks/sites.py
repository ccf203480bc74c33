"""Checks of sites."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.shapes import matches_everything
from urlrewrite.lint.subjects import pattern_of
from urlrewrite.lint.views import SiteView
from urlrewrite.model import ActionType, Condition, InboundRule, Site

_DEADLINE = 0.02


@check(
    "UR030",
    "A site that forwards its requests nowhere",
    SiteView,
    means="A site has no backend, and no rule rewrites to a host, or responds to every request.",
    iis="Serves the files of the site itself.",
    here="A request that no rule answers gets 404.",
    write="`backend:` in a rule file in YAML; for the files of IIS and Apache `--backend http://privateserver:8080`.",
)
def sends_nowhere(view: SiteView) -> Iterator[Finding]:
    redirects = view.web_server.http_redirect.enabled
    if view.site.backend is None and not redirects and not any(_takes_care(rule, view.site) for rule in view.rules):
        yield Finding(
            f'the site "{view.site.name}" has no backend, and no rule rewrites to an absolute URL: a request that no '
            "rule answers gets 404; name the backend in the rule file, or with --backend"
        )


def _takes_care(rule: InboundRule, site: Site) -> bool:
    """Say whether a rule rewrites to an absolute URL, or to what may turn out as one, or responds to every request."""
    url = rule.action.url
    match rule.action.type:
        case ActionType.REWRITE:
            return "://" in url or url.startswith("{")
        case ActionType.NONE:
            return False
    if rule.match.negate or not rule.enabled or not all(_holds(item, rule, site) for item in rule.conditions.items):
        return False
    pattern = pattern_of(rule.match.url, rule.pattern_syntax, rule.match.ignore_case)
    return pattern is not None and matches_everything(pattern)


def _holds(condition: Condition, rule: InboundRule, site: Site) -> bool:
    """Say whether a condition asks for the scheme by which every request for the site comes."""
    pattern = pattern_of(condition.pattern, rule.pattern_syntax, condition.ignore_case)
    if condition.input.strip().upper() != "{HTTPS}" or pattern is None or not site.public:
        return False
    values = ("on" if origin.scheme == "https" else "off" for origin in site.public)
    return all((pattern.search(value, _DEADLINE) is not None) is not condition.negate for value in values)
