"""What `/metrics` shows: each app measures itself when it is asked, in its `metrics.py`.

Everything is read from PostgreSQL and Redis at that moment, so that it does not matter which of the processes answers.
"""

from collections.abc import Callable, Iterable, Iterator

import structlog
from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

__all__ = ["CONTENT_TYPE", "gauge", "measures", "rendered"]

log = structlog.get_logger(__name__)
Measure = Callable[[], Iterable[Metric]]
_measures: dict[str, Measure] = {}


def measures(name: str) -> Callable[[Measure], Measure]:
    """Registers a function that yields metric families; `name` tells it from the others where it fails."""

    def register(measure: Measure) -> Measure:
        _measures[name] = measure
        return measure

    return register


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """One number: `billingos_inbox_due`, say."""
    return GaugeMetricFamily(f"billingos_{name}", text, value=value)


class _Everything(Collector):
    """What cannot be measured, because a server is away, is left out and said to be so."""

    def collect(self) -> Iterator[Metric]:
        failed = GaugeMetricFamily("billingos_measure_failed", "1 where a server was away.", labels=["measure"])
        for name, measure in _measures.items():
            try:
                yield from list(measure())
                failed.add_metric([name], 0)
            except (DatabaseError, InterfaceError, RedisError):
                log.warning("not_measured", measure=name)
                failed.add_metric([name], 1)
        yield failed


def rendered() -> bytes:
    """In Prometheus's text format, CONTENT_TYPE."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything())
    return generate_latest(registry)
