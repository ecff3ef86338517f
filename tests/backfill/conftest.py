import pytest
import stripe

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.webhooks.models import WebhookEvent
from stripe_simulator import Simulator
from tests.backfill.lives import Account
from tests.factories import MerchantFactory, unique
from tests.fixtures import Deliveries


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


def forget_events(simulator: Simulator, account: str, *, before: int | None = None) -> None:
    """As Stripe does after 30 days: all, or those of before an instant (Unix seconds)."""
    engine = simulator.engine
    with engine.lock:
        for record in engine.store.all(account, "event"):
            if before is None or record["created"] < before:
                engine.store.delete(record)
        engine.store.commit()
