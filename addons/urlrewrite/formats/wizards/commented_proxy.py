"""`run.sh init`: what the template "Reverse Proxy" of IIS Manager means, as a rule file to begin with.

IIS writes one inbound rule (`http://BACKEND/{R:1}`) and one outbound rule for the links of a few tags. Here `backend`
and `links` say the same, and more of it.
"""

from __future__ import annotations

from urlrewrite.formats.addresses import parse_named_origin
from urlrewrite.formats.wizards.filling import Values, filled
from urlrewrite.formats.wizards.parts import same_scheme
from urlrewrite.model.origin import Origin


def reverse_proxy(public: str, backend: str, *, ssl_offload: bool = True, links: bool = True) -> str:
    """Write a YAML rule file for one site, with comments and tests.

    Args:
        public: the origin that browsers use, `https://www.example.com`.
        backend: the origin behind the proxy, `http://privateserver:8080`.
        ssl_offload: whether TLS ends at the proxy. If not, an https site asks its backend by https too.
        links: whether links of the backend are mapped to the public name.

    Raises:
        ValueError: an address is invalid, with "public: got X, expected Y".
    """
    site = parse_named_origin("public", public)
    server = parse_named_origin("backend", backend)
    if not ssl_offload:
        server = same_scheme(site, server)
    if site == server:
        raise ValueError(f"backend: got {server}, expected another address than the public one")
    secure, asks_securely = site.scheme == "https", server.scheme == "https"
    values: Values = {
        "public": str(site),
        "backend": str(server),
        "host": Origin("http", site.host, 80).authority,
        "secure": secure,
        "links": links,
        "no_links": not links,
        "plain": not secure,
        "ends_tls": secure and not asks_securely,
        "renews_tls": secure and asks_securely and ssl_offload,
        # IIS makes {C:1}://BACKEND of a condition on {CACHE_URL}, which is wss:// for a WebSocket: nothing fits that.
        "keeps_tls": secure and asks_securely and not ssl_offload,
    }
    return filled("commented-reverse-proxy.yaml", values)
