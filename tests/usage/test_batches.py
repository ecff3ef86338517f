"""`POST /api/usage/events`: many events in one request, each judged by itself."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billingos.common.tenancy import scope
from tests.factories import unique
from tests.fixtures import Api
from tests.scenes import Scene
from tests.test_hostile_input import refused
from usage.models import MeterEvent, UsageCounter


@pytest.fixture
def shop(api: Api) -> Api:
    """A merchant with a customer `ada` and two meters."""
    api.made("/meters", {"key": "calls", "name": "Calls", "aggregation": "sum"})
    api.made("/meters", {"key": "files", "name": "Files", "aggregation": "count"})
    api.made("/customers", {"external_id": "ada"})
    return api


def event(event_id: str, **fields: Any) -> dict[str, Any]:
    return {"customer_id": "ada", "meter": "calls", "event_id": event_id, **fields}


def send(api: Api, *events: Any) -> dict[str, Any]:
    return api.made("/usage/events", {"events": list(events)})


def counted(api: Api) -> dict[str, Decimal]:
    with scope(api.merchant.id):
        rows = UsageCounter.objects.for_merchant(api.merchant.id).values_list("meter__key", "value")
        found: dict[str, Decimal] = {}
        for key, value in rows:
            found[key] = found.get(key, Decimal(0)) + value
        return found


def test_events_are_counted_and_told_of_in_order(shop: Api) -> None:
    answer = send(shop, event("a", value=5), event("b", meter="files", value=9), event("c", value="0.5"))
    assert [result["event_id"] for result in answer["results"]] == ["a", "b", "c"]
    assert {result["status"] for result in answer["results"]} == {"accepted"}
    assert (answer["accepted"], answer["duplicate"], answer["rejected"]) == (3, 0, 0)
    assert counted(shop) == {"calls": Decimal("5.5"), "files": Decimal(1)}


def test_an_id_counts_once_in_a_batch_and_for_ever(shop: Api) -> None:
    first = send(shop, event("a", value=5), event("a", value=7), event("b", value=1))
    assert [result["status"] for result in first["results"]] == ["accepted", "duplicate", "accepted"]
    again = send(shop, event("b", value=100), event("a", value=100))
    assert again["duplicate"] == 2
    assert shop.made("/usage/track", event("a"))["status"] == "duplicate"
    assert counted(shop) == {"calls": Decimal(6)}


def test_an_id_whose_first_event_was_bad_still_counts(shop: Api) -> None:
    answer = send(shop, event("a", value=-1), event("a", value=2))
    assert [result["status"] for result in answer["results"]] == ["rejected", "accepted"]
    assert counted(shop) == {"calls": Decimal(2)}


BAD: list[tuple[Any, str, str]] = [
    # event, code, param within events[1]
    (None, "parameter_invalid", ""),
    (7, "parameter_invalid", ""),
    ("text", "parameter_invalid", ""),
    ([], "parameter_invalid", ""),
    ({}, "parameter_missing", "[customer_id]"),
    (event("x", surprise=1), "parameter_unknown", "[surprise]"),
    (event("x", customer_id=7), "parameter_invalid", "[customer_id]"),
    (event("x", customer_id="nobody"), "resource_missing", "[customer_id]"),
    (event("x", customer_id="01980000-0000-7000-8000-000000000000"), "resource_missing", "[customer_id]"),
    (event("x", customer_id="cus_nobody"), "resource_missing", "[customer_id]"),
    (event("x", meter="nothing"), "resource_missing", "[meter]"),
    (event(""), "parameter_invalid", "[event_id]"),
    (event("x" * 256), "parameter_invalid", "[event_id]"),
    ({**event("x"), "event_id": None}, "parameter_invalid", "[event_id]"),
    ({**event("x"), "event_id": {"a": []}}, "parameter_invalid", "[event_id]"),
    (event("x", value=-1), "parameter_invalid", "[value]"),
    (event("x", value=True), "parameter_invalid", "[value]"),
    (event("x", value="NaN"), "parameter_invalid", "[value]"),
    (event("x", value=10**29), "parameter_invalid", "[value]"),
    (event("x", timestamp="yesterday"), "parameter_invalid", "[timestamp]"),
    (event("x", timestamp="2026-01-01T00:00:00"), "parameter_invalid", "[timestamp]"),
    (event("x", timestamp="2999-01-01T00:00:00Z"), "timestamp_in_future", "[timestamp]"),
    (event("x", timestamp="0001-01-01T00:00:00Z"), "timestamp_too_old", "[timestamp]"),
    (event("x", properties=[]), "parameter_invalid", "[properties]"),
    (event("x", properties={"a": {}}), "parameter_invalid", "[properties]"),
]


@pytest.mark.parametrize(("bad", "code", "param"), BAD)
def test_a_bad_event_spoils_no_other(shop: Api, bad: Any, code: str, param: str) -> None:
    answer = send(shop, event("before"), bad, event("after"))
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "accepted"]
    error = answer["results"][1]["error"]
    assert (error["code"], error["param"]) == (code, f"events[1]{param}")
    assert error["message"]
    assert counted(shop) == {"calls": Decimal(2)}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "events"),
        ({"events": []}, "parameter_invalid", "events"),
        ({"events": {}}, "parameter_invalid", "events"),
        ({"events": None}, "parameter_invalid", "events"),
        ({"events": [event("a")], "extra": 1}, "parameter_unknown", "extra"),
        ({"events": [1] * 10_001}, "parameter_invalid", "events"),
        ({"events": [event("a\x00b")]}, "invalid_request", "events[0][event_id]"),
    ],
)
def test_a_body_that_is_no_batch(shop: Api, body: Any, code: str, param: str) -> None:
    refused(shop.post("/usage/events", body), 400, code, param)


def test_another_merchants_customer_is_nobody(shop: Api, other_merchant: Any) -> None:
    other = Api(other_merchant)
    other.made("/meters", {"key": "calls", "name": "Calls", "aggregation": "sum"})
    theirs = other.made("/customers", {"external_id": unique("theirs")})
    names = (theirs["id"], theirs["stripe_id"], theirs["external_id"])
    answer = send(shop, *(event(f"e{index}", customer_id=name) for index, name in enumerate(names)), event("mine"))
    assert [result["status"] for result in answer["results"]] == ["rejected"] * 3 + ["accepted"]
    assert {result["error"]["code"] for result in answer["results"][:3]} == {"resource_missing"}
    with scope(other_merchant.id):
        assert not MeterEvent.objects.for_merchant(other_merchant.id).exists()


def test_a_customer_may_be_named_in_every_way(shop: Api) -> None:
    ada = shop.found("/customers/ada")
    named = (ada["id"], ada["id"].upper(), ada["stripe_id"], "ada")
    answer = send(shop, *(event(f"e{index}", customer_id=name) for index, name in enumerate(named)))
    assert answer["accepted"] == 4
    assert counted(shop) == {"calls": Decimal(4)}


def test_each_customer_has_its_own_present_and_periods(scene: Scene) -> None:
    """One lives on a clock that stands in January 2026, the other now."""
    scene.api.made("/customers", {"external_id": "now"})
    clock = {"customer_id": scene.customer["id"], "meter": "api_calls"}
    wall = {**clock, "customer_id": "now"}
    answer = send(
        scene.api,
        {**clock, "event_id": "a", "timestamp": "2026-01-01T00:04:00Z"},
        {**clock, "event_id": "b", "timestamp": "2026-02-01T00:00:00Z"},
        {**clock, "event_id": "c", "timestamp": "2025-12-31T12:00:00Z"},
        {**wall, "event_id": "d", "timestamp": "2026-02-01T00:00:00Z"},
    )
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "accepted", "accepted"]
    with scope(scene.api.merchant.id):
        rows = UsageCounter.objects.for_merchant(scene.api.merchant.id).order_by("period_start")
        assert [row.period_start.date().isoformat() for row in rows] == ["2025-12-01", "2026-01-01", "2026-02-01"]


def test_statements_do_not_grow_with_the_batch(shop: Api) -> None:
    for number in range(20):
        shop.made("/customers", {"external_id": f"c{number}"})

    def statements(count: int) -> int:
        events = [event(unique("e"), customer_id=f"c{number % 20}") for number in range(count)]
        with CaptureQueriesContext(connection) as captured:
            assert send(shop, *events)["accepted"] == count
        return len(captured)

    assert statements(400) == statements(1)
