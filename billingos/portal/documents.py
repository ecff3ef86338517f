"""The customer's own invoices and receipts, to read and to keep."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.portal.entrance import page, portal_page
from customers.models import PortalSession
from subscriptions.documents import Document, document_of
from subscriptions.documents.content import INVOICE, RECEIPT
from subscriptions.documents.responses import page_response, pdf_response
from subscriptions.selectors import invoices


@require_safe
@portal_page
def document_page(request: HttpRequest, session: PortalSession, invoice_id: UUID) -> HttpResponse:
    kind = _kind(request)
    document = _document(session, invoice_id, kind)
    if document is None:
        return page(request, "missing", session, status=404)
    here = reverse("portal:invoice-document", args=[invoice_id])
    other = INVOICE if kind == RECEIPT else RECEIPT
    return page_response(
        request,
        document,
        back_url=reverse("portal:invoices"),
        back_title="Back to your invoices",
        pdf_url=f"{reverse('portal:invoice-pdf', args=[invoice_id])}?type={kind}",
        other_url=f"{here}?type={other}" if document.stamp == "Paid" else "",
        other_title=f"Show the {other}",
    )


@require_safe
@portal_page
def document_file(request: HttpRequest, session: PortalSession, invoice_id: UUID) -> HttpResponse:
    document = _document(session, invoice_id, _kind(request))
    return pdf_response(document) if document else page(request, "missing", session, status=404)


def _kind(request: HttpRequest) -> str:
    return RECEIPT if request.GET.get("type") == RECEIPT else INVOICE


def _document(session: PortalSession, invoice_id: UUID, kind: str) -> Document | None:
    """None for what is not theirs, for a draft, and for the receipt of what is not paid."""
    with scope(session.merchant_id):
        row = invoices(session.customer).filter(id=invoice_id).first()
    try:
        return document_of(merchant=session.merchant, invoice=row, kind=kind) if row else None
    except BillingError:
        return None
