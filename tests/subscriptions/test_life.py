"""Random lives: whatever is done to subscriptions, by whom and in which order, each mirrored column is what Stripe has.

A life is a sequence of acts: requests to the API, things done in Stripe itself, cards that fail, time that passes.
After each act Stripe's events are taken in, shuffled and some of them twice, and rows are compared with Stripe.
Requests may be refused, but never with a 5xx.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billingos.merchants.models import Merchant
from tests.factories import unique
from tests.fixtures import Api, Deliveries
from tests.mirrored.compare import Truth, assert_rows_are
from tests.scenes import DAY, JANUARY

STEPS = 10
CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired", "pm_card_mastercard")


@dataclass
class Shop:
    """What all lives of a run are lived in: one merchant with a catalog."""

    api: Api
    client: Any
    deliveries: Deliveries
    prices: list[str] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    @property
    def merchant(self) -> Merchant:
        return self.api.merchant

    @property
    def account(self) -> Any:
        return {"stripe_account": self.merchant.stripe_account_id}


def open_shop(api: Api, client: Any, deliveries: Deliveries) -> Shop:
    shop = Shop(api, client, deliveries)
    api.made("/features", {"lookup_key": "sso", "name": "Single sign-on"})
    tiers = [{"up_to": 3, "unit_amount": 1000}, {"up_to": "inf", "unit_amount": 700}]
    catalog: dict[str, list[dict[str, Any]]] = {
        "Basic": [{"unit_amount": 1900, "interval": "month"}, {"unit_amount": 19000, "interval": "year"}],
        "Pro": [{"unit_amount": 4900, "interval": "month"}, {"unit_amount": 0, "interval": "month"}],
        "Seats": [{"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": tiers, "interval": "month"}],
    }
    for name, prices in catalog.items():
        product = api.made("/products", {"name": name, "features": [{"feature": "sso"}]})
        for price in prices:
            body = {"product": product["id"], "currency": "usd", **price}
            shop.prices.append(api.made("/prices", body)["id"])
    for terms in (
        {"percent_off": 25, "duration": "forever"},
        {"amount_off": 500, "currency": "usd", "duration": "repeating", "duration_in_months": 2},
        {"percent_off": 100, "duration": "once"},
    ):
        shop.coupons.append(client.v1.coupons.create(terms, shop.account).id)
    deliveries.flush()
    return shop


class Life:
    """One customer on a clock of their own, and what happens to them."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop, self.random = shop, random.Random(seed)
        v1 = shop.client.v1
        self.clock = v1.test_helpers.test_clocks.create({"frozen_time": JANUARY + 14 * DAY}, shop.account).id
        body = {"email": f"{unique('life')}@example.com", "payment_method": CARDS[0], "test_clock": self.clock}
        self.customer = shop.api.made("/customers", body)
        self.take_in()
        self.truth = self.ask_stripe()

    def take_in(self) -> None:
        self.shop.deliveries.flush(shuffle=self.random, copies=2 if self.random.random() < 0.2 else 1)

    def live(self, act: str, draw: int) -> None:
        getattr(self, f"_{act}")(self.truth, draw)
        self.take_in()
        self.truth = self.ask_stripe()
        assert_rows_are(self.truth, self.shop.merchant)

    def ask_stripe(self) -> Truth:
        return Truth(self.shop.client, self.shop.merchant, self.customer["stripe_id"])

    def ask(self, path: str, body: dict[str, Any]) -> None:
        answer = self.shop.api.post(path, body, key=unique("key-"))
        assert answer.status_code < 500, (path, body, answer.content)
        code = answer.json().get("error", {}).get("code", "")
        self.shop.answers[path.rsplit("/", 1)[-1], answer.status_code, code] += 1

    def one_of(self, objects: Any, draw: int) -> Any:
        found = sorted(objects)
        return found[draw % len(found)] if found else None

    def living(self, truth: Truth, draw: int, fits: Callable[[dict[str, Any]], Any] = bool) -> Any:
        """One that has not ended; nearly always one that `fits`, if there is one."""
        ended = {"canceled", "incomplete_expired"}
        rows = {key: row for key, row in truth.subscriptions.items() if row["status"] not in ended}
        fitting = [key for key, row in rows.items() if fits(row)]
        return self.one_of(fitting if fitting and draw % 10 else rows, draw)

    def price(self, draw: int) -> str:
        return self.shop.prices[draw % len(self.shop.prices)]

    # --- Through the API --------------------------------------------------------------------------------------------

    def _subscribe(self, truth: Truth, draw: int) -> None:
        item = {"price": self.price(draw), "quantity": 1 + draw // 7 % 5}
        body: dict[str, Any] = {"customer_id": self.customer["id"], "items": [item]}
        if draw % 3 == 0:
            body["trial_days"] = 7
        self.ask("/subscriptions", body)

    def _cancel(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw):
            self.ask(f"/subscriptions/{subscription}/cancel", {"at_period_end": draw % 4 != 0, "feedback": "unused"})

    def _change(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw):
            body: dict[str, Any] = {"items": [{"price": self.price(draw // 3), "quantity": 1 + draw // 11 % 4}]}
            body["when"] = ("now", "renewal")[draw // 5 % 2]
            if body["when"] == "now":
                body["proration"] = ("prorate", "prorate_at_renewal", "full_price", "none")[draw // 13 % 4]
            self.ask(f"/subscriptions/{subscription}/change", body)

    def _unschedule(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw, lambda row: row["schedule"]):
            self.ask(f"/subscriptions/{subscription}/unschedule", {})

    def _keep(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw, lambda row: row["cancel_at"]):
            self.ask(f"/subscriptions/{subscription}/keep", {})

    def _pause(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw, lambda row: not row["pause_collection"]):
            behavior = ("void", "keep_as_draft", "mark_uncollectible")[draw % 3]
            self.ask(f"/subscriptions/{subscription}/pause", {"behavior": behavior})

    def _resume(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw, lambda row: row["pause_collection"]):
            self.ask(f"/subscriptions/{subscription}/resume", {})

    def _reactivate(self, truth: Truth, draw: int) -> None:
        leaving = [key for key, row in truth.subscriptions.items() if row["cancel_at"] or row["ended_at"]]
        if subscription := self.one_of(leaving or truth.subscriptions, draw):
            self.ask(f"/subscriptions/{subscription}/reactivate", {})

    def _end_trial(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw, lambda row: row["status"] == "trialing"):
            self.ask(f"/subscriptions/{subscription}/extend-trial", {"trial_end": "now"})

    def _discount(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw):
            coupon = "" if draw % 4 == 0 else self.shop.coupons[draw % len(self.shop.coupons)]
            answer = self.shop.api.request("PATCH", f"/subscriptions/{subscription}", {"coupon": coupon})
            assert answer.status_code < 500, answer.content

    def _charge(self, truth: Truth, draw: int) -> None:
        lines = [{"amount": 100 + draw % 9000, "description": "Work"}]
        self.ask("/invoices", {"customer_id": self.customer["id"], "currency": "usd", "lines": lines})

    def _pay(self, truth: Truth, draw: int) -> None:
        unpaid = [key for key, invoice in truth.invoices.items() if invoice["status"] == "open"]
        if invoice := self.one_of(unpaid, draw):
            self.ask(f"/invoices/{invoice}/{'void' if draw % 5 == 0 else 'pay'}", {})

    def _refund(self, truth: Truth, draw: int) -> None:
        paid = [key for key, row in truth.payments.items() if row["status"] == "succeeded"]
        if payment := self.one_of(paid, draw):
            self.ask("/refunds", {"payment": payment, "amount": 1 + draw % truth.payments[payment]["amount"]})

    def _credit(self, truth: Truth, draw: int) -> None:
        paid = [key for key, row in truth.invoices.items() if row["status"] == "paid" and row["total"] > 0]
        if invoice := self.one_of(paid, draw):
            amount = 1 + draw % truth.invoices[invoice]["total"]
            self.ask("/credit-notes", {"invoice": invoice, "amount": amount, "credit_amount": amount})

    def _balance(self, truth: Truth, draw: int) -> None:
        body = {"amount": draw % 3000 - 2000, "currency": "usd", "description": "Good will"}
        self.ask(f"/customers/{self.customer['id']}/balance", body)

    # --- By others, in Stripe ---------------------------------------------------------------------------------------

    def _time_passes(self, truth: Truth, draw: int) -> None:
        clocks = self.shop.client.v1.test_helpers.test_clocks
        now = clocks.retrieve(self.clock, None, self.shop.account).frozen_time
        days = (1, 3, 8, 16, 31, 45)[draw % 6]
        clocks.advance(self.clock, {"frozen_time": now + days * DAY + draw % 5000}, self.shop.account)

    def _another_card(self, truth: Truth, draw: int) -> None:
        v1, stripe_id = self.shop.client.v1, self.customer["stripe_id"]
        card = CARDS[draw % len(CARDS)]
        method = v1.payment_methods.attach(card, {"customer": stripe_id}, self.shop.account)
        settings = {"invoice_settings": {"default_payment_method": method.id}}
        v1.customers.update(stripe_id, settings, self.shop.account)

    def _discount_in_stripe(self, truth: Truth, draw: int) -> None:
        if subscription := self.living(truth, draw):
            coupon = self.shop.coupons[draw % len(self.shop.coupons)]
            discounts: Any = "" if draw % 4 == 0 else [{"coupon": coupon}]
            self._stripe(lambda v1: v1.subscriptions.update(subscription, {"discounts": discounts}, self.shop.account))

    def _stripe(self, act: Any) -> None:
        try:
            act(self.shop.client.v1)
        except (stripe.InvalidRequestError, stripe.CardError):
            return  # Stripe may refuse too


ACTS = sorted(name[1:] for name in vars(Life) if name.startswith("_") and not name.startswith(("__", "_stripe")))
LIVES = st.integers(0, 2**62)  # seeds: lists of acts would be drawn with too many alike
LIVED: Any = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    "phases": [Phase.explicit, Phase.generate],  # a life is too long to be shrunk: run it alone, by hand
}


def live_through(shop: Shop, seed: int) -> None:
    life = Life(shop, seed)
    lived: list[tuple[str, int]] = []
    for act in ["subscribe", *life.random.choices(ACTS, k=STEPS)]:
        lived.append((act, life.random.randrange(10**6)))
        try:
            life.live(*lived[-1])
        except Exception as error:
            error.add_note(f"life {seed}: {lived}")
            raise


@pytest.fixture
def shop(api: Api, stripe_client: Any, deliveries: Deliveries) -> Shop:
    return open_shop(api, stripe_client, deliveries)


@pytest.mark.parametrize("part", range(2))  # so that two workers share them
def test_every_column_says_what_stripe_has(shop: Shop, part: int) -> None:
    @settings(max_examples=25, derandomize=True, **LIVED)
    @given(LIVES)
    def lives(seed: int) -> None:
        live_through(shop, 4 * seed + part)

    lives()
    print(*sorted(shop.answers.items()), sep="\n")  # -s shows what was refused, and why
    done = {path for path, status, _ in shop.answers if status < 300}
    assert len(done) >= 11, sorted({path for path, _, _ in shop.answers} - done)  # of 16 ways to ask


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_every_column_says_what_stripe_has_many_times(shop: Shop, part: int) -> None:
    count = int(os.environ.get("LIVES", "1000")) // 4

    @settings(max_examples=count, derandomize=True, **LIVED)
    @given(LIVES)
    def lives(seed: int) -> None:
        live_through(shop, 4 * seed + part)

    lives()
