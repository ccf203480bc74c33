"""Edits that put settings and rules into the text of a rule file in YAML, with everything else left byte for byte.

YAML has no way to change a part of a file and keep the rest, so lines are inserted between lines: collections get their
new entries after the last one, an entry takes the place of one that has its name, settings replace the line in which
they were. Whether the result is right is not guessed
but read: the new text has to say what the old one says, and what was put in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from dataclasses import replace

from urlrewrite.formats.yaml.nodes import Mapping, Node, Scalar, Sequence, compose
from urlrewrite.formats.yaml.rules import parse
from urlrewrite.model import InboundRule, OutboundRule, RuleSet, Site
from urlrewrite.model.choices import IN_OUTBOUND_RULES, Collection
from urlrewrite.model.problems import RuleFileError

_COLLECTIONS = (*IN_OUTBOUND_RULES, Collection.RULES, Collection.OUTBOUND_RULES)
_SETTINGS = ("links", "linksAlso", "rootPaths", "backendNames", "preserveHostHeader", "backend")
_FILE = "rules.yaml"
_NOTHING = re.compile(r"\s*(?:#.*)?$")
_VALUE = re.compile(
    r"(?P<key>\s*(?:-\s+)?[\w]+:\s*)(?P<value>\[[^\[\]#]*\]|[^\s#\[\]{},&*!|>'\"]+)(?P<rest>\s*(?:#.*)?)$"
)


class _NotSafe(Exception):  # noqa: N818
    """A layout into which nothing can be inserted safely."""


def with_fragment(text: str, fragment: str, site: str) -> str | None:
    """Return the text of a rule file with a fragment of a site in it; None where that cannot be done safely.

    `site` is the name of the site; a file with a single site needs none.
    """
    additions, _ = compose(fragment, "fragment")
    if not isinstance(additions, Mapping) or not additions.entries:
        return None
    keys = [key.text for key, _ in additions.entries]
    if any(key not in (*_COLLECTIONS, *_SETTINGS) for key in keys):
        return None
    try:
        before, index = _read(text, site)
        changed = text
        for key, value in additions.entries:
            changed = _with_entry(changed, index, key.text, value, _lines_of(fragment, additions, key.text))
        after, _ = _read(changed, site)
        wanted = _expected(before, index, fragment)
    except (_NotSafe, RuleFileError, ValueError):
        return None
    return changed if says_the_same(after, wanted) else None


def _read(text: str, site: str) -> tuple[RuleSet, int]:
    rule_set, _ = parse(text.removeprefix("\ufeff"), _FILE)
    if len(rule_set.sites) == 1:
        return rule_set, 0
    found = [at for at, each in enumerate(rule_set.sites) if each.name == site]
    if len(found) != 1:
        raise _NotSafe
    return rule_set, found[0]


def _expected(rule_set: RuleSet, index: int, fragment: str) -> RuleSet:
    """Return what the new text has to say."""
    keys = set(re.findall(r"^(\w+):", fragment, re.MULTILINE))
    head = "public: https://added.example\n" + "backend: http://added.example:1\n" * ("backend" not in keys)
    added = parse(head + fragment, _FILE)[0].sites[0]
    site = rule_set.sites[index]
    merged = replace(
        site,
        links=added.links if "links" in keys else site.links,
        links_also=added.links_also if "linksAlso" in keys else site.links_also,
        root_paths=added.root_paths if "rootPaths" in keys else site.root_paths,
        backend_names=added.backend_names if "backendNames" in keys else site.backend_names,
        preserve_host_header=added.preserve_host_header if "preserveHostHeader" in keys else site.preserve_host_header,
        backend=added.backend if "backend" in keys else site.backend,
        backend_path=added.backend_path if "backend" in keys else site.backend_path,
        rules=_merged(site.rules, added.rules),
        outbound_rules=_merged(site.outbound_rules, added.outbound_rules),
        pre_conditions={**site.pre_conditions, **added.pre_conditions},
        custom_tags={**site.custom_tags, **added.custom_tags},
    )
    sites: tuple[Site, ...] = (*rule_set.sites[:index], merged, *rule_set.sites[index + 1 :])
    return replace(rule_set, sites=sites)


def _merged[T: InboundRule | OutboundRule](rules: tuple[T, ...], added: tuple[T, ...]) -> tuple[T, ...]:
    """Return rules with others in the places of those that have their names, and the rest behind them."""
    by_name = {rule.name: rule for rule in added}
    known = {rule.name for rule in rules}
    return (*(by_name.get(rule.name, rule) for rule in rules), *(rule for rule in added if rule.name not in known))


def says_the_same(got: RuleSet, wanted: RuleSet) -> bool:
    """Say whether two rule files mean the same, apart from positions."""
    return replace(got, fingerprint="", sites=tuple(map(_comparable, got.sites))) == replace(
        wanted, fingerprint="", sites=tuple(map(_comparable, wanted.sites))
    )


def _comparable(site: Site) -> Site:
    return replace(site, pre_conditions=dict(site.pre_conditions), custom_tags=dict(site.custom_tags))


def _lines_of(fragment: str, root: Mapping, name: str) -> list[str]:
    """Return the lines of one key of the fragment, including the line of the key itself."""
    lines = fragment.splitlines()
    starts = [(key.text, key.line - 1) for key, _ in root.entries]
    at = [key for key, _ in starts].index(name)
    end = starts[at + 1][1] if at + 1 < len(starts) else len(lines)
    found = lines[starts[at][1] : end]
    while found and not found[-1].strip():
        found.pop()
    return found


def _with_entry(text: str, index: int, key: str, value: Node, fragment: list[str]) -> str:
    """Return the text with one key of the fragment inserted."""
    root, _ = compose(text.removeprefix("\ufeff"), _FILE)
    if not isinstance(root, Mapping):
        raise _NotSafe
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    site, until = _site(root, index, len(lines))
    spans = _spans(site, until)
    known: MappingOf[str, Node] = {name.text: node for name, node in site.entries}
    if key in _SETTINGS:
        if key in known:
            _set(lines, spans[key][0], value)
            return "".join(lines)
        # Behind the first key: settings stand above rules.
        name = next((name for name in ("links", "connect", "backend", "public") if name in spans), "")
        if not name:
            raise _NotSafe
        at = _content_end(lines, *spans[name])
        indent = _indent_of_site(lines, site)
    elif key in known and (left := _with_entries_replaced(lines, known[key], spans[key], fragment, ending)) != fragment:
        return "".join(lines) if len(left) == 1 else _with_entry("".join(lines), index, key, value, left)
    elif key in known:
        at, indent, fragment = _place_in(lines, known[key], spans[key], fragment)
    else:
        at = max(_content_end(lines, *span) for span in spans.values())
        indent = _indent_of_site(lines, site)
    lines[at:at] = [f"{' ' * indent}{line}{ending}" if line else ending for line in fragment]
    return "".join(lines)


def _site(root: Mapping, index: int, end: int) -> tuple[Mapping, int]:
    """Return the mapping of a site, and the line after its last one, counted from 0."""
    for number, (key, node) in enumerate(root.entries):
        if key.text != "sites":
            continue
        if not isinstance(node, Sequence) or not isinstance(node.items[index], Mapping):
            raise _NotSafe
        until = root.entries[number + 1][0].line - 1 if number + 1 < len(root.entries) else end
        until = node.items[index + 1].line - 1 if index + 1 < len(node.items) else until
        site = node.items[index]
        assert isinstance(site, Mapping)
        return site, until
    return root, end


def _spans(site: Mapping, until: int) -> dict[str, tuple[int, int]]:
    """Return for each key its line, counted from 0, and that of the next key."""
    starts = [key.line - 1 for key, _ in site.entries]
    if len(set(starts)) < len(starts):
        raise _NotSafe
    ends = [*starts[1:], until]
    return {key.text: span for (key, _), span in zip(site.entries, zip(starts, ends, strict=True), strict=True)}


def _content_end(lines: list[str], start: int, end: int) -> int:
    """Return the line after the last one of a span that is neither a comment nor blank."""
    while end > start + 1 and _NOTHING.match(lines[end - 1]):
        end -= 1
    return end


def _indent_of_site(lines: list[str], site: Mapping) -> int:
    """Return the column of a site's keys."""
    first = lines[site.entries[0][0].line - 1].removeprefix("\ufeff")
    found = re.match(r"\s*(?:-\s+)?", first)
    return len(found[0]) if found else 0


