"""What holds for a request on its way: what its farm says, or its site, or `<proxy>` of the server."""

from __future__ import annotations

from dataclasses import dataclass, replace

from urlrewrite.model import Farm, RuleSet, Site
from urlrewrite.model.farms import DEFAULT_CONNECTIONS, DEFAULT_TIMEOUTS, BackendTls, Connections, Timeouts
from urlrewrite.model.proxy_settings import HttpVersion, ProxySettings


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """See `backend_settings`."""

    proxy: ProxySettings
    keeps_host: bool
    timeouts: Timeouts
    tls: BackendTls
    connections: Connections

    @property
    def reverse_rewrites(self) -> bool:
        """Whether Location gets the public name with `links: off`, too."""
        return bool(self.proxy.reverse_rewrite_host_in_response_headers)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may serve a further request."""
        return self.proxy.keep_alive is not False


def backend_settings(rule_set: RuleSet, site: Site, farm: Farm | None) -> BackendSettings:
    """Return what holds for a request of a site, to a farm or not. `<proxy>` is not for farms."""
    usual = ProxySettings(reverse_rewrite_host_in_response_headers=farm is None)
    own = site.proxy_settings
    proxy = (farm.proxy_settings.over(own) if farm else own.over(rule_set.proxy_settings)).over(usual)
    tls = farm.tls if farm else site.tls
    if proxy.http_version is HttpVersion.HTTP_11:
        tls = replace(tls, http2=False)
    timeouts = farm.timeouts if farm else site.timeouts or rule_set.timeouts or DEFAULT_TIMEOUTS
    connections = farm.connections if farm else site.connections or DEFAULT_CONNECTIONS
    keeps_host = site.keeps_host(farm, rule_set.preserve_host_header)
    return BackendSettings(proxy, keeps_host, timeouts, tls, connections)
