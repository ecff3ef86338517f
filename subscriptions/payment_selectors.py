"""Reading invoices with what belongs to them, payments, refunds, credit notes and what customers pay with. Everything
here runs inside the merchant's scope."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, JSONObject

from customers.models import Customer, PaymentMethod
from subscriptions.models import (
    CreditNote,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Payment,
    Refund,
    Subscription,
    TaxRate,
)

NOT_REFUNDED = ("failed", "canceled")  # what became of a refund that gave nothing back


def merchant_invoices(
    merchant_id: UUID,
    *,
    customer: Customer | None = None,
    subscription: Subscription | None = None,
    status: str | None = None,
) -> QuerySet[Invoice]:
    """Drafts too, deleted ones not."""
    rows = Invoice.objects.for_merchant(merchant_id).filter(deleted_at=None)
    if customer:
        rows = rows.filter(customer=customer)
    if subscription:
        rows = rows.filter(subscription=subscription)
    return rows.filter(status=status) if status else rows


def whole_invoices(merchant_id: UUID) -> QuerySet[Invoice]:
    """With customer, lines, payments and credit notes at hand: four statements."""
    return (
        merchant_invoices(merchant_id)
        .select_related("customer__test_clock", "subscription")
        .prefetch_related(
            Prefetch("lines", InvoiceLine.objects.order_by("position")),
            Prefetch("payments", _links()),
            Prefetch("credit_notes", CreditNote.objects.order_by("id")),
        )
    )


def _links() -> QuerySet[InvoicePayment]:
    """What pays an invoice, each with `payment_id` (ours) and `method` ({type, brand, last4, exp_month, exp_year})."""
    theirs = Payment.objects.filter(merchant_id=OuterRef("merchant_id"), stripe_id=OuterRef("payment_stripe_id"))
    return InvoicePayment.objects.order_by("id").annotate(
        payment_id=Subquery(theirs.values("id")[:1]),
        payment_status=Subquery(theirs.values("status")[:1]),
        failure_message=Subquery(theirs.values("failure_message")[:1]),
        method=Subquery(_with_method(theirs).values("method")[:1]),
    )


def _with_method(payments: QuerySet[Payment]) -> QuerySet[Any, Any]:
    methods = PaymentMethod.objects.filter(merchant_id=OuterRef("merchant_id"), stripe_id=OuterRef("payment_method_id"))
    shown = JSONObject(type="type", brand="brand", last4="last4", exp_month="exp_month", exp_year="exp_year")
    return payments.annotate(method=Subquery(methods.values(shown=shown)[:1]))


def payments(
    merchant_id: UUID, *, customer: Customer | None = None, status: str | None = None, invoice: Invoice | None = None
) -> QuerySet[Payment]:
    """Each with `refunded` (minor units), `invoice_id` (ours, or None) and `method`."""
    rows: QuerySet[Payment] = _with_method(Payment.objects.for_merchant(merchant_id))
    links = InvoicePayment.objects.filter(merchant_id=OuterRef("merchant_id"), payment_stripe_id=OuterRef("stripe_id"))
    rows = rows.annotate(
        refunded=Coalesce(Subquery(_refunded(OuterRef("id")), output_field=IntegerField()), 0),
        invoice_id=Subquery(links.order_by("id").values("invoice_id")[:1]),
    )
    if customer:
        rows = rows.filter(customer=customer)
    if invoice:
        rows = rows.filter(Exists(links.filter(invoice=invoice)))
    return rows.filter(status=status) if status else rows


def _refunded(payment_id: Any) -> QuerySet[Any, Any]:
    rows = Refund.objects.filter(payment_id=payment_id).exclude(status__in=NOT_REFUNDED)
    return rows.order_by().values("payment_id").annotate(total=Sum("amount")).values("total")


def refunded_amount(payment: Payment) -> int:
    """Minor units that were given back, or are on their way."""
    rows = Refund.objects.for_merchant(payment.merchant_id).filter(payment=payment)
    total: int = rows.exclude(status__in=NOT_REFUNDED).aggregate(total=Coalesce(Sum("amount"), 0))["total"]
    return total


def refunds(merchant_id: UUID, *, payment: Payment | None = None, invoice: Invoice | None = None) -> QuerySet[Refund]:
    rows = Refund.objects.for_merchant(merchant_id).select_related("payment")
    if payment:
        rows = rows.filter(payment=payment)
    if invoice:
        links = InvoicePayment.objects.for_merchant(merchant_id).filter(invoice=invoice)
        rows = rows.filter(payment__stripe_id__in=links.values("payment_stripe_id"))
    return rows


def disputes(merchant_id: UUID, *, invoice: Invoice) -> QuerySet[Dispute]:
    """Of the payments that have paid the invoice, oldest first."""
    links = InvoicePayment.objects.for_merchant(merchant_id).filter(invoice=invoice)
    rows = Dispute.objects.for_merchant(merchant_id).select_related("payment").order_by("id")
    return rows.filter(payment__stripe_id__in=links.values("payment_stripe_id"))


def credit_notes(
    merchant_id: UUID, *, customer: Customer | None = None, invoice: Invoice | None = None
) -> QuerySet[CreditNote]:
    rows = CreditNote.objects.for_merchant(merchant_id)
    if customer:
        rows = rows.filter(customer=customer)
    return rows.filter(invoice=invoice) if invoice else rows


def payment_methods(customer: Customer) -> QuerySet[PaymentMethod]:
    """What the customer can pay with, each with `default_id`: Stripe's id of the one that pays."""
    rows = PaymentMethod.objects.for_merchant(customer.merchant_id).filter(customer=customer, deleted_at=None)
    return rows.annotate(default_id=F("customer__default_payment_method_id"))


def tax_rates(merchant_id: UUID, stripe_ids: Sequence[str]) -> dict[str, TaxRate]:
    """Our rows by Stripe's id; unknown ones are left out."""
    rows = TaxRate.objects.for_merchant(merchant_id).filter(stripe_id__in=stripe_ids)
    return {row.stripe_id: row for row in rows}
