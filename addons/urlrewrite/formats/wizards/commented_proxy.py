"""`run.sh init`: what the template "Reverse Proxy" of IIS Manager means, as a rule file to begin with.

IIS writes one inbound rule (`http://BACKEND/{R:1}`) and one outbound rule for the links of a few tags. Here `backend`
and `links` say the same, and more of it.
"""

from __future__ import annotations

from dataclasses import replace

from urlrewrite.formats.addresses import parse_origin
from urlrewrite.model.origin import DEFAULT_PORTS, Origin


def reverse_proxy(public: str, backend: str, *, ssl_offload: bool = True, links: bool = True) -> str:
    """The text of a YAML rule file for one site, with comments and tests.

    Args:
        public: the origin that browsers use, `https://www.example.com`.
        backend: the origin behind the proxy, `http://privateserver:8080`.
        ssl_offload: whether TLS ends at the proxy. If not, an https site asks its backend by https too.
        links: whether links of the backend are mapped to the public name.

    Raises:
        ValueError: an address that is none, with "public: got X, expected Y".
    """
    site = _origin("public", public)
    server = _origin("backend", backend)
    if not ssl_offload and site.scheme == "https" and server.scheme == "http":
        port = DEFAULT_PORTS["https"] if server.port == DEFAULT_PORTS["http"] else server.port
        server = replace(server, scheme="https", port=port)
    if site == server:
        raise ValueError(f"backend: got {server}, expected another address than the public one")
    secure = site.scheme == "https"
    return "".join(
        (
            _HEAD.format(public=site, backend=server, transport=_transport(site, server, ssl_offload)),
            _LINKS_ON if links else _LINKS_OFF,
            _RULES.format(public=site) if secure else "",
            _TESTS.format(public=site, backend=server),
            _TEST_REDIRECT.format(public=site, host=Origin("http", site.host, 80).authority) if secure else "",
            (_TEST_LINKS if links else _TEST_NO_LINKS).format(public=site, backend=server),
        )
    )


def _origin(what: str, text: str) -> Origin:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _transport(site: Origin, server: Origin, ssl_offload: bool) -> str:
    """What the comment says of the way between proxy and backend."""
    if site.scheme == "http":
        return "Browsers come by plain HTTP, so there is no TLS to end at the proxy."
    if server.scheme == "http":
        return 'TLS ends at the proxy ("SSL offloading" in IIS): the backend is asked by plain HTTP.'
    if ssl_offload:
        return "TLS ends at the proxy, and another connection with TLS goes on to the backend."
    # IIS makes {C:1}://BACKEND of a condition on {CACHE_URL}, which is wss:// for a WebSocket and then fits nothing.
    return (
        'Without "SSL offloading" the backend is asked by what the browser uses: HTTPS for pages and\n'
        "# WebSockets alike. (The condition on {CACHE_URL} that IIS writes for this misses WebSockets.)"
    )


_HEAD = """\
# Reverse proxy for {backend}, published as {public}
#
#   ./run.sh check FILE           reads this file and runs its tests
#   ./run.sh web FILE             serves it, with mitmweb to look on
#   ./run.sh explain FILE URL     tells what becomes of one request

# The address that browsers use. Requests for other hosts get 404.
public: {public}

# The server behind the proxy; path and query of a request go there unchanged.
# {transport}
backend: {backend}

# If the backend's name does not resolve on this machine, say where it is to be reached:
# connect: 127.0.0.1:8080
"""

_LINKS_ON = """
# Wherever a response names the backend (links, scripts, JSON, redirects, cookies), the browser gets the public name,
# and what it sends back is mapped the other way. `tags` stops at the attributes that HTML defines as URLs.
links: everywhere
"""

_LINKS_OFF = """
# Links in responses stay as the backend wrote them. Try `everywhere` if pages lead to the backend's own name.
links: off
"""

_RULES = """
rules:
  # Who comes by plain HTTP is sent to the same page by HTTPS. {{HTTPS}} is `on` or `off`; {{UNENCODED_URL}} is path and
  # query exactly as the browser sent them, so the query must not be appended once more.
  # With redirectType Permanent browsers remember the way: choose that when everything works.
  - name: HTTP to HTTPS
    match: .*
    conditions:
      - {{input: '{{HTTPS}}', pattern: ^off$}}
    action:
      type: Redirect
      url: '{public}{{UNENCODED_URL}}'
      appendQueryString: false
      redirectType: Found

  # Your own rules follow here. This one would refuse an address to everybody:
  # - name: no administration from outside
  #   match: ^admin/
  #   action: {{type: CustomResponse, statusCode: 403, statusReason: Forbidden}}
"""

_TESTS = """
# What this file promises. `./run.sh check FILE` proves it without any network.
tests:
  - name: path and query reach the backend unchanged
    request: GET {public}/article/7?page=2&q=a%2Fb
    expect:
      url: {backend}/article/7?page=2&q=a%2Fb
"""

_TEST_REDIRECT = """
  - name: plain HTTP is sent to HTTPS
    request: GET http://{host}/article/7?page=2
    expect:
      status: 302
      location: {public}/article/7?page=2
"""

_TEST_LINKS = """
  - name: links and redirects of the backend lead to the public name
    request: GET {public}/
    response:
      status: 302
      headers:
        Content-Type: text/html; charset=utf-8
        Location: {backend}/news
      body: |
        <a href="{backend}/news">News</a>
    expect:
      status: 302
      location: {public}/news
      body:
        contains: <a href="{public}/news">News</a>
        lacks: {backend}/news
"""

_TEST_NO_LINKS = """
  - name: links stay as the backend wrote them
    request: GET {public}/
    response:
      headers:
        Content-Type: text/html; charset=utf-8
      body: |
        <a href="{backend}/news">News</a>
    expect:
      status: 200
      body:
        contains: <a href="{backend}/news">News</a>
"""
