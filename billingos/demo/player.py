"""Playing a script: the clock moves from step to step, and at each the acts are done over HTTP.

Every write carries an idempotency key made of its place in the script, and what can be looked for is looked for first
after an interruption: played again, a step changes nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billingos.common.errors import Unavailable
from billingos.common.periods import from_stripe
from billingos.demo.caller import JSON, Caller, StripeDesk
from billingos.demo.life import Act, Terms
from billingos.demo.script import Script

PAUSE = 0.1  # seconds between two looks at what is still moving
PATIENCE = 180  # seconds
CLOCKS = "/test_helpers/test_clocks"
FAILING_CARD, GOOD_CARD = "pm_card_chargeCustomerFail", "pm_card_visa"


@dataclass
class Player:
    """Plays one merchant's script. `notes` are kept for the next life of the process: the clock, and the steps done."""

    script: Script
    api: Caller
    stripe: StripeDesk
    notes: dict[str, Any]
    prices: dict[str, JSON] = field(default_factory=dict)
    subscriptions: dict[str, JSON] = field(default_factory=dict)
    doubtful: bool = True  # the first step after a start may have been played in part

    def open_shop(self) -> None:
        """Meters, features, plans, coupons, and the clock that everybody lives by."""
        cast = self.script.merchant
        for meter in cast.meters:
            self.api.ensure("/meters", meter, by="key", key=self._key(f"meter-{meter['key']}"))
        for feature in cast.features:
            self.api.ensure("/features", feature, by="lookup_key", key=self._key(f"feature-{feature['lookup_key']}"))
        for index in range(len(cast.plans)):
            self._sell(index)
        known = {coupon["id"] for coupon in self.stripe.every("/coupons")}
        for coupon in cast.coupons:
            if coupon["id"] not in known:
                self.stripe.post("/coupons", self._key(f"coupon-{coupon['id']}"), **coupon)
        self.notes["clock"] = self.notes["clock"] or self._ensure_clock()

    def play(self, step: datetime) -> None:
        """Moves the clock to the step, waits until BillingOS was told of all that this caused, and does what is to be
        done there."""
        self.move_clock(step)
        for act in self.script.acts_at(step):
            self._do(act)
        self.notes["steps"] += 1
        self.doubtful = False

    def move_clock(self, to: datetime) -> None:
        """The clock stands at `to` or beyond afterwards, and the webhook that says so has come in: deliveries keep
        their order, so all others of the way came before it."""
        if self._settled_clock()["frozen_time"] >= int(to.timestamp()):
            return
        before = self._newest_arrival()
        self.stripe.post(f"{CLOCKS}/{self.notes['clock']}/advance", frozen_time=int(to.timestamp()))
        wait_for(lambda: self._newest_arrival() != before)

    def present(self) -> datetime:
        """Where the clock stands."""
        return from_stripe(self._settled_clock()["frozen_time"])

    def _newest_arrival(self) -> str:
        asked: JSON = {"object_id": self.notes["clock"], "type": "test_helpers.test_clock.ready", "limit": 1}
        newest = (self.api.get("/webhooks/events", **asked) or {"data": []})["data"]
        return str(newest[0]["id"]) if newest else ""

    def _settled_clock(self) -> JSON:
        """The clock, once it stands."""
        path = f"{CLOCKS}/{self.notes['clock']}"
        wait_for(lambda: self.stripe.get(path)["status"] == "ready")
        return self.stripe.get(path)

    # --- Catalog --------------------------------------------------------------------------------------------

    def _sell(self, index: int) -> None:
        cast = self.script.merchant
        plan, key = cast.plans[index], self._key(f"plan-{index}")
        limits = [meter["key"] for meter in cast.meters]
        features: list[JSON] = [{"feature": name} for name in plan.features]
        features += [{"feature": name, "limit": plan.limits.get(name)} for name in limits]
        product = self.api.ensure("/products", {"name": plan.name, "features": features}, by="name", key=key)
        for interval, months in (("month", 1), ("year", 10)):
            lookup_key = plan.price_key(interval)
            body = {
                "product": product["id"],
                "currency": cast.currency,
                "unit_amount": plan.amount * months,
                "interval": interval,
                "lookup_key": lookup_key,
                "nickname": f"{plan.name}, {interval}ly",
            }
            self.prices[lookup_key] = self.api.ensure("/prices", body, by="lookup_key", key=f"{key}-{interval}")

    def _price(self, terms: Terms) -> JSON:
        return self.prices[self.script.merchant.plans[terms.plan].price_key(terms.interval)]

    def _ensure_clock(self) -> str:
        name = f"{self.script.merchant.name}: the demo's present"
        known = next((clock for clock in self.stripe.every(CLOCKS) if clock["name"] == name), None)
        frozen = int(self.script.start.timestamp())
        clock = known or self.stripe.post(CLOCKS, self._key("clock"), name=name, frozen_time=frozen)
        return str(clock["id"])

    # --- Acts -----------------------------------------------------------------------------------------------

    def _do(self, act: Act) -> None:
        handler: Callable[[Act, str], None] = getattr(self, f"_{act.kind}")
        handler(act, self._key(f"{act.customer}-{act.kind}-{act.at:%Y-%m-%d}"))

    def _join(self, act: Act, key: str) -> None:
        if self.doubtful and self.api.get(f"/customers/{act.customer}"):
            return
        company = next(one for one in self.script.merchant.customers if one.external_id == act.customer)
        body = {
            "external_id": act.customer,
            "name": company.name,
            "email": company.email,
            "payment_method": GOOD_CARD,
            "test_clock": self.notes["clock"],
            "metadata": {"country": company.country},
        }
        self.api.post("/customers", body, key)

    def _subscribe(self, act: Act, key: str) -> None:
        terms = _terms(act)
        if self.doubtful and any(one["metadata"].get("demo") == key for one in self._of_customer(act.customer)):
            return
        body = {
            "customer_id": act.customer,
            "items": [{"price": self._price(terms)["id"], "quantity": terms.seats}],
            "trial_days": act.trial_days,
            "metadata": {"demo": key},
        }
        self.subscriptions[act.customer] = self.api.post("/subscriptions", body, key)

    def _change(self, act: Act, key: str) -> None:
        terms, subscription = _terms(act), self._subscription(act.customer)
        item = {"id": subscription["items"][0]["stripe_id"], "price": self._price(terms)["stripe_id"]}
        form = {f"items[0][{name}]": value for name, value in {**item, "quantity": terms.seats}.items()}
        self.stripe.post(f"/subscriptions/{subscription['stripe_id']}", key, **form)

    def _coupon(self, act: Act, key: str) -> None:
        form = {"discounts[0][coupon]": act.coupon}
        self.stripe.post(f"/subscriptions/{self._subscription(act.customer)['stripe_id']}", key, **form)

    def _card_fails(self, act: Act, key: str) -> None:
        self._swap_card(act, key, FAILING_CARD)

    def _card_works(self, act: Act, key: str) -> None:
        self._swap_card(act, key, GOOD_CARD)

    def _swap_card(self, act: Act, key: str, card: str) -> None:
        customer = (self.api.get(f"/customers/{act.customer}") or {})["stripe_id"]
        attached = self.stripe.post(f"/payment_methods/{card}/attach", f"{key}-attach", customer=customer)
        form = {"invoice_settings[default_payment_method]": attached["id"]}
        self.stripe.post(f"/customers/{customer}", key, **form)

    def _cancel_now(self, act: Act, key: str) -> None:
        self._cancel(act, key, at_period_end=False)

    def _cancel_later(self, act: Act, key: str) -> None:
        self._cancel(act, key, at_period_end=True)

    def _cancel(self, act: Act, key: str, *, at_period_end: bool) -> None:
        subscription = self._subscription(act.customer)
        if self.doubtful and subscription["status"] == "canceled":
            return
        self.api.post(f"/subscriptions/{subscription['id']}/cancel", {"at_period_end": at_period_end}, key)

    def _stay(self, act: Act, key: str) -> None:
        path = f"/subscriptions/{self._subscription(act.customer)['stripe_id']}"
        self.stripe.post(path, key, cancel_at_period_end="false")

    def _subscription(self, customer: str) -> JSON:
        """The customer's newest."""
        if customer not in self.subscriptions:
            self.subscriptions[customer] = self._of_customer(customer)[0]
        return self.subscriptions[customer]

    def _of_customer(self, customer: str) -> list[JSON]:
        return list(self.api.every("/subscriptions", customer_id=customer))

    def _key(self, name: str) -> str:
        return f"demo-{self.script.merchant.slug}-{name}"


def _terms(act: Act) -> Terms:
    if act.terms is None:
        raise ValueError(f"{act.kind} needs terms")
    return act.terms


def wait_for(condition: Callable[[], bool]) -> None:
    """Raises Unavailable when it has not come true for a long time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable("What the demo waits for does not happen: does the worker run?")
        time.sleep(PAUSE)
