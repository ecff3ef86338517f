"""Look-ups that come before a tenant is known (by key, Stripe account, member, invitation); a merchant's own team, keys
and audit log."""

from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from billingos.common.errors import NotFound
from billingos.common.locks import share
from billingos.common.readahead import remembered
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import (
    ApiKey,
    AuditEntry,
    BillingSettings,
    Branding,
    ConnectedAccount,
    Invitation,
    Membership,
    Merchant,
    User,
)
from billingos.merchants.services import key_digest

LAST_USED_GRAIN = timedelta(minutes=1)  # how exactly the last use of a key is known


def authenticate_key(plain: str) -> ApiKey | None:
    """The live key that `plain` is, with its active merchant, or None; notes its use, at most once a minute."""
    now = timezone.now()
    with platform_scope():
        key = (
            ApiKey.objects.select_related("merchant")
            .filter(digest=key_digest(plain), revoked_at=None, merchant__status=Merchant.Status.ACTIVE)
            .filter(Q(expires_at=None) | Q(expires_at__gt=now))
            .first()
        )
        if key and (key.last_used_at is None or now - key.last_used_at > LAST_USED_GRAIN):
            ApiKey.objects.filter(id=key.id).update(last_used_at=now)
    return key


def merchant_of_account(account: str | None) -> Merchant | None:
    """The merchant behind a Stripe account; None stands for the platform account itself."""
    with platform_scope():
        if account is None:
            return Merchant.objects.filter(is_platform_account=True).first()
        return Merchant.objects.filter(stripe_account_id=account).first()


def get_merchant(merchant_id: UUID) -> Merchant:
    """Raises NotFound."""
    with platform_scope():
        merchant = Merchant.objects.filter(id=merchant_id).first()
    if merchant is None:
        raise NotFound("No such merchant.")
    return merchant


def merchant_in_scope(merchant_id: UUID) -> Merchant:
    """The merchant whose scope is open."""
    return Merchant.objects.get(id=merchant_id)


def memberships_of(user: User) -> list[Membership]:
    """The merchants a person works for, by name."""
    with platform_scope():
        return list(Membership.objects.select_related("merchant").filter(user=user).order_by("merchant__name", "id"))


def membership_in(user: User, slug: str) -> Membership:
    """The person's membership in the merchant `slug`. Raises NotFound, also when the merchant exists."""
    with platform_scope():
        found = (
            Membership.objects.select_related("merchant")
            .filter(user=user, merchant__slug=slug, merchant__status=Merchant.Status.ACTIVE)
            .first()
        )
    if found is None:
        raise NotFound("No such merchant, or you do not work for it.")
    return found


def settings_of(merchant_id: UUID) -> BillingSettings:
    """The merchant's billing settings; inside its scope."""
    return BillingSettings.objects.for_merchant(merchant_id).get()


def rules_in_force(merchant_id: UUID) -> BillingSettings:
    """The same for whoever writes rows by them: who would change them waits for the end of this transaction, and so
    calculates anew what was written by the old ones."""

    def find() -> BillingSettings:
        share(BillingSettings.key(merchant_id))
        return settings_of(merchant_id)

    return remembered(("rules", merchant_id), find)


def api_keys(merchant_id: UUID, *, state: str | None = None) -> QuerySet[ApiKey]:
    """The merchant's keys, newest first; `state` is live, expired or revoked. Inside the scope."""
    rows = ApiKey.objects.for_merchant(merchant_id).select_related("created_by").order_by("-id")
    now = timezone.now()
    match state:
        case "revoked":
            return rows.exclude(revoked_at=None)
        case "expired":
            return rows.filter(revoked_at=None, expires_at__lte=now)
        case "live":
            return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    return rows


def members(merchant_id: UUID, *, search: str = "", role: str | None = None) -> QuerySet[Membership]:
    """The team with its people, by e-mail; inside the merchant's scope."""
    rows = Membership.objects.for_merchant(merchant_id).select_related("user").order_by("user__email")
    if search:
        rows = rows.filter(Q(user__email__icontains=search) | Q(user__name__icontains=search))
    return rows.filter(role=role) if role else rows


def live_keys_by(merchant_id: UUID, user_id: UUID) -> QuerySet[ApiKey]:
    """Keys that this person has created and that work; inside the merchant's scope."""
    return api_keys(merchant_id, state="live").filter(created_by_id=user_id)


def open_invitations(merchant_id: UUID) -> QuerySet[Invitation]:
    """Those neither accepted nor withdrawn, the expired ones among them; inside the merchant's scope."""
    rows = Invitation.objects.for_merchant(merchant_id).filter(accepted_at=None, revoked_at=None)
    return rows.select_related("merchant", "invited_by").order_by("email")


def invitation_of_token(token: str) -> Invitation:
    """The invitation behind a link, in whatever state, with its merchant. Raises NotFound, also when the merchant is
    suspended."""
    with platform_scope():
        rows = Invitation.objects.select_related("merchant", "invited_by").filter(digest=key_digest(token))
        found = rows.filter(merchant__status=Merchant.Status.ACTIVE).first()
    if found is None:
        raise NotFound("No such invitation.")
    return found


def connected_account(merchant: Merchant) -> ConnectedAccount | None:
    """What Stripe has last said of the merchant's account; None if it was not asked yet. Inside the scope."""
    rows = ConnectedAccount.objects.for_merchant(merchant.id)
    return rows.filter(stripe_id=merchant.stripe_account_id or "").first()


def audit_entries(merchant_id: UUID, *, action: str | None = None, search: str = "") -> QuerySet[AuditEntry]:
    """What was done for the merchant, by whom; `action` is a whole action or its first part (`member`), `search` a part
    of an address, of what it was done to, or a request id. Inside the scope."""
    rows = AuditEntry.objects.filter(merchant_id=merchant_id).select_related("user", "api_key").order_by("-id")
    if action:
        rows = rows.filter(Q(action=action) | Q(action__startswith=f"{action}."))
    if search:
        people = Q(user__email__icontains=search) | Q(details__email__icontains=search)
        rows = rows.filter(people | Q(target__icontains=search) | Q(request_id=search))
    return rows


def branding_of(merchant_id: UUID) -> Branding:
    """Inside the merchant's scope."""
    return Branding.objects.for_merchant(merchant_id).get()
