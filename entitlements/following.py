"""Entitlements of all who are on a version, after what it includes has changed: in the background, chunk by chunk.

`ProductVersion.refreshed_through` remembers how far it has got, so that a worker that dies is followed by another.
"""

from uuid import UUID

import structlog
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billingos.common.locks import held, lock, lock_key
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from entitlements.services import refresh_entitlements
from subscriptions.models import ProductVersion, SubscriptionItem
from subscriptions.selectors import ENDED

log = structlog.get_logger(__name__)

CHUNK = 200  # subscriptions of one task
START = UUID(int=0)


def has_to_follow(*, merchant_id: UUID, version_id: UUID) -> bool:
    """Notes that everybody on the version is to be looked at; False if nobody is. Inside the merchant's scope."""
    if not _subscriptions(merchant_id, version_id, START):
        return False
    ProductVersion.objects.for_merchant(merchant_id).filter(id=version_id).update(refreshed_through=START)
    return True


def unfinished(limit: int = 100) -> list[tuple[UUID, UUID]]:
    """(merchant id, version id) of those whose subscribers have not all followed."""
    with platform_scope():
        rows = ProductVersion.objects.filter(refreshed_through__isnull=False)
        return list(rows.order_by("id").values_list("merchant_id", "id")[:limit])


def follow(*, merchant: Merchant, version_id: UUID, limit: int = CHUNK) -> bool:
    """Makes the entitlements of up to `limit` subscriptions say what the version includes; whether more are left."""
    with held(f"follow/{version_id}") as mine:
        if not mine:
            return False
        with scope(merchant.id):
            rows = ProductVersion.objects.for_merchant(merchant.id).filter(id=version_id)
            seen = rows.values_list("refreshed_through", flat=True).get()
            found = [] if seen is None else _subscriptions(merchant.id, version_id, seen, limit)
        for subscription_id, customer in found:
            with scope(merchant.id):  # the same lock as whoever applies what Stripe says of this customer
                lock([lock_key(merchant.stripe_account_id, {"customer": customer})])
                refresh_entitlements(merchant_id=merchant.id, subscription_id=subscription_id)
        with scope(merchant.id):  # unless it has changed again meanwhile, which begins anew
            rows.filter(refreshed_through=seen).update(refreshed_through=found[-1][0] if found else None)
            return rows.filter(refreshed_through__isnull=False).exists()


def _subscriptions(merchant_id: UUID, version_id: UUID, after: UUID, limit: int = 1) -> list[tuple[UUID, str]]:
    """(id, Stripe id of the customer) of the next ones on the version that have not ended."""
    items = SubscriptionItem.objects.for_merchant(merchant_id).filter(version=version_id, subscription_id__gt=after)
    rows = items.exclude(subscription__status__in=ENDED).order_by("subscription_id")
    return list(rows.values_list("subscription_id", "subscription__customer__stripe_id").distinct()[:limit])


def wake(merchant_id: UUID, version_id: UUID) -> None:
    """Asks a worker to go on. Without Redis the sweep does it, later."""
    from entitlements.tasks import follow_version  # the task module imports this one

    try:
        follow_version.apply_async((str(merchant_id), str(version_id)), retry=False, ignore_result=True)
    except (RedisError, OperationalError):
        log.warning("version_not_woken", version=str(version_id))
