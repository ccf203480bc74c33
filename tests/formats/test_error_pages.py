"""Pages for errors: read with the rules, watched, written back, and refused where they cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import urlrewrite
from formats.support import SITE
from urlrewrite.exchange.gateway import gateway_response
from urlrewrite.formats import rule_files
from urlrewrite.formats.error_pages import MAX_PAGE, MEDIA_TYPES, OWN_STATUSES
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.yaml.export import to_yaml
from urlrewrite.model import ErrorPage
from urlrewrite.model.farms import RetryCause
from urlrewrite.model.problems import Problem, RuleFileError, Severity
from urlrewrite.trace.trace import Trace

PAGE = "<p>Sorry. {TraceId}</p>"


def load(folder: Path, pages: str) -> dict[int, ErrorPage]:
    (folder / "rules.yaml").write_text(f"{SITE}errorPages: {pages}\n")
    (site,) = rule_files.load([folder / "rules.yaml"])[0].sites
    return {**site.error_pages}


def test_pages_are_read_watched_and_written_back(tmp_path: Path) -> None:
    page = tmp_path / "pages" / "502.html"
    page.parent.mkdir()
    page.write_text(PAGE)
    file = tmp_path / "rules.yaml"
    file.write_text(f"{SITE}errorPages: {{502: pages/502.html, '404': {page}}}\n")
    rules, problems = rule_files.load([file])
    (site,) = rules.sites
    expected = ErrorPage(str(page), PAGE.encode(), "text/html; charset=utf-8")
    assert (problems, {**site.error_pages}) == ((), {502: expected, 404: expected})
    assert rules.files == (str(file), str(page))
    page.write_text("other")
    assert rule_files.load([file])[0].fingerprint != rules.fingerprint
    page.write_text(PAGE)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(rules))
    assert rule_files.load([again])[0].sites == rules.sites
    assert any("errorPages is left out" in problem.message for problem in to_web_config(rules)[1])


@pytest.mark.parametrize(
    ("end", "content_type"),
    [
        (".html", "text/html; charset=utf-8"),
        (".HTM", "text/html; charset=utf-8"),
        (".xhtml", "application/xhtml+xml"),
        (".txt", "text/plain; charset=utf-8"),
        (".json", "application/json"),
        (".xml", "application/xml"),
        (".svg", "image/svg+xml"),
    ],
)
def test_the_end_of_the_name_is_the_type(end: str, content_type: str, tmp_path: Path) -> None:
    (tmp_path / f"page{end}").write_text("ä", encoding="utf-8")
    assert load(tmp_path, f"{{500: page{end}}}")[500].content_type == content_type
    assert end.lower() in MEDIA_TYPES


def test_a_page_in_another_charset_says_its_own(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b"<meta charset=iso-8859-1>\xe4")
    assert load(tmp_path, "{500: page.html}")[500].content_type == "text/html"


WRONG = [
    ("{502: missing.html}", "UR001", 'errorPages.502: got "missing.html" (No such file or directory), expected a page'),
    ("{502: .}", "UR001", "the end"),
    ("{502: page.exe}", "UR001", '(the end ".exe" of its name is none of'),
    ("{502: long.html}", "UR001", "it has more than 1 MB"),
    ("{502: folder.html}", "UR001", "it is no plain file"),
    ("{502: ''}", "UR006", "errorPages.502: got nothing, expected the path of a page"),
    ("{502: [a]}", "UR003", "errorPages.502: got a list, expected a text"),
    ("{200: page.html}", "UR007", 'errorPages: got "200", expected a status from 400 to 599'),
    ("{4xx: page.html}", "UR007", 'errorPages: got "4xx"'),
    ("page.html", "UR003", "expected a mapping of names"),
]


@pytest.mark.parametrize(("pages", "id", "message"), WRONG)
def test_wrong(pages: str, id: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "long.html").write_bytes(bytes(MAX_PAGE + 1))
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(RuleFileError) as caught:
        load(tmp_path, pages)
    assert caught.value.problems[0].id == id
    assert caught.value.problems[0].source.line == 3
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize("status", OWN_STATUSES)
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_pages_of_iis_are_told(status: int, case: Callable[[str], str]) -> None:
    (problem,) = problems_of_pages(case(f'<error statusCode="{status}" path="own.html" responseMode="File"/>'))
    assert (problem.source.line, problem.severity) == (2, Severity.WARNING)
    assert f"got a page for {status}, which is not read from here" in problem.message


@pytest.mark.parametrize(
    "error",
    [
        '<error statusCode="410" path="410.html"/>',
        '<error statusCode="502" prefixLanguageFilePath="%SystemDrive%/inetpub/custerr" path="502.htm"/>',
        '<ERROR STATUSCODE="502" PREFIXLANGUAGEFILEPATH="%SystemDrive%/inetpub/custerr" PATH="502.htm"/>',
        '<remove statusCode="502"/>',
        "<clear/>",
    ],
)
def test_other_pages_of_iis_are_not(error: str) -> None:
    assert problems_of_pages(error) == ()


def problems_of_pages(errors: str) -> tuple[Problem, ...]:
    text = f"<configuration><system.webServer><httpErrors>\n{errors}</httpErrors></system.webServer></configuration>"
    return xml_rules.parse(text.encode(), "web.config")[1]


def test_every_status_of_the_proxy_itself_is_known() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(urlrewrite.__path__[0]).rglob("*.py"))
    given = r"(?:plain_response|iis_response|Failure|iis_fails|_Faults)\(\s*(?:self, )?\"?([45]\d\d)\b"
    of_backends = {gateway_response(None, Trace("id"), cause).status for cause in (None, *RetryCause)}
    of_sections = {401, 403, 404}
    assert {int(status) for status in re.findall(given, sources)} | of_backends | of_sections == {*OWN_STATUSES}
