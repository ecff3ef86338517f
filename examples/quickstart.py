"""From nothing to a paid, entitled customer and back, in one script.

    make run                                   # in another terminal
    .venv/bin/python examples/quickstart.py

It needs `requests` and `stripe` only and takes its keys from `.billingos/demo.json`. What a merchant's server would do,
it asks of BillingOS; what happens in Stripe (a card, a clock that moves), it asks of Stripe. Every write carries an
Idempotency-Key made of the run's name: when a server dies, the script asks again and nothing happens twice. Run it
again with the same `--run` and it finds everything done.
"""

import argparse
import json
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import requests
import stripe

API_VERSION = "2026-08-26.dahlia"
START = 1767225600  # 1 January 2026, where the test clock begins
DAY = 86_400
JSON = dict[str, Any]


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str) -> NoReturn:
    raise SystemExit(f"quickstart: {text}")


class BillingOS:
    """The REST API, asked again for as long as `patience` seconds when nobody answers."""

    def __init__(self, url: str, secret_key: str, run: str, patience: float) -> None:
        self.url, self.run, self.patience = url, run, patience
        self.headers = {"Authorization": f"Bearer {secret_key}"}

    def get(self, path: str, **params: Any) -> JSON:
        return self._ask("GET", path, params=params)

    def post(self, path: str, body: JSON, step: str) -> JSON:
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": f"quickstart-{self.run}-{step}"})

    def _ask(self, method: str, path: str, *, headers: JSON | None = None, **options: Any) -> JSON:
        deadline = time.monotonic() + self.patience
        while True:
            again, answer = self._try(method, path, {**self.headers, **(headers or {})}, options)
            if not again:
                return answer
            if time.monotonic() > deadline:
                fail(f"{method} {path} was not answered within {self.patience:.0f} s: {answer}")
            time.sleep(0.2)

    def _try(self, method: str, path: str, headers: JSON, options: JSON) -> tuple[bool, JSON]:
        """(whether to ask again, the answer)."""
        try:
            answer = requests.request(method, f"{self.url}/api{path}", headers=headers, timeout=30, **options)
            body: JSON = answer.json()
        except (requests.RequestException, ValueError) as error:
            return True, {"error": str(error)}
        if answer.ok:
            return False, body
        if answer.status_code >= 500 or body["error"]["code"] == "idempotency_in_flight":
            return True, body
        fail(f"{method} {path} answered {answer.status_code}: {body['error']['message']}")


