"""XML to a tree of our own that remembers its lines and comments, and costs little.

The text is decoded here, since only then can a document type declaration be seen, and refused, before the parser sees
it: without one there are no entities but XML's five. The tree of lxml is thrown away while it grows; what is kept of
an element is a few small objects, so that a rewrite map of 20 MB is no burden. Lines are counted here, too: the parser
knows that of the end of a start tag, and not always past line 65,535.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from urlrewrite.formats.reports import ProblemId, Report
from urlrewrite.formats.xml.text import NotUsableError, lines_of, text_of

MAX_DEPTH = 64
"""Levels of elements in one another; a full web.config has about ten."""

MAX_NODES = 350_000
"""Elements and comments of a file; a rewrite map of 18 MB has as many."""

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, without blanks around its lines."""

    text: str
    line: int


@dataclass(slots=True)
class Element:
    """An element. `pairs` holds names and values of its attributes by turns; `text` is text that it contains.

    `comments` stand directly before it, `trailing` before its end tag.
    """

    name: str
    pairs: tuple[str, ...]
    line: int
    children: Sequence[Element] = ()
    comments: tuple[Comment, ...] = ()
    trailing: tuple[Comment, ...] = ()
    text: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes by name, in the order of the file."""
        return dict(zip(self.pairs[::2], self.pairs[1::2], strict=True))


def read_tree(data: bytes, report: Report) -> Element | None:
    """Read a document; return its root element, or None and report an error."""
    try:
        return _Builder().build(text_of(data))
    except NotUsableError as error:
        report.error(error.line, error.id, str(error))
    return None


class _Builder:
    """Builds the tree; one object a text."""

    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._comments: list[Comment] = []
        self._nodes = 0
        self._lines: Iterator[int] = iter(())

    def build(self, text: str) -> Element:
        self._lines = lines_of(text)
        parser = etree.XMLPullParser(
            events=("start", "end", "comment"),
            encoding="utf-8",
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            load_dtd=False,
            remove_pis=True,
        )
        last: tuple[str, etree._Element] | None = None
        try:
            for start in range(0, len(text), _CHUNK):
                parser.feed(text[start : start + _CHUNK].encode())
                last = self._take(parser, last)
            parser.close()
        except etree.XMLSyntaxError as error:
            # The first fault is in the log; what is raised may only say that there is no tree.
            first = next(iter(parser.feed_error_log), None)
            line, said = (first.line, first.message) if first else (error.lineno or 1, error.msg or "")
            raise NotUsableError(max(line, 1), ProblemId.NOT_XML, _explain(said, text)) from None
        self._leave(self._take(parser, last))
        assert self._root is not None, "the parser refuses a text without an element"
        return self._root

    def _take(
        self, parser: etree.XMLPullParser, last: tuple[str, etree._Element] | None
    ) -> tuple[str, etree._Element] | None:
        """Take the events that are there. The text after a tag is complete when the next event comes."""
        for event, node in parser.read_events():
            assert isinstance(node, etree._Element), "no events of namespaces were asked for"
            self._leave(last)
            if event == "end":
                self._end()
            else:
                line = next(self._lines)
                self._count(line)
                if event == "start":
                    self._start(node, line)
                else:
                    self._comments.append(Comment(_tidy(node.text or ""), line))
            last = event, node
        return last

    def _count(self, line: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"got more than {MAX_NODES} elements and comments, expected a configuration"
            raise NotUsableError(line, ProblemId.NOT_XML, message)

    def _leave(self, last: tuple[str, etree._Element] | None) -> None:
        """Note the text after a tag or comment, and throw away what lxml has of it."""
        if last is None:
            return
        event, node = last
        text = node.text if event == "start" else node.tail
        if text and self._open and not self._open[-1].text and not text.isspace():
            self._open[-1].text = text.strip()
        parent = node.getparent()
        if event != "start" and parent is not None:
            parent.remove(node)

    def _start(self, node: etree._Element, line: int) -> None:
        if len(self._open) == MAX_DEPTH:
            message = f"got more than {MAX_DEPTH} elements in one another, expected a configuration"
            raise NotUsableError(line, ProblemId.NOT_XML, message)
        pairs = tuple(part for name, value in node.attrib.items() for part in (sys.intern(str(name)), str(value)))
        # Elements may be in a namespace, such as the one that old versions of Visual Studio wrote for .NET 2.0.
        name = sys.intern(str(node.tag).rpartition("}")[2])
        element = Element(name, pairs, line, comments=tuple(self._comments))
        self._comments.clear()
        if not self._open:
            self._root = element
        else:
            parent = self._open[-1]
            if not parent.children:
                parent.children = []
            assert isinstance(parent.children, list)
            parent.children.append(element)
        self._open.append(element)

    def _end(self) -> None:
        self._open.pop().trailing = tuple(self._comments)
        self._comments.clear()


def _tidy(comment: str) -> str:
    return "\n".join(line.strip() for line in comment.strip().splitlines())


_HINTS = (
    ("AttValue", "values stand in straight quotes, \" or ', not in those of print"),
    ("String not started", "values stand in straight quotes, \" or ', not in those of print"),
    ("redefined", "an attribute may stand once"),
    ("Double hyphen", "no -- may stand in a comment"),
    ("EntityRef", "write & as &amp;"),
    ("CharRef", "write & as &amp;"),
    ("Entity '", "write & as &amp;; XML knows &amp; &lt; &gt; &quot; &apos; and numbers such as &#160;"),
    ("Unescaped '<'", "in an attribute write < as &lt; and > as &gt;"),
    ("tag mismatch", "names of elements are told apart by case"),
    ("attributes construct error", "there must be a blank between attributes, and a quote in a value is &quot;"),
    ("Excessive depth", "no configuration has so many elements in one another"),
    ("Extra content at the end", "put everything into one element such as <rewrite>"),
    ("declaration allowed only at the start", "nothing may stand before <?xml"),
    ("Start tag expected", "the text must begin with <configuration>, or <rewrite>"),
    ("Premature end", "the end of the file is missing"),
)
"""What libxml2 says of a mistake, and what to do about it."""


def _explain(said: str, text: str) -> str:
    hint = next((f"; {hint}" for words, hint in _HINTS if words in said), "")
    if text.lstrip().startswith("&lt;"):
        hint = "; it went through a tool for web pages: write < for &lt;, > for &gt;, and so on"
    return f"got what is no XML ({said.strip()}), expected a configuration{hint}"
