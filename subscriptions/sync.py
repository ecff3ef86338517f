"""Stripe product, price, subscription, invoice → rows. The only writer of these columns.

Idempotent and order-proof: what is deleted or canceled stays so, whatever comes after.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference, write_mirrored
from billingos.common.periods import from_stripe
from billingos.common.registries import StripeObject, projects, publish
from billingos.merchants.selectors import settings_of
from customers.models import Customer
from subscriptions.events import ProductSynced, SubscriptionChanged
from subscriptions.features import from_metadata
from subscriptions.models import Invoice, Price, Product, ProductVersion, Subscription, SubscriptionItem
from subscriptions.mrr import subscription_mrr


@projects("product", Product)
def sync_product(merchant_id: UUID, product: StripeObject, event_at: datetime | None = None) -> Product | None:
    """Stripe product → row with its first version; its features are published for the entitlements."""
    known = Product.objects.for_merchant(merchant_id).filter(stripe_id=product["id"]).first()
    if product.get("deleted"):
        if known and known.deleted_at is None:
            Product.objects.filter(id=known.id).update(deleted_at=timezone.now(), active=False)
        return known
    if known and known.deleted_at:
        return known
    metadata = product.get("metadata") or {}
    row = write_mirrored(
        Product,
        merchant_id,
        product,
        event_at,
        {
            "name": product["name"],
            "description": product.get("description") or "",
            "active": product["active"],
            "metadata": {key: value for key, value in metadata.items() if not key.startswith("billingos_")},
        },
    )
    version = current_version(row) or ProductVersion.objects.create(merchant_id=merchant_id, product=row, number=1)
    publish(ProductSynced(merchant_id, version.id, from_metadata(metadata)))
    return row


def current_version(product: Product) -> ProductVersion | None:
    """The version that new subscribers get."""
    return product.versions.order_by("-number").first()


@projects("price", Price)
def sync_price(merchant_id: UUID, price: StripeObject, event_at: datetime | None = None) -> Price | None:
    """Stripe price → row, on its product's current version. A price never changes its version."""
    known = Price.objects.for_merchant(merchant_id).filter(stripe_id=price["id"]).first()
    if price.get("deleted"):
        if known and known.deleted_at is None:
            Price.objects.filter(id=known.id).update(deleted_at=timezone.now(), active=False)
        return known
    columns = _price_columns(price)
    if price.get("billing_scheme") == "tiered" and price.get("tiers") is None and not (known and known.tiers):
        raise MissingReference("price", price["id"])  # to be retrieved with its tiers
    if known is None:
        columns["version"] = _version_for(merchant_id, reference(price["product"]))
    elif price.get("tiers") is None:
        del columns["tiers"]  # Stripe leaves tiers out unless asked for them
    return write_mirrored(Price, merchant_id, price, event_at, columns)


def _price_columns(price: StripeObject) -> dict[str, Any]:
    recurring = price.get("recurring") or {}
    exact = price.get("unit_amount_decimal")
    return {
        "currency": price["currency"],
        "unit_amount": price.get("unit_amount"),
        "unit_amount_decimal": None if exact is None else Decimal(str(exact)),
        "billing_scheme": price.get("billing_scheme") or "per_unit",
        "tiers_mode": price.get("tiers_mode") or "",
        "tiers": price.get("tiers"),
        "interval": recurring.get("interval") or "",
        "interval_count": recurring.get("interval_count") or 1,
        "usage_type": recurring.get("usage_type") or Price.UsageType.LICENSED,
        "lookup_key": price.get("lookup_key") or "",
        "nickname": price.get("nickname") or "",
        "active": price["active"],
        "metadata": {
            key: value for key, value in (price.get("metadata") or {}).items() if not key.startswith("billingos_")
        },
    }


def _version_for(merchant_id: UUID, product_id: str) -> ProductVersion:
    product = Product.objects.for_merchant(merchant_id).filter(stripe_id=product_id).first()
    version = current_version(product) if product else None
    if version is None:
        raise MissingReference("product", product_id)
    return version


@projects("subscription", Subscription)
def sync_subscription(
    merchant_id: UUID, subscription: StripeObject, event_at: datetime | None = None
) -> Subscription | None:
    """Stripe subscription with its items → rows; then what hangs on it reacts (SubscriptionChanged)."""
    known = Subscription.objects.for_merchant(merchant_id).filter(stripe_id=subscription["id"]).first()
    if subscription.get("deleted"):
        return _end_what_is_gone(known)
    if known and known.has_ended and subscription["status"] != known.status:
        return known
    customer = _customer(merchant_id, reference(subscription["customer"]))
    prices = {item["id"]: _price(merchant_id, item["price"]) for item in subscription["items"]["data"]}
    paused_counts = settings_of(merchant_id).paused_counts
    columns = _subscription_columns(with_tiers(subscription, prices), paused_counts)
    row = write_mirrored(Subscription, merchant_id, subscription, event_at, {"customer": customer, **columns})
    _write_items(row, subscription, prices)
    publish(SubscriptionChanged(merchant_id, row.id, known.status if known else ""))
    return row


