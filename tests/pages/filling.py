"""Rows behind the pages of revenue, products, usage and insights, without the long way through Stripe."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils import timezone

from billingos.common.money import spread
from billingos.common.periods import calendar_month
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.reconciliation.models import Drift, ReconciliationRun
from customers.models import Customer
from entitlements.models import Feature, ProductFeature
from insights.models import Insight
from subscriptions.models import Price, Product, ProductVersion, Subscription, SubscriptionChange, SubscriptionItem
from tests.factories import unique
from tests.pages.looking import START
from usage.ingestion import Event, ingest
from usage.models import Meter

Step = tuple[datetime, int] | tuple[datetime, int, str]


def add_history(
    merchant: Merchant, customer: str, *steps: Step, currency: str = "usd", subscription: str | None = None
) -> None:
    """One subscription's changes: instant, MRR and, where it is not active or canceled, the status."""
    name = subscription or unique("sub_")
    with scope(merchant.id):
        SubscriptionChange.objects.bulk_create(
            SubscriptionChange(
                merchant=merchant,
                subscription_stripe_id=name,
                customer_stripe_id=customer,
                event_id=unique("evt_"),
                at=step[0],
                status=step[2] if len(step) == 3 else "active" if step[1] else "canceled",
                currency=currency,
                mrr=step[1],
                position=number,
                payload={},
            )
            for number, step in enumerate(steps)
        )


def add_products(merchant: Merchant, count: int, **fields: Any) -> list[Product]:
    """Each with one version, one price of 49.00 a month and one feature with a limit of 1000."""
    with scope(merchant.id):
        products = Product.objects.bulk_create(
            Product(
                **{
                    "merchant": merchant,
                    "name": f"Product {number:03}",
                    "stripe_id": unique("prod_"),
                    "stripe_created_at": START,
                    **fields,
                }
            )
            for number in range(count)
        )
        versions = ProductVersion.objects.bulk_create(
            ProductVersion(merchant=merchant, product=product, number=1) for product in products
        )
        feature = Feature.objects.create(
            merchant=merchant,
            name="Exports",
            lookup_key=unique("exports_"),
            stripe_id=unique("feat_"),
            stripe_created_at=START,
            type=Feature.Type.LIMIT,
        )
        ProductFeature.objects.bulk_create(
            ProductFeature(merchant=merchant, version=version, feature=feature, limit=1000) for version in versions
        )
    for version in versions:
        add_price(version, unit_amount=4900)
    return products


def add_price(version: ProductVersion, **fields: Any) -> Price:
    with scope(version.merchant_id):
        return Price.objects.create(
            **{
                "merchant_id": version.merchant_id,
                "version": version,
                "stripe_id": unique("price_"),
                "stripe_created_at": START,
                "currency": "usd",
                "interval": "month",
                **fields,
            }
        )


def subscribe_to(
    customer: Customer, prices: Sequence[Price], *, quantity: int = 1, mrr: int = 4900, status: str = "active"
) -> Subscription:
    with scope(customer.merchant_id):
        subscription = Subscription.objects.create(
            merchant_id=customer.merchant_id,
            customer=customer,
            stripe_id=unique("sub_"),
            stripe_created_at=START,
            status=status,
            currency=prices[0].currency,
            started_at=START,
            billing_cycle_anchor=START,
            billing_anchor_day=1,
            mrr=mrr,
        )
        parts = spread(mrr, [Fraction(mrr, len(prices)) for _ in prices])
        SubscriptionItem.objects.bulk_create(
            SubscriptionItem(
                merchant_id=customer.merchant_id,
                stripe_id=unique("si_"),
                subscription=subscription,
                price=price,
                version_id=price.version_id,
                quantity=quantity,
                current_period_start=START,
                current_period_end=START + timedelta(days=31),
                mrr=part,
            )
            for price, part in zip(prices, parts, strict=True)
        )
    return subscription


def add_meters(merchant: Merchant, count: int, **fields: Any) -> list[Meter]:
    with scope(merchant.id):
        return Meter.objects.bulk_create(
            Meter(
                **{
                    "merchant": merchant,
                    "key": f"meter_{number:03}",
                    "name": f"Meter {number:03}",
                    "aggregation": "sum",
                    **fields,
                }
            )
            for number in range(count)
        )


def add_events(meter: Meter, customer: Customer, *events: tuple[datetime, int | str]) -> None:
    """Instant and value of each; their periods are UTC months."""
    with scope(meter.merchant_id):
        ingest(
            merchant_id=meter.merchant_id,
            events=[
                Event(
                    event_id=unique("event-"),
                    meter_id=meter.id,
                    customer_id=customer.id,
                    timestamp=at,
                    value=Decimal(value),
                    amount=Decimal(1) if meter.aggregation == "count" else Decimal(value),
                    period=calendar_month(at),
                    properties={},
                )
                for at, value in events
            ],
        )


def add_insights(customer: Customer, count: int, **fields: Any) -> list[Insight]:
    with scope(customer.merchant_id):
        return Insight.objects.bulk_create(
            Insight(
                **{
                    "merchant_id": customer.merchant_id,
                    "customer": customer,
                    "kind": "payment_failed",
                    "severity": "critical",
                    "title": f"Insight {number:03}",
                    "body": "The renewal was declined.",
                    "evidence": {"status": "past_due", "mrr": 4900, "currency": "usd"},
                    "key": unique("key-"),
                    "detected_at": START + timedelta(minutes=number),
                    **fields,
                }
            )
            for number in range(count)
        )


def add_reconciliation(merchant: Merchant, *, drifts: int = 0, **fields: Any) -> ReconciliationRun:
    now = timezone.now()
    defaults = {
        "kind": "full",
        "status": "finished",
        "started_at": now,
        "finished_at": now,
        "checked": {"customer": 12, "event": 30},
        "drift_count": drifts,
    }
    with scope(merchant.id):
        run = ReconciliationRun.objects.create(merchant=merchant, **{**defaults, **fields})
        Drift.objects.bulk_create(
            Drift(
                merchant=merchant,
                run=run,
                object_type="customer",
                stripe_id=f"cus_{number}",
                field="email",
                ours="old@example.com",
                stripes="<b>new@example.com</b>",
                kind="different",
                cause="event_never_came",
                since=now - timedelta(days=2),
                found_at=now,
                repaired_at=now,
            )
            for number in range(drifts)
        )
    return run
