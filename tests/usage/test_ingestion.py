"""Counters equal a naive count, whatever the copies and the order."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billingos.common.periods import calendar_month
from billingos.common.tenancy import scope
from customers.models import Customer
from tests.factories import unique
from tests.fixtures import Api
from tests.scenes import Scene
from usage.ingestion import Event, ingest
from usage.models import Meter, MeterEvent, UsageCounter

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 90), st.integers(0, 1000)),  # event number, day, value
    max_size=40,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(EVENTS, max_size=4))
def test_counters_equal_a_naive_count(api: Api, batches: list[list[tuple[int, int, int]]]) -> None:
    merchant = api.merchant
    customer = api.made("/customers", {"external_id": unique("u")})["id"]
    key = unique("m")
    api.made("/meters", {"key": key, "name": "M", "aggregation": "sum"})
    with scope(merchant.id):
        meter = Meter.objects.for_merchant(merchant.id).get(key=key)
    naive: dict[datetime, Decimal] = defaultdict(Decimal)
    seen: set[str] = set()
    for batch in batches:
        events, fresh = [], {}
        for number, day, value in batch:
            at = START + timedelta(days=day)
            event_id = f"{key}-{number}"
            event = Event(event_id, meter.id, customer, at, Decimal(value), Decimal(value), calendar_month(at), {})
            if event_id not in fresh:  # within one batch the first of an id counts
                fresh[event_id] = event
                events.append(event)
        with scope(merchant.id):
            accepted = ingest(merchant_id=merchant.id, events=events)
        assert accepted == set(fresh) - seen
        for event_id in accepted:
            naive[fresh[event_id].period.start] += fresh[event_id].amount
        seen |= accepted
    with scope(merchant.id):
        counters = UsageCounter.objects.for_merchant(merchant.id).filter(meter=meter)
        assert {row.period_start: row.value for row in counters} == dict(naive)
        assert MeterEvent.objects.for_merchant(merchant.id).filter(meter=meter).count() == len(seen)


def test_one_id_twice_in_one_batch_counts_once(api: Api) -> None:
    customer = api.made("/customers", {"external_id": unique("u")})["id"]
    api.made("/meters", {"key": "m", "name": "M", "aggregation": "count"})
    with scope(api.merchant.id):
        meter = Meter.objects.for_merchant(api.merchant.id).get(key="m")
        event = Event("e", meter.id, customer, START, Decimal(1), Decimal(1), calendar_month(START), {})
        assert ingest(merchant_id=api.merchant.id, events=[event, event]) == {"e"}
        assert UsageCounter.objects.for_merchant(api.merchant.id).get().value == 1


def track(scene: Scene, event_id: str, **fields: Any) -> Any:
    body = {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": event_id, **fields}
    return scene.api.post("/usage/track", body)


def test_a_late_event_counts_in_its_own_period(scene: Scene) -> None:
    scene.advance(days=40)
    assert track(scene, "now", value=5).status_code == 200
    assert track(scene, "late", value=7, timestamp="2026-01-20T00:00:00Z").status_code == 200
    with scope(scene.api.merchant.id):
        rows = UsageCounter.objects.for_merchant(scene.api.merchant.id).order_by("period_start")
        found = [(row.period_start.date().isoformat(), row.period_end.date().isoformat(), row.value) for row in rows]
    assert found == [("2026-01-01", "2026-02-01", Decimal(7)), ("2026-02-01", "2026-03-01", Decimal(5))]
    check = scene.api.found("/entitlements/check", customer_id=scene.customer["id"], feature="api_calls")
    assert check["used"] == 5


def test_the_present_is_the_customers_clock(scene: Scene) -> None:
    """The clock stands in January 2026: what lies ahead of it is refused, whatever the wall says."""
    assert track(scene, "a", timestamp="2026-01-01T00:04:00Z").status_code == 200
    ahead = track(scene, "b", timestamp="2026-01-01T00:06:00Z")
    assert (ahead.status_code, ahead.json()["error"]["code"]) == (400, "timestamp_in_future")


def test_numbers_are_kept_as_they_were_written(api: Api) -> None:
    customer = api.made("/customers", {"external_id": unique("u")})
    api.made("/meters", {"key": "m", "name": "M", "aggregation": "sum"})
    numbers = '"value": 123456789012345.1234567891, "properties": {"a": 0.5}'
    raw = f'{{"customer_id": "{customer["id"]}", "meter": "m", "event_id": "e", {numbers}}}'
    assert api.post("/usage/track", raw=raw.encode()).status_code == 200
    with scope(api.merchant.id):
        assert UsageCounter.objects.for_merchant(api.merchant.id).get().value == Decimal("123456789012345.1234567891")
        assert MeterEvent.objects.for_merchant(api.merchant.id).get().properties == {"a": 0.5}


def test_a_count_counts_events_and_a_sum_their_values(api: Api) -> None:
    customer = api.made("/customers", {"external_id": unique("u")})
    for aggregation in ("count", "sum"):
        api.made("/meters", {"key": aggregation, "name": "M", "aggregation": aggregation})
        for number, value in enumerate((2, 0.5)):
            event = {"customer_id": customer["id"], "meter": aggregation, "value": value}
            api.made("/usage/track", {**event, "event_id": f"{aggregation}{number}"})
    with scope(api.merchant.id):
        rows = UsageCounter.objects.for_merchant(api.merchant.id).values_list("meter__key", "value")
        assert dict(rows) == {"count": Decimal(2), "sum": Decimal("2.5")}
        assert Customer.objects.for_merchant(api.merchant.id).count() == 1
