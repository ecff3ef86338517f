"""How far imports are."""

from datetime import datetime
from uuid import UUID

from billingos.backfill.models import Backfill
from billingos.common.tenancy import platform_scope


def latest_backfill(merchant_id: UUID) -> Backfill | None:
    """Inside the merchant's scope."""
    return Backfill.objects.for_merchant(merchant_id).order_by("-id").first()


def unfinished_backfills() -> list[UUID]:
    """The merchants whose backfills have something left to do."""
    with platform_scope():
        rows = Backfill.objects.filter(status=Backfill.Status.RUNNING).order_by("id")
        return list(rows.values_list("merchant_id", flat=True))


def is_importing(merchant_id: UUID) -> bool:
    """Whether the merchant's account is being imported. Inside its scope."""
    return Backfill.objects.for_merchant(merchant_id).filter(status=Backfill.Status.RUNNING).exists()


def stalled_backfills(since: datetime) -> list[UUID]:
    """The merchants whose backfills have not got on since then: whoever was at them is gone, or waits."""
    with platform_scope():
        rows = Backfill.objects.filter(status=Backfill.Status.RUNNING, updated_at__lt=since).order_by("id")
        return list(rows.values_list("merchant_id", flat=True))
