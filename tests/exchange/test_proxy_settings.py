"""What `<proxy>` and its like change in a request, and in the fields of its response."""

from __future__ import annotations

import pytest

from rules_of import ask, field, rules_of
from urlrewrite.exchange.responses import Forward
from urlrewrite.model.field_lines import FieldLine

P = "https://www.example.com"
B = "http://privateserver:8080"
FARM = "farms: {{shop: {{servers: [10.0.0.1]{}}}}}\n"
TO_FARM = "public: https://www.example.com\nbackend: http://shop\n"


def sent(text: str, *fields: FieldLine, site: str | None = None) -> dict[str, str]:
    rules = rules_of(text) if site is None else rules_of(text, site=site)
    routing = ask(rules, f"{P}/a", *fields).routing
    assert isinstance(routing, Forward)
    return {name.lower(): value for name, value in routing.fields} | {":host": routing.host}


def proxy(attributes: str) -> str:
    return f"proxy: {{attributes: {{enabled: 'true', {attributes}}}}}\n"


SENT: list[tuple[str, str, str | None]] = [
    ("", "x-arr-ssl", "0|0||"),
    (proxy("sslHeaderName: X-Tls"), "x-tls", "0|0||"),
    (proxy("sslHeaderName: X-Tls"), "x-arr-ssl", None),
    ("sslHeaderName: ''\n", "x-arr-ssl", None),
    (proxy("xForwardedForHeaderName: X-Client"), "x-forwarded-for", None),
    (proxy("xForwardedForHeaderName: ''"), "x-forwarded-for", None),
    ("xForwardedByHeader: me\n", "x-forwarded-by", "me"),
    ("xForwardedByHeader: me\nxForwardedByHeaderName: X-By\n", "x-by", "me"),
    ("", "x-forwarded-by", None),
    ("logGuidName: X-Id\n", "x-arr-log-id", None),
    ("", "max-forwards", None),
    (proxy("maxForwards: '7'"), "max-forwards", "7"),
    ("maxForwards: 3\n" + proxy("maxForwards: '7'"), "max-forwards", "3"),
    ("", ":host", "privateserver:8080"),
    (proxy("preserveHostHeader: 'true'"), ":host", "www.example.com"),
    ("preserveHostHeader: false\n" + proxy("preserveHostHeader: 'true'"), ":host", "privateserver:8080"),
    ("preserveHostHeader: true\n", ":host", "www.example.com"),
]


@pytest.mark.parametrize(("text", "name", "value"), SENT)
def test_what_is_sent(text: str, name: str, value: str | None) -> None:
    assert sent(text).get(name) == value


OF_FARMS: list[tuple[str, str, str, str | None]] = [
    ("", "", ":host", "www.example.com"),
    (", preserveHostHeader: false", proxy("preserveHostHeader: 'true'"), ":host", "shop"),
    (", alternateHostName: app.lan", "", ":host", "app.lan"),
    (", maxForwards: 4", "maxForwards: 9\n", "max-forwards", "4"),
    ("", "maxForwards: 9\n", "max-forwards", "9"),
    ("", proxy("maxForwards: '9'"), "max-forwards", None),
]


@pytest.mark.parametrize(("farm", "more", "name", "value"), OF_FARMS)
def test_what_is_sent_to_a_farm(farm: str, more: str, name: str, value: str | None) -> None:
    assert sent(FARM.format(farm) + more, site=TO_FARM).get(name) == value


def test_the_port_of_the_client() -> None:
    usual, wanted = sent(""), sent("includePortInXForwardedFor: true\nxForwardedForHeaderName: X-Client\n")
    address, _, port = wanted["x-client"].rpartition(":")
    assert address == usual["x-forwarded-for"]
    assert port.isdigit()


def test_what_a_stranger_claims_under_another_name_is_dropped() -> None:
    claimed = ("X-Client", "6.6.6.6"), ("X-Forwarded-For", "6.6.6.6"), ("X-Id", "mine")
    fields = sent("xForwardedForHeaderName: X-Client\nlogGuidName: X-Id\n", *claimed)
    assert "6.6.6.6" not in f"{fields}"
    assert fields["x-id"] != "mine"


@pytest.mark.parametrize(("came", "left"), [("20", "5"), ("5", "4"), ("1", "0"), ("x", "5")])
def test_forwards_are_counted(came: str, left: str) -> None:
    assert sent("maxForwards: 5\n", ("Max-Forwards", came))["max-forwards"] == left


@pytest.mark.parametrize(("mode", "sub_status"), [("helpful", 0), ("iis", 605)])
def test_a_request_that_was_forwarded_too_often_is_refused(mode: str, sub_status: int) -> None:
    result = ask(rules_of(f"mode: {mode}\nmaxForwards: 5\n"), f"{P}/", ("Max-Forwards", "0"))
    assert (result.status, result.exchange.trace.data["sub_status"]) == (400, sub_status)


OTHER = "https://login.example.org/x"
LOCATIONS: list[tuple[str, str, str, str]] = [
    # what the rule file says, mode, what the backend sends, what the client gets
    ("", "helpful", f"{B}/login?next=%2F", f"{P}/login?next=%2F"),
    ("", "iis", f"{B}/login?next=%2F", f"{P}/login?next=%2F"),
    ("", "helpful", OTHER, OTHER),
    ("", "iis", OTHER, f"{P}/x"),
    ("", "iis", "/x", "/x"),
    ("reverseRewriteHostInResponseHeaders: false\n", "helpful", f"{B}/x", f"{B}/x"),
    ("reverseRewriteHostInResponseHeaders: false\n", "iis", OTHER, OTHER),
    (proxy("reverseRewriteHostInResponseHeaders: 'false'"), "helpful", f"{B}/x", f"{B}/x"),
]


@pytest.mark.parametrize(("text", "mode", "value", "expected"), LOCATIONS)
@pytest.mark.parametrize("name", ["Location", "content-location"])
def test_with_links_off_location_gets_the_public_name(
    name: str, text: str, mode: str, value: str, expected: str
) -> None:
    rules = rules_of(f"links: off\nmode: {mode}\n{text}")
    result = ask(rules, f"{P}/", answer=(302, [(name, value), ("Refresh", f"1;url={B}/")], b""))
    assert field(result, name) == [expected]
    assert field(result, "refresh") == [f"1;url={B}/"]


def test_a_farm_is_left_alone_unless_it_says_so() -> None:
    for setting, expected in (("", "http://10.0.0.1/x"), (", reverseRewriteHostInResponseHeaders: true", f"{P}/x")):
        rules = rules_of(FARM.format(setting) + "links: off\n", site=TO_FARM)
        assert field(ask(rules, f"{P}/", answer=(302, [("Location", "http://10.0.0.1/x")], b"")), "location") == [
            expected
        ]


RULE = f"""
outboundRules:
  - name: r
    match: {{serverVariable: RESPONSE_Location, pattern: '^{B}/(.*)'}}
    action: {{type: Rewrite, value: '/rule/{{R:1}}'}}
"""


@pytest.mark.parametrize(("mode", "expected"), [("helpful", "/rule/x"), ("iis", f"{P}/x")])
def test_rules_see_location_before_it_is_mapped_and_in_mode_iis_after(mode: str, expected: str) -> None:
    rules = rules_of(f"links: off\nmode: {mode}{RULE}")
    assert field(ask(rules, f"{P}/", answer=(302, [("Location", f"{B}/x")], b"")), "location") == [expected]
