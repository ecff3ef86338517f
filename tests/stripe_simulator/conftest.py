"""A simulator over real HTTP, and the unchanged ``stripe`` library pointed at it."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from stripe_simulator import Simulator

SECRET = "whsec_tests"


def moment(year: int, month: int, day: int, hour: int = 12) -> int:
    """Unix seconds of a UTC date."""
    return calendar.timegm((year, month, day, hour, 0, 0))


@dataclass
class Shop:
    """A merchant's things at the simulator, and the webhooks that it received."""

    simulator: Simulator
    client: stripe.StripeClient
    url: str
    received: list[dict[str, Any]] = field(default_factory=list)

    def clock(self, at: int) -> str:
        return self.client.v1.test_helpers.test_clocks.create({"frozen_time": at}).id

    def advance(self, clock: str, to: int) -> None:
        moved = self.client.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": to})
        assert moved.status == "ready"

    def price(self, amount: int, interval: Any = "month", product: str | None = None, count: int = 1) -> str:
        product = product or self.client.v1.products.create({"name": "Plan"}).id
        recurring: Any = {"interval": interval, "interval_count": count}
        made = self.client.v1.prices.create(
            {"product": product, "currency": "usd", "unit_amount": amount, "recurring": recurring}
        )
        return made.id

    def customer(self, clock: str | None = None, card: str | None = "pm_card_visa") -> str:
        values: Any = {"email": "jo@example.com"}
        if clock:
            values["test_clock"] = clock
        if card:
            values |= {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        return self.client.v1.customers.create(values).id

    def subscribe(self, customer: str, price: str, **values: Any) -> stripe.Subscription:
        asked: Any = {"customer": customer, "items": [{"price": price}], **values}
        return self.client.v1.subscriptions.create(asked)

    def subscription(self, id: str) -> stripe.Subscription:
        return self.client.v1.subscriptions.retrieve(id)

    def invoices(self, subscription: str) -> list[stripe.Invoice]:
        """Oldest first."""
        found = self.client.v1.invoices.list({"subscription": subscription, "limit": 100}).data
        return list(reversed(found))

    def types(self) -> list[str]:
        return [event["type"] for event in self.received]


def item_of(subscription: stripe.Subscription) -> stripe.SubscriptionItem:
    return subscription["items"].data[0]  # type: ignore[no-any-return]  # untyped by key


def client_of(url: str) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_simulator", base_addresses={"api": url}, max_network_retries=0)


@pytest.fixture
def shop() -> Iterator[Shop]:
    received: list[dict[str, Any]] = []

    def deliver(url: str, body: bytes, headers: dict[str, str]) -> int:
        event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
        received.append(event.to_dict())
        return 200

    simulator = Simulator(deliver=deliver)
    for connect in (False, True):
        simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET, connect=connect)
    with simulator.serve() as server:
        yield Shop(simulator, client_of(server.url), server.url, received)
