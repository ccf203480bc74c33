"""ARR's `<proxy>` and `<protocol>`: read, refused, overlaid, and written back."""

from __future__ import annotations

from dataclasses import fields

import pytest

from formats.support import SITE, problems_of, read
from urlrewrite.formats.proxy_settings import FARM_ATTRIBUTES, write_settings
from urlrewrite.formats.xml import rules as xml_rules
from urlrewrite.formats.xml.arr_schema import READ
from urlrewrite.formats.xml.export import to_web_config
from urlrewrite.formats.xml.export_host import to_application_host
from urlrewrite.model import RuleSet, Timeouts
from urlrewrite.model.problems import RuleFileError
from urlrewrite.model.proxy_settings import NO_PROXY_SETTINGS, HttpVersion, ProxySettings

ALL = {
    "httpVersion": ("Http11", "http_version", HttpVersion.HTTP_11),
    "keepAlive": ("false", "keep_alive", False),
    "reverseRewriteHostInResponseHeaders": ("false", "reverse_rewrite_host_in_response_headers", False),
    "xForwardedByHeaderName": ("X-By", "x_forwarded_by_header_name", "X-By"),
    "xForwardedByHeader": ("me", "x_forwarded_by_header", "me"),
    "xForwardedForHeaderName": ("", "x_forwarded_for_header_name", ""),
    "includePortInXForwardedFor": ("true", "include_port_in_x_forwarded_for", True),
    "sslHeaderName": ("X-Tls", "ssl_header_name", "X-Tls"),
    "logGuidName": ("X-Id", "log_guid_name", "X-Id"),
    "maxForwards": ("5", "max_forwards", 5),
}


def of_iis(proxy: str) -> RuleSet:
    text = f"<configuration>\n<system.webServer>\n{proxy}<rewrite/></system.webServer></configuration>"
    return xml_rules.parse(text.encode(), "web.config")[0]


@pytest.mark.parametrize("key", ALL)
def test_each_is_read_from_proxy_and_from_a_site_and_from_a_farm(key: str) -> None:
    text, name, value = ALL[key]
    expected = ProxySettings(**{name: value})
    rules = of_iis(f'<proxy {key}="{text}"/>')
    assert rules.proxy_settings == expected
    assert read(f"{SITE}{key}: '{text}'\n").sites[0].proxy_settings == expected
    assert read(f"{SITE}farms: {{a: {{servers: [b], {key}: '{text}'}}}}\n").farms["a"].proxy_settings == expected
    assert write_settings(expected) == {key: text}
    again = xml_rules.parse(to_application_host(rules)[0].encode(), "web.config")[0]
    assert (again.proxy, again.proxy_settings) == (rules.proxy, expected)


def test_every_setting_has_its_attribute() -> None:
    assert sorted(FARM_ATTRIBUTES.values()) == sorted(item.name for item in fields(ProxySettings))
    assert {*FARM_ATTRIBUTES} == {*READ["protocol"]} - {"timeout", "preserveHostHeader"}
    assert {*ALL} == {*FARM_ATTRIBUTES} - {"alternateHostName"}


def test_what_proxy_says_beside_them() -> None:
    rules = of_iis('<proxy enabled="true" preserveHostHeader="true" timeout="00:00:02"/>')
    assert (rules.preserve_host_header, rules.timeouts) == (True, Timeouts(response=2.0, idle=2.0))
    assert rules.proxy_settings == NO_PROXY_SETTINGS
    assert of_iis('<proxy preserveHOSTHeader="1"/>').preserve_host_header
    assert not of_iis("").preserve_host_header


def test_no_end_of_waiting_stays_what_it_is() -> None:
    rules = of_iis('<proxy timeout="00:00:00"/>')
    assert rules.timeouts == Timeouts(response=0.0, idle=0.0)
    assert '<proxy timeout="00:00:00"' in to_application_host(rules)[0]
    # IIS has none of one site: that of a site of YAML is told, and never written.
    text, problems = to_application_host(read(f"{SITE}timeouts: {{response: 0, idle: 0}}\n"))
    assert "timeout=" not in text
    assert any("timeouts is left out" in problem.message for problem in problems)


def test_what_one_says_goes_before_what_all_say() -> None:
    own, general = ProxySettings(keep_alive=False), ProxySettings(keep_alive=True, max_forwards=3)
    assert own.over(general) == ProxySettings(keep_alive=False, max_forwards=3)
    assert NO_PROXY_SETTINGS.over(general) is general


WRONG = [
    ("httpVersion", "2.0", "expected one of Http10, Http11, PassThrough"),
    ("keepAlive", "maybe", "expected true or false"),
    ("maxForwards", "-1", "expected a whole number from 0"),
    ("xForwardedForHeaderName", "a b", "expected the name of a field such as X-Forwarded-For"),
    ("xForwardedByHeader", "a\u00e4", "expected a line of ASCII"),
    ("preserveHostHeader", "", "expected true or false"),
]


@pytest.mark.parametrize(("key", "text", "message"), WRONG)
def test_wrong(key: str, text: str, message: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        of_iis(f'<proxy {key}="{text}"/>')
    told = [(problem.id, problem.source.line) for problem in caught.value.problems]
    assert told == [("UR007", 3)]
    assert caught.value.problems[0].message.startswith(f"<proxy> {key}: got ")
    assert message in caught.value.problems[0].message
    assert [problem.id for problem in problems_of(f"{SITE}{key}: '{text}'\n")] == ["UR007"]


def test_a_web_config_cannot_say_it_of_one_site() -> None:
    problems = to_web_config(read(f"{SITE}maxForwards: 5\nkeepAlive: false\n"))[1]
    assert any("keepAlive, maxForwards is left out: IIS has it for the whole" in item.message for item in problems)
