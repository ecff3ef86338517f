"""Objects of Stripe's that a test invents, and a shop that is told of them by events alone."""

from typing import Any

from billingos.webhooks.drainer import drain
from tests.factories import unique
from tests.fixtures import Api
from tests.webhooks.events import customer, deliver, event

T = 1_767_225_700
MONTH = 31 * 86_400


def drain_all() -> None:
    while drain():
        pass


def product(stripe_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": stripe_id, "object": "product", "created": T, "name": "P", "active": True, "metadata": {}, **fields}


def price(stripe_id: str, product_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": stripe_id,
        "object": "price",
        "created": T,
        "product": product_id,
        "currency": "usd",
        "unit_amount": 4900,
        "unit_amount_decimal": "4900",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        "active": True,
        "metadata": {},
        **fields,
    }


def subscription(stripe_id: str, customer_id: str, *prices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A Stripe subscription that is on no clock, with one item for each price."""
    items = [
        {
            "id": f"si_{stripe_id}_{found['id']}",
            "object": "subscription_item",
            "price": found,
            "quantity": 1,
            "current_period_start": T,
            "current_period_end": T + MONTH,
        }
        for found in prices
    ]
    return {
        "id": stripe_id,
        "object": "subscription",
        "created": T,
        "customer": customer_id,
        "status": "active",
        "currency": "usd",
        "items": {"object": "list", "data": items, "has_more": False},
        "start_date": T,
        "billing_cycle_anchor": T,
        "cancel_at_period_end": False,
        "metadata": {},
        **fields,
    }


def invoice(stripe_id: str, customer_id: str | None, **fields: Any) -> dict[str, Any]:
    amounts = dict.fromkeys(("subtotal", "total", "amount_due", "amount_paid", "amount_remaining"), 4900)
    return {
        "id": stripe_id,
        "object": "invoice",
        "created": T,
        "customer": customer_id,
        "status": "draft",
        "currency": "usd",
        "period_start": T,
        "period_end": T,
        **amounts,
        **fields,
    }


class Shop:
    """A product for 49 dollars a month that includes `sso`, and a customer: told by events alone, unknown to Stripe."""

    def __init__(self, api: Api) -> None:
        self.api, self.merchant = api, api.merchant
        api.made("/features", {"lookup_key": "sso", "name": "Single sign-on"})
        self.product = product(unique("prod_"), metadata={"billingos_features": '{"sso":true}'})
        self.price = price(unique("price_"), self.product["id"])
        self.customer = customer(unique("cus_"), name="Told")
        self.tell("product.created", self.product)
        self.tell("price.created", self.price)
        self.tell("customer.created", self.customer)

    def tell(self, type: str, found: dict[str, Any], created: int = T, **data: Any) -> dict[str, Any]:
        told = event(self.merchant, type, found, created)
        told["data"] |= data
        assert deliver(told).status_code == 200
        drain_all()
        return told

    def allowed(self) -> bool:
        check = self.api.found("/entitlements/check", customer_id=self.customer["id"], feature="sso")
        return bool(check["allowed"])
