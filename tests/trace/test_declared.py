"""Every event and every reason is declared once, used, and read: no row is dead, and no sentence lacks a value."""

from __future__ import annotations

import ast
import string
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NotRequired, get_origin, get_type_hints

import pytest

from inspector.planted import CASES, browse
from privateserver import PrivateServer
from urlrewrite.fields.reasons import FieldReason
from urlrewrite.fields.urls import FieldKind
from urlrewrite.inspector.diagnose.why import Why
from urlrewrite.trace import request_events, response_events
from urlrewrite.trace.events import EventType, Name
from urlrewrite.trace.reasons import Reason, Values

PACKAGE = Path(__file__).parents[2] / "addons" / "urlrewrite"
DECLARED = {
    constant: value
    for module in (request_events, response_events)
    for constant, value in vars(module).items()
    if isinstance(value, EventType)
}
GIVEN_WITH_VALUES = frozenset(
    "warn error fail warn_once iis_fails iis_differs warn_as_iis_fails Failure TargetError cause because".split()
)
EMITTERS = ("engine", "exchange", "hooks", "trace/trace.py")
READERS = ("inspector", "hooks")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def files(*rooms: str) -> tuple[Path, ...]:
    """The files of rooms; a room may be a file, too."""
    found = ([PACKAGE / room] if room.endswith(".py") else sorted((PACKAGE / room).rglob("*.py")) for room in rooms)
    return tuple(path for paths in found for path in paths)


@cache
def used(*rooms: str) -> frozenset[str]:
    """All names that files of rooms use: `PATTERN_MATCH`, `Name.PATTERN_MATCH`, `Reason.NO_SITE`."""
    found = set()
    for path in files(*rooms):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute):
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                found |= {node.attr, f"{owner}.{node.attr}"}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
    return frozenset(found)


def test_every_name_is_declared_once_under_its_own_name() -> None:
    assert Counter(value.name for value in DECLARED.values()) == Counter(map(str, Name))
    assert all(constant == value.name for constant, value in DECLARED.items())
    assert all(value.keys.__doc__ for value in DECLARED.values())


@pytest.mark.parametrize("name", Name)
def test_every_event_is_told_and_read(name: Name) -> None:
    by_methods = {"CONTENT_CHANGE": "tell_change", "WARNING": "warn", "ERROR": "error", "IIS_DIFFERS": "iis_differs"}
    assert by_methods.get(name, str(name)) in used(*EMITTERS)
    assert f"Name.{name}" in used(*READERS)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given(reason: Reason) -> None:
    assert f"Reason.{reason.name}" in used(*EMITTERS)


@pytest.mark.parametrize("reason", FieldReason)
def test_every_reason_of_a_field_is_given(reason: FieldReason) -> None:
    # Those of URLs have the name of the kind of field.
    assert f"FieldReason.{reason.name}" in used("fields", "exchange") or reason.name in FieldKind.__members__


@pytest.mark.parametrize("why", Why)
def test_every_cause_is_found(why: Why) -> None:
    assert f"Why.{why.name}" in used("inspector")


def test_codes_are_unique() -> None:
    # A `cause` in a trace may be of either.
    of_traces = Counter([*map(str, Reason), *map(str, FieldReason)])
    assert of_traces.most_common(1)[0][1] == 1


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def givings(owner: str, *rooms: str) -> Iterator[tuple[str, str, ast.Call]]:
    """Calls that are given a reason as a positional argument: its name, the file, the call."""
    for path in files(*rooms):
        for node in ast.walk(tree(path)):
            for argument in node.args if isinstance(node, ast.Call) else ():
                given = argument.value if isinstance(argument, ast.Attribute) else None
                if isinstance(given, ast.Name) and given.id == owner:
                    yield argument.attr, path.name, node


@pytest.mark.parametrize(
    ("reasons", "rooms"), [(Reason, EMITTERS), (Why, ("inspector",)), (FieldReason, ("fields", "exchange"))]
)
def test_sentences_are_given_their_values(reasons: Any, rooms: tuple[str, ...]) -> None:
    for name, file, call in givings(reasons.__name__, *rooms):
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        keys = {keyword.arg for keyword in call.keywords}
        if called in GIVEN_WITH_VALUES and None not in keys:
            wanted = places(reasons[name].template) | places(getattr(reasons[name], "advice", ""))
            # The rule of a `Cause` is a parameter of its own; a cause in a trace is the detail of its reason.
            wanted -= {"rule"} if reasons is Why else {"detail"} if "cause" in keys else set()
            assert wanted <= keys, f"{file}: {name} wants {wanted - keys}"


def test_sentences_have_places_for_declared_values_only() -> None:
    known = get_type_hints(Values)
    assert all(places(reason.template) <= known.keys() for reason in Reason)


@pytest.fixture(scope="module")
def backend() -> Iterator[PrivateServer]:
    with PrivateServer(port=0) as running:
        yield running


@pytest.mark.parametrize(("fault", "variant"), CASES[::2])
def test_events_are_as_they_are_declared(fault: Any, variant: Any, backend: PrivateServer) -> None:
    for seen in browse(variant, backend.port).seen:
        assert seen.trace["version"] == 2
        for event in seen.trace["events"]:
            assert type(event["event"]) is str
            hints = get_type_hints(DECLARED[event["event"]].keys, include_extras=True)
            required = {key for key, kind in hints.items() if get_origin(kind) is not NotRequired}
            assert required <= event.keys() - {"event"} <= hints.keys()
            # Plain data: a member of an enumeration could not be saved with a flow.
            assert not [value for value in event.values() if isinstance(value, StrEnum)]
