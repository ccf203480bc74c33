"""Server variables, computed when a rule asks for them.

The names are those of the IIS documentation, "Server Variables"; `HTTP_NAME` reads a request field and
`RESPONSE_NAME` a field of the response (IIS URL Rewrite Module 2.0 configuration reference, "Using server variables").
An unknown name is an empty text, as in IIS; `is_known` distinguishes it from an empty value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import PurePosixPath

from urlrewrite.engine.facts import RequestFacts, ResponseFacts
from urlrewrite.engine.url_path import CookedPath, split_target
from urlrewrite.model.field_lines import field_values


def normal_name(name: str) -> str:
    """Return the name in the form in which it is looked up: upper case, `-` as `_`."""
    return name.upper().replace("-", "_")


def field_name(variable: str) -> str:
    """Return the field that a variable `HTTP_X_Y` or `RESPONSE_X_Y` stands for: `x-y`."""
    return variable.partition("_")[2].replace("_", "-").lower()


class Url:
    """The URL that rules work on; each rule that rewrites changes it."""

    __slots__ = ("path", "query")

    def __init__(self, target: str) -> None:
        raw, self.query = split_target(target)
        self.path = CookedPath(raw)

    @property
    def target(self) -> str:
        """Path and query as they go on the wire."""
        return self.path.raw if self.query is None else f"{self.path.raw}?{self.query}"


class Variables:
    """The server variables of one exchange, computed when they are looked up.

    `url` is the current URL of the inbound rules; once there is a `response`, path variables give the public URL again
    (IIS docs, "Reverse Proxy with URL Rewrite v2 and Application Request Routing", where outbound conditions test the
    public `{URL}`).
    """

    __slots__ = ("assigned", "document_root", "invented_root", "request", "response", "site", "url")

    def __init__(
        self, request: RequestFacts, *, site: str = "", document_root: str = "", invented_root: str = ""
    ) -> None:
        self.request = request
        self.response: ResponseFacts | None = None
        self.url = Url(request.target)
        self.site = site
        self.document_root = document_root
        self.invented_root = invented_root
        self.assigned: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        name = normal_name(name)
        if name in self.assigned:
            return self.assigned[name]
        if computed := _COMPUTED.get(name) or _OF_APACHE.get(name):
            return computed(self)
        if name.startswith("HTTP_"):
            separator = "; " if name == "HTTP_COOKIE" else ", "
            return separator.join(field_values(self.request.fields, field_name(name)))
        if name.startswith("RESPONSE_") and self.response:
            return ", ".join(field_values(self.response.fields, field_name(name)))
        return ""

    def is_known(self, name: str) -> bool:
        """Say whether the name means something, even if its value is empty."""
        name = normal_name(name)
        return name in self.assigned or is_server_variable(name)

    def assign(self, name: str, value: str) -> None:
        """Set a variable for the rest of the exchange."""
        self.assigned[normal_name(name)] = value


def is_server_variable(name: str) -> bool:
    """Say whether IIS or Apache defines this name, or it names a field of the request or the response."""
    name = normal_name(name)
    return name in SERVER_VARIABLES or name in _OF_APACHE or name.startswith(("HTTP_", "RESPONSE_"))


def _path_variable(variables: Variables) -> str:
    if variables.response:
        return "/" + CookedPath(split_target(variables.request.target)[0]).text
    return "/" + variables.url.path.text


def _query(variables: Variables) -> str:
    query = split_target(variables.request.target)[1] if variables.response else variables.url.query
    return query or ""


def _host_name(variables: Variables) -> str:
    host = variables.request.host
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _original_url(variables: Variables) -> str:
    path, query = split_target(variables.request.target)
    return "/" + CookedPath(path).text + ("" if query is None else f"?{query}")


def _cache_url(variables: Variables) -> str:
    request = variables.request
    upgrades = any(value.strip().lower() == "websocket" for value in field_values(request.fields, "upgrade"))
    scheme = request.scheme.replace("http", "ws", 1) if upgrades else request.scheme
    return f"{scheme}://{_host_name(variables)}:{_server_port(variables)}{request.target}"


def _server_port(variables: Variables) -> str:
    """Return the port of the Host field, since clients may reach the listener through a forwarded port."""
    port = variables.request.host.rpartition(":")[2]
    if port.isdigit() and ":" in variables.request.host:
        return port
    return "443" if variables.request.scheme == "https" else "80"


def _root(variables: Variables) -> str:
    """Return the directory of the site's files, with a separator at its end; an invented one where none is known."""
    root = variables.document_root or variables.invented_root
    return root.rstrip("/\\") + ("\\" if "\\" in root else "/") if root else ""


def _physical_path(variables: Variables) -> str:
    """Return the file of the URL, whether it is there or not."""
    if variables.document_root:
        return str(PurePosixPath(variables.document_root) / variables.url.path.text)
    root, path = _root(variables), variables.url.path.text
    return root + (path.replace("/", "\\") if root.endswith("\\") else path) if root else ""


def _all_http(variables: Variables) -> str:
    lines = (f"HTTP_{normal_name(name)}:{value}\n" for name, value in variables.request.fields)
    return "".join(lines)


def _field(name: str) -> Callable[[Variables], str]:
    return lambda variables: ", ".join(field_values(variables.request.fields, name))


