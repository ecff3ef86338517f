"""Imports of existing accounts, for Prometheus."""

from collections.abc import Iterator

from django.db.models import Count, Q
from prometheus_client.core import Metric

from billingos.backfill.models import Backfill
from billingos.common.metrics import gauge, measures
from billingos.common.tenancy import platform_scope


@measures("backfills")
def backfills() -> Iterator[Metric]:
    with platform_scope():
        running = Q(status=Backfill.Status.RUNNING)
        found = Backfill.objects.aggregate(
            running=Count("id", filter=running), stuck=Count("id", filter=running & Q(attempts__gt=1))
        )
    yield gauge("backfills_running", "Imports of existing accounts under way.", found["running"])
    yield gauge("backfills_stuck", "Of these, those that failed more than once without getting on.", found["stuck"])
