"""overrides.py: settings from outside the rule files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from urlrewrite.loading.overrides import NO_OVERRIDES, Overrides, fill_in, parse_overrides
from urlrewrite.model import LinkMode, Mode, Origin, RuleSet, Site, Source
from urlrewrite.model.problems import RuleFileError

A, B = Origin("https", "www.example.com", 443), Origin("http", "privateserver", 8080)
C, D = Origin("https", "shop.example.com", 443), Origin("http", "shopserver", 80)
OPEN = Site(name="open", source=Source("web.config", 3), links=LinkMode.OFF)
OTHER_OPEN = Site(name="other", source=Source("web.config", 9))
NAMED = Site(name="named", public=(A,), source=Source("a.yaml", 1))
BACKED = Site(name="backed", backend=B, source=Source("b.yaml", 1))
WHOLE = Site(name="whole", public=(C,), backend=D, source=Source("c.yaml", 1))


def rules(*sites: Site) -> RuleSet:
    return RuleSet(sites=sites, fingerprint="0123456789ab")


FILLED = [
    ([OPEN], {}, [((), None)]),
    ([OPEN], {"public": (A,), "backend": B}, [((A,), B)]),
    ([OPEN], {"public": (A, C)}, [((A, C), None)]),
    ([OPEN, WHOLE], {"public": (A,), "backend": B}, [((A,), B), ((C,), D)]),
    ([NAMED, WHOLE], {"backend": B}, [((A,), B), ((C,), D)]),
    ([BACKED], {"public": (A,)}, [((A,), B)]),
    ([OPEN, OTHER_OPEN], {"backend": B}, [((), B), ((), B)]),
    ([], {"public": (A,), "backend": B}, []),
]


@pytest.mark.parametrize(("sites", "given", "expected"), FILLED)
def test_what_a_file_leaves_open_is_filled_in(sites: list[Site], given: dict, expected: list) -> None:
    filled = fill_in(rules(*sites), Overrides(**given))
    assert [(site.public, site.backend) for site in filled.sites] == expected


def test_links_and_mode_are_for_every_site() -> None:
    filled = fill_in(rules(OPEN, WHOLE), Overrides(links=LinkMode.TAGS, mode=Mode.IIS))
    assert [(site.links, site.mode) for site in filled.sites] == [(LinkMode.TAGS, Mode.IIS)] * 2
    filled = fill_in(rules(OPEN, WHOLE), Overrides(backend=B))
    assert [(site.links, site.mode) for site in filled.sites] == [(s.links, s.mode) for s in (OPEN, WHOLE)]


def test_the_fingerprint_tells_overrides_apart() -> None:
    given = [NO_OVERRIDES, Overrides(backend=B), Overrides(backend=D), Overrides(links=LinkMode.OFF)]
    prints = [fill_in(rules(OPEN), overrides).fingerprint for overrides in given]
    assert prints[0] == "0123456789ab"
    assert len(set(prints)) == len(given)
    assert {len(text) for text in prints} == {12}


DIALLED = ("10.0.0.7", 8080)
NAMED_AND_DIALLED = Site(name="dialled", backend=B, connect=("10.0.0.8", 1), source=Source("d.yaml", 1))


def test_an_address_to_dial_is_for_the_backend_that_has_none() -> None:
    def connects(*sites: Site, backend: Origin | None = None) -> list[tuple[str, int] | None]:
        return [site.connect for site in fill_in(rules(*sites), Overrides(backend=backend, connect=DIALLED)).sites]

    assert connects(OPEN, backend=B) == [DIALLED]
    assert connects(BACKED) == [DIALLED]
    assert connects(OPEN, BACKED, backend=B) == [DIALLED, DIALLED]
    assert connects(OPEN, BACKED) == [None, DIALLED]
    assert connects(WHOLE, NAMED_AND_DIALLED) == [DIALLED, ("10.0.0.8", 1)]


REFUSED = [
    ([OPEN], {"connect": DIALLED}, "web.config:3: got 10.0.0.7 port 8080 to dial .*expected the backend .* as well"),
    ([NAMED_AND_DIALLED], {"connect": DIALLED}, "d.yaml:1: got .*expected none: every site has its own"),
    ([WHOLE, BACKED], {"connect": DIALLED}, "b.yaml:1: .*expected one backend .*shopserver and http://privateserver"),
    ([WHOLE], {"public": (A,)}, "c.yaml:1: got the public name https://www.example.com .*every site has its own"),
    ([WHOLE], {"backend": B}, "c.yaml:1: got the backend http://privateserver:8080 .*every site has its own"),
    ([OPEN, OTHER_OPEN], {"public": (A,)}, 'web.config:9: .*expected one site .*: "open" and "other" have none'),
    ([OPEN, WHOLE], {"public": (C,)}, "c.yaml:1: got the public name https://shop.example.com .*that no site has yet"),
    ([OPEN], {"public": (A,), "backend": A}, "web.config:3: .*expected two addresses"),
    ([BACKED], {"public": (B,)}, "b.yaml:1: .*expected two addresses"),
]


@pytest.mark.parametrize(("sites", "given", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(sites: list[Site], given: dict, message: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        fill_in(rules(*sites), Overrides(**given))
    (problem,) = refused.value.problems
    assert re.match(message, str(problem)), problem
    assert problem.id == "UR191"


def test_words_become_values() -> None:
    assert parse_overrides() == NO_OVERRIDES == parse_overrides([], "", "", "")
    assert parse_overrides(
        ["https://www.example.com", "https://WWW.example.com:443/"], str(B), "off", "iis", "10.0.0.7:8080"
    ) == Overrides((A,), B, LinkMode.OFF, Mode.IIS, DIALLED)
    assert parse_overrides(allow_open=True) == Overrides(allow_open=True)


def test_what_is_allowed_does_not_change_the_rules() -> None:
    rule_set = rules(WHOLE)
    assert fill_in(rule_set, Overrides(allow_open=True)) is rule_set


def test_a_directory_of_files_is_for_sites_that_have_none(tmp_path: Path) -> None:
    overrides = parse_overrides(document_root=str(tmp_path))
    own = rules(Site(name="a"), Site(name="b", document_root="/own"))
    assert [site.document_root for site in fill_in(own, overrides).sites] == [str(tmp_path), "/own"]


WRONG = [
    ({"public": ["www.example.com"]}, 'public: got "www.example.com"'),
    ({"public": ["https://a/b"]}, "public: .*without a path"),
    ({"backend": "privateserver:8080"}, 'backend: got "privateserver:8080"'),
    ({"backend": "http://a\nb"}, "backend: got "),
    ({"connect": "privateserver"}, 'connect: got "privateserver", expected host:port'),
    ({"links": "all"}, 'links: got "all", expected one of off, tags, everywhere'),
    ({"document_root": "/no/such"}, 'document_root: got "/no/such", expected a directory that is there'),
    ({"mode": "IIS"}, 'mode: got "IIS", expected one of helpful, iis'),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_other_words_are_refused(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_overrides(**given)
