"""Celery: moving subscribers; expiring checkout sessions."""

from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from billingos.common.errors import BillingError
from billingos.merchants.selectors import get_merchant
from subscriptions.services.checkouts import expire_old_checkouts
from subscriptions.services.moves import unfinished, work_off

log = structlog.get_logger(__name__)


@shared_task
def expire_checkouts() -> None:
    expire_old_checkouts()


@shared_task
def move_subscribers(merchant_id: str, migration_id: str) -> None:
    """A chunk of a migration's steps; then the next one, so that no task is long."""
    try:
        more = work_off(merchant=get_merchant(UUID(merchant_id)), migration_id=UUID(migration_id))
    except BillingError as error:
        log.warning("migration_waits", migration=migration_id, code=error.code, reason=error.message)
        return
    if more:
        wake_migration(UUID(merchant_id), UUID(migration_id))


@shared_task
def wake_migrations() -> None:
    """Every migration that has something left to do, whatever became of the worker that was at it."""
    for merchant_id, migration_id in unfinished():
        move_subscribers.delay(str(merchant_id), str(migration_id))


def wake_migration(merchant_id: UUID, migration_id: UUID) -> None:
    """Asks a worker to go on. Without Redis the sweep does it, later."""
    try:
        move_subscribers.apply_async((str(merchant_id), str(migration_id)), retry=False, ignore_result=True)
    except (RedisError, OperationalError):
        log.warning("migration_not_woken", migration=str(migration_id))
