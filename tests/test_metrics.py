"""`/metrics`: who may ask, what it says, and that it says something when a server is away."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from billingos.common.ids import first_id_at, uuid7
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.operations import retrieve
from billingos.webhooks.drainer import claim
from billingos.webhooks.models import WebhookEvent
from tests.factories import unique
from tests.webhooks.events import customer, deliver, event
from tests.webhooks.shop import T, drain_all

Numbers = dict[str, float]


def scraped(**headers: str) -> Numbers:
    cache.delete("metrics:inbox_events")
    answer = Client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    found: Numbers = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
    return found


def test_only_this_machine_or_the_token(committed_db: None, settings: Any) -> None:
    assert Client().get("/metrics").status_code == 200
    assert Client(REMOTE_ADDR="10.0.0.9").get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403
    settings.METRICS_TOKEN = "secret-of-metrics"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret-of-metrics"}):
        refused = Client().get("/metrics", headers=headers)
        assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert Client(REMOTE_ADDR="10.0.0.9", headers={"Authorization": "Bearer secret-of-metrics"}).get("/metrics")
    scraped(Authorization="Bearer secret-of-metrics")


def test_the_inbox_as_it_is(merchant: Merchant) -> None:
    drain_all()
    earlier = timezone.now() - timedelta(hours=1)
    with platform_scope():  # what other tests have just sent would leave the last minute while this one counts
        WebhookEvent.objects.update(received_at=earlier)
        WebhookEvent.objects.exclude(processed_at=None).update(processed_at=earlier)
    before = scraped()
    assert (before["billingos_inbox_due"], before["billingos_inbox_lag_seconds"]) == (0, 0)
    for _ in range(3):
        deliver(event(merchant, "customer.created", customer(unique("cus_")), T))
    waiting = scraped()
    assert waiting["billingos_inbox_due"] == 3
    assert waiting["billingos_inbox_lag_seconds"] > 0
    received, finished = "billingos_inbox_received_last_minute", "billingos_inbox_finished_last_minute"
    assert waiting[received] - before[received] == 3
    claim(2)
    held = scraped()
    assert (held["billingos_inbox_leased"], held["billingos_inbox_due"]) == (2, 1)
    assert 0 <= held["billingos_inbox_oldest_lease_seconds"] < 10
    with platform_scope():
        WebhookEvent.objects.filter(merchant=merchant).update(next_attempt_at=timezone.now(), leased_until=None)
    drain_all()
    after = scraped()
    kept = "billingos_inbox_events processed"
    assert after[finished] - before[finished] == after[kept] - before[kept] == 3
    ready = Client().get("/readyz").json()["checks"]["inbox"]
    assert ready["received_last_minute"] >= 3
    assert ready["finished_last_minute"] >= 3
    assert ready["due"] == 0


def test_parked_events_are_counted(merchant: Merchant) -> None:
    before = scraped()["billingos_inbox_parked"]
    deliver(event(merchant, "customer.created", customer(unique("cus_")), T))
    with platform_scope():
        WebhookEvent.objects.filter(merchant=merchant).update(status="failed")
    assert scraped()["billingos_inbox_parked"] == before + 1


def test_calls_to_stripe(merchant: Merchant) -> None:
    before = scraped().get("billingos_stripe_calls_total answered", 0)
    retrieve(merchant, "customer", "cus_x")
    found = scraped()
    assert found["billingos_stripe_calls_total answered"] == before + 1
    assert found["billingos_stripe_breaker_open"] == 0
    assert "billingos_write_intents_unfinished" in found


def test_without_the_database_the_rest_is_told(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError, connection

    def gone(*_: Any) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(gone):
        found = scraped()
    assert found["billingos_measure_failed inbox"] == 1
    assert "billingos_inbox_due" not in found
    assert found["billingos_measure_failed stripe"] == 0


def test_an_id_tells_when_it_was_made() -> None:
    before = timezone.now()
    made = uuid7()
    assert first_id_at(before) <= made < first_id_at(timezone.now() + timedelta(seconds=1))
