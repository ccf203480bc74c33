"""The server variables of Apache, and those of IIS with the same values."""

from __future__ import annotations

import re
from collections.abc import Iterable

from urlrewrite.formats.apache.strings import Part, ServerVariable, references
from urlrewrite.formats.apache.syntax import DirectiveError
from urlrewrite.formats.wording import suggestion

SAME = frozenset(
    """AUTH_TYPE DOCUMENT_ROOT HTTPS HTTP_ACCEPT HTTP_COOKIE HTTP_FORWARDED HTTP_HOST HTTP_PROXY_CONNECTION
    HTTP_REFERER HTTP_USER_AGENT IPV6 QUERY_STRING REMOTE_ADDR REMOTE_HOST REMOTE_PORT REMOTE_USER REQUEST_METHOD
    SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE TIME TIME_DAY TIME_HOUR TIME_MIN TIME_MON TIME_SEC
    TIME_WDAY TIME_YEAR""".split()
)
OTHER = {
    "CONN_REMOTE_ADDR": "{REMOTE_ADDR}",
    "CONTEXT_DOCUMENT_ROOT": "{DOCUMENT_ROOT}",
    "CONTEXT_PREFIX": "",
    "IS_SUBREQ": "false",
    "REQUEST_URI": "{URL}",  # IIS's REQUEST_URI has the query string in it, Apache's has not
    "SERVER_ADDR": "{LOCAL_ADDR}",
    "THE_REQUEST": "{REQUEST_METHOD} {UNENCODED_URL} {SERVER_PROTOCOL}",
}
FILES = frozenset(("REQUEST_FILENAME", "SCRIPT_FILENAME"))
NOT_IN_IIS = frozenset(
    """API_VERSION DOCUMENT_ARGS DOCUMENT_NAME DOCUMENT_PATH_INFO DOCUMENT_URI HANDLER LAST_MODIFIED PATH_INFO
    REMOTE_IDENT REQUEST_STATUS SCRIPT_GROUP SCRIPT_USER SERVER_ADMIN""".split()
)
OF_IIS = frozenset(
    """ALL_HTTP ALL_RAW APPL_PHYSICAL_PATH APP_POOL_ID CACHE_URL CONTENT_LENGTH CONTENT_TYPE GATEWAY_INTERFACE
    HTTP_METHOD HTTP_URL HTTP_VERSION INSTANCE_ID INSTANCE_NAME LOCAL_ADDR LOGON_USER PATH_INFO PATH_TRANSLATED
    REQUEST_FILENAME REQUEST_URI RESPONSE_STATUS SCRIPT_FILENAME SCRIPT_NAME SERVER_ADDR SERVER_PORT_SECURE
    UNENCODED_URL URL""".split()
)
NAME = re.compile(r"[A-Za-z_][\w.\-]*", re.ASCII)
"""A name that a variable in a template of IIS can have."""


def check_variables(parts: Iterable[Part]) -> None:
    """Check that Apache has every variable of a template.

    Raises:
        DirectiveError: it has not, and the variable would always be empty there.
    """
    for part in references(parts):
        if isinstance(part, ServerVariable) and ":" not in part.name:
            name = part.name.upper()
            if name not in SAME | FILES | NOT_IN_IIS | OTHER.keys() | {"REQUEST_SCHEME"}:
                known = suggestion(name, (*SAME, *OTHER, *FILES))
                field = f", or %{{HTTP:{name[5:].replace('_', '-').title()}}}" if name.startswith("HTTP_") else known
                message = f"got %{{{part.name}}}, which is always empty in Apache, expected one of its variables{field}"
                raise DirectiveError(message)


def environment_variable(name: str) -> str:
    """Return the server variable for an environment variable: the same name, unless IIS has a variable of that name."""
    upper = name.upper().replace("-", "_")
    if upper in SAME | OF_IIS or not NAME.fullmatch(name):
        return "ENV_" + re.sub(r"[^\w.\-]", "_", name, flags=re.ASCII)
    return name
