from __future__ import annotations

import pytest

from urlrewrite.formats.wizards.commented_proxy import reverse_proxy
from urlrewrite.formats.yaml import rules as yaml_rules
from urlrewrite.model import LinkMode, RuleSet

BACKENDS = [
    ("https://www.example.com", "http://privateserver:8080", True, "http://privateserver:8080"),
    ("https://www.example.com", "http://privateserver:8080", False, "https://privateserver:8080"),
    ("https://www.example.com", "http://privateserver", False, "https://privateserver"),
    ("https://www.example.com", "https://privateserver", True, "https://privateserver"),
    ("https://www.example.com", "https://privateserver:8443", False, "https://privateserver:8443"),
    ("http://www.example.com", "http://privateserver", False, "http://privateserver"),
    ("http://www.example.com", "https://privateserver", False, "https://privateserver"),
    ("https://bücher.example:8443/", "http://[::1]:81/", True, "http://[::1]:81"),
    ("https://[::1]:8443", "http://127.0.0.1:81", True, "http://127.0.0.1:81"),
]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize(("public", "backend", "ssl_offload", "expected"), BACKENDS)
def test_what_it_writes_can_be_read(public: str, backend: str, ssl_offload: bool, expected: str, links: bool) -> None:
    text = reverse_proxy(public, backend, ssl_offload=ssl_offload, links=links)
    rules, warnings = yaml_rules.parse(text, "site.yaml")
    assert warnings == ()
    (site,) = rules.sites
    assert str(site.backend) == expected
    assert site.links is (LinkMode.EVERYWHERE if links else LinkMode.OFF)
    assert redirects(rules) is public.startswith("https")
    assert len(rules.tests) == 2 + redirects(rules)
    assert max(map(len, text.splitlines())) <= 120


def redirects(rules: RuleSet) -> bool:
    return [rule.name for rule in rules.sites[0].rules] == ["HTTP to HTTPS"]


def test_the_redirect_goes_to_the_public_address() -> None:
    rules, _ = yaml_rules.parse(reverse_proxy("https://www.example.com:8443", "http://privateserver"), "site.yaml")
    (rule,) = rules.sites[0].rules
    assert rule.action.url == "https://www.example.com:8443{UNENCODED_URL}"
    assert rule.action.append_query_string is False
    assert [(test.url, test.expect.location) for test in rules.tests if test.expect.location] == [
        ("http://www.example.com/article/7?page=2", "https://www.example.com:8443/article/7?page=2"),
        ("https://www.example.com:8443/", "https://www.example.com:8443/news"),
    ]


WRONG = [
    (
        "www.example.com",
        "http://privateserver",
        'public: got "www.example.com", expected http:// or https:// and a host',
    ),
    ("https://www.example.com", "privateserver:8080", 'backend: got "privateserver:8080", expected http://'),
    ("https://www.example.com/app", "http://privateserver", "public: .*an address without a path"),
    ("https://www.example.com", "http://privateserver/app", "backend: .*an address without a path"),
    ("https://www.example.com", "https://WWW.example.com:443/", "backend: got .*, expected another address than"),
    ("https://www.example.com\nlinks: off", "http://privateserver", "public: got "),
]


@pytest.mark.parametrize(("public", "backend", "message"), WRONG)
def test_a_bad_address_is_refused(public: str, backend: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        reverse_proxy(public, backend)
