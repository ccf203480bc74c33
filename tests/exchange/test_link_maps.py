"""Link maps are made once for each public name and target, and no client can fill the memory with them."""

from __future__ import annotations

from rules_of import rules_of
from urlrewrite.exchange.shared_link_maps import MAX_LINK_MAPS, LinkMapCache
from urlrewrite.model import Site
from urlrewrite.model.origin import Origin

BACKEND = Origin("http", "privateserver", 8080)
SITES = """
sites:
  - {name: portal, public: 'https://www.example.com', backend: 'http://privateserver:8080'}
  - {name: shop, public: 'https://shop.example.com', backend: 'http://shopserver'}
"""
PORTAL, SHOP = (compiled.site for compiled in rules_of("", site=SITES).rules.sites)


def public(number: int) -> Origin:
    return Origin("https", f"h{number}.example", 443)


def test_maps_are_made_once_for_a_site_a_name_and_a_target() -> None:
    cache = LinkMapCache()
    first = cache.get(PORTAL, (PORTAL, SHOP), public(1), BACKEND)
    others = [
        cache.get(SHOP, (PORTAL, SHOP), public(1), BACKEND),
        cache.get(PORTAL, (PORTAL, SHOP), public(2), BACKEND),
        cache.get(PORTAL, (PORTAL, SHOP), public(1), Origin("http", "other", 80)),
    ]
    assert not any(other is first for other in others)
    assert cache.get(PORTAL, (PORTAL, SHOP), public(1), BACKEND) is first
    assert first.outbound.map_text("http://shopserver/a http://privateserver:8080/b") == (
        "https://shop.example.com/a https://h1.example/b"
    )


def test_names_that_clients_make_up_do_not_pile_up() -> None:
    cache = LinkMapCache(max_size=3)
    for number in range(10):
        made = cache.get(PORTAL, (), public(number), BACKEND)
        assert cache.get(PORTAL, (), public(number), BACKEND) is made
        assert 1 <= len(cache) <= 3
    assert MAX_LINK_MAPS >= 100


def test_the_maps_of_all_sites_are_kept() -> None:
    sites = [Site(name=f"s{number}", public=(public(number),), backend=BACKEND) for number in range(20)]
    cache = LinkMapCache(max_size=3)
    asked = [(site, Origin(scheme, site.public[0].host, 443)) for site in sites for scheme in ("http", "https")]
    made = [cache.get(site, sites, name, BACKEND) for site, name in asked]
    assert all(cache.get(site, sites, name, BACKEND) is kept for (site, name), kept in zip(asked, made, strict=True))


def test_a_copy_of_the_rules_in_force_has_no_maps_of_others() -> None:
    rules = rules_of("", site=SITES)
    portal = rules.rules.sites[0]
    made = rules.link_maps(portal, public(1), BACKEND)
    assert rules.link_maps(portal, public(1), BACKEND) is made
    copy = rules.traced(rules.settings.trace)
    assert copy.link_maps(portal, public(1), BACKEND) is not made
