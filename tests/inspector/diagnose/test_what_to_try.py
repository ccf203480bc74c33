"""Where nothing shows the cause, that is said, with what to try."""

from __future__ import annotations

import pytest

from inspector.test_broken import exchange, found
from rules_of import rules_of

URL = "https://www.example.com/embed?"
OWN = "url=https%3A%2F%2Fwww.example.com%2F1"
TRY = [
    ("", OWN, 404, "Try linksAlso: [queries], which makes url=http://privateserver:8080/1 of url=https://www.exa"),
    ("links: off", OWN, 404, "Try links: everywhere and linksAlso: [queries], which"),
    ("linksAlso: [queries]", OWN, 404, "The cause is not known."),
    ("", OWN, 500, "The cause is not known."),
    ("", "url=https%3A%2F%2Fother.example%2F1", 404, "The cause is not known."),
    ("", "redirect_uri=https%3A%2F%2Fwww.example.com%2F1", 404, "The cause is not known."),
]


@pytest.mark.parametrize(("settings", "query", "status", "todo"), TRY)
def test_what_to_try(settings: str, query: str, status: int, todo: str) -> None:
    rules = rules_of(settings)
    (finding,) = found(rules, exchange(rules, URL + query, status=status))
    assert finding.todo.startswith(todo)
    assert ("names the public name" in finding.title) == todo.startswith("Try")
