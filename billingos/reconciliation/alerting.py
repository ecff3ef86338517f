"""Telling people that too much differs."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from billingos.merchants.models import Membership
from billingos.merchants.services import record_audit
from billingos.reconciliation.models import Drift, ReconciliationRun

log = structlog.get_logger(__name__)

SPAN = timedelta(hours=1)
Alert = ReconciliationRun.Alert
RANKS = {Alert.NONE: 0, Alert.WARNING: 1, Alert.CRITICAL: 2}


def alert_of(run: ReconciliationRun) -> Alert:
    """What the differences of the last hour amount to, or did while the run lasted; told if that was not told already.
    Inside the merchant's scope. What merely waits in the inbox is no reason, nor is a dry run."""
    if run.dry_run:
        return Alert.NONE
    since = timezone.now() - SPAN
    found = Drift.objects.for_merchant(run.merchant_id).filter(found_at__gte=since, run__dry_run=False)
    count = found.exclude(cause=Drift.Cause.EVENT_WAITS).count()
    level = level_of(count)
    others = ReconciliationRun.objects.for_merchant(run.merchant_id).exclude(id=run.id)
    told = [run.alert, *others.filter(updated_at__gte=since).values_list("alert", flat=True)]
    if RANKS[level] > max(RANKS[Alert(one)] for one in told):
        _tell(run, level, count)
    return max(level, Alert(run.alert), key=RANKS.__getitem__)


def level_of(count: int) -> Alert:
    if count >= settings.RECONCILE_CRITICAL_DRIFTS:
        return Alert.CRITICAL
    return Alert.WARNING if count >= settings.RECONCILE_WARNING_DRIFTS else Alert.NONE


def _tell(run: ReconciliationRun, level: Alert, count: int) -> None:
    details = {"level": level.value, "drifts": count}
    say = log.critical if level == Alert.CRITICAL else log.warning
    say("reconciliation_alert", merchant=str(run.merchant_id), alert=level.value, drifts=count)
    record_audit(
        merchant_id=run.merchant_id, action="reconciliation.alert", target=f"reconciliation {run.id}", details=details
    )
    owners = Membership.objects.for_merchant(run.merchant_id).filter(role=Membership.Role.OWNER, user__is_active=True)
    addresses = sorted(owners.values_list("user__email", flat=True))
    url = f"{settings.BASE_URL}/app/{run.merchant.slug}/reconciliation/{run.id}"
    body = render_to_string("reconciliation/alert.txt", {"run": run, "level": level, "count": count, "url": url})

    def send() -> None:
        send_mail(f"{run.merchant.name}: {count} differences from Stripe", body, None, addresses)

    if addresses:  # a mail server that fails changes nothing of the run
        transaction.on_commit(send, robust=True)
