r"""Patterns written from their trees: for njs, and for nginx's own maps.

njs runs expressions by PCRE, and so do maps. In both, `$` would match before a line end at the end, too, so the end is
written otherwise. Maps see bytes, and are asked about texts of ASCII only; they do not try an expression on an empty
text, so every text that they are given begins with a character that is no part of it, the mark.
"""

from __future__ import annotations

from urlrewrite.patterns import characters
from urlrewrite.patterns.characters import Ranges
from urlrewrite.patterns.tree import Anchor, Chars, Choice, Concatenation, Group, Look, Node, Reference, Repeat, nodes

_SPECIAL = frozenset(r"^$\.*+?()[]{}|")
_SPECIAL_IN_CLASS = frozenset(r"\]^-[")
_NAMED: dict[Ranges, str] = {characters.DIGIT: r"\d", characters.WORD: r"\w"}
_ASCII: Ranges = ((0, 0x7F),)


class _Writer:
    """Writes a tree; `name` gives the name of the group that is to be captured, the others only enclose."""

    def __init__(self, *, ignore_case: bool, start: str, end: str, ascii_only: bool) -> None:
        self.ignore_case = ignore_case
        self.start = start
        self.end = end
        self.ascii_only = ascii_only
        self.wanted: int | None = None
        self.name = ""

    def write(self, node: Node) -> str:
        match node:
            case Concatenation(items):
                return "".join(self.enclosed(item) if isinstance(item, Choice) else self.write(item) for item in items)
            case Choice(branches):
                return "|".join(map(self.write, branches))
            case Group(body, number):
                return self.group(number) + self.write(body) + ")"
            case Look(body, ahead, negative):
                return f"(?{'' if ahead else '<'}{'!' if negative else '='}{self.write(body)})"
            case Repeat(body):
                written = self.write(body) if isinstance(body, Chars | Group) else self.enclosed(body)
                return written + _quantifier(node)
            case Chars(ranges):
                return self.characters(ranges)
            case Anchor.START:
                return self.start
            case Anchor.END:
                return self.end
            case Anchor.BOUNDARY:
                return r"\b"
            case Anchor():
                return r"\B"
            case Reference(number):
                return rf"(?:\{number})"

    def enclosed(self, node: Node) -> str:
        return f"(?:{self.write(node)})"

    def group(self, number: int) -> str:
        if self.wanted is None:
            return "("
        return f"(?<{self.name}>" if number == self.wanted else "(?:"

    def characters(self, ranges: Ranges) -> str:
        if self.ascii_only:
            ranges = _only_ascii(ranges)
        if self.ignore_case and (letter := _letter(ranges)):
            return letter
        if ranges == characters.NONE:
            return r"(?!)" if self.ascii_only else r"[^\s\S]"
        if ranges in (characters.ALL, _ASCII):
            return "." if self.ascii_only else r"[\s\S]"
        if known := _NAMED.get(ranges):
            return known
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            return _escaped(ranges[0][0], _SPECIAL)
        complement = characters.contains(ranges, 0x7F if self.ascii_only else characters.LAST)
        rest = characters.invert(ranges) if complement else ranges
        if self.ascii_only:
            rest = _only_ascii(rest)
        return ("[^" if complement else "[") + "".join(map(_range, rest)) + "]"


def njs_expression(tree: Node, *, ignore_case: bool) -> str:
    """Write a tree for njs, to be compiled with the flag `i` where case is ignored."""
    return _Writer(ignore_case=ignore_case, start="^", end=r"(?![\s\S])", ascii_only=False).write(tree)


def map_expression(tree: Node, *, ignore_case: bool, mark: str, group: int | None = None, name: str = "") -> str:
    """Write a tree for a map of nginx, without the `~` or `~*` before it.

    `mark` is the character before the text, which has no other meaning in an expression. `group` is the one, 0 for the
    whole match, that is captured by the `name`; without it the map only says whether there is a match.
    """
    items = tree.items if isinstance(tree, Concatenation) else (tree,)
    at_start = bool(items) and items[0] is Anchor.START and Anchor.START not in _anchors(items[1:])
    writer = _Writer(ignore_case=ignore_case, start=f"(?<=^{mark})", end=r"\z", ascii_only=True)
    writer.wanted, writer.name = -1 if group is None else group, name
    written = writer.write(Concatenation(items[1:]) if at_start else tree)
    if isinstance(tree, Choice) or group == 0:
        written = (f"(?<{name}>" if group == 0 else "(?:") + written + ")"
    # no match begins at the mark itself
    return f"^{mark}{written}" if at_start else f"(?!^){written}"


def _anchors(items: tuple[Node, ...]) -> set[Anchor]:
    return {node for item in items for node in nodes(item) if isinstance(node, Anchor)}


def map_can_say(tree: Node) -> bool:
    """Say whether a map can decide by this pattern: not where it looks back, since the mark stands there."""
    return not any(isinstance(node, Reference) or (isinstance(node, Look) and not node.ahead) for node in nodes(tree))


def _only_ascii(ranges: Ranges) -> Ranges:
    return tuple((low, min(high, 0x7F)) for low, high in ranges if low <= 0x7F)


def _letter(ranges: Ranges) -> str:
    """Return the lower case letter whose two forms are the whole set, "" if they are not."""
    if len(ranges) == 2 and ranges[0][0] == ranges[0][1] and ranges[1] == (ranges[0][0] ^ 0x20,) * 2:
        letter = chr(ranges[1][0])
        return letter if letter.isascii() and letter.isalpha() else ""
    return ""


def _quantifier(node: Repeat) -> str:
    match node.least, node.most:
        case 0, None:
            text = "*"
        case 1, None:
            text = "+"
        case 0, 1:
            text = "?"
        case least, most if least == most:
            text = f"{{{least}}}"
        case least, most:
            text = f"{{{least},{'' if most is None else most}}}"
    return text + ("?" if node.lazy else "")


def _range(pair: tuple[int, int]) -> str:
    low, high = pair
    if low == high:
        return _escaped(low, _SPECIAL_IN_CLASS)
    return _escaped(low, _SPECIAL_IN_CLASS) + ("-" if high > low + 1 else "") + _escaped(high, _SPECIAL_IN_CLASS)


def _escaped(code: int, special: frozenset[str]) -> str:
    char = chr(code)
    if char in special:
        return f"\\{char}"
    if char.isascii():
        return char if char.isprintable() and char != " " else f"\\x{code:02x}"
    return char if code <= 0xFFFF and char.isprintable() else _wide(code)


def _wide(code: int) -> str:
    units = chr(code).encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
