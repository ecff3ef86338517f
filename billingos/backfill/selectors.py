"""How far imports are."""

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
