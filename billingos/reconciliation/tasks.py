"""Celery: runs of reconciliation, a few seconds of each at a time, so that the inbox never waits long for a worker."""

from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billingos.common.errors import BillingError
from billingos.merchants.selectors import get_merchant
from billingos.reconciliation.services import begin_run, due, forget_old_runs, go_on

log = structlog.get_logger(__name__)

SECONDS = 5


@shared_task
def reconcile_merchant(merchant_id: str, run_id: str) -> None:
    """A part of a run; then the next one."""
    try:
        more = go_on(merchant=get_merchant(UUID(merchant_id)), run_id=UUID(run_id), seconds=SECONDS)
    except BillingError as error:  # while Stripe is away: the sweep comes back to it
        log.warning("reconciliation_waits", merchant=merchant_id, code=error.code, reason=error.message)
        return
    if more:
        wake(UUID(merchant_id), UUID(run_id))


@shared_task
def reconcile_due() -> None:
    """Whatever is due, or was left off by a worker that died."""
    for merchant_id, kind, dry_run in due():
        wake(merchant_id, begin_run(merchant=get_merchant(merchant_id), kind=kind, dry_run=dry_run).id)


@shared_task
def prune_reconciliations() -> None:
    forget_old_runs()


def wake(merchant_id: UUID, run_id: UUID) -> None:
    """Asks a worker to go on. Without Redis the sweep does it, later."""
    try:
        reconcile_merchant.apply_async((str(merchant_id), str(run_id)), retry=False, ignore_result=True)
    except (RedisError, OperationalError):
        log.warning("reconciliation_not_woken", merchant=str(merchant_id))
