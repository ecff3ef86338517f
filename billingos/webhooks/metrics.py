"""The inbox, for Prometheus."""

from collections.abc import Iterator

from django.core.cache import cache
from prometheus_client.core import GaugeMetricFamily, Metric

from billingos.common.metrics import gauge, measures
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.selectors import events_by_status, inbox_load

COUNTED_EVERY = 60  # seconds: it takes longer the more events are kept


@measures("inbox")
def inbox() -> Iterator[Metric]:
    load = inbox_load()
    yield gauge("inbox_lag_seconds", "How long the oldest event that is due has waited beyond its time.", load.age)
    yield gauge("inbox_due", "Events that wait and are due.", load.due)
    yield gauge("inbox_leased", "Events that a worker has in hand.", load.leased)
    yield gauge("inbox_oldest_lease_seconds", "How long a worker has had the oldest of them.", load.lease_age)
    yield gauge("inbox_received_last_minute", "Events that came in the last minute.", load.received)
    yield gauge("inbox_finished_last_minute", "Events that were finished in the last minute.", load.finished)


@measures("inbox_events")
def inbox_events() -> Iterator[Metric]:
    counts = cache.get_or_set("metrics:inbox_events", events_by_status, COUNTED_EVERY) or {}
    kept = GaugeMetricFamily(
        "billingos_inbox_events", "Events that are kept, as of the last minute.", labels=["status"]
    )
    for status, count in sorted(counts.items()):
        kept.add_metric([status], count)
    yield kept
    yield gauge("inbox_parked", "Events given up, to be replayed by hand.", counts.get(WebhookEvent.Status.FAILED, 0))
