"""Figures for Prometheus, in its text format, on an address of their own.

Labels are bounded, since the statistics are: sites and rules have the names of the rule files, and those past a limit
are put together (`inspector/figures/statistics.py`). Servers of farms are those of the rule files, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Thread
from time import monotonic
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer

from mitmproxy import ctx, exceptions
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from urlrewrite.farms.figures import FarmFigures, figures_of
from urlrewrite.farms.registry import Registry
from urlrewrite.hooks.state import State
from urlrewrite.inspector.figures.figures import DURATIONS, Figures
from urlrewrite.inspector.figures.statistics import Statistics
from urlrewrite.model.farms import ServerState
from urlrewrite.trace.text import visible

LOOPBACK = "127.0.0.1"


class Metrics:
    """The addon that serves the figures as long as `urlrewrite_metrics` names an address."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._address = ""
        self._server: tuple[WSGIServer, Thread] | None = None

    def configure(self, updated: set[str]) -> None:
        """Serve at the address that is set.

        Raises:
            OptionsError: the address is invalid or in use.
        """
        address = ctx.options.urlrewrite_metrics.strip()
        worker = ctx.options.urlrewrite_worker
        if "urlrewrite_metrics" not in updated or address == self._address:
            return
        place = parse_address(address) if address else None
        self.done()
        if place:
            host, port = place
            # Each worker has figures of its own, at a port of its own.
            port += worker - 1 if worker and port else 0
            try:
                registry = registry_of(self._state.statistics, self._state.farms, worker)
                self._server = start_http_server(port, host, registry)
            except (OSError, OverflowError) as error:
                raise exceptions.OptionsError(f"urlrewrite_metrics: cannot listen at {address}: {error}") from error
        self._address = address

    def done(self) -> None:
        """Stop serving."""
        if self._server:
            server, thread = self._server
            server.shutdown()
            server.server_close()
            thread.join()
        self._server, self._address = None, ""

    @property
    def port(self) -> int | None:
        """The port at which figures are served now."""
        return self._server[0].server_port if self._server else None


def parse_address(text: str) -> tuple[str, int]:
    """Parse `HOST:PORT`; port 0 is any that is free.

    Raises:
        OptionsError: the text is not an address.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if port is None or f"//{text}" != f"//{parts.netloc}" or "@" in text:
        raise exceptions.OptionsError(f"urlrewrite_metrics: got {text!r}, expected HOST:PORT, as 127.0.0.1:9145")
    return host or LOOPBACK, port


def registry_of(statistics: Statistics, farms: Registry, worker: int = 0) -> CollectorRegistry:
    """Return all that is scraped: the statistics, the farms, and memory, time and files of the process.

    Each series of a worker has its number as a label.
    """
    registry = CollectorRegistry()
    for collector in (_Exposed(statistics, farms), ProcessCollector(registry=None)):
        registry.register(_OfWorker(collector, worker) if worker else collector)
    return registry


class _OfWorker(Collector):
    def __init__(self, collector: Collector, worker: int) -> None:
        self._collector, self._label = collector, {"worker": str(worker)}

    def collect(self) -> Iterator[Metric]:
        for metric in self._collector.collect():
            metric.samples = [sample._replace(labels={**sample.labels, **self._label}) for sample in metric.samples]
            yield metric


class _Exposed(Collector):
    def __init__(self, statistics: Statistics, farms: Registry) -> None:
        self._statistics = statistics
        self._farms = farms

    def collect(self) -> Iterator[Metric]:
        yield from metrics_of(self._statistics.figures())
        now = monotonic()
        yield from farm_metrics_of([figures_of(farm, now) for farm in [*self._farms]])

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that no figures are computed at registration."""
        return []


