"""Stripe invoice with its lines, invoice payment, tax rate → rows."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference, write_mirrored
from billingos.common.periods import from_stripe
from billingos.common.readahead import mirrored_row, mirrored_rows
from billingos.common.registries import StripeObject, projects
from customers.sync import customer_of
from subscriptions.models import Invoice, InvoiceLine, InvoicePayment, Price, Subscription, TaxRate
from subscriptions.sync.catalog import own_metadata


def invoice_subscription_id(invoice: StripeObject) -> str:
    """The subscription that an invoice bills, in the shape since basil and in the one before."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return reference(details.get("subscription") or invoice.get("subscription"))


@projects("invoice", Invoice)
def sync_invoice(merchant_id: UUID, invoice: StripeObject, event_at: datetime | None = None) -> Invoice | None:
    """Stripe invoice → row, if it is a customer's. A draft that was deleted in Stripe is marked deleted here."""
    if invoice.get("deleted"):
        known = mirrored_row(Invoice, merchant_id, invoice["id"])
        if known and known.deleted_at is None:
            known.deleted_at = timezone.now()
            known.save(update_fields=["deleted_at"])
        return known
    if not invoice["customer"]:
        return None
    customer = customer_of(merchant_id, invoice["customer"])
    subscription_id = invoice_subscription_id(invoice)
    subscription = mirrored_row(Subscription, merchant_id, subscription_id)
    if subscription_id and subscription is None:
        raise MissingReference("subscription", subscription_id)
    columns = {"customer": customer, "subscription": subscription, **invoice_columns(invoice)}
    row = write_mirrored(Invoice, merchant_id, invoice, event_at, columns)
    if "lines" in invoice:
        _write_lines(row, invoice["lines"]["data"])
    for payment in (invoice.get("payments") or {}).get("data", []):  # only where they were asked for
        sync_invoice_payment(merchant_id, payment)
    return row


def invoice_columns(invoice: StripeObject) -> dict[str, Any]:
    transitions = invoice.get("status_transitions") or {}
    return {
        "number": invoice.get("number") or "",
        "status": invoice["status"],
        "billing_reason": invoice.get("billing_reason") or "",
        "currency": invoice["currency"],
        "subtotal": invoice["subtotal"],
        "total": invoice["total"],
        "amount_due": invoice["amount_due"],
        "amount_paid": invoice["amount_paid"],
        "amount_remaining": invoice["amount_remaining"],
        "attempt_count": invoice.get("attempt_count") or 0,
        "next_payment_attempt_at": instant(invoice.get("next_payment_attempt")),
        "period_start": from_stripe(invoice["period_start"]),
        "period_end": from_stripe(invoice["period_end"]),
        "due_at": instant(invoice.get("due_date")),
        "finalized_at": instant(transitions.get("finalized_at")),
        "paid_at": instant(transitions.get("paid_at")),
        "hosted_invoice_url": invoice.get("hosted_invoice_url") or "",
        "voided_at": instant(transitions.get("voided_at")),
        "marked_uncollectible_at": instant(transitions.get("marked_uncollectible_at")),
        "collection_method": invoice.get("collection_method") or "charge_automatically",
        "description": invoice.get("description") or "",
        "footer": invoice.get("footer") or "",
        "discount_amount": _sum(invoice.get("total_discount_amounts")),
        "tax_amount": _sum(invoice.get("total_taxes") or invoice.get("total_tax_amounts")),
        "total_excluding_tax": invoice.get("total_excluding_tax"),
        "starting_balance": invoice.get("starting_balance") or 0,
        "ending_balance": invoice.get("ending_balance"),
        "pre_payment_credit_notes_amount": invoice.get("pre_payment_credit_notes_amount") or 0,
        "post_payment_credit_notes_amount": invoice.get("post_payment_credit_notes_amount") or 0,
        "customer_name": invoice.get("customer_name") or "",
        "customer_email": invoice.get("customer_email") or "",
        "customer_address": invoice.get("customer_address"),
        "customer_tax_ids": invoice.get("customer_tax_ids") or [],
        "customer_tax_exempt": invoice.get("customer_tax_exempt") or "",
        "invoice_pdf": invoice.get("invoice_pdf") or "",
        "finalization_error": (invoice.get("last_finalization_error") or {}).get("message") or "",
        "metadata": own_metadata(invoice),
    }


def _sum(amounts: Any) -> int:
    return sum(entry["amount"] for entry in amounts or [])


def _write_lines(row: Invoice, lines: Sequence[StripeObject]) -> None:
    """The lines as they are now: while an invoice is a draft they come and go."""
    known = {line.stripe_id: line for line in row.lines.all()} if row.revision > 1 else {}
    prices = prices_of(row.merchant_id, lines)
    new, changed = [], []
    for position, line in enumerate(lines):
        columns = {"position": position, **line_columns(line, prices)}
        before = known.pop(line["id"], None)
        if before is None:
            new.append(InvoiceLine(merchant_id=row.merchant_id, invoice=row, stripe_id=line["id"], **columns))
        elif any(getattr(before, name) != value for name, value in columns.items()):
            for name, value in columns.items():
                setattr(before, name, value)
            changed.append(before)
    if new:
        InvoiceLine.objects.bulk_create(new)
    if changed:
        InvoiceLine.objects.bulk_update(changed, ["position", *line_columns(lines[0], prices)])
    if known:
        row.lines.filter(id__in=[line.id for line in known.values()]).delete()