def _with_entries_replaced(
    lines: list[str], node: Node, span: tuple[int, int], fragment: list[str], ending: str
) -> list[str]:
    """Put the entries of a fragment into the places of those that have their names, and return what is left of it."""
    places = _named_entries(node, span[1])
    root, _ = compose("\n".join(fragment), "fragment")
    assert isinstance(root, Mapping)
    new = _named_entries(root.entries[0][1], len(fragment))
    left, replaced = fragment[:1], []
    for name, (start, end) in new.items():
        entry = fragment[start:end]
        if name in places:
            replaced.append((places[name], entry))
        else:
            left += entry
    for (start, end), entry in sorted(replaced, reverse=True):
        if start == span[0]:
            # It stands behind its key, in braces or brackets.
            raise _NotSafe
        own = len(lines[start]) - len(lines[start].lstrip(" "))
        drop = len(entry[0]) - len(entry[0].lstrip(" "))
        while entry and not entry[-1].strip():
            entry.pop()
        lines[start : _content_end(lines, start, end)] = [f"{' ' * own}{line[drop:]}{ending}" for line in entry]
    return left


def _named_entries(node: Node, end: int) -> dict[str, tuple[int, int]]:
    """Return the lines of each entry of a collection by its name, counted from 0: the first, and the one behind it."""
    found: list[tuple[str, int]] = []
    if isinstance(node, Mapping):
        found = [(key.text, key.line - 1) for key, _ in node.entries]
    for item in node.items if isinstance(node, Sequence) else ():
        name = (
            next((each for key, each in item.entries if key.text == "name"), None)
            if isinstance(item, Mapping)
            else None
        )
        found.append((name.text if isinstance(name, Scalar) else "", item.line - 1))
    ends = [*(start for _, start in found[1:]), end]
    return {name: (start, until) for (name, start), until in zip(found, ends, strict=True) if name}


