"""YAML text to a tree that remembers its lines.

Every scalar stays the text that was written: `off`, `yes`, `301` and `1.0` mean what the field they stand in says, not
what YAML 1.1 makes of them. The tree is built from PyYAML's events with a stack of our own, so neither deep nesting
nor an alias bomb costs more than the limits below, and no tag can construct anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import yaml

from urlrewrite.formats.reports import ProblemId
from urlrewrite.formats.wording import one_line
from urlrewrite.model import Source
from urlrewrite.model.problems import Problem

MAX_DEPTH = 32
"""Levels of lists and mappings in one another; a full rule file has eight."""

MAX_ALIASED_NODES = 100_000
"""Nodes that all aliases of a file may stand for together."""

MAX_NODES = 500_000
"""Texts, lists and mappings of a file; a rewrite map of 200,000 keys has fewer."""

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text. `plain` means written without quotes and not as a block."""

    text: str
    line: int
    plain: bool = True

    @property
    def is_null(self) -> bool:
        """Whether YAML calls it null: nothing, `~` or `null`, unquoted."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file, repeated keys included."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int


type Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class _Frame:
    """A collection whose end is still to come; `size` counts its nodes with aliases expanded."""

    event: yaml.CollectionStartEvent
    line: int
    children: list[Node] = field(default_factory=list)
    size: int = 1


class _NotUsableError(Exception):
    """Stops the composer: line from 1, and what is wrong."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def compose(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """Read the one document in `text`; return its tree, or None and the problems that prevent it."""
    lines = text.count("\n") + (not text.endswith("\n"))
    try:
        return _Composer().compose(text), []
    except _NotUsableError as error:
        line, message = error.line, str(error)
    except yaml.MarkedYAMLError as error:
        line, message = _explain(error, text)
    except yaml.reader.ReaderError as error:
        # `position` counts bytes with libyaml and characters without it.
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, found.start() if found else error.position) + 1
        message = "got a control character, expected text"
    except (ValueError, OverflowError) as error:
        # An escape such as "\UFFFFFFFF", and lone surrogates: PyYAML lets the errors of Python's codecs through.
        line, message = 1, f"got text that is not Unicode ({error}), expected YAML"
    return None, [Problem(Source(file, max(1, min(line, lines))), message, ProblemId.NOT_YAML)]


class _Composer:
    """Builds the tree; one object a text."""

    def __init__(self) -> None:
        self._frames: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliased = 0
        self._root: Node | None = None

    def compose(self, text: str) -> Node | None:
        documents = nodes = 0
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1 if event.start_mark else 1
            nodes += isinstance(event, yaml.NodeEvent)
            if nodes > MAX_NODES:
                raise _NotUsableError(line, f"got more than {MAX_NODES} nodes, expected a rule file")
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _NotUsableError(line, "got a second document, expected one (there is a line `---` too many)")
            elif isinstance(event, yaml.AliasEvent):
                self._add(*self._resolve(event.anchor or "", line))
            elif isinstance(event, yaml.ScalarEvent):
                self._refuse_tag(event.tag, line)
                event.value.encode()  # a lone surrogate written as an escape is refused here
                self._add(Scalar(event.value, line, event.style in (None, "")), 1, event.anchor)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._refuse_tag(event.tag, line)
                if len(self._frames) == MAX_DEPTH:
                    raise _NotUsableError(line, f"got more than {MAX_DEPTH} levels, expected a rule file")
                self._frames.append(_Frame(event, line))
                self._anchors.pop(event.anchor or "", None)
            elif isinstance(event, yaml.CollectionEndEvent):
                frame = self._frames.pop()
                self._add(_collection(frame), frame.size, frame.event.anchor)
        return self._root

    def _add(self, node: Node, size: int, anchor: str | None = None) -> None:
        if anchor:
            self._anchors[anchor] = node, size
        if self._frames:
            self._frames[-1].children.append(node)
            self._frames[-1].size += size
        else:
            self._root = node

    def _resolve(self, anchor: str, line: int) -> tuple[Node, int]:
        """Return what `*anchor` stands for. A collection gets its anchor when it ends, so it cannot contain itself."""
        if anchor not in self._anchors:
            raise _NotUsableError(
                line,
                f"got the alias *{anchor}, expected an anchor &{anchor} that ends before it; "
                "a text that begins with * must be in quotes",
            )
        node, size = self._anchors[anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            raise _NotUsableError(line, f"got aliases for more than {MAX_ALIASED_NODES} nodes, expected a rule file")
        return node, size

    @staticmethod
    def _refuse_tag(tag: str | None, line: int) -> None:
        if tag:
            raise _NotUsableError(
                line, f"got the tag {tag}, expected plain YAML; a text that begins with ! must be in quotes"
            )


def _collection(frame: _Frame) -> Node:
    if isinstance(frame.event, yaml.SequenceStartEvent):
        return Sequence(tuple(frame.children), frame.line)
    entries = []
    for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
        if not isinstance(key, Scalar):
            raise _NotUsableError(
                key.line, "got a list or a mapping as a key, expected a text; put a text with {...} or [...] in quotes"
            )
        entries.append((key, value))
    return Mapping(tuple(entries), frame.line)


_HINTS = (
    ("escape", "in double quotes a backslash begins an escape, so put patterns in single quotes"),
    ("alias", "a text that begins with * must be in quotes"),
    ("anchor", "a text that begins with & must be in quotes"),
    ("tag", "a text that begins with ! must be in quotes"),
    ("mapping values are not allowed", "a text that contains a colon and a blank must be in quotes"),
    ("end of stream", "the quote is never closed"),
    (
        "block mapping",
        "check the indentation; a text that begins with {, [ or a quote must be in quotes from end to end",
    ),
)
"""What PyYAML says of a mistake, and what an author of rules most likely did."""


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """Return the line, and PyYAML's sentence followed by what to do about it."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    said = f"{error.problem} {error.context or ''}"
    hint = next((hint for words, hint in _HINTS if words in said), "")
    if mark and "cannot start any token" in said:
        hint = f"a text that begins with {text[mark.index : mark.index + 1]} must be in quotes"
    if mark and _is_indented_with_tabs(text, mark.line):
        hint = "indent with spaces, not with tabs"
    if error.context_mark and "end of stream" in said:
        line = error.context_mark.line + 1
    return line, one_line(f"got {error.problem}, expected YAML" + (f"; {hint}" if hint else ""))


def _is_indented_with_tabs(text: str, index: int) -> bool:
    lines = text.splitlines()
    return index < len(lines) and "\t" in lines[index][: -len(lines[index].lstrip()) or None]
