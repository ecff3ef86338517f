"""What holds for all invoices: they are the sum of their lines, and no money appears or is lost."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_simulator import Simulator
from stripe_simulator.billing.taxes import exclusive, inclusive, taxes_on
from stripe_simulator.money import percentage, rounded, spread
from tests.stripe_simulator.conftest import Shop, client_of, item_of, moment

START = moment(2026, 4, 1, 0)
END = moment(2026, 5, 1, 0)
MONEY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

amounts = st.integers(min_value=1, max_value=500_000)
percents = st.decimals(min_value="0.01", max_value=100, places=2).map(str)
coupons = st.one_of(
    st.fixed_dictionaries({"percent_off": percents}),
    st.fixed_dictionaries({"amount_off": st.integers(1, 5_000), "currency": st.just("usd")}),
)
durations = st.sampled_from(({"duration": "forever"}, {"duration": "once"}))
rates = st.tuples(st.decimals(min_value=0, max_value=40, places=3).map(str), st.booleans())


@pytest.fixture(scope="module")
def market() -> Iterator[Shop]:
    """One simulator for all examples, each of which has customers of its own; nobody listens to its events."""
    simulator = Simulator()
    with simulator.serve() as server:
        yield Shop(simulator, client_of(server.url), server.url)


@given(amount=st.integers(0, 10**9), weights=st.lists(st.integers(1, 10**7), min_size=1, max_size=20))
def test_spreading_loses_no_cent(amount: int, weights: list[int]) -> None:
    shares = spread(amount, weights)
    assert sum(shares) == amount
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    assert all(abs(share - fair) < 1 for share, fair in zip(shares, exact, strict=True))


@given(amount=st.integers(-(10**9), 10**9), percent=percents)
def test_a_percentage_is_off_by_half_a_cent_at_most(amount: int, percent: str) -> None:
    exact = percentage(amount, percent)
    assert abs(rounded(exact) - exact) <= Fraction(1, 2)
    assert rounded(-exact) == -rounded(exact)


@given(net=st.integers(-(10**8), 10**8), chosen=st.lists(rates, max_size=5))
def test_taxes_of_a_credit_mirror_those_of_its_debit(net: int, chosen: list[tuple[str, bool]]) -> None:
    records = [{"id": str(n), "percentage": each, "inclusive": inside} for n, (each, inside) in enumerate(chosen)]
    taxes, mirrored = (taxes_on(amount, records, "none") for amount in (net, -net))
    assert [tax["amount"] for tax in mirrored] == [-tax["amount"] for tax in taxes]
    assert abs(inclusive(taxes)) <= abs(net)
    assert (net - inclusive(taxes)) * net >= 0
    assert all(tax["taxable_amount"] == net - inclusive(taxes) for tax in taxes)
    assert exclusive(taxes_on(net, records, "exempt")) == 0


def check(invoice: stripe.Invoice) -> None:
    """The relations of an invoice's sums with its lines."""
    lines = invoice.lines.data
    off = sum(entry.amount for line in lines for entry in line.discount_amounts or [])
    taxes = [tax for line in lines for tax in line.taxes or []]
    on_top = sum(tax.amount for tax in taxes if tax.tax_behavior == "exclusive")
    total_off = invoice.total_discount_amounts or []
    own = {str(one) for line in lines for one in line.discounts}
    own_off = sum(entry.amount for entry in total_off if str(entry.discount) in own)
    assert invoice.subtotal == sum(line.amount for line in lines) - own_off
    assert sum(entry.amount for entry in total_off) == off
    assert sum(tax.amount for tax in invoice.total_taxes or []) == sum(tax.amount for tax in taxes)
    assert invoice.total == sum(line.amount for line in lines) - off + on_top
    assert invoice.total_excluding_tax == invoice.total - sum(tax.amount for tax in taxes)
    for line in lines:
        line_off = sum(entry.amount for entry in line.discount_amounts or [])
        assert 0 <= line_off <= max(line.amount, 0)
    assert invoice.amount_remaining == invoice.amount_due - invoice.amount_paid >= 0
    if invoice.ending_balance is not None:
        owed = invoice.total + (invoice.starting_balance or 0)
        assert invoice.amount_due + invoice.pre_payment_credit_notes_amount == max(owed, 0)
        assert invoice.ending_balance == min(owed, 0)


def check_books(shop: Shop, customer: str) -> None:
    """All that was invoiced was paid, or is in the balance; and the balance is what its ledger says."""
    listed: Any = {"customer": customer, "limit": 100}
    invoices = shop.client.v1.invoices.list(listed).data
    for invoice in invoices:
        check(invoice)
    charged = sum(charge.amount for charge in shop.client.v1.charges.list(listed).data if charge.paid)
    balance = shop.client.v1.customers.retrieve(customer).balance
    assert sum(invoice.total for invoice in invoices if invoice.status == "paid") == charged + (balance or 0)
    ledger = shop.client.v1.customers.balance_transactions.list(customer, {"limit": 100}).data
    assert sum(entry.amount for entry in ledger) == balance


def coupon(shop: Shop, terms: dict[str, Any]) -> dict[str, str]:
    return {"coupon": shop.client.v1.coupons.create(terms).id}  # type: ignore[arg-type]  # plain dicts, as people write them


@given(
    prices=st.lists(st.tuples(amounts, st.integers(0, 7)), min_size=1, max_size=4),
    terms=st.lists(st.tuples(coupons, durations), max_size=3),
    own=st.none() | coupons,
    taxes=st.lists(rates, max_size=3),
)
@MONEY
def test_invoices_equal_the_sum_of_their_lines(
    market: Shop,
    prices: list[tuple[int, int]],
    terms: list[tuple[dict[str, Any], dict[str, str]]],
    own: dict[str, Any] | None,
    taxes: list[tuple[str, bool]],
) -> None:
    clock = market.clock(START)
    customer = market.customer(clock)
    ids = [
        market.client.v1.tax_rates.create({"display_name": "T", "percentage": percent, "inclusive": inside}).id  # type: ignore[typeddict-item]  # text is taken too
        for percent, inside in taxes
    ]
    items: list[Any] = [{"price": market.price(amount), "quantity": quantity} for amount, quantity in prices]
    if own is not None:
        items[0]["discounts"] = [coupon(market, {"duration": "forever", **own})]
    asked: Any = {"customer": customer, "items": items, "default_tax_rates": ids}
    asked["discounts"] = [coupon(market, {**worth, **duration}) for worth, duration in terms]
    subscription = market.client.v1.subscriptions.create(asked)
    market.advance(clock, END + 7_200)
    assert len(market.invoices(subscription.id)) == 2
    check_books(market, customer)


changed = st.fixed_dictionaries(
    {
        "at": st.integers(1, END - START - 1),
        "amount": amounts,
        "quantity": st.integers(1, 5),
        "behavior": st.sampled_from(("create_prorations", "always_invoice", "none")),
    }
)


@given(
    first=amounts,
    off=st.none() | coupons,
    tax=st.none() | rates,
    changes=st.lists(changed, min_size=1, max_size=4),
    credit=st.integers(-2_000, 2_000),
    duration=durations,
    canceled=st.booleans(),
)
@MONEY
def test_changes_are_previewed_to_the_cent_and_no_money_appears(
    market: Shop,
    first: int,
    off: dict[str, Any] | None,
    tax: tuple[str, bool] | None,
    changes: list[dict[str, Any]],
    credit: int,
    duration: dict[str, str],
    canceled: bool,
) -> None:
    client = market.client.v1
    clock = market.clock(START)
    customer = market.customer(clock)
    client.customers.balance_transactions.create(customer, {"amount": credit, "currency": "usd"})
    asked: Any = {"customer": customer, "items": [{"price": market.price(first)}]}
    if off is not None:
        asked["discounts"] = [coupon(market, {**duration, **off})]
    if tax is not None:
        made: Any = {"display_name": "T", "percentage": tax[0], "inclusive": tax[1]}
        asked["default_tax_rates"] = [client.tax_rates.create(made).id]
    subscription = client.subscriptions.create(asked)
    now = START
    for change in sorted(changes, key=lambda one: one["at"]):
        if START + change["at"] > now:
            now = START + change["at"]
            market.advance(clock, now)
        item = {"id": item_of(subscription).id, "price": market.price(change["amount"]), "quantity": change["quantity"]}
        values: Any = {"items": [item], "proration_behavior": change["behavior"]}
        shown = client.invoices.create_preview({"subscription": subscription.id, "subscription_details": values})
        before = len(market.invoices(subscription.id))
        client.subscriptions.update(subscription.id, values)
        made_now = market.invoices(subscription.id)
        if len(made_now) > before:
            compare(shown, made_now[-1])
    ends: Any = {"cancel_now": True} if canceled else {}
    shown = client.invoices.create_preview({"subscription": subscription.id, "subscription_details": ends})
    if canceled:
        client.subscriptions.cancel(subscription.id, {"prorate": True, "invoice_now": True})
    market.advance(clock, END + 7_200)
    compare(shown, market.invoices(subscription.id)[-1])
    invoices = client.invoices.list({"customer": customer, "limit": 100}).data
    for invoice in invoices:
        check(invoice)
    charged = sum(charge.amount for charge in client.charges.list({"customer": customer, "limit": 100}) if charge.paid)
    balance = client.customers.retrieve(customer).balance or 0
    assert sum(invoice.total for invoice in invoices) + credit == charged + balance
    credited = sum(line.amount for invoice in invoices for line in invoice.lines if line.amount < 0)
    billed = sum(line.amount for invoice in invoices for line in invoice.lines if line.amount > 0)
    taken_off = sum(entry.amount for invoice in invoices for entry in invoice.total_discount_amounts or [])
    assert -credited <= billed - taken_off  # what is given back was billed before


