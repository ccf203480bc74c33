"""The program for njs: the interpreter, which is always the same, and the rules of all sites as its table."""

from __future__ import annotations

import json
from importlib import resources

from urlrewrite.engine.template import FUNCTIONS, BackReference, Call, Literal, Template, Variable
from urlrewrite.engine.variables import normal_name
from urlrewrite.export.decision_list import Entry
from urlrewrite.export.expressions import njs_expression
from urlrewrite.export.judgement import JudgedSite, Verdict
from urlrewrite.export.nginx.fields import is_forgeable
from urlrewrite.export.places import instrument
from urlrewrite.model import ActionType, LogicalGrouping, MatchType

type Json = str | int | bool | list[Json] | dict[str, Json]


def program(sites: list[tuple[JudgedSite, list[str], list[str]]]) -> str:
    """Return the program for sites, each with the origins that it may forward to and the fields that its rules set."""
    interpreter = resources.files(__package__).joinpath("interpreter.js").read_text(encoding="utf-8")
    tables = [_site(*site) for site in sites]
    table = ",\n".join(json.dumps(each, indent=1, ensure_ascii=True) for each in tables)
    functions = "\n".join(f"function site{at}(r) {{\n  return answer(r, TABLE[{at}]);\n}}" for at in range(len(tables)))
    names = ", ".join(f"site{at}" for at in range(len(tables)))
    return (
        'import fs from "fs";\n\n'
        + interpreter
        + f"\nconst TABLE = [\n{table}\n];\n\n{functions}\n\nexport default {{ {names} }};\n"
    )


def _site(judged: JudgedSite, origins: list[str], fields: list[str]) -> Json:
    compiled = judged.rules.site
    site = compiled.site
    maps: dict[str, Json] = {}
    sets: list[list[Json]] = [[], []]
    for number, entry in enumerate(judged.rules.entries):
        for name in entry.calls:
            if name not in FUNCTIONS:
                maps[_map_name(entry, name)] = _map(entry, name)
        sets[not entry.is_global].append(_rule(entry, number, judged.verdict_of(entry)))
    return {
        "name": site.name,
        "backend": str(site.backend) if site.backend else "",
        "origins": dict.fromkeys(origins, True),
        "root": site.document_root or site.invented_root,
        "files": bool(site.document_root),
        "fields": list(fields),
        "forgeable": [name for name in fields if is_forgeable(name)],
        "maps": maps,
        "sets": list(sets),
    }


def _map_name(entry: Entry, name: str) -> str:
    """Global rules may have a map of the same name as those of the site, with other entries."""
    return f"{'global ' if entry.is_global else ''}{name}"


def _map(entry: Entry, name: str) -> Json:
    lookup = entry.lookups[name]
    return {
        "ignoreCase": lookup.ignore_case,
        "otherwise": lookup.default,
        "entries": dict(lookup.entries),
    }


def _rule(entry: Entry, number: int, verdict: Verdict) -> Json:
    rule, compiled = entry.rule, entry.compiled
    head: dict[str, Json] = {
        "name": rule.name,
        "from": str(rule.source),
        "number": number,
        "ignoreCase": rule.match.ignore_case,
        "negate": rule.match.negate,
    }
    if verdict is Verdict.REFUSED:
        try:
            pattern = njs_expression(compiled.pattern.tree, ignore_case=rule.match.ignore_case)
        except ValueError:
            pattern = ""
        return {**head, "pattern": pattern, "refused": True}
    with_places = instrument(compiled.pattern.tree)
    numbers = {old: place.group for old, place in with_places.places.items()}
    groups: list[Json] = [numbers.get(at, at) for at in range(compiled.pattern.groups + 1)]
    places: list[Json] = [
        {"group": each.group, "base": each.base, "before": list(each.before), "last": each.last}
        for each in with_places.steps
    ]
    action = rule.action
    return {
        **head,
        "pattern": njs_expression(with_places.tree, ignore_case=rule.match.ignore_case),
        "groups": groups,
        "places": places,
        "any": compiled.conditions.logical_grouping is LogicalGrouping.MATCH_ANY,
        "tracks": compiled.conditions.track_all_captures,
        "conditions": [
            {
                "input": _template(entry, item.input),
                "kind": str(item.condition.match_type),
                "pattern": njs_expression(item.pattern.tree, ignore_case=item.condition.ignore_case)
                if item.pattern and item.condition.match_type is MatchType.PATTERN
                else "",
                "ignoreCase": item.condition.ignore_case,
                "negate": item.condition.negate,
            }
            for item in compiled.conditions.items
        ],
        "sets": [
            {"name": normal_name(each.name), "value": _template(entry, each.value), "replace": each.replace}
            for each in compiled.server_variables
        ],
        "does": str(action.type),
        "url": _template(entry, compiled.url),
        "append": action.append_query_string,
        "status": action.redirect_type.status if action.type is ActionType.REDIRECT else action.status_code,
        "stops": rule.stop_processing,
    }


def _template(entry: Entry, template: Template) -> Json:
    return [_node(entry, node) for node in template.nodes]


def _node(entry: Entry, node: Literal | Variable | BackReference | Call) -> Json:
    match node:
        case Literal(text):
            return text
        case Variable(name):
            return {"variable": normal_name(name)}
        case BackReference(kind, number):
            return {kind: number}
        case Call(name, argument):
            key = name.lower()
            is_map = key not in FUNCTIONS
            return {"call": _map_name(entry, key) if is_map else key, "of": _template(entry, argument)}
