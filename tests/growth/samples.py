"""Texts made to provoke an expression, from the expression itself.

A backtracking engine loses time in three ways: a repetition that is tried again from each of its places, one that is
given up byte by byte, and two that may share one text between them. All three need what comes before a repetition, what
it takes, and something that ends it wrongly. So an expression is taken to pieces: its literals, members of its sets,
the shortest text up to each repetition, one round of it. A piece repeated, and one piece repeated in front of another
one, are the texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product
from typing import Any, NamedTuple

_parser: Any = re._parser  # type: ignore[attr-defined]
_REPEATS = {_parser.MAX_REPEAT, _parser.MIN_REPEAT, _parser.POSSESSIVE_REPEAT}
_LONG = 9
"""Rounds from which a repetition counts as one without limit."""

_MEMBERS = 'a0 \n\\"/.=%<&;-_:,\t'
"""Members of sets that are tried; the first few of those that a set has."""

_FEW_MEMBERS, _FEW_SAMPLES = 3, 6
_LETTERS = {2: 14, 3: 8}
"""How many single letters of an expression are put together to words of that length."""

COMMON = ("a", "0", " ", "\n", "\\", '"', "/", "<", "=", "&", "%", "(", ";", ",", ".", "é")
"""Pieces that are tried with every expression, whether it has them or not."""


class Text(NamedTuple):
    """A text of any length: a beginning, and pieces that are repeated one after the other, each for its share."""

    start: str
    repeated: tuple[str, ...]
    end: str = ""

    def of_size(self, size: int) -> str:
        share = size // len(self.repeated)
        return self.start + "".join(piece * max(1, share // len(piece)) for piece in self.repeated) + self.end

    def __repr__(self) -> str:
        repeated = " ".join(f"{piece!r}*n" for piece in self.repeated)
        return " ".join(filter(None, (self.start and repr(self.start), repeated, self.end and repr(self.end))))


def texts(pattern: re.Pattern[Any]) -> Iterator[Text]:
    """Texts that may provoke a pattern, of str or of bytes (as Latin-1), the likeliest first."""
    found = Pieces(pattern)
    pieces = list(dict.fromkeys([*found.all, *COMMON]))
    yield from (Text("", (piece,)) for piece in pieces)
    yield from (Text(start, (round_,), end) for start, round_ in found.loops for end in ("", "!", start))
    yield from (Text("", (word,)) for word in found.words)
    yield from (Text("", pair) for pair in product(found.all, pieces) if pair[0] != pair[1])
    yield from (Text(start, (round_,), end) for start, round_ in found.loops for end in ("\n", '"'))


class Pieces:
    """The pieces of an expression: `all`, and its `loops`, each with the shortest text that leads to it."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
        # What is not compared by letters is the same in both; an expression of bytes has no flag of str's own.
        tree = _parser.parse(source, pattern.flags & ~(re.UNICODE | re.LOCALE))
        self.loops: dict[tuple[str, str], None] = {}
        found: dict[str, None] = {}
        for start, round_ in _loops(tree, ""):
            self.loops[start, round_] = None
            found |= dict.fromkeys((start, round_, start + round_))
        for whole in _samples(tree):
            found |= dict.fromkeys((whole, whole[:-1]))
        for run in _literals(tree):
            found[run] = None
        self.all = [piece for piece in found if piece]
        letters = list(dict.fromkeys(piece for piece in self.all if len(piece) == 1))
        self.words = [
            "".join(word) for length in (2, 3) for word in product(letters[: _LETTERS[length]], repeat=length)
        ]


def _loops(tree: Iterable[Any], start: str) -> Iterator[tuple[str, str]]:
    """Yield each repetition without limit as the shortest text that leads to it, and one round of it."""
    for item in tree:
        code, argument = item
        if code in _REPEATS:
            _, most, body = argument
            if most >= _LONG:
                yield from ((start, round_) for round_ in _samples(body) if round_)
            yield from _loops(body, start)
        else:
            for body in _bodies(code, argument):
                yield from _loops(body, start)
        start += next(iter(_samples([item])))


def _bodies(code: Any, argument: Any) -> list[Any]:
    """The trees inside of an item other than a repetition."""
    match str(code):
        case "BRANCH":
            return list(argument[1])
        case "SUBPATTERN":
            return [argument[3]]
        case "ASSERT" | "ASSERT_NOT":
            return [argument[1]]
        case "ATOMIC_GROUP":
            return [argument]
        case "GROUPREF_EXISTS":
            return [body for body in argument[1:] if body]
    return []


def _samples(tree: Iterable[Any]) -> list[str]:
    """Short texts that a tree takes: the shortest for each of its branches and for some members of its sets."""
    found = [""]
    for code, argument in tree:
        further = _of_item(code, argument)
        # Each of the further ones behind the first text, and the first of them behind the others.
        found = [found[0] + each for each in further] + [each + further[0] for each in found[1:]]
        found = list(islice(dict.fromkeys(found), _FEW_SAMPLES))
    return found


def _of_item(code: Any, argument: Any) -> list[str]:
    if code in _REPEATS:
        least, _, body = argument
        return [each * min(least, _LONG) for each in _samples(body)] if least else [""]
    match str(code):
        case "LITERAL":
            return [chr(argument)]
        case "NOT_LITERAL" | "ANY":
            return [each for each in _MEMBERS if code is _parser.ANY or ord(each) != argument][:_FEW_MEMBERS]
        case "IN":
            return _members(argument)
        case "BRANCH":
            return list(dict.fromkeys(each for body in argument[1] for each in _samples(body)))[:_FEW_SAMPLES]
        case "SUBPATTERN" | "ATOMIC_GROUP":
            return _samples(_bodies(code, argument)[0])
    return [""]


def _members(items: Iterable[Any]) -> list[str]:
    contains = _contains(items)
    codes = [chr(argument if str(code) == "LITERAL" else argument[0]) for code, argument in items
             if str(code) in ("LITERAL", "RANGE")]  # fmt: skip
    candidates = [*codes[:2], *_MEMBERS, *map(chr, range(256))]
    return list(islice(dict.fromkeys(each for each in candidates if contains(each)), _FEW_MEMBERS)) or [""]


def _contains(items: Iterable[Any]) -> Callable[[str], bool]:
    """A test whether a set has a character: made an expression again, so that its classes need not be known here."""
    source, negated = [], False
    for code, argument in items:
        match str(code):
            case "NEGATE":
                negated = True
            case "LITERAL":
                source.append(re.escape(chr(argument)))
            case "RANGE":
                source.append(f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}")
            case "CATEGORY":
                source.append(_CATEGORIES[str(argument)])
    found = re.compile(f"[{'^' if negated else ''}{''.join(source)}]", re.ASCII)
    return lambda char: found.match(char) is not None


_CATEGORIES = {
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


def _literals(tree: Iterable[Any]) -> Iterator[str]:
    """Yield the runs of letters of an expression, wherever they stand."""
    run = ""
    for code, argument in [*tree, (None, None)]:
        if code is _parser.LITERAL:
            run += chr(argument)
            continue
        if run:
            yield run
            run = ""
        bodies = [argument[2]] if code in _REPEATS else _bodies(code, argument)
        for body in bodies:
            yield from _literals(body)
