from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.client import client as gateway_client
from billingos.webhooks.models import WebhookEvent
from stripe_simulator import Simulator
from tests.backfill.lives import Account, Wall
from tests.factories import MerchantFactory, unique
from tests.fixtures import KEY, SECRET, Deliveries, connected_merchant


def heir_of(merchant: Merchant) -> Merchant:
    """A merchant who knows nothing and takes over the account; the first one keeps its rows, and an account that
    nobody has."""
    account, merchant.stripe_account_id = merchant.stripe_account_id, unique("acct_")
    with platform_scope():
        merchant.save(update_fields=["stripe_account_id"])
        WebhookEvent.objects.filter(merchant=merchant).update(account=merchant.stripe_account_id)
    return MerchantFactory.create(stripe_account_id=account)


@pytest.fixture
def account(merchant: Merchant, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Account:
    assert merchant.stripe_account_id
    return Account(stripe_client, merchant.stripe_account_id)


@dataclass
class World:
    """An account that lives by a wall clock, and the merchant who is connected to it."""

    account: Account
    merchant: Merchant
    simulator: Simulator
    deliveries: Deliveries


@pytest.fixture
def world(committed_db: None, settings: Any) -> Iterator[World]:
    """An account of a Stripe of its own, which lives by a wall clock that stands still unless it is moved."""
    deliveries = Deliveries()
    wall = Wall(secret_key=KEY, deliver=deliveries.take)
    with wall.simulator.serve(port=0) as server:
        wall.simulator.add_webhook_endpoint("http://testserver/api/webhooks/stripe", secret=SECRET, connect=True)
        settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY = server.url, KEY
        gateway_client.cache_clear()
        client = stripe.StripeClient(KEY, base_addresses={"api": server.url})
        merchant = connected_merchant(client)
        assert merchant.stripe_account_id
        yield World(Account(client, merchant.stripe_account_id, wall), merchant, wall.simulator, deliveries)
    gateway_client.cache_clear()


def forget_events(simulator: Simulator, account: str, *, before: int | None = None) -> None:
    """As Stripe does after 30 days: all, or those of before an instant (Unix seconds)."""
    engine = simulator.engine
    with engine.lock:
        for record in engine.store.all(account, "event"):
            if before is None or record["created"] < before:
                engine.store.delete(record)
        engine.store.commit()
