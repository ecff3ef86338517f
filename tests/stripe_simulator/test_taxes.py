"""Tax rates inside of prices and on top of them, worked out by hand. Amounts in cents."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

START = moment(2026, 4, 1, 0)  # April has 30 days


def rate(shop: Shop, percentage: Any, inclusive: bool = False) -> str:
    asked: Any = {"display_name": "Tax", "percentage": percentage, "inclusive": inclusive}
    return shop.client.v1.tax_rates.create(asked).id


def invoiced(shop: Shop, amounts: list[int], **values: Any) -> stripe.Invoice:
    """The first invoice of a subscription to prices of these amounts."""
    items = [{"price": shop.price(amount)} for amount in amounts]
    asked: Any = {"customer": values.pop("customer", None) or shop.customer(), "items": items, **values}
    return shop.invoices(shop.client.v1.subscriptions.create(asked).id)[0]


@pytest.mark.parametrize(
    ("amounts", "rates", "taxes", "total", "before"),
    [
        # 8.875% of 999 is 88.66.
        ([999], [("8.875", False)], [89], 1_088, 999),
        # 19% inside of 1190: 1190 * 19/119 = 190.
        ([1_190], [(19, True)], [190], 1_190, 1_000),
        # 20% inside of 999: 999 * 20/120 = 166.5, so 167.
        ([999], [(20, True)], [167], 999, 832),
        # 5% and 9.975% of 2000, each rounded by itself: 100 and 199.5.
        ([2_000], [(5, False), ("9.975", False)], [100, 200], 2_300, 2_000),
        # 5% and 10% inside of 1150: 1150/1.15 = 1000, so 50 and 100.
        ([1_150], [(5, True), (10, True)], [50, 100], 1_150, 1_000),
        # Rounded line by line: 15% of 43 is 6.45, of 484 is 72.6: 6 + 73. (15% of 527 would be 79.05.)
        ([43, 484], [(15, False)], [79], 606, 527),
        # 10% of 5 and of 5 are 0.5 each: 1 + 1, where 10% of 10 would be 1.
        ([5, 5], [(10, False)], [2], 12, 10),
        # 10% inside of 1100 (100), then 5% on top of the 1000 that are left (50).
        ([1_100], [(10, True), (5, False)], [100, 50], 1_150, 1_000),
        # Nothing is a rate as well.
        ([1_000], [(0, False)], [0], 1_000, 1_000),
    ],
)
def test_taxes_line_by_line(
    shop: Shop, amounts: list[int], rates: list[tuple[Any, bool]], taxes: list[int], total: int, before: int
) -> None:
    ids = [rate(shop, percentage, inclusive) for percentage, inclusive in rates]
    invoice = invoiced(shop, amounts, default_tax_rates=ids)
    assert [tax.amount for tax in invoice.total_taxes or []] == taxes
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (sum(amounts), total, total)
    assert (invoice.total_excluding_tax, invoice.subtotal_excluding_tax) == (before, before)
    assert [one.id for one in invoice.default_tax_rates] == ids
    behaviors = ["inclusive" if inclusive else "exclusive" for _, inclusive in rates]
    assert [tax.tax_behavior for tax in invoice.total_taxes or []] == behaviors


def test_tax_is_on_what_discounts_leave(shop: Shop) -> None:
    half = shop.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    # 1000 - 500 = 500; 20% on top are 100.
    upon = invoiced(shop, [1_000], default_tax_rates=[rate(shop, 20)], discounts=[{"coupon": half}])
    assert (upon.subtotal, upon.total, upon.total_excluding_tax) == (1_000, 600, 500)
    # 1190 - 595 = 595; 595 * 19/119 = 95 inside. Before discount and tax it is 1000.
    inside = invoiced(shop, [1_190], default_tax_rates=[rate(shop, 19, True)], discounts=[{"coupon": half}])
    assert (inside.subtotal, inside.subtotal_excluding_tax) == (1_190, 1_000)
    assert (inside.total, inside.total_excluding_tax) == (595, 500)
    line = inside.lines.data[0]
    assert [(tax.amount, tax.taxable_amount) for tax in line.taxes or []] == [(95, 500)]


def test_an_items_rates_take_the_place_of_the_default(shop: Shop) -> None:
    reduced = rate(shop, 5)
    items = [{"price": shop.price(1_000), "tax_rates": [reduced]}, {"price": shop.price(1_000)}]
    asked: Any = {"customer": shop.customer(), "items": items, "default_tax_rates": [rate(shop, 20)]}
    subscription = shop.client.v1.subscriptions.create(asked)
    invoice = shop.invoices(subscription.id)[0]
    assert [tax.amount for line in invoice.lines for tax in line.taxes or []] == [50, 200]
    assert invoice.total == 2_250
    assert [one.id for one in item_of(subscription).tax_rates or []] == [reduced]
    bare: Any = {"items": [{"id": item_of(subscription).id, "tax_rates": ""}], "default_tax_rates": ""}
    changed = shop.client.v1.subscriptions.update(subscription.id, bare)
    assert (item_of(changed).tax_rates, changed.default_tax_rates) == ([], [])


@pytest.mark.parametrize(("exemption", "reason"), [("exempt", "customer_exempt"), ("reverse", "reverse_charge")])
def test_the_exempt_pay_no_tax(shop: Shop, exemption: Any, reason: str) -> None:
    customer = shop.customer()
    shop.client.v1.customers.update(customer, {"tax_exempt": exemption})
    invoice = invoiced(shop, [1_000], customer=customer, default_tax_rates=[rate(shop, 20)])
    assert invoice.total == 1_000
    assert [(tax.amount, tax.taxability_reason) for tax in invoice.total_taxes or []] == [(0, reason)]


def test_prorations_are_taxed_both_ways(shop: Shop) -> None:
    # 1000 → 3000 in the middle: -500 and 1500, then 3000. 20% of each: -100, 300, 600.
    clock = shop.clock(START)
    vat = rate(shop, 20)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000), default_tax_rates=[vat])
    shop.advance(clock, START + 15 * 86_400)
    items: Any = [{"id": item_of(subscription).id, "price": shop.price(3_000)}]
    shop.client.v1.subscriptions.update(subscription.id, {"items": items})
    shop.advance(clock, moment(2026, 5, 1, 2))
    renewal = shop.invoices(subscription.id)[-1]
    assert [line.amount for line in renewal.lines] == [-500, 1_500, 3_000]
    assert [tax.amount for line in renewal.lines for tax in line.taxes or []] == [-100, 300, 600]
    assert (renewal.subtotal, renewal.total) == (4_000, 4_800)


def test_rates_are_changed_archived_and_listed(shop: Shop) -> None:
    vat = rate(shop, "19.6")
    gst = rate(shop, 7, True)
    changed = shop.client.v1.tax_rates.update(vat, {"display_name": "VAT", "country": "FR", "active": False})
    assert (changed.display_name, changed.percentage, changed.country) == ("VAT", 19.6, "FR")
    assert [one.id for one in shop.client.v1.tax_rates.list({"active": True})] == [gst]
    assert [one.id for one in shop.client.v1.tax_rates.list({"inclusive": False})] == [vat]
    with pytest.raises(stripe.InvalidRequestError, match="archived"):
        invoiced(shop, [1_000], default_tax_rates=[vat])
    with pytest.raises(stripe.InvalidRequestError, match="twice"):
        invoiced(shop, [1_000], default_tax_rates=[gst, gst])
    with pytest.raises(stripe.InvalidRequestError, match="four decimals"):
        rate(shop, "1.23456")
    fixed: Any = {"percentage": 5}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        shop.client.v1.tax_rates.update(vat, fixed)
