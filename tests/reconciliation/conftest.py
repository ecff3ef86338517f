from collections.abc import Callable

import pytest
import stripe

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from tests.factories import MerchantFactory, unique
from tests.fixtures import Deliveries
from tests.reconciliation.lives import Account

Take = Callable[[Merchant], Merchant]


def heir_of(merchant: Merchant) -> Merchant:
    """A merchant who knows nothing and takes over the account; the first one keeps its rows, and an account that
    nobody has."""
    account, merchant.stripe_account_id = merchant.stripe_account_id, unique("acct_")
    with platform_scope():
        merchant.save(update_fields=["stripe_account_id"])
    return MerchantFactory.create(stripe_account_id=account)


@pytest.fixture
def account(merchant: Merchant, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Account:
    assert merchant.stripe_account_id
    return Account(stripe_client, merchant.stripe_account_id)
