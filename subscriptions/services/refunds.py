"""Giving money back: Stripe first, then our rows."""

from collections.abc import Mapping
from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from subscriptions.models import Invoice, InvoicePayment, Payment, Refund
from subscriptions.payment_selectors import refunded_amount
from subscriptions.services.effects import settle_all


def create_refund(
    *,
    merchant: Merchant,
    payment: Payment,
    amount: int | None = None,
    reason: str | None = None,
    metadata: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Refund:
    """Gives back `amount` minor units of a payment, all that is left unless given; the invoice stays as it is (a credit
    note corrects it). Raises InvalidRequest for more than is left, Conflict for a payment that has not succeeded."""

    def check() -> None:
        if payment.status != Payment.Status.SUCCEEDED:
            raise Conflict("This payment has not succeeded: there is nothing to refund.", code="payment_not_succeeded")
        left = payment.amount_received - refunded_amount(payment)
        if left <= 0:
            raise InvalidRequest("This payment is refunded already.", code="refund_amount_exceeded", param="amount")
        if amount is not None and amount > left:
            told = f"At most {left} (minor units) of this payment are left to refund."
            raise InvalidRequest(told, code="refund_amount_exceeded", param="amount")

    params: dict[str, Any] = {"payment_intent": payment.stripe_id, "metadata": dict(metadata or {})}
    if amount is not None:
        params["amount"] = amount
    if reason:
        params["reason"] = reason
    refund: Refund = execute(
        merchant=merchant,
        calls=[Call("refunds.create", params)],
        key=key,
        claim=f"refund {payment.stripe_id}",  # two at once would each find the whole amount left
        check=check,
    )[0]
    settle_all(merchant, [("payment_intent", payment.stripe_id)])
    return refund


def payment_of_invoice(merchant: Merchant, invoice: Invoice) -> Payment:
    """The one payment that has paid the invoice. Raises Conflict if there is none, or more than one."""
    with scope(merchant.id):
        links = InvoicePayment.objects.for_merchant(merchant.id).filter(invoice=invoice, status="paid")
        names = links.exclude(payment_stripe_id="").values_list("payment_stripe_id", flat=True)
        found = list(Payment.objects.for_merchant(merchant.id).filter(stripe_id__in=names)[:2])
    if not found:
        raise Conflict(
            "No payment through Stripe has paid this invoice.", code="payment_not_succeeded", param="invoice"
        )
    if len(found) > 1:
        raise Conflict("Several payments have paid it: name one of them.", code="several_payments", param="invoice")
    return found[0]
