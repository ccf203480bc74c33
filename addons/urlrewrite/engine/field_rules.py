"""Outbound rules on server variables: the fields of a response, line by line."""

from __future__ import annotations

from urlrewrite.engine.compiled import CompiledOutboundRule
from urlrewrite.engine.facts import one_line
from urlrewrite.engine.outbound import OutboundRun
from urlrewrite.engine.variables import field_name, normal_name
from urlrewrite.model.field_lines import FieldLine, FieldLines
from urlrewrite.trace.response_events import RESPONSE_FIELD_REMOVED


def apply_field_rules(run: OutboundRun, fields: FieldLines) -> FieldLines:
    """Apply field rules to each line of a field by itself; a field that is missing is tried as an empty value.

    Raises:
        PatternTimeout: a pattern took longer than the scope's deadline.
    """
    by_name: dict[str, list[CompiledOutboundRule]] = {}
    for rule in run.field_rules:
        by_name.setdefault(normal_name(rule.rule.match.server_variable), []).append(rule)
    for variable, rules in by_name.items():
        if not variable.startswith("RESPONSE_"):
            changed = run.runner.rewrite_item(rules, run.scope.variables[variable], variable)
            if changed is not None:
                run.scope.variables.assign(variable, changed)
            continue
        name = field_name(variable)
        fields = _rewrite_lines(run, rules, name, fields)
    return fields


def _rewrite_lines(run: OutboundRun, rules: list[CompiledOutboundRule], name: str, fields: FieldLines) -> FieldLines:
    lines: list[FieldLine] = []
    present = False
    for key, value in fields:
        if key.lower() != name:
            lines.append((key, value))
            continue
        present = True
        changed = run.runner.rewrite_item(rules, value, key)
        if changed is None:
            lines.append((key, value))
        elif changed or run.scope.iis:
            lines.append((key, one_line(changed)))
        else:
            run.scope.trace.add(RESPONSE_FIELD_REMOVED, name=key, iis="sends the field with an empty value")
    if not present:
        written = rules[0].rule.match.server_variable.partition("_")[2].replace("_", "-")
        if created := run.runner.rewrite_item(rules, "", written):
            lines.append((written, one_line(created)))
    return tuple(lines)
