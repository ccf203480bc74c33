"""XML to a tree: lines, comments, encodings, and what is no configuration at all."""

from __future__ import annotations

import pytest

from formats.xml_support import Expected, assert_told
from urlrewrite.formats.reports import Report
from urlrewrite.formats.xml.nodes import MAX_DEPTH, Comment, Element, read_tree


def tree(text: str | bytes) -> Element:
    problems: list[object] = []
    root = read_tree(text if isinstance(text, bytes) else text.encode(), Report("f", problems))  # type: ignore[arg-type]
    assert root is not None, problems
    return root


def test_lines_are_those_in_which_tags_and_comments_begin() -> None:
    root = tree(
        '<?xml version="1.0"?>\n<!-- top\n -->\n<a\n b="1\n2">\n<?pi\n <b ?><![CDATA[\n<c\n]]>\n'
        " <!-- of\n   d --><d/>\n<!-- end -->\n</a>\n<!-- after -->"
    )
    child = Element("d", (), 12, comments=(Comment("of\nd", 11),))
    assert root == Element("a", ("b", "1 2"), 4, [child], (Comment("top", 2),), (Comment("end", 13),), text="<c")


def test_lines_past_65535() -> None:
    root = tree("<a>" + "\n" * 70_000 + "<b/>\n<!-- c --></a>")
    assert (root.children[0].line, root.trailing[0].line) == (70_001, 70_002)


def test_namespaces_are_taken_off_elements() -> None:
    root = tree('<a xmlns="http://schemas.microsoft.com/.NetConfiguration/v2.0"><x:b xmlns:x="u" x:c="1"/></a>')
    assert (root.name, root.pairs, root.children[0].name) == ("a", (), "b")
    assert root.children[0].attributes == {"{u}c": "1"}


ENCODED = [
    ("utf-8", ""),
    ("utf-8-sig", ""),
    ("utf-8-sig", "utf-8"),
    ("utf-16", ""),
    ("utf-16", "utf-16"),
    ("utf-16-le", "utf-16"),
    ("utf-16-be", ""),
    ("utf-32", ""),
    ("windows-1252", "Windows-1252"),
    ("iso-8859-15", "ISO-8859-15"),
    ("gb18030", "gb18030"),
]


@pytest.mark.parametrize(("encoding", "declared"), ENCODED)
def test_encodings(encoding: str, declared: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    assert tree(f'{declaration}<a b="é"/>'.encode(encoding)).attributes == {"b": "é"}


NOT_USABLE: list[tuple[str | bytes, Expected]] = [
    ("", [(1, "UR015", "got what is no XML")]),
    (" \n", [(2, "UR015", "must begin with <configuration>")]),
    ("<!-- a -->", [(1, "UR015", "got what is no XML")]),
    ("rules: []", [(1, "UR015", "must begin with <configuration>")]),
    ('<a>\n<b c="1&2"/></a>', [(2, "UR015", "write & as &amp;")]),
    ("<a>\n&nbsp;</a>", [(2, "UR015", "Entity 'nbsp' not defined")]),
    ('<a\nb="<"/>', [(2, "UR015", "write < as &lt;")]),
    ("<a>\n</A>", [(2, "UR015", "told apart by case")]),
    ("<a/>\n<b/>", [(2, "UR015", "put everything into one element")]),
    ("<a>\n<b>\n", [(3, "UR015", "the end of the file is missing")]),
    ("\n<?xml version='1.0'?><a/>", [(2, "UR015", "nothing may stand before <?xml")]),
    ('<a b="1" b="2"/>', [(1, "UR015", "Attribute b redefined")]),
    ("<a>\n<b c=\u201cd\u201d/></a>", [(2, "UR015", "straight quotes")]),
    ("<?xml version=\u201c1.0\u201d?>\n<a/>", [(1, "UR015", "straight quotes")]),
    ("<a>\n<!-- a -- b --></a>", [(2, "UR015", "in a comment")]),
    ("&lt;configuration&gt;\n", [(1, "UR015", "write < for &lt;")]),
    ("<a>\n\0</a>", [(2, "UR015", "Char 0x0")]),
    ("<a x:b='1'/>", [(1, "UR015", "Namespace prefix x")]),
    ("\n<!DOCTYPE a><a/>", [(2, "UR016", "got a document type declaration")]),
    ("<!-- <!DOCTYPE a> -->\n<?x?>\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", [(3, "UR016", "expected none")]),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', [(1, "UR016", "expected none")]),
    ("<!DOCTYPE a><a/>".encode("utf-16"), [(1, "UR016", "expected none")]),
    ("<a>\n<!DOCTYPE a></a>", [(2, "UR015", "got what is no XML")]),
    ("<a>\n<b c='é'/></a>".encode("latin-1"), [(2, "UR001", "got the byte 0xe9, expected a text in utf-8; save")]),
    (b"\xff\xfe<\0a", [(1, "UR001", "utf-16-le")]),
    (b"\xef\xbb\xbf\xff", [(1, "UR001", "byte 0xff")]),
    ('<?xml version="1.0" encoding="utf-16"?><a/>', [(1, "UR001", "in a text of single bytes, expected utf-8")]),
    ('<?xml version="1.0" encoding="utf-7"?><a/>', [(1, "UR001", 'got the encoding "utf-7"')]),
    ('<?xml version="1.0" encoding="rot13"?><a/>', [(1, "UR001", 'got the encoding "rot13"')]),
    ('<?xml version="1.0" encoding="iso-8859-99"?><a/>', [(1, "UR001", 'got the encoding "iso-8859-99"')]),
    ("<a>\n" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1), [(MAX_DEPTH + 1, "UR015", "elements in one another")]),
    ("<a>" * 300, [(1, "UR015", "no configuration has so many elements in one another")]),
    ("<a>\n<b c='" + "x" * 2**20 + "'/></a>", [(2, "UR015", "characters without a >")]),
    ("<urlrewrite/>", [(1, "UR003", "got <urlrewrite>, expected <configuration>")]),
    ("\n<rule name='a'/>", [(2, "UR003", "put it into <rules> or <outboundRules>")]),
]


@pytest.mark.parametrize(("text", "expected"), NOT_USABLE)
def test_not_usable(text: str | bytes, expected: Expected) -> None:
    assert_told(text, expected)
