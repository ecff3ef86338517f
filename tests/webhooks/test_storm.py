"""A storm: shuffled and doubled deliveries, several drainers at once, one of them killed. All ends in truth.

Small in `make test`, at size in `make test-long`.
"""

import random
import threading
from typing import Any

import pytest
import stripe
from django.db import connections

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.webhooks.drainer import claim, drain
from billingos.webhooks.models import WebhookEvent
from entitlements.models import Entitlement
from subscriptions.models import Invoice, Subscription
from tests.fixtures import Api, Deliveries
from tests.scenes import DAY, JANUARY, build_catalog
from tests.webhooks.events import take_in


@pytest.mark.parametrize(
    ("subscriptions", "months"),
    [pytest.param(4, 2, id="small"), pytest.param(40, 12, id="full", marks=pytest.mark.long)],
)
def test_a_storm_ends_in_stripes_truth(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries, settings: Any, subscriptions: int, months: int
) -> None:
    settings.INBOX_LEASE_SECONDS = 1
    with platform_scope():
        WebhookEvent.objects.filter(status="pending").update(status="ignored", reason="another test's")
    chance = random.Random(subscriptions)
    live(api, stripe_client, subscriptions, months)
    batch = [delivery for delivery in deliveries.pop() for _ in range(1 + (chance.random() < 0.2))]
    chance.shuffle(batch)
    for delivery in batch:
        take_in(*delivery)
    assert claim(20)  # by a worker that is killed now
    drain_with(threads=3)
    assert_equal_to_stripe(api.merchant, stripe_client)


def live(api: Api, stripe_client: stripe.StripeClient, subscriptions: int, months: int) -> None:
    """Customers on test clocks subscribe, renew, cancel; one in three has a card that begins to fail."""
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    _, price = build_catalog(api)
    clocks = stripe_client.v1.test_helpers.test_clocks
    for number in range(subscriptions):
        clock = clocks.create({"frozen_time": JANUARY + number * 3600}, account)
        customer = api.made(
            "/customers", {"name": f"C{number}", "payment_method": "pm_card_visa", "test_clock": clock.id}
        )
        made = api.made("/subscriptions", {"customer_id": customer["id"], "items": [{"price": price["id"]}]})
        if number % 3 == 1:
            api.made(f"/subscriptions/{made['id']}/cancel", {"at_period_end": True})
        if number % 3 == 2:
            use_a_failing_card(stripe_client, customer["stripe_id"], account)
        for month in range(1, months + 1):
            clocks.advance(clock.id, {"frozen_time": JANUARY + number * 3600 + month * 32 * DAY}, account)


def use_a_failing_card(stripe_client: stripe.StripeClient, customer: str, account: Any) -> None:
    card = stripe_client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}, account)
    settings: Any = {"invoice_settings": {"default_payment_method": card.id}}
    stripe_client.v1.customers.update(customer, settings, account)


def drain_with(threads: int) -> None:
    """Several workers, until nothing is pending."""

    def work() -> None:
        try:
            while pending():
                drain(limit=17)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def pending() -> bool:
    with platform_scope():
        return WebhookEvent.objects.filter(status="pending").exists()


def assert_equal_to_stripe(merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    account: Any = {"stripe_account": merchant.stripe_account_id}
    with scope(merchant.id):
        ours = list(Subscription.objects.for_merchant(merchant.id).select_related("customer"))
    assert ours
    statuses = set()
    for row in ours:
        truth = stripe_client.v1.subscriptions.retrieve(row.stripe_id, None, account)
        assert (row.status, row.cancel_at_period_end) == (truth.status, truth.cancel_at_period_end)
        assert stamp(row.ended_at) == truth.ended_at
        assert stamp(row.current_period_end) == truth["items"].data[0].current_period_end
        invoices = stripe_client.v1.invoices.list({"subscription": row.stripe_id, "limit": 100}, account).data
        with scope(merchant.id):
            mirrored = Invoice.objects.for_merchant(merchant.id).filter(subscription=row)
            assert {(invoice.stripe_id, invoice.status, invoice.amount_paid) for invoice in mirrored} == {
                (invoice.id, invoice.status, invoice.amount_paid) for invoice in invoices
            }
            entitled = Entitlement.objects.for_merchant(merchant.id).filter(customer=row.customer, active=True)
            assert entitled.exists() == (row.status in {"active", "past_due"})
        statuses.add(row.status)
    assert {"active", "canceled"} <= statuses
    with platform_scope():
        assert not WebhookEvent.objects.filter(merchant=merchant, status="failed").exists()


def stamp(at: Any) -> int | None:
    return None if at is None else int(at.timestamp())
