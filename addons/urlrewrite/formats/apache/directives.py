"""The directives of Apache that bear on what a proxy does, and what becomes of each here.

`rules/apache.md` has this table for people. Directives that are known and not listed here are passed over: they are for
files, for programs that run in the server, or for how the server itself runs (Apache HTTP Server 2.4 documentation,
"Directive Index").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from urlrewrite.formats.fates import Fate


@dataclass(frozen=True, slots=True)
class KnownDirective:
    """A directive: what becomes of it, and what there is instead, as the end of a sentence."""

    fate: Fate
    instead: str = ""


def _all(names: str, fate: Fate, instead: str = "") -> dict[str, KnownDirective]:
    return dict.fromkeys(names.split(), KnownDirective(fate, instead))


_NOBODY_ASKED = "nobody is asked who he is here: let the backend, or a proxy in front, do that"
_FILES = "there are no files here; a rule can rewrite to where they are served"
_ENVIRONMENT = "write a RewriteCond on the field itself"
_CACHE = "nothing is cached: put a cache such as nginx in front"
_TLS = "write it as tls of the site in YAML"

KNOWN_DIRECTIVES: Mapping[str, KnownDirective] = MappingProxyType(
    dict(
        sorted(
            {
                **_all("RewriteBase RewriteCond RewriteEngine RewriteMap RewriteOptions RewriteRule", Fate.HONOURED),
                **_all("Redirect RedirectMatch RedirectPermanent RedirectTemp", Fate.HONOURED, "as rules"),
                **_all("DocumentRoot SSLEngine ServerAlias ServerName", Fate.HONOURED, "of the site"),
                **_all("<Directory> <IfModule> <VirtualHost>", Fate.HONOURED),
                **_all("<Location>", Fate.HONOURED, "but for rules whose pattern does not match everything"),
                **_all(
                    "<Files> <FilesMatch> <Limit> <LimitExcept> <LocationMatch>",
                    Fate.HONOURED,
                    "for what denies everybody, and for fields",
                ),
                **_all("<RequireAll> <RequireAny> <RequireNone>", Fate.HONOURED, "of addresses"),
                **_all("<Proxy>", Fate.HONOURED, "for `*` and balancers; what else keeps clients out is an error"),
                **_all(
                    "Allow Deny Order Require Satisfy",
                    Fate.HONOURED,
                    "by addresses, as ipSecurity; what asks for more is an error where it keeps clients out",
                ),
                **_all("Header", Fate.HONOURED, "as outbound rules, where its value is a plain text"),
                **_all("RequestHeader", Fate.HONOURED, "as a rule, where its value is a plain text"),
                **_all("ProxyPass", Fate.HONOURED, "as public and backend of a site"),
                **_all("ProxyPassMatch", Fate.HONOURED, "as a rule"),
                **_all(
                    "ProxyHTMLEnable ProxyHTMLURLMap ProxyPassReverse ProxyPassReverseCookieDomain "
                    "ProxyPassReverseCookiePath",
                    Fate.HONOURED,
                    "as links: everywhere of the site",
                ),
                **_all("ProxyPreserveHost", Fate.HONOURED, "as preserveHostHeader of the site"),
                **_all("ProxyTimeout", Fate.HONOURED, "as timeouts of the site"),
                **_all("Substitute", Fate.HONOURED, "as links, or as outbound rules for HTML"),
                **_all("SSLRequire SSLVerifyClient", Fate.KEEPS_CLOSED, "no certificate is asked of clients here"),
                **_all("SSLRequireSSL", Fate.HONOURED, "as sslFlags of access"),
                **_all(
                    "AuthBasicProvider AuthDigestProvider AuthGroupFile AuthName AuthType AuthUserFile",
                    Fate.TOLD,
                    _NOBODY_ASKED,
                ),
                **_all("AllowMethods", Fate.TOLD, "write it as verbs of requestFiltering in YAML"),
                **_all("LimitRequestBody", Fate.TOLD, "write maxAllowedContentLength of requestFiltering in YAML"),
                **_all("Alias AliasMatch ScriptAlias ScriptAliasMatch", Fate.TOLD, _FILES),
                **_all(
                    "DirectoryIndex", Fate.TOLD, "the backend chooses what a directory shows; a rule can rewrite ^$"
                ),
                **_all("FallbackResource", Fate.TOLD, "write a RewriteRule for what is no file"),
                **_all("ErrorDocument", Fate.TOLD, "name pages for the proxy's own errors in YAML, as errorPages"),
                **_all("Action SetHandler", Fate.TOLD, "no handler of Apache runs here"),
                **_all(
                    "ExpiresActive ExpiresByType ExpiresDefault", Fate.TOLD, "the backend says how long things live"
                ),
                **_all("CacheEnable", Fate.TOLD, _CACHE),
                **_all("BrowserMatch BrowserMatchNoCase SetEnvIf SetEnvIfExpr SetEnvIfNoCase", Fate.TOLD, _ENVIRONMENT),
                **_all(
                    "Include IncludeOptional", Fate.TOLD, "the files that it names are not read: import them as well"
                ),
                **_all("Use", Fate.TOLD, "macros are not expanded"),
                **_all("BalancerMember ProxySet", Fate.HONOURED, "as servers and algorithm of a farm"),
                **_all("ProxyErrorOverride", Fate.TOLD, "what a backend says of its errors is left alone"),
                **_all("ProxyRequests", Fate.TOLD, "only hosts that a rule file names are forwarded to"),
                **_all("ProxyAddHeaders", Fate.TOLD, "the backend is always told who asks for what"),
                **_all(
                    "RemoteIPHeader RemoteIPInternalProxy RemoteIPTrustedProxy",
                    Fate.TOLD,
                    "write the proxies in front as trustedProxies of the site in YAML",
                ),
                **_all(
                    "SSLCertificateChainFile SSLCertificateFile SSLCertificateKeyFile",
                    Fate.TOLD,
                    "write one PEM file with key, certificate and chain as certificate of the site in YAML",
                ),
                **_all(
                    "SSLProxyCACertificateFile SSLProxyCheckPeerName SSLProxyMachineCertificateFile SSLProxyVerify",
                    Fate.TOLD,
                    _TLS,
                ),
                **_all("SecAction SecRule SecRuleEngine", Fate.TOLD, "no rule of ModSecurity is checked here"),
            }.items(),
            key=lambda item: item[0].strip("<").lower(),
        )
    )
)
"""The directives, and sections in angle brackets, by their names."""

_BY_NAME = {name.lower(): (name, known) for name, known in KNOWN_DIRECTIVES.items()}


def known_directive(name: str) -> tuple[str, KnownDirective] | None:
    """Return a directive as Apache spells it, with what becomes of it; None for one that is passed over."""
    return _BY_NAME.get(name.lower())