def _place_in(lines: list[str], node: Node, span: tuple[int, int], fragment: list[str]) -> tuple[int, int, list[str]]:
    """Return where a collection's new entries go: line, indentation, and the lines, which have no indentation yet."""
    if isinstance(node, Sequence) and node.items:
        line = node.items[0].line - 1
    elif isinstance(node, Mapping) and node.entries:
        line = node.entries[0][0].line - 1
    else:
        raise _NotSafe
    if line == span[0]:
        # It stands behind its key, in braces or brackets.
        raise _NotSafe
    own = len(lines[line]) - len(lines[line].lstrip(" "))
    entries = fragment[1:]
    if not entries:
        raise _NotSafe
    drop = len(entries[0]) - len(entries[0].lstrip(" "))
    return _content_end(lines, *span), own, [entry[drop:] for entry in entries]


def _set(lines: list[str], at: int, value: Node) -> None:
    """Write a setting over the one in a line."""
    body = lines[at].rstrip("\r\n")
    found = _VALUE.fullmatch(body)
    if found is None:
        raise _NotSafe
    written = value.text if isinstance(value, Scalar) else _flow(value)
    lines[at] = f"{found['key']}{written}{found['rest']}{lines[at][len(body) :]}"


def _flow(value: Node) -> str:
    if not isinstance(value, Sequence) or not all(isinstance(item, Scalar) for item in value.items):
        raise _NotSafe
    return f"[{', '.join(item.text for item in value.items if isinstance(item, Scalar))}]"
