"""Stripe account → row. The only writer of these columns."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from billingos.common.mirrored import write_mirrored
from billingos.common.readahead import mirrored_row
from billingos.common.registries import StripeObject, projects, publish
from billingos.merchants.events import AccountConnected
from billingos.merchants.models import ConnectedAccount


@projects("account", ConnectedAccount)
def sync_account(merchant_id: UUID, account: StripeObject, event_at: datetime | None = None) -> ConnectedAccount | None:
    """What Stripe says of the merchant's account. One that Stripe no longer has can take no payments."""
    known = mirrored_row(ConnectedAccount, merchant_id, account["id"])
    if account.get("deleted"):
        return _end(known)
    if known and known.deleted_at:
        return known
    requirements = account.get("requirements") or {}
    columns = {
        "charges_enabled": bool(account.get("charges_enabled")),
        "payouts_enabled": bool(account.get("payouts_enabled")),
        "details_submitted": bool(account.get("details_submitted")),
        "requirements_due": sorted(requirements.get("currently_due") or []),
        "capabilities": account.get("capabilities") or {},
    }
    was_submitted = bool(known and known.details_submitted)
    row = write_mirrored(ConnectedAccount, merchant_id, account, event_at, columns)
    if row.details_submitted and not was_submitted:
        publish(AccountConnected(merchant_id))
    return row


def _end(known: ConnectedAccount | None) -> ConnectedAccount | None:
    if known and known.deleted_at is None:
        known.charges_enabled = known.payouts_enabled = False
        known.deleted_at = timezone.now()
        known.save(update_fields=["charges_enabled", "payouts_enabled", "deleted_at"])
    return known
