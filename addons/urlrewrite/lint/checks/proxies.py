"""Checks of what ARR's `<proxy>`, and its like of sites and farms, say."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.formats.proxy_settings import ATTRIBUTES
from urlrewrite.formats.xml.arr_schema import AS_HERE, PROXY_KEPT
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import FarmsView, quoted
from urlrewrite.model.proxy_settings import HttpVersion

_READ = {name.casefold() for name in (*ATTRIBUTES, "enabled", "preserveHostHeader", "timeout")}
_DEFAULTS = {name.casefold(): value for name, value in PROXY_KEPT.items()}
_AS_HERE = {name.casefold(): value for name, value in AS_HERE.items()}


@check(
    "UR220",
    "A setting of <proxy> that is kept and not honoured",
    FarmsView,
    means="`<proxy>` of Application Request Routing has a setting that is read and written again, and has no effect "
    "here: buffers, caches, a further proxy, client certificates.",
    iis="Does what it says.",
    here="The setting has no effect.",
    write="What comes near it: the option `urlrewrite_threshold` for buffers, `tls: {certificate: ...}` of a site in "
    "YAML for `clientCert...`, a cache such as nginx in front for `<cache>`.",
)
def not_honoured(view: FarmsView) -> Iterator[Finding]:
    proxy = view.rule_set.proxy
    if proxy is None:
        return
    for name, value in proxy.attributes.items():
        key = name.casefold()
        usual = (_DEFAULTS.get(key, "").casefold(), _AS_HERE.get(key, "").casefold(), "")
        if key not in _READ and not name.startswith("{") and value.strip().casefold() not in usual:
            yield Finding(f"{name}={quoted(value)} of <proxy> is kept for IIS and has no effect here", proxy.source)
    for child in proxy.children:
        if child.name != "cache" or child.attributes.get("enabled", "").strip().lower() != "false":
            yield Finding(f"<{child.name}> of <proxy> is kept for IIS and has no effect here", child.source)


@check(
    "UR221",
    "HTTP/1.0 to a backend",
    FarmsView,
    means="`httpVersion: Http10` of a site, of a farm or of `<proxy>`.",
    iis="Sends requests as HTTP/1.0.",
    here="They are sent as HTTP/1.1, to which a server of HTTP/1.0 responds as it can.",
    write="`keepAlive: false` where the backend cannot keep connections, else nothing.",
)
def old_version(view: FarmsView) -> Iterator[Finding]:
    rule_set = view.rule_set
    said = [(site.proxy_settings, f"the site {quoted(site.name)}", site.source) for site in rule_set.sites]
    said += [(farm.proxy_settings, f"the farm {quoted(farm.name)}", farm.source) for farm in rule_set.farms.values()]
    if rule_set.proxy:
        said.append((rule_set.proxy_settings, "<proxy>", rule_set.proxy.source))
    for settings, who, source in said:
        if settings.http_version is HttpVersion.HTTP_10:
            yield Finding(f"{who} wants HTTP/1.0 to the backend, and requests are sent as HTTP/1.1", source)
