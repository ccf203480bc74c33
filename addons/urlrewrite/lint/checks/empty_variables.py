"""Checks of server variables that have no value here: nobody logs in at a proxy."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.template import Template, Variable
from urlrewrite.engine.variables import EMPTY_VARIABLES, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import ConditionsView, ConditionView, InboundView, place, quoted
from urlrewrite.model import SetServerVariable, Source

_DEADLINE = 0.02
_LOGON = frozenset("AUTH_PASSWORD AUTH_TYPE AUTH_USER LOGON_USER REMOTE_USER UNMAPPED_REMOTE_USER".split())


@check(
    "UR159",
    "A variable that is always empty here",
    ConditionsView,
    means="A rule reads `{AUTH_USER}`, `{LOGON_USER}`, `{CERT_SUBJECT}` or another variable that IIS fills in once "
    "it has "
    "authenticated a client, or from its own configuration. The message says what becomes of what hangs on it.",
    iis="Has the name of the user, the client's certificate, and so on, where it authenticates clients.",
    here="Empty: nobody logs in at this proxy, and no certificate is asked for. A field that is set to it is taken "
    "away.",
    write="What says who the client is: a field of a proxy in front that authenticates (`{HTTP_X_USER}`, with "
    "`trustedProxies:`). Rules that guard something by such a variable guard nothing here.",
)
def always_empty(view: ConditionsView) -> Iterator[Finding]:
    for item in view.items:
        if name := _name_in(item.input, view):
            yield Finding(f"{_why(name)}{_result(item)}", place(item.item, view))
    for template, source in view.templates:
        if name := _name_in(template, view):
            field = _set_to(view, source, template)
            then = (
                f": {quoted(field.name)} is taken away from the request" if field and len(template.nodes) == 1 else ""
            )
            yield Finding(f"{_why(name)}, in {quoted(template.source)}{then}", source)


def _name_in(template: Template, view: ConditionsView) -> str:
    names = (normal_name(node.name) for node in template.references() if isinstance(node, Variable))
    return next((name for name in names if name in EMPTY_VARIABLES - view.context.variables), "")


def _why(name: str) -> str:
    if name in _LOGON:
        return f"nobody is authenticated here, so that {{{name}}} is always empty"
    if name.startswith("CERT_"):
        return f"no client is asked for a certificate here, so that {{{name}}} is always empty"
    return f"{{{name}}} is always empty here"


def _result(item: ConditionView) -> str:
    """Say what becomes of a condition whose whole input is empty."""
    if item.pattern is None or len(item.input.nodes) != 1:
        return f", in the condition on {item.item.input}"
    holds = (item.pattern.search("", _DEADLINE) is not None) is not item.item.negate
    return f", and the condition with the pattern {quoted(item.item.pattern)} {'always' if holds else 'never'} holds"


def _set_to(view: ConditionsView, source: Source, template: Template) -> SetServerVariable | None:
    owner = view.owner
    if not isinstance(owner, InboundView):
        return None
    found = (item for item, value in owner.variables if value is template and place(item, owner) == source)
    return next((item for item in found if normal_name(item.name).startswith("HTTP_")), None)
