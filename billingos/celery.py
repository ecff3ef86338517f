"""The worker and its clock: `celery -A billingos worker`, `celery -A billingos beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billingos.settings")

app = Celery("billingos")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "drain-inbox": {
        "task": "billingos.webhooks.tasks.drain_inbox",
        "schedule": float(settings.INBOX_SWEEP_SECONDS),
    },
    "resume-backfills": {"task": "billingos.backfill.tasks.resume_backfills", "schedule": 30.0},
    "resume-write-intents": {"task": "billingos.merchants.tasks.resume_write_intents", "schedule": 30.0},
    "prune-write-intents": {"task": "billingos.merchants.tasks.prune_write_intents", "schedule": 3600.0},
    "prune-inbox": {"task": "billingos.webhooks.tasks.prune_inbox", "schedule": 3600.0},
    "prune-idempotency-records": {
        "task": "billingos.api.tasks.prune_idempotency_records",
        "schedule": 3600.0,
    },
    "prune-portal-sessions": {"task": "customers.tasks.prune_portal_sessions", "schedule": 3600.0},
    "follow-versions": {"task": "entitlements.tasks.follow_versions", "schedule": 60.0},
    "expire-checkouts": {"task": "subscriptions.tasks.expire_checkouts", "schedule": 60.0},
    "reconcile-due": {"task": "billingos.reconciliation.tasks.reconcile_due", "schedule": 300.0},
    "prune-reconciliations": {"task": "billingos.reconciliation.tasks.prune_reconciliations", "schedule": 3600.0},
    "wake-migrations": {"task": "subscriptions.tasks.wake_migrations", "schedule": 30.0},
    "make-usage-partitions": {"task": "usage.tasks.make_partitions", "schedule": 24 * 3600.0},
}
if settings.DEMO_MODE:
    app.conf.beat_schedule["follow-the-wall"] = {"task": "billingos.demo.tasks.follow_the_wall", "schedule": 300.0}
# A sweep that nobody took before the next one is of no use: a dead worker must not come back to a heap of them.
for entry in app.conf.beat_schedule.values():
    entry["options"] = {"expires": entry["schedule"]}


@setup_logging.connect
def use_our_logging(**_: Any) -> None:
    """Celery would set up handlers of its own; Django has done so."""
