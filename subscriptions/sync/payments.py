"""Stripe payment intent, refund, dispute, credit note → rows."""

from datetime import datetime
from uuid import UUID

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference, write_mirrored
from billingos.common.readahead import mirrored_row
from billingos.common.registries import StripeObject, projects
from customers.sync import customer_of
from subscriptions.models import CreditNote, Dispute, Invoice, Payment, Refund
from subscriptions.sync.catalog import own_metadata


@projects("payment_intent", Payment)
def sync_payment(merchant_id: UUID, intent: StripeObject, event_at: datetime | None = None) -> Payment | None:
    """Stripe payment intent → row. What succeeded or was canceled stays so."""
    known = mirrored_row(Payment, merchant_id, intent["id"])
    if intent.get("deleted") or (known and known.has_ended and intent["status"] != known.status):
        return known
    error = intent.get("last_payment_error") or {}
    customer = intent.get("customer")
    return write_mirrored(
        Payment,
        merchant_id,
        intent,
        event_at,
        {
            "customer": customer_of(merchant_id, customer) if customer else None,
            "status": intent["status"],
            "amount": intent["amount"],
            "amount_received": intent.get("amount_received") or 0,
            "currency": intent["currency"],
            "payment_method_id": reference(intent.get("payment_method")),
            "latest_charge_id": reference(intent.get("latest_charge")),
            "failure_code": error.get("code") or "",
            "decline_code": error.get("decline_code") or "",
            "failure_message": error.get("message") or "",
            "description": intent.get("description") or "",
            "canceled_at": instant(intent.get("canceled_at")),
            "metadata": own_metadata(intent),
        },
    )


@projects("refund", Refund)
def sync_refund(merchant_id: UUID, refund: StripeObject, event_at: datetime | None = None) -> Refund | None:
    """Stripe refund → row. One of a charge without a payment intent stands alone."""
    known = mirrored_row(Refund, merchant_id, refund["id"])
    if refund.get("deleted"):
        return known
    payment = _payment_of(merchant_id, refund)
    return write_mirrored(
        Refund,
        merchant_id,
        refund,
        event_at,
        {
            "payment": payment,
            "charge_id": reference(refund.get("charge")),
            "status": refund.get("status") or "",
            "amount": refund["amount"],
            "currency": refund["currency"],
            "reason": refund.get("reason") or "",
            "failure_reason": refund.get("failure_reason") or "",
            "metadata": own_metadata(refund),
        },
    )


@projects("dispute", Dispute)
def sync_dispute(merchant_id: UUID, dispute: StripeObject, event_at: datetime | None = None) -> Dispute | None:
    """Stripe dispute → row. One of a charge without a payment intent stands alone."""
    known = mirrored_row(Dispute, merchant_id, dispute["id"])
    if dispute.get("deleted"):
        return known
    evidence = dispute.get("evidence_details") or {}
    return write_mirrored(
        Dispute,
        merchant_id,
        dispute,
        event_at,
        {
            "payment": _payment_of(merchant_id, dispute),
            "charge_id": reference(dispute.get("charge")),
            "status": dispute["status"],
            "amount": dispute["amount"],
            "currency": dispute["currency"],
            "reason": dispute.get("reason") or "",
            "evidence_due_at": instant(evidence.get("due_by")),
            "evidence_past_due": bool(evidence.get("past_due")),
            "submission_count": evidence.get("submission_count") or 0,
            "metadata": own_metadata(dispute),
        },
    )


def _payment_of(merchant_id: UUID, stripe_object: StripeObject) -> Payment | None:
    """The payment that a refund or dispute is about. Raises MissingReference."""
    payment_id = reference(stripe_object.get("payment_intent"))
    payment = mirrored_row(Payment, merchant_id, payment_id)
    if payment_id and payment is None:
        raise MissingReference("payment_intent", payment_id)
    return payment


def take_in_refunds(merchant_id: UUID, charge: StripeObject, event_at: datetime) -> None:
    """The refunds that a charge carries (before 2022-11 it did) and that are not here yet: they have events of their
    own, which know better."""
    for refund in (charge.get("refunds") or {}).get("data", []):
        if not Refund.objects.for_merchant(merchant_id).filter(stripe_id=refund["id"]).exists():
            sync_refund(merchant_id, refund, event_at)


@projects("credit_note", CreditNote)
def sync_credit_note(merchant_id: UUID, note: StripeObject, event_at: datetime | None = None) -> CreditNote | None:
    """Stripe credit note → row; void stays void."""
    known = mirrored_row(CreditNote, merchant_id, note["id"])
    if note.get("deleted") or (known and known.status == CreditNote.Status.VOID and note["status"] != known.status):
        return known
    invoice_id = reference(note["invoice"])
    invoice = mirrored_row(Invoice, merchant_id, invoice_id)
    if invoice is None:
        raise MissingReference("invoice", invoice_id)
    return write_mirrored(
        CreditNote,
        merchant_id,
        note,
        event_at,
        {
            "customer": customer_of(merchant_id, note["customer"]),
            "invoice": invoice,
            "number": note["number"],
            "status": note["status"],
            "currency": note["currency"],
            "amount": note["amount"],
            "subtotal": note["subtotal"],
            "total": note["total"],
            "pre_payment_amount": note.get("pre_payment_amount") or 0,
            "post_payment_amount": note.get("post_payment_amount") or 0,
            "out_of_band_amount": note.get("out_of_band_amount"),
            "reason": note.get("reason") or "",
            "memo": note.get("memo") or "",
            "pdf": note.get("pdf") or "",
            "refund_stripe_ids": [reference(entry.get("refund")) for entry in note.get("refunds") or []],
            "voided_at": instant(note.get("voided_at")),
            "metadata": own_metadata(note),
        },
    )
