"""Checks of outbound rules: which responses they are for, and what they work on."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.engine.variables import is_server_variable, normal_name
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import ConditionView, OutboundView, quoted
from urlrewrite.model import LogicalGrouping, OutboundActionType

_DEADLINE = 0.05
_REDIRECTS = ("RESPONSE_LOCATION", "RESPONSE_REFRESH")
_RESPONSE_FIELDS = frozenset(
    """ACCESS_CONTROL_ALLOW_ORIGIN CACHE_CONTROL CONTENT_DISPOSITION CONTENT_LOCATION CONTENT_SECURITY_POLICY ETAG LINK
    LOCATION REFERRER_POLICY REFRESH SERVER SET_COOKIE STRICT_TRANSPORT_SECURITY X_FRAME_OPTIONS X_POWERED_BY""".split()
)


@check(
    "UR155",
    "A preCondition on Set-Cookie",
    OutboundView,
    means="A rule for `RESPONSE_Set_Cookie` has a preCondition on the same field. A preCondition is evaluated once for "
    "the whole response, the rule once for each cookie.",
    iis="Sees one value for all cookies of the response in a preCondition: the rule is skipped for all of them, or "
    "runs for all of them.",
    here="The same: in a preCondition `{RESPONSE_Set_Cookie}` is all lines, joined with commas.",
    write="A condition of the rule on `{R:0}`, which is the current cookie, or a pattern such as "
    "`^(?!.*;\\s*secure)(.+)$`.",
)
def set_cookie_precondition(view: OutboundView) -> Iterator[Finding]:
    if view.variable != "RESPONSE_SET_COOKIE" or view.pre_condition is None:
        return
    if any("RESPONSE_SET_COOKIE" in normal_name(item.item.input) for item in view.pre_condition.conditions):
        yield Finding(
            f"the preCondition {quoted(view.item.pre_condition)} sees all cookies of the response at once, in IIS as "
            "here, and not the one being rewritten: write a condition of the rule, with the input '{R:0}'"
        )


@check(
    "UR160",
    "A response field by its own name",
    OutboundView,
    means="The serverVariable of an outbound rule is the name of a field without `RESPONSE_` before it.",
    iis="Takes it as a server variable, which is empty. The field stays as it is.",
    here="The same.",
    write="`RESPONSE_Location` for the field Location.",
)
def field_without_prefix(view: OutboundView) -> Iterator[Finding]:
    name, written = view.variable, view.item.match.server_variable
    if not name or name.startswith(("RESPONSE_", "HTTP_")) or is_server_variable(name):
        return
    if name in _RESPONSE_FIELDS or "-" in written or name.startswith("X_"):
        fixed = "RESPONSE_" + written.replace("-", "_")
        yield Finding(
            f"the serverVariable {quoted(written)} is not the field of that name, in IIS as here: write {quoted(fixed)}"
        )


@check(
    "UR161",
    "An outbound rule on a field of the request",
    OutboundView,
    means="The serverVariable of an outbound rule is `HTTP_...`. The request has been sent when outbound rules run: "
    "the backend does not see the change.",
    iis="Changes the variable, which is not used any more. (Restoring HTTP_ACCEPT_ENCODING is the exception: IIS "
    "compresses by it.)",
    here="Changes the variable for the outbound rules that follow.",
    write="An inbound rule with `serverVariables:`, to set a field of the request; `RESPONSE_...` for one of the "
    "response.",
)
def request_field(view: OutboundView) -> Iterator[Finding]:
    if view.variable.startswith("HTTP_") and view.variable != "HTTP_ACCEPT_ENCODING":
        yield Finding(
            f"{quoted(view.item.match.server_variable)} is a field of the request, which has been sent already, in "
            "IIS as here: set it in an inbound rule with serverVariables, or write RESPONSE_... for a field of the "
            "response"
        )


@check(
    "UR162",
    "A rule for redirects that is limited to HTML",
    OutboundView,
    means="A rule for `RESPONSE_Location` requires the Content-Type text/html. A redirect often has no Content-Type, "
    "or another one.",
    iis="Leaves the Location of such redirects alone, and the backend's name leaks.",
    here="The same; with `links: everywhere` the field is mapped without a rule.",
    write="A preCondition on `{RESPONSE_STATUS}` with the pattern `^(201|3\\d\\d)$`, or none.",
)
def html_redirects(view: OutboundView) -> Iterator[Finding]:
    if view.variable not in _REDIRECTS:
        return
    required = [*view.conditions]
    if view.item.conditions.logical_grouping is LogicalGrouping.MATCH_ANY and len(view.conditions) > 1:
        required = []
    before = view.pre_condition
    if before and (len(before.conditions) == 1 or before.item.logical_grouping is LogicalGrouping.MATCH_ALL):
        required += before.conditions
    if any(_asks_for_html(item) for item in required):
        yield Finding(
            f"the rule for {view.item.match.server_variable} is for responses with the Content-Type text/html only, in "
            "IIS as here, and a redirect often has none: write a preCondition on '{RESPONSE_STATUS}' with the pattern "
            r"'^(201|3\d\d)$' instead"
        )


def _asks_for_html(item: ConditionView) -> bool:
    if item.pattern is None or item.item.negate or not item.asks("RESPONSE_CONTENT_TYPE"):
        return False
    html, none = (item.pattern.search(text, _DEADLINE) for text in ("text/html; charset=utf-8", ""))
    return html is not None and none is None


@check(
    "UR163",
    "A rule for bodies without a preCondition",
    OutboundView,
    means="A rule for tags or bodies does not say for which kind of response it is.",
    iis="Tries it on every response, pictures and downloads as well, which costs time and can damage them; compressed "
    "ones fail with 500.52.",
    here="Tries tags in HTML and XML only, bodies in everything that is text: scripts, styles and JSON, too.",
    write="A preCondition: `{input: '{RESPONSE_CONTENT_TYPE}', pattern: ^text/html}`.",
)
def no_precondition(view: OutboundView) -> Iterator[Finding]:
    if view.item.match.server_variable or view.item.pre_condition or not view.rewrites:
        return
    if any("RESPONSE_" in normal_name(item.item.input) for item in view.conditions):
        return
    here = "here in HTML and XML" if view.tags else "here in everything that is text"
    yield Finding(
        f"the rule has no preCondition: it is tried on every response in IIS, pictures and downloads too, {here}; "
        "write a preCondition on '{RESPONSE_CONTENT_TYPE}', such as the pattern '^text/html'"
    )


@check(
    "UR164",
    "An outbound rule without any effect",
    OutboundView,
    means="The action of the rule is None, or there is none, and stopProcessing is not set.",
    iis="Evaluates the rule, without any effect.",
    here="The same.",
    write="`action: {type: Rewrite, value: ...}`; or `stopProcessing: true` to keep what matches from the rules after "
    "it.",
)
def no_effect(view: OutboundView) -> Iterator[Finding]:
    if view.item.action.type is OutboundActionType.NONE and not view.item.stop_processing:
        yield Finding(
            "the rule has no effect, in IIS as here: its action is None and it does not stop the rules after it; write "
            "the action Rewrite with a value, or remove the rule"
        )


@check(
    "UR167",
    "A field emptied rather than removed",
    OutboundView,
    means="A rule gives a field of the response an empty value, to remove it.",
    iis="Sends the field with an empty value. (To remove it there: removeServerHeader, or `<remove>` in "
    "customHeaders.)",
    here="In the mode `helpful` the field is removed; in the mode `iis` it is sent empty, as there.",
    write="As it is, with this finding silenced, if the rules never go back to IIS.",
)
def blank_field(view: OutboundView) -> Iterator[Finding]:
    if view.rewrites and view.variable.startswith("RESPONSE_") and not view.item.action.value:
        name = view.item.match.server_variable
        if view.context.is_strict:
            yield Finding(
                f"the empty value does not remove {name}: IIS, and this site in mode iis, send the field with an "
                "empty value; remove it at the backend, or with customHeaders or removeServerHeader of IIS"
            )
        else:
            yield Finding(
                f"the empty value removes {name} here, while IIS would send the field with an empty value: if the "
                "rules never go back to IIS, silence this finding"
            )
