"""The places of groups, told by lengths alone, are those that an engine tells itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.export.places import instrument
from urlrewrite.patterns.pattern import compile_pattern
from urlrewrite.patterns.spelling import python_source

PATTERNS = [
    "^a(b)c",
    "(a)(b)?(c)",
    "^x*(a|(b)c)(d*)",
    "(?:(a)b)+c*(b)",
    "((a)(b))*x?(c)",
    "(?=a(b))a(.)",
    "(a)?(?:b|(c))(.*)$",
    r"(a+)b\1(c)",
    "^(?!(x))(a)",
    "(.*?)(b(c))*$",
    "a|(b)|c(d)",
    "(?:a(?:b(c)))+(.)",
]


def places(pattern: str, text: str) -> dict[int, int] | None:
    """Where each group begins that took part, from nothing but the texts of groups."""
    with_places = instrument(compile_pattern(pattern, "ECMAScript", ignore_case=False).tree)
    found = re.search(python_source(with_places.tree, ignore_case=False), text, re.ASCII)
    if found is None:
        return None
    groups, starts = [found[0], *found.groups()], {0: found.start()}
    for place in with_places.steps:
        if groups[place.group] is not None:
            before = sum(len(groups[each] or "") for each in place.before)
            starts[place.group] = starts[place.base] + before - (len(groups[place.group]) if place.last else 0)
    return {old: starts[place.group] for old, place in with_places.places.items() if groups[place.group] is not None}


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text("abcdx", max_size=12))
def test_places_are_those_of_the_engine(pattern: str, text: str) -> None:
    tree = compile_pattern(pattern, "ECMAScript", ignore_case=False).tree
    found = re.search(python_source(tree, ignore_case=False), text, re.ASCII)
    told = places(pattern, text)
    if found is None:
        assert told is None
    else:
        spans = {at: found.span(at)[0] for at in range(1, len(found.groups()) + 1) if found.span(at)[0] >= 0}
        assert told == spans
