"""Comparing a merchant's rows with Stripe, and making them equal: Stripe wins."""

import time
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from billingos.common.errors import BillingError, Conflict, Unavailable
from billingos.common.locks import held
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.reconciliation.comparing import Comparer
from billingos.reconciliation.models import ReconciliationRun
from billingos.reconciliation.walking import Walk
from billingos.stripe_gateway.client import options_for

log = structlog.get_logger(__name__)

Kind = ReconciliationRun.Kind
Status = ReconciliationRun.Status
OVERLAP = timedelta(minutes=10)  # with the run before: clocks differ, and Stripe's lists lag
FIRST_SPAN = timedelta(days=1)  # of an incremental run without one before it
RESUMABLE_FOR = timedelta(days=1)


def reconcile(
    *, merchant: Merchant, kind: str = Kind.FULL, dry_run: bool = False, seconds: float | None = None
) -> ReconciliationRun:
    """Compares the merchant's rows with Stripe, and unless it is a `dry_run` repairs what differs.

    Goes on with a run of the same kind that was left off, if there is one. After `seconds` it leaves off itself: its
    status is `running` then, and a later call goes on. Raises Conflict while another process is at it, and a
    BillingError where Stripe cannot be asked.
    """
    options_for(merchant)
    with held(f"reconcile/{merchant.id}") as mine:
        if not mine:
            raise Conflict("A reconciliation of this account is under way.", code="reconciliation_running")
        run = begin_run(merchant=merchant, kind=kind, dry_run=dry_run)
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            if Walk(Comparer(merchant, run), deadline).go():
                _finish(run)
        except BillingError as error:
            _note_error(run, error)
            raise
    return run


def begin_run(*, merchant: Merchant, kind: str, dry_run: bool) -> ReconciliationRun:
    """The run of this kind that was left off, else a new one. What was left off too long ago has failed."""
    now = timezone.now()
    with scope(merchant.id):
        running = ReconciliationRun.objects.for_merchant(merchant.id).filter(status=Status.RUNNING)
        stale = running.filter(started_at__lt=now - RESUMABLE_FOR)
        stale.update(status=Status.FAILED, finished_at=now, error="It was left off, and nobody went on with it.")
        found = running.filter(kind=kind, dry_run=dry_run).order_by("-id").first()
        if found:
            return found
        since = _since(merchant) if kind == Kind.INCREMENTAL else None
        return ReconciliationRun.objects.create(
            merchant=merchant, kind=kind, dry_run=dry_run, since=since, started_at=now
        )


def _since(merchant: Merchant) -> datetime:
    rows = ReconciliationRun.objects.for_merchant(merchant.id).filter(status=Status.FINISHED, dry_run=False)
    last = rows.order_by("-started_at").values_list("started_at", flat=True).first()
    return last - OVERLAP if last else timezone.now() - FIRST_SPAN


def _finish(run: ReconciliationRun) -> None:
    with scope(run.merchant_id):
        run.status, run.finished_at, run.error, run.cursor = Status.FINISHED, timezone.now(), "", {}
        run.save(update_fields=["status", "finished_at", "error", "cursor"])
    log.info(
        "reconciled",
        merchant=str(run.merchant_id),
        kind=run.kind,
        dry_run=run.dry_run,
        checked=run.checked_count,
        drifts=run.drift_count,
    )


def _note_error(run: ReconciliationRun, error: BillingError) -> None:
    """While Stripe is away the run waits, to be gone on with; what will fail again has failed."""
    with scope(run.merchant_id):
        run.error = f"{error.code}: {error.message}"
        if not isinstance(error, Unavailable):
            run.status, run.finished_at = Status.FAILED, timezone.now()
        run.save(update_fields=["error", "status", "finished_at"])
