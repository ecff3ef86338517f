"""The merchant's Stripe account: made, taken through Stripe's onboarding, looked at again."""

from copy import copy
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from billingos.common.errors import Conflict
from billingos.common.locks import held
from billingos.common.tenancy import scope
from billingos.merchants.models import ConnectedAccount, Merchant, User
from billingos.merchants.services.audit import record_audit
from billingos.stripe_gateway.accounts import create_account, create_account_link
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.operations import retrieve
from billingos.stripe_gateway.settling import settle


def start_onboarding(*, merchant: Merchant, by: User, refresh_url: str, return_url: str) -> str:
    """The address at Stripe where `by` goes on with the merchant's account, which is made if there is none yet.

    The address works once and soon: send the person there at once. Raises Conflict for a merchant that is the
    platform's own account, and a BillingError for Stripe's refusal.
    """
    if merchant.is_platform_account:
        raise Conflict("This business uses the platform's own Stripe account: there is nothing to connect.")
    account = merchant.stripe_account_id or _open_account(merchant, by)
    url = create_account_link(account=account, refresh_url=refresh_url, return_url=return_url)
    with scope(merchant.id):
        record_audit(merchant_id=merchant.id, action="connect.started", target=f"account {account}", user=by)
    return url


def _open_account(merchant: Merchant, by: User) -> str:
    """The merchant's new account, also when two people ask at once or the first try died before it was noted down."""
    with held(f"connect/{merchant.id}") as mine:
        if not mine:
            raise Conflict("Somebody else is connecting this business right now. Try again in a moment.")
        with scope(merchant.id):
            merchant.refresh_from_db(fields=["stripe_account_id"])
        if merchant.stripe_account_id is None:
            key = f"account-{merchant.id}-{merchant.country}-{by.id}"
            _note_account(merchant, create_account(email=by.email, country=merchant.country, key=key), by)
    refresh_account(merchant=merchant)
    return str(merchant.stripe_account_id)


def _note_account(merchant: Merchant, account: str, by: User) -> None:
    with scope(merchant.id):
        merchant.stripe_account_id = account
        merchant.save(update_fields=["stripe_account_id"])
        details = {"country": merchant.country}
        record_audit(
            merchant_id=merchant.id,
            action="connect.account_created",
            target=f"account {account}",
            user=by,
            details=details,
        )


def refresh_account(*, merchant: Merchant) -> ConnectedAccount:
    """Asks Stripe how the merchant's account stands; one that was disconnected and answers is connected again. Raises
    NotConnected where there is none, or where Stripe does not let us in."""
    if merchant.stripe_account_id is None:
        raise NotConnected("Connect a Stripe account first.")
    trying = copy(merchant)
    trying.deauthorized_at = None
    # Access first: what reacts to an account that is ready wants to use it.
    if merchant.deauthorized_at and not retrieve(trying, "account", merchant.stripe_account_id).get("deleted"):
        with scope(merchant.id):
            note_access(merchant_id=merchant.id, allowed=True, at=timezone.now())
        merchant.deauthorized_at = None
    account: ConnectedAccount | None = settle(trying, "account", merchant.stripe_account_id).row
    if account is None:
        raise NotConnected("Stripe does not know this account, or does not let us in.")
    return account


def note_access(*, merchant_id: UUID, allowed: bool, at: datetime) -> None:
    """Whether the owner of the merchant's account lets us use it, as of `at`; older word than what is known is passed
    over. Without access no data are touched: reading goes on, Stripe is called no more. Inside the scope."""
    merchant = Merchant.objects.select_for_update(no_key=True).get(id=merchant_id)
    if merchant.is_platform_account or (merchant.access_known_at and at <= merchant.access_known_at):
        return
    was_allowed = merchant.deauthorized_at is None
    merchant.access_known_at, merchant.deauthorized_at = at, None if allowed else at
    merchant.save(update_fields=["access_known_at", "deauthorized_at"])
    if allowed != was_allowed:
        action = "connect.resumed" if allowed else "connect.ended"
        record_audit(merchant_id=merchant_id, action=action, target=f"account {merchant.stripe_account_id}")