def metrics_of(figures: Figures) -> Iterator[Metric]:
    """Yield the figures in the form that Prometheus expects."""
    requests = Counter[tuple[str, ...]]()
    errors = Counter[tuple[str, ...]]()
    for name, tally in figures.sites.items():
        errors[(visible(name),)] += tally.errors
        for status, number in tally.statuses.items():
            requests[visible(name), f"{status // 100}xx" if status else "none"] += number
    hits = Counter[tuple[str, ...]]()
    for key, number in figures.hits.items():
        hits[visible(key.site), key.side, visible(key.name)] += number
    yield _counter("requests", "Exchanges that have ended.", ("site", "status"), requests)
    yield _counter("errors", "Exchanges that failed here or on the way to the backend.", ("site",), errors)
    yield _counter("rule_hits", "Exchanges in which a rule acted.", ("site", "side", "rule"), hits)
    yield _counter("actions", "What the inbound rules decided.", ("action",), _labelled(figures.actions))
    yield _counter("bodies", "How bodies of responses were handled.", ("way",), _labelled(figures.ways))
    for name, help_text, total in (
        ("body_held_bytes", "Bytes of bodies that were held until they were complete, or were released.", figures.held),
        ("bodies_released", "Bodies that were held and turned out to be too long or too slow.", figures.released),
        ("links_mapped", "Links in bodies that were mapped to the public name.", figures.links),
        ("leaks", "Names of backends that were left in the responses that were searched.", figures.leaks),
        ("responses_searched_for_leaks", "Responses that were searched for names of backends.", figures.looked),
        ("warnings", "Warnings: rules that could not do all that they ask for.", figures.warnings),
        ("broken_off", "Exchanges that clients aborted.", figures.broken_off),
    ):
        yield CounterMetricFamily(f"urlrewrite_{name}", help_text, value=total)
    reloads = Counter[tuple[str, ...]]({("ok",): figures.reloads_ok, ("failed",): figures.reloads_failed})
    yield _counter("reloads", "Loads of the rule files, the first one too.", ("result",), reloads)
    if figures.reloads:
        last = figures.reloads[-1]
        in_force = "Whether the rules in force are those of the files: 0 while the files have an error."
        yield GaugeMetricFamily("urlrewrite_rules_current", in_force, value=last.ok)
        yield GaugeMetricFamily(
            "urlrewrite_last_reload_timestamp_seconds", "When rule files were last read.", value=last.at
        )
    bounds = [*map(str, DURATIONS), "+Inf"]
    classes = list(zip(bounds, accumulate(figures.durations), strict=True))
    yield HistogramMetricFamily(
        "urlrewrite_duration_seconds",
        "From the first byte of a request to the end of its response.",
        buckets=classes,
        sum_value=figures.seconds,
    )


def farm_metrics_of(farms: Iterable[FarmFigures]) -> Iterator[Metric]:
    """Yield the figures of all servers of farms; farms and servers are those of the rule files."""
    names = ("farm", "server")
    requests, failures = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    told = set[tuple[str, str]]()
    about = "Servers of farms: "
    responses = SummaryMetricFamily(
        "urlrewrite_server_response_seconds", f"{about}from a request to the head of its response.", labels=names
    )
    gauges = {
        "live_requests": "requests under way.",
        "bound_clients": "clients or host names that an affinity led there within the last hour.",
        "weight": "the weight that counts now, which is less than its own while it starts slowly.",
        "healthy": "whether it is well.",
        "serving": "whether it takes new clients.",
    }
    families = {
        name: GaugeMetricFamily(f"urlrewrite_server_{name}", about + text, labels=names)
        for name, text in gauges.items()
    }
    states = GaugeMetricFamily(
        "urlrewrite_server_state", f"{about}1 for the state that a person decided.", labels=(*names, "state")
    )
    for farm in farms:
        for server in farm.servers:
            labels = visible(farm.farm.name), visible(server.name)
            if labels in told:
                # Prometheus refuses everything where a series is there twice.
                continue
            told.add(labels)
            for first, number in server.statuses.items():
                requests[*labels, f"{first}xx"] += number
            for cause, number in server.failures.items():
                failures[*labels, str(cause)] += number
            responses.add_metric(labels, server.responses, server.seconds)
            families["live_requests"].add_metric(labels, server.live)
            families["bound_clients"].add_metric(labels, server.bound)
            families["weight"].add_metric(labels, server.weight * server.share)
            families["healthy"].add_metric(labels, server.health.healthy)
            families["serving"].add_metric(labels, server.serves)
            for state in ServerState:
                states.add_metric((*labels, str(state)), server.state is state)
    yield _counter("server_requests", f"{about}requests that got a response.", (*names, "status"), requests)
    yield _counter("server_failures", f"{about}requests that got no response.", (*names, "cause"), failures)
    yield responses
    yield from families.values()
    yield states


def _labelled(counted: Counter[str]) -> Counter[tuple[str, ...]]:
    return Counter({(visible(name),): number for name, number in counted.items()})


def _counter(name: str, help_text: str, labels: tuple[str, ...], counted: Counter[tuple[str, ...]]) -> Metric:
    family = CounterMetricFamily(f"urlrewrite_{name}", help_text, labels=labels)
    for values, number in counted.items():
        family.add_metric(values, number)
    return family
