"""Situations that several tests start from, made through the API and Stripe."""

from dataclasses import dataclass
from typing import Any

import stripe

from billingos.common.tenancy import scope
from billingos.merchants.models import BillingSettings
from tests.factories import unique
from tests.fixtures import Api, Deliveries

JANUARY = 1767225600  # 1 January 2026, 00:00 UTC
DAY = 86_400


@dataclass
class Scene:
    """A merchant with a product on sale and one paying customer on a test clock."""

    api: Api
    stripe_client: stripe.StripeClient
    deliveries: Deliveries
    clock: str
    product: dict[str, Any]
    price: dict[str, Any]
    customer: dict[str, Any]
    subscription: dict[str, Any]

    @property
    def account(self) -> Any:
        return {"stripe_account": self.api.merchant.stripe_account_id}

    def advance(self, days: int) -> list[dict[str, Any]]:
        """Moves the clock, takes in what follows, returns the events."""
        clocks = self.stripe_client.v1.test_helpers.test_clocks
        now = clocks.retrieve(self.clock, None, self.account).frozen_time
        clocks.advance(self.clock, {"frozen_time": now + days * DAY}, self.account)
        return self.deliveries.flush()

    def allowed(self, feature: str = "sso") -> bool:
        found = self.api.found("/entitlements/check", customer_id=self.customer["id"], feature=feature)
        return bool(found["allowed"])


def build_catalog(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    """A product for 49 dollars a month with a boolean feature and a limit of 1,000; and its price."""
    api.made("/meters", {"key": "api_calls", "name": "API calls", "aggregation": "sum"})
    api.made("/features", {"lookup_key": "sso", "name": "Single sign-on"})
    api.made("/features", {"lookup_key": "api_calls", "name": "API calls", "type": "limit", "meter": "api_calls"})
    features = [{"feature": "sso"}, {"feature": "api_calls", "limit": 1000}]
    product = api.made("/products", {"name": "Pro", "features": features})
    body = {"product": product["id"], "currency": "usd", "unit_amount": 4900, "interval": "month"}
    return product, api.made("/prices", body)


def paying_customer(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries, *, card: str = "pm_card_visa"
) -> Scene:
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    clock = stripe_client.v1.test_helpers.test_clocks.create({"frozen_time": JANUARY}, account)
    product, price = build_catalog(api)
    external_id = unique("user-")
    customer = api.made(
        "/customers",
        {"external_id": external_id, "email": "a@example.com", "payment_method": card, "test_clock": clock.id},
    )
    order = {"customer_id": external_id, "items": [{"price": price["id"]}]}
    subscription = api.made("/subscriptions", order)
    deliveries.flush()
    return Scene(api, stripe_client, deliveries, clock.id, product, price, customer, subscription)


def allow_several(scene: Scene) -> None:
    """Lets a customer subscribe to a product more than once."""
    merchant = scene.api.merchant
    with scope(merchant.id):
        BillingSettings.objects.for_merchant(merchant.id).update(one_subscription_per_product=False)
