"""/api/invoices, /api/credit-notes, /api/subscriptions/{id}/upcoming-invoice"""

from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import NoBody, valid_body
from billingos.api.views import MerchantView, find, find_all, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.models import Customer, PaymentMethod
from customers.selectors import get_customer
from subscriptions import payment_selectors, selectors, services
from subscriptions.models import Coupon, CreditNote, Invoice, Price
from subscriptions.serializers.invoices import (
    CreateCreditNote,
    CreateInvoice,
    CreditNoteListQuery,
    CreditNotePreviewSerializer,
    CreditNoteSerializer,
    InvoiceListQuery,
    InvoiceSerializer,
    PayInvoice,
    PreviewCreditNote,
    UpcomingInvoiceSerializer,
    WholeInvoiceSerializer,
)
from subscriptions.upcoming import upcoming_invoice


class InvoicesView(MerchantView):
    area = "invoices"

    @reads("List invoices", page_of(InvoiceSerializer), InvoiceListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, InvoiceListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
            subscription = (
                find(
                    selectors.subscriptions(merchant.id),
                    query["subscription"],
                    param="subscription",
                    noun="subscription",
                )
                if "subscription" in query
                else None
            )
        rows = payment_selectors.merchant_invoices(
            merchant.id, customer=customer, subscription=subscription, status=query.get("status")
        )
        return list_response(request, rows, InvoiceSerializer, query)

    @writes("Create an invoice", CreateInvoice, WholeInvoiceSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateInvoice, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            fields |= _resolved(merchant, fields)
        del fields["customer_id"]
        made = services.create_invoice(merchant=merchant, key=idempotency_key(request), **fields)
        return Response(_serialised(merchant, made), status=201)


def _resolved(merchant: Merchant, fields: dict[str, Any]) -> dict[str, Any]:
    """What the ids of a body name."""
    customer = get_customer(merchant.id, fields["customer_id"])
    lines = [_line(merchant, index, line) for index, line in enumerate(fields["lines"])]
    found: dict[str, Any] = {
        "customer": customer,
        "lines": lines,
        "currency": _currency(merchant, customer, lines, fields.get("currency")),
    }
    if "coupon" in fields:
        coupons = Coupon.objects.for_merchant(merchant.id).filter(valid=True, deleted_at=None)
        found["coupon"] = find(coupons, fields["coupon"], param="coupon", noun="valid coupon")
    if "payment_method" in fields:
        found["payment_method"] = _method(customer, fields["payment_method"])
    return found


def _line(merchant: Merchant, index: int, line: dict[str, Any]) -> services.ChargeLine:
    param = f"lines[{index}][price]"
    price: Price | None = None
    if "price" in line:
        price = find(selectors.prices(merchant.id, active=True), line.pop("price"), param=param, noun="active price")
        if price.interval:
            raise InvalidRequest("A recurring price is subscribed to; charge one that is paid once.", param=param)
    return services.ChargeLine(price=price, **line)


def _currency(merchant: Merchant, customer: Customer, lines: list[services.ChargeLine], asked: str | None) -> str:
    """One currency for all. Raises InvalidRequest for prices in others."""
    found = [(index, line.price.currency) for index, line in enumerate(lines) if line.price]
    chosen = asked or (found[0][1] if found else customer.currency or merchant.default_currency)
    for index, currency in found:
        if currency != chosen:
            param = f"lines[{index}][price]"
            raise InvalidRequest(f"This price is in {currency}, the invoice in {chosen}.", param=param)
    return chosen


def _method(customer: Customer, reference: str) -> PaymentMethod:
    rows = payment_selectors.payment_methods(customer)
    return find(rows, reference, param="payment_method", noun="payment method of this customer")


class InvoiceView(MerchantView):
    area = "invoices"

    @reads("Retrieve an invoice", WholeInvoiceSerializer, not_found=True)
    def get(self, request: Request, invoice_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(payment_selectors.whole_invoices(merchant.id), invoice_id, noun="invoice")
            return Response(WholeInvoiceSerializer(row).data)


class FinalizeInvoiceView(MerchantView):
    area = "invoices"

    @writes("Finalize an invoice", NoBody, WholeInvoiceSerializer, status=200)
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        return _act(request, invoice_id, services.finalize_invoice)


class VoidInvoiceView(MerchantView):
    area = "invoices"

    @writes("Void an invoice", NoBody, WholeInvoiceSerializer, status=200)
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        return _act(request, invoice_id, services.void_invoice)


class SendInvoiceView(MerchantView):
    area = "invoices"

    @writes("Send an invoice", NoBody, WholeInvoiceSerializer, status=200)
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        return _act(request, invoice_id, services.send_invoice)


class PayInvoiceView(MerchantView):
    area = "invoices"

    @writes("Pay an invoice", PayInvoice, WholeInvoiceSerializer, status=200)
    @idempotent
    def post(self, request: Request, invoice_id: str) -> Response:
        fields = valid_body(PayInvoice, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = _invoice(merchant, invoice_id)
            if "payment_method" in fields:
                fields["payment_method"] = _method(row.customer, fields["payment_method"])
        paid = services.pay_invoice(merchant=merchant, invoice=row, key=idempotency_key(request), **fields)
        return Response(_serialised(merchant, paid))


def _act(request: Request, invoice_id: str, act: Callable[..., Invoice]) -> Response:
    valid_body(NoBody, request.data)
    merchant = merchant_of(request)
    with scope(merchant.id):
        row = _invoice(merchant, invoice_id)
    return Response(_serialised(merchant, act(merchant=merchant, invoice=row, key=idempotency_key(request))))


def _invoice(merchant: Merchant, reference: str, *, param: str = "id") -> Invoice:
    rows = payment_selectors.merchant_invoices(merchant.id).select_related("customer", "subscription")
    return find(rows, reference, param=param, noun="invoice")


def _serialised(merchant: Merchant, invoice: Invoice) -> Any:
    with scope(merchant.id):
        return WholeInvoiceSerializer(payment_selectors.whole_invoices(merchant.id).get(id=invoice.id)).data


class UpcomingInvoiceView(MerchantView):
    area = "invoices"

    @reads("Preview an upcoming invoice", UpcomingInvoiceSerializer, not_found=True)
    def get(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(selectors.subscriptions(merchant.id), subscription_id, noun="subscription")
        return Response(UpcomingInvoiceSerializer(upcoming_invoice(merchant=merchant, subscription=row)).data)


# --- Credit notes ---------------------------------------------------------------------------------------------------


class CreditNotesView(MerchantView):
    area = "invoices"

    @reads("List credit notes", page_of(CreditNoteSerializer), CreditNoteListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, CreditNoteListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
            invoice = _invoice(merchant, query["invoice"], param="invoice") if "invoice" in query else None
        rows = payment_selectors.credit_notes(merchant.id, customer=customer, invoice=invoice)
        return list_response(request, rows, CreditNoteSerializer, query)

    @writes("Create a credit note", CreateCreditNote, CreditNoteSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateCreditNote, request.data)
        merchant = merchant_of(request)
        metadata = fields.pop("metadata", None)
        crediting = _crediting(merchant, fields)
        note = services.create_credit_note(
            merchant=merchant, crediting=crediting, metadata=metadata, key=idempotency_key(request)
        )
        return Response(_note(merchant, note), status=201)


class PreviewCreditNoteView(MerchantView):
    area = "invoices"

    @writes("Preview a credit note", PreviewCreditNote, CreditNotePreviewSerializer, status=200, idempotency_key=False)
    def post(self, request: Request) -> Response:
        fields = valid_body(PreviewCreditNote, request.data)
        merchant = merchant_of(request)
        crediting = _crediting(merchant, fields)
        shown = services.preview_of_credit_note(merchant=merchant, crediting=crediting)
        about = {"object": "credit_note_preview", "invoice": crediting.invoice.id}
        return Response(CreditNotePreviewSerializer({**shown, **about}).data)


class CreditNoteView(MerchantView):
    area = "invoices"

    @reads("Retrieve a credit note", CreditNoteSerializer, not_found=True)
    def get(self, request: Request, credit_note_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(payment_selectors.credit_notes(merchant.id), credit_note_id, noun="credit note")
            return Response(CreditNoteSerializer(row).data)


class VoidCreditNoteView(MerchantView):
    area = "invoices"

    @writes("Void a credit note", NoBody, CreditNoteSerializer, status=200)
    @idempotent
    def post(self, request: Request, credit_note_id: str) -> Response:
        valid_body(NoBody, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(payment_selectors.credit_notes(merchant.id), credit_note_id, noun="credit note")
        voided = services.void_credit_note(merchant=merchant, note=row, key=idempotency_key(request))
        return Response(_note(merchant, voided))


def _crediting(merchant: Merchant, fields: dict[str, Any]) -> services.Crediting:
    with scope(merchant.id):
        invoice = _invoice(merchant, fields.pop("invoice"), param="invoice")
        wanted = fields.pop("lines", [])
        named = find_all(
            invoice.lines.all(),
            [str(one.pop("line")) for one in wanted],
            param="lines[{}][line]",
            noun="line of this invoice",
        )
        lines = [services.CreditLine(line=line, **one) for line, one in zip(named, wanted, strict=True)]
    return services.Crediting(invoice=invoice, lines=lines, **fields)


def _note(merchant: Merchant, note: CreditNote) -> Any:
    with scope(merchant.id):
        return CreditNoteSerializer(payment_selectors.credit_notes(merchant.id).get(id=note.id)).data
