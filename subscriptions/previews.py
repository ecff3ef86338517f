"""What a change will be billed, as Stripe calculates it: the very invoices that then come, which are made of nothing
here and kept nowhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from billingos.common.errors import BillingError
from billingos.common.registries import StripeObject
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant, Proration
from billingos.stripe_gateway.operations import preview_invoice
from subscriptions.changing import Change, coming_phase, current_phase, laid_out, seconds, update_params
from subscriptions.items import is_metered, leaving
from subscriptions.models import Invoice, InvoiceLine, SubscriptionSchedule
from subscriptions.sync import invoice_columns, line_columns, prices_of

NONE_COMES = "invoice_upcoming_none"


@dataclass(frozen=True, slots=True)
class PreviewedInvoice:
    """An invoice to come at `at`, in rows that are not saved, mapped as the mirror maps those that have come."""

    at: datetime
    invoice: Invoice
    lines: Sequence[InvoiceLine]

    @property
    def applied_balance(self) -> int:
        """Minor units that the customer's balance adds to what is due: a credit that is used is negative, one that is
        left over for later invoices positive."""
        return self.invoice.amount_due - self.invoice.total


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """`now` is what is charged at once, `next` the first invoice after that; None where none comes. MRR in minor units
    of the subscription's currency."""

    change: Change
    now: PreviewedInvoice | None
    next: PreviewedInvoice | None
    mrr_before: int
    mrr_after: int


def previewed(merchant: Merchant, params: dict[str, Any]) -> PreviewedInvoice | None:
    """None where no invoice would come. Raises a BillingError."""
    found = _asked(merchant, params)
    return None if found is None else _as_rows(merchant, found, found["lines"]["data"])


def _as_rows(merchant: Merchant, found: StripeObject, lines: Sequence[StripeObject]) -> PreviewedInvoice:
    with scope(merchant.id):
        prices = prices_of(merchant.id, lines)
    invoice = Invoice(merchant_id=merchant.id, **invoice_columns(found))
    rows = [
        InvoiceLine(merchant_id=merchant.id, position=at, **line_columns(line, prices)) for at, line in enumerate(lines)
    ]
    return PreviewedInvoice(invoice.period_end, invoice, rows)


def _asked(merchant: Merchant, params: dict[str, Any]) -> StripeObject | None:
    try:
        return preview_invoice(merchant, params)
    except BillingError as error:
        if error.code == NONE_COMES:
            return None
        raise


def invoices_of(
    merchant: Merchant, change: Change, schedule: SubscriptionSchedule | None
) -> tuple[PreviewedInvoice | None, PreviewedInvoice | None]:
    """What the change bills at once, and the first invoice after that. `schedule` is the one that the change ends."""
    now = previewed(merchant, _as_updated(change)) if change.at_once and change.is_billed_at_once else None
    if change.at_renewal and _begins_anew(change) and not schedule:
        return None, _begun_at_renewal(merchant, change)
    coming = previewed(merchant, _next_params(change, schedule, after=now is not None))
    if coming and _is_billed_on_the_way(change):
        coming = replace(coming, at=change.at)
    return now, coming


def _is_billed_on_the_way(change: Change) -> bool:
    """Whether an invoice comes with the change, before the renewal."""
    ends = change.subscription.current_period_end
    return change.when is None and change.is_billed_at_once and (ends is None or change.at < ends)


def _as_updated(change: Change, mode: str = "next") -> dict[str, Any]:
    details = update_params(change)
    return {
        "subscription": change.subscription.stripe_id,
        "subscription_details": details,
        "preview_mode": mode,
    }


def _next_params(change: Change, schedule: SubscriptionSchedule | None, *, after: bool) -> dict[str, Any]:
    mode = "recurring" if after else "next"
    if schedule:
        return {
            "schedule": schedule.stripe_id,
            "schedule_details": _as_scheduled(change, schedule),
            "preview_mode": mode,
        }
    if change.at_once or change.at_renewal:
        return _as_updated(change, mode)
    ends = change.subscription.current_period_end
    if ends and change.at < ends and (change.is_billed_at_once or change.proration != Proration.NONE):
        return _as_updated(change)
    return {"subscription": change.subscription.stripe_id, "preview_mode": "next"}


def _begins_anew(change: Change) -> bool:
    """Whether the renewal bills otherwise than the same change made earlier in the period would let it."""
    gone = leaving(change.held, change.items)
    return change.new_rhythm or any(row.stripe_id in gone and is_metered(row.price) for row in change.held)


def _as_scheduled(change: Change, schedule: SubscriptionSchedule) -> dict[str, Any]:
    """The schedule as if the change were made in it: what it was to bring is taken back."""
    if not change.at_once:
        return laid_out(change, schedule)
    start = schedule.current_phase_start or change.subscription.started_at
    end = change.subscription.current_period_end or change.at
    here = current_phase(change, start, end)
    items = coming_phase(change)["items"]
    params = update_params(change)
    return {
        "phases": [{**here, "items": items}],
        "end_behavior": "release",
        "proration_behavior": params["proration_behavior"],
    }


def _begun_at_renewal(merchant: Merchant, change: Change) -> PreviewedInvoice | None:
    """Nothing in Stripe previews a schedule that is not there over a subscription that is. The renewal bills what a new
    subscription would that begins then, and with it what waits for the renewal."""
    plain = _asked(merchant, {"subscription": change.subscription.stripe_id, "preview_mode": "next"})
    waiting = _carried_over(change, plain["lines"]["data"]) if plain else []
    begun = {**coming_phase(change), "start_date": seconds(change.at)}
    params = {
        "customer": change.subscription.customer.stripe_id,
        "schedule_details": {"phases": [begun], "end_behavior": "release"},
        "preview_mode": "next",
    }
    found = _asked(merchant, params | ({"invoice_items": [_sent(line) for line in waiting]} if waiting else {}))
    return _as_rows(merchant, found, _told_whole(found["lines"]["data"], waiting)) if found else None


def _carried_over(change: Change, lines: Iterable[StripeObject]) -> list[StripeObject]:
    """Of the lines of the renewal as it would be without the change, those that come all the same: pending items of the
    subscription, usage of metered items."""
    metered = {row.stripe_id for row in change.held if is_metered(row.price)}
    kept = []
    for line in lines:
        parent = line.get("parent") or {}
        one_off, of_item = parent.get("invoice_item_details") or {}, parent.get("subscription_item_details") or {}
        if one_off.get("subscription") or of_item.get("invoice_item") or of_item.get("subscription_item") in metered:
            kept.append(line)
    return kept


def _sent(line: StripeObject) -> dict[str, Any]:
    return {
        "amount": line["amount"],
        "currency": line["currency"],
        "description": line["description"] or "",
        "discountable": line["discountable"],
        "period": line["period"],
    }


def _told_whole(lines: Iterable[StripeObject], sent: Sequence[StripeObject]) -> list[StripeObject]:
    """The lines, with what could not be sent of some: price, quantity, whether it is a proration."""
    left = list(sent)
    whole = []
    for line in lines:
        known = next((one for one in left if _sent(one) == _sent(line)), None)
        if known is not None:
            left.remove(known)
            line = {**line, **{name: known.get(name) for name in ("parent", "pricing", "quantity")}}
        whole.append(line)
    return whole
