import pytest
import stripe

from tests.fixtures import Api, Deliveries
from tests.subscriptions.shop import Shop


@pytest.fixture
def shop(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Shop:
    """A merchant with a catalog of its own; `shop.open()` gives it a customer."""
    return Shop(api, stripe_client, deliveries)
