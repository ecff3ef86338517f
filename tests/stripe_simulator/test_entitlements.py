"""Features, and what running subscriptions give."""

from tests.stripe_simulator.conftest import Shop, item_of, moment

SUMMARY = "entitlements.active_entitlement_summary.updated"


def keys(shop: Shop, customer: str) -> set[str]:
    return {one.lookup_key for one in shop.client.v1.entitlements.active_entitlements.list({"customer": customer})}


def product_with(shop: Shop, *features: str) -> str:
    product = shop.client.v1.products.create({"name": "Plan"}).id
    for key in features:
        feature = shop.client.v1.entitlements.features.create({"name": key, "lookup_key": key})
        shop.client.v1.products.features.create(product, {"entitlement_feature": feature.id})
    return product


def test_entitlements_follow_the_subscription(shop: Shop) -> None:
    start = moment(2026, 1, 10)
    clock = shop.clock(start)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(100, product=product_with(shop, "api", "sso")))
    assert keys(shop, customer) == {"api", "sso"}
    summary = next(event for event in shop.received if event["type"] == SUMMARY)
    assert summary["data"]["object"]["customer"] == customer
    assert len(summary["data"]["object"]["entitlements"]["data"]) == 2
    assert summary["data"]["previous_attributes"]["entitlements"]["data"] == []

    upgrade = shop.price(300, product=product_with(shop, "audit"))
    item = item_of(shop.subscription(subscription.id))
    shop.client.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": upgrade}]})
    assert keys(shop, customer) == {"audit"}
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert keys(shop, customer) == {"audit"}
    shop.advance(clock, moment(2026, 2, 11))
    assert keys(shop, customer) == set()
    assert shop.types().count(SUMMARY) == 3


def test_a_feature_attached_later_arrives_with_the_next_period(shop: Shop) -> None:
    start = moment(2026, 1, 10)
    clock = shop.clock(start)
    customer, product = shop.customer(clock), product_with(shop, "api")
    shop.subscribe(customer, shop.price(100, product=product))
    feature = shop.client.v1.entitlements.features.create({"name": "New", "lookup_key": "new"})
    attached = shop.client.v1.products.features.create(product, {"entitlement_feature": feature.id})
    assert keys(shop, customer) == {"api"}
    shop.advance(clock, moment(2026, 2, 10))
    assert keys(shop, customer) == {"api", "new"}
    shop.client.v1.products.features.delete(product, attached.id)
    shop.advance(clock, moment(2026, 3, 10))
    assert keys(shop, customer) == {"api"}


def test_incomplete_subscriptions_give_nothing(shop: Shop) -> None:
    customer = shop.customer(card=None)
    price = shop.price(100, product=product_with(shop, "api"))
    shop.subscribe(customer, price, payment_behavior="default_incomplete")
    assert keys(shop, customer) == set()
    shop.subscribe(customer, price, trial_period_days=3)
    assert keys(shop, customer) == {"api"}
