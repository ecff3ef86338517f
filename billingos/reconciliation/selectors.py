"""Reading what reconciliation has found."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from billingos.reconciliation.models import Drift, ReconciliationRun


def runs(merchant_id: UUID) -> QuerySet[ReconciliationRun]:
    """The merchant's runs, newest first. Inside its scope."""
    return ReconciliationRun.objects.for_merchant(merchant_id).order_by("-id")


def drifts(merchant_id: UUID, **which: Any) -> QuerySet[Drift]:
    """The merchant's drifts, newest first; `which` narrows them, such as `run=run`. Inside its scope."""
    return Drift.objects.for_merchant(merchant_id).filter(**which).order_by("-id")


def standing_alert(merchant_id: UUID) -> ReconciliationRun | None:
    """The newest run that found something, while too much was found within an hour. Inside the merchant's scope."""
    finished = runs(merchant_id).filter(status=ReconciliationRun.Status.FINISHED, dry_run=False)
    last = finished.defer("cursor", "checked").first()
    if last is None or not last.alert:
        return None
    return last if last.drift_count else finished.filter(drift_count__gt=0).defer("cursor", "checked").first()
