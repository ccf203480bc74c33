"""Sites below a path: `https://www.example.com/app` in front of `http://privateserver:8080/base`.

Rules see what the rules of an application at `/app` see in IIS: the path relative to it, and server variables with the
whole path. The path that they leave goes to the backend with `/base` in place of `/app`.
"""

from __future__ import annotations

from urllib.parse import unquote

from urlrewrite.engine.facts import RequestFacts
from urlrewrite.engine.variables import Url
from urlrewrite.model import Site
from urlrewrite.model.field_lines import field_values


def backend_target(site: Site, request: RequestFacts, url: Url, *, absolute: bool) -> str | None:
    """Give path and query for the backend; None if a rule took the URL out of the site.

    `absolute` says that a rule named the backend: then the path is the rule's.
    """
    if request.target == "*":
        return request.target
    if absolute or not (site.path or site.backend_path):
        return url.target
    below = url.path.raw_below(_directory(site))
    if below is None:
        return None
    return site.backend_path + below + ("" if url.query is None else f"?{url.query}")


def lacks_slash(site: Site, request: RequestFacts, url: Url) -> bool:
    """Say whether a browser asks for the mount itself without the slash at its end.

    Browsers read the links of a page from the last slash of its URL. Other clients, and those that open a WebSocket,
    do not follow redirects, and get what stands at the root of the site.
    """
    if not site.path or request.method not in ("GET", "HEAD") or field_values(request.fields, "upgrade"):
        return False
    return len(url.path.text) == len(_directory(site))


def page_path(site: Site, request: RequestFacts) -> str:
    """Give the path of a page as the backend would know it if no rule changed it; "" if it is outside the site."""
    path = Url(request.target).path.raw_below(_directory(site))
    return "" if path is None else site.backend_path + path


def _directory(site: Site) -> str:
    return unquote(site.path.removeprefix("/"))
