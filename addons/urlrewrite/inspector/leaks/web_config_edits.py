"""Edits that put proposed rules into the text of a `web.config`, with everything else left byte for byte.

They go before the end tag of the element that they belong to, where the file has exactly one such element. As with rule
files in YAML, the result is proved by reading it: the new text has to say what the old one says, and the rules.
"""

from __future__ import annotations

import re
from dataclasses import replace

from urlrewrite.formats.xml.rules import parse
from urlrewrite.inspector.leaks.rule_file_edits import says_the_same
from urlrewrite.model import RuleSet
from urlrewrite.model.choices import IN_OUTBOUND_RULES
from urlrewrite.model.problems import RuleFileError

_FILE = "web.config"
_INDENT = "  "
_DECLARATION = re.compile(r"\A\s*+<\?xml\s[^>]*\?>")
_NO_MARKUP = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)", re.DOTALL)


def with_rewrite(text: str, fragment: str) -> str | None:
    """Return the text with the outbound rules of a `<rewrite>` element in it; None where that cannot be done safely."""
    rules = _inside(fragment, "outboundRules")
    if rules is None:
        return None
    changed: str | None = text
    for name in IN_OUTBOUND_RULES:
        entries = _inside(rules, name)
        if entries is not None and changed is not None and _has(changed, name):
            rules = _without(rules, name)
            changed = _before_end(changed, name, entries)
    if changed is not None and _has(changed, "outboundRules"):
        changed = _before_end(changed, "outboundRules", rules)
    elif changed is not None:
        changed = _before_end(changed, "rewrite", f"<outboundRules>\n{_indented(rules)}</outboundRules>\n")
    if changed is None:
        return None
    try:
        return changed if says_the_same(_read(changed), _expected(_read(text), _read(fragment))) else None
    except (RuleFileError, ValueError):
        return None


def _read(text: str) -> RuleSet:
    # What the text declares is how its file is coded.
    return parse(_DECLARATION.sub("", text.removeprefix("\ufeff"), count=1).encode(), _FILE)[0]


def _expected(before: RuleSet, added: RuleSet) -> RuleSet:
    """Return what the new text has to say. Raises ValueError for a file of several sites."""
    (site,), (new,) = before.sites, added.sites
    merged = replace(
        site,
        outbound_rules=(*site.outbound_rules, *new.outbound_rules),
        pre_conditions={**site.pre_conditions, **new.pre_conditions},
        custom_tags={**site.custom_tags, **new.custom_tags},
    )
    return replace(before, sites=(merged,))


def _blanked(text: str) -> str:
    """Return the text with what only looks like markup replaced by blanks; its length stays."""
    return _NO_MARKUP.sub(lambda found: " " * len(found[0]), text)


def _has(text: str, name: str) -> bool:
    return bool(re.search(rf"<{name}[\s/>]", _blanked(text)))


def _inside(text: str, name: str) -> str | None:
    """Return the lines in an element with their common indentation removed; None if there is no such element."""
    element = _element(text, name)
    if element is None:
        return None
    begin, end, indentation = element
    inside = text[text.index("\n", begin) + 1 : end]
    return "".join(line[indentation + len(_INDENT) :] for line in inside.splitlines(keepends=True))


def _without(text: str, name: str) -> str:
    """Return the text without the lines of an element."""
    element = _element(text, name)
    return text[: element[0]] + text[text.index("\n", element[1]) + 1 :] if element else text


def _element(text: str, name: str) -> tuple[int, int, int] | None:
    """Return where the lines of an element's two tags begin, and how far these are indented; None for no element."""
    start = re.search(rf"^( *)<{name}>\n", text, re.MULTILINE)
    end = text.find(f"\n{start[1]}</{name}>\n", start.end() - 1) if start else -1
    return (start.start(), end + 1, len(start[1])) if start and end >= 0 else None


def _indented(lines: str, by: str = _INDENT) -> str:
    return "".join(by + line for line in lines.splitlines(keepends=True))


def _before_end(text: str, name: str, lines: str) -> str | None:
    """Return the text with lines inserted before the only end tag of an element, which must be on its own line."""
    ends = list(re.finditer(rf"^([ \t]*)</{name}>", _blanked(text), re.MULTILINE))
    if len(ends) != 1 or _blanked(text).count(f"</{name}>") != 1:
        return None
    (end,) = ends
    unit = "\t" if "\t" in end[1] else _INDENT
    return text[: end.start()] + _indented(lines, end[1] + unit) + text[end.start() :]
