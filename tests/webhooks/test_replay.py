"""A merchant's people replay its own events: one, many, all that failed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billingos.common.errors import NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Merchant, User
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.selectors import events, get_event
from billingos.webhooks.services import replay, replay_events, replay_failed
from tests.factories import MerchantFactory, UserFactory, unique

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(committed_db: None) -> Merchant:
    merchant: Merchant = MerchantFactory.create()
    return merchant


@pytest.fixture
def by(committed_db: None) -> User:
    user: User = UserFactory.create()
    return user


def add(merchant: Merchant, status: str = "failed", **fields: Any) -> WebhookEvent:
    with scope(merchant.id):
        return WebhookEvent.objects.create(
            **{
                "merchant": merchant,
                "livemode": False,
                "stripe_event_id": unique("evt_"),
                "type": "invoice.paid",
                "object_id": "in_1",
                "created": NOON,
                "payload": {"data": {"object": {}}},
                "status": status,
                "reason": "why",
                "attempts": 8,
                "next_attempt_at": NOON,
                "received_at": NOON,
                **fields,
            }
        )


def now_of(event: WebhookEvent) -> tuple[str, int, str]:
    with platform_scope():
        event.refresh_from_db()
    return event.status, event.attempts, event.reason


def audit(merchant: Merchant) -> list[tuple[str, Any]]:
    with platform_scope():
        rows = AuditEntry.objects.filter(merchant=merchant, action__startswith="webhook_event.").order_by("id")
        return [(entry.action, entry.details.get("count")) for entry in rows]


AGAIN = ("pending", 0, "")


def test_chosen_events_go_back_to_the_start(shop: Merchant, by: User) -> None:
    failed, done, left = add(shop), add(shop, "processed"), add(shop)
    assert replay_events(merchant=shop, event_ids=[failed.id, done.id], by=by) == 2
    assert now_of(failed) == now_of(done) == AGAIN
    assert now_of(left) == ("failed", 8, "why")
    assert audit(shop) == [("webhook_event.replayed", None)] * 2


def test_what_waits_is_left_in_peace(shop: Merchant, by: User) -> None:
    waiting = add(shop, "pending", attempts=3)
    assert replay_events(merchant=shop, event_ids=[waiting.id], by=by) == 0
    assert now_of(waiting) == ("pending", 3, "why")
    assert audit(shop) == []


def test_another_merchants_events_are_out_of_reach(shop: Merchant, by: User) -> None:
    theirs = add(MerchantFactory.create())
    assert replay_events(merchant=shop, event_ids=[theirs.id], by=by) == 0
    assert replay_failed(merchant=shop, by=by) == 0
    assert now_of(theirs)[0] == "failed"
    with pytest.raises(NotFound), scope(shop.id):
        get_event(shop.id, theirs.id)
    with pytest.raises(NotFound), platform_scope():  # the first wall, without the second
        get_event(shop.id, theirs.id)


def test_events_of_the_other_mode_are_never_applied_here(shop: Merchant, by: User) -> None:
    live = add(shop, "ignored", livemode=True, reason="other mode")
    assert replay_events(merchant=shop, event_ids=[live.id], by=by) == 0
    assert replay(event_ids=[live.id], by=by) == 0
    assert now_of(live)[0] == "ignored"


def test_all_failed_of_a_span(shop: Merchant, by: User) -> None:
    before, first, last, after = (add(shop, received_at=NOON + n * HOUR) for n in range(4))
    done = add(shop, "processed", received_at=NOON + HOUR)
    assert replay_failed(merchant=shop, by=by, since=NOON + HOUR, until=NOON + 3 * HOUR) == 2
    assert now_of(first) == now_of(last) == AGAIN
    assert [now_of(event)[0] for event in (before, after, done)] == ["failed", "failed", "processed"]
    assert audit(shop) == [("webhook_event.failed_replayed", 2)]
    assert replay_failed(merchant=shop, by=by) == 2
    assert replay_failed(merchant=shop, by=by) == 0
    assert audit(shop) == [("webhook_event.failed_replayed", 2)] * 2


def test_the_list_filters_by_everything_at_once(shop: Merchant) -> None:
    wanted = add(shop, type="invoice.paid", object_id="in_7", received_at=NOON + HOUR)
    others: list[dict[str, Any]] = [
        {"status": "processed"},
        {"type": "x"},
        {"object_id": "in_8"},
        {"received_at": NOON},
    ]
    for other in others:
        add(shop, **{"object_id": "in_7", "received_at": NOON + HOUR, **other})
    with scope(shop.id):
        found = events(
            shop.id,
            status="failed",
            type="invoice.paid",
            object_id="in_7",
            since=NOON + HOUR,
            until=NOON + 2 * HOUR,
        )
        assert list(found) == [wanted]


def test_lag_is_from_coming_to_end(shop: Merchant) -> None:
    assert add(shop).lag is None
    assert add(shop, "processed", processed_at=NOON + HOUR).lag == HOUR
