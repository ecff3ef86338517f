"""Look-ups that come before a tenant is known: by key, by Stripe account, by member."""

from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from billingos.common.errors import NotFound
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import ApiKey, BillingSettings, Membership, Merchant, User
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


def api_keys(merchant_id: UUID) -> QuerySet[ApiKey]:
    return ApiKey.objects.for_merchant(merchant_id).order_by("-id")
