"""Celery: backfills."""

from datetime import timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billingos.backfill.selectors import stalled_backfills
from billingos.backfill.services import work_off_backfill
from billingos.common.errors import BillingError
from billingos.merchants.selectors import get_merchant

log = structlog.get_logger(__name__)
SLICE = 5.0  # seconds that one task takes from a worker
LEFT_OFF = timedelta(seconds=30)


@shared_task
def backfill(merchant_id: str) -> None:
    """A slice of the merchant's backfill; then the next one, so that no task is long."""
    try:
        more = work_off_backfill(merchant=get_merchant(UUID(merchant_id)), seconds=SLICE)
    except BillingError as error:
        log.warning("backfill_waits", merchant=merchant_id, reason=error.message)
        return
    if more:
        wake_backfill(UUID(merchant_id))


@shared_task
def resume_backfills() -> None:
    """Every backfill that has not got on lately, whatever became of the worker that was at it."""
    for merchant_id in stalled_backfills(timezone.now() - LEFT_OFF):
        wake_backfill(merchant_id)


def wake_backfill(merchant_id: UUID) -> None:
    """Asks a worker to go on. Without Redis the sweep does it, later."""
    try:
        backfill.apply_async((str(merchant_id),), retry=False, ignore_result=True, expires=300)
    except (RedisError, OperationalError):
        log.warning("backfill_not_woken", merchant=str(merchant_id))
