"""One invoice: its lines, what paid it, what was given back, and its document."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpResponseBase

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.plans import stripe_url
from billingos.merchants.roles import BILLING_WRITE
from subscriptions.documents import Document, document_of
from subscriptions.documents.content import INVOICE, RECEIPT
from subscriptions.documents.responses import page_response, pdf_response
from subscriptions.models import Invoice, Payment, Refund
from subscriptions.payment_selectors import NOT_REFUNDED, disputes, payments, refunds, whole_invoices

Status = Invoice.Status


@dataclass(frozen=True, slots=True)
class Possible:
    """What may be done to an invoice now. `refundable` and `creditable` are minor units."""

    pay: bool
    void: bool
    refundable: int
    creditable: int
    payment: Payment | None


def possible_with(invoice: Invoice, given_back: Sequence[Refund]) -> Possible:
    """Inside the scope, of an invoice out of `whole_invoices` and its refunds."""
    owed = invoice.status in {Status.OPEN, Status.UNCOLLECTIBLE}
    rows = payments(invoice.merchant_id, invoice=invoice).filter(status=Payment.Status.SUCCEEDED)
    paid = [row for row in rows[:10] if row.amount_received > row.refunded]  # type: ignore[attr-defined]  # annotated
    return Possible(
        pay=owed,
        void=owed,
        refundable=paid[0].amount_received - paid[0].refunded if paid else 0,  # type: ignore[attr-defined]  # annotated
        creditable=_creditable(invoice, given_back),
        payment=paid[0] if paid else None,
    )


def _creditable(invoice: Invoice, given_back: Sequence[Refund]) -> int:
    """What neither a credit note nor a refund without one has taken back."""
    if invoice.status in {Status.DRAFT, Status.VOID}:
        return 0
    notes = [note for note in invoice.credit_notes.all() if note.status == "issued"]
    noted = {name for note in notes for name in note.refund_stripe_ids}
    refunded = sum(row.amount for row in given_back if row.stripe_id not in noted and row.status not in NOT_REFUNDED)
    return max(invoice.total - sum(note.total for note in notes) - refunded, 0)


def refunds_of(invoice: Invoice) -> list[Refund]:
    """Oldest first. Inside the scope."""
    return list(refunds(invoice.merchant_id, invoice=invoice).order_by("id")[:100])


def find_invoice(visit: Visit, invoice_id: UUID) -> Invoice:
    """Inside the scope. Raises Http404."""
    found = whole_invoices(visit.merchant.id).filter(id=invoice_id).first()
    if found is None:
        raise Http404
    return found


@merchant_page("customers")
def invoice(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    with scope(visit.merchant.id):
        row = find_invoice(visit, invoice_id)
        given_back = refunds_of(row)
        disputed = list(disputes(visit.merchant.id, invoice=row)[:100])
        may = possible_with(row, given_back)
    context = {
        "invoice": row,
        "customer": row.customer,
        "now": row.customer.now(),
        "possible": may,
        "refunds": given_back,
        "disputes": disputed,
        "may_write": visit.may(BILLING_WRITE),
        "stripe_url": stripe_url(visit.merchant, "invoices", row.stripe_id),
    }
    return visit.render("dashboard/invoices/detail.html", context)


@merchant_page("customers")
def document_page(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    document, kind = _document(visit, invoice_id)
    here = visit.url("invoice_document", invoice_id=invoice_id)
    other = INVOICE if kind == RECEIPT else RECEIPT
    return page_response(
        visit.request,
        document,
        back_url=visit.url("invoice", invoice_id=invoice_id),
        back_title="Back to the invoice",
        pdf_url=f"{visit.url('invoice_pdf', invoice_id=invoice_id)}?type={kind}",
        other_url=f"{here}?type={other}" if document.stamp == "Paid" else "",
        other_title=f"Show the {other}",
    )


@merchant_page("customers")
def document_file(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    return pdf_response(_document(visit, invoice_id)[0])


def _document(visit: Visit, invoice_id: UUID) -> tuple[Document, str]:
    kind = RECEIPT if visit.request.GET.get("type") == RECEIPT else INVOICE
    try:
        return document_of(merchant=visit.merchant, invoice_id=invoice_id, kind=kind), kind
    except BillingError as error:  # also the receipt of what is not paid
        raise Http404 from error
