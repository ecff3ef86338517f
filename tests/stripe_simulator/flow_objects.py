"""Objects of the flows beyond the plain subscription, in many states, for the contract test."""

from typing import Any

import pytest
import requests
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

START = moment(2026, 4, 1, 0)
DAY = 86_400


def flow_objects(shop: Shop) -> list[dict[str, Any]]:
    """Raw JSON of meters, schedules, intents, refunds, disputes and what they leave on other objects."""
    clock = shop.clock(START)
    customer = shop.customer(clock)
    meter = _metered(shop, clock, customer)
    _scheduled(shop, clock, customer)
    _paid(shop, customer)
    _paused(shop, clock)
    shop.advance(clock, START + 60 * DAY)
    paths = [
        "billing/meters",
        f"billing/meters/{meter}/event_summaries?customer={customer}&start_time={START}&end_time={START + DAY}",
        "charges?limit=100&expand[]=data.refunds",
        "disputes?expand[]=data.charge&expand[]=data.payment_intent",
        "events?limit=100",
        f"invoices?customer={customer}&limit=100&expand[]=data.confirmation_secret",
        "payment_intents?limit=100&expand[]=data.latest_charge",
        "prices?limit=100",
        "refunds?expand[]=data.charge&expand[]=data.payment_method",
        "setup_intents?expand[]=data.payment_method&expand[]=data.customer",
        "subscription_schedules?expand[]=data.subscription&expand[]=data.customer&expand[]=data.phases.discounts.coupon",
        f"subscriptions?status=all&test_clock={clock}&limit=100&expand[]=data.schedule",
        f"subscriptions?customer={_pending(shop, clock)}",
    ]
    found: list[dict[str, Any]] = []
    for path in paths:
        answer = requests.get(f"{shop.url}/v1/{path}", auth=("sk_test_simulator", ""), timeout=10)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
    return found + _reported(shop, customer)


def _metered(shop: Shop, clock: str, customer: str) -> str:
    meters = shop.client.v1.billing.meters
    meter = meters.create({"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}})
    product = shop.client.v1.products.create({"name": "Calls"}).id
    recurring: Any = {"interval": "month", "usage_type": "metered", "meter": meter.id}
    price = shop.client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 5, "recurring": recurring}
    )
    shop.subscribe(customer, "", items=[{"price": price.id}, {"price": shop.price(500)}])
    return meter.id


def _scheduled(shop: Shop, clock: str, customer: str) -> None:
    schedules = shop.client.v1.subscription_schedules
    price, other = shop.price(700), shop.price(900)
    taken = schedules.create({"from_subscription": shop.subscribe(customer, price).id})
    half = shop.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    rate = shop.client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": True}).id
    then = {"items": [{"price": other, "discounts": [{"coupon": half}], "tax_rates": [rate]}], "description": "Then"}
    phases: Any = [
        {"items": [{"price": price}], "end_date": taken.phases[0].end_date, "default_tax_rates": [rate]},
        {**then, "invoice_settings": {"days_until_due": 3}, "discounts": [{"coupon": half}]},
    ]
    schedules.update(taken.id, {"phases": phases})
    later: Any = {"customer": customer, "start_date": START + 300 * DAY, "phases": [{"items": [{"price": price}]}]}
    schedules.create(later)
    schedules.release(schedules.create({"customer": customer, "phases": later["phases"]}).id)


def _paid(shop: Shop, customer: str) -> None:
    intents = shop.client.v1.payment_intents
    cards = (
        "pm_card_visa",
        "pm_card_createDispute",
        "pm_card_createDisputeInquiry",
        "pm_card_authenticationRequired",
        "pm_card_chargeDeclinedExpiredCard",
        "pm_card_refundFail",
    )
    intents.create({"amount": 900, "currency": "usd"})
    for card in cards:
        asked: Any = {"amount": 900, "currency": "usd", "payment_method": card, "customer": customer}
        asked |= {"confirm": True, "payment_method_types": ["card"], "description": card}
        try:
            paid = intents.create(asked)
        except stripe.CardError:
            continue
        if card in ("pm_card_visa", "pm_card_refundFail"):
            shop.client.v1.refunds.create({"payment_intent": paid.id, "amount": 300, "reason": "duplicate"})
    asked |= {"capture_method": "manual", "payment_method": "pm_card_visa"}
    held = intents.create(asked)
    intents.cancel(held.id)
    setups = shop.client.v1.setup_intents
    setups.create({"customer": customer})
    for card in ("pm_card_visa", "pm_card_authenticationRequired"):
        setups.create({"customer": customer, "payment_method": card, "confirm": True})
    failing = setups.create({})
    with pytest.raises(stripe.CardError):
        setups.confirm(failing.id, {"payment_method": "pm_card_chargeDeclined"})


def _paused(shop: Shop, clock: str) -> None:
    ends = {"end_behavior": {"missing_payment_method": "pause"}}
    bare = shop.customer(clock, card=None)
    price = shop.price(100)
    shop.subscribe(bare, price, trial_period_days=2, trial_settings=ends, payment_behavior="default_incomplete")
    mail = shop.subscribe(bare, price, collection_method="send_invoice", days_until_due=2)
    held: Any = {"pause_collection": {"behavior": "keep_as_draft"}}
    shop.client.v1.subscriptions.update(mail.id, held)
    items = shop.client.v1.subscription_items
    items.update(item_of(mail).id, {"quantity": 2})


def _pending(shop: Shop, clock: str) -> str:
    """The customer of a subscription whose change waits for its payment."""
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(100))
    bad = shop.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": bad.id}})
    change: Any = {"items": [{"id": item_of(subscription).id, "quantity": 2}], "metadata": {"a": "b"}}
    change |= {"payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    assert shop.client.v1.subscriptions.update(subscription.id, change).pending_update is not None
    return customer


def _reported(shop: Shop, customer: str) -> list[dict[str, Any]]:
    """What is answered once and can't be listed."""
    event = {"event_name": "calls", "identifier": "one"}
    event |= {"payload[stripe_customer_id]": customer, "payload[value]": "3"}
    cancel = {"event_name": "calls", "type": "cancel", "cancel[identifier]": "one"}
    auth = ("sk_test_simulator", "")
    sent = (("meter_events", event), ("meter_event_adjustments", cancel))
    answers = [requests.post(f"{shop.url}/v1/billing/{path}", data, auth=auth, timeout=10) for path, data in sent]
    assert [answer.status_code for answer in answers] == [200, 200]
    return [answer.json() for answer in answers]
