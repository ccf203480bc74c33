"""The quick way through a page for rules on the values of attributes; `html_plain.py` is the one for links.

Of most values it can be told at once that no rule is for them, or what all rules make of them: they begin with a known
text, and only that is replaced. So two expressions are made for what is known of the rules (`changes.Known`):

- one takes plain HTML: text, end tags, regularly written tags without an attribute that matters, and those with one
  such attribute, if its value is of no concern to any rule, or stands in double quotes, begins with a known text and is
  printable ASCII;
- one finds the values that matter, in what the first one took.

No value that the first one takes has a `<` in it, so that what looks like a tag there is one. Where it stops, the
scanner goes on as ever, for one token.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import lru_cache

from urlrewrite.content.changes import Known, Values
from urlrewrite.content.html import written
from urlrewrite.content.html_foreign import ROOTS
from urlrewrite.content.html_patterns import RAW_ELEMENTS

_SPACE = rb" \t\n\f\r"
_S = rb"[%b]" % _SPACE
_NAME = rb"[^%b/>=\"'<]++" % _SPACE
_REST_OF_NAME = rb"[^%b/>=\"'<]*+" % _SPACE
_IS = rb"%b*+=%b*+" % (_S, _S)
_END = rb"(?=[%b/>])" % _SPACE
_ATTRIBUTE = rb"%b(?:%b(?:\"[^\"<]*+\"|'[^'<]*+'|[^%b\"'<>=`]++)%b)?+" % (_NAME, _IS, _SPACE, _END)
_VALUE = re.compile(rb"%b(?:(\")([^\"]*)|(')([^']*)|()([^%b>]*))" % (_IS, _SPACE))

_SPECIAL = ROOTS.union(RAW_ELEMENTS)
_NEVER = rb"(?!)"

type _Tree = dict[bytes, _Tree]

type _Concern = tuple[tuple[bytes, ...], frozenset[bytes], frozenset[bytes], tuple[bytes, ...]]
"""Names of attributes, and what their values begin with, hold, or begin with and are known by if a rule matches."""

type _Group = tuple[tuple[bytes, ...], tuple[_Concern, ...]]
"""Names of tags that have the same concerns."""

type _Kind = tuple[bytes, bytes, bytes]
"""Tag, attribute, and the known beginning of a value; nothing of one that no rule matches."""


class PlainValues:
    """Takes plain HTML, and replaces and counts the values in it.

    Attributes:
        pattern: takes plain HTML from anywhere between tags on.
    """

    def __init__(self, values: Values) -> None:
        self._values = values
        known: dict[tuple[_Concern, ...], list[bytes]] = {}
        unknown = set[bytes]()
        for tag, names in values.wanted.items():
            if tag not in _SPECIAL and all((tag, name) in values.known for name in names):
                known.setdefault(_concerns(tag, names, values), []).append(tag)
            else:
                unknown.add(tag)
        groups = tuple((tuple(sorted(tags)), concerns) for concerns, tags in known.items())
        self.pattern, self._find = _expressions(groups, frozenset(unknown))
        self._names = range(2, 3 * len(groups), 3)
        self._kinds: dict[tuple[bytes, ...], _Kind] = {}

    def rewrite(self, span: bytes) -> bytes:
        """What becomes of a span that `pattern` took."""
        counts = Counter[_Kind]()
        for found, number in Counter(self._find.findall(span)).items():
            counts[self._kind(found)] += number
        if not counts:
            return span
        pieces, done = self._one_by_one(span, counts)
        return b"".join([*pieces, self._at_once(span[done:], counts)])

    def _kind(self, found: tuple[bytes, ...]) -> _Kind:
        """What kind of value it is that the groups of `_find` tell of."""
        kind = self._kinds.get(found)
        if kind is None:
            tag, attribute, prefix, *_ = [group for group in found if group] + [b""]
            tag, attribute = tag.lower(), attribute.lower()
            prefixes = self._values.known[tag, attribute].prefixes
            kind = tag, attribute, next((known for known, _ in prefixes if prefix.startswith(known)), b"")
            self._kinds[found] = kind
        return kind

    def _one_by_one(self, span: bytes, counts: Counter[_Kind]) -> tuple[list[bytes], int]:
        """Rewrites values one by one while some are to be told of; returns what was made, and of how much of the span.

        What was done is taken from the counts.
        """
        values, pieces, done = self._values, list[bytes](), 0
        telling = {kind for kind in counts if values.tells(*kind)}
        for found in self._find.finditer(span) if telling else ():
            kind = self._kind(found.groups(b""))
            counts[kind] -= 1
            start, end, new = self._rewritten(span, found, kind, tell=kind in telling)
            pieces += (span[done:start], new)
            done = end
            if not (counts[kind] and values.tells(*kind)):
                telling.discard(kind)
                telling = {each for each in telling if values.tells(*each)}
                if not telling:
                    break
        return pieces, done

    def _rewritten(self, span: bytes, found: re.Match[bytes], kind: _Kind, *, tell: bool) -> tuple[int, int, bytes]:
        """Which bytes of a span a value is to be replaced in, and with what."""
        tag, attribute, prefix = kind
        if tell:
            value = _VALUE.match(span, max(found.end(group) for group in self._names))
            assert value is not None and value.lastindex is not None
            quote, raw = value[value.lastindex - 1], value[value.lastindex]
            changed = self._values.on_value(tag, attribute, raw)
            new = raw if changed is None else written(changed, quote)
            return value.start(value.lastindex), value.end(value.lastindex), new
        self._values.on_many(tag, attribute, prefix, 1)
        start = end = found.end()
        if prefix:
            assert found.lastindex is not None
            start = found.start(found.lastindex)
            end = start + len(prefix)
        return start, end, self._becomes(kind)

    def _becomes(self, kind: _Kind) -> bytes:
        tag, attribute, prefix = kind
        return dict(self._values.known[tag, attribute].prefixes)[prefix] if prefix else b""

    def _at_once(self, span: bytes, counts: Counter[_Kind]) -> bytes:
        """Replaces all values of a span, of which there are so many of each kind."""
        wanted = Counter[tuple[bytes, bytes]]()
        for kind, number in counts.items():
            if number:
                self._values.on_many(*kind, number)
                if kind[2]:
                    wanted[kind[2], self._becomes(kind)] += number
        changed = span
        for (prefix, becomes), number in wanted.items():
            if prefix == becomes:
                continue
            begins = b'="' + prefix
            if changed.count(begins) != number:
                # Text or another attribute has it, too.
                return self._find.sub(self._substituted, span)
            changed = changed.replace(begins, b'="' + becomes)
        return changed

    def _substituted(self, found: re.Match[bytes]) -> bytes:
        kind = self._kind(found.groups(b""))
        if not kind[2]:
            return found[0]
        assert found.lastindex is not None
        start = found.start(found.lastindex) - found.start()
        return found[0][:start] + self._becomes(kind) + found[0][start + len(kind[2]) :]


def _concerns(tag: bytes, names: Collection[bytes], values: Values) -> tuple[_Concern, ...]:
    alike: dict[Known, list[bytes]] = {}
    for name in sorted(names):
        alike.setdefault(values.known[tag, name], []).append(name)
    return tuple(
        (tuple(names), known.starts, known.parts, tuple(prefix for prefix, _ in known.prefixes))
        for known, names in alike.items()
    )


@lru_cache(maxsize=64)
def _expressions(groups: tuple[_Group, ...], unknown: frozenset[bytes]) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Takes plain HTML; finds values in it, with three groups for each of `groups`: tag, attribute, known beginning."""
    special = _SPECIAL.union(unknown, *(tags for tags, _ in groups))
    after_less = [
        rb"/[a-zA-Z]%b%b*+>" % (_REST_OF_NAME, _S),
        *(_plain_tag(tags, concerns) for tags, concerns in groups),
        rb"(?!%b%b)[a-zA-Z]%b(?:%b++%b)*+%b*+/?+>" % (any_of(special), _END, _REST_OF_NAME, _S, _ATTRIBUTE, _S),
        rb"(?=[^a-zA-Z/!?])",
    ]
    plain = rb"(?:[^<]*+<(?:%b))*+[^<]*+" % b"|".join(after_less)
    found = [_found_value(tags, concerns) for tags, concerns in groups]
    return re.compile(plain), re.compile(rb"<(?:%b)" % b"|".join(found or [_NEVER]))