def compare(shown: stripe.Invoice, came: stripe.Invoice) -> None:
    for name in ("subtotal", "total", "total_excluding_tax", "starting_balance"):
        assert shown[name] == came[name]
    assert shown.amount_due == came.amount_due
    assert [line.amount for line in shown.lines] == [line.amount for line in came.lines]


@given(
    lines=st.lists(amounts, min_size=1, max_size=4),
    off=st.none() | coupons,
    tax=st.none() | rates,
    parts=st.lists(st.integers(1, 99), min_size=1, max_size=3),
    paid=st.booleans(),
)
@MONEY
def test_credit_notes_never_give_more_than_the_invoice(
    market: Shop,
    lines: list[int],
    off: dict[str, Any] | None,
    tax: tuple[str, bool] | None,
    parts: list[int],
    paid: bool,
) -> None:
    client, customer = market.client.v1, market.customer()
    made: Any = {"display_name": "T", "percentage": tax[0], "inclusive": tax[1]} if tax else None
    ids = [client.tax_rates.create(made).id] if tax else []
    for amount in lines:
        client.invoice_items.create({"customer": customer, "amount": amount, "currency": "usd", "tax_rates": ids})
    asked: Any = {"customer": customer, "pending_invoice_items_behavior": "include"}
    if off is not None:
        asked["discounts"] = [coupon(market, {"duration": "once", **off})]
    invoice = client.invoices.finalize_invoice(client.invoices.create(asked).id)
    if paid and invoice.status == "open":
        invoice = client.invoices.pay(invoice.id)
    noted = 0
    for part in parts:
        wanted = invoice.total * part // 100
        remaining = client.invoices.retrieve(invoice.id).amount_remaining
        values: Any = {"invoice": invoice.id, "amount": wanted, "credit_amount": max(wanted - remaining, 0)}
        if wanted == 0 or noted + wanted > invoice.total:
            with pytest.raises(stripe.InvalidRequestError):
                client.credit_notes.create(values)
        else:
            note = client.credit_notes.create(values)
            assert note.pre_payment_amount + note.post_payment_amount == note.total == wanted
            noted += wanted
    after = client.invoices.retrieve(invoice.id)
    assert after.pre_payment_credit_notes_amount + after.post_payment_credit_notes_amount == noted
    assert after.amount_due + after.pre_payment_credit_notes_amount == invoice.amount_due
    assert client.customers.retrieve(customer).balance == -after.post_payment_credit_notes_amount
    check_lines_credit_to_the_total(market, customer, lines, ids)


def check_lines_credit_to_the_total(shop: Shop, customer: str, lines: list[int], rates: list[str]) -> None:
    """Crediting all lines whole is the invoice's total, discounts and taxes included."""
    client = shop.client.v1
    for amount in lines:
        client.invoice_items.create({"customer": customer, "amount": amount, "currency": "usd", "tax_rates": rates})
    asked: Any = {"customer": customer, "pending_invoice_items_behavior": "include"}
    asked["discounts"] = [coupon(shop, {"duration": "once", "percent_off": "33.33"})]
    invoice = client.invoices.create(asked)
    invoice = client.invoices.finalize_invoice(invoice.id)
    whole = [{"type": "invoice_line_item", "invoice_line_item": line.id, "quantity": 1} for line in invoice.lines]
    values: Any = {"invoice": invoice.id, "lines": whole}
    shown = client.credit_notes.preview(values | {"credit_amount": invoice.total - invoice.amount_due})
    assert shown.total == invoice.total