def patiently(ask: Callable[[], Any], patience: float) -> Any:
    """What Stripe answers, asked again while it cannot be reached."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return ask()
        except stripe.APIConnectionError as error:
            if time.monotonic() > deadline:
                fail(f"Stripe does not answer: {error}")
            time.sleep(0.5)


def wait_for(what: str, condition: Callable[[], Any], patience: float) -> Any:
    deadline = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > deadline:
            fail(f"{what} did not happen within {patience:.0f} s")
        time.sleep(0.1)
    return found


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def show_webhooks(billing: BillingOS, object_ids: list[str]) -> None:
    """Each event of these objects, and how long BillingOS took from its arrival to the visible row."""
    say(f"  {'event':<42} {'status':<10} {'lag':>9}")
    for object_id in object_ids:
        page = billing.get("/webhooks/events", object_id=object_id, limit=100)
        for event in reversed(page["data"]):
            lag = (
                f"{seconds_between(event['received_at'], event['processed_at']) * 1000:6.0f} ms"
                if event["processed_at"]
                else "waiting"
            )
            say(f"  {event['type']:<42} {event['status']:<10} {lag:>9}")


def landed(billing: BillingOS, object_id: str, event_type: str) -> bool:
    page = billing.get("/webhooks/events", object_id=object_id, type=event_type)
    return any(event["status"] == "processed" for event in page["data"])


def make_catalog(billing: BillingOS, run: str) -> JSON:
    say("1. Catalog: a feature that is on or off, a limit that a meter counts, a product with both, its price")
    billing.post("/meters", {"key": f"calls_{run}", "name": "API calls", "aggregation": "sum"}, "meter")
    billing.post("/features", {"lookup_key": f"sso_{run}", "name": "Single sign-on"}, "sso")
    limit = {"lookup_key": f"calls_{run}", "name": "API calls", "type": "limit", "meter": f"calls_{run}"}
    billing.post("/features", limit, "limit")
    features = [{"feature": f"sso_{run}"}, {"feature": f"calls_{run}", "limit": 1000}]
    product = billing.post("/products", {"name": f"Pro {run}", "features": features}, "product")
    price = {"product": product["id"], "currency": "usd", "unit_amount": 4900, "interval": "month"}
    return billing.post("/prices", price, "price")


def subscribe(billing: BillingOS, run: str, clock: str, price: JSON) -> tuple[JSON, JSON]:
    say("2. A customer with a card, and a subscription")
    customer = billing.post(
        "/customers",
        {
            "external_id": f"user_{run}",
            "email": f"user_{run}@example.com",
            "payment_method": "pm_card_visa",
            "test_clock": clock,
        },
        "customer",
    )
    order = {"customer_id": f"user_{run}", "items": [{"price": price["id"]}]}
    subscription = billing.post("/subscriptions", order, "subscription")
    say(f"   {customer['stripe_id']} has {subscription['stripe_id']}: {subscription['status']}")
    return customer, subscription


def main() -> None:
    options = arguments()
    demo = json.loads(options.demo.read_text())
    merchant = next((m for m in demo["merchants"] if m["slug"] == options.merchant), None)
    if merchant is None:
        fail(f"{options.demo} knows no merchant {options.merchant}")
    run, patience = options.run, options.patience
    billing = BillingOS(demo["url"], merchant["secret_key"], run, patience)
    stripe_client = stripe.StripeClient(
        demo["stripe"]["secret_key"],
        stripe_version=API_VERSION,
        base_addresses={"api": demo["stripe"]["api_base"]},
    )
    account: Any = {"stripe_account": merchant["stripe_account_id"]} if merchant["stripe_account_id"] else {}
    clocks = stripe_client.v1.test_helpers.test_clocks

    say(f"Run {run} at {demo['url']} as {merchant['slug']}")
    once: Any = {**account, "idempotency_key": f"quickstart-{run}-clock"}
    clock = patiently(lambda: clocks.create({"frozen_time": START, "name": run}, once), patience)
    price = make_catalog(billing, run)
    customer, subscription = subscribe(billing, run, clock.id, price)

    say("3. Stripe's webhooks confirm it")
    name = subscription["stripe_id"]
    wait_for("the webhook", lambda: landed(billing, name, "customer.subscription.created"), patience)
    invoice = subscription["latest_invoice_id"]
    wait_for("the payment's webhook", lambda: landed(billing, invoice, "invoice.paid"), patience)
    show_webhooks(billing, [customer["stripe_id"], name, invoice])

    def check(feature: str) -> JSON:
        return billing.get("/entitlements/check", customer_id=f"user_{run}", feature=f"{feature}_{run}")

    say("4. May the customer use it?")
    usage = {"customer_id": f"user_{run}", "meter": f"calls_{run}", "event_id": f"{run}-1", "value": 250}
    billing.post("/usage/track", usage, "usage")
    sso, calls = check("sso"), check("calls")
    say(f"   sso: {sso['allowed']}; calls: {calls['used']} of {calls['limit']} used, {calls['remaining']} remain")
    over = billing.get(f"/subscriptions/{subscription['id']}")["status"] == "canceled"
    if over:
        say("   This run has been through already: the subscription is over.")
    elif not sso["allowed"] or calls["used"] != 250:
        fail("the entitlement should be there")

    say("5. Canceled at the end of the period: access lasts as long as was paid")
    billing.post(f"/subscriptions/{subscription['id']}/cancel", {"at_period_end": True}, "cancel")
    if not over and not check("sso")["allowed"]:
        fail("access ended too early")

    say("6. The clock moves on by 40 days")
    patiently(lambda: advance(clocks, clock.id, START + 40 * DAY, account), patience)
    wait_for("the end", lambda: landed(billing, name, "customer.subscription.deleted"), patience)
    show_webhooks(billing, [name])
    wait_for("the loss of access", lambda: not check("sso")["allowed"], patience)
    status = billing.get(f"/subscriptions/{subscription['id']}")["status"]
    say(f"   subscription: {status}; sso: {check('sso')['allowed']}")
    say("Done.")


def advance(clocks: Any, clock_id: str, to: int, account: Any) -> None:
    """Moves the clock, unless an earlier try has, and waits until Stripe has caught up with it."""
    if clocks.retrieve(clock_id, None, account).frozen_time < to:
        clocks.advance(clock_id, {"frozen_time": to}, account)
    while clocks.retrieve(clock_id, None, account).status == "advancing":
        time.sleep(0.2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="From nothing to a paid, entitled customer and back.")
    parser.add_argument("--demo", type=Path, default=Path(".billingos/demo.json"), help="keys and addresses")
    parser.add_argument("--merchant", default="northwind", help="which merchant to act for")
    parser.add_argument("--run", default=uuid.uuid4().hex[:8], help="name of the run; the same name repeats it")
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for what does not answer")
    return parser.parse_args()


if __name__ == "__main__":
    main()
