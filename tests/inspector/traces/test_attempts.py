"""The words for what a trace says of a farm in codes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import pytest

from urlrewrite.farms.choose import NoServer
from urlrewrite.farms.health_state import HealthReason
from urlrewrite.inspector.traces.attempts import cause_text, health_text, refusal_text, state_text
from urlrewrite.model.farms import RetryCause, ServerState

WORDS: dict[type[StrEnum], Callable[[str], str]] = {
    RetryCause: cause_text,
    ServerState: state_text,
    NoServer: refusal_text,
    HealthReason: lambda code: health_text(code, "500"),
}


@pytest.mark.parametrize(("code", "words"), [(code, words) for codes, words in WORDS.items() for code in codes])
def test_every_code_has_words(code: StrEnum, words: Callable[[str], str]) -> None:
    assert words(code) != code
    assert words("a code of another version") == "a code of another version"
