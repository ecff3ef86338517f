"""Celery: backfills."""

from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billingos.backfill.selectors import unfinished_backfills
from billingos.backfill.services import work_off_backfill
from billingos.common.errors import BillingError
from billingos.merchants.selectors import get_merchant

log = structlog.get_logger(__name__)
SLICE = 20.0  # seconds that one task takes from a worker


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
    """Every backfill that has something left to do, whatever became of the worker that was at it."""
    for merchant_id in unfinished_backfills():
        backfill.delay(str(merchant_id))


def wake_backfill(merchant_id: UUID) -> None:
    """Asks a worker to go on. Without Redis the sweep does it, later."""
    try:
        backfill.apply_async((str(merchant_id),), retry=False, ignore_result=True)
    except (RedisError, OperationalError):
        log.warning("backfill_not_woken", merchant=str(merchant_id))
