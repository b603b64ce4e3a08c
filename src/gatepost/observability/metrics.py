"""What the service counts and measures, for Prometheus.

Each runtime has a registry of its own: two of them in a process share nothing. Where several
processes serve, each writes to files in one folder and whoever is asked adds them up (see
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
"""Seconds: from a request that only looks at a token to one that waits for a hash in a queue."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "other"

DESCRIPTIONS = (
    Description(
        "gatepost_http_requests_total",
        "counter",
        "Requests that were answered. `route` is the path's template; `none` is every address that "
        "there is not, and what was refused before it was looked at.",
        ("method", "route", "status"),
    ),
    Description(
        "gatepost_http_request_duration_seconds",
        "histogram",
        "How long requests took, from their headers to the end of their answer.",
        ("method", "route"),
    ),
    Description("gatepost_http_requests_in_progress", "gauge", "Requests being answered now."),
    Description(
        "gatepost_password_hash_queue_depth", "gauge", "Passwords that wait for a hash thread."
    ),
    Description(
        "gatepost_password_hashes_in_progress", "gauge", "Passwords that are being hashed now."
    ),
    Description("gatepost_password_hashes_total", "counter", "Passwords that a thread took on."),
    Description(
        "gatepost_password_hash_wait_seconds_total",
        "counter",
        "How long those waited for their thread, all together.",
    ),
    Description(
        "gatepost_password_hash_refusals_total",
        "counter",
        "Passwords that were not hashed because the queue was full: 503 `server_busy`.",
    ),
    Description(
        "gatepost_database_pool_size", "gauge", "Database connections that there may be at most."
    ),
    Description(
        "gatepost_database_connections_in_use", "gauge", "Database connections at work now."
    ),
    Description(
        "gatepost_database_connections_taken_total",
        "counter",
        "How often a connection was taken from the pool.",
    ),
    Description(
        "gatepost_database_connection_wait_seconds_total",
        "counter",
        "How long that took all together, opening new ones included.",
    ),
    Description(
        "gatepost_database_pool_timeouts_total",
        "counter",
        "How often there was no connection in time: 503 `database_unavailable`.",
    ),
    Description(
        "gatepost_replica_pool_size", "gauge", "Connections to the replica that there may be."
    ),
    Description(
        "gatepost_replica_connections_in_use", "gauge", "Connections to the replica at work now."
    ),
    Description(
        "gatepost_replica_connections_taken_total",
        "counter",
        "How often a list was read from the replica.",
    ),
    Description(
        "gatepost_replica_failures_total",
        "counter",
        "How often the replica failed, and a list was read from the database itself.",
    ),
    Description(
        "gatepost_store_available",
        "gauge",
        "Whether the store of limits and locks answers: processes that it answers.",
        ("store",),
    ),
    Description(
        "gatepost_store_failures_total",
        "counter",
        "How often the store stopped answering.",
        ("store",),
    ),
    Description(
        "gatepost_rate_limit_refusals_total", "counter", "Requests past a limit: 429.", ("limit",)
    ),
    Description(
        "gatepost_rate_limit_unchecked_total",
        "counter",
        "Requests let pass uncounted because the store did not answer.",
        ("limit",),
    ),
    Description(
        "gatepost_lockout_refusals_total",
        "counter",
        "Passwords not even looked at, for the account was locked: 429 `login_locked`.",
    ),
    Description(
        "gatepost_lockout_unshared_total",
        "counter",
        "Steps of attempts counted in one process alone because the store did not answer.",
        ("step",),
    ),
    Description(
        "gatepost_session_cache_hits_total",
        "counter",
        "How often a session was known, and no query needed.",
    ),
    Description(
        "gatepost_session_cache_misses_total",
        "counter",
        "How often a session was read from the database instead.",
    ),
    Description("gatepost_session_cache_entries", "gauge", "Sessions that are remembered."),
    Description(
        "gatepost_session_cache_trusted",
        "gauge",
        "Processes that may go by what they remember: they hear the announcements, or serve alone.",
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
        "Rows that had had their day, and were deleted by the service.",
        ("kind",),
    ),
    Description(
        "gatepost_build_info",
        "gauge",
        "1; which version runs, on which Python.",
        ("version", "python"),
    ),
)
"""The metrics of the service itself; features declare theirs in `metrics.py`."""

Sampler = Callable[["Metrics"], None]


class Metrics:
    """One runtime's metrics. Everything may be called from the event loop at any time."""

    def __init__(self, version: str) -> None:
        self.is_shared = values.ValueClass is not values.MutexValue
        """Whether several processes count together, through files."""
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
        """Expose these metrics from now on, and count the events that they are about."""
        for each in descriptions:
            if each.name in self._metrics:
                continue
            self._metrics[each.name] = self._make(each)
            for event, value in each.by_event.items():
                self._by_event.setdefault(event, []).append((each.name, value))
            for value in each.initial_values:
                self.add(each.name, 0, value)

    def begin_request(self) -> None:
        """A request has come."""
        self._requests_in_progress += 1

    def end_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """It has been answered; `route` is one of a bounded number of templates."""
        self._requests_in_progress -= 1
        count, observe = self._answered(method, route, status)
        count()
        observe(seconds)

    def count_event(self, event: str) -> None:
        """Count a committed event of the audit log, wherever a metric is about it."""
        for name, value in self._by_event.get(event, ()):
            self.add(name, 1, value)

    def count(self, metric: Description, *labels: str) -> None:
        """Add 1 to a feature's counter, which is declared if it is not yet."""
        if metric.name not in self._metrics:
            self.declare((metric,))
        self.add(metric.name, 1, *labels)

    def count_purged(self, purged: Mapping[str, int]) -> None:
        """So many rows of each kind are deleted."""
        for kind, count in purged.items():
            self.add("gatepost_purged_rows_total", count, kind)

    def watch(self, sampler: Sampler) -> None:
        """Let `sampler` bring in what is counted elsewhere, each time that is asked for."""
        self._samplers.append(sampler)

    def sample(self) -> None:
        """Bring in what is counted elsewhere, as it is now."""
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
        """All of it in Prometheus's text format, of every process that counts with this one."""
        self.sample()
        registry = CollectorRegistry(auto_describe=False)
        if self.is_shared:
            registry.register(EveryProcess())
        else:
            registry.register(_WithoutBirthdays(self._registry))
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
        """What counts a request of this kind, and what takes down how long it took."""
        known = method if method in _METHODS else _OTHER_METHOD
        count = self._metrics["gatepost_http_requests_total"].labels(known, route, str(status))
        duration = self._metrics["gatepost_http_request_duration_seconds"].labels(known, route)
        assert isinstance(count, Counter)  # noqa: S101 - its description says so
        assert isinstance(duration, Histogram)  # noqa: S101 - as above
        return count.inc, duration.observe


class _WithoutBirthdays(Collector):
    """Leaves out when each series was made, which no one asks and which doubles the answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric
