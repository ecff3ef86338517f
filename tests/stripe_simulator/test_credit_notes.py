"""Credit notes before and after payment, worked out by hand. Amounts in cents."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop
from tests.stripe_simulator.test_invoicing import credit, draft, item, ledger


def opened(shop: Shop, amount: int = 1_000, customer: str | None = None) -> stripe.Invoice:
    customer = customer or shop.customer()
    item(shop, customer, amount)
    return shop.client.v1.invoices.finalize_invoice(draft(shop, customer).id)


def note(shop: Shop, invoice: stripe.Invoice, **values: Any) -> stripe.CreditNote:
    asked: Any = {"invoice": invoice.id, **values}
    return shop.client.v1.credit_notes.create(asked)


def test_before_payment_it_lowers_what_is_due(shop: Shop) -> None:
    invoice = opened(shop)
    made = note(shop, invoice, amount=400, reason="order_change", memo="Sorry")
    assert (made.total, made.pre_payment_amount, made.post_payment_amount) == (400, 400, 0)
    assert (made.type, made.number, made.lines.data[0].amount) == ("pre_payment", f"{invoice.number}-CN-01", 400)
    lowered = shop.client.v1.invoices.retrieve(invoice.id)
    assert (lowered.total, lowered.amount_due, lowered.amount_remaining) == (1_000, 600, 600)
    assert lowered.pre_payment_credit_notes_amount == 400
    paid = shop.client.v1.invoices.pay(invoice.id)
    assert (paid.amount_paid, paid.amount_remaining) == (600, 0)
    charges = shop.client.v1.charges.list({"customer": str(invoice.customer)}).data
    assert [charge.amount for charge in charges] == [600]


def test_all_of_an_open_invoice_settles_it(shop: Shop) -> None:
    invoice = opened(shop)
    note(shop, invoice, amount=1_000)
    settled = shop.client.v1.invoices.retrieve(invoice.id)
    assert (settled.status, settled.amount_due, settled.amount_paid) == ("paid", 0, 0)
    assert shop.client.v1.charges.list({"customer": str(invoice.customer)}).data == []


def test_it_can_be_voided_while_the_invoice_is_open(shop: Shop) -> None:
    invoice = opened(shop)
    made = note(shop, invoice, amount=400)
    gone = shop.client.v1.credit_notes.void_credit_note(made.id)
    assert (gone.status, gone.voided_at is not None) == ("void", True)
    assert shop.client.v1.invoices.pay(invoice.id).amount_paid == 1_000
    later = note(shop, invoice, amount=1_000, credit_amount=1_000)
    with pytest.raises(stripe.InvalidRequestError, match="open invoice"):
        shop.client.v1.credit_notes.void_credit_note(later.id)
    assert shop.types().count("credit_note.voided") == 1


def test_after_payment_it_becomes_balance_or_is_settled_elsewhere(shop: Shop) -> None:
    invoice = opened(shop)
    shop.client.v1.invoices.pay(invoice.id)
    made = note(shop, invoice, amount=700, credit_amount=500, out_of_band_amount=200)
    assert (made.type, made.post_payment_amount, made.out_of_band_amount) == ("post_payment", 700, 200)
    after = shop.client.v1.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_paid, after.post_payment_credit_notes_amount) == ("paid", 1_000, 700)
    assert ledger(shop, str(invoice.customer)) == [("credit_note", -500, -500)]
    # The credit meets the next invoice: 800 - 500 = 300.
    assert opened(shop, 800, str(invoice.customer)).amount_due == 300


def test_after_payment_it_is_refunded(shop: Shop) -> None:
    invoice = opened(shop)
    shop.client.v1.invoices.pay(invoice.id)
    made = note(shop, invoice, amount=300, refund_amount=300)
    assert [refund.amount_refunded for refund in made.refunds] == [300]
    charge = shop.client.v1.charges.list({"customer": str(invoice.customer)}).data[0]
    assert charge.amount_refunded == 300
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        # A refund of what was never charged: 200 of the invoice may still be credited, after 500 outside of a note.
        shop.client.v1.refunds.create({"charge": charge.id, "amount": 701})
    own = shop.client.v1.refunds.create({"charge": charge.id, "amount": 500})
    with pytest.raises(stripe.InvalidRequestError, match=r"what is left of the invoice \(200\)"):
        note(shop, invoice, amount=201, credit_amount=201)
    linked = note(shop, invoice, amount=700, credit_amount=200, refunds=[{"refund": own.id}])
    assert [(str(one.refund), one.amount_refunded) for one in linked.refunds] == [(own.id, 500)]
    assert shop.client.v1.charges.retrieve(charge.id).amount_refunded == 800


def test_more_than_what_is_due_goes_both_ways(shop: Shop) -> None:
    # 400 of 1000 were paid by balance, 600 are due: a note of 1000 lowers 600 and gives 400 back.
    customer = shop.customer()
    credit(shop, customer, -400)
    invoice = opened(shop, 1_000, customer)
    made = note(shop, invoice, amount=1_000, credit_amount=400)
    assert (made.type, made.pre_payment_amount, made.post_payment_amount) == ("mixed", 600, 400)
    assert shop.client.v1.invoices.retrieve(invoice.id).status == "paid"
    assert shop.client.v1.customers.retrieve(customer).balance == -400


def test_a_part_of_a_line_takes_its_discount_and_tax_along(shop: Shop) -> None:
    # 3 × 1000 - 10% = 2700, and 20% on top: 3240. Two of three: 2000 - 200 + 360 = 2160; then 1000 - 100 + 180.
    client, customer = shop.client.v1, shop.customer()
    tenth = client.coupons.create({"percent_off": 10, "duration": "once"}).id
    vat = client.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False}).id
    asked: Any = {"customer": customer, "unit_amount_decimal": "1000", "quantity": 3}
    client.invoice_items.create(asked)
    made = draft(shop, customer, discounts=[{"coupon": tenth}], default_tax_rates=[vat])
    invoice = client.invoices.finalize_invoice(made.id)
    assert invoice.total == 3_240
    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id}
    two = note(shop, invoice, lines=[{**line, "quantity": 2}])
    assert (two.subtotal, two.discount_amount, two.total, two.total_excluding_tax) == (2_000, 200, 2_160, 1_800)
    assert [tax.amount for tax in two.total_taxes or []] == [360]
    assert [one.id for one in two.lines.data[0].tax_rates] == [vat]
    one = note(shop, invoice, lines=[{**line, "amount": 1_000}])
    assert (one.total, one.number) == (1_080, f"{invoice.number}-CN-02")
    assert client.invoices.retrieve(invoice.id).status == "paid"


def test_lines_of_ones_own(shop: Shop) -> None:
    vat = shop.client.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": True}).id
    line = {"type": "custom_line_item", "description": "Goodwill", "quantity": 2, "unit_amount": 119}
    made = note(shop, opened(shop), lines=[{**line, "tax_rates": [vat]}])
    # 238 holds 238 * 19/119 = 38.
    assert (made.total, made.total_excluding_tax) == (238, 200)
    assert [line.description for line in shop.client.v1.credit_notes.line_items.list(made.id)] == ["Goodwill"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"amount": 1_001, "credit_amount": 1_001}, "more than what is left"),
        ({"amount": 500}, "must equal"),
        ({"amount": 500, "credit_amount": 400}, "must equal"),
        ({}, "amount"),
        ({"lines": [{"type": "invoice_line_item"}]}, "invoice_line_item"),
        ({"lines": [{"type": "invoice_line_item", "invoice_line_item": "il_no", "quantity": 1}]}, "No such"),
        ({"lines": [{"type": "custom_line_item", "quantity": 1}]}, "description"),
        ({"amount": 5, "refunds": [{"refund": "re_1"}]}, "No such refund"),
        ({"amount": 5, "shipping_cost": {"shipping_rate": "shr_1"}}, "unknown parameter"),
    ],
)
def test_notes_that_make_no_sense_are_refused(shop: Shop, values: dict[str, Any], message: str) -> None:
    invoice = opened(shop)
    shop.client.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match=message):
        note(shop, invoice, **values)
    assert shop.client.v1.credit_notes.list().data == []


def test_a_preview_leaves_nothing_behind(shop: Shop) -> None:
    invoice = opened(shop)
    asked: Any = {"invoice": invoice.id, "amount": 400}
    shown = shop.client.v1.credit_notes.preview(asked)
    assert (shown.total, shown.pre_payment_amount) == (400, 400)
    assert len(shop.client.v1.credit_notes.preview_lines.list(asked).data) == 1
    assert shop.client.v1.credit_notes.list().data == []
    assert shop.client.v1.invoices.retrieve(invoice.id).amount_due == 1_000
    assert "credit_note.created" not in shop.types()


def test_notes_are_listed_and_described(shop: Shop) -> None:
    invoice = opened(shop)
    made = note(shop, invoice, amount=10)
    changed = shop.client.v1.credit_notes.update(made.id, {"memo": "Oops", "metadata": {"a": "b"}})
    assert changed.memo == "Oops"
    for query in ({"invoice": invoice.id}, {"customer": str(invoice.customer)}):
        asked: Any = query
        assert [one.id for one in shop.client.v1.credit_notes.list(asked)] == [made.id]
    with pytest.raises(stripe.InvalidRequestError, match="open, paid"):
        note(shop, shop.client.v1.invoices.create({"customer": str(invoice.customer)}), amount=5)
