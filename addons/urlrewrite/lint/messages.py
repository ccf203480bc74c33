"""The documentation of the findings as text: for `check --explain ID`, and as `rules/messages.md`.

./run.sh check --explain all > rules/messages.md
"""

from __future__ import annotations

import textwrap

from urlrewrite.lint.linter import DOCUMENTS
from urlrewrite.lint.registry import Document

_WIDTH = 120

_INTRODUCTION = """\
# What `run.sh check` reports

Every finding has a stable id. An error keeps rules from being loaded; a warning says that something will not do
what it seems to. `run.sh check --explain UR135` prints one of these entries, `--explain all` this page.

A warning that is not wanted for one rule is silenced there: in YAML with `silence: [UR135]` in the rule, in XML with
the comment `<!-- urlrewrite: silence UR135 -->` before the rule or in it.
"""


def explained(id: str) -> str | None:
    """Return the entry of an id, for a terminal; None for an unknown id."""
    document = DOCUMENTS.get(id.upper())
    if document is None:
        return None
    lines = [f"{document.id}  {document.title}", ""]
    return "\n".join([*lines, *(_wrapped(f"{label + ':':<11}{text}", 11) for label, text in _parts(document))])


def markdown() -> str:
    """Return all entries, as `rules/messages.md` has them."""
    entries = [_entry(DOCUMENTS[id]) for id in sorted(DOCUMENTS)]
    return "\n".join([_INTRODUCTION, *entries])


def _entry(document: Document) -> str:
    parts = "\n".join(_wrapped(f"- **{label}:** {text}", 2) for label, text in _parts(document))
    return f"## {document.id}: {document.title}\n\n{parts}\n"


def _wrapped(text: str, indent: int) -> str:
    """Wrap the text, all lines but the first indented; words are kept whole, and spaces as they are."""
    return textwrap.fill(text, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _parts(document: Document) -> list[tuple[str, str]]:
    return [
        ("It means", document.means),
        ("IIS", document.iis),
        ("Here", document.here),
        ("Write", document.write),
    ]
