"""Celery: drain when woken, and every few seconds whatever a lost wake-up left."""

from celery import shared_task

from billingos.webhooks.drainer import BATCH, drain
from billingos.webhooks.services import forget_old_events
from billingos.webhooks.wakeup import drainer_is_awake


@shared_task
def drain_inbox() -> None:
    """Works until the inbox is empty."""
    drainer_is_awake()
    while drain() == BATCH:
        pass


@shared_task
def prune_inbox() -> None:
    forget_old_events()
