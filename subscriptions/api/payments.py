"""/api/payments, /api/refunds, and a customer's payment methods and balance"""

import re
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.pagination import page_body
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import DeletedSerializer, ListQuery, valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.mirrored import reference
from billingos.common.periods import from_stripe
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.operations import list_balance_transactions
from customers.models import Customer
from customers.selectors import get_customer
from customers.serializers import CustomerSerializer
from subscriptions import payment_selectors, services
from subscriptions.models import Invoice, Payment
from subscriptions.serializers.payments import (
    AdjustBalance,
    AttachPaymentMethod,
    BalanceTransactionSerializer,
    CreateRefund,
    PaymentListQuery,
    PaymentMethodSerializer,
    PaymentSerializer,
    RefundListQuery,
    RefundSerializer,
)

BALANCE_TRANSACTION = re.compile(r"cbtxn_\w{1,100}", re.ASCII)


class PaymentsView(MerchantView):
    area = "payments"

    @reads("List payments", page_of(PaymentSerializer), PaymentListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, PaymentListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
            invoice = _invoice(merchant, query["invoice"]) if "invoice" in query else None
        rows = payment_selectors.payments(merchant.id, customer=customer, invoice=invoice, status=query.get("status"))
        return list_response(request, rows, PaymentSerializer, query)


class PaymentView(MerchantView):
    area = "payments"

    @reads("Retrieve a payment", PaymentSerializer, not_found=True)
    def get(self, request: Request, payment_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(payment_selectors.payments(merchant.id), payment_id, noun="payment")
            return Response(PaymentSerializer(row).data)


class RefundsView(MerchantView):
    area = "payments"

    @reads("List refunds", page_of(RefundSerializer), RefundListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, RefundListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            payment = _payment(merchant, query["payment"]) if "payment" in query else None
            invoice = _invoice(merchant, query["invoice"]) if "invoice" in query else None
        rows = payment_selectors.refunds(merchant.id, payment=payment, invoice=invoice)
        return list_response(request, rows, RefundSerializer, query)

    @writes("Create a refund", CreateRefund, RefundSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateRefund, request.data)
        merchant = merchant_of(request)
        payment = _refundable(merchant, fields)
        refund = services.create_refund(merchant=merchant, payment=payment, key=idempotency_key(request), **fields)
        with scope(merchant.id):
            row = payment_selectors.refunds(merchant.id).get(id=refund.id)
            return Response(RefundSerializer(row).data, status=201)


class RefundView(MerchantView):
    area = "payments"

    @reads("Retrieve a refund", RefundSerializer, not_found=True)
    def get(self, request: Request, refund_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(payment_selectors.refunds(merchant.id), refund_id, noun="refund")
            return Response(RefundSerializer(row).data)


def _refundable(merchant: Merchant, fields: dict[str, Any]) -> Payment:
    with scope(merchant.id):
        if "payment" in fields:
            return _payment(merchant, fields.pop("payment"))
        invoice = _invoice(merchant, fields.pop("invoice"))
    return services.payment_of_invoice(merchant, invoice)


def _payment(merchant: Merchant, name: str) -> Payment:
    return find(Payment.objects.for_merchant(merchant.id), name, param="payment", noun="payment")


def _invoice(merchant: Merchant, name: str) -> Invoice:
    return find(payment_selectors.merchant_invoices(merchant.id), name, param="invoice", noun="invoice")


# --- Of a customer --------------------------------------------------------------------------------------------------


class PaymentMethodsView(MerchantView):
    area = "payments"

    @reads("List payment methods", page_of(PaymentMethodSerializer), ListQuery, not_found=True)
    def get(self, request: Request, customer_id: str) -> Response:
        query = list_query(request)
        customer = _customer(request, customer_id)
        return list_response(request, payment_selectors.payment_methods(customer), PaymentMethodSerializer, query)

    @writes("Attach a payment method", AttachPaymentMethod, PaymentMethodSerializer)
    @idempotent
    def post(self, request: Request, customer_id: str) -> Response:
        customer = _customer(request, customer_id)
        fields = valid_body(AttachPaymentMethod, request.data)
        merchant = merchant_of(request)
        method = services.attach_payment_method(
            merchant=merchant, customer=customer, key=idempotency_key(request), **fields
        )
        with scope(merchant.id):
            row = payment_selectors.payment_methods(customer).get(id=method.id)
            return Response(PaymentMethodSerializer(row).data, status=201)


class PaymentMethodView(MerchantView):
    area = "payments"

    @writes("Detach a payment method", None, DeletedSerializer, status=200, idempotency_key=False)
    def delete(self, request: Request, customer_id: str, payment_method_id: str) -> Response:
        merchant, customer = merchant_of(request), _customer(request, customer_id)
        with scope(merchant.id):
            row = find(payment_selectors.payment_methods(customer), payment_method_id, noun="payment method")
        services.detach_payment_method(merchant=merchant, customer=customer, method=row)
        return Response({"id": str(row.id), "object": "payment_method", "deleted": True})


class BalanceView(MerchantView):
    area = "payments"

    @writes("Adjust a balance", AdjustBalance, CustomerSerializer, status=200)
    @idempotent
    def post(self, request: Request, customer_id: str) -> Response:
        customer = _customer(request, customer_id)
        fields = valid_body(AdjustBalance, request.data)
        merchant = merchant_of(request)
        services.adjust_balance(merchant=merchant, customer=customer, key=idempotency_key(request), **fields)
        with scope(merchant.id):
            return Response(CustomerSerializer(get_customer(merchant.id, str(customer.id), param="id")).data)


class BalanceTransactionsView(MerchantView):
    area = "payments"

    @reads("List balance transactions", page_of(BalanceTransactionSerializer), ListQuery, not_found=True)
    def get(self, request: Request, customer_id: str) -> Response:
        """Read at Stripe, which sends no events about them: a copy could not be kept true."""
        query = list_query(request)
        after = query.get("cursor")
        if after and not BALANCE_TRANSACTION.fullmatch(after):
            raise InvalidRequest("This cursor is not one of ours.", param="cursor")
        customer = _customer(request, customer_id)
        rows, more = list_balance_transactions(
            merchant_of(request), customer.stripe_id, limit=query["limit"], after=after
        )
        data = BalanceTransactionSerializer([_movement(row) for row in rows], many=True).data
        return Response(page_body(list(data), rows[-1]["id"] if more else None))


def _movement(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "object": "balance_transaction",
        "description": row.get("description") or "",
        "invoice": reference(row.get("invoice")),
        "credit_note": reference(row.get("credit_note")),
        "created_at": from_stripe(row["created"]),
    }


def _customer(request: Request, customer_id: str) -> Customer:
    merchant = merchant_of(request)
    with scope(merchant.id):
        return get_customer(merchant.id, customer_id, param="id")
