"""Sites are found by their names as they would be by a look at each of them, and without one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import steps
from rules_of import rules_of
from urlrewrite.engine.site_names import Namesakes, SiteNames, directory_of
from urlrewrite.engine.url_path import CookedPath
from urlrewrite.model import Site, Source
from urlrewrite.model.origin import Origin, parse_authority

_HOSTS = ["a.example", "b.a.example", "*.a.example", "*.example", "*.b.a.example", "a", "::1", "10.0.0.1"]
_PORTS = [80, 443, 8080]
_ORIGINS = st.builds(Origin, st.sampled_from(["http", "https"]), st.sampled_from(_HOSTS), st.sampled_from(_PORTS))
_BOUND = st.none() | st.lists(st.tuples(st.sampled_from(["http", "https"]), st.sampled_from(_PORTS)), max_size=2).map(
    tuple
)
_SITES = st.lists(
    st.builds(
        Site,
        name=st.just("s"),
        source=st.just(Source("f", 1)),
        public=st.lists(_ORIGINS, max_size=3).map(tuple),
        path=st.sampled_from(["", "/app", "/APP", "/x"]),
        bound=_BOUND,
    ),
    max_size=8,
)
_ASKED = [
    "a.example",
    "B.a.example.",
    "c.b.a.example",
    ".example",
    "example",
    "*.example",
    "a",
    "[::1]",
    "10.0.0.1",
    "@",
]


def _by_a_look_at_each(sites: Sequence[Site], scheme: str, authority: str) -> list[Site]:
    parsed = parse_authority(authority)
    if parsed is None:
        return []
    host, port = parsed[0], parsed[1] or (443 if scheme == "https" else 80)
    covering = [
        (len(origin.host) if origin.is_wildcard else 1000, origin.port, site)
        for site in sites
        for origin in site.public
        if origin.covers(host)
    ]
    same_port = _best([each for each in covering if each[1] == port])
    bound = [site for site in sites if (scheme, port) in (site.bound or ())]
    if same_port or bound:
        return same_port or bound[:1]
    same_host = _best(covering)
    if same_host and len({site.path.lower() for site in same_host}) == len(same_host):
        return same_host
    return [site for site in sites if not site.public and site.bound != ()][:1]


def _best(covering: Sequence[tuple[int, int, Site]]) -> list[Site]:
    most = max((said for said, _, _ in covering), default=0)
    return list({id(site): site for said, _, site in covering if said == most}.values())


@given(
    _SITES,
    st.sampled_from(["http", "https"]),
    st.sampled_from(_ASKED),
    st.sampled_from(["", ":80", ":443", ":8080", ":9"]),
)
def test_names_are_found_as_by_a_look_at_each_site(sites: list[Site], scheme: str, host: str, port: str) -> None:
    found = SiteNames(sites, lambda site: site).named(scheme, host + port)
    assert list(map(id, found.sites)) == list(map(id, _by_a_look_at_each(sites, scheme, host + port)))


@given(
    st.lists(st.sampled_from(["", "/a", "/A", "/a/b", "/a/b/c", "/%C4%B0", "/ab"]), max_size=6),
    st.lists(st.sampled_from(["a", "A", "b", "c", "ab", "\u0130", ""]), max_size=5).map("/".join),
)
def test_of_sites_with_one_name_the_deepest_above_the_path_is_meant(mounts: list[str], path: str) -> None:
    sites = [Site(name=f"s{at}", path=mount) for at, mount in enumerate(mounts)]
    cooked = CookedPath("/")
    cooked.text = path
    found: Site | None = None
    for site in sites:
        deeper = found is None or len(directory_of(site)) > len(directory_of(found))
        if deeper and (not site.path or cooked.below(directory_of(site)) >= 0):
            found = site
    assert Namesakes(sites, lambda site: site).above(path) is found


@pytest.mark.parametrize("host", ["www7.example.com", "nobody.example.net", "x.w7.example.com"])
def test_a_thousand_sites_take_as_many_steps_as_ten(host: str) -> None:
    def asked(number: int) -> int:
        sites = "".join(
            f"  - {{public: ['https://www{each}.example.com', 'https://*.w{each}.example.com'], backend: http://b}}\n"
            for each in range(number)
        )
        rules = rules_of("", site=f"sites:\n{sites}").rules
        return steps(lambda: rules.find_site("https", host, "/"), loops=True)

    assert asked(1000) == asked(10)
