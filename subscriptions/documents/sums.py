"""The sums below an invoice's lines. Pure: amounts in minor units in, texts out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from billingos.ui.money import money_text
from subscriptions.models import Invoice, InvoiceLine, TaxRate


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    value: str
    strong: bool = False


@dataclass(slots=True)
class Tax:
    """What one rate comes to on all lines."""

    amount: int = 0
    taxable: int = 0


def taxes_by_rate(lines: Sequence[InvoiceLine]) -> dict[tuple[str, bool], Tax]:
    """(Stripe id of the rate, whether it is included) → its sum, in the order of the lines."""
    found: dict[tuple[str, bool], Tax] = {}
    for line in lines:
        for entry in line.taxes:
            tax = found.setdefault((entry["rate"], entry["behavior"] == "inclusive"), Tax())
            tax.amount += entry["amount"]
            tax.taxable += entry["taxable_amount"] or 0
    return found


def sums_of(invoice: Invoice, lines: Sequence[InvoiceLine], rates: Mapping[str, TaxRate]) -> list[Row]:
    """From the subtotal to what is due, or was paid. Each row follows from those above it."""
    return list(_sums(invoice, lines, rates))


def _sums(invoice: Invoice, lines: Sequence[InvoiceLine], rates: Mapping[str, TaxRate]) -> Iterator[Row]:
    currency = invoice.currency

    def text(amount: int) -> str:
        return money_text(amount, currency)

    taxes = taxes_by_rate(lines)
    yield Row("Subtotal", text(invoice.subtotal))
    if invoice.discount_amount:
        yield Row("Discount", text(-invoice.discount_amount))
    for (rate, included), tax in taxes.items():
        if not included:
            yield Row(f"{_name(rates.get(rate))} on {text(tax.taxable)}", text(tax.amount))
    yield Row("Total", text(invoice.total), strong=True)
    for (rate, included), tax in taxes.items():
        if included:
            yield Row(f"{_name(rates.get(rate))} included, on {text(tax.taxable)}", text(tax.amount))
    if invoice.pre_payment_credit_notes_amount:
        yield Row("Credit notes", text(-invoice.pre_payment_credit_notes_amount))
    if applied := _applied_balance(invoice):
        label = "From the credit balance" if applied > 0 else "Owed from before"
        yield Row(label, text(-applied))
    if invoice.status == Invoice.Status.PAID:
        yield Row("Amount paid", text(invoice.amount_paid), strong=True)
    elif invoice.status in {Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE}:
        if invoice.amount_paid:
            yield Row("Paid so far", text(-invoice.amount_paid))
        yield Row("Amount due", text(invoice.amount_remaining), strong=True)


def _applied_balance(invoice: Invoice) -> int:
    """What the customer's credit took off; negative: what a debt added. A credit is a negative balance."""
    return 0 if invoice.ending_balance is None else invoice.ending_balance - invoice.starting_balance


def _name(rate: TaxRate | None) -> str:
    return str(rate) if rate else "Tax"
