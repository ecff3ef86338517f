"""The history of a subscription before its first known event, as its invoices tell it. Inside the merchant's scope.

The lines are marked as inferred. They are made anew each time, from the rows that are here: those that an event wrote
are never touched, and from the first of them on nothing is inferred.
"""

from uuid import UUID

from django.db.models import Q

from billingos.common.registries import StripeObject
from customers.models import Customer
from subscriptions.history import mrr_of_change
from subscriptions.inferring import Bill, Gap, Held, Line, Offer, Past, State, infer
from subscriptions.models import Discount, Invoice, InvoiceLine, Price, Subscription, SubscriptionChange
from subscriptions.recounting import as_stripe_has_it


def infer_history(merchant_id: UUID, subscription_id: UUID) -> list[Gap]:
    """Writes the inferred lines; what could not be found out is answered. The caller holds the customer's lock. Raises
    MissingReference."""
    rows = Subscription.objects.for_merchant(merchant_id).select_related("customer__test_clock")
    subscription = rows.prefetch_related("items__price").get(id=subscription_id)
    changes = SubscriptionChange.objects.for_merchant(merchant_id).filter(subscription_stripe_id=subscription.stripe_id)
    changes.filter(inferred=True).delete()
    first = changes.order_by("at", "position", "id").first()
    if first and first.payload["object"].get("start_date") == int(first.at.timestamp()):
        return []  # its creation is known
    found = infer(_past(subscription, first))
    prices = _prices(merchant_id, found.states)
    SubscriptionChange.objects.bulk_create(
        [_change(subscription, state, prices, number) for number, state in enumerate(found.states)]
    )
    return found.gaps


def _past(row: Subscription, first: SubscriptionChange | None) -> Past:
    trial = (row.trial_start, row.trial_end) if row.trial_start and row.trial_end else None
    discounts = _discounts_of(row)
    return Past(
        started_at=row.started_at,
        status=row.status,
        items={item.stripe_id: Held(item.price.stripe_id, item.quantity) for item in row.items.all()},
        now=row.customer.now(),
        bills=_bills(row),
        offers=[Offer(one.stripe_id, one.starts_at, one.removed_at or one.ends_at) for one in discounts],
        trial=trial,
        cancel_asked_at=row.canceled_at,
        cancels_at=row.cancel_at or row.ended_at,
        ended_at=row.ended_at,
        is_paused=row.collection_paused,
        until=first.at if first else None,
    )


def _discounts_of(row: Subscription) -> list[Discount]:
    """Those of the subscription, of its items, and of its customer, whose coupons' terms are known."""
    rows = Discount.objects.for_merchant(row.merchant_id).exclude(coupon__percent_off=None, coupon__amount_off=None)
    of_customer = Q(customer=row.customer, subscription_stripe_id="", item_stripe_id="")
    return list(rows.filter(Q(subscription_stripe_id=row.stripe_id) | of_customer).order_by("starts_at"))


def _bills(row: Subscription) -> list[Bill]:
    rows = Invoice.objects.for_merchant(row.merchant_id).filter(subscription=row, deleted_at=None)
    found = rows.prefetch_related("lines__price").order_by("stripe_created_at", "id")
    return [_bill(invoice, row) for invoice in found]


def _bill(invoice: Invoice, row: Subscription) -> Bill:
    lines = sorted(invoice.lines.all(), key=lambda line: line.position)
    return Bill(
        reason=invoice.billing_reason,
        status=invoice.status,
        charged=invoice.collection_method == "charge_automatically",
        amount_due=invoice.amount_due,
        attempts=invoice.attempt_count,
        billed_at=invoice.stripe_created_at,
        finalized_at=invoice.finalized_at,
        paid_at=invoice.paid_at,
        lines=[_line(line) for line in lines if _counts(line, row)],
        written_off_at=invoice.voided_at or invoice.marked_uncollectible_at,
    )


def _counts(line: InvoiceLine, row: Subscription) -> bool:
    """What is billed by use, or once, says nothing of what is held."""
    if line.subscription_stripe_id != row.stripe_id:
        return False
    if line.price is None:
        return bool(line.item_stripe_id)
    return bool(line.price.interval) and line.price.usage_type == Price.UsageType.LICENSED


def _line(line: InvoiceLine) -> Line:
    held = Held(line.price.stripe_id, line.quantity or 0) if line.price else None
    return Line(
        item=line.item_stripe_id or (held.price if held else ""),
        held=held,
        starts_at=line.period_start,
        proration=line.proration,
        amount=line.amount,
        discount_amount=line.discount_amount,
    )


def _prices(merchant_id: UUID, states: list[State]) -> dict[str, StripeObject]:
    wanted = {held.price for state in states for held in state.items.values()}
    rows = Price.objects.for_merchant(merchant_id).filter(stripe_id__in=wanted).select_related("version__product")
    return {row.stripe_id: {"id": row.stripe_id, **_plain(as_stripe_has_it(row))} for row in rows}


def _plain(price: StripeObject) -> StripeObject:
    exact = price["unit_amount_decimal"]
    return {**price, "unit_amount_decimal": None if exact is None else str(exact)}


def _change(row: Subscription, state: State, prices: dict[str, StripeObject], number: int) -> SubscriptionChange:
    found = as_it_was(row, row.customer, state, prices)
    return SubscriptionChange(
        merchant_id=row.merchant_id,
        subscription_stripe_id=row.stripe_id,
        customer_stripe_id=row.customer.stripe_id,
        event_id=f"inferred:{row.stripe_id}:{number}",
        at=state.at,
        status=state.status,
        currency=row.currency,
        mrr=mrr_of_change(row.merchant_id, found, state.at),
        cancels_at=state.cancels_at,
        inferred=True,
        payload={"object": found, "previous_attributes": {}},
    )


def as_it_was(row: Subscription, customer: Customer, state: State, prices: dict[str, StripeObject]) -> StripeObject:
    """As much of Stripe's object as can be known, in its shape."""
    items = [
        {"id": item, "price": prices[held.price], "quantity": held.quantity, "discounts": [], "tax_rates": []}
        for item, held in state.items.items()
    ]
    return {
        "id": row.stripe_id,
        "object": "subscription",
        "customer": customer.stripe_id,
        "currency": row.currency,
        "status": state.status,
        "start_date": int(row.started_at.timestamp()),
        "items": {"object": "list", "data": items, "has_more": False},
        "discounts": list(state.discounts),
        "default_tax_rates": row.default_tax_rates,
        "pause_collection": {"behavior": "void"} if state.is_paused else None,
        "cancel_at": int(state.cancels_at.timestamp()) if state.cancels_at else None,
    }
