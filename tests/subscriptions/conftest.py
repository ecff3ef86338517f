import pytest
import stripe

from tests.fixtures import Api, Deliveries
from tests.subscriptions.shop import Shop


@pytest.fixture
def shop(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Shop:
    """A merchant with a catalog of its own; `shop.open()` gives it a customer."""
    return Shop(api, stripe_client, deliveries)


@pytest.fixture
def trial(shop: Shop) -> Shop:
    """Five days into a trial of Basic, which lasts 14."""
    shop.open()
    shop.subscribe({"basic": 1}, trial_days=14)
    shop.advance(5)
    return shop


@pytest.fixture
def basic(shop: Shop) -> Shop:
    """Ten days into a month of Basic."""
    shop.open()
    shop.subscribe({"basic": 1})
    shop.advance(10)
    return shop
