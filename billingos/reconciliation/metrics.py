"""Reconciliation, for Prometheus."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Q, Sum
from django.utils import timezone
from prometheus_client.core import Metric

from billingos.common.metrics import gauge, measures
from billingos.common.tenancy import platform_scope
from billingos.reconciliation.models import ReconciliationRun

LATELY = timedelta(hours=1)


@measures("reconciliation")
def reconciliation() -> Iterator[Metric]:
    status = ReconciliationRun.Status
    with platform_scope():
        begun = ReconciliationRun.objects.filter(started_at__gte=timezone.now() - LATELY, dry_run=False)
        found = begun.aggregate(
            drifts=Sum("drift_count", default=0), failed=Count("id", filter=Q(status=status.FAILED))
        )
        running = ReconciliationRun.objects.filter(status=status.RUNNING).count()
    yield gauge("reconciliation_drifts", "Differences found by runs that began in the last hour.", found["drifts"])
    yield gauge("reconciliation_failed", "Runs that began in the last hour and failed.", found["failed"])
    yield gauge("reconciliation_running", "Runs under way, or left off.", running)
