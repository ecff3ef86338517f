"""Invoices made by hand, the items on them, and the customer's credit balance. Amounts in cents."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment

START = moment(2026, 4, 1, 0)
DAY = 86_400


def item(shop: Shop, customer: str, amount: int, **values: Any) -> stripe.InvoiceItem:
    asked: Any = {"customer": customer, "amount": amount, "currency": "usd", **values}
    return shop.client.v1.invoice_items.create(asked)


def draft(shop: Shop, customer: str, **values: Any) -> stripe.Invoice:
    asked: Any = {"customer": customer, "pending_invoice_items_behavior": "include", **values}
    return shop.client.v1.invoices.create(asked)


def one_off(shop: Shop, amount: int) -> str:
    product = shop.client.v1.products.create({"name": "Thing"}).id
    return shop.client.v1.prices.create({"product": product, "currency": "usd", "unit_amount": amount}).id


def credit(shop: Shop, customer: str, amount: int) -> stripe.CustomerBalanceTransaction:
    asked: Any = {"amount": amount, "currency": "usd"}
    return shop.client.v1.customers.balance_transactions.create(customer, asked)


def ledger(shop: Shop, customer: str) -> list[tuple[str, int, int]]:
    """Oldest first: type, amount, balance after it."""
    found = shop.client.v1.customers.balance_transactions.list(customer, {"limit": 100}).data
    return [(one.type, one.amount, one.ending_balance) for one in reversed(found)]


def test_pending_items_become_an_invoice_that_is_paid(shop: Shop) -> None:
    customer = shop.customer()
    item(shop, customer, 1_200, description="Setup")
    asked: Any = {"customer": customer, "pricing": {"price": one_off(shop, 250)}, "quantity": 3}
    shop.client.v1.invoice_items.create(asked)
    asked = {"customer": customer, "unit_amount_decimal": "33.335", "quantity": 10}  # 333.35, so 333
    shop.client.v1.invoice_items.create(asked)
    made = draft(shop, customer)
    assert [line.amount for line in made.lines] == [1_200, 750, 333]
    assert (made.status, made.billing_reason, made.auto_advance, made.total) == ("draft", "manual", False, 2_283)
    assert shop.client.v1.invoice_items.list({"pending": True}).data == []

    opened = shop.client.v1.invoices.finalize_invoice(made.id)
    assert (opened.status, opened.amount_due) == ("open", 2_283)
    paid = shop.client.v1.invoices.pay(made.id)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2_283, 0)
    assert {"invoiceitem.created", "invoice.created", "invoice.finalized", "invoice.paid"} <= set(shop.types())


def test_items_are_put_on_a_draft_changed_and_taken_off(shop: Shop) -> None:
    customer = shop.customer()
    empty = shop.client.v1.invoices.create({"customer": customer})
    first = item(shop, customer, 500, invoice=empty.id)
    asked: Any = {"customer": customer, "invoice": empty.id, "pricing": {"price": one_off(shop, 100)}, "quantity": 2}
    second = shop.client.v1.invoice_items.create(asked)
    assert shop.client.v1.invoices.retrieve(empty.id).total == 700

    shop.client.v1.invoice_items.update(second.id, {"quantity": 5})
    shop.client.v1.invoice_items.update(first.id, {"amount": 501, "description": "More", "metadata": {"a": "b"}})
    changed = shop.client.v1.invoices.retrieve(empty.id)
    assert [(line.amount, line.description) for line in changed.lines] == [(501, "More"), (500, None)]
    assert shop.client.v1.invoice_items.delete(first.id).deleted
    left = shop.client.v1.invoices.finalize_invoice(empty.id)
    assert left.total == 500
    with pytest.raises(stripe.InvalidRequestError, match="only change drafts"):
        shop.client.v1.invoice_items.update(second.id, {"quantity": 6})
    with pytest.raises(stripe.InvalidRequestError, match="only change drafts"):
        shop.client.v1.invoice_items.delete(second.id)
    with pytest.raises(stripe.InvalidRequestError, match="only change drafts"):
        item(shop, customer, 5, invoice=empty.id)


def test_lines_are_added_changed_and_removed_together(shop: Shop) -> None:
    client, customer = shop.client.v1, shop.customer()
    waiting = item(shop, customer, 300)
    made = client.invoices.create({"customer": customer})
    lines: Any = [{"amount": 500, "description": "New"}, {"invoice_item": waiting.id}]
    assert client.invoices.add_lines(made.id, {"lines": lines, "invoice_metadata": {"a": "b"}}).total == 800
    first, second = client.invoices.retrieve(made.id).lines.data
    line = client.invoices.line_items.update(made.id, first.id, {"amount": 501})
    assert (line.id, line.amount) == (first.id, 501)
    changed: Any = {"lines": [{"id": first.id, "amount": 600}, {"id": second.id, "description": "Old"}]}
    assert client.invoices.update_lines(made.id, changed).total == 900
    removed: Any = [{"id": first.id, "behavior": "delete"}, {"id": second.id, "behavior": "unassign"}]
    assert client.invoices.remove_lines(made.id, {"lines": removed}).total == 0
    assert [one.id for one in client.invoice_items.list({"pending": True})] == [waiting.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        client.invoices.line_items.update(made.id, first.id, {"amount": 5})


def test_one_off_items_come_with_a_subscription(shop: Shop) -> None:
    # 1000 and a setup of 2 × 250, with 10% off the setup: 1450.
    tenth = shop.client.v1.coupons.create({"percent_off": 10, "duration": "once"}).id
    extra: Any = {"price": one_off(shop, 250), "quantity": 2, "discounts": [{"coupon": tenth}]}
    subscription = shop.subscribe(shop.customer(), shop.price(1_000), add_invoice_items=[extra])
    first = shop.invoices(subscription.id)[0]
    assert ([line.amount for line in first.lines], first.amount_paid) == ([500, 1_000], 1_450)
    later: Any = {"add_invoice_items": [{"price": one_off(shop, 70)}]}
    shop.client.v1.subscriptions.update(subscription.id, later)
    pending = shop.client.v1.invoice_items.list({"pending": True}).data
    assert [(one.amount, one.parent is not None) for one in pending] == [(70, True)]


def test_a_pending_item_comes_with_the_next_renewal(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    one, two = (shop.subscribe(customer, shop.price(1_000)) for _ in range(2))
    item(shop, customer, 300, subscription=two.id)
    item(shop, customer, -50)  # of no subscription: it goes with whichever comes first
    shop.advance(clock, moment(2026, 5, 1, 2))
    assert [line.amount for line in shop.invoices(one.id)[-1].lines] == [-50, 1_000]
    assert [line.amount for line in shop.invoices(two.id)[-1].lines] == [300, 1_000]


def test_discounts_and_taxes_of_drafts_and_their_items(shop: Shop) -> None:
    # 1000 - 10% (its own) = 900; 500 may not be discounted; 100 off: all of it from the 900, which leaves 800.
    # 20% of 800 and 5% of 500: 160 and 25.
    client, customer = shop.client.v1, shop.customer()
    tenth = client.coupons.create({"percent_off": 10, "duration": "once"}).id
    fixed = client.coupons.create({"amount_off": 100, "currency": "usd", "duration": "once"}).id
    rates = [
        client.tax_rates.create({"display_name": "T", "percentage": percentage, "inclusive": False}).id
        for percentage in (20, 5)
    ]
    item(shop, customer, 1_000, discounts=[{"coupon": tenth}])
    item(shop, customer, 500, discountable=False, tax_rates=[rates[1]])
    made = draft(shop, customer, discounts=[{"coupon": fixed}], default_tax_rates=[rates[0]])
    assert (made.subtotal, made.total, made.total_excluding_tax) == (1_400, 1_485, 1_300)
    assert [tax.amount for tax in made.total_taxes or []] == [160, 25]
    assert sum(entry.amount for entry in made.total_discount_amounts or []) == 200

    plain = client.invoices.update(made.id, {"discounts": "", "default_tax_rates": ""})
    assert (plain.subtotal, plain.total) == (1_400, 1_425)


def test_invoices_sent_by_mail(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock, card=None)
    item(shop, customer, 900)
    made = draft(shop, customer, collection_method="send_invoice", days_until_due=10, description="Hello")
    assert (made.due_date, made.description) == (START + 10 * DAY, "Hello")
    later = shop.client.v1.invoices.update(made.id, {"due_date": START + 20 * DAY, "footer": "Bye"})
    assert (later.due_date, later.footer) == (START + 20 * DAY, "Bye")
    sent = shop.client.v1.invoices.send_invoice(made.id)
    assert sent.status == "open"
    assert "invoice.sent" in shop.types()
    written_off = shop.client.v1.invoices.mark_uncollectible(made.id)
    assert written_off.status == "uncollectible"
    assert shop.client.v1.invoices.pay(made.id, {"paid_out_of_band": True}).status == "paid"

    item(shop, customer, 900)
    automatic = draft(shop, customer)
    with pytest.raises(stripe.InvalidRequestError, match="send_invoice"):
        shop.client.v1.invoices.send_invoice(automatic.id)
    with pytest.raises(stripe.InvalidRequestError, match="due date"):
        shop.client.v1.invoices.update(automatic.id, {"due_date": START + DAY})


def test_a_draft_that_advances_by_itself(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    item(shop, customer, 900)
    made = draft(shop, customer, auto_advance=True)
    shop.advance(clock, START + 3_600)
    assert shop.client.v1.invoices.retrieve(made.id).status == "paid"


def test_drafts_are_deleted_with_their_items(shop: Shop) -> None:
    customer = shop.customer()
    on_it = item(shop, customer, 900)
    made = draft(shop, customer)
    assert shop.client.v1.invoices.delete(made.id).deleted
    for missing in (
        lambda: shop.client.v1.invoices.retrieve(made.id),
        lambda: shop.client.v1.invoice_items.retrieve(on_it.id),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="No such"):
            missing()
    subscription = shop.subscribe(customer, shop.price(500))
    with pytest.raises(stripe.InvalidRequestError, match="only change drafts"):
        shop.client.v1.invoices.delete(str(subscription.latest_invoice))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "amount"),
        ({"amount": 5, "currency": "eur"}, "combine currencies"),
        ({"amount": 5, "quantity_decimal": "1.5"}, "does not simulate"),
        ({"amount": 5, "tax_code": "txcd_1"}, "does not simulate"),
        ({"amount": 5, "price": "price_1"}, "unknown parameter"),
        ({"pricing": {"price": "recurring"}}, "type=one_time"),
        ({"amount": 5, "tax_rates": ["txr_no"]}, "No such tax rate"),
    ],
)
def test_items_that_make_no_sense_are_refused(shop: Shop, values: dict[str, Any], message: str) -> None:
    customer, recurring = shop.customer(), shop.price(5)
    shop.subscribe(customer, recurring)  # in dollars
    if values.get("pricing"):
        values = {"pricing": {"price": recurring}}
    asked: Any = {"customer": customer, **values}
    with pytest.raises(stripe.InvalidRequestError, match=message):
        shop.client.v1.invoice_items.create(asked)


@pytest.mark.parametrize(
    ("moved", "due", "entries"),
    [
        # 700 of credit: 300 are left to pay.
        (-700, 300, [("adjustment", -700, -700), ("applied_to_invoice", 700, 0)]),
        # 2500 of credit: nothing to pay, 1500 left.
        (-2_500, 0, [("adjustment", -2_500, -2_500), ("applied_to_invoice", 1_000, -1_500)]),
        # A debt of 400 is collected along.
        (400, 1_400, [("adjustment", 400, 400), ("applied_to_invoice", -400, 0)]),
    ],
)
def test_the_balance_is_applied_when_an_invoice_is_finalised(
    shop: Shop, moved: int, due: int, entries: list[tuple[str, int, int]]
) -> None:
    customer = shop.customer()
    credit(shop, customer, moved)
    item(shop, customer, 1_000)
    made = draft(shop, customer)
    assert made.amount_due == due
    opened = shop.client.v1.invoices.finalize_invoice(made.id)
    assert (opened.total, opened.amount_due, opened.starting_balance) == (1_000, due, moved)
    assert opened.ending_balance == min(moved + 1_000, 0)
    assert ledger(shop, customer) == entries


def test_a_voided_invoice_gives_the_balance_back(shop: Shop) -> None:
    customer = shop.customer()
    credit(shop, customer, -700)
    item(shop, customer, 1_000)
    made = draft(shop, customer)
    shop.client.v1.invoices.finalize_invoice(made.id)
    shop.client.v1.invoices.void_invoice(made.id)
    assert ledger(shop, customer)[-1] == ("unapplied_from_invoice", -700, -700)
    assert shop.client.v1.customers.retrieve(customer).balance == -700


def test_the_ledger_of_a_balance(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({"balance": -100}).id
    shop.client.v1.customers.update(customer, {"balance": 50})
    made = credit(shop, customer, -20)
    assert ledger(shop, customer) == [("initial", -100, -100), ("adjustment", 150, 50), ("adjustment", -20, 30)]
    changed = shop.client.v1.customers.balance_transactions.update(customer, made.id, {"description": "Sorry"})
    assert (changed.description, changed.amount) == ("Sorry", -20)
    assert shop.client.v1.customers.balance_transactions.retrieve(customer, made.id).description == "Sorry"
    other = shop.client.v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        shop.client.v1.customers.balance_transactions.retrieve(other, made.id)
    wrong: Any = {"amount": 5, "currency": "eur"}
    with pytest.raises(stripe.InvalidRequestError, match="balance is in usd"):
        shop.client.v1.customers.balance_transactions.create(customer, wrong)
