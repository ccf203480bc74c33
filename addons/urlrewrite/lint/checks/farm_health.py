"""Checks of how the servers of farms are tested."""

from __future__ import annotations

from collections.abc import Iterator

from urlrewrite.formats.addresses import origin_of
from urlrewrite.lint.registry import Finding, check
from urlrewrite.lint.views import FarmView, quoted
from urlrewrite.model.farms import HealthTest


@check(
    "UR202",
    "A health test of another host",
    FarmView,
    means="The URL by which the servers of a farm are tested has a host that is neither the farm's, nor one of its "
    "servers', nor a public name.",
    iis="With the host of the farm or of the proxy, each server is asked. With another one, that one is asked, and "
    "what it says holds for every server.",
    here="Each server is asked, with that host in the Host field.",
    write="A path (`/health.txt`), or the URL with the farm's name as its host.",
)
def tests_another_host(view: FarmView) -> Iterator[Finding]:
    farm = view.farm
    url = farm.health.url
    origin = origin_of(url) if url and not url.startswith("/") else None
    own = {farm.name.lower(), *(origin.host for origin in farm.origins)}
    own |= {server.health_host.lower() for server in farm.servers}
    own |= {origin.host for site in view.rule_set.sites for origin in site.public}
    if origin and origin.host not in own:
        yield Finding(
            f"the farm {quoted(farm.name)} is tested at {quoted(origin.host)}, which is none of its servers: ARR would "
            f"ask that host in place of the servers, here each server is asked; write http://{farm.name}/..."
        )


@check(
    "UR204",
    "A live test without a URL",
    FarmView,
    means="Failures of real requests take a server of the farm out, and no URL is tested that would let it in again.",
    iis="The server stays out until a person lets it in.",
    here="The server is let in after `ejection`, multiplied by how often it was taken out: some requests fail each "
    "time until it is well.",
    write="`health: {url: /health.txt}`, in IIS `<healthCheck url>`.",
)
def live_test_alone(view: FarmView) -> Iterator[Finding]:
    health = view.farm.health
    if health.live and not health.url:
        yield Finding(
            f"the farm {quoted(view.farm.name)} takes servers out by live traffic and tests no URL: in IIS a person "
            f"has to let them in, here they are tried again after {health.live.ejection:g} seconds; give health.url"
        )


@check(
    "UR209",
    "A health test that does not do what it says",
    FarmView,
    means="Numbers or texts of a health test do not go together: settings of a test without the URL that would be "
    "tested; a `timeout` longer than the `interval`; `retries` of 0; `minServers` that are as many as there are "
    "servers, so that one that is not well is never taken out.",
    iis="Ignores what belongs to no URL. What it makes of the others is not said.",
    here="Without a URL nothing is asked for. A test begins an `interval` after the one before has ended, so that a "
    "server that says nothing is taken out after `retries` times both. No retries count as one. With fewer healthy "
    "servers than `minServers` all get requests.",
    write="`url:`; a `timeout` below the `interval`; `retries: 1`; fewer `minServers`.",
)
def health_that_does_otherwise(view: FarmView) -> Iterator[Finding]:
    farm, health = view.farm, view.farm.health
    name = quoted(farm.name)
    if not health.url:
        if idle := _of_a_url(view):
            yield Finding(f"the farm {name} says {', '.join(idle)} of its health test, and no url: none is asked for")
    else:
        if health.timeout > health.interval:
            seconds = max(health.retries, 1) * (health.interval + health.timeout)
            yield Finding(
                f"the farm {name} waits {health.timeout:g} s for a health test and tests every {health.interval:g} s: "
                f"a server that says nothing is taken out after {seconds:g} s; write a shorter timeout"
            )
        if not health.retries:
            yield Finding(f"the farm {name} has 0 retries, which count as 1: one test that fails takes a server out")
    tests = health.url or health.live
    usual = sum(bool(server.weight) and not server.backup for server in farm.servers)
    if tests and usual and health.min_servers >= usual:
        yield Finding(
            f"the farm {name} has minServers: {health.min_servers} and {usual} servers that could be well: no server "
            "is ever taken out"
        )


def _of_a_url(view: FarmView) -> list[str]:
    """Return the settings of a URL's test that are not as they would be without a word."""
    health, default = view.farm.health, HealthTest()
    found = [
        name
        for name in ("interval", "timeout", "retries", "status", "match")
        if getattr(health, name) != getattr(default, name)
    ]
    servers = view.farm.servers
    found += ["host"] if any(server.health_host for server in servers) else []
    found += ["port"] if any(server.health_port for server in servers) else []
    return found
