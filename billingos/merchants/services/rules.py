"""What a merchant says of itself, and its billing rules."""

from typing import Any

from billingos.common.errors import Conflict
from billingos.common.locks import lock
from billingos.common.registries import publish
from billingos.common.tenancy import scope
from billingos.merchants.events import BillingSettingsChanged
from billingos.merchants.models import BillingSettings, Branding, Merchant, User
from billingos.merchants.services.audit import record_audit
from billingos.merchants.services.businesses import checked_profile


def update_merchant(*, merchant: Merchant, by: User, **profile: str) -> dict[str, Any]:
    """Writes `name`, `default_currency` and `country`, as far as given; returns what has changed, as {column: {before,
    after}}. Raises InvalidRequest, and Conflict for another country once there is a Stripe account: it has its own.

    The default currency is what pages and metrics begin with; nothing that customers pay is converted or changed.
    """
    wanted = checked_profile(**profile)
    with scope(merchant.id):
        row = Merchant.objects.select_for_update(no_key=True).get(id=merchant.id)
        if row.has_account and wanted.get("country", row.country) != row.country:
            raise Conflict("The country is settled with the Stripe account.", param="country")
        changes = changes_to(row, wanted)
        if changes:
            row.save(update_fields=list(changes))
            record_audit(
                merchant_id=row.id, action="merchant.updated", target=f"merchant {row.slug}", user=by, details=changes
            )
    for name in changes:
        setattr(merchant, name, wanted[name])
    return changes


def update_billing_settings(*, merchant: Merchant, by: User, **rules: bool | str) -> dict[str, Any]:
    """Writes the rules that are given, columns of BillingSettings with valid values; returns what has changed.

    What hangs on a rule follows in the same transaction (`BillingSettingsChanged`): MRR is calculated anew for all
    days, entitlements of customers who are past due end or come back.
    """
    with scope(merchant.id):
        lock([BillingSettings.key(merchant.id)])
        row = BillingSettings.objects.for_merchant(merchant.id).select_for_update().get()
        changes = changes_to(row, rules)
        if changes:
            row.save(update_fields=list(changes))
            publish(BillingSettingsChanged(merchant.id, frozenset(changes)))
            record_audit(
                merchant_id=merchant.id,
                action="billing_settings.updated",
                target=f"merchant {merchant.slug}",
                user=by,
                details=changes,
            )
    return changes


def changes_to(row: Merchant | BillingSettings | Branding, wanted: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Sets what differs; {column: {before, after}}."""
    changes = {}
    for name, value in wanted.items():
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            changes[name] = {"before": before, "after": value}
    return changes
