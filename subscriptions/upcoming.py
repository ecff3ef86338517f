"""The invoice that comes next, as Stripe would make it now."""

from typing import Any

from billingos.common.errors import BillingError, NotFound
from billingos.common.mirrored import instant
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.operations import preview_invoice
from subscriptions.models import Subscription
from subscriptions.sync import preview_lines


def upcoming_invoice(*, merchant: Merchant, subscription: Subscription) -> dict[str, Any]:
    """Stripe's preview in our words, amounts in minor units. Raises NotFound where no invoice will come: the
    subscription has ended or ends before."""
    if subscription.has_ended:
        raise NotFound("This subscription has ended: no invoice comes.", code="invoice_upcoming_none", param="id")
    try:
        found = preview_invoice(merchant, {"subscription": subscription.stripe_id})
    except BillingError as error:
        if error.code != "invoice_upcoming_none":
            raise
        raise NotFound(
            "No invoice comes: the subscription ends first.", code="invoice_upcoming_none", param="id"
        ) from error
    with scope(merchant.id):
        lines = preview_lines(merchant.id, found["lines"]["data"])
    return {
        "object": "upcoming_invoice",
        "customer": subscription.customer_id,
        "subscription": subscription.id,
        "at": instant(found.get("next_payment_attempt") or found["period_end"]),
        "currency": found["currency"],
        "subtotal": found["subtotal"],
        "discount": sum(entry["amount"] for entry in found.get("total_discount_amounts") or []),
        "tax": sum(entry["amount"] for entry in found.get("total_taxes") or []),
        "total": found["total"],
        "applied_balance": found["total"] - found["amount_due"],
        "amount_due": found["amount_due"],
        "lines": lines,
    }