_COMPUTED: dict[str, Callable[[Variables], str]] = {
    "ALL_HTTP": _all_http,
    "ALL_RAW": lambda v: "".join(f"{name}: {value}\r\n" for name, value in v.request.fields),
    # IIS ends this one with a separator: rules write {APPL_PHYSICAL_PATH}folder.
    "APPL_PHYSICAL_PATH": _root,
    "CACHE_URL": _cache_url,
    "CONTENT_LENGTH": _field("content-length"),
    "CONTENT_TYPE": _field("content-type"),
    "DOCUMENT_ROOT": lambda v: v.document_root or v.invented_root,
    "GATEWAY_INTERFACE": lambda v: "CGI/1.1",
    "HTTPS": lambda v: "on" if v.request.scheme == "https" else "off",
    "HTTP_HOST": lambda v: v.request.host,
    "HTTP_METHOD": lambda v: v.request.method,
    "HTTP_URL": lambda v: v.request.target,
    "HTTP_VERSION": lambda v: v.request.http_version,
    "HTTP_X_ORIGINAL_URL": _original_url,
    "INSTANCE_NAME": lambda v: v.site,
    "LOCAL_ADDR": lambda v: v.request.local[0],
    "PATH_INFO": _path_variable,
    "PATH_TRANSLATED": _physical_path,
    "QUERY_STRING": _query,
    "REMOTE_ADDR": lambda v: v.request.client[0],
    "REMOTE_HOST": lambda v: v.request.client[0],
    "REMOTE_PORT": lambda v: str(v.request.client[1]),
    "REQUEST_FILENAME": _physical_path,
    "REQUEST_METHOD": lambda v: v.request.method,
    "REQUEST_URI": lambda v: v.request.target,
    "RESPONSE_STATUS": lambda v: str(v.response.status) if v.response else "",
    "SCRIPT_FILENAME": _physical_path,
    "SCRIPT_NAME": _path_variable,
    "SERVER_ADDR": lambda v: v.request.local[0],
    "SERVER_NAME": _host_name,
    "SERVER_PORT": _server_port,
    "SERVER_PORT_SECURE": lambda v: "1" if v.request.scheme == "https" else "0",
    "SERVER_PROTOCOL": lambda v: v.request.http_version,
    "SERVER_SOFTWARE": lambda v: "mitm-urlrewrite",
    "UNENCODED_URL": lambda v: v.request.target,
    "URL": _path_variable,
    "URL_PATH_INFO": _path_variable,
}

PATH_VARIABLES = frozenset(("PATH_INFO", "SCRIPT_NAME", "URL", "URL_PATH_INFO"))
"""The names, as `normal_name` gives them, whose value is the current path, decoded."""

URL_VARIABLES = frozenset(("HTTP_URL", "HTTP_X_ORIGINAL_URL", "REQUEST_URI", "UNENCODED_URL"))
"""Those whose value is a path and a query."""

FILE_VARIABLES = frozenset(
    ("APPL_PHYSICAL_PATH", "DOCUMENT_ROOT", "PATH_TRANSLATED", "REQUEST_FILENAME", "SCRIPT_FILENAME")
)
"""Those whose value is a place in the file system."""

HOST_VARIABLES = frozenset(("HTTP_HOST", "SERVER_NAME"))
"""Those whose value is the host that the client requested."""

EMPTY_VARIABLES = frozenset(
    """APPL_MD_PATH APP_POOL_CONFIG APP_POOL_ID AUTH_PASSWORD AUTH_TYPE AUTH_USER CERT_COOKIE CERT_FLAGS CERT_ISSUER
    CERT_KEYSIZE CERT_SECRETKEYSIZE CERT_SERIALNUMBER CERT_SERVER_ISSUER CERT_SERVER_SUBJECT CERT_SUBJECT
    CRYPT_CIPHER_ALG_ID CRYPT_HASH_ALG_ID CRYPT_KEYEXCHANGE_ALG_ID CRYPT_PROTOCOL FORWARDED_URL HTTPS_KEYSIZE
    HTTPS_SECRETKEYSIZE HTTPS_SERVER_ISSUER HTTPS_SERVER_SUBJECT INSTANCE_ID INSTANCE_META_PATH LOGON_USER
    MANAGED_PIPELINE_MODE REMOTE_USER REQUEST_FLAGS SCRIPT_TRANSLATED SSI_EXEC_DISABLED UNMAPPED_REMOTE_USER""".split()
)
"""Names that IIS knows and that are empty here: there are no logons and no application pools."""

SERVER_VARIABLES = frozenset(_COMPUTED) | EMPTY_VARIABLES
"""Every server variable by its name in upper case; those of fields (`HTTP_...`, `RESPONSE_...`) are not counted."""


def _local_time(form: str) -> Callable[[Variables], str]:
    def value(variables: Variables) -> str:
        received = variables.request.received
        return time.strftime(form, time.localtime(received)) if received else ""

    return value


_OF_APACHE: dict[str, Callable[[Variables], str]] = {
    "IPV6": lambda v: "on" if ":" in v.request.client[0] else "off",
    "TIME": _local_time("%Y%m%d%H%M%S"),
    "TIME_YEAR": _local_time("%Y"),
    "TIME_MON": _local_time("%m"),
    "TIME_DAY": _local_time("%d"),
    "TIME_HOUR": _local_time("%H"),
    "TIME_MIN": _local_time("%M"),
    "TIME_SEC": _local_time("%S"),
    "TIME_WDAY": _local_time("%w"),
}

APACHE_VARIABLES = frozenset(_OF_APACHE)
"""Ours: variables of mod_rewrite that IIS does not have (Apache documentation, "RewriteCond Directive")."""
