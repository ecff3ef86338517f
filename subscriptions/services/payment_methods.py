"""What a customer pays with: Stripe first, then our rows."""

from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, made_by
from customers.models import Customer, PaymentMethod
from subscriptions.cards import default_calls
from subscriptions.services.effects import settle_all


def attach_payment_method(
    *, merchant: Merchant, customer: Customer, payment_method: str, set_default: bool = True, key: str | None = None
) -> PaymentMethod:
    """Saves a payment method of Stripe's for the customer; `set_default` makes it the one that pays, for their
    subscriptions too. Raises PaymentRequired for a card that can't be used."""
    attach = Call("payment_methods.attach", {"customer": customer.stripe_id}, target=payment_method)

    def calls() -> list[Call]:
        # A test card's name becomes an id only when it is attached.
        return [attach, *(default_calls(customer, made_by(0)) if set_default else [])]

    request = ["payment_methods.attach", customer.stripe_id, payment_method, set_default]
    row: PaymentMethod = execute(merchant=merchant, calls=calls, key=key, request=request)[0]
    return row


def detach_payment_method(*, merchant: Merchant, customer: Customer, method: PaymentMethod) -> None:
    """Forgets it for good; whatever it was the default of has none then. Asking again changes nothing."""
    execute(merchant=merchant, calls=[Call("payment_methods.detach", {}, target=method.stripe_id)])
    settle_all(merchant, [("customer", customer.stripe_id)])
