"""Invoices that are made by hand, and what can be done to any invoice: Stripe first, then our rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billingos.common.errors import BillingError, Conflict, InvalidRequest, PaymentRequired
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, made_by, target_made_by
from customers.models import Customer, PaymentMethod
from subscriptions.changing import AUTOMATIC
from subscriptions.models import Coupon, Invoice, Price
from subscriptions.services.effects import settle_around

Status = Invoice.Status
SENT = "send_invoice"


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """What is charged for: `quantity` times a price that is paid once or `unit_amount`, or `amount` as a whole. Amounts
    are in minor units; a negative one lowers the invoice."""

    price: Price | None = None
    unit_amount: int | None = None
    amount: int | None = None
    quantity: int = 1
    description: str = ""


def create_invoice(
    *,
    merchant: Merchant,
    customer: Customer,
    lines: Sequence[ChargeLine],
    currency: str,
    collection_method: str = AUTOMATIC,
    days_until_due: int | None = None,
    description: str = "",
    coupon: Coupon | None = None,
    payment_method: PaymentMethod | None = None,
    auto_advance: bool = False,
    draft: bool = False,
    metadata: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Invoice:
    """An invoice of just these lines: paid at once, or sent, or left a draft.

    One request to the gateway: whoever dies in the middle, it is finished, and nobody is charged twice. Raises
    PaymentRequired when the payment fails: the invoice stays open and is named in the error; it can be paid later, or
    voided. Whatever else Stripe refuses leaves nothing behind. With `auto_advance` Stripe itself goes on trying.
    """
    about: dict[str, Any] = {
        "customer": customer.stripe_id,
        "currency": currency,
        "collection_method": collection_method,
        "auto_advance": auto_advance,
        "pending_invoice_items_behavior": "exclude",
        "metadata": dict(metadata or {}),
    }
    if days_until_due is not None:
        about["days_until_due"] = days_until_due
    if description:
        about["description"] = description
    if coupon:
        about["discounts"] = [{"coupon": coupon.stripe_id}]
    calls = [Call("invoices.create", about), *(_item(customer, currency, line) for line in lines)]
    if not draft:
        calls.append(Call("invoices.finalize", {}, target=target_made_by(0)))
        calls.append(_collection(collection_method, payment_method))
    return _carry_out(merchant, calls, key)


def _item(customer: Customer, currency: str, line: ChargeLine) -> Call:
    params: dict[str, Any] = {"customer": customer.stripe_id, "invoice": made_by(0)}
    if line.price:
        params |= {"pricing": {"price": line.price.stripe_id}, "quantity": line.quantity}
    elif line.unit_amount is not None:
        params |= {"currency": currency, "unit_amount_decimal": str(line.unit_amount), "quantity": line.quantity}
    else:
        params |= {"currency": currency, "amount": line.amount}
    if line.description:
        params["description"] = line.description
    return Call("invoiceitems.create", params)


def _collection(collection_method: str, payment_method: PaymentMethod | None) -> Call:
    if collection_method == SENT:
        return Call("invoices.send", {}, target=target_made_by(0))
    params = {"payment_method": payment_method.stripe_id} if payment_method else {}
    return Call("invoices.pay", params, target=target_made_by(0))


def _carry_out(merchant: Merchant, calls: Sequence[Call], key: str | None) -> Invoice:
    try:
        made = execute(merchant=merchant, calls=calls, key=key)
    except BillingError as error:
        invoice = next((row for row in error.made if isinstance(row, Invoice)), None)
        if invoice is None or error.status >= 500:
            raise
        return _left_over(merchant, invoice, error)
    return settle_around(merchant, made[0])


def _left_over(merchant: Merchant, invoice: Invoice, error: BillingError) -> Invoice:
    """What is to be done with an invoice whose request Stripe did not finish: a draft goes; one that needed no payment
    is fine; an open one stays, and the error says so."""
    now = settle_around(merchant, invoice)
    if now.status == Status.DRAFT:
        execute(merchant=merchant, calls=[Call("invoices.delete", {}, target=now.stripe_id)])
        raise error
    if now.status == Status.PAID:
        return now
    raise _unpaid(now, error) from error


def _unpaid(invoice: Invoice, error: BillingError) -> BillingError:
    """Stripe answers 400 where there is nothing to charge; to the caller that is one of the ways not to be paid."""
    if isinstance(error, InvalidRequest) and error.code == "resource_missing" and error.param is None:
        error = PaymentRequired("The customer has no payment method to charge.", code="payment_method_missing")
    error.message = f"{error.message.rstrip('.')}. The invoice stays open: pay or void it, and do not make another."
    error.extra = {"invoice": str(invoice.id)}
    return error


def finalize_invoice(*, merchant: Merchant, invoice: Invoice, key: str | None = None) -> Invoice:
    """Opens a draft: it gets its number and can no longer be changed. Raises Conflict for what is no draft."""
    calls = [Call("invoices.finalize", {}, target=invoice.stripe_id)]
    execute(merchant=merchant, calls=calls, key=key, check=_must_be(invoice, "finalized", Status.DRAFT))
    return settle_around(merchant, invoice)


def pay_invoice(
    *,
    merchant: Merchant,
    invoice: Invoice,
    payment_method: PaymentMethod | None = None,
    paid_out_of_band: bool = False,
    key: str | None = None,
) -> Invoice:
    """Charges the customer's default payment method, or `payment_method`, or notes that it was paid elsewhere. Raises
    PaymentRequired when the payment fails, Conflict for an invoice that is paid or void."""
    params: dict[str, Any] = {"paid_out_of_band": True} if paid_out_of_band else {}
    if payment_method:
        params["payment_method"] = payment_method.stripe_id
    check = _must_be(invoice, "paid", Status.DRAFT, Status.OPEN, Status.UNCOLLECTIBLE)
    try:
        execute(merchant=merchant, calls=[Call("invoices.pay", params, target=invoice.stripe_id)], key=key, check=check)
    except (InvalidRequest, PaymentRequired) as error:
        now = settle_around(merchant, invoice)
        if now.status == Status.PAID:  # someone else's payment came first
            raise _wrong_status(now, "paid") from error
        raise _unpaid(now, error) from error
    return settle_around(merchant, invoice)


def void_invoice(*, merchant: Merchant, invoice: Invoice, key: str | None = None) -> Invoice:
    """Nobody owes it any more; it keeps its number. Raises Conflict for what is not open."""
    calls = [Call("invoices.void", {}, target=invoice.stripe_id)]
    check = _must_be(invoice, "voided", Status.OPEN, Status.UNCOLLECTIBLE)
    execute(merchant=merchant, calls=calls, key=key, check=check)
    return settle_around(merchant, invoice)


def send_invoice(*, merchant: Merchant, invoice: Invoice, key: str | None = None) -> Invoice:
    """Stripe mails it to the customer; a draft is finalized first. Raises Conflict for one that is charged by itself,
    and for one that is void."""

    def check() -> None:
        if invoice.collection_method != SENT:
            raise Conflict("Only invoices with collection_method send_invoice are sent.", code="invoice_not_sendable")
        _must_be(invoice, "sent", Status.DRAFT, Status.OPEN, Status.PAID, Status.UNCOLLECTIBLE)()

    calls = [Call("invoices.send", {}, target=invoice.stripe_id)]
    execute(merchant=merchant, calls=calls, key=key, check=check)
    return settle_around(merchant, invoice)


def _must_be(invoice: Invoice, done: str, *statuses: str) -> Callable[[], None]:
    def check() -> None:
        if invoice.status not in statuses:
            raise _wrong_status(invoice, done)

    return check


def _wrong_status(invoice: Invoice, done: str) -> Conflict:
    return Conflict(f"An invoice that is {invoice.status} can't be {done}.", code="invoice_status", param="id")
