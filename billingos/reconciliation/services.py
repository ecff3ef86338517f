"""Comparing a merchant's rows with Stripe, and making them equal: Stripe wins."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from billingos.backfill.selectors import is_importing, unfinished_backfills
from billingos.common.errors import BillingError, Conflict, Unavailable
from billingos.common.locks import held, lock
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import ApiKey, Merchant, User
from billingos.merchants.services import record_audit
from billingos.reconciliation.alerting import alert_of
from billingos.reconciliation.comparing import Comparer
from billingos.reconciliation.models import ComparedObject, Drift, ReconciliationRun
from billingos.reconciliation.walking import Walk
from billingos.stripe_gateway.client import options_for
from billingos.stripe_gateway.traffic import in_background

log = structlog.get_logger(__name__)

Kind = ReconciliationRun.Kind
Status = ReconciliationRun.Status
OVERLAP = timedelta(minutes=10)  # with the run before: clocks differ, and Stripe's lists lag
FIRST_SPAN = timedelta(days=1)  # of an incremental run without one before it
RESUMABLE_FOR = timedelta(days=1)
INTERVAL = timedelta(hours=1)  # between incremental runs
LEFT_OFF = timedelta(minutes=1)  # without a page that was committed: whoever was at it is gone
RETENTION = timedelta(days=90)


def reconcile(*, merchant: Merchant, kind: str = Kind.FULL, dry_run: bool = False) -> ReconciliationRun:
    """Compares the merchant's rows with Stripe, and unless it is a `dry_run` repairs what differs.

    Goes on with a run of the same kind that was left off, if there is one. Raises Conflict while another process is at
    it or the account is being imported, and a BillingError where Stripe cannot be asked: such a run is left off.
    """
    options_for(merchant)
    with held(_name(merchant)) as mine:
        if not mine:
            raise under_way()
        run = begin_run(merchant=merchant, kind=kind, dry_run=dry_run)
        _work(merchant, run, None)
    return run


def go_on(*, merchant: Merchant, run_id: UUID, seconds: float) -> bool:
    """Works at a run for so long; whether more is to be done. Nothing is while another process is at it, or after its
    end. Raises a BillingError where Stripe cannot be asked."""
    with held(_name(merchant)) as mine:
        with scope(merchant.id):
            run = ReconciliationRun.objects.for_merchant(merchant.id).filter(id=run_id, status=Status.RUNNING).first()
            waits = is_importing(merchant.id)
        if not mine or run is None or waits:
            return False
        _work(merchant, run, time.monotonic() + seconds)
    return run.status == Status.RUNNING


def _name(merchant: Merchant) -> str:
    return f"reconcile/{merchant.id}"


def _work(merchant: Merchant, run: ReconciliationRun, deadline: float | None) -> None:
    try:
        with in_background():
            ended = Walk(Comparer(merchant, run), deadline).go()
        if ended:
            _finish(run)
    except BillingError as error:
        _note_error(run, error)
        raise


def request_run(
    *,
    merchant: Merchant,
    kind: str = Kind.FULL,
    dry_run: bool = False,
    by: User | None = None,
    api_key: ApiKey | None = None,
) -> ReconciliationRun:
    """A run that a worker takes up soon. Raises Conflict while one is under way, NotConnected without a Stripe
    account."""
    options_for(merchant)
    with scope(merchant.id):
        lock([f"reconciliation/{merchant.id}"])
        fresh = timezone.now() - RESUMABLE_FOR
        running = ReconciliationRun.objects.for_merchant(merchant.id).filter(status=Status.RUNNING)
        if running.filter(updated_at__gte=fresh).exists():
            raise under_way()
        run = begin_run(merchant=merchant, kind=kind, dry_run=dry_run)
        record_audit(
            merchant_id=merchant.id,
            action="reconciliation.requested",
            target=f"reconciliation {run.id}",
            user=by,
            api_key=api_key,
            details={"kind": run.kind, "dry_run": run.dry_run},
        )
    return run


def under_way() -> Conflict:
    return Conflict("A reconciliation of this account is under way.", code="reconciliation_running")


def due() -> list[tuple[UUID, str, bool]]:
    """(merchant, kind, dry run) of what a worker should take up: what was left off, the nightly run, the hourly one."""
    now = timezone.now()
    night = now.replace(hour=settings.RECONCILE_FULL_HOUR, minute=0, second=0, microsecond=0)
    night = night if night <= now else night - timedelta(days=1)
    found: list[tuple[UUID, str, bool]] = []
    importing = set(unfinished_backfills())
    with platform_scope():
        connected = Q(is_platform_account=True) | Q(stripe_account_id__isnull=False)
        merchants = Merchant.objects.filter(connected, status=Merchant.Status.ACTIVE)
        running: dict[UUID, list[ReconciliationRun]] = defaultdict(list)
        alive = ReconciliationRun.objects.filter(status=Status.RUNNING, updated_at__gte=now - RESUMABLE_FOR)
        for run in alive.defer("cursor", "checked").order_by("id"):
            running[run.merchant_id].append(run)
        begun: dict[UUID, dict[str, datetime]] = defaultdict(dict)
        lately = ReconciliationRun.objects.filter(dry_run=False, started_at__gte=now - 2 * RESUMABLE_FOR)
        for merchant_id, kind, at in lately.values_list("merchant_id", "kind").annotate(Max("started_at")):
            begun[merchant_id][kind] = at
        for merchant_id, made_at in merchants.order_by("id").values_list("id", "created_at"):
            if merchant_id in importing:  # what has not come yet is no drift
                continue
            since = {kind: begun[merchant_id].get(kind, made_at) for kind in Kind.values}
            found += [(merchant_id, *wanted) for wanted in _due(running[merchant_id], since, night, now)]
    return found


def _due(
    running: Sequence[ReconciliationRun], begun: dict[str, datetime], night: datetime, now: datetime
) -> Iterator[tuple[str, bool]]:
    """`begun`: when the latest of each kind began; a merchant's first night and hour begin with it. A run that moves is
    left to those who are at it, and the hourly one does not wait for the end of a long night's."""
    for run in running:
        if run.updated_at < now - LEFT_OFF:
            yield run.kind, run.dry_run
    runs = {run.kind for run in running}
    if Kind.FULL not in runs and begun[Kind.FULL] < night:
        yield Kind.FULL, False
    elif Kind.INCREMENTAL not in runs and max(begun.values()) < now - INTERVAL:
        yield Kind.INCREMENTAL, False


def forget_old_runs() -> int:
    """Deletes runs older than 90 days with their drifts; returns how many runs. Digests of objects that no run has
    found equal for as long go too."""
    before = timezone.now() - RETENTION
    with platform_scope():
        ComparedObject.objects.filter(updated_at__lt=before).delete()
        old = ReconciliationRun.objects.filter(started_at__lt=before).exclude(status=Status.RUNNING)
        Drift.objects.filter(run__in=old).delete()
        return old.delete()[0]


def begin_run(*, merchant: Merchant, kind: str, dry_run: bool) -> ReconciliationRun:
    """The run of this kind that was left off, else a new one. What was left off too long ago has failed. Raises
    Conflict while the account is being imported: what has not come yet is no difference."""
    now = timezone.now()
    with scope(merchant.id):
        if is_importing(merchant.id):
            raise Conflict("The account is being imported. Compare it afterwards.", code="backfill_running")
        running = ReconciliationRun.objects.for_merchant(merchant.id).filter(status=Status.RUNNING)
        stale = running.filter(updated_at__lt=now - RESUMABLE_FOR)
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
        run.alert = alert_of(run)
        run.save(update_fields=["status", "finished_at", "error", "cursor", "alert"])
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
