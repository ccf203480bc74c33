"""What sites share of their link maps gives each what a map of its own would have; and costs them next to nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting import steps
from rules_of import ask, rules_of
from urlrewrite.content.links.link_map import LinkMap
from urlrewrite.engine.rule_mounts import PublishedOrigin, RuleMount
from urlrewrite.exchange.link_maps import LinkMaps, link_maps
from urlrewrite.exchange.shared_link_maps import FEW_SITES, SharedMaps
from urlrewrite.model import Farm, Site
from urlrewrite.model.farms import Server
from urlrewrite.model.origin import Origin

ORIGINS = st.builds(
    Origin,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a.example", "b.example", "shop", "shop2", "::1", "0:0:0:0:0:0:0:1", "xn--bcher-kva.example"]),
    st.sampled_from([80, 443, 8080]),
)
FARM = Origin("http", "farm", 80)
FARMS = {"farm": Farm(name="farm", servers=tuple(Server(address=host) for host in ("b.example", "10.0.0.1")))}
BACKENDS = ORIGINS | st.just(FARM)
PATHS = st.sampled_from(["", "", "/app", "/app/x"])
MOUNTS = st.none() | st.builds(RuleMount, PATHS, PATHS)
ODD = st.builds(
    dict,
    public=st.lists(ORIGINS, max_size=3).map(tuple),
    path=PATHS,
    backend=st.none() | BACKENDS,
    backend_names=st.lists(ORIGINS, max_size=2).map(tuple),
    backend_path=PATHS,
    forward_prefix=st.booleans(),
    root_paths=st.sampled_from([(), ("/api",)]),
    map_return_addresses=st.booleans(),
    preserve_host_header=st.sampled_from([None, None, True, False]),
)
OTHERS = [
    Site(
        name=f"other{number}",
        public=(
            Origin("https", f"www{number}.other.example", 443),
            Origin("http", f"www{number}.other.example", 80),
        )[: 1 + number % 2],
        backend=Origin("http", f"srv{number}.example", 8080),
        backend_path="/x" if number % 3 else "",
    )
    for number in range(2 * FEW_SITES)
]


def same(shared: LinkMap, own: LinkMap) -> None:
    """Asserts that two maps have the same pairs, and do the same."""
    one, other = shared.table, own.table
    assert one.hosts == other.hosts
    assert {host: [*one.of_host(host)] for host in one.hosts} == {host: [*other.of_host(host)] for host in other.hosts}
    assert set(one.pairs) == set(other.pairs)
    assert (one.names, one.new_hosts) == (other.names, other.new_hosts)
    assert one.names_sought.hosts.hosts == other.names_sought.hosts.hosts
    assert other.is_final or not one.is_final
    assert shared.mount == own.mount
    links = [f"{pair.origin}{pair.path}{end}" for pair in other.pairs for end in ("", "/", "/x", "2", ":80/")]
    span = "".join(f'<a href="{link}">' for link in links).encode()
    assert sorted(one.plain_in(span)) == sorted(other.plain_in(span))
    text = " ".join(f"{link} '{link}' 'http://' + '{link.partition('//')[2]}' \"/api/y\"" for link in links).encode()
    for bare in (False, True):
        assert shared.map(text, bare=bare) == own.map(text, bare=bare)


@given(
    st.lists(ODD, min_size=1, max_size=5), ORIGINS, BACKENDS, MOUNTS, st.none() | ORIGINS, st.booleans(), st.integers(0)
)
def test_shared_maps_are_what_a_map_of_all_sites_is(
    odd: list[dict[str, object]],
    public: Origin,
    target: Origin,
    mount: RuleMount | None,
    by_rule: Origin | None,
    keeps_host: bool,
    which: int,
) -> None:
    sites = [*OTHERS[:3], *(Site(name=f"s{at}", **each) for at, each in enumerate(odd)), *OTHERS[3:]]  # type: ignore[arg-type]
    site = sites[which % len(sites)]
    published = (PublishedOrigin(by_rule, RuleMount("", "/rule")),) if by_rule else ()
    others = [other for other in sites if other.name != site.name]
    own = link_maps(site, others, public, target, FARMS, keeps_host=keeps_host, rule_mount=mount, published=published)
    shared = SharedMaps(sites, FARMS, keeps_host=keeps_host).of(site, public, target, mount, published)
    for name in ("outbound", "inbound", "returns"):
        same(getattr(shared, name), getattr(own, name))
    assert dict(shared.origins) == dict(own.origins)
    assert all(shared.origins[origin] == becomes for origin, becomes in own.origins.items())
    assert isinstance(shared, LinkMaps)


def sites(number: int) -> str:
    return "sites:\n" + "".join(
        f"  - {{public: ['https://www{each}.example.com', 'http://www{each}.example.com'],"
        f" backend: 'http://back{each}.internal.example:8080'}}\n"
        for each in range(number)
    )


def test_a_request_takes_as_many_steps_with_five_hundred_sites_as_with_fifty() -> None:
    page = (
        b'<p><a href="http://back7.internal.example:8080/x">x</a> <a href="http://back9.internal.example:8080/y">y</a>'
    )
    fields = [("Content-Type", "text/html"), ("Location", "http://back7.internal.example:8080/z")]

    def taken(number: int) -> tuple[int, int]:
        rules = rules_of("", site=sites(number))

        def request(which: int) -> None:
            url = f"https://www{which}.example.com/a?next=https://www9.example.com/b"
            ask(rules, url, ("Referer", "https://www7.example.com/"), answer=(200, fields, page))

        request(1)
        request(7)
        return steps(lambda: request(7), loops=True), steps(lambda: request(8), loops=True)

    taken(50)  # Expressions for hosts are kept, whatever rules they are of.
    # A step for each site would be hundreds more.
    assert taken(500) == pytest.approx(taken(50), abs=10)
