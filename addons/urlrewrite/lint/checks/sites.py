"""Checks of sites."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import SiteView
from urlrewrite.model import ActionType, InboundRule


@check(
    "UR030",
    "A site that forwards its requests nowhere",
    SiteView,
    means="A site has no backend, and no rule rewrites to a host.",
    iis="Serves the files of the site itself.",
    here="A request that no rule answers gets 404.",
    write="`backend:` in a rule file in YAML; for the files of IIS and Apache `--backend http://privateserver:8080`.",
)
def sends_nowhere(view: SiteView) -> Iterator[Finding]:
    if view.site.backend is None and not any(map(_goes_elsewhere, view.rules)):
        yield Finding(
            f'the site "{view.site.name}" has no backend, and no rule rewrites to an absolute URL: a request that no '
            "rule answers gets 404; name the backend in the rule file, or with --backend"
        )


def _goes_elsewhere(rule: InboundRule) -> bool:
    """Say whether a rule rewrites to an absolute URL, or to what may turn out to be one."""
    url = rule.action.url
    return rule.action.type is ActionType.REWRITE and ("://" in url or url.startswith("{"))