def _plain_tag(tags: Iterable[bytes], concerns: Iterable[_Concern]) -> bytes:
    """A start tag with at most one attribute that matters, behind its `<`."""
    other = _other_attribute(concerns)
    values = b"|".join(map(_plain_value, concerns))
    return rb"%b%b(?:%b++%b)*+(?:%b++(?:%b)(?:%b++%b)*+)?+%b*+/?+>" % (
        *(any_of(tags), _END, _S, other),
        *(_S, values, _S, other, _S),
    )


def _plain_value(concern: _Concern) -> bytes:
    """An attribute that matters, and a value whose kind is known."""
    names, starts, parts, prefixes = concern
    concerned = b"(?!%b)" % any_of({*starts, *map(bytes.lower, prefixes)})

    def free(end: bytes) -> bytes:
        return concerned + _free(rb"%b<\x80-\xff" % end, parts)

    ordinary = _free(rb"\x00-\x1f\"<\x7f-\xff", ())
    double = rb"\"(?:%b%b|%b)\"" % (any_of(prefixes, exact=True), ordinary, free(b'"'))
    value = rb"(?:%b|'%b'|(?=[^\"'%b>])%b)" % (double, free(b"'"), _SPACE, free(_SPACE + b"\"'=>`"))
    return rb"%b(?:%b%b%b|%b(?!%b*+=))" % (any_of(names), _IS, value, _END, _END, _S)


