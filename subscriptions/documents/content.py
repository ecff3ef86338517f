"""What stands on an invoice or a receipt, in words and in order; how it looks is `invoice.html`'s and `invoice.typ`'s.

Times are UTC days, amounts are formatted in the invoice's currency. Who is billed is told as the invoice has it: as it
was when it was finalized.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.formats import date_format

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.countries import COUNTRIES
from billingos.merchants.models import Branding, Merchant
from billingos.merchants.selectors import branding_of
from billingos.merchants.tax_ids import tax_id_name
from billingos.ui.money import money_text
from customers.cards import NAMES
from subscriptions.documents.sums import Row, sums_of
from subscriptions.models import Invoice, InvoiceLine, TaxRate
from subscriptions.payment_selectors import refunds, tax_rates, whole_invoices
from subscriptions.services.effects import settle_all

INVOICE, RECEIPT = "invoice", "receipt"
LETTER = {"US", "CA", "MX"}  # where paper is not A4
REVERSE_CHARGE = "Tax to be paid on reverse charge basis."
EXEMPT = "The customer is exempt from tax."
STAMPS = {"draft": "Draft", "open": "", "paid": "Paid", "void": "Void", "uncollectible": "Unpaid"}


@dataclass(frozen=True, slots=True)
class Party:
    """Who bills, who is billed. `tax_ids` are "VAT DE123456789"."""

    name: str
    lines: list[str] = field(default_factory=list)
    tax_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    description: str
    period: str
    quantity: str
    unit_price: str
    amount: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """All texts are final. `headline` is the one amount that matters; `stamp` is empty for what is just open."""

    title: str
    number: str
    stamp: str
    headline: str
    facts: list[Row]
    seller: Party
    buyer: Party
    lines: list[Line]
    sums: list[Row]
    movements: list[Row]
    notes: list[str]
    footer: str
    contact: str
    accent: str
    paper: str
    logo: bytes | None
    logo_type: str

    @property
    def file_name(self) -> str:
        """Without its ending; nothing in it but letters, digits and hyphens."""
        name = f"{self.title}-{self.number or 'draft'}".lower()
        return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)


def document_of(*, merchant: Merchant, invoice: Invoice, kind: str = INVOICE) -> Document:
    """The document of an invoice. Outside of any scope: a tax rate that is not here yet is asked for. Raises Conflict
    for the receipt of what is not paid."""
    if kind == RECEIPT and invoice.status != Invoice.Status.PAID:
        raise Conflict("There is a receipt only for what is paid.", code="invoice_status", param="type")
    with scope(merchant.id):
        row = whole_invoices(merchant.id).get(id=invoice.id)
        named = {tax["rate"] for line in row.lines.all() for tax in line.taxes}
        missing = named - set(tax_rates(merchant.id, list(named)))
    settle_all(merchant, [("tax_rate", name) for name in sorted(missing)])
    with scope(merchant.id):
        return _document(merchant, branding_of(merchant.id), row, tax_rates(merchant.id, list(named)), kind)


def _document(
    merchant: Merchant, branding: Branding, invoice: Invoice, rates: dict[str, TaxRate], kind: str
) -> Document:
    lines = list(invoice.lines.all())
    return Document(
        title="Receipt" if kind == RECEIPT else "Invoice",
        number=invoice.number,
        stamp=STAMPS[invoice.status],
        headline=_headline(invoice, kind),
        facts=list(_facts(invoice, kind)),
        seller=_seller(merchant, branding),
        buyer=_buyer(invoice),
        lines=[_line(line, invoice.currency) for line in lines],
        sums=sums_of(invoice, lines, rates),
        movements=list(_movements(invoice)),
        notes=list(_notes(invoice)),
        footer=branding.receipt_footer,
        contact=" · ".join(text for text in (branding.support_email, branding.website) if text),
        accent=branding.accent_colour,
        paper="us-letter" if merchant.country in LETTER else "a4",
        logo=bytes(branding.logo) if branding.logo else None,
        logo_type=branding.logo_type,
    )


def day(at: datetime | None) -> str:
    return date_format(at, "j F Y") if at else ""


def _headline(invoice: Invoice, kind: str) -> str:
    total = f"{money_text(invoice.total, invoice.currency)} {invoice.currency.upper()}"
    if invoice.status == Invoice.Status.PAID:
        paid = f"{money_text(invoice.amount_paid, invoice.currency)} {invoice.currency.upper()}"
        return f"{paid} paid on {day(invoice.paid_at)}"
    if invoice.status == Invoice.Status.DRAFT:
        return f"{total}, not final"
    if invoice.status == Invoice.Status.VOID:
        return f"{total}, void: nothing is owed"
    due = f"{money_text(invoice.amount_remaining, invoice.currency)} {invoice.currency.upper()}"
    return f"{due} due" + (f" on {day(invoice.due_at)}" if invoice.due_at else "")


def _facts(invoice: Invoice, kind: str) -> Iterator[Row]:
    yield Row("Invoice number", invoice.number or "None yet")
    yield Row("Date of issue", day(invoice.finalized_at or invoice.stripe_created_at))
    if invoice.due_at and kind == INVOICE:
        yield Row("Date due", day(invoice.due_at))
    if invoice.paid_at:
        yield Row("Date paid", day(invoice.paid_at))
    if invoice.voided_at:
        yield Row("Voided", day(invoice.voided_at))
    if method := next((text for link in invoice.payments.all() if (text := _paid_with(link))), ""):
        yield Row("Payment method", method)


def _paid_with(link: object) -> str:
    """Visa •••• 4242; empty for what did not pay, or is not known."""
    method = getattr(link, "method", None)
    if not method or getattr(link, "status", "") != "paid":
        return ""
    kind = NAMES.get(method["brand"], "") or method["type"].replace("_", " ").capitalize()
    return f"{kind} •••• {method['last4']}" if method["last4"] else kind


def _seller(merchant: Merchant, branding: Branding) -> Party:
    ids = [f"{tax_id_name(entry['type'])} {entry['value']}" for entry in branding.tax_ids]
    return Party(branding.legal_name or merchant.name, [*branding.address_lines, _country(merchant.country)], ids)


def _buyer(invoice: Invoice) -> Party:
    customer, address = invoice.customer, invoice.customer_address or invoice.customer.address or {}
    name = invoice.customer_name or customer.name
    email = invoice.customer_email or customer.email
    town = " ".join(text for part in ("postal_code", "city", "state") if (text := address.get(part)))
    lines = [address.get("line1"), address.get("line2"), town, _country(address.get("country") or "")]
    ids = [f"{tax_id_name(entry['type'])} {entry['value']}" for entry in invoice.customer_tax_ids if entry.get("value")]
    return Party(name or email or str(customer), [text for text in [*lines, email if name else ""] if text], ids)


def _country(code: str) -> str:
    return COUNTRIES[code][0] if code in COUNTRIES else code


def _line(line: InvoiceLine, currency: str) -> Line:
    many = line.quantity is not None and line.quantity != 0 and line.amount % line.quantity == 0
    ends = line.period_end
    lasts = ends.date() != line.period_start.date()
    return Line(
        description=line.description or "—",
        period=f"{day(line.period_start)} – {day(ends)}" if lasts else "",
        quantity="" if line.quantity is None else f"{line.quantity:,}",
        unit_price=money_text(line.amount // (line.quantity or 1), currency) if many else "",
        amount=money_text(line.amount, currency),
        note=f"Discount {money_text(-line.discount_amount, currency)}" if line.discount_amount else "",
    )


def _movements(invoice: Invoice) -> Iterator[Row]:
    """What was credited and given back after it was issued, oldest first."""
    for note in invoice.credit_notes.all():
        if note.status == "issued":
            yield Row(f"Credit note {note.number}, {day(note.stripe_created_at)}", _minus(note.total, invoice.currency))
    methods = [text for link in invoice.payments.all() if (text := _paid_with(link))]
    to = f" to {methods[0]}" if methods else ""
    noted = {name: note.number for note in invoice.credit_notes.all() for name in note.refund_stripe_ids}
    for refund in refunds(invoice.merchant_id, invoice=invoice).order_by("id"):
        if refund.status in {"succeeded", "pending"}:
            of = f" (of credit note {noted[refund.stripe_id]})" if refund.stripe_id in noted else ""
            yield Row(f"Refunded{to}{of}, {day(refund.stripe_created_at)}", _minus(refund.amount, invoice.currency))


def _minus(amount: int, currency: str) -> str:
    return money_text(-amount, currency)


def _notes(invoice: Invoice) -> Iterator[str]:
    exempt = invoice.customer_tax_exempt or invoice.customer.tax_exempt
    if exempt in {"reverse", "exempt"}:
        yield REVERSE_CHARGE if exempt == "reverse" else EXEMPT
    yield from (text for text in (invoice.description, invoice.footer) if text)
