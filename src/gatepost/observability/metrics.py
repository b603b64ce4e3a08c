"""The service's metrics for Prometheus.

Each runtime has its own registry, so two runtimes in a process share nothing. If several processes
serve, each writes to files in one folder, and the process that answers `/metrics` adds them up (see
`observability.sharing`).
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gatepost.observability.descriptions import Description
from gatepost.observability.sharing import EveryProcess

CONTENT_TYPE = CONTENT_TYPE_LATEST

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""In seconds: from a request that only verifies a token to one that queues for a password hash."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "other"

DESCRIPTIONS = (
    Description(
        "gatepost_http_requests_total",
        "counter",
        "Requests that were answered. `route` is the path's template, or `none` for unknown paths "
        "and for requests that were refused before routing.",
        ("method", "route", "status"),
    ),
    Description(
        "gatepost_http_request_duration_seconds",
        "histogram",
        "Duration of requests, from their headers to the end of the answer.",
        ("method", "route"),
    ),
    Description("gatepost_http_requests_in_progress", "gauge", "Requests being answered now."),
    Description(
        "gatepost_password_hash_queue_depth", "gauge", "Passwords that wait for a hash thread."
    ),
    Description(
        "gatepost_password_hashes_in_progress", "gauge", "Passwords that are being hashed now."
    ),
    Description("gatepost_password_hashes_total", "counter", "Password hashes that were started."),
    Description(
        "gatepost_password_hash_wait_seconds_total",
        "counter",
        "Total time that passwords waited for a hash thread.",
    ),
    Description(
        "gatepost_password_hash_refusals_total",
        "counter",
        "Passwords that were not hashed because the queue was full: 503 `server_busy`.",
    ),
    Description("gatepost_database_pool_size", "gauge", "Maximum number of database connections."),
    Description(
        "gatepost_database_connections_in_use", "gauge", "Database connections in use now."
    ),
    Description(
        "gatepost_database_connections_taken_total",
        "counter",
        "Connections that were checked out of the pool.",
    ),
    Description(
        "gatepost_database_connection_wait_seconds_total",
        "counter",
        "Total time that checkouts took, including the opening of new connections.",
    ),
    Description(
        "gatepost_database_pool_timeouts_total",
        "counter",
        "Checkouts that timed out: 503 `database_unavailable`.",
    ),
    Description(
        "gatepost_replica_pool_size", "gauge", "Maximum number of connections to the replica."
    ),
    Description(
        "gatepost_replica_connections_in_use", "gauge", "Connections to the replica in use now."
    ),
    Description(
        "gatepost_replica_connections_taken_total",
        "counter",
        "Lists that were read from the replica.",
    ),
    Description(
        "gatepost_replica_failures_total",
        "counter",
        "Lists that were read from the primary database because the replica failed.",
    ),
    Description(
        "gatepost_store_available",
        "gauge",
        "Number of processes that reach the store of rate limits and lockouts.",
        ("store",),
    ),
    Description(
        "gatepost_store_failures_total",
        "counter",
        "How often the store became unavailable.",
        ("store",),
    ),
    Description(
        "gatepost_rate_limit_refusals_total",
        "counter",
        "Requests that exceeded a rate limit: 429.",
        ("limit",),
    ),
    Description(
        "gatepost_rate_limit_unchecked_total",
        "counter",
        "Requests that were not counted because the store did not answer.",
        ("limit",),
    ),
    Description(
        "gatepost_lockout_refusals_total",
        "counter",
        "Passwords that were not checked because the account was locked: 429 `login_locked`.",
    ),
    Description(
        "gatepost_lockout_unshared_total",
        "counter",
        "Steps of login attempts that one process counted by itself because the store did not "
        "answer.",
        ("step",),
    ),
    Description(
        "gatepost_session_cache_hits_total",
        "counter",
        "Sessions that were found in the cache, without a query.",
    ),
    Description(
        "gatepost_session_cache_misses_total",
        "counter",
        "Sessions that were read from the database.",
    ),
    Description("gatepost_session_cache_entries", "gauge", "Sessions in the cache."),
    Description(
        "gatepost_session_cache_trusted",
        "gauge",
        "Number of processes that may use their session cache: they receive the announcements, or "
        "are the only process.",
    ),
    Description(
        "gatepost_session_announcements_total",
        "counter",
        "Announcements of changed sessions: messages `published` and `received`, and attempts to "
        "publish that `failed`.",
        ("step",),
    ),
    Description(
        "gatepost_purged_rows_total",
        "counter",
        "Expired rows that the service deleted.",
        ("kind",),
    ),
    Description(
        "gatepost_build_info",
        "gauge",
        "Always 1; its labels are the versions of Gatepost and Python.",
        ("version", "python"),
    ),
)
"""The metrics of the service itself; features declare theirs in `metrics.py`."""

Sampler = Callable[["Metrics"], None]


class Metrics:
    """One runtime's metrics. All methods may be called from the event loop at any time."""

    def __init__(self, version: str) -> None:
        self.is_shared = values.ValueClass is not values.MutexValue
        """Whether the metrics of several processes are added up, through files."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._by_event: dict[str, list[tuple[str, str]]] = {}
        self._sampled: dict[tuple[str, tuple[str, ...]], float] = {}
        self._samplers: list[Sampler] = []
        self._requests_in_progress = 0
        self._answered = lru_cache(maxsize=4096)(self._answered_children)
        self._counter = lru_cache(maxsize=1024)(self._find_counter)
        self.declare(DESCRIPTIONS)
        self.set("gatepost_build_info", 1, version, platform.python_version())

    def declare(self, descriptions: Iterable[Description]) -> None:
        """Expose these metrics from now on, and count the events that they declare."""
        for each in descriptions:
            if each.name in self._metrics:
                continue
            self._metrics[each.name] = self._make(each)
            for event, value in each.by_event.items():
                self._by_event.setdefault(event, []).append((each.name, value))
            for value in each.initial_values:
                self.add(each.name, 0, value)

    def begin_request(self) -> None:
        """Count a request as in progress."""
        self._requests_in_progress += 1

    def end_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request as answered; `route` is a template, of which there are finitely many."""
        self._requests_in_progress -= 1
        count, observe = self._answered(method, route, status)
        count()
        observe(seconds)

    def count_event(self, event: str) -> None:
        """Count a committed audit event in every metric that declares it."""
        for name, value in self._by_event.get(event, ()):
            self.add(name, 1, value)

    def count(self, metric: Description, *labels: str) -> None:
        """Add 1 to a feature's counter, and declare it if necessary."""
        if metric.name not in self._metrics:
            self.declare((metric,))
        self.add(metric.name, 1, *labels)

    def count_purged(self, purged: Mapping[str, int]) -> None:
        """Count deleted rows; `purged` has their number for each kind."""
        for kind, count in purged.items():
            self.add("gatepost_purged_rows_total", count, kind)

    def watch(self, sampler: Sampler) -> None:
        """Call `sampler` on every `sample`, to set metrics that are counted elsewhere."""
        self._samplers.append(sampler)

    def sample(self) -> None:
        """Set the metrics that are counted elsewhere to their present values."""
        self.set("gatepost_http_requests_in_progress", self._requests_in_progress)
        for sampler in self._samplers:
            sampler(self)

    def add(self, name: str, amount: float, *labels: str) -> None:
        """Add to a counter."""
        self._counter(name, labels).inc(amount)

    def _find_counter(self, name: str, labels: tuple[str, ...]) -> Counter:
        metric = self._metrics[name]
        assert isinstance(metric, Counter)  # noqa: S101 - its description says so
        return metric.labels(*labels) if labels else metric

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)  # noqa: S101 - its description says so
        (metric.labels(*labels) if labels else metric).set(value)

    def set_total(self, name: str, total: float, *labels: str) -> None:
        """Raise a counter to the total that another part of the process has counted."""
        last = self._sampled.get((name, labels), 0)
        self.add(name, max(total - last, 0), *labels)
        self._sampled[name, labels] = total

    def expose(self) -> bytes:
        """All metrics in Prometheus's text format, added up over all processes."""
        self.sample()
        registry = CollectorRegistry(auto_describe=False)
        if self.is_shared:
            registry.register(EveryProcess())
        else:
            registry.register(_WithoutCreatedSeries(self._registry))
        return generate_latest(registry)

    def _make(self, description: Description) -> Counter | Gauge | Histogram:
        name, text, labels = description.name, description.help.replace("`", ""), description.labels
        match description.kind:
            case "counter":
                return Counter(name, text, labels, registry=self._registry)
            case "histogram":
                return Histogram(name, text, labels, registry=self._registry, buckets=BUCKETS)
        mode = "max" if name == "gatepost_build_info" else "livesum"
        return Gauge(
            name,
            text,
            labels,
            registry=self._registry,
            multiprocess_mode=mode,  # type: ignore[arg-type] # one of its literals
        )

    def _answered_children(
        self, method: str, route: str, status: int
    ) -> tuple[Callable[[], None], Callable[[float], None]]:
        """The functions that count such a request and observe its duration."""
        known = method if method in _METHODS else _OTHER_METHOD
        count = self._metrics["gatepost_http_requests_total"].labels(known, route, str(status))
        duration = self._metrics["gatepost_http_request_duration_seconds"].labels(known, route)
        assert isinstance(count, Counter)  # noqa: S101 - its description says so
        assert isinstance(duration, Histogram)  # noqa: S101 - as above
        return count.inc, duration.observe


class _WithoutCreatedSeries(Collector):
    """Leaves out the `_created` series, which double the answer and are of no use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric
