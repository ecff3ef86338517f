"""Calls to Stripe, for Prometheus."""

from collections.abc import Iterator

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, Metric

from billingos.common.metrics import gauge, measures
from billingos.common.tenancy import platform_scope
from billingos.stripe_gateway.gate import COUNTED, gate
from billingos.stripe_gateway.models import WriteIntent


@measures("stripe")
def stripe_calls() -> Iterator[Metric]:
    state = gate.state()
    yield gauge("stripe_breaker_open", "1 while Stripe is left alone.", float(state["open_for"] > 0))
    yield gauge(
        "stripe_failures_in_a_row", "Requests to Stripe that failed, since one was answered.", state["failures"]
    )
    calls = CounterMetricFamily("billingos_stripe_calls", "Requests to Stripe, by their end.", labels=["outcome"])
    for outcome in COUNTED:
        calls.add_metric([outcome], state[outcome])
    yield calls


@measures("write_intents")
def write_intents() -> Iterator[Metric]:
    now = timezone.now()
    with platform_scope():
        found = WriteIntent.objects.filter(status=WriteIntent.Status.PENDING).aggregate(
            pending=Count("id"), abandoned=Count("id", filter=Q(lease_until__lt=now)), oldest=Min("created_at")
        )
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    yield gauge("write_intents_unfinished", "Changes that were begun and are not finished.", found["pending"])
    yield gauge("write_intents_abandoned", "Those among them that the next sweep will resume.", found["abandoned"])
    yield gauge("write_intents_oldest_seconds", "How long ago the oldest of them was begun.", age)
