"""What the tests of the XML reader share."""

from __future__ import annotations

from textwrap import dedent

from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.model import RuleSet, Site
from urlrewrite.model.problems import Problem, RuleFileError

type Expected = list[tuple[int, str, str]]
"""Line, id, and a part of what is printed."""


def read(text: str | bytes, file: str = "conf/web.config") -> RuleSet:
    """The rules of a text that has nothing wrong."""
    rules, warnings = xml_rules.parse(text if isinstance(text, bytes) else dedent(text).encode(), file)
    assert warnings == ()
    return rules


def site_of(text: str) -> Site:
    """The one site of a `<rewrite>` around the text."""
    (site,) = read(f"<rewrite>{dedent(text)}</rewrite>").sites
    return site


def problems_of(text: str | bytes, file: str = "web.config") -> tuple[Problem, ...]:
    """Errors and warnings of a text, whichever way they are told."""
    try:
        return xml_rules.parse(text if isinstance(text, bytes) else text.encode(), file)[1]
    except RuleFileError as error:
        return error.problems


def assert_told(text: str | bytes, expected: Expected, file: str = "web.config") -> None:
    """Exactly these problems, in this order."""
    found = problems_of(text, file)
    told = "\n".join(map(str, found))
    assert [(p.source.line, p.id) for p in found] == [(line, id) for line, id, _ in expected], told
    for problem, (_, _, part) in zip(found, expected, strict=True):
        assert part in str(problem)


def rule(attributes: str = "", children: str = "<match url='b'/>") -> str:
    """A section with one inbound rule."""
    return f"<rules><rule name='a' {attributes}>{children}</rule></rules>"


def action(attributes: str) -> str:
    """A section with one inbound rule that has an action."""
    return rule("", f"<match url='b'/><action {attributes}/>")


def outbound(attributes: str, children: str = "") -> str:
    """A section with one outbound rule."""
    return f"<outboundRules><rule name='a'><match {attributes}/>{children}</rule></outboundRules>"
