"""Backfills: begun once, worked off by whoever comes, resumed where the last worker stopped."""

import time
from collections.abc import Callable, Iterator

import structlog
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from billingos.backfill.history import read_history, store_events
from billingos.backfill.inference import infer_histories
from billingos.backfill.models import Backfill
from billingos.backfill.stages import EVENTS, HISTORY, INFERENCE, STAGES, Portion, following
from billingos.backfill.walk import walk
from billingos.common.errors import BillingError, StripeUnavailable
from billingos.common.locks import held
from billingos.common.tenancy import scope
from billingos.merchants.models import ApiKey, Merchant, User
from billingos.merchants.services import record_audit
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.settling import settle
from billingos.stripe_gateway.traffic import in_background

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 50  # failures without any progress in between
MOST_PROBLEMS = 100  # that are kept by name
Status = Backfill.Status
Told = Callable[[Backfill], None]


def start_backfill(*, merchant: Merchant, by: User | None = None, api_key: ApiKey | None = None) -> Backfill:
    """The merchant's backfill that runs; a new one where none does. Raises NotConnected."""
    if not merchant.is_connected:
        raise NotConnected("Connect a Stripe account first.")
    with scope(merchant.id):
        row, created = Backfill.objects.get_or_create(
            merchant_id=merchant.id, status=Status.RUNNING, defaults={"stage": STAGES[0]}
        )
        if created and (by or api_key):
            target = f"backfill {row.id}"
            record_audit(merchant_id=merchant.id, action="backfill.started", target=target, user=by, api_key=api_key)
    return row


def work_off_backfill(*, merchant: Merchant, seconds: float | None = None, told: Told | None = None) -> bool:
    """Goes on with the merchant's backfill for about so many seconds, or until it has ended; whether more is left to do
    now. `told` hears of each step. False too where another process is at it. Raises StripeUnavailable: the next worker
    goes on from there. Outside of any scope."""
    until = None if seconds is None else time.monotonic() + seconds
    with held(f"backfill/{merchant.id}") as mine:
        if not mine:
            return False
        with in_background():
            return _work(merchant, until, told)


def _work(merchant: Merchant, until: float | None, told: Told | None) -> bool:
    while row := _running(merchant):
        for one in _steps(merchant, row):
            _note(row, one)
            if told:
                told(row)
            if until is not None and time.monotonic() >= until:
                return True
        _end_stage(row)
    return False


def _running(merchant: Merchant) -> Backfill | None:
    with scope(merchant.id):
        return Backfill.objects.for_merchant(merchant.id).filter(status=Status.RUNNING).first()


def _steps(merchant: Merchant, row: Backfill) -> Iterator[Portion]:
    """The rest of the present stage. A failure is noted; one that comes again and again ends the backfill."""
    try:
        if row.stage == EVENTS and not row.after and merchant.stripe_account_id:
            settle(merchant, "account", merchant.stripe_account_id)
        yield from _stage(merchant, row)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        _note_failure(row, error)
        raise


def _stage(merchant: Merchant, row: Backfill) -> Iterator[Portion]:
    if row.stage == EVENTS:
        return store_events(merchant, row.leg, row.after)
    if row.stage == HISTORY:
        return read_history(merchant, row.leg, row.after)
    if row.stage == INFERENCE:
        return infer_histories(merchant, row.leg, row.after)
    return walk(merchant, row.stage, row.leg, row.after)


def _note(row: Backfill, done: Portion) -> None:
    row.leg, row.after, row.share = done.leg, done.after, done.share
    row.counts[row.stage] = row.counts.get(row.stage, 0) + done.count
    row.problem_count += len(done.problems)
    named = [
        {"object_type": one.object_type, "stripe_id": one.stripe_id, "reason": one.reason} for one in done.problems
    ]
    row.problems = (row.problems + named)[:MOST_PROBLEMS]
    row.attempts, row.error = 0, ""
    _save(row, "leg", "after", "share", "counts", "problems", "problem_count", "attempts", "error")


def _end_stage(row: Backfill) -> None:
    next_stage = following(row.stage)
    row.leg, row.after, row.share = "", "", 0
    if next_stage:
        row.stage = next_stage
    else:
        row.status, row.finished_at, row.share = Status.COMPLETED, timezone.now(), 1
    _save(row, "leg", "after", "share", "stage", "status", "finished_at")


def _note_failure(row: Backfill, error: Exception) -> None:
    message = error.message if isinstance(error, BillingError) else type(error).__name__
    row.attempts += 0 if isinstance(error, StripeUnavailable) else 1  # an outage is nobody's fault
    row.error = message[:500]
    hopeless = isinstance(error, NotConnected) or row.attempts >= MOST_ATTEMPTS
    if hopeless and not isinstance(error, StripeUnavailable):
        row.status, row.finished_at = Status.FAILED, timezone.now()
    log.warning("backfill_stopped", merchant=str(row.merchant_id), stage=row.stage, reason=row.error)
    _save(row, "attempts", "error", "status", "finished_at")


def _save(row: Backfill, *columns: str) -> None:
    with scope(row.merchant_id):
        row.save(update_fields=list(columns))
