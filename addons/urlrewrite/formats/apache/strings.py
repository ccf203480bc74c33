r"""Parses the strings of rewriting directives: CondPatterns, and texts with `$1`, `%1`, `%{NAME}`, `${map:key}`.

Refused is what Apache refuses, and what it takes literally although nobody means it so: a lone `%` or `$`, a
CondPattern that is only an operator. (Apache HTTP Server 2.4 documentation, "mod_rewrite", RewriteCond, RewriteRule.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from urlrewrite.formats.apache.syntax import DirectiveError
from urlrewrite.formats.wording import shown


class Test(StrEnum):
    """The kinds of tests of RewriteCond."""

    PATTERN = "pattern"
    STRING = "string"
    INTEGER = "integer"
    PROPERTY = "property"

    __test__ = False  # pytest would take the name for one of its own


@dataclass(frozen=True, slots=True)
class ConditionPattern:
    """A CondPattern; `operator` is `=`, `<`, `-eq`, `-f` and so on, "" for a pattern, and `operand` follows it."""

    test: Test
    operator: str
    operand: str
    negate: bool


_PROPERTIES = frozenset("dfFhHlLsUx")
_INTEGER = re.compile(r"-(eq|ne|lt|le|gt|ge)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_STRING = re.compile(r"(<=|>=|<|>|=)(.*)", re.DOTALL)


def parse_condition_pattern(text: str) -> ConditionPattern:
    """Parse a CondPattern.

    Raises:
        DirectiveError: nothing to compare with, or no such test.
    """
    negate = text.startswith("!")
    rest = text[1:] if negate else text
    if not rest:
        raise DirectiveError(f"got the condition pattern {shown(text)}, expected a pattern or a test", len(text))
    if found := _INTEGER.fullmatch(rest):
        if not _NUMBER.fullmatch(found[2]):
            raise DirectiveError(f"got {shown(text)}, expected an integer after -{found[1]}", len(text) - len(found[2]))
        return ConditionPattern(Test.INTEGER, f"-{found[1]}", found[2], negate)
    if rest[0] == "-":
        if len(rest) != 2 or rest[1] not in _PROPERTIES:
            tests = "-f, -d, -s, -l, -F, -U, -x or an integer comparison such as -eq"
            raise DirectiveError(rf"got {shown(text)}, expected {tests}; \- for a pattern that begins with a hyphen", 1)
        return ConditionPattern(Test.PROPERTY, rest, "", negate)
    if found := _STRING.fullmatch(rest):
        operator, operand = found.groups()
        if not operand:
            raise DirectiveError(
                f'got {shown(text)}, expected a text after {operator}; ="" is the empty text', len(text)
            )
        operand = "" if operand in ('""', "''") else operand
        return ConditionPattern(Test.STRING, operator, operand, negate)
    return ConditionPattern(Test.PATTERN, "", rest, negate)


def parse_rule_pattern(text: str) -> tuple[bool, str]:
    """Parse the Pattern of a RewriteRule; return whether it is negated, and the regular expression.

    Raises:
        DirectiveError: the regular expression is empty.
    """
    negate = text.startswith("!")
    if not (expression := text[1:] if negate else text):
        raise DirectiveError(f"got the pattern {shown(text)}, expected a regular expression; ^ matches every URL")
    return negate, expression


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class ServerVariable:
    """`%{NAME}`; the name as written."""

    name: str


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """`$n`."""

    number: int


@dataclass(frozen=True, slots=True)
class ConditionGroup:
    """`%n`."""

    number: int


@dataclass(frozen=True, slots=True)
class MapLookup:
    """`${map:key|default}`."""

    map: str
    key: tuple[Part, ...]
    default: tuple[Part, ...]


type Part = Text | ServerVariable | RuleGroup | ConditionGroup | MapLookup


def references(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield all references, those in keys and defaults of map lookups too."""
    for part in parts:
        if isinstance(part, MapLookup):
            yield from references((*part.key, *part.default))
        if not isinstance(part, Text):
            yield part


_MAX_DEPTH = 10
_ESCAPED_OCTET = re.compile("%[A-Fa-f][0-9A-Fa-f]")


def parse_template(text: str) -> tuple[Part, ...]:
    r"""Parse a TestString or a Substitution. A character after `\` stands for itself.

    `%C3` and other escaped octets that cannot be a reference are text.

    Raises:
        DirectiveError: a `%` or `$` that begins no reference, or a brace that is not closed.
    """
    parts, end = _parts(text, 0, "", 0)
    if end < len(text):
        raise AssertionError("only an end that is asked for ends a template early")
    return parts


def _parts(text: str, start: int, ends: str, depth: int) -> tuple[tuple[Part, ...], int]:
    if depth > _MAX_DEPTH:
        raise DirectiveError(f"got {shown(text)}, expected at most {_MAX_DEPTH} look-ups in one another", start)
    parts: list[Part] = []
    literal: list[str] = []
    position = start

    def add(part: Part) -> None:
        if literal:
            parts.append(Text("".join(literal)))
            literal.clear()
        parts.append(part)

    while position < len(text) and text[position] not in ends:
        character, following = text[position], text[position + 1 : position + 2]
        if character == "\\" and following:
            literal.append(following)
            position += 2
        elif character in "$%" and following and following in "0123456789":
            add(RuleGroup(int(following)) if character == "$" else ConditionGroup(int(following)))
            position += 2
        elif character == "%" and following == "{":
            end = text.find("}", position)
            if end < 0:
                raise DirectiveError(f"got {shown(text)}, expected }} after the name of a variable", len(text))
            add(ServerVariable(text[position + 2 : end]))
            position = end + 1
        elif character == "$" and following == "{":
            lookup, position = _lookup(text, position, depth)
            add(lookup)
        elif _ESCAPED_OCTET.match(text, position):
            literal.append(text[position : position + 3])
            position += 3
        elif character in "$%":
            forms = "%{NAME} or %1" if character == "%" else "${map:key} or $1"
            plain = rf"\{character} for the character itself"
            raise DirectiveError(
                f"got {shown(text)}, expected {forms} after offset {position}, or {plain}", position + 1
            )
        else:
            literal.append(character)
            position += 1
    if literal:
        parts.append(Text("".join(literal)))
    return tuple(parts), position


def _lookup(text: str, start: int, depth: int) -> tuple[MapLookup, int]:
    colon = text.find(":", start)
    name = text[start + 2 : colon]
    if colon < 0 or "}" in name:
        raise DirectiveError(f"got {shown(text)}, expected ${{map:key}} or ${{map:key|default}}", start)
    key, end = _parts(text, colon + 1, "|}", depth + 1)
    default: tuple[Part, ...] = ()
    if text[end : end + 1] == "|":
        default, end = _parts(text, end + 1, "}", depth + 1)
    if end >= len(text):
        raise DirectiveError(f"got {shown(text)}, expected }} after the key of a map", len(text))
    return MapLookup(name, key, default), end + 1
