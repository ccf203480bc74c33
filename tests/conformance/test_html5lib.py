"""html5lib's tokenizer cases: names, attributes, kinds and text of every token, whole and byte by byte.

The scanner reports bytes as written, the cases speak of decoded characters. So entities, NUL and line ends are
treated here as a browser treats them. Of a DOCTYPE it is compared only that there is one.
"""

from __future__ import annotations

import html
import html.entities
import json
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from shared_folder import SHARED, needs_shared
from urlrewrite.content.html.rewriter import HtmlRewriter, HtmlScanner, Token, TokenKind

FOLDER = SHARED / "conformance" / "html5lib" / "tokenizer"

pytestmark = needs_shared("conformance/html5lib/tokenizer")

# A state is entered as in a real document: by a tag before the input.
ELEMENT = {
    "PLAINTEXT state": "plaintext",
    "RCDATA state": "textarea",
    "RAWTEXT state": "xmp",
    "Script data state": "script",
}
CDATA = "CDATA section state"

COUNT = {"Data state": 1820, "PLAINTEXT state": 52, "RCDATA state": 74, "RAWTEXT state": 71}
COUNT |= {"Script data state": 89, CDATA: 56}

# `file: description` of a case to the reason why the comparison comes to another result.
DIFFERENT = {
    "test4: Maximum non-BMP numeric entity": "Python's html.unescape, used in this test only, drops noncharacters",
}


@dataclass(frozen=True)
class Case:
    file: str
    description: str
    state: str
    data: str
    expected: list[list[object]]

    @property
    def id(self) -> str:
        return f"{self.file}: {self.description} [{self.state}]"


def unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), text)


def cases() -> list[Case]:
    found = []
    for path in sorted(FOLDER.glob("*.test")):
        for case in json.loads(path.read_text("utf-8"))["tests"]:
            for state in case.get("initialStates", ["Data state"]):
                data, output = case["input"], json.dumps(case["output"])
                if case.get("doubleEscaped"):
                    data = unescaped(data)
                    output = output.replace("\\\\u", "\\u")
                element = ELEMENT.get(state)
                last = case.get("lastStartTag")
                if element and last:
                    data = re.sub(f"(?<=</){last}", element, data, flags=re.IGNORECASE) if last != element else data
                    output = output.replace(f'"{last}"', f'"{element}"').replace(f"</{last}", f"</{element}")
                found.append(Case(path.stem, case["description"], state, data, json.loads(output)))
    return found


def prefix(state: str) -> bytes:
    if state == CDATA:
        return b"<svg><![CDATA["
    return b"<%b>" % ELEMENT[state].encode() if state in ELEMENT else b""


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass").replace("\r\n", "\n").replace("\r", "\n")


def without_nul(data: bytes) -> str:
    return text_of(data).replace("\0", "\ufffd")


def attribute_value(raw: bytes) -> str:
    """In an attribute a named reference counts if it ends in a semicolon or if neither `=` nor a letter follows."""

    def reference(match: re.Match[str]) -> str:
        return html.unescape(match[0]) if match[0].strip("&") in html.entities.html5 or "#" in match[0] else match[0]

    return re.sub(r"&(?:[A-Za-z][A-Za-z0-9]*(?:;|(?![=A-Za-z0-9]))|#\w+;?)", reference, without_nul(raw))


def comment(raw: bytes) -> str:
    text = without_nul(raw)
    if not text.startswith("<!--"):
        text = text[2:] if text[1] in "!/" else text[1:]
        return text.removesuffix(">")
    if text in {"<!-->", "<!--->", "<!---"}:
        return ""
    return re.sub(r"(--!?>|--!|--|-)\Z", "", text[4:])


def merged(tokens: list[list[object]]) -> list[list[object]]:
    result: list[list[object]] = []
    for token in tokens:
        if token[0] == "Character" and result and result[-1][0] == "Character":
            result[-1] = ["Character", f"{result[-1][1]}{token[1]}"]
        elif token[0] != "Character" or token[1]:
            result.append(token)
    return result


def in_terms_of_html5lib(token: Token, data: bytes) -> list[object] | None:
    raw = data[token.start : token.end]
    name = without_nul(token.name)
    match token.kind:
        case TokenKind.TEXT:
            return ["Character", html.unescape(text_of(raw))]
        case TokenKind.RAW_TEXT:
            return ["Character", without_nul(raw)]
        case TokenKind.RCDATA:
            return ["Character", html.unescape(without_nul(raw))]
        case TokenKind.CDATA:
            return ["Character", text_of(raw).removeprefix("<![CDATA[").removesuffix("]]>")]
        case TokenKind.START_TAG:
            attributes = {
                without_nul(a.name): attribute_value(a.value or b"") for a in token.attributes if not a.duplicate
            }
            return ["StartTag", name, attributes, *([True] if token.self_closing else [])]
        case TokenKind.END_TAG:
            return ["EndTag", name]
        case TokenKind.COMMENT:
            return ["Comment", comment(raw)]
        case TokenKind.DOCTYPE:
            return ["DOCTYPE"]
        case _:
            return None


def observed(case: Case, chunk: int | None = None) -> list[list[object]]:
    before = prefix(case.state)
    data = before + case.data.encode("utf-8", "surrogatepass")
    scanner = HtmlScanner(whole_text=True)
    tokens = []
    for start in range(0, len(data), chunk or len(data) or 1):
        tokens += scanner.feed(data[start : start + (chunk or len(data))])
    tokens += scanner.feed(b"", final=True)
    views = [in_terms_of_html5lib(token, data) for token in tokens if token.end > len(before)]
    return merged([view for view in views if view is not None])


def expected(case: Case) -> list[list[object]]:
    return merged([["DOCTYPE"] if token[0] == "DOCTYPE" else token for token in case.expected])


def test_all_cases_are_read() -> None:
    assert Counter(case.state for case in cases()) == COUNT


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_tokens(case: Case, request: pytest.FixtureRequest) -> None:
    reason = DIFFERENT.get(f"{case.file}: {case.description}")
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    assert observed(case) == expected(case)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases()])
def test_chunks_change_nothing(case: Case) -> None:
    assert observed(case, chunk=1) == observed(case)
    data = prefix(case.state) + case.data.encode("utf-8", "surrogatepass")
    rewriter = HtmlRewriter(lambda tag, attribute, value: None, lambda token, raw: None, lambda token, text: None)
    assert b"".join(rewriter.feed(data[i : i + 1]) for i in range(len(data))) + rewriter.finish() == data
