"""Coupons, promotion codes and what they take off, worked out by hand. Amounts in cents, times UTC."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

START = moment(2026, 4, 1, 0)


def coupon(shop: Shop, **values: Any) -> str:
    if "amount_off" in values:
        values = {"currency": "usd", **values}
    asked: Any = {"duration": "once", **values}
    return shop.client.v1.coupons.create(asked).id


def months(shop: Shop, clock: str, until: tuple[int, int]) -> None:
    shop.advance(clock, moment(*until, 1, 2))


@pytest.mark.parametrize(
    ("price", "terms", "totals"),
    [
        # 25% of 999 is 249.75, so 250 off, for good.
        (999, {"percent_off": 25, "duration": "forever"}, [749, 749, 749, 749]),
        # Half of the first invoice only.
        (1_000, {"percent_off": 50, "duration": "once"}, [500, 1_000, 1_000, 1_000]),
        # 10% of 1995 is 199.5, so 200 off; two months from 1 April end on 1 June: April and May.
        (1_995, {"percent_off": 10, "duration": "repeating", "duration_in_months": 2}, [1_795, 1_795, 1_995, 1_995]),
        # 12.5% of 1000 is 125.
        (1_000, {"percent_off": "12.5", "duration": "once"}, [875, 1_000, 1_000, 1_000]),
        # 300 off once.
        (1_000, {"amount_off": 300, "duration": "once"}, [700, 1_000, 1_000, 1_000]),
        # 250 off for three months: April, May, June.
        (1_000, {"amount_off": 250, "duration": "repeating", "duration_in_months": 3}, [750, 750, 750, 1_000]),
        # More off than there is: never below nothing, and the rest is not kept.
        (1_000, {"amount_off": 5_000, "duration": "forever"}, [0, 0, 0, 0]),
    ],
)
def test_every_duration_of_percentages_and_amounts(
    shop: Shop, price: int, terms: dict[str, Any], totals: list[int]
) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(
        shop.customer(clock), shop.price(price), discounts=[{"coupon": coupon(shop, **terms)}]
    )
    months(shop, clock, (2026, 7))
    invoices = shop.invoices(subscription.id)
    assert [invoice.total for invoice in invoices] == totals
    assert [invoice.amount_paid for invoice in invoices] == totals
    assert [invoice.subtotal for invoice in invoices] == [price] * 4


def test_a_month_from_the_31st_ends_with_a_short_month(shop: Shop) -> None:
    clock = shop.clock(moment(2027, 1, 31))  # one month later is 28 February, when the second invoice comes
    terms = {"percent_off": 50, "duration": "repeating", "duration_in_months": 1}
    subscription = shop.subscribe(
        shop.customer(clock), shop.price(1_000), discounts=[{"coupon": coupon(shop, **terms)}]
    )
    shop.advance(clock, moment(2027, 3, 1))
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [500, 1_000]
    assert shop.subscription(subscription.id).discounts == []
    assert shop.types().count("customer.discount.created") == 1
    assert shop.types().count("customer.discount.deleted") == 1


@pytest.mark.parametrize(
    ("order", "total"),
    [
        (["tenth", "five"], 1_300),  # 2000 - 200 = 1800, - 500
        (["five", "tenth"], 1_350),  # 2000 - 500 = 1500, - 150
    ],
)
def test_discounts_work_in_their_order(shop: Shop, order: list[str], total: int) -> None:
    coupon(shop, id="tenth", percent_off=10)
    coupon(shop, id="five", amount_off=500)
    subscription = shop.subscribe(shop.customer(), shop.price(2_000), discounts=[{"coupon": name} for name in order])
    invoice = shop.invoices(subscription.id)[0]
    assert invoice.total == total
    assert sum(entry.amount for entry in invoice.total_discount_amounts or []) == 2_000 - total


def test_an_amount_is_spread_over_the_lines(shop: Shop) -> None:
    # 100 over 333, 333 and 334: 33.3, 33.3, 33.4; the cent that is left goes to the largest remainder.
    items = [{"price": shop.price(amount)} for amount in (333, 333, 334)]
    asked: Any = {"customer": shop.customer(), "items": items, "discounts": [{"coupon": coupon(shop, amount_off=100)}]}
    subscription = shop.client.v1.subscriptions.create(asked)
    invoice = shop.invoices(subscription.id)[0]
    assert [[entry.amount for entry in line.discount_amounts or []] for line in invoice.lines] == [[33], [33], [34]]
    assert (invoice.subtotal, invoice.total) == (1_000, 900)


def test_a_coupon_for_one_product_leaves_the_others(shop: Shop) -> None:
    product = shop.client.v1.products.create({"name": "Pro"}).id
    only = coupon(shop, percent_off=20, applies_to={"products": [product]})
    items = [{"price": shop.price(1_000, product=product)}, {"price": shop.price(500)}]
    asked: Any = {"customer": shop.customer(), "items": items, "discounts": [{"coupon": only}]}
    subscription = shop.client.v1.subscriptions.create(asked)
    assert shop.invoices(subscription.id)[0].total == 1_300  # 20% of 1000 only
    shown = shop.client.v1.coupons.retrieve(only, {"expand": ["applies_to"]})
    assert shown.applies_to is not None
    assert shown.applies_to.products == [product]


def test_an_items_discount_comes_before_the_subscriptions(shop: Shop) -> None:
    # 1000 - 10% = 900 is the subtotal; 10% of that leaves 810.
    tenth = coupon(shop, percent_off=10, duration="forever")
    asked: Any = {
        "customer": shop.customer(),
        "items": [{"price": shop.price(1_000), "discounts": [{"coupon": tenth}]}],
        "discounts": [{"coupon": tenth}],
        "expand": ["latest_invoice.total_discount_amounts.discount", "discounts", "items.data.discounts"],
    }
    subscription = shop.client.v1.subscriptions.create(asked)
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.subtotal, invoice.total, invoice.lines.data[0].amount) == (900, 810, 1_000)
    amounts = invoice.total_discount_amounts or []
    assert [entry.amount for entry in amounts] == [100, 90]
    named = [entry.discount for entry in amounts if isinstance(entry.discount, stripe.Discount)]
    assert [one.subscription_item for one in named] == [item_of(subscription).id, None]
    assert [one.source.coupon for one in named] == [tenth, tenth]


def test_a_coupon_for_once_waits_for_the_end_of_a_trial(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(
        shop.customer(clock),
        shop.price(1_000),
        trial_end=moment(2026, 5, 1, 0),
        discounts=[{"coupon": coupon(shop, percent_off=50)}],
    )
    months(shop, clock, (2026, 6))
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [0, 500, 1_000]


def test_a_customers_discount_serves_subscriptions_that_have_none(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    legacy: Any = {"coupon": coupon(shop, percent_off=50, duration="forever")}
    updated = shop.client.v1.customers.update(customer, legacy)
    assert updated.discount is not None
    plain = shop.subscribe(customer, shop.price(1_000))
    own = shop.subscribe(customer, shop.price(1_000), discounts=[{"coupon": coupon(shop, percent_off=10)}])
    assert [shop.invoices(one.id)[0].total for one in (plain, own)] == [500, 900]

    legacy = {"coupon": coupon(shop, percent_off=20, duration="forever")}
    shop.client.v1.customers.update(customer, legacy)
    assert shop.types().count("customer.discount.updated") == 1
    months(shop, clock, (2026, 5))
    assert shop.invoices(plain.id)[-1].total == 800
    assert shop.client.v1.customers.delete_discount(customer).deleted
    months(shop, clock, (2026, 6))
    assert shop.invoices(plain.id)[-1].total == 1_000
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        shop.client.v1.customers.delete_discount(customer)


def test_discounts_of_a_subscription_are_replaced_kept_and_removed(shop: Shop) -> None:
    subscription = shop.subscribe(
        shop.customer(), shop.price(1_000), discounts=[{"coupon": coupon(shop, percent_off=10, duration="forever")}]
    )
    kept = str((subscription.discounts or [])[0])
    more: Any = {"discounts": [{"discount": kept}, {"coupon": coupon(shop, percent_off=20, duration="forever")}]}
    both = shop.client.v1.subscriptions.update(subscription.id, more)
    assert len(both.discounts or []) == 2
    assert (both.discounts or [])[0] == kept
    gone = shop.client.v1.subscriptions.update(subscription.id, {"discounts": ""})
    assert gone.discounts == []
    assert shop.types().count("customer.discount.deleted") == 2

    again: Any = {"discounts": [{"coupon": coupon(shop, percent_off=20, duration="forever")}]}
    shop.client.v1.subscriptions.update(subscription.id, again)
    assert shop.client.v1.subscriptions.delete_discount(subscription.id).deleted
    assert shop.subscription(subscription.id).discounts == []


def test_a_free_first_period_needs_no_card(shop: Shop) -> None:
    subscription = shop.subscribe(
        shop.customer(card=None), shop.price(1_000), discounts=[{"coupon": coupon(shop, percent_off=100)}]
    )
    assert subscription.status == "active"


def test_coupons_are_used_up_and_expire(shop: Shop) -> None:
    once = coupon(shop, percent_off=10, max_redemptions=1)
    customer, price = shop.customer(), shop.price(1_000)
    shop.subscribe(customer, price, discounts=[{"coupon": once}])
    shown = shop.client.v1.coupons.retrieve(once)
    assert (shown.times_redeemed, shown.valid) == (1, False)
    with pytest.raises(stripe.InvalidRequestError, match="used up") as refused:
        shop.subscribe(customer, price, discounts=[{"coupon": once}])
    assert refused.value.code == "coupon_expired"

    clock = shop.clock(moment(2040, 1, 1))
    late = coupon(shop, percent_off=10, redeem_by=int(shop.client.v1.coupons.retrieve(once).created) + 100)
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        shop.subscribe(shop.customer(clock), price, discounts=[{"coupon": late}])
    with pytest.raises(stripe.InvalidRequestError, match="cannot be applied to usd"):
        shop.subscribe(customer, price, discounts=[{"coupon": coupon(shop, amount_off=5, currency="eur")}])
    both = coupon(shop, amount_off=5, currency="eur", currency_options={"usd": {"amount_off": 7}})
    subscription = shop.subscribe(customer, price, discounts=[{"coupon": both}])
    assert shop.invoices(subscription.id)[0].total == 993


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"percent_off": 10, "amount_off": 5, "currency": "usd"}, "either percent_off or amount_off"),
        ({"percent_off": 101}, "at most 100"),
        ({"percent_off": 0}, "greater than 0"),
        ({"amount_off": 5, "currency": ""}, "currency"),
        ({"percent_off": 5, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 5, "duration_in_months": 2}, "only pass duration_in_months"),
        ({"percent_off": 5, "redeem_by": 5}, "redeem_by"),
        ({"percent_off": 5, "applies_to": {"products": ["prod_no"]}}, "No such product"),
        ({"percent_off": 5, "id": "taken"}, "already exists"),
    ],
)
def test_coupons_that_make_no_sense_are_refused(shop: Shop, values: dict[str, Any], message: str) -> None:
    coupon(shop, id="taken", percent_off=1)
    with pytest.raises(stripe.InvalidRequestError, match=message):
        coupon(shop, **values)


def test_coupons_are_changed_listed_and_deleted(shop: Shop) -> None:
    name = coupon(shop, percent_off="33.33", duration="forever")
    changed = shop.client.v1.coupons.update(name, {"name": "Third", "metadata": {"a": "b"}})
    assert (changed.name, changed.percent_off) == ("Third", 33.33)
    assert changed.to_dict()["metadata"] == {"a": "b"}
    subscription = shop.subscribe(shop.customer(), shop.price(1_000), discounts=[{"coupon": name}])
    assert [one.id for one in shop.client.v1.coupons.list()] == [name]
    assert shop.client.v1.coupons.delete(name).deleted
    assert shop.client.v1.coupons.list().data == []
    assert shop.invoices(subscription.id)[0].total == 667  # 333.3 off
    kept = shop.client.v1.subscriptions.retrieve(subscription.id, {"expand": ["discounts.source.coupon"]})
    discount = (kept.discounts or [])[0]
    assert isinstance(discount, stripe.Discount)
    assert isinstance(discount.source.coupon, stripe.Coupon)
    assert discount.source.coupon.deleted
    assert {"coupon.created", "coupon.updated", "coupon.deleted"} <= set(shop.types())


def promotion(shop: Shop, terms: str, **values: Any) -> stripe.PromotionCode:
    asked: Any = {"promotion": {"type": "coupon", "coupon": terms}, **values}
    return shop.client.v1.promotion_codes.create(asked)


def test_promotion_codes_restrict_who_may_redeem(shop: Shop) -> None:
    tenth = coupon(shop, percent_off=10)
    customer, price = shop.customer(), shop.price(1_000)
    first = promotion(shop, tenth, code="HELLO", restrictions={"first_time_transaction": True})
    subscription = shop.subscribe(customer, price, discounts=[{"promotion_code": first.id}])
    invoice = shop.invoices(subscription.id)[0]
    assert invoice.total == 900
    with pytest.raises(stripe.InvalidRequestError, match="prior transactions"):
        shop.subscribe(customer, price, discounts=[{"promotion_code": first.id}])
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        promotion(shop, tenth, code="hello")

    limits = {"minimum_amount": 1_001, "minimum_amount_currency": "usd"}
    big = promotion(shop, tenth, restrictions=limits)
    with pytest.raises(stripe.InvalidRequestError, match="at least 1001"):
        shop.subscribe(customer, price, discounts=[{"promotion_code": big.id}])
    shop.subscribe(customer, shop.price(1_001), discounts=[{"promotion_code": big.id}])

    personal = promotion(shop, tenth, customer=customer, max_redemptions=1)
    with pytest.raises(stripe.InvalidRequestError, match="another customer"):
        shop.subscribe(shop.customer(), price, discounts=[{"promotion_code": personal.id}])
    shop.subscribe(customer, price, discounts=[{"promotion_code": personal.id}])
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        shop.subscribe(customer, price, discounts=[{"promotion_code": personal.id}])
    assert shop.client.v1.coupons.retrieve(tenth).times_redeemed == 3
    assert not shop.client.v1.promotion_codes.retrieve(personal.id).active  # used up
    assert [one.id for one in shop.client.v1.promotion_codes.list({"active": True})] == [big.id, first.id]


def test_promotion_codes_are_found_by_code_and_switched_off(shop: Shop) -> None:
    tenth = coupon(shop, percent_off=10)
    code = promotion(shop, tenth, code="Summer", metadata={"a": "b"})
    promotion(shop, tenth)
    assert [one.id for one in shop.client.v1.promotion_codes.list({"code": "SUMMER"})] == [code.id]
    assert len(shop.client.v1.promotion_codes.list({"coupon": tenth}).data) == 2
    off = shop.client.v1.promotion_codes.update(code.id, {"active": False})
    assert not off.active
    assert [one.id for one in shop.client.v1.promotion_codes.list({"active": False})] == [code.id]
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        shop.subscribe(shop.customer(), shop.price(1), discounts=[{"promotion_code": code.id}])
    shown = shop.client.v1.promotion_codes.retrieve(code.id, {"expand": ["promotion.coupon"]})
    assert isinstance(shown.promotion.coupon, stripe.Coupon)


def test_two_accounts_have_coupons_of_the_same_id(shop: Shop) -> None:
    one, two = (shop.client.v1.accounts.create({"type": "express", "country": "CH"}).id for _ in range(2))
    terms: Any = {"id": "WELCOME", "duration": "once"}
    shop.client.v1.coupons.create(terms | {"percent_off": 10}, {"stripe_account": one})
    shop.client.v1.coupons.create(terms | {"percent_off": 90}, {"stripe_account": two})
    shown = [shop.client.v1.coupons.retrieve("WELCOME", None, {"stripe_account": each}) for each in (one, two)]
    assert [each.percent_off for each in shown] == [10, 90]
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        shop.client.v1.coupons.retrieve("WELCOME")
    made = [event for event in shop.received if event["type"] == "coupon.created"]
    assert [(event["account"], event["data"]["object"]["percent_off"]) for event in made] == [(one, 10), (two, 90)]
