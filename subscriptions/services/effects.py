"""What a write changes besides its own object: asked for anew, so that the answer and the next read are true."""

from collections.abc import Iterable

import structlog

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.settling import settle
from customers.models import PaymentMethod
from subscriptions.models import Invoice, InvoicePayment, Payment

log = structlog.get_logger(__name__)


def settle_all(merchant: Merchant, touched: Iterable[tuple[str, str]]) -> None:
    """Brings the rows of `touched`, (object type, Stripe id), up to date. Never raises a BillingError: the write is
    done, and what can't be asked for now comes with its event."""
    for object_type, stripe_id in touched:
        try:
            settle(merchant, object_type, stripe_id)
        except BillingError as error:
            log.info("effect_left_to_events", type=object_type, object=stripe_id, code=error.code)


def settle_around(merchant: Merchant, invoice: Invoice) -> Invoice:
    """The invoice as it is now, after what its payment, voiding or lowering has moved is up to date too: its payments,
    its subscription's state, the customer's balance."""
    settle_all(merchant, [("invoice", invoice.stripe_id)])
    with scope(merchant.id):
        now = Invoice.objects.for_merchant(merchant.id).select_related("customer", "subscription").get(id=invoice.id)
        touched = _around(now)
    settle_all(merchant, touched)
    settle_all(merchant, _unknown_methods(merchant, now))
    return now


def _around(invoice: Invoice) -> list[tuple[str, str]]:
    links = InvoicePayment.objects.for_merchant(invoice.merchant_id).filter(invoice=invoice)
    touched = [("payment_intent", link.payment_stripe_id) for link in links if link.payment_stripe_id]
    if invoice.subscription:
        touched.append(("subscription", invoice.subscription.stripe_id))
    customer = invoice.customer
    if invoice.starting_balance or invoice.ending_balance or customer.delinquent or not customer.currency:
        touched.append(("customer", customer.stripe_id))
    return touched


def _unknown_methods(merchant: Merchant, invoice: Invoice) -> list[tuple[str, str]]:
    """What has just paid and whose event is still on the way."""
    with scope(merchant.id):
        links = InvoicePayment.objects.for_merchant(merchant.id).filter(invoice=invoice)
        payments = Payment.objects.for_merchant(merchant.id).filter(
            stripe_id__in=links.values_list("payment_stripe_id", flat=True)
        )
        wanted = set(payments.exclude(payment_method_id="").values_list("payment_method_id", flat=True))
        known = PaymentMethod.objects.for_merchant(merchant.id).filter(stripe_id__in=wanted)
        return [("payment_method", name) for name in sorted(wanted - set(known.values_list("stripe_id", flat=True)))]
