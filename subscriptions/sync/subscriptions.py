"""Stripe subscription with its items, subscription schedule → rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference, write_mirrored
from billingos.common.periods import from_stripe
from billingos.common.readahead import mirrored_row, no_longer, remembered
from billingos.common.registries import StripeObject, projects, publish
from billingos.merchants.selectors import rules_in_force
from customers.sync import customer_of
from subscriptions.events import SubscriptionChanged
from subscriptions.models import Price, Subscription, SubscriptionItem, SubscriptionSchedule
from subscriptions.mrr import item_mrrs, own_discounts
from subscriptions.sync.catalog import own_metadata, price_of
from subscriptions.sync.discounts import known_discounts, write_expanded

ITEM_COLUMNS = (
    "price_id", "version_id", "quantity", "current_period_start", "current_period_end", "discount_ids", "tax_rates",
    "mrr",
)  # fmt: skip


@projects("subscription", Subscription)
def sync_subscription(
    merchant_id: UUID, subscription: StripeObject, event_at: datetime | None = None
) -> Subscription | None:
    """Stripe subscription with its items → rows; then what hangs on it reacts (SubscriptionChanged)."""
    known = mirrored_row(Subscription, merchant_id, subscription["id"])
    if subscription.get("deleted"):
        return _end_what_is_gone(known)
    if known and known.has_ended and subscription["status"] != known.status:
        return known
    customer = customer_of(merchant_id, subscription["customer"])
    prices = {item["id"]: price_of(merchant_id, item["price"]) for item in subscription["items"]["data"]}
    write_expanded(merchant_id, subscription)
    at = event_at or customer.now()
    mrrs = item_mrrs(
        with_tiers(subscription, prices),
        paused_counts=rules_in_force(merchant_id).paused_counts,
        discounts=known_discounts(merchant_id, subscription, customer, at),
        at=at,
    )
    columns = {"customer": customer, **_subscription_columns(subscription), "mrr": sum(mrrs)}
    before = known.status if known else ""
    row = write_mirrored(Subscription, merchant_id, subscription, event_at, columns)
    _write_items(row, subscription, prices, mrrs)
    no_longer(in_hand(row.id))
    remembered(in_hand(row.id), lambda: row)
    publish(SubscriptionChanged(merchant_id, row.id, before))
    return row


def subscription_in_hand(merchant_id: UUID, subscription_id: UUID) -> Subscription:
    """The row with its customer, for those who react to a change: within a batch, the one just written."""
    rows = Subscription.objects.for_merchant(merchant_id).select_related("customer__test_clock")
    return remembered(in_hand(subscription_id), lambda: rows.get(id=subscription_id))


def in_hand(subscription_id: UUID) -> tuple[str, UUID]:
    return "subscription", subscription_id


def require_subscription(merchant_id: UUID, stripe_id: str) -> None:
    """Raises MissingReference for a subscription that is not here; an empty id names none."""
    if stripe_id and mirrored_row(Subscription, merchant_id, stripe_id) is None:
        raise MissingReference("subscription", stripe_id)


def _end_what_is_gone(row: Subscription | None) -> Subscription | None:
    """Stripe no longer has it (it deletes test clocks with all that is on them), and no event is left to end it."""
    if row is None or row.has_ended:
        return row
    before, row.status, row.ended_at = row.status, Subscription.Status.CANCELED, row.customer.now()
    row.mrr, row.next_billing_at = 0, None
    written, row.revision = row.revision, F("revision") + 1
    row.save(update_fields=["status", "ended_at", "mrr", "next_billing_at", "revision"])
    row.revision = written + 1
    row.items.update(mrr=0)
    publish(SubscriptionChanged(row.merchant_id, row.id, before))
    return row


def with_tiers(subscription: StripeObject, prices: dict[str, Price]) -> StripeObject:
    """The subscription with the tiers that Stripe leaves out of embedded prices, from our own rows."""
    items = [
        {**item, "price": {**item["price"], "tiers": item["price"].get("tiers") or prices[item["id"]].tiers}}
        for item in subscription["items"]["data"]
    ]
    return {**subscription, "items": {**subscription["items"], "data": items}}


def _subscription_columns(subscription: StripeObject) -> dict[str, Any]:
    items = subscription["items"]["data"]
    # Since basil the period stands on the items; before, on the subscription.
    starts = [item.get("current_period_start") or subscription.get("current_period_start") for item in items]
    ends = [item.get("current_period_end") or subscription.get("current_period_end") for item in items]
    anchor = from_stripe(subscription["billing_cycle_anchor"])
    pause = subscription.get("pause_collection") or {}
    said = subscription.get("cancellation_details") or {}
    period_end = instant(min(filter(None, ends), default=None))
    return {
        "status": subscription["status"],
        "currency": subscription["currency"],
        "started_at": from_stripe(subscription["start_date"]),
        "current_period_start": instant(min(filter(None, starts), default=None)),
        "current_period_end": period_end,
        "billing_cycle_anchor": anchor,
        "trial_start": instant(subscription.get("trial_start")),
        "trial_end": instant(subscription.get("trial_end")),
        "cancel_at_period_end": subscription["cancel_at_period_end"],
        "cancel_at": instant(subscription.get("cancel_at")),
        "canceled_at": instant(subscription.get("canceled_at")),
        "ended_at": instant(subscription.get("ended_at")),
        "collection_paused": bool(pause),
        "pause_behavior": pause.get("behavior") or "",
        "resumes_at": instant(pause.get("resumes_at")),
        "cancellation_feedback": said.get("feedback") or "",
        "cancellation_comment": said.get("comment") or "",
        "cancellation_reason": said.get("reason") or "",
        "collection_method": subscription.get("collection_method") or "charge_automatically",
        "days_until_due": subscription.get("days_until_due"),
        "default_payment_method_id": reference(subscription.get("default_payment_method")),
        "default_tax_rates": _tax_rates(subscription.get("default_tax_rates")),
        "discount_ids": [reference(discount) for discount in own_discounts(subscription)],
        "schedule_id": reference(subscription.get("schedule")),
        "latest_invoice_id": reference(subscription.get("latest_invoice")),
        "metadata": own_metadata(subscription),
        "billing_anchor_day": anchor.day,
        "next_billing_at": _next_billing(subscription, period_end),
    }


def _next_billing(subscription: StripeObject, period_end: datetime | None) -> datetime | None:
    """When Stripe next makes an invoice by itself: at the period's end, unless the subscription is over by then, or
    waits for its first payment, or for a card."""
    if subscription["status"] in {"canceled", "incomplete", "incomplete_expired", "paused"}:
        return None
    ends_at = instant(subscription.get("cancel_at"))
    ends_first = subscription["cancel_at_period_end"] or (ends_at and period_end and ends_at <= period_end)
    metered = any(
        (item["price"].get("recurring") or {}).get("usage_type") == "metered" for item in subscription["items"]["data"]
    )
    if ends_first and not metered:  # what was used is billed at the end
        return None
    return min(filter(None, (period_end, ends_at)), default=None) if ends_first else period_end


def _tax_rates(rates: Any) -> list[dict[str, Any]]:
    return [
        {"id": rate["id"], "percentage": str(rate["percentage"]), "inclusive": rate["inclusive"]}
        for rate in rates or []
    ]


def _write_items(row: Subscription, subscription: StripeObject, prices: dict[str, Price], mrrs: Sequence[int]) -> None:
    """The items as they are now; what has not changed is not written."""
    known = {item.stripe_id: item for item in row.items.all()} if row.revision > 1 else {}
    new, changed = [], []
    for item, mrr in zip(subscription["items"]["data"], mrrs, strict=True):
        columns = _item_columns(subscription, item, prices[item["id"]], mrr)
        before = known.pop(item["id"], None)
        if before is None:
            new.append(SubscriptionItem(merchant_id=row.merchant_id, subscription=row, stripe_id=item["id"], **columns))
        elif any(getattr(before, name) != value for name, value in columns.items()):
            for name, value in columns.items():
                setattr(before, name, value)
            changed.append(before)
    if known:
        row.items.filter(id__in=[item.id for item in known.values()]).delete()
    if new:
        SubscriptionItem.objects.bulk_create(
            new,
            update_conflicts=True,
            unique_fields=["merchant", "stripe_id"],
            update_fields=["subscription", *ITEM_COLUMNS],
        )
    if changed:
        SubscriptionItem.objects.bulk_update(changed, ITEM_COLUMNS)


def _item_columns(subscription: StripeObject, item: StripeObject, price: Price, mrr: int) -> dict[str, Any]:
    return {
        "price_id": price.id,
        "version_id": price.version_id,
        "quantity": item.get("quantity") or 0,
        "current_period_start": instant(item.get("current_period_start"))
        or from_stripe(subscription["current_period_start"]),
        "current_period_end": instant(item.get("current_period_end"))
        or from_stripe(subscription["current_period_end"]),
        "discount_ids": [reference(discount) for discount in item.get("discounts") or []],
        "tax_rates": _tax_rates(item.get("tax_rates")),
        "mrr": mrr,
    }


@projects("subscription_schedule", SubscriptionSchedule)
def sync_schedule(
    merchant_id: UUID, schedule: StripeObject, event_at: datetime | None = None
) -> SubscriptionSchedule | None:
    """Stripe subscription schedule → row. What has ended stays so."""
    known = mirrored_row(SubscriptionSchedule, merchant_id, schedule["id"])
    if schedule.get("deleted") or (known and known.has_ended and schedule["status"] != known.status):
        return known
    current = schedule.get("current_phase") or {}
    return write_mirrored(
        SubscriptionSchedule,
        merchant_id,
        schedule,
        event_at,
        {
            "customer": customer_of(merchant_id, schedule["customer"]),
            "subscription_stripe_id": reference(schedule.get("subscription") or schedule.get("released_subscription")),
            "status": schedule["status"],
            "phases": schedule["phases"],
            "current_phase_start": instant(current.get("start_date")),
            "current_phase_end": instant(current.get("end_date")),
            "end_behavior": schedule.get("end_behavior") or "",
            "released_at": instant(schedule.get("released_at")),
            "canceled_at": instant(schedule.get("canceled_at")),
            "completed_at": instant(schedule.get("completed_at")),
            "metadata": own_metadata(schedule),
        },
    )
