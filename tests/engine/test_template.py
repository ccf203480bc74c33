"""Templates: what is a reference, what is plain text, and what each expands to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urlrewrite.engine.template import FUNCTIONS, BackReference, TemplateError, Variable, parse_template

VALUES = {"HTTP_HOST": "www.example.com", "QUERY_STRING": "a=1&b=2", "R1": "One Two", "C2": "é", "R10": "ten"}


def resolve(node: Variable | BackReference) -> str:
    key = f"{node.kind}{node.number}" if isinstance(node, BackReference) else node.name.upper()
    return VALUES.get(key, "")


def call(name: str, argument: str) -> str:
    function = FUNCTIONS.get(name.lower())
    return function(argument) if function else f"<{name}|{argument}>"


EXPANSIONS = [
    ("", ""),
    ("plain", "plain"),
    ("{HTTP_HOST}", "www.example.com"),
    ("{http_host}/x", "www.example.com/x"),
    ("{R:1}", "One Two"),
    ("{r:1}-{c:2}", "One Two-é"),
    ("{R:10}", "ten"),
    ("{R:9}", ""),
    ("{ToLower:{R:1}}", "one two"),
    ("{tolower:ABC}", "abc"),
    ("{UrlEncode:{R:1}&}", "One%20Two%26"),
    ("{UrlDecode:a%20b%C3%A9}", "a bé"),
    ("{UrlDecode:a+b%2Bc}", "a b+c"),
    ("{HtmlEncode:<a href='x'>}", "&lt;a href=&#x27;x&#x27;&gt;"),
    ("{MyMap:{R:1}?{C:2}&x=y}", "<MyMap|One Two?é&x=y>"),
    ("{My Map:k}", "<My Map|k>"),
    ("{ToLower:{UrlEncode:{R:1}}}", "one%20two"),
    ("{UrlDecode: {QUERY_STRING}}", " a=1&b=2"),
    ("function(){return 1}", "function(){return 1}"),
    ("{ a: 1 }", "{ a: 1 }"),
    ("{}", "{}"),
    ("a}b{", "a}b{"),
    ("{R:x}", "<R|x>"),
    ("{HTTP_X-Forwarded-For}", ""),
]


@pytest.mark.parametrize(("source", "text"), EXPANSIONS)
def test_expansion(source: str, text: str) -> None:
    assert parse_template(source).expand(resolve, call) == text


@pytest.mark.parametrize(("source", "offset"), [("x{ToLower:abc", 1), ("{MyMap:{R:1}", 0)])
def test_a_reference_that_is_never_closed(source: str, offset: int) -> None:
    with pytest.raises(TemplateError, match="never closed") as error:
        parse_template(source)
    assert error.value.offset == offset


def test_references_are_found_at_every_depth() -> None:
    found = list(parse_template("{A}{ToLower:{R:1}{Map:{C:2}}}").references())
    assert [getattr(node, "name", None) or node.number for node in found] == ["A", "ToLower", 1, "Map", 2]  # type: ignore[union-attr]


@given(st.text(alphabet="{}:RC1abHTTP_ \\", max_size=40))
def test_any_text_is_a_template_or_an_error_with_an_offset(source: str) -> None:
    try:
        template = parse_template(source)
    except TemplateError as error:
        assert 0 <= error.offset < len(source)
    else:
        assert isinstance(template.expand(resolve, call), str)


@given(st.text(alphabet=st.characters(exclude_characters="{"), max_size=40))
def test_a_text_without_braces_stays(source: str) -> None:
    assert parse_template(source).expand(resolve, call) == source
