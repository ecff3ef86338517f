"""/api/invoices/{id}/document and document.pdf"""

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from billingos.api.schema import reads_file
from billingos.api.views import MerchantView, find, list_query, merchant_of
from billingos.common.tenancy import scope
from subscriptions import payment_selectors
from subscriptions.documents import Document, document_of
from subscriptions.documents.responses import page_response, pdf_response
from subscriptions.serializers.invoices import DocumentQuery


class InvoicePageView(MerchantView):
    area = "invoices"

    @reads_file("Retrieve a document as HTML", "text/html", DocumentQuery)
    def get(self, request: Request, invoice_id: str) -> HttpResponse:
        return page_response(None, _document(request, invoice_id), base_url=settings.BASE_URL)


class InvoicePdfView(MerchantView):
    area = "invoices"

    @reads_file("Retrieve a document as PDF", "application/pdf", DocumentQuery)
    def get(self, request: Request, invoice_id: str) -> HttpResponse:
        return pdf_response(_document(request, invoice_id))


def _document(request: Request, invoice_id: str) -> Document:
    query = list_query(request, DocumentQuery)
    merchant = merchant_of(request)
    with scope(merchant.id):
        row = find(payment_selectors.merchant_invoices(merchant.id), invoice_id, noun="invoice")
    return document_of(merchant=merchant, invoice=row, kind=query["type"])
