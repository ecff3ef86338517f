"""Celery: drain when woken, and every few seconds whatever a lost wake-up left."""

import time

from celery import shared_task

from billingos.webhooks.drainer import BATCH, drain
from billingos.webhooks.services import forget_old_events
from billingos.webhooks.wakeup import drainer_is_awake

# Stripe tells of one payment in several events, a moment after each other. Taken together, they are one question.
LINGER = 0.05  # seconds


@shared_task
def drain_inbox() -> None:
    """Works until the inbox is empty."""
    time.sleep(LINGER)
    drainer_is_awake()
    while drain() == BATCH:
        pass


@shared_task
def prune_inbox() -> None:
    forget_old_events()
