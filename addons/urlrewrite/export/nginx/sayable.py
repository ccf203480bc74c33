"""What maps of nginx can say of a rule, and by which variables of nginx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Literal, Template, Variable
from urlrewrite.engine.url_path import encode_url
from urlrewrite.engine.variables import normal_name
from urlrewrite.export.decision_list import Entry, written_host
from urlrewrite.export.expressions import map_can_say
from urlrewrite.export.judgement import ENTITLED
from urlrewrite.model import ActionType, LogicalGrouping, MatchType

_URI = "${request_uri}"

PLAIN_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "CACHE_URL": "${ur_cache_scheme}://${ur_name}:${ur_port}${request_uri}",
        "HTTPS": "${ur_https}",
        "HTTP_HOST": "${http_host}",
        "HTTP_METHOD": "${request_method}",
        "HTTP_URL": _URI,
        "HTTP_X_ORIGINAL_URL": _URI,
        "PATH_INFO": "",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "${remote_addr}",
        "REMOTE_HOST": "${remote_addr}",
        "REQUEST_METHOD": "${request_method}",
        "REQUEST_URI": _URI,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "${ur_name}",
        "SERVER_PORT": "${ur_port}",
        "UNENCODED_URL": _URI,
        "URL": "",
        "URL_PATH_INFO": "",
    }
)
"""Server variables with nothing in them that a URL may not have, where URL and Host are plain; "" is the path."""

_LONE_PERCENT = re.compile("%(?![0-9a-fA-F]{2})")


def can_say(entry: Entry, set_by_rules: frozenset[str]) -> bool:
    """Say whether maps can decide by a rule, and do what it does, for plain URLs.

    `set_by_rules` are the server variables that any rule of the list sets.
    """
    compiled, conditions = entry.compiled, entry.compiled.conditions
    if not all(map(map_can_say, entry.trees())):
        return False
    if any(item.condition.match_type is not MatchType.PATTERN for item in conditions.items):
        return False
    if not all(item.replace for item in compiled.server_variables):
        return False
    templates = list(entry.templates())
    references = [each for template in templates for each in template.references()]
    of_conditions = any(isinstance(each, BackReference) and each.kind == "C" for each in references)
    if of_conditions and conditions.logical_grouping is LogicalGrouping.MATCH_ANY:
        return False
    names = {normal_name(each.name) for each in references if isinstance(each, Variable)}
    if not all(name in PLAIN_VARIABLES or name.startswith("HTTP_") or name in set_by_rules for name in names):
        return False
    if any(isinstance(each, Call) and each.name.lower() in FUNCTIONS for each in references):
        return False
    return _url_is_sayable(entry, set_by_rules)


def _url_is_sayable(entry: Entry, set_by_rules: frozenset[str]) -> bool:
    """Say whether the URL of a rule comes to a text of plain characters, whose host is known."""
    action, url = entry.rule.action, entry.compiled.url
    if action.type not in (ActionType.REWRITE, ActionType.REDIRECT):
        return True
    if action.type is ActionType.REWRITE:
        host = written_host(url, path_variables=ENTITLED)
        if host and host.origin is None:
            return False
    inputs = [item.input for item in entry.compiled.conditions.items]
    captures = any(isinstance(node, BackReference) and node.kind == "C" for node in url.references())
    if captures and not all(_is_plain(entry, each, set_by_rules) for each in inputs):
        return False
    for node in url.nodes:
        match node:
            case Literal(text):
                if "#" in text or _LONE_PERCENT.search(text):
                    return False
            case Variable(name):
                if normal_name(name) not in PLAIN_VARIABLES or normal_name(name) in set_by_rules:
                    return False
            case Call(name):
                if not _gives_plain(entry, name):
                    return False
    return True


def _gives_plain(entry: Entry, name: str) -> bool:
    """Say whether a rewrite map gives only what may stand in a URL as it is."""
    return not any(encode_url(value) != value or "#" in value for value in entry.lookups[name.lower()].values)


def _is_plain(entry: Entry, template: Template, set_by_rules: frozenset[str]) -> bool:
    return all(
        isinstance(node, Literal)
        or (
            isinstance(node, Variable)
            and normal_name(node.name) in PLAIN_VARIABLES
            and normal_name(node.name) not in set_by_rules
        )
        or (isinstance(node, BackReference) and node.kind == "R")
        or (isinstance(node, Call) and _gives_plain(entry, node.name))
        for node in template.nodes
    )