def _end_what_is_gone(row: Subscription | None) -> Subscription | None:
    """Stripe no longer has it (it deletes test clocks with all that is on them), and no event is left to end it."""
    if row is None or row.has_ended:
        return row
    before, row.status, row.ended_at = row.status, Subscription.Status.CANCELED, row.customer.now()
    row.mrr, row.next_billing_at, row.revision = 0, None, F("revision") + 1
    row.save(update_fields=["status", "ended_at", "mrr", "next_billing_at", "revision"])
    row.refresh_from_db(fields=["revision"])
    publish(SubscriptionChanged(row.merchant_id, row.id, before))
    return row


def with_tiers(subscription: StripeObject, prices: dict[str, Price]) -> StripeObject:
    """The subscription with the tiers that Stripe leaves out of embedded prices, from our own rows."""
    items = [
        {**item, "price": {**item["price"], "tiers": item["price"].get("tiers") or prices[item["id"]].tiers}}
        for item in subscription["items"]["data"]
    ]
    return {**subscription, "items": {**subscription["items"], "data": items}}


def _subscription_columns(subscription: StripeObject, paused_counts: bool) -> dict[str, Any]:
    items = subscription["items"]["data"]
    # Since basil the period stands on the items; before, on the subscription.
    starts = [item.get("current_period_start") or subscription.get("current_period_start") for item in items]
    ends = [item.get("current_period_end") or subscription.get("current_period_end") for item in items]
    anchor = from_stripe(subscription["billing_cycle_anchor"])
    ends_now = subscription["status"] in {"canceled", "incomplete_expired"} or subscription["cancel_at_period_end"]
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
        "collection_paused": bool(subscription.get("pause_collection")),
        "latest_invoice_id": reference(subscription.get("latest_invoice")),
        "metadata": {
            key: value
            for key, value in (subscription.get("metadata") or {}).items()
            if not key.startswith("billingos_")
        },
        "mrr": subscription_mrr(subscription, paused_counts=paused_counts),
        "billing_anchor_day": anchor.day,
        "next_billing_at": None if ends_now else period_end,
    }


def _write_items(row: Subscription, subscription: StripeObject, prices: dict[str, Price]) -> None:
    kept = []
    for item in subscription["items"]["data"]:
        price = prices[item["id"]]
        written, _ = SubscriptionItem.objects.update_or_create(
            merchant_id=row.merchant_id,
            stripe_id=item["id"],
            defaults={
                "subscription": row,
                "price": price,
                "version_id": price.version_id,
                "quantity": item.get("quantity") or 0,
                "current_period_start": instant(item.get("current_period_start"))
                or from_stripe(subscription["current_period_start"]),
                "current_period_end": instant(item.get("current_period_end"))
                or from_stripe(subscription["current_period_end"]),
            },
        )
        kept.append(written.id)
    row.items.exclude(id__in=kept).delete()


def _customer(merchant_id: UUID, stripe_id: str) -> Customer:
    found = Customer.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id).first()
    if found is None:
        raise MissingReference("customer", stripe_id)
    return found


def _price(merchant_id: UUID, price: StripeObject | str) -> Price:
    found = Price.objects.for_merchant(merchant_id).filter(stripe_id=reference(price)).first()
    if found is None:
        raise MissingReference("price", reference(price))
    return found


def invoice_subscription_id(invoice: StripeObject) -> str:
    """The subscription that an invoice bills, in the shape since basil and in the one before."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return reference(details.get("subscription") or invoice.get("subscription"))


@projects("invoice", Invoice)
def sync_invoice(merchant_id: UUID, invoice: StripeObject, event_at: datetime | None = None) -> Invoice | None:
    """Stripe invoice → row, if it is a customer's. A draft that was deleted in Stripe is marked deleted here."""
    if invoice.get("deleted"):
        known = Invoice.objects.for_merchant(merchant_id).filter(stripe_id=invoice["id"]).first()
        if known and known.deleted_at is None:
            Invoice.objects.filter(id=known.id).update(deleted_at=timezone.now())
        return known
    if not invoice["customer"]:
        return None
    customer = _customer(merchant_id, reference(invoice["customer"]))
    subscription_id = invoice_subscription_id(invoice)
    subscription = Subscription.objects.for_merchant(merchant_id).filter(stripe_id=subscription_id).first()
    if subscription_id and subscription is None:
        raise MissingReference("subscription", subscription_id)
    columns = {"customer": customer, "subscription": subscription, **_invoice_columns(invoice)}
    return write_mirrored(Invoice, merchant_id, invoice, event_at, columns)


def _invoice_columns(invoice: StripeObject) -> dict[str, Any]:
    transitions = invoice.get("status_transitions") or {}
    return {
        "number": invoice.get("number") or "",
        "status": invoice["status"],
        "billing_reason": invoice.get("billing_reason") or "",
        "currency": invoice["currency"],
        "subtotal": invoice["subtotal"],
        "total": invoice["total"],
        "amount_due": invoice["amount_due"],
        "amount_paid": invoice["amount_paid"],
        "amount_remaining": invoice["amount_remaining"],
        "attempt_count": invoice.get("attempt_count") or 0,
        "next_payment_attempt_at": instant(invoice.get("next_payment_attempt")),
        "period_start": from_stripe(invoice["period_start"]),
        "period_end": from_stripe(invoice["period_end"]),
        "due_at": instant(invoice.get("due_date")),
        "finalized_at": instant(transitions.get("finalized_at")),
        "paid_at": instant(transitions.get("paid_at")),
        "hosted_invoice_url": invoice.get("hosted_invoice_url") or "",
    }