def prices_of(merchant_id: UUID, lines: Sequence[StripeObject]) -> dict[str, UUID]:
    """Our prices by Stripe id; a line of an unknown price (one of a moment's `price_data`) goes without."""
    wanted = {price_id_of(line) for line in lines} - {""}
    return {row.stripe_id: row.id for row in mirrored_rows(Price, merchant_id, wanted)}


def price_id_of(line: StripeObject) -> str:
    """The price that a line of an invoice bills; empty where none. Since basil in `pricing`; before, on the line."""
    details = (line.get("pricing") or {}).get("price_details") or {}
    return reference(details.get("price") or line.get("price"))


def _product_id(line: StripeObject) -> str:
    price = line.get("price")
    details = (line.get("pricing") or {}).get("price_details") or (price if isinstance(price, dict) else {})
    return reference(details.get("product"))


def _since_basil(tax: StripeObject) -> StripeObject:
    """A share of tax as it stood on a line before basil, in the shape since."""
    return {
        "amount": tax["amount"],
        "taxable_amount": tax.get("taxable_amount"),
        "tax_behavior": "inclusive" if tax.get("inclusive") else "exclusive",
        "tax_rate_details": {"tax_rate": tax.get("tax_rate")},
    }


def line_columns(line: StripeObject, prices: dict[str, UUID]) -> dict[str, Any]:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    taxes = line.get("taxes") or [_since_basil(tax) for tax in line.get("tax_amounts") or []]
    return {
        "description": line.get("description") or "",
        "amount": line["amount"],
        "quantity": line.get("quantity"),
        "price_id": prices.get(price_id_of(line)),
        "product_stripe_id": _product_id(line),
        "subscription_stripe_id": reference(details.get("subscription") or line.get("subscription")),
        "item_stripe_id": reference(details.get("subscription_item") or line.get("subscription_item")),
        "proration": bool(details.get("proration") or line.get("proration")),
        "period_start": from_stripe(line["period"]["start"]),
        "period_end": from_stripe(line["period"]["end"]),
        "discount_amount": _sum(line.get("discount_amounts")),
        "tax_amount": _sum(taxes),
        "taxes": [
            {
                "rate": reference((tax.get("tax_rate_details") or {}).get("tax_rate")),
                "amount": tax["amount"],
                "taxable_amount": tax.get("taxable_amount"),
                "behavior": tax.get("tax_behavior") or "",
            }
            for tax in taxes
        ],
    }


@projects("tax_rate", TaxRate)
def sync_tax_rate(merchant_id: UUID, rate: StripeObject, event_at: datetime | None = None) -> TaxRate | None:
    """Stripe tax rate → row. Invoices name rates by their id alone."""
    if rate.get("deleted"):
        return mirrored_row(TaxRate, merchant_id, rate["id"])
    return write_mirrored(
        TaxRate,
        merchant_id,
        rate,
        event_at,
        {
            "display_name": rate["display_name"],
            "percentage": Decimal(str(rate["percentage"])),
            "inclusive": rate["inclusive"],
            "country": rate.get("country") or "",
            "active": rate["active"],
        },
    )


def require_payment_of(merchant_id: UUID, invoice_id: str) -> None:
    """Raises MissingReference for an invoice of which it is not known what is to pay it."""
    rows = InvoicePayment.objects.for_merchant(merchant_id).filter(invoice__stripe_id=invoice_id)
    if not rows.exists():
        raise MissingReference("invoice", invoice_id)


@projects("invoice_payment", InvoicePayment)
def sync_invoice_payment(
    merchant_id: UUID, payment: StripeObject, event_at: datetime | None = None
) -> InvoicePayment | None:
    """Stripe invoice payment → row: since basil the only link between an invoice and what pays it. Paid or canceled it
    stays so."""
    known = mirrored_row(InvoicePayment, merchant_id, payment["id"])
    if payment.get("deleted") or (known and known.has_ended and payment["status"] != known.status):
        return known
    invoice = mirrored_row(Invoice, merchant_id, reference(payment["invoice"]))
    if invoice is None:
        raise MissingReference("invoice", reference(payment["invoice"]))
    transitions = payment.get("status_transitions") or {}
    return write_mirrored(
        InvoicePayment,
        merchant_id,
        payment,
        event_at,
        {
            "invoice": invoice,
            "payment_stripe_id": reference((payment.get("payment") or {}).get("payment_intent")),
            "status": payment["status"],
            "amount_requested": payment["amount_requested"],
            "amount_paid": payment.get("amount_paid"),
            "is_default": payment["is_default"],
            "paid_at": instant(transitions.get("paid_at")),
            "canceled_at": instant(transitions.get("canceled_at")),
        },
    )
