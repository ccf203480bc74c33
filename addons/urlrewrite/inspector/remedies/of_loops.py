"""Redirects in a circle: who else takes part in it, and which path to exempt."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.exchange.responses import Forward
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.diagnose.cause import Cause
from urlrewrite.inspector.diagnose.page_loads import redirect_target, url_of
from urlrewrite.inspector.diagnose.routes import local_response
from urlrewrite.inspector.experiments.edits import Edit, edit_rule
from urlrewrite.inspector.recorded_exchange import RecordedExchange
from urlrewrite.inspector.remedies import parts
from urlrewrite.inspector.remedies.proposal import About, Remedy
from urlrewrite.inspector.remedies.table import table
from urlrewrite.inspector.remedies.trying import Trying
from urlrewrite.model import Condition
from urlrewrite.trace.text import shown


def _loop(about: About, trying: Trying) -> Iterator[Remedy]:
    senders = {url_of(each): local_response(about.case, each) for each in about.exchanges}
    rules = list(dict.fromkeys(each.rule for each in senders.values() if each))
    by_backend = next((each for each in about.exchanges if senders[url_of(each)] is None), None)
    if len(rules) > 1:
        ends = {cause.rule: (each, cause) for each in about.exchanges[::-1] if (cause := senders[url_of(each)])}
        yield from _of_two_rules(about, trying, [ends[rule] for rule in rules[:2]])
    elif rules and by_backend is not None:
        asked, target = shown(by_backend.request.target, 80), shown(path_of(redirect_target(by_backend)), 80)
        back = next(each for each in about.exchanges if senders[url_of(each)] is not None)
        path = back.request.target.partition("?")[0]
        todo = (
            f'The backend redirects {asked} to {target}, and the rule "{rules[0]}" redirects it back. Exempt {path} '
            "from the rule by a condition, or switch off the redirect of the backend."
        )
        exempt = parts.condition_added(Condition("{URL}", f"^{escaped(path)}$", negate=True))

        def is_let_through(edit: Edit) -> bool | None:
            # Whether the backend has a page there, nobody has seen.
            return None if isinstance(trying.routing(edit, back), Forward) else False

        yield Remedy(todo, about.changed(exempt), is_let_through)
        yield Remedy(todo)
    elif rules:
        yield Remedy(
            f'The rule "{rules[0]}" redirects again what it has redirected itself. Give it a condition that no longer '
            "holds for the address that it redirects to, or correct the condition that it has."
        )


def _of_two_rules(about: About, trying: Trying, ends: list[tuple[RecordedExchange, Cause]]) -> Iterator[Remedy]:
    """Yield the rule to switch off: the one that redirects away from what the backend is seen to serve."""
    rules = [f'"{cause.rule}" ({cause.source})' if cause.source else f'"{cause.rule}"' for _, cause in ends]
    paths = [shown(each.request.target, 80) for each, _ in ends]
    both = f"The rules {rules[0]} and {rules[1]} undo each other."
    for number, (exchange, cause) in enumerate(ends):
        edit = edit_rule(about.rule_set, about.site_name, cause.rule, parts.switched_off)
        status = _status_seen(about, trying, edit, exchange) if edit else 0
        if status:
            todo = f"The backend answers {paths[number]} with {status}, so switch off {rules[number]}."
            yield Remedy(f"{both} {todo}", edit, lambda _: True, cause)
    exchange, cause = ends[1]
    todo = (
        f"{both} Nothing seen yet shows which URL the backend serves. Switch off {rules[1]}, and open {paths[1]}. If "
        f"the page appears, you are done. If not, switch it on again, and switch off {rules[0]}."
    )

    def leaves(edit: Edit) -> bool | None:
        return None if isinstance(trying.routing(edit, exchange), Forward) else False

    edit = edit_rule(about.rule_set, about.site_name, cause.rule, parts.switched_off)
    yield Remedy(todo, edit, leaves, cause)
    yield Remedy(todo)


def _status_seen(about: About, trying: Trying, edit: Edit, exchange: RecordedExchange) -> int:
    """Return the success with which the backend was seen to answer what it is asked under an edit, or 0."""
    routing = trying.routing(edit, exchange)
    if not isinstance(routing, Forward):
        return 0
    for seen in (*about.case.load.all, *about.case.earlier, *about.case.later):
        same = seen.request.method == exchange.request.method and about.case.backend_url(seen) == routing.url
        if same and seen.original is not None and 200 <= seen.original.status < 300:
            return seen.original.status
    return 0


OF_LOOPS = table(("redirect-loop", _loop))