def _found_value(tags: Iterable[bytes], concerns: Iterable[_Concern]) -> bytes:
    """A start tag up to a value that matters, or to the end of its known beginning."""
    names = any_of({name for names, *_ in concerns for name in names})
    prefixes = any_of({prefix for *_, of_concern in concerns for prefix in of_concern}, exact=True)
    before = rb"(?:(?=%b=)|(?:%b*+%b%b)*+%b*+)" % (names, _S, _other_attribute(concerns), _S, _S)
    return rb"(%b)%b%b(%b)%b(?:\"(%b))?+" % (any_of(tags), _S, before, names, _IS, prefixes)


def _other_attribute(concerns: Iterable[_Concern]) -> bytes:
    names = any_of({name for names, *_ in concerns for name in names})
    return rb"(?!%b[%b/>=])%b" % (names, _SPACE, _ATTRIBUTE)


def _free(end: bytes, parts: Collection[bytes]) -> bytes:
    """Bytes other than `end`, among which none of `parts` occurs."""
    if not parts:
        return rb"[^%b]*+" % end
    first = re.escape(bytes(sorted({letter for part in parts for letter in part[:1] + part[:1].upper()})))
    return rb"(?:[^%b%b]++|(?!%b)[%b])*+" % (end, first, any_of(parts), first)


def any_of(texts: Iterable[bytes], *, exact: bool = False) -> bytes:
    """An expression for any of some texts, the longest first; in any letter case, unless `exact`; for none: never.

    Every letter is told apart once, so that a hundred texts cost little more than one.
    """
    tree: _Tree = {}
    for text in texts:
        node = tree
        for at in range(len(text)):
            node = node.setdefault(text[at : at + 1], {})
        node[b""] = {}
    return _spelled(tree, exact=exact) if tree else _NEVER


def _spelled(tree: _Tree, *, exact: bool) -> bytes:
    branches = [
        (letter if exact or not letter.isalpha() else b"[%b%b]" % (letter.lower(), letter.upper()), below)
        for letter, below in sorted(tree.items())
        if letter
    ]
    if not branches:
        return b""
    spelled = [
        (re.escape(letter) if len(letter) == 1 else letter) + _spelled(below, exact=exact) for letter, below in branches
    ]
    if b"" not in tree:
        return spelled[0] if len(spelled) == 1 else b"(?:%b)" % b"|".join(spelled)
    return b"(?:%b)?+" % b"|".join(spelled)
