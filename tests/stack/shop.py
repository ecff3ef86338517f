"""A shop that lives in Stripe alone: BillingOS hears of it by events, and by nothing else."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import stripe

JANUARY, DAY, HOUR = 1_767_225_600, 86_400, 3_600
CARD, BAD_CARD = "pm_card_visa", "pm_card_chargeCustomerFail"
Act = Callable[[str], Any]


class Shop:
    """Customers, half of them on test clocks, each with a subscription; `live` lets some time pass for all of them."""

    def __init__(self, client: stripe.StripeClient, account: str, seed: int) -> None:
        self.v1, self.account = client.v1, account
        self._on: Any = {"stripe_account": account}
        self._chance = random.Random(seed)
        self._clocks: dict[str, tuple[str, int]] = {}  # subscription → its clock and the clock's time
        self._customers: dict[str, str] = {}
        self._prices: list[str] = []
        self._coupon = ""

    def open(self) -> None:
        product = self.v1.products.create({"name": "Chaos"}, self._on)
        for amount in (1900, 4900):
            params: Any = {
                "product": product.id, "currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}
            }  # fmt: skip
            self._prices.append(self.v1.prices.create(params, self._on).id)
        self._coupon = self.v1.coupons.create({"percent_off": 20, "duration": "forever"}, self._on).id

    def welcome(self, number: int) -> None:
        """A customer who subscribes; every second one lives on a clock."""
        clock: Any = None
        if number % 2:
            clock = self.v1.test_helpers.test_clocks.create({"frozen_time": JANUARY + number * HOUR}, self._on).id
        params: Any = {"name": f"C{number}", "email": f"c{number}@example.com"}
        customer = self.v1.customers.create({**params, **({"test_clock": clock} if clock else {})}, self._on).id
        self._pay_with(customer, CARD)
        order: Any = {"customer": customer, "items": [{"price": self._prices[0], "quantity": 1 + number % 3}]}
        if number % 5 == 3:
            order["trial_period_days"] = 14
        made = self.v1.subscriptions.create(order, self._on)
        self._customers[made.id] = customer
        if clock:
            self._clocks[made.id] = (clock, JANUARY + number * HOUR)

    def live(self) -> Iterator[None]:
        """Something happens to one subscription after the other."""
        for name in list(self._customers):
            if name in self._clocks and self._chance.random() < 0.6:
                self._advance(name)
            elif self.v1.subscriptions.retrieve(name, None, self._on).status in {"active", "past_due", "trialing"}:
                with contextlib.suppress(stripe.InvalidRequestError):  # not everything may be done at any time
                    self._chance.choice(self._acts)(name)
            yield

    @property
    def _acts(self) -> list[Act]:
        return [
            self._resize, self._resize, self._change_plan, self._change_plan, self._discount, self._wind_up, self._stay,
            self._rename, self._charge_once, self._refund, self._let_fail, self._end, self._plan_ahead, self._credit,
            self._quarrel,
        ]  # fmt: skip

    def _pay_with(self, customer: str, card: str) -> None:
        method = self.v1.payment_methods.attach(card, {"customer": customer}, self._on)
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        self.v1.customers.update(customer, settings, self._on)

    def _advance(self, name: str) -> None:
        clock, at = self._clocks[name]
        self._clocks[name] = (clock, at + 32 * DAY)
        self.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": at + 32 * DAY}, self._on)

    def _update(self, name: str, **params: Any) -> None:
        given: Any = params
        self.v1.subscriptions.update(name, given, self._on)

    def _item(self, name: str) -> str:
        return str(self.v1.subscription_items.list({"subscription": name}, self._on).data[0].id)

    def _resize(self, name: str) -> None:
        item = {"id": self._item(name), "quantity": self._chance.randint(1, 9)}
        self._update(name, items=[item], proration_behavior="always_invoice")

    def _change_plan(self, name: str) -> None:
        item = {"id": self._item(name), "price": self._chance.choice(self._prices)}
        self._update(name, items=[item], proration_behavior=self._chance.choice(["create_prorations", "none"]))

    def _discount(self, name: str) -> None:
        self._update(name, discounts=self._chance.choice([[{"coupon": self._coupon}], ""]))

    def _wind_up(self, name: str) -> None:
        self._update(name, cancel_at_period_end=True)

    def _stay(self, name: str) -> None:
        self._update(name, cancel_at_period_end=False)

    def _rename(self, name: str) -> None:
        self.v1.customers.update(self._customers[name], {"name": f"N{self._chance.random():.6f}"}, self._on)

    def _charge_once(self, name: str) -> None:
        customer = self._customers[name]
        invoice = self.v1.invoices.create({"customer": customer, "auto_advance": False}, self._on)
        line: Any = {"customer": customer, "invoice": invoice.id, "amount": 700, "currency": "usd"}
        self.v1.invoice_items.create(line, self._on)
        self.v1.invoices.finalize_invoice(str(invoice.id), None, self._on)

    def _refund(self, name: str) -> None:
        found: Any = {"customer": self._customers[name], "limit": 3}
        for payment in self.v1.payment_intents.list(found, self._on).data:
            if payment.status == "succeeded" and payment.amount > 100:
                self.v1.refunds.create({"payment_intent": payment.id, "amount": 1}, self._on)
                return

    def _quarrel(self, name: str) -> None:
        """A payment that the bank wants back as soon as it is made."""
        customer = self._customers[name]
        method = self.v1.payment_methods.attach("pm_card_createDispute", {"customer": customer}, self._on)
        payment: Any = {"customer": customer, "payment_method": method.id, "amount": 900, "currency": "usd"}
        payment |= {"confirm": True, "off_session": True}
        self.v1.payment_intents.create(payment, self._on)

    def _plan_ahead(self, name: str) -> None:
        """A schedule: another price from the next period on; or the one that there is lets go."""
        known: Any = {"customer": self._customers[name]}
        for schedule in self.v1.subscription_schedules.list(known, self._on).data:
            if schedule.status == "active":
                self.v1.subscription_schedules.release(schedule.id, None, self._on)
                return
        made = self.v1.subscription_schedules.create({"from_subscription": name}, self._on)
        now = made.phases[0]
        phases: Any = [
            {"items": [{"price": self._prices[0]}], "start_date": now.start_date, "end_date": now.end_date},
            {"items": [{"price": self._prices[1]}], "duration": {"interval": "month"}},
        ]
        self.v1.subscription_schedules.update(made.id, {"phases": phases, "end_behavior": "release"}, self._on)

    def _credit(self, name: str) -> None:
        found: Any = {"subscription": name, "status": "paid", "limit": 1}
        for invoice in self.v1.invoices.list(found, self._on).data:
            if invoice.total > 100:
                note: Any = {"invoice": invoice.id, "amount": 1, "credit_amount": 1}
                self.v1.credit_notes.create(note, self._on)

    def _let_fail(self, name: str) -> None:
        """The next charges do, until somebody brings another card."""
        self._pay_with(self._customers[name], self._chance.choice([BAD_CARD, CARD]))

    def _end(self, name: str) -> None:
        if self._chance.random() < 0.3:
            self.v1.subscriptions.cancel(name, None, self._on)
