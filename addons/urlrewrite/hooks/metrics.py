"""Figures for Prometheus, in its text format, on an address of their own.

Labels are bounded, since the statistics are: sites and rules have the names of the rule files, and those past a limit
are put together (`inspector/figures/statistics.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from threading import Thread
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIServer

from mitmproxy import ctx, exceptions
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from urlrewrite.hooks.state import State
from urlrewrite.inspector.figures.figures import DURATIONS, Figures
from urlrewrite.inspector.figures.statistics import Statistics
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
                self._server = start_http_server(port, host, registry_of(self._state.statistics, worker))
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


def registry_of(statistics: Statistics, worker: int = 0) -> CollectorRegistry:
    """Return all that is scraped: the statistics, and memory, time and files of the process.

    Each series of a worker has its number as a label.
    """
    registry = CollectorRegistry()
    for collector in (_Exposed(statistics), ProcessCollector(registry=None)):
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
    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def collect(self) -> Iterator[Metric]:
        return metrics_of(self._statistics.figures())

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


def _labelled(counted: Counter[str]) -> Counter[tuple[str, ...]]:
    return Counter({(visible(name),): number for name, number in counted.items()})


def _counter(name: str, help_text: str, labels: tuple[str, ...], counted: Counter[tuple[str, ...]]) -> Metric:
    family = CounterMetricFamily(f"urlrewrite_{name}", help_text, labels=labels)
    for values, number in counted.items():
        family.add_metric(values, number)
    return family
