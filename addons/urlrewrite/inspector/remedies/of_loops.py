"""Redirects in a circle: who else takes part in it, and which path to exempt."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.exchange.responses import Forward
from urlrewrite.formats.downlevel.links_as_rules import escaped
from urlrewrite.inspector.diagnose.case import path_of
from urlrewrite.inspector.diagnose.page_loads import redirect_target, url_of
from urlrewrite.inspector.diagnose.routes import local_response
from urlrewrite.inspector.experiments.edits import Edit, edit_rule
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
        yield from _of_two_rules(about, trying, rules)
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


def _of_two_rules(about: About, trying: Trying, rules: list[str]) -> Iterator[Remedy]:
    first, second = rules[0], rules[1]
    todo = f'The rules "{first}" and "{second}" undo each other. Keep the one that you mean, and switch the other off.'

    def leaves(edit: Edit) -> bool | None:
        return None if any(isinstance(trying.routing(edit, each), Forward) for each in about.exchanges) else False

    edit = edit_rule(about.rule_set, about.site_name, second, parts.switched_off)
    yield Remedy(f'{todo} Here "{second}" is off.', edit, leaves)
    yield Remedy(todo)


OF_LOOPS = table(("redirect-loop", _loop))
