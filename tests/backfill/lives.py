"""An account that is lived in for months: by customers of all kinds, in Stripe alone, without BillingOS.

They live on test clocks, or by the wall clock of a Stripe whose time is ours to move.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import stripe

from stripe_simulator import Simulator
from tests.factories import unique

START = 1_704_067_200  # 1 January 2024, 00:00 UTC
DAY = 86_400
MONTH = 31 * DAY
A_CLOCK = 3  # customers, Stripe's most


@dataclass
class Life:
    """One customer with one subscription; `kind` says what becomes of it."""

    kind: str
    customer: str
    subscription: str


class Wall:
    """The wall clock of a Stripe of its own."""

    def __init__(self, **simulated: Any) -> None:
        self.now = float(START)
        self.simulator = Simulator(**simulated, now=lambda: self.now)

    def advance(self, seconds: int) -> None:
        self.now += seconds
        self.simulator.tick()


@dataclass
class Account:
    """A catalog, and lives on test clocks unless there is a `wall`."""

    client: stripe.StripeClient
    id: str
    wall: Wall | None = None
    lives: list[Life] = field(default_factory=list)
    clocks: list[str] = field(default_factory=list)
    months: int = 0

    def __post_init__(self) -> None:
        product = self.v1.products.create({"name": "Pro", "metadata": {"seats": "yes"}}, self.options)
        self.prices = {
            name: self._price(product.id, amount, interval)
            for name, amount, interval in (("small", 1900, "month"), ("large", 4900, "month"), ("year", 49_000, "year"))
        }
        self.forever = self._coupon(percent_off=25, duration="forever")
        self.three_months = self._coupon(amount_off=500, currency="usd", duration="repeating", duration_in_months=3)

    @property
    def v1(self) -> Any:
        return self.client.v1

    @property
    def options(self) -> Any:
        return {"stripe_account": self.id}

    def _price(self, product: str, amount: int, interval: str) -> str:
        terms = {"product": product, "currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}
        return str(self.v1.prices.create(terms, self.options).id)

    def _coupon(self, **terms: Any) -> str:
        return str(self.v1.coupons.create({"id": unique("C"), **terms}, self.options).id)

    def begin(self, count: int) -> None:
        for number in range(count):
            if self.wall:
                self.wall.advance(60)
            elif number % A_CLOCK == 0:
                clock = self.v1.test_helpers.test_clocks.create({"frozen_time": START + number * 60}, self.options)
                self.clocks.append(clock.id)
            self.lives.append(self._born(list(KINDS)[number % len(KINDS)], number))

    def _born(self, kind: str, number: int) -> Life:
        customer = self.v1.customers.create(
            {
                "name": f"Customer {number}",
                "email": f"c{number}@example.com",
                **({"test_clock": self.clocks[-1]} if self.clocks else {}),
                "payment_method": "pm_card_visa",
                "invoice_settings": {"default_payment_method": "pm_card_visa"},
                "metadata": {"number": str(number)},
            },
            self.options,
        )
        terms: dict[str, Any] = {"customer": customer.id, "items": [{"price": self.prices["small"]}]}
        if kind in BIRTHS:
            terms |= BIRTHS[kind](self)
        made = self.v1.subscriptions.create(terms, self.options)
        return Life(kind, customer.id, made.id)

    def live(self, months: int) -> Iterator[int]:
        """Month by month; what a life does in a month it does ten days into it."""
        for _ in range(months):
            self.months += 1
            self._advance(10 * DAY)
            for life in self.lives:
                act = KINDS[life.kind].get(self.months)
                if act:
                    act(self, life)
            self._advance(MONTH - 10 * DAY)
            yield self.months

    def _advance(self, seconds: int) -> None:
        if self.wall:
            self.wall.advance(seconds)
        clocks = self.v1.test_helpers.test_clocks
        for clock in self.clocks:
            now = clocks.retrieve(clock, None, self.options).frozen_time
            clocks.advance(clock, {"frozen_time": now + seconds}, self.options)

    def update(self, life: Life, **terms: Any) -> None:
        self.v1.subscriptions.update(life.subscription, terms, self.options)

    def switch(self, life: Life, price: str, quantity: int = 1, **terms: Any) -> None:
        found = self.v1.subscriptions.retrieve(life.subscription, None, self.options)
        item = {"id": found["items"].data[0].id, "price": self.prices[price], "quantity": quantity}
        self.update(life, items=[item], **terms)


Act = Callable[[Account, Life], None]
BIRTHS: dict[str, Callable[[Account], dict[str, Any]]] = {
    "trial": lambda account: {"trial_period_days": 14},
    "forever": lambda account: {"discounts": [{"coupon": account.forever}]},
    "repeating": lambda account: {"discounts": [{"coupon": account.three_months}]},
    "seats": lambda account: {"items": [{"price": account.prices["small"], "quantity": 3}]},
}


def refund(account: Account, life: Life) -> None:
    invoice = account.v1.invoices.list({"subscription": life.subscription}, account.options).data[0]
    payment = account.v1.invoice_payments.list({"invoice": invoice.id}, account.options).data[0]
    account.v1.refunds.create({"payment_intent": payment.payment.payment_intent, "amount": 300}, account.options)
    account.v1.credit_notes.create({"invoice": invoice.id, "amount": 100, "credit_amount": 100}, account.options)


def bad_card(account: Account, life: Life) -> None:
    account_id = account.options
    card = account.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": life.customer}, account_id)
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    account.v1.customers.update(life.customer, settings, account_id)


def schedule(account: Account, life: Life) -> None:
    made = account.v1.subscription_schedules.create({"from_subscription": life.subscription}, account.options)
    first = made.phases[0]
    item = {"price": account.prices["small"], "quantity": 1}
    phases = [
        {"items": [item], "start_date": first.start_date, "end_date": first.end_date},
        {"items": [{"price": account.prices["large"], "quantity": 1}], "duration": {"interval": "month"}},
    ]
    terms = {"phases": phases, "end_behavior": "release", "proration_behavior": "none"}
    account.v1.subscription_schedules.update(made.id, terms, account.options)


# What becomes of a life, by the month in which it happens.
KINDS: dict[str, dict[int, Act]] = {
    "plain": {},
    "upgraded": {2: lambda a, life: a.switch(life, "large", proration_behavior="always_invoice")},
    "seats": {
        2: lambda a, life: a.switch(life, "small", 5, proration_behavior="create_prorations"),
        4: lambda a, life: a.switch(life, "small", 2, proration_behavior="create_prorations"),
    },
    "trial": {},
    "forever": {3: lambda a, life: a.switch(life, "large", proration_behavior="always_invoice")},
    "repeating": {},
    "leaving": {3: lambda a, life: a.update(life, cancel_at_period_end=True)},
    "failing": {3: bad_card},
    "refunded": {2: refund, 4: lambda a, life: a.switch(life, "large", proration_behavior="always_invoice")},
    "scheduled": {2: schedule},
    "yearly": {3: lambda a, life: a.switch(life, "year", proration_behavior="always_invoice")},
    "cancelled": {4: lambda a, life: a.v1.subscriptions.cancel(life.subscription, None, a.options)},
    "discounted": {2: lambda a, life: a.update(life, discounts=[{"coupon": a.three_months}])},
}
