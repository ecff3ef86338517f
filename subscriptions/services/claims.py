"""What only one request at a time may do."""

from customers.models import Customer
from subscriptions.models import Subscription


def claim_on(subscription: Subscription) -> str:
    """For changes of a subscription: each is calculated from how it stood before."""
    return f"subscription {subscription.stripe_id}"


def claim_of(customer: Customer) -> str:
    """For new subscriptions: what guards them looks at those that there are."""
    return f"subscribe {customer.stripe_id}"
