"""Celery: entitlements that follow a version."""

from uuid import UUID

from celery import shared_task

from billingos.merchants.selectors import get_merchant
from entitlements.following import follow, unfinished, wake


@shared_task
def follow_version(merchant_id: str, version_id: str) -> None:
    """A chunk; then the next one, so that no task is long."""
    if follow(merchant=get_merchant(UUID(merchant_id)), version_id=UUID(version_id)):
        wake(UUID(merchant_id), UUID(version_id))


@shared_task
def follow_versions() -> None:
    """Whatever a lost wake-up or a dead worker has left."""
    for merchant_id, version_id in unfinished():
        wake(merchant_id, version_id)
