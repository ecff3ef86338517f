"""The invoice that comes next, as Stripe would make it now."""

from dataclasses import dataclass

from billingos.common.errors import NotFound
from billingos.merchants.models import Merchant
from subscriptions.models import Subscription
from subscriptions.previews import PreviewedInvoice, previewed


@dataclass(frozen=True, slots=True)
class Upcoming(PreviewedInvoice):
    """The next invoice of `subscription`."""

    subscription: Subscription


def upcoming_invoice(*, merchant: Merchant, subscription: Subscription) -> Upcoming:
    """Asked of Stripe, kept nowhere. Raises NotFound where no invoice will come: the subscription has ended, or ends
    before."""
    found = None if subscription.has_ended else previewed(merchant, {"subscription": subscription.stripe_id})
    if found is None:
        raise NotFound("No invoice will come: the subscription ends before.", code="invoice_upcoming_none", param="id")
    return Upcoming(found.at, found.invoice, found.lines, subscription)
