"""A customer's credit balance, which Stripe sets off against the invoices to come: Stripe first, then our row."""

from billingos.common.errors import InvalidRequest
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from customers.models import Customer
from subscriptions.services.effects import settle_all


def adjust_balance(
    *,
    merchant: Merchant,
    customer: Customer,
    amount: int,
    currency: str | None = None,
    description: str = "",
    key: str | None = None,
) -> None:
    """Moves the balance by `amount` minor units: a negative one is a credit that lowers the next invoice, a positive
    one a debt that raises it. Raises InvalidRequest for another currency than the customer's."""
    chosen = currency or customer.currency or merchant.default_currency
    if customer.currency and chosen != customer.currency:
        raise InvalidRequest(f"This customer is billed in {customer.currency}.", param="currency")
    params = {"amount": amount, "currency": chosen, **({"description": description} if description else {})}
    call = Call("customers.balance_transactions.create", params, target=customer.stripe_id)
    execute(merchant=merchant, calls=[call], key=key)
    settle_all(merchant, [("customer", customer.stripe_id)])
