"""The quick way through a page for rules on the values of attributes; `plain.py` is the one for links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from urlrewrite.content.changes import AttributeRewrites, Shortcuts
from urlrewrite.content.html.foreign import ROOTS
from urlrewrite.content.html.patterns import (
    END_OF_VALUE,
    IS,
    ONE_SPACE,
    RAW_ELEMENTS,
    REST_OF_NAME,
    SPACE,
    begins_other_tag,
)
from urlrewrite.content.html.rewriter import written
from urlrewrite.content.links.any_of import NEVER, any_of

_NAME = rb"[^%b/>=\"'<]++" % SPACE
_ATTRIBUTE = rb"%b(?:%b(?:\"[^\"<]*+\"|'[^'<]*+'|[^%b\"'<>=`]++)%b)?+" % (_NAME, IS, SPACE, END_OF_VALUE)
_VALUE = re.compile(rb"%b(?:(\")([^\"]*)|(')([^']*)|()([^%b>]*))" % (IS, SPACE))
_PIECE = 1 << 17

_SPACE_BYTES = b" \t\n\f\r"
_SPECIAL = ROOTS.union(RAW_ELEMENTS)

type _Kind = tuple[int, bytes]
"""Which of the things known, and the beginning by which a value is known; nothing of one that no rule matches."""


class _Concern(NamedTuple):
    """The tags and attributes of which the same is known, and what that is, but for what beginnings become."""

    attributes: tuple[tuple[bytes, tuple[bytes, ...]], ...]
    starts: frozenset[bytes]
    parts: frozenset[bytes]
    prefixes: tuple[bytes, ...]


class _Expressions(NamedTuple):
    """`found` has a group for each concern, with the beginning by which a value is known; `named` gives its name.

    `before` are expressions for what stands before a value in double quotes, for each concern.
    """

    plain: re.Pattern[bytes]
    found: re.Pattern[bytes]
    named: re.Pattern[bytes]
    before: tuple[bytes, ...]


class PlainValues:
    """The quick way through plain HTML: it replaces and counts the values in it.

    Attributes:
        pattern: takes plain HTML from anywhere between tags on.
    """

    def __init__(self, values: AttributeRewrites) -> None:
        self._values = values
        attributes: dict[int, dict[bytes, list[bytes]]] = {}
        known: dict[int, Shortcuts] = {}
        unknown = set[bytes]()
        for tag, names in sorted(values.wanted.items()):
            if tag in _SPECIAL or not all((tag, name) in values.shortcuts for name in names):
                unknown.add(tag)
                continue
            for name in sorted(names):
                each = values.shortcuts[tag, name]
                known[id(each)] = each
                attributes.setdefault(id(each), {}).setdefault(tag, []).append(name)
        self._kinds: dict[bytes | tuple[bytes, ...], _Kind] = {}
        self._becomes = [dict(each.prefixes) for each in known.values()]
        # Whatever is known is known of a tag and an attribute of which to speak to `values`.
        self._pairs = [next((tag, names[0]) for tag, names in of_tags.items()) for of_tags in attributes.values()]
        concerns = tuple(
            _Concern(
                tuple((tag, tuple(names)) for tag, names in attributes[key].items()),
                each.starts,
                each.parts,
                tuple(prefix for prefix, _ in each.prefixes),
            )
            for key, each in known.items()
        )
        self.pattern, self._found, self._named, self._before = _expressions(concerns, frozenset(unknown))

    def rewrite(self, span: bytes) -> bytes:
        """Return what becomes of a span that `pattern` took; the same object where nothing changes."""
        if len(span) <= _PIECE:
            return self._rewrite_piece(span)
        pieces: list[bytes] = []
        changed, start = False, 0
        while start < len(span):
            # Every `<` of the span begins something, so that it may be cut there; small pieces stay in a core's cache.
            end = span.find(b"<", start + _PIECE)
            piece = span[start : end if end > 0 else len(span)]
            start += len(piece)
            pieces.append(self._rewrite_piece(piece))
            changed = changed or pieces[-1] is not piece
        return b"".join(pieces) if changed else span

    def _rewrite_piece(self, span: bytes) -> bytes:
        found = self._found.findall(span)
        if not found:
            return span
        counts = Counter[_Kind]()
        for groups, number in Counter(found).items():
            counts[self._kind(groups)] += number
        pieces, done = self._one_by_one(span, counts)
        rest = self._at_once(span[done:], counts)
        changed = b"".join([*pieces, rest]) if pieces else rest
        return span if changed == span else changed

    def _kind(self, groups: bytes | tuple[bytes, ...]) -> _Kind:
        """Return the kind of value that the groups of `found` show."""
        kind = self._kinds.get(groups)
        if kind is None:
            all_groups = (groups,) if isinstance(groups, bytes) else groups
            index, told = next((index, told) for index, told in enumerate(all_groups) if told)
            begins = _begins(told)
            prefixes = (prefix for prefix in self._becomes[index] if begins.startswith(prefix))
            kind = self._kinds[groups] = index, next(prefixes, b"")
        return kind

    def _one_by_one(self, span: bytes, counts: Counter[_Kind]) -> tuple[list[bytes], int]:
        """Rewrite values one by one while some are to be traced; return the result, and how much of the span it covers.

        What was done is taken from the counts.
        """
        pieces, done = list[bytes](), 0
        telling = {kind for kind in counts if self._tells(kind)}
        for found in self._found.finditer(span) if telling else ():
            kind = self._kind(_groups(found))
            counts[kind] -= 1
            start, end, new = self._told(span, found) if kind in telling else self._counted(found, kind)
            pieces += (span[done:start], new)
            done = end
            # Only a value that was told can end the telling: one that was counted changes nothing in the trace.
            if kind in telling and not (counts[kind] and self._tells(kind)):
                telling = {each for each in telling if counts[each] and self._tells(each)}
                if not telling:
                    break
        return pieces, done

    def _tells(self, kind: _Kind) -> bool:
        return self._values.wants_trace(*self._pairs[kind[0]], kind[1])

    def _told(self, span: bytes, found: re.Match[bytes]) -> tuple[int, int, bytes]:
        """Return which bytes of a span are to be replaced for a value, and with what, by the rules themselves."""
        named = self._named.match(span, found.start())
        assert named is not None and named.lastindex is not None
        tag, name = named[named.lastindex - 1], named[named.lastindex]
        value = _VALUE.match(span, named.end(named.lastindex))
        assert value is not None and value.lastindex is not None
        quote, raw = value[value.lastindex - 1], value[value.lastindex]
        changed = self._values.on_value(tag.lower(), name.lower(), raw)
        return *value.span(value.lastindex), raw if changed is None else written(changed, quote)

    def _counted(self, found: re.Match[bytes], kind: _Kind) -> tuple[int, int, bytes]:
        """Return the same bytes from what is known, without running the rules."""
        self._count(kind, 1)
        index, prefix = kind
        if not prefix:
            return found.end(), found.end(), b""
        start = found.end() - len(_begins(found[index + 1]))
        return start, start + len(prefix), self._becomes[index][prefix]

    def _count(self, kind: _Kind, number: int) -> None:
        self._values.count_skipped(*self._pairs[kind[0]], kind[1], number)

    def _at_once(self, span: bytes, counts: Counter[_Kind]) -> bytes:
        """Replace all values of a span, of which there are so many of each kind."""
        wanted = Counter[tuple[bytes, bytes]]()
        for kind, number in counts.items():
            if number:
                self._count(kind, number)
                index, prefix = kind
                if prefix and self._becomes[index][prefix] != prefix:
                    wanted[prefix, self._becomes[index][prefix]] += number
        changed = span
        for (prefix, becomes), number in wanted.items():
            replaced = changed.replace(b'="' + prefix, b'="' + becomes)
            longer = len(becomes) - len(prefix)
            # Where the length tells how many there were, they need not be counted.
            if (len(replaced) - len(changed) != number * longer) if longer else changed.count(b'="' + prefix) != number:
                # Text or another attribute has it, too.
                return self._where_it_counts(span, [kind for kind, number in counts.items() if number])
            changed = replaced
        return changed

    def _where_it_counts(self, span: bytes, kinds: Iterable[_Kind]) -> bytes:
        """Replace all values of these kinds by expressions, one after the other where none finds what another made."""
        becomes = {kind: self._becomes[kind[0]][kind[1]] for kind in kinds if kind[1]}
        prefixes = {prefix for _, prefix in becomes}
        if any(new.startswith(prefix) or prefix.startswith(new) for new in becomes.values() for prefix in prefixes):
            return self._found.sub(self._substituted, span)
        for (index, prefix), new in becomes.items():
            span = _values_with(prefix, self._before[index]).sub(b"\\1" + new.replace(b"\\", b"\\\\"), span)
        return span

    def _substituted(self, found: re.Match[bytes]) -> bytes:
        index, prefix = self._kind(_groups(found))
        if not prefix:
            return found[0]
        begins = _begins(found[index + 1])
        return found[0][: -len(begins)] + self._becomes[index][prefix] + begins[len(prefix) :]


def _groups(found: re.Match[bytes]) -> bytes | tuple[bytes, ...]:
    """Return the groups as `findall` gives them."""
    groups = found.groups(b"")
    return groups[0] if len(groups) == 1 else groups


def _begins(told: bytes) -> bytes:
    """Return an expression for the beginning of a value: the equals sign, blanks, the quote and a known beginning."""
    return told.partition(b"=")[2].lstrip(_SPACE_BYTES)[1:]


@lru_cache(maxsize=64)
def _expressions(concerns: tuple[_Concern, ...], unknown: frozenset[bytes]) -> _Expressions:
    of_tags: dict[bytes, list[tuple[tuple[bytes, ...], int]]] = {}
    for index, concern in enumerate(concerns):
        for tag, names in concern.attributes:
            of_tags.setdefault(tag, []).append((names, index))
    alike: dict[tuple[tuple[tuple[bytes, ...], int], ...], list[bytes]] = {}
    for tag, concerned in of_tags.items():
        alike.setdefault(tuple(concerned), []).append(tag)  # the same attributes, for several tags
    # Most end tags are letters and digits: those first, for it is quicker.
    end_tag = rb"/[a-zA-Z](?:[a-zA-Z0-9]*+>|%b%b*+>)" % (REST_OF_NAME, ONE_SPACE)
    other_tag = rb"%b%b(?:%b++%b)*+%b*+/?+>" % (
        begins_other_tag(_SPECIAL.union(unknown, of_tags)),
        *(REST_OF_NAME, ONE_SPACE, _ATTRIBUTE, ONE_SPACE),
    )
    tags: list[bytes] = []
    found: list[list[bytes]] = [[] for _ in concerns]
    named: list[bytes] = []
    for names_and_concerns, of_them in alike.items():
        tag = any_of(of_them)
        all_names = any_of(name for names, _ in names_and_concerns for name in names)
        other = rb"(?!%b[%b/>=])%b" % (all_names, SPACE, _ATTRIBUTE)
        values = [(any_of(names), *_plain_value(concerns[index])) for names, index in names_and_concerns]
        # Most tags have one attribute, in double quotes.
        simple = b"|".join(rb"%b=%b" % (name, double) for name, double, _ in values)
        value = b"|".join(
            rb"%b(?:%b%b%b|%b(?!%b*+=))" % (name, IS, any_, END_OF_VALUE, END_OF_VALUE, ONE_SPACE)
            for name, _, any_ in values
        )
        tags.append(
            rb"%b(?:%b(?:%b)>|%b(?:%b++%b)*+(?:%b++(?:%b)(?:%b++%b)*+)?+%b*+/?+>)"
            % (tag, ONE_SPACE, simple, END_OF_VALUE, ONE_SPACE, other, ONE_SPACE, value, ONE_SPACE, other, ONE_SPACE)
        )
        for names, index in names_and_concerns:
            name = any_of(names)
            found[index].append(
                rb"%b%b(?:%b(?==)|(?:%b*+%b%b)*+%b*+%b%b)"
                % (tag, ONE_SPACE, name, ONE_SPACE, other, ONE_SPACE, ONE_SPACE, name, rb"(?=%b*+=)" % ONE_SPACE)
            )
        named.append(
            rb"(%b)%b(?:%b*+%b%b)*+%b*+(%b)(?=%b*+=)"
            % (tag, ONE_SPACE, ONE_SPACE, other, ONE_SPACE, ONE_SPACE, all_names, ONE_SPACE)
        )
    groups = [
        rb"(?:%b)(%b(?:\"(?:%b)?+)?+)" % (b"|".join(tags_), IS, any_of(concern.prefixes, exact=True))
        for tags_, concern in zip(found, concerns, strict=True)
    ]
    return _Expressions(
        re.compile(rb"(?:[^<]*+<(?:%b))*+[^<]*+" % b"|".join([end_tag, *tags, other_tag, rb"(?=[^a-zA-Z/!?])"])),
        re.compile(rb"<(?:%b)" % (b"|".join(groups) or NEVER)),
        re.compile(rb"<(?:%b)" % (b"|".join(named) or NEVER)),
        tuple(rb"<(?:%b)=\"" % b"|".join(tags_) for tags_ in found),
    )


@lru_cache(maxsize=256)
def _values_with(prefix: bytes, before: bytes) -> re.Pattern[bytes]:
    """Return an expression for values with a beginning, and in a group what precedes them."""
    return re.compile(b"(%b)%b" % (before, re.escape(prefix)))


def _plain_value(concern: _Concern) -> tuple[bytes, bytes]:
    """Return expressions for a value whose kind is known, in double quotes and in any quotes."""
    concerned = b"(?!%b)" % any_of({*concern.starts, *map(bytes.lower, concern.prefixes)})

    def free(end: bytes) -> bytes:
        return concerned + _free(rb"%b<\x80-\xff" % end, concern.parts)

    ordinary = rb"[^\x00-\x1f\"<\x7f-\xff]*+"
    # Without blanks before the quote, so that all these are `="` and the beginning, and can be counted as such.
    known = rb"(?<==\")%b%b" % (any_of(concern.prefixes, exact=True), ordinary)
    double = rb"\"(?:%b|%b)\"" % (known, free(b'"'))
    return double, rb"(?:%b|'%b'|(?=[^\"'%b>])%b)" % (double, free(b"'"), SPACE, free(SPACE + b"\"'=>`"))


def _free(end: bytes, parts: Collection[bytes]) -> bytes:
    """Return an expression for bytes other than `end`, among which none of `parts` occurs."""
    if not parts:
        return rb"[^%b]*+" % end
    first = re.escape(bytes(sorted({letter for part in parts for letter in part[:1] + part[:1].upper()})))
    return rb"(?:[^%b%b]++|(?!%b)[%b])*+" % (end, first, any_of(parts), first)
